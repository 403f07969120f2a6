package bytearrays

import (
	"errors"
	"math"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
	"afterglow/scripting/values"
)

// library is the class within one engine. It is made when it is first needed, by a script or by a message.
type library struct {
	engine *engine.Engine
	values *values.Converter
	class  *engine.Handle[*buffer]
}

// Install sets the global ByteArray, and tells the converter of it.
func Install(e *engine.Engine, c *values.Converter) {
	l := &library{engine: e, values: c}
	e.Lazy("ByteArray", func() goja.Value { return l.handle().Constructor })
	c.ByteArray = func(b []byte) *goja.Object { return l.handle().Wrap(&buffer{data: b, encoding: l.defaultEncoding()}) }
	c.Bytes = func(o *goja.Object) ([]byte, bool) {
		if b, ok := l.self(o); ok {
			return b.data, true
		}
		return nil, false
	}
}

// self returns the buffer of an object, or false.
func (l *library) self(v goja.Value) (*buffer, bool) {
	if l.class == nil {
		return nil, false
	}
	return l.class.Self(v)
}

func (l *library) handle() *engine.Handle[*buffer] {
	if l.class != nil {
		return l.class
	}
	l.class = engine.Make(l.engine, engine.Class[*buffer]{
		Name: "ByteArray",
		New: func(*engine.Engine, *goja.Object, []goja.Value) (*buffer, error) {
			return &buffer{encoding: l.defaultEncoding()}, nil
		},
		Methods:    l.methods(),
		Properties: properties(),
		Statics:    map[string]any{"defaultObjectEncoding": amf3},
	})
	l.index()
	return l.class
}

// defaultEncoding is what scripts set as ByteArray.defaultObjectEncoding.
func (l *library) defaultEncoding() int {
	if v := l.handle().Constructor.Get("defaultObjectEncoding"); v != nil && goja.IsNumber(v) && v.ToInteger() == amf0 {
		return amf0
	}
	return amf3
}

// index makes bytes show as properties 0, 1, 2, …: arrays are ordinary objects, and what neither they nor their class
// have is asked of a proxy at the end of the prototype chain. For that reason `0 in bytes` is false.
func (l *library) index() {
	proxy := l.engine.VM.NewProxy(l.engine.VM.NewObject(), &goja.ProxyTrapConfig{
		GetIdx: func(_ *goja.Object, i int, receiver goja.Value) goja.Value {
			if b, ok := l.self(receiver); ok && i >= 0 && i < len(b.data) {
				return l.engine.VM.ToValue(int(b.data[i]))
			}
			return goja.Undefined()
		},
		SetIdx: func(_ *goja.Object, i int, v, receiver goja.Value) bool {
			b, ok := l.self(receiver)
			if !ok {
				return false
			}
			n := uint8(toUint32(v.ToFloat()))
			if err := b.setIndex(i, n); err != nil {
				throw(l.engine, err)
			}
			return true
		},
	})
	_ = l.class.Prototype.SetPrototype(l.engine.VM.ToValue(proxy).ToObject(l.engine.VM)) // it makes no cycle
}

func (b *buffer) setIndex(i int, n uint8) error {
	if i < 0 {
		return outOfRange()
	}
	if i >= MaxLength {
		return outOfMemory()
	}
	if i >= len(b.data) {
		if err := b.resize(i + 1); err != nil {
			return err
		}
	}
	b.data[i] = n
	return nil
}

// throw ends the host function with an Error that has the number as errorID, as Flash's errors have it.
func throw(e *engine.Engine, err error) {
	var f *failure
	if !errors.As(err, &f) {
		e.Rethrow(err)
	}
	o, made := e.VM.New(e.VM.Get("Error"), e.VM.ToValue(f.Error()))
	if made != nil {
		e.Throw("%v", err)
	}
	_ = o.Set("errorID", f.id)
	panic(o)
}

// toUint32 is the conversion of that name of the language.
func toUint32(f float64) uint32 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	f = math.Mod(math.Trunc(f), 1<<32)
	return uint32(int64(f))
}

// size takes an argument for a length or a place.
func size(c engine.Call, i int) int { return int(toUint32(c.Number(i, 0))) }

func properties() map[string]engine.Property[*buffer] {
	return map[string]engine.Property[*buffer]{
		"bytesAvailable": {Get: func(b *buffer, c engine.Call) goja.Value { return c.Value(b.available()) }},
		"length": {
			Get: func(b *buffer, c engine.Call) goja.Value { return c.Value(len(b.data)) },
			Set: func(b *buffer, c engine.Call, v goja.Value) {
				if err := b.resize(int(toUint32(v.ToFloat()))); err != nil {
					throw(c.Engine, err)
				}
				b.position = min(b.position, len(b.data))
			},
		},
		"position": {
			Get: func(b *buffer, c engine.Call) goja.Value { return c.Value(b.position) },
			Set: func(b *buffer, _ engine.Call, v goja.Value) { b.position = int(toUint32(v.ToFloat())) },
		},
		"endian": {
			Get: func(b *buffer, c engine.Call) goja.Value {
				if b.little {
					return c.Value("littleEndian")
				}
				return c.Value("bigEndian")
			},
			Set: func(b *buffer, c engine.Call, v goja.Value) {
				switch v.String() {
				case "littleEndian":
					b.little = true
				case "bigEndian":
					b.little = false
				default:
					throw(c.Engine, notAccepted("endian"))
				}
			},
		},
		"objectEncoding": {
			Get: func(b *buffer, c engine.Call) goja.Value { return c.Value(b.encoding) },
			Set: func(b *buffer, c engine.Call, v goja.Value) {
				n := v.ToFloat()
				if n != amf0 && n != amf3 {
					throw(c.Engine, notAccepted("objectEncoding"))
				}
				b.encoding = int(n)
			},
		},
	}
}
