package es3

import "slices"

// block is where a statement stands that is not among the statements of a function or of the source.
type block struct {
	start     int  // behind its brace or, in a switch, behind the colon of the case
	bare      bool // without braces: the body of an if or a loop, or behind a label
	functions []declaration
}

// declaration is a function that a block declares.
type declaration struct {
	keyword, name lexeme
	end           int
	early         bool // the block has its name earlier
}

// functionExpression walks over a function that is an operand.
func (p *parser) functionExpression() {
	p.advance()
	s := &scope{}
	p.star(s)
	if p.tok.Kind == Identifier {
		p.declare(s, p.tok.Text)
		p.advance()
	}
	p.functionRest(s)
}

// asyncFunction walks over an asynchronous function if one begins here.
func (p *parser) asyncFunction() bool {
	if next := p.peek(); !next.is("function") || next.newline {
		return false
	}
	p.modern = true
	p.advance()
	p.advance()
	s := &scope{async: true}
	p.star(s)
	if p.tok.Kind == Identifier {
		p.advance()
	}
	p.functionRest(s)
	return true
}

// star walks over the star of a generator.
func (p *parser) star(s *scope) {
	if p.accept("*") {
		p.modern, s.generator = true, true
	}
}

// functionDeclaration walks over a declared function and makes a variable of it if it stands in a block. at is nil if it
// stands among the statements of a function or of the source.
func (p *parser) functionDeclaration(at *block) {
	keyword := p.tok
	p.advance()
	s := &scope{}
	p.star(s)
	name := p.tok
	if name.Kind != Identifier {
		p.functionRest(s)
		return
	}
	p.advance()
	if at == nil || s.generator {
		p.declare(p.function(), name.Text)
		p.functionRest(s)
		return
	}
	p.declareVariable(name.Text)
	used, seen := p.seen[name.Text]
	d := declaration{keyword: keyword, name: name, early: seen && used >= at.start && !at.bare}
	p.functionRest(s)
	d.end = p.prev.end()
	at.functions = append(at.functions, d)
}

// closeBlock makes variables of the functions that the block declares, where the declarations stand. If it may use one
// earlier, the functions get names of their own, which the block knows from its beginning, and each variable gets its
// function twice: at the beginning of the block if it has no value, and where the declaration stands.
func (p *parser) closeBlock(at *block) {
	early := slices.ContainsFunc(at.functions, func(d declaration) bool { return d.early })
	for _, d := range at.functions {
		name := d.name.Text
		if !early {
			p.edit().before(d.keyword.Offset, "var "+name+"=")
			p.edit().replace(d.name.Offset, d.name.end(), "")
			p.edit().after(d.end, ";")
			continue
		}
		own := p.freshName(name)
		p.edit().after(at.start, "var "+name+"="+name+"===void 0?"+own+":"+name+";")
		p.edit().before(d.keyword.Offset, name+"="+own+";")
		p.edit().replace(d.name.Offset, d.name.end(), own)
	}
}

// functionRest walks over parameters and body.
func (p *parser) functionRest(s *scope) {
	if !p.enter() {
		return
	}
	defer p.leave()
	p.openScope(s)
	p.parameters()
	p.body()
	p.closeScope()
}

// parameters walks over the parameters of the function whose scope this is.
func (p *parser) parameters() {
	if !p.accept("(") {
		return
	}
	for !p.atEnd() && !p.tok.is(")") {
		switch {
		case p.tok.Kind == Identifier:
			p.declare(p.scope, p.tok.Text)
			p.advance()
		case p.tok.is(","):
			p.advance()
		default:
			p.modern = true // a default, a rest or a pattern
			at := p.tok.Offset
			if !p.accept("=") {
				p.accept("...")
			}
			p.expression(noComma)
			if p.tok.Offset == at {
				return
			}
		}
	}
	p.accept(")")
}

// body walks over the body of the function whose scope this is.
func (p *parser) body() {
	if !p.enter() {
		return
	}
	defer p.leave()
	if !p.accept("{") {
		return
	}
	p.directives()
	for !p.atEnd() && !p.tok.is("}") {
		p.statement(nil)
	}
	p.accept("}")
}

// directives walks over the strings at the beginning of a body, "use strict" and the like, before which nothing may stand.
func (p *parser) directives() {
	p.scope.start = p.prev.end()
	for p.tok.Kind == String {
		next := p.peek()
		switch {
		case next.is(";"):
			p.advance()
			p.advance()
			p.scope.separator = ""
		case next.newline && next.Kind != Punctuator && !next.is("in") && !next.is("instanceof"), next.is("}"):
			p.advance()
			p.scope.separator = ";"
		default:
			return
		}
		p.scope.start = p.prev.end()
	}
}
