package xmldoc

import (
	"strings"
	"unicode/utf8"
)

// parser reads one document. It is lenient where Flash was: texts may stand outside of the root, there may be several
// roots, and an ampersand that begins no entity stands for itself.
type parser struct {
	document *Document
	options  Options
	text     string // what is left
	at       *Node  // the element that is open
	depth    int
	nodes    int
}

func (p *parser) run() Status {
	p.text = strings.TrimPrefix(p.text, "\ufeff")
	for p.text != "" {
		if status := p.step(); status != OK {
			return status
		}
	}
	if p.at != &p.document.Node {
		return UnclosedElement
	}
	return OK
}

func (p *parser) step() Status {
	switch {
	case p.text[0] != '<':
		return p.characters()
	case strings.HasPrefix(p.text, "<!--"):
		_, ok := p.through("<!--", "-->")
		return unless(ok, UnterminatedComment)
	case strings.HasPrefix(p.text, "<![CDATA["):
		content, ok := p.through("<![CDATA[", "]]>")
		if !ok {
			return UnterminatedCDATA
		}
		return p.add(content[len("<![CDATA[") : len(content)-len("]]>")])
	case strings.HasPrefix(p.text, "<?"):
		return p.instruction()
	case strings.HasPrefix(p.text, "<!"):
		return p.docType()
	case strings.HasPrefix(p.text, "</"):
		return p.end()
	}
	return p.start()
}

func unless(ok bool, status Status) Status {
	if ok {
		return OK
	}
	return status
}

// through takes all that leads up to an end mark, with both marks.
func (p *parser) through(begin, end string) (string, bool) {
	n := strings.Index(p.text[len(begin):], end)
	if n < 0 {
		return "", false
	}
	return p.take(len(begin) + n + len(end)), true
}

func (p *parser) take(n int) string {
	taken := p.text[:n]
	p.text = p.text[n:]
	return taken
}

func (p *parser) characters() Status {
	n := strings.IndexByte(p.text, '<')
	if n < 0 {
		n = len(p.text)
	}
	return p.add(Unescape(p.take(n)))
}

// add makes a text.
func (p *parser) add(text string) Status {
	if text == "" || p.options.IgnoreWhite && strings.TrimLeft(text, white) == "" {
		return OK
	}
	if p.nodes++; p.nodes > p.options.Limits.Nodes {
		return OutOfMemory
	}
	p.at.Append(NewText(text))
	return OK
}

// instruction reads a declaration, which the document keeps, or a processing instruction, which it does not.
func (p *parser) instruction() Status {
	isDeclaration := len(p.text) > 5 && strings.EqualFold(p.text[2:5], "xml") && strings.IndexByte(white+"?", p.text[5]) >= 0
	text, ok := p.through("<?", "?>")
	if !ok {
		return UnterminatedDeclaration
	}
	if isDeclaration {
		p.document.Declaration += text
	}
	return OK
}

// docType reads a document type declaration; what it declares within brackets has tags and quotes of its own.
func (p *parser) docType() Status {
	depth, quote := 0, byte(0)
	for i := 0; i < len(p.text); i++ {
		c := p.text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '<':
			depth++
		case c == '>':
			depth--
		}
		if depth == 0 {
			p.document.DocType = p.take(i + 1)
			return OK
		}
	}
	return UnterminatedDocType
}

func (p *parser) end() Status {
	n := strings.IndexByte(p.text, '>')
	if n < 0 {
		return MalformedElement
	}
	tag := p.take(n + 1)
	name := strings.TrimRight(tag[2:n], white)
	if p.at == &p.document.Node {
		return UnopenedElement
	}
	if strings.EqualFold(p.at.Name, name) {
		p.at = p.at.Parent()
		p.depth--
		return OK
	}
	for open := p.at.Parent(); open != nil; open = open.Parent() {
		if open.Name != "" && strings.EqualFold(open.Name, name) {
			return UnclosedElement
		}
	}
	return UnopenedElement
}

