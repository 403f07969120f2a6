package values

import (
	"errors"
	"slices"
	"strconv"

	"github.com/dop251/goja"

	"afterglow/amf"
	"afterglow/scripting/engine"
)

// ToScript makes a script value of an AMF value. Vectors become arrays; a dictionary becomes an object, with keys as
// text; an object that serializes itself becomes what it wraps, unless its class is registered; what no script can hold
// becomes undefined. Constructors and setters of registered classes run under guard: what they throw is reported, and the
// object gets the properties that it can.
func (c *Converter) ToScript(v amf.Value) goja.Value {
	if !hasIdentity(v) {
		in := incoming{Converter: c}
		return in.value(v)
	}
	return c.ToScripts([]amf.Value{v})[0]
}

// ToScripts makes script values of the values of one message: what occurs twice in it is one object. All of it is one call
// for the guard: what is left after an interruption is undefined.
func (c *Converter) ToScripts(vs []amf.Value) []goja.Value {
	in := incoming{Converter: c}
	out := make([]goja.Value, len(vs))
	if !slices.ContainsFunc(vs, hasIdentity) {
		in.all(out, vs)
		return out
	}
	err := c.engine.Within(func() { in.all(out, vs) })
	if err == nil {
		return out
	}
	if c.engine.Running() {
		c.engine.Rethrow(err)
	}
	for i := range out {
		if out[i] == nil {
			out[i] = goja.Undefined()
		}
	}
	return out
}

func (in *incoming) all(out []goja.Value, vs []amf.Value) {
	for i, v := range vs {
		out[i] = in.value(v)
	}
}

// incoming is the conversion of one message to script. Only constructors and setters of registered classes run script on
// the way: properties of all else are defined, not assigned.
type incoming struct {
	*Converter
	known identity[any, goja.Value]
}

func (in *incoming) value(v amf.Value) goja.Value {
	switch v := v.(type) {
	case nil:
		return goja.Null()
	case string, float64, bool, int, int32, int64, uint32, uint64:
		return in.engine.VM.ToValue(v)
	case amf.Date:
		return in.dateOf(v)
	case *amf.Object, *amf.Array, *amf.ByteArray, *amf.XML, *amf.Dictionary,
		*amf.VectorInt, *amf.VectorUint, *amf.VectorDouble, *amf.VectorObject:
		if o, ok := in.known.get(v); ok {
			return o
		}
		return in.compound(v)
	}
	return goja.Undefined()
}

// compound makes what has an identity. Whoever makes it remembers it before looking at what is inside.
func (in *incoming) compound(v amf.Value) goja.Value {
	switch v := v.(type) {
	case *amf.Object:
		return in.object(v)
	case *amf.Array:
		return in.array(v)
	case *amf.ByteArray:
		return in.remember(v, in.bytes(v))
	case *amf.XML:
		return in.remember(v, in.xml(v))
	case *amf.Dictionary:
		return in.dictionary(v)
	case *amf.VectorInt:
		return in.remember(v, numbers(in, v.Items))
	case *amf.VectorUint:
		return in.remember(v, numbers(in, v.Items))
	case *amf.VectorDouble:
		return in.remember(v, numbers(in, v.Items))
	case *amf.VectorObject:
		return in.list(v, v.Items)
	}
	return goja.Undefined()
}

func (in *incoming) remember(v amf.Value, o goja.Value) goja.Value {
	in.known.set(v, o)
	return o
}

func (in *incoming) dateOf(d amf.Date) goja.Value {
	o, err := in.engine.VM.New(in.date, in.engine.VM.ToValue(d.Milliseconds))
	if err != nil {
		return goja.Undefined()
	}
	return o
}

func (in *incoming) xml(x *amf.XML) goja.Value {
	if in.XML == nil {
		return in.engine.VM.ToValue(x.Text)
	}
	return in.XML(x.Text)
}

// bytes copies: others may hold the message too, and scripts write into their byte arrays.
func (in *incoming) bytes(b *amf.ByteArray) goja.Value {
	if in.ByteArray == nil {
		return goja.Undefined()
	}
	return in.ByteArray(slices.Clone(b.Bytes))
}

func (in *incoming) object(v *amf.Object) goja.Value {
	if v == nil {
		return goja.Null()
	}
	if constructor := in.constructor(v.Class); constructor != nil {
		return in.instance(v, constructor)
	}
	if w, ok := v.Externalizable.(*amf.Wrapped); ok && w != nil {
		in.remember(v, goja.Undefined()) // it may wrap itself
		return in.remember(v, in.value(w.Value))
	}
	o := in.engine.VM.NewObject()
	in.remember(v, o)
	for name, p := range v.All() {
		define(o, name, in.value(p))
	}
	return o
}

