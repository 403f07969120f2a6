package values

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja"

	"afterglow/amf"
)

// FromScript makes an AMF value of a script value. Own enumerable properties are sent, getters are called, functions are
// left out (an argument or element that is one is undefined). Arrays with gaps or named elements become mixed arrays;
// regular expressions become their text. Errors are those of the script's getters, a *engine.ScriptError, and
// [amf.ErrLimit] where Limits says that it is too much.
func (c *Converter) FromScript(v goja.Value) (amf.Value, error) {
	if _, ok := v.(*goja.Object); !ok {
		out := outgoing{Converter: c, limits: c.limits()}
		return out.primitive(v)
	}
	vs, err := c.FromScripts([]goja.Value{v})
	if err != nil {
		return nil, err
	}
	return vs[0], nil
}

// FromScripts makes the values of one message of script values: what occurs twice among them is one pointer.
func (c *Converter) FromScripts(vs []goja.Value) ([]amf.Value, error) {
	out := outgoing{Converter: c, limits: c.limits()}
	values := make([]amf.Value, len(vs))
	if !slices.ContainsFunc(vs, isObject) {
		err := out.all(values, vs)
		return values, err
	}
	var failed error
	err := c.engine.Within(func() { failed = out.all(values, vs) })
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	return values, nil
}

func isObject(v goja.Value) bool {
	_, ok := v.(*goja.Object)
	return ok
}

func (c *Converter) limits() amf.Limits {
	l := c.Limits
	if l.MaxDepth <= 0 {
		l.MaxDepth = amf.DefaultMaxDepth
	}
	if l.MaxElements <= 0 {
		l.MaxElements = amf.DefaultMaxElements
	}
	if l.MaxBytes <= 0 {
		l.MaxBytes = amf.DefaultMaxBytes
	}
	return l
}

// outgoing is the conversion of one message from script. It runs within script where there is any object.
type outgoing struct {
	*Converter
	limits   amf.Limits
	known    identity[*goja.Object, amf.Value]
	depth    int
	elements int
	bytes    int
}

func (out *outgoing) all(values []amf.Value, vs []goja.Value) error {
	for i, v := range vs {
		var err error
		if values[i], err = out.value(v); err != nil {
			return err
		}
	}
	return nil
}

func (out *outgoing) value(v goja.Value) (amf.Value, error) {
	if o, ok := v.(*goja.Object); ok {
		return out.object(o)
	}
	return out.primitive(v)
}

func (out *outgoing) primitive(v goja.Value) (amf.Value, error) {
	switch {
	case v == nil || goja.IsUndefined(v):
		return amf.Undefined, nil
	case goja.IsNull(v):
		return nil, nil
	case goja.IsNumber(v):
		return v.ToFloat(), nil
	case goja.IsString(v):
		return out.text(v)
	case goja.IsBigInt(v):
		n, err := strconv.ParseFloat(v.String(), 64)
		if err != nil && !math.IsInf(n, 0) {
			return amf.Undefined, nil
		}
		return n, nil
	}
	if v.ExportType() == reflect.TypeFor[bool]() {
		return v.ToBoolean(), nil
	}
	return amf.Undefined, nil
}

func (out *outgoing) text(v goja.Value) (amf.Value, error) {
	if s, ok := v.(goja.String); ok && out.bytes+s.Length() > out.limits.MaxBytes {
		return nil, out.tooManyBytes()
	}
	s := v.String()
	return s, out.pay(len(s))
}

// pay counts bytes, and complains when they are too many.
func (out *outgoing) pay(n int) error {
	out.bytes += n
	if out.bytes > out.limits.MaxBytes {
		return out.tooManyBytes()
	}
	return nil
}

func (out *outgoing) tooManyBytes() error {
	return fmt.Errorf("%w: the value has more than %d bytes of text and data", amf.ErrLimit, out.limits.MaxBytes)
}

// countElements counts elements and properties, and complains when they are too many.
func (out *outgoing) countElements(n int) error {
	out.elements += n
	if out.elements > out.limits.MaxElements {
		return fmt.Errorf("%w: the value has more than %d elements", amf.ErrLimit, out.limits.MaxElements)
	}
	return nil
}

func isFunction(v goja.Value) bool {
	o, ok := v.(*goja.Object)
	return ok && strings.HasSuffix(o.ClassName(), "Function") // also AsyncFunction and GeneratorFunction
}

