package appcheck

import (
	"strings"

	"afterglow/scripting/es3"
)

// reference is a value on the way along a chain of members, calls and indices: application.clients[0].call.
type reference struct {
	typ  string
	path string    // where what it has is kept in knowledge.properties, empty if nowhere
	api  *API      // the member of a class of the server's that it is
	fn   *function // the function of the script's that it is
	// What an assignment changes: a variable of a scope, a property of the script's, or an element of either.
	scope   *scope
	name    string
	index   bool
	token   int
	unknown bool // the member of something that is not known
	guessed bool // the type is known of other members of that name only
}

// inside returns where the members are that the script has given the value: those of one object of a class are those of all.
func (r reference) inside() string {
	switch {
	case r.typ == manyTypes:
		return ""
	case r.typ != "":
		return r.typ
	}
	return r.path
}

// chain reads a chain of members, calls and indices, and what is assigned to it.
func (w *walker) chain(i int, s *scope) (reference, int) {
	r, i := w.head(i, s)
	for i < len(w.tokens) {
		switch {
		case w.is(i, "."):
			name, ok := w.memberName(i + 1)
			if !ok {
				return r, i + 1
			}
			w.settle(r, false)
			r = w.member(r, name, i+1)
			i += 2
		case w.is(i, "["):
			r, i = w.subscript(r, i, s)
		case w.is(i, "("):
			w.settle(r, false)
			r, i = w.call(r, i, s)
		case w.is(i, "="):
			w.settle(r, true)
			return w.assign(r, i+1, s)
		default:
			w.settle(r, false)
			return r, i
		}
	}
	w.settle(r, false)
	return r, i
}

// head reads what a chain begins with.
func (w *walker) head(i int, s *scope) (reference, int) {
	switch {
	case w.is(i, "this"):
		typ := s.this()
		return reference{typ: typ}, i + 1
	case w.is(i, "new"):
		return w.construct(i, s)
	}
	name, ok := w.named(i)
	if !ok {
		return reference{}, i // the chain goes on behind something in brackets
	}
	return w.variable(name, i, s), i + 1
}

// variable finds what a name stands for.
func (w *walker) variable(name string, token int, s *scope) reference {
	if at := s.find(name); at != nil {
		r := reference{typ: at.names[name], fn: at.functions[name], scope: at, name: name}
		if at == w.global {
			r.path = "$" + name
		}
		if r.fn != nil {
			r.typ = "#@" + name
		}
		return r
	}
	switch {
	case name == "application":
		return reference{typ: "Application"}
	case w.class(name):
		w.mark(w.mentioned, name)
		w.use(w.members[name][""], token, true)
		return reference{typ: "#" + name, scope: w.global, name: name}
	}
	if a := w.table.function(name); a != nil {
		w.use(a, token, true)
		return reference{}
	}
	return reference{scope: w.global, name: name, path: "$" + name}
}

// construct reads new X(...).
func (w *walker) construct(i int, s *scope) (reference, int) {
	i++
	name, ok := w.named(i)
	if !ok {
		return reference{}, i
	}
	class := w.variable(name, i, s)
	i++
	for w.is(i, ".") { // a constructor in an object of the script's
		member, _ := w.memberName(i + 1)
		class = w.member(class, member, i+1)
		i += 2
	}
	var types []string
	open := i
	if w.is(i, "(") {
		types, i = w.arguments(i, s)
	}
	typ, known := strings.CutPrefix(class.typ, "#")
	if class.fn != nil {
		w.learnOne(&class.fn.this, typ)
		w.give(class.fn, types)
	}
	if typ == "NetStream" && len(types) > 1 {
		w.use(w.members["NetStream"]["new#group"], open, true)
	}
	if !known || typ == "Object" || typ == "Array" {
		return reference{}, i
	}
	return reference{typ: typ}, i
}

// member goes on to a member.
func (w *walker) member(r reference, name string, token int) reference {
	if constructor, ok := strings.CutPrefix(r.typ, "#"); ok {
		if name == "prototype" {
			return reference{typ: constructor}
		}
		if a := w.members[constructor][name]; a != nil && a.Kind == "static" {
			return reference{api: a, name: name, token: token}
		}
		return w.ownMember(constructor+"#", name)
	}
	key := r.typ + "." + name
	if a := w.members[r.typ][name]; a != nil && a.Kind != "static" && !w.overridden[key] && w.class(r.typ) {
		next := reference{api: a, name: name, token: token, path: key, guessed: r.guessed}
		if a.Kind == "property" && len(a.Types) > 0 {
			next.typ = a.Types[0]
		}
		return next
	}
	if element(r.typ) != "" {
		return w.list(r, name)
	}
	next := w.ownMember(r.inside(), name)
	next.token = token
	if r.typ == "" || r.typ == manyTypes {
		next.unknown = next.typ == "" && next.fn == nil
		next.guessed = r.guessed
	}
	if typ := w.fields[name]; next.unknown && typ != "" && typ != manyTypes {
		next.typ, next.guessed = typ, true
	}
	return next
}

// ownMember is a member that the script has made.
func (w *walker) ownMember(path, name string) reference {
	if path == "" {
		return reference{name: name}
	}
	key := path + "." + name
	return reference{typ: w.properties[key], fn: w.methods[key], name: name, path: key}
}

