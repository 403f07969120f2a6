package es3

// class walks over a class, which the old engine did not know.
func (p *parser) class() {
	if !p.enter() {
		return
	}
	defer p.leave()
	p.modern = true
	p.advance()
	if p.tok.Kind == Identifier {
		p.advance()
	}
	if p.accept("extends") {
		p.prefixes(new(int))
		p.heritage()
	}
	if p.tok.is("{") {
		p.members()
	}
}

// heritage walks over the class that another extends, which is no literal of an object.
func (p *parser) heritage() {
	if !p.tok.is("{") && p.operand() {
		p.postfixes()
	}
}

// members walks over the literal of an object or the body of a class.
func (p *parser) members() {
	if !p.enter() {
		return
	}
	defer p.leave()
	p.advance()
	for !p.atEnd() && !p.tok.is("}") {
		p.member()
	}
	p.accept("}")
}

// member walks over a member up to its comma: the words of its name, its parameters and body, its value.
func (p *parser) member() {
	accessor := (p.tok.named("get") || p.tok.named("set")) && !p.peek().is("(")
	for !p.atEnd() && !p.tok.is("}") {
		switch {
		case p.tok.Kind == Identifier, p.tok.Kind == Keyword:
			p.memberName()
		case p.tok.is(":"), p.tok.is("="), p.tok.is("..."):
			p.modern = p.modern || !p.tok.is(":")
			p.advance()
			p.expression(noComma)
		case p.tok.is("("):
			p.method(accessor)
		case p.tok.is("["):
			p.list("]")
		case p.tok.is("{"):
			p.openScope(&scope{})
			p.body()
			p.closeScope()
		case p.tok.is(","), p.tok.is(";"):
			p.advance()
			return
		default:
			p.advance()
		}
	}
}

// method walks over the parameters and the body of a method.
func (p *parser) method(accessor bool) {
	p.modern = p.modern || !accessor
	p.openScope(&scope{generator: !accessor, async: !accessor})
	p.parameters()
	p.body()
	p.closeScope()
}
