package es3

import (
	"maps"
	"slices"
	"strings"
)

// constant is a declaration with const.
type constant struct {
	keyword lexeme
	names   []string
	end     int  // behind its last token
	global  bool // outside of functions and of the heads of loops
	bare    bool // see block
}

// constantStatement walks over a declaration of constants.
func (p *parser) constantStatement(at *block) {
	c := constant{keyword: p.tok, bare: at != nil && at.bare}
	p.advance()
	c.names = p.constantNames(0)
	p.semicolon()
	c.end, c.global = p.prev.end(), p.function().global
	p.constants = append(p.constants, c)
}

// constantHead walks over a declaration of constants in the head of a loop.
func (p *parser) constantHead() {
	c := constant{keyword: p.tok}
	p.advance()
	c.names = p.constantNames(noIn)
	p.constants = append(p.constants, c)
}

func (p *parser) constantNames(m mode) []string {
	names := p.variables(m)
	s := p.function()
	if s.constants == nil {
		s.constants = map[string]bool{}
	}
	for _, name := range names {
		s.constants[name] = true
	}
	return names
}

// rewriteConstants makes variables of constants. Those of the global object become read-only where they are declared.
func (p *parser) rewriteConstants() {
	if p.modern {
		return
	}
	p.rewriteAssignments()
	for _, c := range p.constants {
		declare, freeze := "var", ""
		if c.global {
			freeze = freezing(c.names)
		}
		if c.global && c.bare {
			declare, freeze = "{var", freeze+"}"
		}
		p.edit().replace(c.keyword.Offset, c.keyword.end(), declare)
		p.edit().after(c.end, freeze)
	}
}

// freezing is the code that makes properties of the global object read-only.
func freezing(names []string) string {
	var code strings.Builder
	for _, name := range names {
		code.WriteString(`;Object.defineProperty(this,"` + name + `",{writable:false})`)
	}
	return code.String() + ";"
}

// redirection has the assignments to a constant of a function.
type redirection struct {
	scope *scope
	name  string
	uses  []lexeme
}

// redirect notes the assignments to the constants of the function, whose scope this is.
func (p *parser) redirect(s *scope) {
	for _, name := range slices.Sorted(maps.Keys(s.constants)) {
		if uses := s.assigned[name]; len(uses) > 0 {
			p.redirections = append(p.redirections, redirection{s, name, uses})
		}
	}
}

// rewriteAssignments turns the assignments to constants of functions to objects whose property reads the constant and
// writes nothing.
func (p *parser) rewriteAssignments() {
	for _, r := range p.redirections {
		sink := p.freshName(r.name)
		p.edit().after(r.scope.start, r.scope.separator+"var "+sink+"={get v(){return "+r.name+"},set v(x){}};")
		for _, use := range r.uses {
			p.edit().replace(use.Offset, use.end(), sink+".v")
		}
	}
}
