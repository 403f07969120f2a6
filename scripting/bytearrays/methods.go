package bytearrays

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/dop251/goja"

	"afterglow/amf"
	"afterglow/scripting/engine"
)

type method = engine.Method[*buffer]

func (l *library) methods() map[string]method {
	return map[string]method{
		"clear": func(b *buffer, _ engine.Call) goja.Value {
			b.replace(nil, 0)
			return nil
		},
		"compress":   act(func(b *buffer, c engine.Call) error { return b.compress(algorithm(c)) }),
		"uncompress": act(func(b *buffer, c engine.Call) error { return b.uncompress(algorithm(c)) }),
		"toString":   func(b *buffer, c engine.Call) goja.Value { return c.Value(utf8Text(b.data)) },

		"readBoolean":       read(1, func(_ binary.ByteOrder, b []byte) any { return b[0] != 0 }),
		"readByte":          read(1, func(_ binary.ByteOrder, b []byte) any { return int8(b[0]) }),
		"readUnsignedByte":  read(1, func(_ binary.ByteOrder, b []byte) any { return b[0] }),
		"readShort":         read(2, func(o binary.ByteOrder, b []byte) any { return int16(o.Uint16(b)) }),
		"readUnsignedShort": read(2, func(o binary.ByteOrder, b []byte) any { return o.Uint16(b) }),
		"readInt":           read(4, func(o binary.ByteOrder, b []byte) any { return int32(o.Uint32(b)) }),
		"readUnsignedInt":   read(4, func(o binary.ByteOrder, b []byte) any { return o.Uint32(b) }),
		"readFloat":         read(4, func(o binary.ByteOrder, b []byte) any { return float64(math.Float32frombits(o.Uint32(b))) }),
		"readDouble":        read(8, func(o binary.ByteOrder, b []byte) any { return math.Float64frombits(o.Uint64(b)) }),
		"readBytes":         act(l.readBytes),
		"readObject":        l.readObject,
		"readUTF":           readUTF,
		"readUTFBytes": func(b *buffer, c engine.Call) goja.Value {
			return c.Value(utf8Text(mustTake(b, c, size(c, 0))))
		},
		"readMultiByte": func(b *buffer, c engine.Call) goja.Value {
			return c.Value(decode(mustTake(b, c, size(c, 0)), c.String(1)))
		},

		"writeBoolean": write(1, func(_ binary.ByteOrder, b []byte, v goja.Value) {
			if v.ToBoolean() {
				b[0] = 1
			}
		}),
		"writeByte":        write(1, func(_ binary.ByteOrder, b []byte, v goja.Value) { b[0] = byte(toUint32(v.ToFloat())) }),
		"writeShort":       write(2, func(o binary.ByteOrder, b []byte, v goja.Value) { o.PutUint16(b, uint16(toUint32(v.ToFloat()))) }),
		"writeInt":         write(4, put32),
		"writeUnsignedInt": write(4, put32),
		"writeFloat": write(4, func(o binary.ByteOrder, b []byte, v goja.Value) {
			o.PutUint32(b, math.Float32bits(float32(v.ToFloat())))
		}),
		"writeDouble":   write(8, func(o binary.ByteOrder, b []byte, v goja.Value) { o.PutUint64(b, math.Float64bits(v.ToFloat())) }),
		"writeBytes":    act(l.writeBytes),
		"writeObject":   act(l.writeObject),
		"writeUTF":      act(writeUTF),
		"writeUTFBytes": act(func(b *buffer, c engine.Call) error { return b.put([]byte(c.Arg(0).String())) }),
		"writeMultiByte": act(func(b *buffer, c engine.Call) error {
			return b.put(encode(c.Arg(0).String(), c.String(1)))
		}),
	}
}

// act makes a method that returns nothing, and throws its error.
func act(f func(*buffer, engine.Call) error) method {
	return func(b *buffer, c engine.Call) goja.Value {
		if err := f(b, c); err != nil {
			throw(c.Engine, err)
		}
		return nil
	}
}

// read makes a method that reads n bytes and makes a value of them.
func read(n int, value func(binary.ByteOrder, []byte) any) method {
	return func(b *buffer, c engine.Call) goja.Value { return c.Value(value(b.order(), mustTake(b, c, n))) }
}