// define gives an object a property as a literal would, whatever its prototypes have of that name.
func define(o *goja.Object, name string, v goja.Value) {
	_ = o.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
}

// array makes an array. A property "length", which some senders add to mixed arrays, is not taken over.
func (in *incoming) array(v *amf.Array) goja.Value {
	if v == nil {
		return goja.Null()
	}
	o := in.list(v, v.Dense)
	for name, p := range v.All() {
		if name != "length" {
			define(o, name, in.value(p))
		}
	}
	return o
}

// list makes an array of elements, at once where none of them can lead back to it.
func (in *incoming) list(v amf.Value, items []amf.Value) *goja.Object {
	values := make([]any, len(items))
	if !slices.ContainsFunc(items, hasIdentity) {
		for i, item := range items {
			values[i] = in.value(item)
		}
		o := in.engine.VM.NewArray(values...)
		in.remember(v, o)
		return o
	}
	o := in.engine.VM.NewArray(values...)
	in.remember(v, o)
	for i, item := range items {
		define(o, strconv.Itoa(i), in.value(item))
	}
	return o
}

// hasIdentity says whether a value is more than a primitive.
func hasIdentity(v amf.Value) bool {
	switch v.(type) {
	case nil, string, float64, bool, int, int32, int64, uint32, uint64, amf.Date, amf.UndefinedType:
		return false
	}
	return true
}

func numbers[N int32 | uint32 | float64](in *incoming, items []N) goja.Value {
	values := make([]any, len(items))
	for i, n := range items {
		values[i] = float64(n)
	}
	return in.engine.VM.NewArray(values...)
}

func (in *incoming) dictionary(v *amf.Dictionary) goja.Value {
	o := in.engine.VM.NewObject()
	in.remember(v, o)
	for _, e := range v.Entries {
		define(o, in.key(e.Key), in.value(e.Value))
	}
	return o
}

// key is the name under which a script finds an entry of a dictionary: text as it is, numbers as scripts write them, and
// all else described.
func (in *incoming) key(k amf.Value) string {
	switch k := k.(type) {
	case string:
		return k
	case float64:
		return in.engine.VM.ToValue(k).String()
	}
	return amf.Format(k)
}

// instance makes an object of a registered class and assigns its properties. Where the constructor throws, the object has
// the class's prototype all the same.
func (in *incoming) instance(v *amf.Object, constructor *goja.Object) goja.Value {
	var o *goja.Object
	if construct, ok := goja.AssertConstructor(constructor); ok {
		_ = in.within(func() error {
			var err error
			o, err = construct(nil)
			return err
		})
	}
	if o == nil {
		o = in.bare(constructor)
	}
	in.remember(v, o)
	if w, ok := v.Externalizable.(*amf.Wrapped); ok && w != nil {
		in.unwrap(o, v.Class, w)
		return o
	}
	for name, p := range v.All() {
		in.assign(o, name, p)
	}
	return o
}

// bare makes an object as a constructor that does nothing would.
func (in *incoming) bare(constructor *goja.Object) *goja.Object {
	prototype := in.plain
	_ = in.within(func() error {
		if p, ok := constructor.Get("prototype").(*goja.Object); ok {
			prototype = p
		}
		return nil
	})
	return in.engine.VM.CreateObject(prototype)
}

func (in *incoming) unwrap(o *goja.Object, class string, w *amf.Wrapped) {
	property, proxy, _ := wrapper(class)
	if inner, ok := w.Value.(*amf.Object); ok && proxy && inner != nil {
		for name, p := range inner.All() {
			in.assign(o, name, p)
		}
		return
	}
	if property != "" {
		in.assign(o, property, w.Value)
	}
}

// assign sets a property, through setters of the class. A property that cannot be set is left out.
func (in *incoming) assign(o *goja.Object, name string, v amf.Value) {
	value := in.value(v)
	if name == "__proto__" {
		define(o, name, value)
		return
	}
	_ = in.within(func() error { return o.Set(name, value) })
}

// within runs what may run script. An exception is reported; an interruption ends the conversion.
func (in *incoming) within(f func() error) error {
	var failed error
	err := in.engine.Within(func() { failed = f() })
	var interrupted *goja.InterruptedError
	if errors.As(failed, &interrupted) {
		in.engine.Rethrow(failed)
	}
	var s *engine.ScriptError
	if errors.As(err, &s) && (s.Kind == engine.Runaway || s.Kind == engine.OutOfMemory) {
		in.engine.Rethrow(err)
	}
	if failed = errors.Join(err, failed); failed != nil {
		in.engine.Report(engine.Problem{Kind: engine.Warning, Message: "a received object: " + failed.Error()})
	}
	return err
}
