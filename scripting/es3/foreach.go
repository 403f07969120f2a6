package es3

// forStatement walks over a for statement of any kind.
func (p *parser) forStatement() {
	p.advance()
	each := p.tok
	if each.named("each") || each.named("await") {
		p.advance()
	}
	if !p.accept("(") {
		return
	}
	p.forHead()
	switch {
	case p.tok.is("in") && each.named("each"):
		p.forEach(each)
	case p.tok.is("in"), p.tok.named("of"):
		p.modern = p.modern || p.tok.named("of")
		p.advance()
		p.expression(0)
	default:
		p.forRest()
	}
	p.accept(")")
	p.bare()
}

// forHead walks over what stands in the parentheses before the first semicolon, in or of.
func (p *parser) forHead() {
	next := p.peek()
	switch {
	case p.tok.is("var"):
		p.advance()
		p.variables(noIn)
	case p.tok.named("let") && (next.Kind == Identifier && !next.named("of") || next.is("[") || next.is("{")):
		p.modern = true
		p.advance()
		p.variables(noIn | lexical)
	case p.tok.is("const"):
		p.constantHead()
	default:
		if p.tok.Kind == Identifier && (next.is("in") || next.named("of")) {
			p.assign(p.tok)
		}
		p.expression(noIn)
	}
}

// forRest walks over the second and the third part of the parentheses.
func (p *parser) forRest() {
	for p.accept(";") {
		p.expression(0)
	}
}

// forEach walks over the object whose values a loop goes through. A generator that goes through its names, those from
// prototypes with them, yields the values.
func (p *parser) forEach(each lexeme) {
	p.edit().replace(each.Offset, each.end(), "")
	p.edit().replace(p.tok.Offset, p.tok.end(), "of")
	p.advance()
	p.edit().before(p.tok.Offset, "(function*(o){for(var k in o)yield o[k]})((")
	p.expression(0)
	p.edit().after(p.tok.Offset, "))")
}
