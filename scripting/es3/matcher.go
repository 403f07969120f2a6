package es3

import (
	"math"
	"strings"

	"github.com/dop251/goja"
)

// matcher is what a runtime matches with.
type matcher struct {
	vm        *goja.Runtime
	statics   *statics
	exec      native // the runtime's own
	construct *goja.Object
	global    map[string]*goja.Object // global twins of regular expressions that split used
}

// maxTwins is how many of global are kept.
const maxTwins = 32

// match is exec that sets the statics. Without an argument it takes RegExp.input.
func (m *matcher) match(call goja.FunctionCall) goja.Value {
	subject := m.statics.input
	if len(call.Arguments) > 0 {
		subject = text(call.Arguments[0])
	}
	result := m.exec(goja.FunctionCall{This: call.This, Arguments: []goja.Value{subject}})
	if found, ok := result.(*goja.Object); ok {
		m.statics.note(found, subject)
	}
	return result
}

// replace has the statics tell about the match that a function replaces: while it runs, and after it.
func (m *matcher) replace(replace native, call goja.FunctionCall) goja.Value {
	fn, ok := goja.AssertFunction(call.Argument(1))
	if !ok {
		return replace(call)
	}
	noting := m.vm.ToValue(func(each goja.FunctionCall) goja.Value {
		arguments := append([]goja.Value(nil), each.Arguments...)
		m.statics.noteCall(arguments)
		value, err := fn(goja.Undefined(), arguments...)
		must(err)
		m.statics.noteCall(arguments)
		return value
	})
	return replace(goja.FunctionCall{This: call.This, Arguments: []goja.Value{call.Argument(0), noting}})
}

// split cuts a string at the matches of the regular expression. The runtime's own would try a match at each character.
func (m *matcher) split(call goja.FunctionCall) goja.Value {
	subject := text(call.Argument(0))
	limit := math.MaxUint32
	if v := call.Argument(1); !goja.IsUndefined(v) {
		limit = int(uint32(v.ToInteger()))
	}
	if limit == 0 {
		return m.vm.NewArray()
	}
	cut := cutter{m: m, twin: m.twin(call.This.ToObject(m.vm)), text: subject, limit: limit}
	return m.vm.NewArray(cut.parts()...)
}

// twin returns a regular expression like this one that looks for all matches.
func (m *matcher) twin(of *goja.Object) *goja.Object {
	flags := strings.NewReplacer("g", "", "y", "").Replace(of.Get("flags").String()) + "g"
	source := of.Get("source")
	key := flags + "/" + source.String()
	if twin := m.global[key]; twin != nil {
		return twin
	}
	twin, err := m.vm.New(m.construct, source, m.vm.ToValue(flags))
	must(err)
	if len(m.global) >= maxTwins {
		clear(m.global)
	}
	m.global[key] = twin
	return twin
}

// cutter cuts one string.
type cutter struct {
	m     *matcher
	twin  *goja.Object
	text  goja.String
	limit int
	out   []any
}

func (c *cutter) parts() []any {
	length := c.text.Length()
	if length == 0 {
		if c.next(0) != nil {
			return nil
		}
		return []any{c.text}
	}
	start, from := 0, 0
	for from < length {
		found := c.next(from)
		if found == nil {
			break
		}
		index := int(found.Get("index").ToInteger())
		end := index + found.Get("0").(goja.String).Length()
		if index >= length {
			break
		}
		if end == start {
			from++
			continue
		}
		if c.add(c.text.Substring(start, index)) || c.addGroups(found) {
			return c.out
		}
		start, from = end, end
	}
	c.add(c.text.Substring(start, length))
	return c.out
}

// next returns the first match from there on.
func (c *cutter) next(from int) *goja.Object {
	must(c.twin.Set("lastIndex", from))
	found, _ := c.m.exec(goja.FunctionCall{This: c.twin, Arguments: []goja.Value{c.text}}).(*goja.Object)
	if found != nil {
		c.m.statics.note(found, c.text)
	}
	return found
}

// add adds a part, and reports whether there are enough.
func (c *cutter) add(part goja.Value) bool {
	c.out = append(c.out, part)
	return len(c.out) >= c.limit
}

// addGroups adds the groups of a match.
func (c *cutter) addGroups(found *goja.Object) bool {
	for i := 1; i < int(found.Get("length").ToInteger()); i++ {
		if c.add(found.Get(element(i))) {
			return true
		}
	}
	return false
}
