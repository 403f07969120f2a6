package amf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// tables3 are the reference tables of AMF3 (2.2).
type tables3 struct {
	strings []string
	objects []Value
	traits  []*traits
}

// traits is what objects of one class share (AMF3 3.12).
type traits struct {
	class          string
	sealed         []string
	size           int // bytes in the class name and the sealed names
	dynamic        bool
	externalizable bool
}

// value3 reads one AMF3 value (AMF3 3).
func (d *Decoder) value3() (Value, error) {
	marker, err := d.u8()
	if err != nil {
		return nil, err
	}
	if err := d.count(); err != nil {
		return nil, err
	}
	switch marker {
	case undefined3:
		return Undefined, nil
	case null3:
		return nil, nil
	case false3:
		return false, nil
	case true3:
		return true, nil
	case integer3:
		n, err := d.u29()
		// Shifting up and down again extends the sign of 29 bits.
		return float64(int32(n<<3) >> 3), err
	case double3:
		return boxed(d.double())
	case string3:
		return boxed(d.string3())
	}
	if marker > dictionary3 {
		return nil, d.failMarker(marker)
	}
	return d.complex3(marker)
}

// complex3 reads a value that may be sent by reference.
func (d *Decoder) complex3(marker byte) (Value, error) {
	head, err := d.u29()
	if err != nil {
		return nil, err
	}
	if head&1 == 0 {
		if int(head>>1) >= len(d.tables.objects) {
			return nil, d.fail(ErrBadReference)
		}
		return d.tables.objects[head>>1], nil
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()

	n := head >> 1
	switch marker {
	case xmlDocument3, xml3:
		return d.xml3(n, marker == xmlDocument3)
	case date3:
		ms, err := d.double()
		return d.remember(Date{Milliseconds: ms}), err
	case array3:
		return d.array3(n)
	case object3:
		return d.object3(head)
	case byteArray3:
		b, err := d.take(uint64(n))
		return d.remember(&ByteArray{Bytes: append([]byte{}, b...)}), err
	case vectorObject3:
		return d.vectorObject3(n)
	case dictionary3:
		return d.dictionary3(n)
	}
	return d.vector3(marker, n)
}

// remember gives v the next place in the object table.
func (d *Decoder) remember(v Value) Value {
	d.tables.objects = append(d.tables.objects, v)
	return v
}

// u29 reads a variable length integer (AMF3 1.3.1).
func (d *Decoder) u29() (uint32, error) {
	var n uint32
	for range 3 {
		b, err := d.u8()
		if err != nil {
			return 0, err
		}
		n = n<<7 | uint32(b&0x7F)
		if b < 0x80 {
			return n, nil
		}
	}
	b, err := d.u8()
	return n<<8 | uint32(b), err
}

// string3 reads a string or a reference to one (AMF3 1.3.2).
func (d *Decoder) string3() (string, error) {
	head, err := d.u29()
	if err != nil {
		return "", err
	}
	if head&1 == 0 {
		if int(head>>1) >= len(d.tables.strings) {
			return "", d.fail(ErrBadReference)
		}
		s := d.tables.strings[head>>1]
		return s, d.repeat(len(s))
	}
	s, err := d.text(uint64(head >> 1))
	if err == nil && s != "" {
		d.tables.strings = append(d.tables.strings, s)
	}
	return s, err
}

func (d *Decoder) xml3(n uint32, document bool) (Value, error) {
	text, err := d.text(uint64(n))
	return d.remember(&XML{Text: text, Document: document}), err
}

func (d *Decoder) array3(n uint32) (Value, error) {
	a := &Array{}
	d.remember(a)
	if err := d.pairs3(&a.Properties); err != nil {
		return nil, err
	}
	a.ECMA = a.Len() > 0
	var err error
	a.Dense, err = d.items(n, (*Decoder).value3)
	return a, err
}

// pairs3 reads name and value pairs up to the empty name.
func (d *Decoder) pairs3(p *Properties) error {
	for {
		name, err := d.string3()
		if err != nil || name == "" {
			return err
		}
		v, err := d.value3()
		if err != nil {
			return err
		}
		p.Set(name, v)
	}
}

func (d *Decoder) object3(head uint32) (Value, error) {
	t, err := d.traits3(head)
	if err != nil {
		return nil, err
	}
	o := &Object{Class: t.class, Dynamic: t.dynamic, Sealed: t.sealed}
	d.remember(o)
	if t.externalizable {
		o.Externalizable, err = d.external3(t.class)
		return o, err
	}
	if len(t.sealed) > len(d.b)-d.off {
		return nil, d.fail(ErrTruncated)
	}
	o.grow(min(len(t.sealed), indexFrom))
	for _, name := range t.sealed {
		v, err := d.value3()
		if err != nil {
			return nil, err
		}
		o.Set(name, v)
	}
	if t.dynamic {
		return o, d.pairs3(&o.Properties)
	}
	return o, nil
}

// traits3 reads the traits that an object begins with, or finds them.
func (d *Decoder) traits3(head uint32) (*traits, error) {
	if head&2 == 0 {
		if int(head>>2) >= len(d.tables.traits) {
			return nil, d.fail(ErrBadReference)
		}
		t := d.tables.traits[head>>2]
		return t, d.repeat(t.size)
	}
	class, err := d.string3()
	if err != nil {
		return nil, err
	}
	t := &traits{class: class, size: len(class)}
	if head&4 != 0 {
		t.externalizable = true
	} else {
		t.dynamic = head&8 != 0
		if err := d.sealed3(t, head>>4); err != nil {
			return nil, err
		}
	}
	d.tables.traits = append(d.tables.traits, t)
	return t, nil
}

func (d *Decoder) sealed3(t *traits, n uint32) error {
	// A name and its value take a byte each.
	if 2*uint64(n) > uint64(len(d.b)-d.off) {
		return d.fail(ErrTruncated)
	}
	if int(n) > d.limits.MaxElements-d.elements {
		return d.fail(fmt.Errorf("%w: %d elements", ErrLimit, d.limits.MaxElements))
	}
	for range n {
		name, err := d.string3()
		if err != nil {
			return err
		}
		t.sealed = append(t.sealed, name)
		t.size += len(name)
	}
	return nil
}

func (d *Decoder) external3(class string) (any, error) {
	start := d.off
	c, ok := d.registry.codec(class)
	if !ok {
		return nil, d.fail(fmt.Errorf("%w %.80q", ErrUnknownClass, class))
	}
	v, err := c.read(&ExternalReader{d})
	if err == nil && v != nil {
		return v, nil
	}
	if at := (*DecodeError)(nil); errors.As(err, &at) {
		return nil, err
	}
	d.off = start
	return nil, d.fail(fmt.Errorf("%w: codec of %.80q: %w", ErrUnknownClass, class, orNil(err)))
}

// vector3 reads a vector of numbers; its items follow the count and flag.
func (d *Decoder) vector3(marker byte, n uint32) (Value, error) {
	fixed, err := d.u8()
	if err != nil {
		return nil, err
	}
	size := uint64(4)
	if marker == vectorDouble3 {
		size = 8
	}
	b, err := d.take(uint64(n) * size)
	if err != nil {
		return nil, err
	}
	switch marker {
	case vectorInt3:
		v := &VectorInt{Items: make([]int32, n), Fixed: fixed != 0}
		for i := range v.Items {
			v.Items[i] = int32(binary.BigEndian.Uint32(b[4*i:]))
		}
		return d.remember(v), nil
	case vectorUint3:
		v := &VectorUint{Items: make([]uint32, n), Fixed: fixed != 0}
		for i := range v.Items {
			v.Items[i] = binary.BigEndian.Uint32(b[4*i:])
		}
		return d.remember(v), nil
	}
	v := &VectorDouble{Items: make([]float64, n), Fixed: fixed != 0}
	for i := range v.Items {
		v.Items[i] = math.Float64frombits(binary.BigEndian.Uint64(b[8*i:]))
	}
	return d.remember(v), nil
}

func (d *Decoder) vectorObject3(n uint32) (Value, error) {
	fixed, err := d.u8()
	if err != nil {
		return nil, err
	}
	v := &VectorObject{Fixed: fixed != 0}
	d.remember(v)
	if v.Class, err = d.string3(); err != nil {
		return nil, err
	}
	v.Items, err = d.items(n, (*Decoder).value3)
	return v, err
}

func (d *Decoder) dictionary3(n uint32) (Value, error) {
	weak, err := d.u8()
	if err != nil {
		return nil, err
	}
	dict := &Dictionary{Weak: weak != 0}
	d.remember(dict)
	if 2*uint64(n) > uint64(len(d.b)-d.off) {
		return nil, d.fail(ErrTruncated)
	}
	for range n {
		key, err := d.value3()
		if err != nil {
			return nil, err
		}
		v, err := d.value3()
		if err != nil {
			return nil, err
		}
		dict.Entries = append(dict.Entries, Entry{key, v})
	}
	return dict, nil
}
