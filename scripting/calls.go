package scripting

import (
	"errors"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/scripting/engine"
)

// called runs what a client calls: a proxy, a method of the Client object by its dotted path, or what __resolve returns.
// builtin answers for methods that the script does not have (server-side-api 3.3).
func (h *host) called(conn *apps.Client, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer], builtin func()) {
	c := clientOf(conn)
	if c == nil {
		builtin()
		return
	}
	if p, ok := h.proxies[r.Method]; ok {
		p.forward(r, reply)
		return
	}
	f, this, ok := h.method(c.object, r.Method)
	if !ok {
		f, this, ok = h.resolve(c.object, r.Method)
	}
	if !ok {
		builtin()
		return
	}
	v, err := h.Call(f, this, h.values.ToScripts(r.Args)...)
	if !r.WantsAnswer {
		reply.Give(netconn.CallAnswer{})
		return
	}
	reply.Give(h.answer(v, err))
}

// answer is what a client gets for what a method returned.
func (h *host) answer(v goja.Value, err error) netconn.CallAnswer {
	if err != nil {
		var s *engine.ScriptError
		if errors.As(err, &s) {
			err = errors.New(s.Message) // neither file nor line are the client's affair
		}
		return netconn.CallAnswer{Err: err}
	}
	out, err := h.values.FromScript(v)
	return netconn.CallAnswer{Value: out, Err: err}
}

// mostPath is how many names a path of properties may have.
const mostPath = 32

// method finds a function by a path of properties, divided by dots or slashes. Only what scripts define can be called: not
// what the host or the language gives to objects. this is the object that has the function.
func (h *host) method(from *goja.Object, path string) (f goja.Callable, this *goja.Object, ok bool) {
	names := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '/' })
	if len(names) == 0 || len(names) > mostPath {
		return nil, nil, false
	}
	this = from
	err := h.Within(func() {
		for n, name := range names {
			v := this.Get(name)
			if v == nil || !reachable(name) {
				return
			}
			if n == len(names)-1 {
				f, ok = goja.AssertFunction(v)
				ok = ok && engine.ScriptDefined(v)
				return
			}
			next, isObject := v.(*goja.Object)
			if !isObject {
				return
			}
			this = next
		}
	})
	return f, this, ok && err == nil
}

// reachable keeps clients away from what every object has, and from handlers that the server calls.
func reachable(name string) bool {
	switch name {
	case "constructor", "prototype", "__proto__", "__resolve", "toString", "valueOf", "toSource", "onFarAddressChange", "onReportingAddressChange",
		"onGroupJoin", "onGroupLeave":
		return false
	}
	return true
}

// resolve asks the object's __resolve for a function.
func (h *host) resolve(o *goja.Object, name string) (goja.Callable, *goja.Object, bool) {
	v, has, err := h.CallMethod(o, "__resolve", h.VM.ToValue(name))
	if !has || err != nil {
		return nil, nil, false
	}
	f, ok := goja.AssertFunction(v)
	return f, o, ok
}

// forward hands a call on and relays the answer.
func (p proxy) forward(r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	var done func(netconn.Result)
	if r.WantsAnswer {
		done = func(a netconn.Result) { reply.Give(netconn.CallAnswer{Value: a.Value, Err: a.Err}) }
	}
	if err := p.to(p.method, done, r.Args...); err != nil {
		reply.Give(netconn.CallAnswer{Err: err})
		return
	}
	if !r.WantsAnswer {
		reply.Give(netconn.CallAnswer{})
	}
}

// number is a value as a number, 0 for nil.
func number(v goja.Value) float64 {
	if v == nil {
		return 0
	}
	return v.ToFloat()
}

// text is a value as a string, "" for nil.
func text(v goja.Value) string {
	if v == nil {
		return ""
	}
	return v.String()
}

func itoa(n int) string { return strconv.Itoa(n) }
