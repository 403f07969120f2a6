package es3

// statement walks over a statement. at is nil among the statements of a function or of the source.
func (p *parser) statement(at *block) {
	if !p.enter() {
		return
	}
	defer p.leave()
	switch p.tok.Kind {
	case Keyword:
		if p.keywordStatement(at) {
			return
		}
	case Identifier:
		if p.wordStatement() {
			return
		}
	case Punctuator:
		if p.tok.is("{") {
			p.block()
			return
		}
	}
	from := p.tok.Offset
	p.expression(0)
	p.semicolon()
	if p.tok.Offset == from {
		p.advance() // what no statement begins with
	}
}

// keywordStatement walks over a statement that a keyword begins, and reports whether it was one.
func (p *parser) keywordStatement(at *block) bool {
	switch p.tok.Text {
	case "function":
		p.functionDeclaration(at)
	case "var":
		p.advance()
		p.variables(0)
		p.semicolon()
	case "const":
		p.constantStatement(at)
	case "if":
		p.ifStatement()
	case "for":
		p.forStatement()
	case "while", "with":
		p.advance()
		p.condition()
		p.bare()
	case "do":
		p.doStatement()
	case "switch":
		p.switchStatement()
	case "try":
		p.tryStatement()
	case "return", "throw":
		p.advance()
		if !p.tok.newline {
			p.expression(0)
		}
		p.semicolon()
	case "break", "continue":
		p.advance()
		if p.tok.Kind == Identifier && !p.tok.newline {
			p.advance()
		}
		p.semicolon()
	case "class":
		p.class()
	default:
		return false
	}
	return true
}

// wordStatement walks over a label with its statement, or over a declaration that the old engine did not know, and
// reports whether it was one.
func (p *parser) wordStatement() bool {
	if p.tok.Text == "async" && p.asyncFunction() {
		return true
	}
	next := p.peek()
	if next.is(":") {
		p.advance()
		p.advance()
		p.bare()
		return true
	}
	if p.tok.Text != "let" || !next.is("{") && !next.is("[") && (next.Kind != Identifier || next.newline) {
		return false
	}
	p.modern = true
	p.advance()
	p.variables(lexical)
	p.semicolon()
	return true
}

// block walks over statements in braces.
func (p *parser) block() {
	p.advance()
	at := &block{start: p.prev.end()}
	for !p.atEnd() && !p.tok.is("}") {
		p.statement(at)
	}
	p.closeBlock(at)
	p.accept("}")
}

// bare walks over the statement that belongs to another one.
func (p *parser) bare() {
	at := &block{bare: true}
	p.statement(at)
	p.closeBlock(at)
}

// condition walks over an expression in parentheses.
func (p *parser) condition() {
	if !p.accept("(") {
		return
	}
	p.expression(0)
	p.accept(")")
}

func (p *parser) ifStatement() {
	for {
		p.advance()
		p.condition()
		p.bare()
		if !p.accept("else") {
			return
		}
		if !p.tok.is("if") {
			p.bare()
			return
		}
	}
}

func (p *parser) doStatement() {
	p.advance()
	p.bare()
	if p.accept("while") {
		p.condition()
		p.semicolon()
	}
}

func (p *parser) switchStatement() {
	p.advance()
	p.condition()
	if !p.accept("{") {
		return
	}
	at := &block{start: p.prev.end(), bare: true}
	for !p.atEnd() && !p.tok.is("}") {
		if !p.tok.is("case") && !p.tok.is("default") {
			p.statement(at)
			continue
		}
		p.closeBlock(at)
		p.advance()
		p.expression(0)
		p.accept(":")
		at = &block{start: p.prev.end()}
	}
	p.closeBlock(at)
	p.accept("}")
}

// variables walks over the names of a declaration and their values, and returns the names.
func (p *parser) variables(m mode) []string {
	var names []string
	for {
		if p.tok.Kind == Identifier {
			names = append(names, p.tok.Text)
			if m&lexical == 0 {
				p.declareVariable(p.tok.Text)
			}
			p.advance()
		} else {
			p.modern = p.modern || p.tok.is("{") || p.tok.is("[")
			p.operand()
		}
		if p.accept("=") {
			p.expression(m | noComma)
		}
		if !p.accept(",") {
			return names
		}
	}
}