// list is a method of an array whose elements are known.
func (w *walker) list(r reference, name string) reference {
	switch name {
	case "pop", "shift":
		return reference{api: &API{Kind: "method", Types: []string{element(r.typ)}}}
	case "slice", "concat", "splice", "reverse", "sort":
		return reference{api: &API{Kind: "method", Types: []string{r.typ}}}
	case "push", "unshift":
		return reference{name: "push", scope: r.scope, path: r.path}
	}
	return reference{}
}

// subscript goes on to an element, or to the member whose name stands in the brackets.
func (w *walker) subscript(r reference, i int, s *scope) (reference, int) {
	w.settle(r, false)
	end := min(w.match[i], len(w.tokens))
	if end == i+2 && w.tokens[i+1].Kind == es3.String && element(r.typ) == "" {
		return w.member(r, unquoted(w.tokens[i+1].Text), i+1), end + 1
	}
	w.walk(i+1, end, s)
	next := reference{typ: element(r.typ), index: true, scope: r.scope, name: r.name, guessed: r.guessed}
	if r.scope == nil {
		next.name = r.path
	}
	if in := r.inside(); in != "" && next.typ == "" {
		next.path = in + "[]"
	}
	return next, end + 1
}

// call goes on to a result.
func (w *walker) call(r reference, i int, s *scope) (reference, int) {
	types, next := w.arguments(i, s)
	w.give(r.fn, types)
	switch {
	case r.fn != nil:
		return reference{typ: r.fn.result}, next
	case r.api != nil:
		w.special(r.api, i)
		if len(r.api.Types) > 0 && (r.api.Kind == "method" || r.api.Kind == "static") {
			return reference{typ: r.api.Types[0]}, next
		}
	case (r.name == "push" || r.name == "unshift") && len(types) == 1 && types[0] != "":
		w.learnElement(r, types[0])
	}
	return reference{}, next
}

// learnElement notes what is put into an array with push.
func (w *walker) learnElement(r reference, typ string) {
	if r.scope != nil {
		return // the name is the method's
	}
	if list, ok := strings.CutSuffix(r.path, ".push"); ok && strings.Contains(list, ".") {
		w.learn(w.properties, list, typ+"[]")
	} else if name, global := strings.CutPrefix(list, "$"); ok && global {
		w.learn(w.global.names, name, typ+"[]")
	}
}

// assign reads what is assigned to a reference.
func (w *walker) assign(r reference, i int, s *scope) (reference, int) {
	if w.is(i, "function") {
		f := w.functionAt(i)
		w.handler(r, f)
		_, next := w.function(i, s)
		w.handler(r, f) // now its parameters are known
		return reference{}, next
	}
	if name, ok := w.named(i); ok && !w.is(i+1, ".") && !w.is(i+1, "(") && !w.is(i+1, "=") {
		if at := s.find(name); at != nil && at.functions[name] != nil {
			w.handler(r, at.functions[name])
			return reference{}, i + 1
		}
	}
	typ, next := w.expression(i, s)
	w.store(r, typ)
	return reference{typ: typ}, next
}

// store notes the type of what is assigned.
func (w *walker) store(r reference, typ string) {
	switch {
	case r.index && r.scope != nil && typ != "":
		w.learn(r.scope.names, r.name, typ+"[]")
	case r.index && r.name != "" && typ != "":
		w.learn(w.properties, r.name, typ+"[]")
	case r.index:
	case r.scope != nil:
		w.learn(r.scope.names, r.name, typ)
	case r.api == nil && r.path != "":
		w.learn(w.properties, r.path, typ)
	}
	if r.unknown {
		w.learn(w.fields, r.name, typ)
	}
}

// handler notes that a function is assigned to a reference: what this and its arguments are.
func (w *walker) handler(r reference, f *function) {
	switch {
	case r.index:
	case r.scope != nil: // var name = function
		if _, declared := r.scope.names[r.name]; !declared {
			w.learn(r.scope.names, r.name, "")
		}
		r.scope.functions[r.name] = f
	case r.api != nil && r.api.Kind == "event":
		w.learnOne(&f.this, r.api.Class)
		w.give(f, r.api.Types)
	case r.api != nil && r.api.Kind == "method":
		w.mark(w.overridden, r.api.Class+"."+r.name)
	case r.path != "":
		owner := r.path[:max(0, strings.LastIndexByte(r.path, '.'))]
		if w.class(owner) || strings.HasPrefix(owner, "@") && !strings.HasSuffix(owner, "#") {
			w.learnOne(&f.this, owner)
		}
		w.learnMethod(r.path, f)
		if !w.class(owner) {
			w.mark(w.own, r.name)
		}
	case r.name != "":
		w.mark(w.own, r.name)
	}
}

// settle notes a use of what a chain has come to.
func (w *walker) settle(r reference, assigned bool) {
	switch {
	case r.api != nil && r.api.Class != "" && r.api.Kind != "class":
		w.use(r.api, r.token, !r.guessed)
	case r.unknown && !w.own[r.name]:
		if a := w.unique[r.name]; a != nil && w.likely(a) && !(assigned && a.Kind == "method") {
			w.use(a, r.token, false)
		}
	}
}

// likely says whether a member of something unknown can be that of the server's class.
func (w *walker) likely(a *API) bool {
	if _, own := w.global.names[a.Class]; own || w.overridden[a.Class+"."+a.Member] {
		return false
	}
	return a.Support != No || w.mentioned[a.Class]
}
