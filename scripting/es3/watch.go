package es3

import "github.com/dop251/goja"

// watched is a property whose assignments go through a handler.
type watched struct {
	value   goja.Value
	handler goja.Callable
	setter  *goja.Object // which tells that the property is still watched
}

// watches are the watched properties of an object. The object keeps them under a symbol.
type watches map[string]*watched

// watching adds watch and unwatch. The handler gets the name, the old and the new value and returns the value to keep.
func (in *installer) watching() {
	vm, proto := in.vm, in.prototype("Object")
	symbol := goja.NewSymbol("watch")
	describe := in.native(in.constructor("Object"), "getOwnPropertyDescriptor")
	descriptor := func(o *goja.Object, name string) *goja.Object {
		arguments := []goja.Value{o, vm.ToValue(name)}
		found, _ := describe(goja.FunctionCall{This: goja.Undefined(), Arguments: arguments}).(*goja.Object)
		return found
	}
	of := func(o *goja.Object) watches {
		own, _ := o.GetSymbol(symbol).(*goja.Object)
		if own == nil {
			return nil
		}
		held, _ := own.Export().(*heldWatches)
		if held == nil || held.object != o {
			return nil // those of a prototype
		}
		return held.watches
	}

	in.method(proto, "watch", func(call goja.FunctionCall) goja.Value {
		o, name := call.This.ToObject(vm), call.Argument(0).String()
		handler := callable(vm, call.Argument(1), "the handler")
		own := descriptor(o, name)
		all := of(o)
		if w := all[name]; w != nil && own != nil && own.Get("set") == w.setter {
			w.handler = handler
			return goja.Undefined()
		}
		if own != nil && own.Get("value") == nil {
			return goja.Undefined() // an accessor
		}
		if all == nil {
			all = watches{}
			held := vm.ToValue(&heldWatches{o, all})
			must(o.DefineDataPropertySymbol(symbol, held, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		}
		w := &watched{value: orUndefined(o.Get(name)), handler: handler}
		all[name] = w
		w.define(vm, o, name)
		return goja.Undefined()
	})
	in.method(proto, "unwatch", func(call goja.FunctionCall) goja.Value {
		o, name := call.This.ToObject(vm), call.Argument(0).String()
		all := of(o)
		w := all[name]
		if w == nil {
			return goja.Undefined()
		}
		delete(all, name)
		if own := descriptor(o, name); own != nil && own.Get("set") == w.setter {
			must(o.DefineDataProperty(name, w.value, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_NOT_SET))
		}
		return goja.Undefined()
	})
}

// heldWatches are the watches of the object.
type heldWatches struct {
	object  *goja.Object
	watches watches
}

// define makes the property an accessor.
func (w *watched) define(vm *goja.Runtime, o *goja.Object, name string) {
	getter := vm.ToValue(func(goja.FunctionCall) goja.Value { return w.value })
	w.setter = vm.ToValue(func(call goja.FunctionCall) goja.Value {
		kept, err := w.handler(call.This, vm.ToValue(name), w.value, call.Argument(0))
		must(err)
		w.value = kept
		return goja.Undefined()
	}).(*goja.Object)
	must(o.DefineAccessorProperty(name, getter, w.setter, goja.FLAG_TRUE, enumerable(o, name)))
}

// enumerable keeps what an existing property says and lets for in show a new one.
func enumerable(o *goja.Object, name string) goja.Flag {
	for _, own := range o.GetOwnPropertyNames() {
		if own == name {
			return goja.FLAG_NOT_SET
		}
	}
	return goja.FLAG_TRUE
}
