package es3

// mode says where an expression ends before its time, or whom the names of a declaration belong to.
type mode uint8

const (
	noIn    mode = 1 << iota // at the word in: the head of a for statement
	noComma                  // at a comma: an element of a list
	lexical                  // names that are declared belong to the block
)

// expression walks over an expression. It stops at the first token that cannot belong to it.
func (p *parser) expression(m mode) {
	if !p.enter() {
		return
	}
	defer p.leave()
	count, conditions := 0, 0
	for p.prefixes(&count) && p.operand() {
		p.postfixes()
		for p.arrowBody() {
			p.postfixes()
		}
		if p.tok.is(",") {
			count = 0
		}
		count++
		if !p.operator(m, &conditions) {
			return
		}
	}
}

// prefixes walks over what stands before an operand, and reports whether there are few enough.
func (p *parser) prefixes(count *int) bool {
	for p.isPrefix() {
		*count++
		p.advance()
	}
	if *count > maxOperators {
		p.fail("expression with too many operators")
		return false
	}
	return true
}

func (p *parser) isPrefix() bool {
	switch p.tok.Kind {
	case Punctuator:
		switch p.tok.Text {
		case "+", "-", "++", "--", "!", "~":
			return true
		case "...":
			p.modern = true
			return true
		}
	case Keyword:
		switch p.tok.Text {
		case "new", "delete", "typeof", "void":
			return true
		}
	case Identifier:
		return p.scope.generator && p.tok.Text == "yield" || p.scope.async && p.tok.Text == "await"
	}
	return false
}

// operand walks over the simplest expression, and reports whether there was one.
func (p *parser) operand() bool {
	if p.tok.is("/") || p.tok.is("/=") {
		p.reread((*lexer).regexp)
	}
	switch p.tok.Kind {
	case Number, Regexp:
		p.advance()
		return true
	case String:
		p.text()
		return true
	case Identifier:
		p.name()
		return true
	case Keyword:
		return p.keywordOperand()
	case Punctuator:
		return p.bracketOperand()
	}
	return p.prev.named("yield") // yield with nothing to yield
}

func (p *parser) keywordOperand() bool {
	switch p.tok.Text {
	case "this", "null", "true", "false", "super", "import":
		p.advance()
		return true
	case "function":
		p.functionExpression()
		return true
	case "class":
		p.class()
		return true
	}
	return p.prev.named("yield")
}

func (p *parser) bracketOperand() bool {
	switch p.tok.Text {
	case "(":
		p.list(")")
		return true
	case "[":
		p.list("]")
		return true
	case "{":
		p.members()
		return true
	case ".":
		return p.prev.is("new") // new.target
	}
	return p.prev.named("yield")
}

// text walks over a string, or over a template with its expressions.
func (p *parser) text() {
	if p.tok.Text[0] == '`' {
		p.modern = true
	}
	for p.tok.open {
		p.advance()
		p.expression(0)
		if !p.tok.is("}") {
			return
		}
		p.reread((*lexer).template)
	}
	p.advance()
}

// name walks over an identifier and notes what happens to it.
func (p *parser) name() {
	before, t := p.prev, p.tok
	if t.Text == "async" && p.asyncFunction() {
		return
	}
	p.seen[t.Text] = t.Offset
	p.advance()
	if p.assigns(before) {
		p.assign(t)
	}
	if t.Text == "eval" && p.tok.is("(") && !before.is("new") {
		open := p.tok.end()
		p.list(")")
		if p.prev.is(")") {
			p.evals = append(p.evals, span{open, p.prev.Offset})
		}
	}
}

// assigns reports whether the identifier between the token before and tok is assigned to. It may say so too often, as
// of a name with an operator for the next statement behind it.
func (p *parser) assigns(before lexeme) bool {
	if p.tok.Kind != Punctuator {
		return before.is("++") || before.is("--")
	}
	switch p.tok.Text {
	case "=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", ">>>=", "**=", "&&=", "||=", "??=", "++", "--":
		return true
	case ".", "[", "(", "?.":
		return false
	}
	return before.is("++") || before.is("--")
}

// list walks over brackets with expressions and commas between them.
func (p *parser) list(closing string) {
	p.advance()
	for !p.atEnd() && !p.tok.is(closing) {
		at := p.tok.Offset
		p.expression(noComma)
		if p.tok.Offset > at && !p.tok.is(",") {
			continue
		}
		if !p.tok.is(",") && !p.tok.is("...") {
			break // nothing that belongs here
		}
		p.advance()
	}
	p.accept(closing)
}

// postfixes walks over members, calls and counting behind an operand.
func (p *parser) postfixes() {
	for count := 0; !p.atEnd(); count++ {
		if count > maxPostfixes {
			p.fail("expression with too many members and calls")
			return
		}
		switch {
		case p.tok.is("("):
			p.list(")")
		case p.tok.is("["):
			p.list("]")
		case p.tok.is("."), p.tok.is("?."):
			p.advance()
			p.memberName()
		case p.tok.Kind == String && p.tok.Text[0] == '`':
			p.text()
		case (p.tok.is("++") || p.tok.is("--")) && !p.tok.newline:
			p.advance()
		default:
			return
		}
	}
}

// memberName walks over a name behind a point, which may be any word.
func (p *parser) memberName() {
	if p.tok.Kind != Identifier && p.tok.Kind != Keyword {
		return
	}
	p.tok.Kind = Identifier
	p.advance()
}

// operator walks over what connects two operands, and reports whether another operand follows.
func (p *parser) operator(m mode, conditions *int) bool {
	if p.tok.Kind == Keyword {
		if p.tok.Text == "instanceof" || p.tok.Text == "in" && m&noIn == 0 {
			p.advance()
			return true
		}
		return false
	}
	if p.tok.Kind != Punctuator {
		return false
	}
	switch p.tok.Text {
	case ")", "]", "}", "{", ";", "!", "~", "++", "--", "#", "@", "...", "(", "[", ".", "?.":
		return false
	case ",":
		if m&noComma != 0 {
			return false
		}
	case "?":
		*conditions++
	case ":":
		if *conditions == 0 {
			return false
		}
		*conditions--
	case "=>":
		p.modern = true
	}
	p.advance()
	return true
}

// arrowBody walks over the arrow of a function and its body in braces, and reports whether there was one.
func (p *parser) arrowBody() bool {
	if !p.tok.is("=>") || !p.peek().is("{") {
		return false
	}
	p.modern = true
	p.advance()
	p.openScope(&scope{async: true})
	p.body()
	p.closeScope()
	return true
}