func (p *parser) start() Status {
	n := 1
	for n < len(p.text) && strings.IndexByte(white+"/>", p.text[n]) < 0 {
		n++
	}
	if n == 1 || n == len(p.text) || strings.IndexByte(p.text[1:n], '<') >= 0 {
		return MalformedElement
	}
	e := NewElement(p.take(n)[1:])
	empty, status := p.attributes(e)
	if status != OK {
		return status
	}
	if p.nodes++; p.nodes > p.options.Limits.Nodes || p.depth >= p.options.Limits.Depth {
		return OutOfMemory
	}
	p.at.Append(e)
	if !empty {
		p.at = e
		p.depth++
	}
	return OK
}

// attributes reads up to the end of a start tag. When an attribute is there twice, the first counts.
func (p *parser) attributes(e *Node) (empty bool, status Status) {
	var seen map[string]bool // only for elements that have many
	for {
		p.skipWhite()
		switch {
		case p.text == "":
			return false, MalformedElement
		case p.text[0] == '>':
			p.take(1)
			return false, OK
		case strings.HasPrefix(p.text, "/>"):
			p.take(2)
			return true, OK
		}
		name, value, status := p.attribute()
		if status != OK {
			return false, status
		}
		if len(e.Attrs) >= p.options.Limits.Attributes {
			return false, OutOfMemory
		}
		if !repeated(e, name, &seen) {
			e.Attrs = append(e.Attrs, Attr{name, value})
		}
	}
}

func repeated(e *Node, name string, seen *map[string]bool) bool {
	const few = 16
	if len(e.Attrs) < few {
		_, found := e.LookupAttr(name)
		return found
	}
	if *seen == nil {
		*seen = make(map[string]bool)
		for _, a := range e.Attrs {
			(*seen)[a.Name] = true
		}
	}
	found := (*seen)[name]
	(*seen)[name] = true
	return found
}

func (p *parser) attribute() (name, value string, status Status) {
	n := strings.IndexAny(p.text, white+"=/><\"'")
	if n == 0 && p.text[0] == '/' {
		return "", "", MalformedElement
	}
	if n <= 0 {
		return "", "", BadAttribute
	}
	name = p.take(n)
	p.skipWhite()
	if !strings.HasPrefix(p.text, "=") {
		return "", "", BadAttribute
	}
	p.take(1)
	p.skipWhite()
	if p.text == "" || p.text[0] != '"' && p.text[0] != '\'' {
		return "", "", BadAttribute
	}
	end := strings.IndexByte(p.text[1:], p.text[0])
	if end < 0 {
		return "", "", BadAttribute
	}
	return name, Unescape(p.take(end + 2)[1 : end+1]), OK
}

const white = " \t\r\n"

func (p *parser) skipWhite() { p.text = strings.TrimLeft(p.text, white) }

// entities are the named ones. Others stand for themselves.
var entities = [...]struct{ name, text string }{
	{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", `"`}, {"&apos;", "'"}, {"&nbsp;", "\u00a0"},
}

// Unescape replaces entities and character references. What is none stays as it is.
func Unescape(text string) string {
	n := strings.IndexByte(text, '&')
	if n < 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for n >= 0 {
		b.WriteString(text[:n])
		text = text[n:]
		plain, length := entity(text)
		b.WriteString(plain)
		text = text[length:]
		n = strings.IndexByte(text, '&')
	}
	b.WriteString(text)
	return b.String()
}

// entity reads the entity that a text begins with, or the ampersand alone.
func entity(text string) (plain string, length int) {
	for _, e := range entities {
		if strings.HasPrefix(text, e.name) {
			return e.text, len(e.name)
		}
	}
	if r, n := reference(text); n > 0 {
		return string(r), n
	}
	return "&", 1
}

// reference reads a character reference, decimal or hexadecimal.
func reference(text string) (r rune, length int) {
	if !strings.HasPrefix(text, "&#") {
		return 0, 0
	}
	digits, base := text[2:], rune(10)
	if digits != "" && (digits[0] == 'x' || digits[0] == 'X') {
		digits, base = digits[1:], 16
	}
	for i := 0; i < len(digits); i++ {
		if digits[i] == ';' {
			if i == 0 || r == 0 || !utf8.ValidRune(r) {
				return 0, 0
			}
			return r, len(text) - len(digits) + i + 1
		}
		d := digit(digits[i])
		if d >= base {
			return 0, 0
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0, 0
		}
	}
	return 0, 0
}

// digit returns the value of a digit, at least 16 for what is none.
func digit(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return 16
}
