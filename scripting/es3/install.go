package es3

import (
	"fmt"

	"github.com/dop251/goja"
)

// Install gives a new runtime what SpiderMonkey 1.5 had and goja has not (server-side-api 1.8). Nothing of it shows up in
// for in. Call it once, before any script runs, on the goroutine of the runtime.
//
//   - objects: __defineGetter__, __defineSetter__, __lookupGetter__, __lookupSetter__, toSource, watch, unwatch
//   - functions: arity; the text handed to Function goes through [Rewrite]
//   - dates: getYear, setYear, toGMTString
//   - strings: anchor, big, blink, bold, fixed, fontcolor, fontsize, italics, link, small, strike, sub, sup
//   - RegExp: $1 to $9, input, lastMatch, lastParen, leftContext, rightContext and their short names. RegExp.multiline
//     is only kept, it changes no matching.
//   - the global object: uneval
//
// A watched property is an accessor: deleting it ends the watching, and one that is an accessor already cannot be watched.
func Install(vm *goja.Runtime) error {
	in := &installer{vm: vm}
	for _, part := range []func(*installer){
		(*installer).accessors, (*installer).watching, (*installer).source, (*installer).functions,
		(*installer).dates, (*installer).markup, (*installer).regexps, (*installer).translation,
	} {
		part(in)
	}
	return in.err
}

// installer adds properties to a runtime and keeps the first error.
type installer struct {
	vm  *goja.Runtime
	err error
}

// native is a function in Go that scripts call.
type native = func(goja.FunctionCall) goja.Value

// constructor returns the global function of that name.
func (in *installer) constructor(name string) *goja.Object {
	return in.object(in.vm.GlobalObject(), name)
}

// prototype returns the prototype of the instances of a global function.
func (in *installer) prototype(name string) *goja.Object {
	return in.object(in.constructor(name), "prototype")
}

// object returns a property that is an object, an empty one after an error.
func (in *installer) object(of *goja.Object, name string) *goja.Object {
	o, ok := of.Get(name).(*goja.Object)
	if !ok {
		in.note(fmt.Errorf("es3: the runtime has no %s", name))
		return in.vm.NewObject()
	}
	return o
}

// native returns a function of the runtime itself, to call without going through properties that scripts can change.
func (in *installer) native(of *goja.Object, name string) native {
	fn, ok := of.Get(name).Export().(native)
	if !ok {
		in.note(fmt.Errorf("es3: the runtime has no function %s", name))
	}
	return fn
}

// note keeps the first error.
func (in *installer) note(err error) {
	if in.err == nil {
		in.err = err
	}
}

// function makes a function of that name.
func (in *installer) function(name string, fn native) *goja.Object {
	f := in.vm.ToValue(fn).(*goja.Object)
	in.note(f.DefineDataProperty("name", in.vm.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	return f
}

// method adds a function to an object.
func (in *installer) method(to *goja.Object, name string, fn native) {
	in.hidden(to, name, in.function(name, fn))
}

// hidden adds a property that for in does not show.
func (in *installer) hidden(to *goja.Object, name string, value goja.Value) {
	in.note(to.DefineDataProperty(name, value, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE))
}

// must throws an error of the runtime to the script.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// callable returns a function of the script, or throws a TypeError.
func callable(vm *goja.Runtime, v goja.Value, what string) goja.Callable {
	fn, ok := goja.AssertFunction(v)
	if !ok {
		panic(vm.NewTypeError("%s is not a function", what))
	}
	return fn
}
