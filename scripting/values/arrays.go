package values

import (
	"strconv"

	"github.com/dop251/goja"

	"afterglow/amf"
)

// array makes an array of an Array, of arguments and of typed arrays: the elements up to the first gap are dense, those
// behind it and all named ones are properties.
func (out *outgoing) array(o *goja.Object) (amf.Value, error) {
	v := &amf.Array{}
	out.known.set(o, v)
	length := int64(0)
	if n := o.Get("length"); n != nil {
		length = n.ToInteger()
	}
	if err := out.affordable(o, length); err != nil {
		return nil, err
	}
	keys := o.Keys()
	if err := out.countElements(len(keys)); err != nil {
		return nil, err
	}
	n := denseKeys(keys)
	v.Dense = make([]amf.Value, n)
	for i, key := range keys[:n] {
		var err error
		if v.Dense[i], err = out.value(o.Get(key)); err != nil {
			return nil, err
		}
	}
	for _, name := range keys[n:] {
		if err := out.property(o, name, &v.Properties); err != nil {
			return nil, err
		}
	}
	v.ECMA = v.Len() > 0 || length > int64(n)
	return v, nil
}

// denseKeys returns how many of the keys are 0, 1, 2, …
func denseKeys(keys []string) int {
	var digits [20]byte
	for i, key := range keys {
		if string(strconv.AppendInt(digits[:0], int64(i), 10)) != key {
			return i
		}
	}
	return len(keys)
}

// counter counts the properties that a loop shows, up to a limit, without listing them.
const counter = `(function (o, most) { var n = 0; for (var k in o) if (++n > most) break; return n })`

// affordable refuses an array with too many elements before they are listed: a long one may have few.
func (out *outgoing) affordable(o *goja.Object, length int64) error {
	most := out.limits.MaxElements - out.elements
	if length <= int64(most) {
		return nil
	}
	if out.count == nil {
		f, err := out.engine.VM.RunString(counter)
		if err != nil {
			return err
		}
		out.count, _ = goja.AssertFunction(f)
	}
	n, err := out.count(goja.Undefined(), o, out.engine.VM.ToValue(most))
	if err != nil {
		return err
	}
	if n.ToInteger() > int64(most) {
		return out.countElements(most + 1)
	}
	return nil
}
