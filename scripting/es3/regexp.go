package es3

import (
	"strconv"
	"unicode/utf16"

	"github.com/dop251/goja"
)

// statics are the properties of RegExp that tell about the last match of any regular expression.
type statics struct {
	input     goja.String // what exec takes without an argument
	subject   goja.String
	groups    []goja.Value // the match and its groups, as strings or undefined
	index     int
	multiline goja.Value
}

// maxGroups is how many groups of a match are kept.
const maxGroups = 100

// digits are the names of the first elements of an array.
var digits = [...]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

// note keeps what exec returned.
func (s *statics) note(result *goja.Object, subject goja.String) {
	count := min(int(result.Get("length").ToInteger()), maxGroups)
	s.groups = s.groups[:0]
	for i := range count {
		s.groups = append(s.groups, result.Get(element(i)))
	}
	s.index = int(result.Get("index").ToInteger())
	s.subject, s.input = subject, subject
}

// text is a value as a string. (ToString of goja leaves undefined and null what they are.)
func text(v goja.Value) goja.String {
	if s, ok := v.ToString().(goja.String); ok {
		return s
	}
	return goja.StringFromUTF16(utf16.Encode([]rune(v.String())))
}

// element is the name of an element of an array.
func element(i int) string {
	if i < len(digits) {
		return digits[i]
	}
	return strconv.Itoa(i)
}

// noteCall keeps what a function that replaces a match was called with: the match, its groups, the index, the string.
func (s *statics) noteCall(arguments []goja.Value) {
	last := len(arguments) - 1
	if last < 2 {
		return
	}
	subject, ok := arguments[last].(goja.String)
	if !ok {
		return
	}
	s.groups = append(s.groups[:0], arguments[:min(last-1, maxGroups)]...)
	s.index = int(arguments[last-1].ToInteger())
	s.subject, s.input = subject, subject
}

// group is the match or one of its groups, empty if there is none.
func (s *statics) group(i int) goja.Value {
	if i < 0 || i >= len(s.groups) || goja.IsUndefined(s.groups[i]) {
		return emptyString
	}
	return s.groups[i]
}

var emptyString = goja.StringFromUTF16(nil)

func (s *statics) left() goja.Value {
	if s.subject == nil {
		return emptyString
	}
	return s.subject.Substring(0, s.index)
}

func (s *statics) right() goja.Value {
	if s.subject == nil {
		return emptyString
	}
	end := s.index
	if match, ok := s.group(0).(goja.String); ok {
		end += match.Length()
	}
	return s.subject.Substring(end, s.subject.Length())
}

// lastGroup is the last group of the match, empty if it has none.
func (s *statics) lastGroup() goja.Value {
	if len(s.groups) < 2 {
		return emptyString
	}
	return s.group(len(s.groups) - 1)
}

// regexps adds the statics and has everything that matches set them. With an exec of its own a runtime runs all matching
// of strings through it, except for split and for functions that replace.
func (in *installer) regexps() {
	vm, proto := in.vm, in.prototype("RegExp")
	s := &statics{input: emptyString, multiline: vm.ToValue(false)}
	in.staticProperties(s)

	m := &matcher{vm: vm, statics: s, exec: in.native(proto, "exec"), construct: in.constructor("RegExp"), global: map[string]*goja.Object{}}
	in.method(proto, "exec", func(call goja.FunctionCall) goja.Value { return m.match(call) })
	in.method(proto, "test", func(call goja.FunctionCall) goja.Value { return vm.ToValue(!goja.IsNull(m.match(call))) })

	replace, ok := proto.GetSymbol(goja.SymReplace).Export().(native)
	if !ok {
		return
	}
	in.symbolMethod(proto, goja.SymReplace, "[Symbol.replace]", func(call goja.FunctionCall) goja.Value { return m.replace(replace, call) })
	in.symbolMethod(proto, goja.SymSplit, "[Symbol.split]", m.split)
}

func (in *installer) symbolMethod(to *goja.Object, symbol *goja.Symbol, name string, fn native) {
	in.note(to.DefineDataPropertySymbol(symbol, in.function(name, fn), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}

// staticProperties adds the properties of RegExp.
func (in *installer) staticProperties(s *statics) {
	constructor := in.constructor("RegExp")
	property := func(get func() goja.Value, set func(goja.Value), names ...string) {
		getter := in.vm.ToValue(func(goja.FunctionCall) goja.Value { return get() })
		var setter goja.Value
		if set != nil {
			setter = in.vm.ToValue(func(call goja.FunctionCall) goja.Value { set(call.Argument(0)); return goja.Undefined() })
		}
		for _, name := range names {
			in.note(constructor.DefineAccessorProperty(name, getter, setter, goja.FLAG_TRUE, goja.FLAG_FALSE))
		}
	}
	for i := 1; i <= 9; i++ {
		property(func() goja.Value { return s.group(i) }, nil, "$"+digits[i])
	}
	property(func() goja.Value { return s.group(0) }, nil, "lastMatch", "$&")
	property(s.lastGroup, nil, "lastParen", "$+")
	property(s.left, nil, "leftContext", "$`")
	property(s.right, nil, "rightContext", "$'")
	property(func() goja.Value { return s.input }, func(v goja.Value) { s.input = text(v) }, "input", "$_")
	property(func() goja.Value { return s.multiline }, func(v goja.Value) { s.multiline = in.vm.ToValue(v.ToBoolean()) }, "multiline", "$*")
}
