package es3

import "github.com/dop251/goja"

// accessors adds the functions that define and find getters and setters.
func (in *installer) accessors() {
	vm, proto := in.vm, in.prototype("Object")
	describe := in.native(in.constructor("Object"), "getOwnPropertyDescriptor")

	define := func(set bool) native {
		return func(call goja.FunctionCall) goja.Value {
			fn := call.Argument(1)
			callable(vm, fn, "the accessor")
			getter, setter := fn, goja.Value(nil)
			if set {
				getter, setter = nil, fn
			}
			object, name := call.This.ToObject(vm), call.Argument(0).String()
			must(object.DefineAccessorProperty(name, getter, setter, goja.FLAG_TRUE, goja.FLAG_TRUE))
			return goja.Undefined()
		}
	}
	lookup := func(half string) native {
		return func(call goja.FunctionCall) goja.Value {
			for o := call.This.ToObject(vm); o != nil; o = o.Prototype() {
				found := describe(goja.FunctionCall{This: goja.Undefined(), Arguments: []goja.Value{o, call.Argument(0)}})
				if descriptor, ok := found.(*goja.Object); ok {
					return orUndefined(descriptor.Get(half))
				}
			}
			return goja.Undefined()
		}
	}
	in.method(proto, "__defineGetter__", define(false))
	in.method(proto, "__defineSetter__", define(true))
	in.method(proto, "__lookupGetter__", lookup("get"))
	in.method(proto, "__lookupSetter__", lookup("set"))
}

func orUndefined(v goja.Value) goja.Value {
	if v == nil {
		return goja.Undefined()
	}
	return v
}
