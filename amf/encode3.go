package amf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// errEmptyName is the case of ErrKey that AMF0 can express.
var errEmptyName = fmt.Errorf("%w: empty", ErrKey)

func isEmptyName(err error) bool { return errors.Is(err, errEmptyName) }

// value3 writes one AMF3 value (AMF3 3).
func (e *Encoder) value3(v Value) error {
	if err := e.room(1); err != nil {
		return err
	}
	if n, ok := number(v); ok {
		e.number3(n)
		return nil
	}
	switch v := v.(type) {
	case nil:
		e.u8(null3)
	case UndefinedType, UnsupportedType:
		e.u8(undefined3)
	case bool:
		e.u8(false3 + boolByte(v))
	case string:
		e.u8(string3)
		return e.string3(v)
	case Date:
		e.complex.skip()
		e.u8(date3)
		e.u29(1)
		e.double(v.Milliseconds)
	default:
		return e.pointer3(v)
	}
	return nil
}

// number3 writes the integer form where it says the same as the double.
func (e *Encoder) number3(n float64) {
	if n >= minInt && n <= maxInt && n == math.Trunc(n) && !(n == 0 && math.Signbit(n)) {
		e.u8(integer3)
		e.u29(uint32(int32(n)) & maxU29)
		return
	}
	e.u8(double3)
	e.double(n)
}

func (e *Encoder) pointer3(v Value) error {
	if isNilPointer(v) {
		e.u8(null3)
		return nil
	}
	marker, ok := marker3(v)
	if !ok {
		return fmt.Errorf("%w: %T", ErrType, v)
	}
	e.u8(marker)
	if i, ok := e.complex.find(v); ok {
		return e.header3(i, 0)
	}
	e.complex.add(v)
	if err := e.enter(); err != nil {
		return err
	}
	defer e.leave()
	return e.complex3(v)
}

// marker3 returns the marker of a value that may be sent by reference.
func marker3(v Value) (byte, bool) {
	switch v := v.(type) {
	case *Object:
		return object3, true
	case *Array:
		return array3, true
	case *XML:
		if v.Document {
			return xmlDocument3, true
		}
		return xml3, true
	case *ByteArray:
		return byteArray3, true
	case *VectorInt:
		return vectorInt3, true
	case *VectorUint:
		return vectorUint3, true
	case *VectorDouble:
		return vectorDouble3, true
	case *VectorObject:
		return vectorObject3, true
	case *Dictionary:
		return dictionary3, true
	}
	return 0, false
}

func (e *Encoder) complex3(v Value) error {
	switch v := v.(type) {
	case *Object:
		return e.object3(v)
	case *Array:
		return e.array3(v)
	case *XML:
		return e.counted3(len(v.Text), func() error { return e.text(v.Text) })
	case *ByteArray:
		return e.counted3(len(v.Bytes), func() error {
			e.dst = append(e.dst, v.Bytes...)
			return nil
		})
	case *VectorInt:
		return e.vector3(len(v.Items), 4, v.Fixed, func(i int) { e.u32(uint32(v.Items[i])) })
	case *VectorUint:
		return e.vector3(len(v.Items), 4, v.Fixed, func(i int) { e.u32(v.Items[i]) })
	case *VectorDouble:
		return e.vector3(len(v.Items), 8, v.Fixed, func(i int) { e.double(v.Items[i]) })
	case *VectorObject:
		return e.vectorObject3(v)
	case *Dictionary:
		return e.dictionary3(v)
	}
	return fmt.Errorf("%w: %T", ErrType, v)
}

// u29 writes a variable length integer below 2^29 (AMF3 1.3.1).
func (e *Encoder) u29(n uint32) {
	switch {
	case n < 1<<7:
		e.dst = append(e.dst, byte(n))
	case n < 1<<14:
		e.dst = append(e.dst, byte(n>>7)|0x80, byte(n)&0x7F)
	case n < 1<<21:
		e.dst = append(e.dst, byte(n>>14)|0x80, byte(n>>7)|0x80, byte(n)&0x7F)
	default:
		e.dst = append(e.dst, byte(n>>22)|0x80, byte(n>>15)|0x80, byte(n>>8)|0x80, byte(n))
	}
}

// header3 writes a length, count or index beside the reference flag.
func (e *Encoder) header3(n int, literal uint32) error {
	if n > maxLen {
		return fmt.Errorf("%w: %d does not fit in 28 bits", ErrLimit, n)
	}
	e.u29(uint32(n)<<1 | literal)
	return nil
}

// counted3 writes n and then n bytes.
func (e *Encoder) counted3(n int, write func() error) error {
	if err := e.room(n); err != nil {
		return err
	}
	if err := e.header3(n, 1); err != nil {
		return err
	}
	return write()
}

// string3 writes a string or a reference to one (AMF3 1.3.2).
func (e *Encoder) string3(s string) error {
	if s == "" {
		e.u29(1)
		return nil
	}
	if i, ok := e.strings.find(s); ok {
		return e.header3(i, 0)
	}
	e.strings.add(s)
	return e.counted3(len(s), func() error { return e.text(s) })
}

