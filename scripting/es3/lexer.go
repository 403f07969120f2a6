package es3

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexer cuts source into tokens. It takes a slash for a division and the brace behind an expression in a template for a
// brace; the parser, which knows what can stand where, has such a token read again.
type lexer struct {
	src     string
	pos     int
	line    int
	counted int  // the bytes of src before it are in column
	column  int  // of counted
	fresh   bool // nothing but space and comments so far on this line
	newline bool // a line ended since the last token
	open    bool // the last piece of a template has an expression behind it
	edits   edits
	err     *SyntaxError
}

func newLexer(src string) lexer {
	l := lexer{src: src, line: 1, column: 1, fresh: true}
	if strings.HasPrefix(src, "#!") {
		l.skipLine()
	}
	return l
}

// next returns the next token, the end of the source after an error.
func (l *lexer) next() lexeme { return l.read((*lexer).token) }

// read skips space and comments and returns the token that scan walks over.
func (l *lexer) read(scan func(*lexer) Kind) lexeme {
	l.newline, l.open = false, false
	l.skip()
	l.count()
	t := lexeme{newline: l.newline, Token: Token{Offset: l.pos, Line: l.line, Column: l.column}}
	if l.pos >= len(l.src) {
		return t
	}
	l.fresh = false
	kind := scan(l)
	if l.err != nil {
		l.pos = len(l.src)
		return t
	}
	t.Kind, t.Text, t.open = kind, l.src[t.Offset:l.pos], l.open
	if kind == Identifier && keywords[t.Text] {
		t.Kind = Keyword
	}
	return t
}

// count brings column up to pos.
func (l *lexer) count() {
	l.column += utf8.RuneCountInString(l.src[l.counted:l.pos])
	l.counted = l.pos
}

// fail notes the first error, at the offset, and ends the source.
func (l *lexer) fail(offset, line, column int, message string) {
	if l.err != nil {
		return
	}
	l.err = &SyntaxError{Line: line, Column: column, Message: message, Text: lineAround(l.src, offset)}
}

func (l *lexer) at(ahead int) byte {
	if l.pos+ahead >= len(l.src) {
		return 0
	}
	return l.src[l.pos+ahead]
}

func (l *lexer) sees(text string) bool { return strings.HasPrefix(l.src[l.pos:], text) }

// token walks over the token that begins here.
func (l *lexer) token() Kind {
	c := l.src[l.pos]
	switch {
	case isDigit(c), c == '.' && isDigit(l.at(1)):
		l.number()
		return Number
	case c == '"' || c == '\'':
		l.string(c)
		return String
	case c == '`':
		return l.template()
	case c == '#' && identifierStart(l.src[l.pos+1:]) > 0:
		l.pos++
		l.identifier()
		return Identifier
	case identifierStart(l.src[l.pos:]) > 0:
		l.identifier()
		return Identifier
	}
	l.punctuator()
	return Punctuator
}

// identifier walks over letters, digits and escapes.
func (l *lexer) identifier() {
	for l.pos < len(l.src) {
		size := identifierPart(l.src[l.pos:])
		if size == 0 {
			return
		}
		l.pos += size
	}
}

// identifierStart is the size of the first character if an identifier can begin with it, else 0.
func identifierStart(s string) int {
	if s == "" {
		return 0
	}
	if c := s[0]; c < utf8.RuneSelf {
		if c == '$' || c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' {
			return 1
		}
		return identifierEscape(s)
	}
	r, size := utf8.DecodeRuneInString(s)
	if unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) {
		return size
	}
	return 0
}

// identifierPart is the size of the first character if it can stand inside an identifier, else 0.
func identifierPart(s string) int {
	if size := identifierStart(s); size > 0 {
		return size
	}
	c := s[0]
	if isDigit(c) {
		return 1
	}
	if c < utf8.RuneSelf {
		return 0
	}
	r, size := utf8.DecodeRuneInString(s)
	if unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc) || r == '\u200c' || r == '\u200d' {
		return size
	}
	return 0
}

// punctuators are those of more than one character, the longer ones first.
var punctuators = [...]string{
	">>>=", "...", "===", "!==", ">>>", "<<=", ">>=", "**=", "&&=", "||=", "??=",
	"=>", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "**",
}

func (l *lexer) punctuator() {
	for _, p := range punctuators {
		if !l.sees(p) {
			continue
		}
		if p == "?." && isDigit(l.at(2)) {
			break // a condition and a number: a?.5:1
		}
		l.pos += len(p)
		return
	}
	_, size := utf8.DecodeRuneInString(l.src[l.pos:])
	l.pos += size
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// lineAround is the line of src that holds the offset, without its end.
func lineAround(src string, offset int) string {
	start := offset
	for start > 0 && lineEnd(src[start-1:]) == 0 && !strings.HasSuffix(src[:start], "\u2028") && !strings.HasSuffix(src[:start], "\u2029") {
		start--
	}
	end := offset
	for end < len(src) && lineEnd(src[end:]) == 0 {
		end++
	}
	return src[start:end]
}
