package engine

import (
	"fmt"

	"github.com/dop251/goja"
)

// Call is a call of a host method.
type Call struct {
	*Engine
	// This is the object, of the class or made from it.
	This *goja.Object
	// Args are the arguments.
	Args []goja.Value
}

// Arg returns an argument, undefined when it is not there.
func (c Call) Arg(i int) goja.Value {
	if i < len(c.Args) {
		return c.Args[i]
	}
	return goja.Undefined()
}

// Has says whether an argument is there and is not undefined.
func (c Call) Has(i int) bool { return i < len(c.Args) && !goja.IsUndefined(c.Args[i]) }

// String returns an argument as a string, "" when it is missing, undefined or null.
func (c Call) String(i int) string {
	if v := c.Arg(i); !goja.IsUndefined(v) && !goja.IsNull(v) {
		return v.String()
	}
	return ""
}

// Number returns an argument as a number, otherwise when it is missing or undefined.
func (c Call) Number(i int, otherwise float64) float64 {
	if !c.Has(i) {
		return otherwise
	}
	return c.Args[i].ToFloat()
}

// Bool returns an argument as a Boolean, otherwise when it is missing or undefined.
func (c Call) Bool(i int, otherwise bool) bool {
	if !c.Has(i) {
		return otherwise
	}
	return c.Args[i].ToBoolean()
}

// Value makes a script value of a Go one: numbers, strings, Booleans, nil (null), and what goja knows.
func (c Call) Value(v any) goja.Value { return c.VM.ToValue(v) }

// Shadow gives the object a property of its own in the place of the class's.
func (c Call) Shadow(name string, v goja.Value) {
	_ = c.This.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
}

// Method is a host method; self is the Go side of the object.
type Method[T any] func(self T, c Call) goja.Value

// Property is a host property. One without Set ignores what scripts assign.
type Property[T any] struct {
	Get func(self T, c Call) goja.Value
	Set func(self T, c Call, v goja.Value)
}

// Class describes a host class: a constructor with a prototype that scripts may extend, and ordinary objects with a Go
// side of type T (server-side-api 1.8).
type Class[T any] struct {
	Name string
	// New makes the Go side for `new Name(...)`. Nil: scripts cannot construct one, [Handle.Wrap] does. An error is thrown.
	New        func(e *Engine, o *goja.Object, args []goja.Value) (T, error)
	Methods    map[string]Method[T]
	Properties map[string]Property[T]
	// Statics are functions and values of the constructor: func(Call) goja.Value, or anything that goja knows.
	Statics map[string]any
}

// Handle is a class that has been defined.
type Handle[T any] struct {
	engine      *Engine
	Constructor *goja.Object
	Prototype   *goja.Object
}