func (out *outgoing) object(o *goja.Object) (amf.Value, error) {
	if v, ok := out.known.get(o); ok {
		return v, nil
	}
	if out.depth++; out.depth > out.limits.MaxDepth {
		return nil, fmt.Errorf("%w: objects nest deeper than %d", amf.ErrLimit, out.limits.MaxDepth)
	}
	defer func() { out.depth-- }()
	switch class := o.ClassName(); class {
	case "Array", "Arguments":
		return out.array(o)
	case "Date":
		return dateFrom(o), nil
	case "Number", "String", "Boolean":
		return out.boxed(o)
	case "RegExp":
		return out.text(o.ToString())
	case "Error":
		return out.failure(o)
	default:
		if strings.HasSuffix(class, "Function") {
			return amf.Undefined, nil
		}
	}
	prototype := o.Prototype()
	if prototype == out.plain {
		return out.properties(o, "")
	}
	return out.special(o, prototype)
}

// special makes a value of an object that is not a plain one.
func (out *outgoing) special(o, prototype *goja.Object) (amf.Value, error) {
	if out.Bytes != nil {
		if b, ok := out.Bytes(o); ok {
			v := &amf.ByteArray{Bytes: bytes.Clone(b)}
			out.known.set(o, v)
			return v, out.pay(len(b))
		}
	}
	if out.XMLText != nil {
		if text, ok := out.XMLText(o); ok {
			v := &amf.XML{Text: text, Document: true}
			out.known.set(o, v)
			return v, out.pay(len(text))
		}
	}
	if out.typed(o) {
		return out.array(o)
	}
	class := out.className(prototype)
	if property, proxy, ok := wrapper(class); ok {
		return out.wrap(o, class, property, proxy)
	}
	return out.properties(o, class)
}

// typed says whether an object is one of the typed arrays of newer languages.
func (out *outgoing) typed(o *goja.Object) bool {
	t := o.ExportType()
	return t != nil && t.Kind() == reflect.Slice
}

func dateFrom(o *goja.Object) amf.Value {
	t, ok := o.Export().(time.Time)
	if !ok {
		return amf.Date{Milliseconds: math.NaN()}
	}
	return amf.Date{Milliseconds: float64(t.UnixMilli())}
}

// boxed makes a primitive of new Number, new String or new Boolean.
func (out *outgoing) boxed(o *goja.Object) (amf.Value, error) {
	if o.ClassName() == "String" {
		v, err := out.unbox(o)
		if err != nil {
			return nil, err
		}
		return out.text(v)
	}
	switch v := o.Export().(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case bool:
		return v, nil
	}
	return out.properties(o, "") // only looks like one
}

// failure makes an object of an Error: what it says goes along, although the language hides that.
func (out *outgoing) failure(o *goja.Object) (amf.Value, error) {
	v, err := out.properties(o, out.className(o.Prototype()))
	if err != nil {
		return nil, err
	}
	if object, ok := v.(*amf.Object); ok {
		message, err := out.value(o.Get("message"))
		object.Set("message", message)
		return object, err
	}
	return v, nil
}

// properties makes an object of the own enumerable properties. Members of a class are sealed, as those of classes are.
func (out *outgoing) properties(o *goja.Object, class string) (amf.Value, error) {
	v := &amf.Object{Class: class, Dynamic: class == ""}
	out.known.set(o, v)
	return v, out.fill(o, v)
}

func (out *outgoing) fill(o *goja.Object, v *amf.Object) error {
	keys := o.Keys()
	if err := out.countElements(len(keys)); err != nil {
		return err
	}
	for _, name := range keys {
		if err := out.property(o, name, &v.Properties); err != nil {
			return err
		}
	}
	return nil
}

// property adds one property of an object, unless it is a function.
func (out *outgoing) property(o *goja.Object, name string, to *amf.Properties) error {
	p := o.Get(name)
	if isFunction(p) {
		return nil
	}
	if err := out.pay(len(name)); err != nil {
		return err
	}
	v, err := out.value(p)
	if err == nil {
		to.Set(name, v)
	}
	return err
}

// wrap makes an object that serializes itself of an instance of its class.
func (out *outgoing) wrap(o *goja.Object, class, property string, proxy bool) (amf.Value, error) {
	w := &amf.Wrapped{}
	v := &amf.Object{Class: class, Externalizable: w}
	out.known.set(o, v)
	if proxy {
		inner := amf.NewObject()
		w.Value = inner
		return v, out.fill(o, inner)
	}
	if err := out.countElements(1); err != nil {
		return nil, err
	}
	var err error
	w.Value, err = out.value(o.Get(property))
	return v, err
}
