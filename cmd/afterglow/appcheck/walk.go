package appcheck

import (
	"slices"

	"afterglow/scripting/es3"
)

// source is a file of an application.
type source struct {
	name   string // as it is shown
	tokens []es3.Token
	match  []int // of an opening bracket, the token that closes it
}

// newSource finds the brackets that belong together. One that is not closed reaches to the end.
func newSource(name string, tokens []es3.Token) *source {
	s := &source{name: name, tokens: tokens, match: make([]int, len(tokens))}
	var open []int
	for n, t := range tokens {
		if t.Kind != es3.Punctuator {
			continue
		}
		switch t.Text {
		case "(", "[", "{":
			open = append(open, n)
			s.match[n] = len(tokens)
		case ")", "]", "}":
			if len(open) > 0 {
				s.match[open[len(open)-1]] = n
				open = open[:len(open)-1]
			}
		}
	}
	return s
}

// walker reads one file.
type walker struct {
	*knowledge
	*source
	file  int
	depth int
	found func(a *API, line int, certain bool) // nil while types are still being found out
}

func (w *walker) is(n int, text string) bool {
	return n >= 0 && n < len(w.tokens) && w.tokens[n].Text == text && (w.tokens[n].Kind == es3.Punctuator || w.tokens[n].Kind == es3.Keyword)
}

func (w *walker) named(n int) (string, bool) {
	if n < 0 || n >= len(w.tokens) || w.tokens[n].Kind != es3.Identifier {
		return "", false
	}
	return w.tokens[n].Text, true
}

// memberName returns the name behind a dot, where keywords are names too.
func (w *walker) memberName(n int) (string, bool) {
	if n < len(w.tokens) && (w.tokens[n].Kind == es3.Identifier || w.tokens[n].Kind == es3.Keyword) {
		return w.tokens[n].Text, true
	}
	return "", false
}

// use notes that an API is used.
func (w *walker) use(a *API, token int, certain bool) {
	if a != nil && w.found != nil {
		w.found(a, w.tokens[token].Line, certain)
	}
}

// deepest is how deep expressions and functions are followed into one another.
const deepest = 1000

// walk reads the tokens from i to end.
func (w *walker) walk(i, end int, s *scope) {
	if w.depth > deepest {
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	for i = max(i, 0); i < end; {
		i = max(i+1, w.step(i, s))
	}
}

// step reads what begins at i and returns what follows it.
func (w *walker) step(i int, s *scope) int {
	t := w.tokens[i]
	switch {
	case w.is(i, "var"), w.is(i, "const"):
		return w.declarations(i+1, s)
	case w.is(i, "return"):
		typ, next := w.expression(i+1, s)
		if s.function != nil {
			w.learnOne(&s.function.result, typ)
		}
		return next
	case w.is(i, "for"):
		return w.loop(i, s)
	case w.is(i, "catch") && w.is(i+1, "("):
		if name, ok := w.named(i + 2); ok {
			w.learn(s.names, name, "")
		}
		return i + 3
	case t.Kind == es3.Identifier && w.is(i+1, ":") && (w.is(i-1, "{") || w.is(i-1, ",")):
		return w.literalProperty(i, s)
	case w.is(i, "."):
		_, next := w.chain(i, s)
		return next
	}
	_, next := w.expression(i, s)
	return next
}

// literalProperty reads the name of an object literal's property.
func (w *walker) literalProperty(i int, s *scope) int {
	name := w.tokens[i].Text
	typ, next := w.expression(i+2, s)
	w.learn(w.fields, name, typ)
	w.mark(w.own, name)
	return max(next, i+2)
}

// declarations reads the names behind var.
func (w *walker) declarations(i int, s *scope) int {
	for {
		name, ok := w.named(i)
		if !ok {
			return i
		}
		w.learn(s.names, name, "")
		if !w.is(i+1, "=") {
			i++
		} else {
			_, i = w.chain(i, s)
		}
		if !w.is(i, ",") {
			return i
		}
		i++
	}
}

// loop reads the head of a for statement as far as it gives a variable elements of something.
func (w *walker) loop(i int, s *scope) int {
	each := i+1 < len(w.tokens) && w.tokens[i+1].Text == "each"
	if !each || !w.is(i+2, "(") {
		return i + 1
	}
	i += 3
	if w.is(i, "var") {
		i++
	}
	name, ok := w.named(i)
	if !ok || !w.is(i+1, "in") {
		return i
	}
	w.learn(s.names, name, "")
	typ, next := w.expression(i+2, s)
	w.learn(s.names, name, element(typ))
	return next
}

// functionAt returns the function whose keyword stands at i.
func (w *walker) functionAt(i int) *function {
	at := place{w.file, i}
	if f := w.functions[at]; f != nil {
		return f
	}
	f := new(function)
	f.scope = newScope(nil, f)
	w.functions[at] = f
	w.changed = true
	return f
}

// function reads a function and returns what follows it.
func (w *walker) function(i int, s *scope) (*function, int) {
	f := w.functionAt(i)
	f.scope.parent = s
	i++
	if name, ok := w.named(i); ok {
		f.name = name
		w.learn(s.names, name, "")
		s.functions[name] = f
		i++
	}
	if !w.is(i, "(") {
		return f, i
	}
	closing := w.match[i]
	if f.params == nil {
		for n := i + 1; n < closing && n < len(w.tokens); n++ {
			if name, ok := w.named(n); ok {
				f.params = append(f.params, name)
				w.learn(f.scope.names, name, "")
			}
		}
	}
	if !w.is(closing+1, "{") {
		return f, closing + 1
	}
	end := min(w.match[closing+1], len(w.tokens))
	w.walk(closing+2, end, f.scope)
	return f, end + 1
}

// give tells a function what its arguments are.
func (w *walker) give(f *function, types []string) {
	if f == nil {
		return
	}
	for n, typ := range types {
		if n < len(f.params) {
			w.learn(f.scope.names, f.params[n], typ)
		}
	}
}

// arguments reads what stands in the brackets that open at i, and returns the types.
func (w *walker) arguments(i int, s *scope) (types []string, next int) {
	end := min(w.match[i], len(w.tokens))
	for at := i + 1; at < end; {
		typ, next := w.expression(at, s)
		types = append(types, typ)
		comma := w.comma(max(next, at), end)
		w.walk(next, comma, s)
		at = comma + 1
	}
	return types, end + 1
}

// comma returns the next comma that is in no brackets, or end.
func (w *walker) comma(i, end int) int {
	for ; i < end; i++ {
		if w.is(i, ",") {
			return i
		}
		if w.match[i] > i {
			i = w.match[i]
		}
	}
	return end
}

// operators are the punctuators behind which an expression goes on as something else.
var operators = []string{"+", "-", "*", "/", "%", "?", "==", "!=", "===", "!==", "<", ">", "<=", ">=", "&&", "&", "|", "^", "<<", ">>", ">>>", "in", "instanceof"}

// expression reads as much of an expression as has one type, and returns the type if that is all of it.
func (w *walker) expression(i int, s *scope) (typ string, next int) {
	if i >= len(w.tokens) {
		return "", i
	}
	switch {
	case w.is(i, "function"):
		_, next = w.function(i, s)
		return "", next
	case w.is(i, "this"), w.is(i, "new"), w.tokens[i].Kind == es3.Identifier:
		r, next := w.chain(i, s)
		if next < len(w.tokens) && (w.tokens[next].Kind == es3.Punctuator || w.tokens[next].Kind == es3.Keyword) &&
			slices.Contains(operators, w.tokens[next].Text) {
			return "", next
		}
		return r.typ, next
	}
	return "", i
}
