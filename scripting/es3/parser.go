package es3

// Limits that keep goja's own parser and compiler, which recurse without one, from running long or deep.
const (
	maxNesting   = 1000 // of statements, brackets and functions
	maxClauses   = 100  // of catch in one try: they end up in each other
	maxOperators = 2000 // of one expression between commas: goja takes time with their square
	maxPostfixes = 5000 // members, calls and templates behind one operand
)

// parser walks over the statements of a source and notes what has to change. It finds the bounds of statements,
// expressions and functions; that they are right is for goja to say.
type parser struct {
	lex    lexer
	before lexer  // as it was before tok, to read tok again
	prev   lexeme // the token before tok
	tok    lexeme
	tokens []Token // all before tok, if keep
	keep   bool

	scope  *scope
	depth  int
	seen   map[string]int // where a name was used last
	modern bool           // has syntax that the old engine did not know

	constants    []constant
	redirections []redirection
	evals        []span // the arguments of calls of eval
	ownEval      bool   // the source declares something named eval
	suffix       string // of names that the source has not
	fresh        int    // how many such names there are
}

type span struct{ from, to int }

func newParser(src string) *parser {
	p := &parser{lex: newLexer(src), seen: map[string]int{}}
	p.load()
	return p
}

// load reads tok.
func (p *parser) load() {
	p.before = p.lex
	p.tok = p.lex.next()
}

// advance takes tok.
func (p *parser) advance() {
	if p.keep && p.tok.Kind != endOfSource {
		p.tokens = append(p.tokens, p.tok.Token)
	}
	p.prev = p.tok
	p.load()
}

// reread reads tok again, as what scan takes it for.
func (p *parser) reread(scan func(*lexer) Kind) {
	p.lex = p.before
	p.tok = p.lex.read(scan)
}

// peek returns the token behind tok.
func (p *parser) peek() lexeme {
	saved := p.lex
	t := p.lex.next()
	p.lex = saved
	return t
}

// accept takes tok if it is the keyword or punctuator.
func (p *parser) accept(text string) bool {
	if !p.tok.is(text) {
		return false
	}
	p.advance()
	return true
}

// semicolon takes the semicolon behind a statement; there may be none.
func (p *parser) semicolon() { p.accept(";") }

func (p *parser) atEnd() bool { return p.tok.Kind == endOfSource }

// enter goes one level deeper, and reports whether that is allowed. Call leave behind it if it is.
func (p *parser) enter() bool {
	if p.depth >= maxNesting {
		p.fail("nested too deeply")
		return false
	}
	p.depth++
	return true
}

func (p *parser) leave() { p.depth-- }

// fail ends the source at tok with an error.
func (p *parser) fail(message string) {
	p.lex.fail(p.tok.Offset, p.tok.Line, p.tok.Column, message)
	p.lex.pos = len(p.lex.src)
	p.tok = lexeme{Token: Token{Offset: len(p.lex.src)}}
}

// edit is where changes are noted.
func (p *parser) edit() *edits { return &p.lex.edits }