// Define makes a class and sets it as a global.
func Define[T any](e *Engine, c Class[T]) *Handle[T] {
	h := Make(e, c)
	_ = e.VM.GlobalObject().DefineDataProperty(c.Name, h.Constructor, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	return h
}

// Make makes a class without setting a global.
func Make[T any](e *Engine, c Class[T]) *Handle[T] {
	h := &Handle[T]{engine: e}
	h.Constructor = e.VM.ToValue(func(call goja.ConstructorCall) *goja.Object {
		if c.New == nil {
			e.Throw("%s cannot be constructed", c.Name)
		}
		self, err := c.New(e, call.This, call.Arguments)
		if err != nil {
			e.Throw("%s: %v", c.Name, err)
		}
		h.bind(call.This, self)
		return nil
	}).ToObject(e.VM)
	_ = h.Constructor.DefineDataProperty("name", e.VM.ToValue(c.Name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	h.Prototype = h.Constructor.Get("prototype").ToObject(e.VM)
	for name, m := range c.Methods {
		h.method(c.Name, name, m)
	}
	for name, p := range c.Properties {
		h.property(c.Name, name, p)
	}
	for name, s := range c.Statics {
		if f, ok := s.(func(Call) goja.Value); ok {
			s = func(call goja.FunctionCall) goja.Value {
				this, _ := call.This.(*goja.Object)
				return f(Call{e, this, call.Arguments})
			}
		}
		e.Hide(h.Constructor, name, e.VM.ToValue(s))
	}
	return h
}

// Hide sets a property that does not show in for..in.
func (e *Engine) Hide(o *goja.Object, name string, v goja.Value) {
	_ = o.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

func (h *Handle[T]) method(class, name string, m Method[T]) {
	h.engine.Hide(h.Prototype, name, h.engine.VM.ToValue(func(call goja.FunctionCall) goja.Value {
		self, this, ok := h.self(call.This)
		if !ok {
			panic(h.engine.VM.NewTypeError(fmt.Sprintf("%s.%s was called on something else", class, name)))
		}
		v := m(self, Call{h.engine, this, call.Arguments})
		if v == nil {
			return goja.Undefined()
		}
		return v
	}))
}

func (h *Handle[T]) property(class, name string, p Property[T]) {
	get := func(call goja.FunctionCall) goja.Value {
		self, this, ok := h.self(call.This)
		if !ok {
			return goja.Undefined() // Name.prototype.property
		}
		if v := p.Get(self, Call{h.engine, this, nil}); v != nil {
			return v
		}
		return goja.Undefined()
	}
	if p.Set == nil {
		h.engine.accessor(h.Prototype, name, get, nil)
		return
	}
	set := func(call goja.FunctionCall) goja.Value {
		if self, this, ok := h.self(call.This); ok {
			p.Set(self, Call{h.engine, this, nil}, call.Argument(0))
		}
		return goja.Undefined()
	}
	h.engine.accessor(h.Prototype, name, get, set)
}

// bind gives an object its Go side.
func (h *Handle[T]) bind(o *goja.Object, self T) {
	_ = o.DefineDataPropertySymbol(h.engine.peer, h.engine.VM.ToValue(&peer[T]{self}), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
}

type peer[T any] struct{ self T }

// Wrap makes an object of the class for a Go side.
func (h *Handle[T]) Wrap(self T) *goja.Object {
	o := h.engine.VM.CreateObject(h.Prototype)
	h.bind(o, self)
	return o
}

// Self returns the Go side of an object of the class, or false.
func (h *Handle[T]) Self(v goja.Value) (T, bool) {
	self, _, ok := h.self(v)
	return self, ok
}

// self finds the Go side of an object, or of what it was made from: scripts set an object of a class as a prototype.
func (h *Handle[T]) self(v goja.Value) (self T, this *goja.Object, ok bool) {
	if h == nil {
		return self, nil, false // the class has not been asked for
	}
	this, ok = v.(*goja.Object)
	if !ok {
		return self, nil, false
	}
	v = this.GetSymbol(h.engine.peer)
	if v == nil {
		return self, nil, false
	}
	p, ok := v.Export().(*peer[T])
	if !ok {
		return self, nil, false
	}
	return p.self, this, true
}

// Lazy sets a global that is made when a script first asks for it, so that instances do not pay for what they do not use.
func (e *Engine) Lazy(name string, make func() goja.Value) {
	global := e.VM.GlobalObject()
	settle := func(v goja.Value) {
		_ = global.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	}
	get := func(goja.FunctionCall) goja.Value {
		v := make()
		settle(v)
		return v
	}
	set := func(call goja.FunctionCall) goja.Value {
		settle(call.Argument(0))
		return goja.Undefined()
	}
	_ = global.DefineAccessorProperty(name, e.VM.ToValue(get), e.VM.ToValue(set), goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// ScriptDefined says whether a function is written in script, and not one of the language or the host. Clients may call
// only those (server-side-api 3.3).
func ScriptDefined(f goja.Value) bool {
	o, ok := f.(*goja.Object)
	if !ok {
		return false
	}
	if _, ok := goja.AssertFunction(o); !ok {
		return false
	}
	text := o.String()
	const native = "() { [native code] }"
	return len(text) < len(native) || text[len(text)-len(native):] != native
}
