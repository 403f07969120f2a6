package es3

import (
	"strconv"
	"strings"
)

// scope is a function, the source outside of all functions, or a catch clause.
type scope struct {
	parent     *scope
	global     bool
	clause     bool   // a catch clause: variables belong to the function around it
	redeclared bool   // the clause declares a variable named like what it catches
	before     *scope // of the clause with a condition before, in which this one ends up
	generator  bool   // yield is an operator
	async      bool   // await is an operator
	start      int    // where a statement can be put before all others
	separator  string // that it needs before it
	names      map[string]bool
	constants  map[string]bool
	assigned   map[string][]lexeme // names assigned to, here and further in, that are not declared further in
}

func (p *parser) openScope(s *scope) {
	s.parent = p.scope
	p.scope = s
}

// function is the scope that variables declared here belong to.
func (p *parser) function() *scope {
	s := p.scope
	for s.clause {
		s = s.parent
	}
	return s
}

// declareVariable notes a variable of the function around.
func (p *parser) declareVariable(name string) {
	s := p.scope
	for ; s.clause; s = s.parent {
		for c := s; c != nil; c = c.before {
			c.redeclared = c.redeclared || c.names[name]
		}
	}
	p.declare(s, name)
}

// declare notes a name of the scope.
func (p *parser) declare(s *scope, name string) {
	if name == "eval" {
		p.ownEval = true
	}
	if s.names == nil {
		s.names = map[string]bool{}
	}
	s.names[name] = true
}

// assign notes that a name is assigned to.
func (p *parser) assign(t lexeme) {
	if p.scope.assigned == nil {
		p.scope.assigned = map[string][]lexeme{}
	}
	p.scope.assigned[t.Text] = append(p.scope.assigned[t.Text], t)
}

// closeScope goes back to the scope around and hands it the assignments to names that are not declared here.
func (p *parser) closeScope() {
	s := p.scope
	p.scope = s.parent
	if s.constants != nil && !s.global {
		p.redirect(s)
	}
	if s.parent == nil {
		return
	}
	for name := range s.names {
		delete(s.assigned, name)
	}
	outer := s.parent.assigned
	if len(outer) < len(s.assigned) {
		outer, s.assigned = s.assigned, outer
	}
	for name, uses := range s.assigned {
		outer[name] = append(outer[name], uses...)
	}
	s.parent.assigned = outer
}

// freshName returns a name that begins with name and that the source has not.
func (p *parser) freshName(name string) string {
	if p.suffix == "" {
		p.suffix = strings.Repeat("$", longestRun(p.lex.src, '$')+1)
	}
	p.fresh++
	return name + p.suffix + strconv.Itoa(p.fresh)
}

// longestRun is how often c stands in s in a row at most.
func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