func (e *Encoder) array3(a *Array) error {
	if err := e.header3(len(a.Dense), 1); err != nil {
		return err
	}
	if err := e.pairs3(a.entries()); err != nil {
		return err
	}
	return each(a.Dense, e.value3)
}

// pairs3 writes name and value pairs and the empty name.
func (e *Encoder) pairs3(pairs []Property) error {
	for _, p := range pairs {
		if p.Name == "" {
			return errEmptyName
		}
		if err := e.string3(p.Name); err != nil {
			return err
		}
		if err := e.value3(p.Value); err != nil {
			return err
		}
	}
	e.u29(1)
	return nil
}

func (e *Encoder) object3(o *Object) error {
	if o.Externalizable != nil {
		return e.external3(o)
	}
	entries, sealed := o.arrange()
	if err := e.traits3(o, entries[:sealed]); err != nil {
		return err
	}
	for _, p := range entries[:sealed] {
		if err := e.value3(p.Value); err != nil {
			return err
		}
	}
	if !o.Dynamic {
		return nil
	}
	return e.pairs3(entries[sealed:])
}

// arrange returns the properties with the sealed members first, in the order
// of the class, and how many those are.
func (o *Object) arrange() ([]Property, int) {
	entries := o.entries()
	if o.startsSealed(entries) {
		if !o.Dynamic {
			return entries, len(entries)
		}
		return entries, len(o.Sealed)
	}
	done := make(map[string]bool, len(o.Sealed))
	ordered := make([]Property, 0, len(o.Sealed)+len(entries))
	for _, name := range o.Sealed {
		v, ok := o.Get(name)
		if !ok {
			v = Undefined
		}
		ordered = append(ordered, Property{name, v})
		done[name] = true
	}
	for _, p := range entries {
		if !done[p.Name] {
			ordered = append(ordered, p)
		}
	}
	if !o.Dynamic {
		return ordered, len(ordered)
	}
	return ordered, len(o.Sealed)
}

func (o *Object) startsSealed(entries []Property) bool {
	if len(entries) < len(o.Sealed) {
		return false
	}
	for i, name := range o.Sealed {
		if entries[i].Name != name {
			return false
		}
	}
	return true
}

// traits3 writes the traits of o, or a reference to them.
func (e *Encoder) traits3(o *Object, sealed []Property) error {
	flags := uint32(3)
	switch {
	case o.Externalizable != nil:
		flags |= 4
	case o.Dynamic:
		flags |= 8
	}
	key := e.traitsKey(flags, o.Class, sealed)
	if i, ok := e.traits.find(string(key)); ok {
		if i > maxLen>>1 {
			return fmt.Errorf("%w: traits %d", ErrLimit, i)
		}
		e.u29(uint32(i)<<2 | 1)
		return nil
	}
	e.traits.add(string(key))
	if len(sealed) > maxLen>>3 {
		return fmt.Errorf("%w: %d sealed members", ErrLimit, len(sealed))
	}
	e.u29(uint32(len(sealed))<<4 | flags)
	if err := e.string3(o.Class); err != nil {
		return err
	}
	for _, p := range sealed {
		if err := e.string3(p.Name); err != nil {
			return err
		}
	}
	return nil
}

// traitsKey tells traits apart. It is valid until the next call.
func (e *Encoder) traitsKey(flags uint32, class string, sealed []Property) []byte {
	key := append(e.scratch[:0], byte(flags))
	key = append(binary.AppendUvarint(key, uint64(len(class))), class...)
	for _, p := range sealed {
		key = append(binary.AppendUvarint(key, uint64(len(p.Name))), p.Name...)
	}
	e.scratch = key
	return key
}

func (e *Encoder) external3(o *Object) error {
	c, ok := e.registry.codec(o.Class)
	if !ok {
		return fmt.Errorf("%w %.80q", ErrUnknownClass, o.Class)
	}
	if err := e.traits3(o, nil); err != nil {
		return err
	}
	return c.write(&ExternalWriter{e}, o.Externalizable)
}

func (e *Encoder) vector3(n, size int, fixed bool, item func(int)) error {
	if n > maxLen {
		return fmt.Errorf("%w: %d does not fit in 28 bits", ErrLimit, n)
	}
	if err := e.room(n * size); err != nil {
		return err
	}
	e.u29(uint32(n)<<1 | 1)
	e.u8(boolByte(fixed))
	for i := range n {
		item(i)
	}
	return nil
}

func (e *Encoder) vectorObject3(v *VectorObject) error {
	if err := e.header3(len(v.Items), 1); err != nil {
		return err
	}
	e.u8(boolByte(v.Fixed))
	if err := e.string3(v.Class); err != nil {
		return err
	}
	return each(v.Items, e.value3)
}

func (e *Encoder) dictionary3(d *Dictionary) error {
	if err := e.header3(len(d.Entries), 1); err != nil {
		return err
	}
	e.u8(boolByte(d.Weak))
	for _, entry := range d.Entries {
		if err := e.value3(entry.Key); err != nil {
			return err
		}
		if err := e.value3(entry.Value); err != nil {
			return err
		}
	}
	return nil
}

func (e *Encoder) resetTables3() {
	e.strings.reset()
	e.complex.reset()
	e.traits.reset()
}