// write makes a method that writes a value as n bytes, which are zero before. The argument is converted to see what its
// conversion throws, or does to the array, before anything is written.
func write(n int, set func(binary.ByteOrder, []byte, goja.Value)) method {
	return func(b *buffer, c engine.Call) goja.Value {
		var data [8]byte
		set(b.order(), data[:n], c.Arg(0))
		if err := b.put(data[:n]); err != nil {
			throw(c.Engine, err)
		}
		return nil
	}
}

func put32(o binary.ByteOrder, b []byte, v goja.Value) { o.PutUint32(b, toUint32(v.ToFloat())) }

// mustTake reads n bytes, which alias the array, or throws.
func mustTake(b *buffer, c engine.Call, n int) []byte {
	data, err := b.take(n)
	if err != nil {
		throw(c.Engine, err)
	}
	return data
}

// algorithm is the argument of compress and uncompress.
func algorithm(c engine.Call) string {
	if c.Has(0) {
		return c.String(0)
	}
	return "zlib"
}

// readBytes copies (bytes, offset, length) out of the array; a length of 0 is all that there is. The other array grows,
// its position stays.
func (l *library) readBytes(b *buffer, c engine.Call) error {
	to, ok := l.self(c.Arg(0))
	if !ok {
		return notAnArray()
	}
	offset, n := size(c, 1), size(c, 2)
	if n == 0 {
		n = b.available()
	}
	if n > b.available() {
		return endOfFile()
	}
	if offset > MaxLength-n {
		return outOfMemory()
	}
	from := b.data[b.position : b.position+n : b.position+n] // stays valid when to is b and grows
	if offset+n > len(to.data) {
		if err := to.resize(offset + n); err != nil {
			return err
		}
	}
	copy(to.data[offset:], from)
	b.position += n
	return nil
}

// writeBytes copies (bytes, offset, length) into the array; a length of 0 is all from the offset on, and what is beyond
// the end is left out.
func (l *library) writeBytes(b *buffer, c engine.Call) error {
	from, ok := l.self(c.Arg(0))
	if !ok {
		return notAnArray()
	}
	offset, n := min(size(c, 1), len(from.data)), size(c, 2)
	data := from.data[offset:]
	if n > 0 {
		data = data[:min(n, len(data))]
	}
	return b.put(data)
}

func readUTF(b *buffer, c engine.Call) goja.Value {
	start := b.position
	n := int(b.order().Uint16(mustTake(b, c, 2)))
	data, err := b.take(n)
	if err != nil {
		b.position = start
		throw(c.Engine, err)
	}
	return c.Value(utf8Text(data))
}

func writeUTF(b *buffer, c engine.Call) error {
	s := c.Arg(0).String()
	if len(s) > math.MaxUint16 {
		return outOfRange()
	}
	var n [2]byte
	b.order().PutUint16(n[:], uint16(len(s)))
	if err := b.space(2 + len(s)); err != nil {
		return err
	}
	return errors.Join(b.put(n[:]), b.put([]byte(s)))
}

// readObject reads a value in the object encoding of the array. After an error the position is where it was.
func (l *library) readObject(b *buffer, c engine.Call) goja.Value {
	v, n, err := b.decode()
	if err != nil {
		if errors.Is(err, amf.ErrTruncated) {
			err = endOfFile()
		}
		throw(c.Engine, err)
	}
	b.position += n
	return l.values.ToScript(v)
}

// decode returns the value at the position, and how many bytes it takes.
func (b *buffer) decode() (v amf.Value, n int, err error) {
	options := &amf.Options{Limits: amf.Limits{MaxBytes: MaxLength}}
	data := b.data[min(b.position, len(b.data)):]
	d := amf.NewDecoder3(data, options)
	if b.encoding == amf0 {
		d = amf.NewDecoder0(data, options)
	}
	v, err = d.Decode()
	return v, d.Offset(), err
}

// writeObject writes a value in the object encoding of the array.
func (l *library) writeObject(b *buffer, c engine.Call) error {
	v, err := l.values.FromScript(c.Arg(0))
	if err != nil {
		return err
	}
	appended := amf.Append3
	if b.encoding == amf0 {
		appended = amf.Append0
	}
	data, err := appended(nil, v)
	if err != nil {
		return err
	}
	return b.put(data)
}
