package es3

import "strings"

// clause is a catch clause.
type clause struct {
	scope     *scope
	name      lexeme // what it catches; none if that is a pattern
	condition lexeme // the word if; none if the clause catches everything
	body      int    // behind its brace
}

// tryStatement walks over a try statement. Clauses with a condition become clauses in each other:
//
//	try {A} catch (e if c) {B} catch (f) {C}
//	try {A} catch (e ){if(( c)) {B} else try{throw e}catch (f) {C}}
func (p *parser) tryStatement() {
	p.advance()
	p.clauseBlock()
	var clauses []clause
	for p.tok.is("catch") {
		if len(clauses) > 0 {
			last := clauses[len(clauses)-1]
			if last.condition.Kind == endOfSource {
				break
			}
			p.edit().before(p.tok.Offset, " else try{throw "+last.name.Text+"}")
		}
		if len(clauses) == maxClauses {
			p.fail("too many catch clauses")
		}
		clauses = append(clauses, p.catchClause(clauses))
	}
	p.rewriteClauses(clauses)
	if p.accept("finally") {
		p.clauseBlock()
	}
}

func (p *parser) clauseBlock() {
	if p.tok.is("{") {
		p.block()
	}
}

// catchClause walks over a catch clause behind the others.
func (p *parser) catchClause(others []clause) clause {
	p.advance()
	c := clause{scope: &scope{clause: true}}
	if len(others) > 0 {
		c.scope.before = others[len(others)-1].scope
	}
	p.openScope(c.scope)
	if p.accept("(") {
		p.caught(&c)
	}
	c.body = p.tok.end()
	p.clauseBlock()
	p.closeScope()
	return c
}

// caught walks over the parentheses of a catch clause.
func (p *parser) caught(c *clause) {
	if p.tok.Kind != Identifier {
		p.modern = true
		p.expression(0)
		p.accept(")")
		return
	}
	c.name = p.tok
	p.declare(p.scope, c.name.Text)
	p.advance()
	if p.tok.is("if") {
		c.condition = p.tok
		p.advance()
		p.expression(0)
		p.edit().after(p.tok.Offset, ")")
	}
	p.accept(")")
}

// rewriteClauses puts the clauses into each other. The last one ends before tok.
//
// goja takes no variable named like what a clause catches within the clause. If there is one, the clause catches under
// another name and the variable gets the value first.
func (p *parser) rewriteClauses(clauses []clause) {
	conditions := 0
	for i, c := range clauses {
		variable := ""
		if c.scope.redeclared {
			own := p.freshName(c.name.Text)
			p.edit().replace(c.name.Offset, c.name.end(), own)
			variable = "var " + c.name.Text + "=" + own + ";"
		}
		if c.condition.Kind == endOfSource {
			p.edit().after(c.body, variable)
			continue
		}
		conditions++
		p.edit().replace(c.condition.Offset, c.condition.end(), "){"+variable+"if((")
		if i == len(clauses)-1 {
			p.edit().after(p.prev.end(), " else throw "+c.name.Text+";")
		}
	}
	if conditions > 0 {
		p.edit().after(p.prev.end(), strings.Repeat("}", conditions))
	}
}
