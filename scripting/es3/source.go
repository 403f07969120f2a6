package es3

import (
	"math"
	"strings"

	"github.com/dop251/goja"
)

// Limits of toSource.
const (
	maxSourceDepth = 500     // of objects in each other
	maxSourceSize  = 4 << 20 // bytes
)

// source adds toSource and uneval.
func (in *installer) source() {
	vm := in.vm
	var own *goja.Object
	own = in.function("toSource", func(call goja.FunctionCall) goja.Value {
		w := &sourceWriter{vm: vm, own: own, wrapped: true}
		return w.write(call.This)
	})
	in.hidden(in.prototype("Object"), "toSource", own)
	in.method(vm.GlobalObject(), "uneval", func(call goja.FunctionCall) goja.Value {
		w := &sourceWriter{vm: vm, own: own}
		return w.write(call.Argument(0))
	})
}

// sourceWriter writes a value as source. Objects that occur more than once get a number: #1={a:#1#}.
type sourceWriter struct {
	vm      *goja.Runtime
	own     *goja.Object // toSource, unless a script put another one in its place
	wrapped bool         // strings, numbers and booleans are written as objects
	out     strings.Builder
	often   map[*goja.Object]int // how often an object occurs
	numbers map[*goja.Object]int
}

func (w *sourceWriter) write(v goja.Value) goja.Value {
	w.often, w.numbers = map[*goja.Object]int{}, map[*goja.Object]int{}
	w.count(v, 0)
	if w.wrapped {
		if _, object := v.(*goja.Object); !object {
			v = v.ToObject(w.vm)
		}
	}
	w.value(v, true)
	return w.vm.ToValue(w.out.String())
}

// throw throws a RangeError.
func (w *sourceWriter) throw(message string) {
	constructor := w.vm.GlobalObject().Get("RangeError")
	made, err := w.vm.New(constructor, w.vm.ToValue(message))
	must(err)
	panic(made)
}

// count goes through all objects.
func (w *sourceWriter) count(v goja.Value, depth int) {
	o, ok := v.(*goja.Object)
	if !ok || !structured(o) {
		return
	}
	if depth > maxSourceDepth {
		w.throw("object nested too deeply for toSource")
	}
	w.often[o]++
	if w.often[o] > 1 {
		return
	}
	for _, key := range o.Keys() {
		w.count(o.Get(key), depth+1)
	}
}

// structured reports whether an object is written with its properties.
func structured(o *goja.Object) bool {
	switch o.ClassName() {
	case "Function", "String", "Number", "Boolean", "Date", "RegExp", "Error":
		return false
	}
	return true
}

func (w *sourceWriter) value(v goja.Value, outermost bool) {
	if w.out.Len() > maxSourceSize {
		w.throw("object too large for toSource")
	}
	switch {
	case v == nil || goja.IsUndefined(v):
		w.out.WriteString("(void 0)")
	case goja.IsNull(v):
		w.out.WriteString("null")
	default:
		w.present(v, outermost)
	}
}

func (w *sourceWriter) present(v goja.Value, outermost bool) {
	switch v := v.(type) {
	case *goja.Object:
		w.object(v, outermost)
	case goja.String:
		w.out.WriteString(quoted(v, '"'))
	default:
		w.out.WriteString(primitive(v))
	}
}

func primitive(v goja.Value) string {
	if f, ok := v.Export().(float64); ok && f == 0 && math.Signbit(f) {
		return "-0"
	}
	return v.String()
}

func (w *sourceWriter) object(o *goja.Object, outermost bool) {
	if !outermost && w.foreign(o) {
		return
	}
	switch o.ClassName() {
	case "Function":
		w.out.WriteString("(" + o.String() + ")")
	case "RegExp":
		w.out.WriteString(o.String())
	case "String":
		w.out.WriteString("(new String(" + quoted(text(o), '"') + "))")
	case "Number":
		w.out.WriteString("(new Number(" + primitive(o.ToNumber()) + "))")
	case "Boolean":
		w.out.WriteString("(new Boolean(" + o.String() + "))")
	case "Date":
		w.out.WriteString("(new Date(" + o.ToNumber().String() + "))")
	case "Error":
		w.failure(o)
	default:
		w.shared(o, outermost)
	}
}
