package scripting

import (
	"strings"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

// installGlobals defines the functions of all scripts (server-side-api 1.6).
func (h *host) installGlobals() {
	_ = h.VM.Set("trace", h.trace)
	_ = h.VM.Set("load", h.loadFile)
	_ = h.VM.Set("setAttributes", h.setAttributes)
}

// mostTraced is the longest line that trace logs, in bytes.
const mostTraced = 16 << 10

// trace logs its arguments.
func (h *host) trace(c goja.FunctionCall) goja.Value {
	parts := make([]string, len(c.Arguments))
	for n, a := range c.Arguments {
		parts[n] = a.String()
	}
	text := strings.Join(parts, " ")
	if len(text) > mostTraced {
		text = strings.ToValidUTF8(text[:mostTraced], "") + "..."
	}
	h.log.Info("trace", "text", text)
	return goja.Undefined()
}

// loadCall is a call of load whose file is still to run.
type loadCall struct {
	name string
	from engine.Problem // where it was called
}

// mostLoaded is how many files one instance may load.
const mostLoaded = 1000

// loadFile has a file run behind those that run already; once the instance has started, at once.
func (h *host) loadFile(c goja.FunctionCall) goja.Value {
	name := c.Argument(0).String()
	if len(h.loading)+len(h.loaded) >= mostLoaded {
		h.Throw("load: %d files have been loaded, the limit", mostLoaded)
	}
	h.loading = append(h.loading, loadCall{name, h.Here(engine.Exception)})
	if h.started {
		h.runLoaded()
	}
	return goja.Undefined()
}

// runSecure runs secure.asc, alone and with the functions of secure mode (server-side-api 1.6, 1.7).
func (h *host) runSecure(source string) error {
	global := h.VM.GlobalObject()
	secure := map[string]func(goja.FunctionCall) goja.Value{
		"getGlobal":     func(goja.FunctionCall) goja.Value { return global },
		"protectObject": h.protectObject,
	}
	for name, f := range secure {
		_ = global.Set(name, f)
	}
	err := h.Run("secure.asc", source)
	for name := range secure {
		_ = global.Delete(name)
	}
	return err
}

// protectObject returns an object whose methods can be called and neither seen nor replaced.
func (h *host) protectObject(c goja.FunctionCall) goja.Value {
	inner, ok := c.Argument(0).(*goja.Object)
	if !ok {
		panic(h.VM.NewTypeError("protectObject needs an object"))
	}
	outer := h.VM.NewObject()
	for _, name := range inner.Keys() {
		if _, isMethod := goja.AssertFunction(inner.Get(name)); !isMethod {
			continue
		}
		f := h.VM.ToValue(func(call goja.FunctionCall) goja.Value {
			method, ok := goja.AssertFunction(inner.Get(name))
			if !ok {
				return goja.Undefined()
			}
			v, err := method(inner, call.Arguments...)
			if err != nil {
				panic(err)
			}
			return v
		})
		_ = outer.DefineDataProperty(name, f, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
	}
	return outer
}

// setAttributes takes (object, property, enumerable, readonly, permanent).
func (h *host) setAttributes(c goja.FunctionCall) goja.Value {
	o, ok := c.Argument(0).(*goja.Object)
	if !ok {
		return h.VM.ToValue(false)
	}
	name := c.Argument(1).String()
	flag := func(n int, set goja.Flag, clear goja.Flag) goja.Flag {
		if c.Argument(n).ToBoolean() {
			return set
		}
		return clear
	}
	writable, configurable := flag(3, goja.FLAG_FALSE, goja.FLAG_TRUE), flag(4, goja.FLAG_FALSE, goja.FLAG_TRUE)
	err := o.DefineDataProperty(name, o.Get(name), writable, configurable, flag(2, goja.FLAG_TRUE, goja.FLAG_FALSE))
	if err != nil { // what var declares is permanent already, and cannot be hidden any more
		err = o.DefineDataProperty(name, o.Get(name), writable, goja.FLAG_NOT_SET, goja.FLAG_NOT_SET)
	}
	return h.VM.ToValue(err == nil)
}

// warn reports something odd that a script did.
func (h *host) warn(message string) {
	h.Report(engine.Problem{Kind: engine.Warning, Message: message})
}
