package amf

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// value0 writes one AMF0 value (AMF0 2).
func (e *Encoder) value0(v Value) error {
	if err := e.room(1); err != nil {
		return err
	}
	if n, ok := number(v); ok {
		e.u8(number0)
		e.double(n)
		return nil
	}
	switch v := v.(type) {
	case nil:
		e.u8(null0)
	case UndefinedType:
		e.u8(undefined0)
	case UnsupportedType:
		e.u8(unsupported0)
	case bool:
		e.u8(boolean0)
		e.u8(boolByte(v))
	case string:
		return e.string0(v)
	case Date:
		e.u8(date0)
		e.double(v.Milliseconds)
		e.dst = binary.BigEndian.AppendUint16(e.dst, uint16(v.Zone))
	default:
		return e.pointer0(v)
	}
	return nil
}

func (e *Encoder) pointer0(v Value) error {
	if isNilPointer(v) {
		e.u8(null0)
		return nil
	}
	switch v := v.(type) {
	case *XML:
		e.u8(xmlDocument0)
		return e.longText(v.Text)
	case *Object:
		if v.Externalizable != nil {
			return fmt.Errorf("%w: externalizable %.80q", ErrNotInAMF0, v.Class)
		}
		return e.complex0(v, func() error { return e.object0(v) })
	case *Array:
		return e.complex0(v, func() error { return e.array0(v) })
	case *ByteArray, *VectorInt, *VectorUint, *VectorDouble, *VectorObject, *Dictionary:
		return fmt.Errorf("%w: %T", ErrNotInAMF0, v)
	}
	return fmt.Errorf("%w: %T", ErrType, v)
}

// complex0 writes a reference to v, or v itself when it comes first.
func (e *Encoder) complex0(v Value, write func() error) error {
	if i, ok := e.objects.find(v); ok {
		if i > math.MaxUint16 {
			return fmt.Errorf("%w: reference to object %d", ErrLimit, i)
		}
		e.u8(reference0)
		e.dst = binary.BigEndian.AppendUint16(e.dst, uint16(i))
		return nil
	}
	e.objects.add(v)
	if err := e.enter(); err != nil {
		return err
	}
	defer e.leave()
	return write()
}

func (e *Encoder) object0(o *Object) error {
	if o.Class == "" {
		e.u8(object0)
		return e.properties0(&o.Properties)
	}
	e.u8(typedObject0)
	if err := e.name0(o.Class); err != nil {
		return err
	}
	return e.properties0(&o.Properties)
}

func (e *Encoder) array0(a *Array) error {
	if uint64(len(a.Dense))+uint64(a.Len()) > math.MaxUint32 {
		return ErrLimit
	}
	if !a.ECMA && a.Len() == 0 {
		e.u8(strictArray0)
		e.u32(uint32(len(a.Dense)))
		return each(a.Dense, e.value0)
	}
	e.u8(ecmaArray0)
	e.u32(uint32(len(a.Dense) + a.Len()))
	for i, v := range a.Dense {
		if err := e.property0(strconv.Itoa(i), v); err != nil {
			return err
		}
	}
	return e.properties0(&a.Properties)
}

// properties0 writes name and value pairs and the object end.
func (e *Encoder) properties0(p *Properties) error {
	for name, v := range p.All() {
		if err := e.property0(name, v); err != nil {
			return err
		}
	}
	e.dst = append(e.dst, 0, 0, objectEnd0)
	return nil
}

func (e *Encoder) property0(name string, v Value) error {
	if err := e.name0(name); err != nil {
		return err
	}
	return e.value0(v)
}

func (e *Encoder) name0(s string) error {
	if len(s) > math.MaxUint16 {
		return fmt.Errorf("%w: %d bytes long", ErrKey, len(s))
	}
	e.dst = binary.BigEndian.AppendUint16(e.dst, uint16(len(s)))
	return e.text(s)
}

func (e *Encoder) string0(s string) error {
	if err := e.room(len(s)); err != nil {
		return err
	}
	if uint64(len(s)) > math.MaxUint32 {
		return ErrLimit
	}
	e.dst = AppendString0(e.dst, s)
	return nil
}

func (e *Encoder) longText(s string) error {
	if uint64(len(s)) > math.MaxUint32 {
		return ErrLimit
	}
	e.u32(uint32(len(s)))
	return e.text(s)
}

func each(items []Value, write func(Value) error) error {
	for _, v := range items {
		if err := write(v); err != nil {
			return err
		}
	}
	return nil
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// isNilPointer reports whether v is a nil pointer of one of the value types,
// which counts as null.
func isNilPointer(v Value) bool {
	switch v := v.(type) {
	case *Object:
		return v == nil
	case *Array:
		return v == nil
	case *XML:
		return v == nil
	case *ByteArray:
		return v == nil
	case *VectorInt:
		return v == nil
	case *VectorUint:
		return v == nil
	case *VectorDouble:
		return v == nil
	case *VectorObject:
		return v == nil
	case *Dictionary:
		return v == nil
	}
	return false
}
