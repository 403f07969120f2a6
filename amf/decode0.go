package amf

import "strconv"

// value0 reads one AMF0 value (AMF0 2).
func (d *Decoder) value0() (Value, error) {
	marker, err := d.u8()
	if err != nil {
		return nil, err
	}
	if err := d.count(); err != nil {
		return nil, err
	}
	switch marker {
	case number0:
		return boxed(d.double())
	case boolean0:
		b, err := d.u8()
		return b != 0, err
	case string0:
		return boxed(d.shortText())
	case longString0:
		return boxed(d.longText())
	case null0:
		return nil, nil
	case undefined0:
		return Undefined, nil
	case unsupported0:
		return Unsupported, nil
	case reference0:
		return d.reference0()
	case date0:
		return d.date0()
	case xmlDocument0:
		text, err := d.longText()
		return &XML{Text: text, Document: true}, err
	case object0:
		return d.object0("")
	case typedObject0:
		class, err := d.shortText()
		if err != nil {
			return nil, err
		}
		return d.object0(class)
	case ecmaArray0:
		return d.ecmaArray0()
	case strictArray0:
		return d.strictArray0()
	case avmplusMarker:
		// The switch is for one value and has tables of its own (AMF0 3.1).
		d.tables = tables3{}
		d.elements--
		return d.value3()
	}
	return nil, d.failMarker(marker)
}

// boxed turns the results of a typed reader into those of a value reader.
func boxed[T any](v T, err error) (Value, error) { return v, err }

func (d *Decoder) shortText() (string, error) {
	n, err := d.u16()
	if err != nil {
		return "", err
	}
	return d.text(uint64(n))
}

func (d *Decoder) longText() (string, error) {
	n, err := d.u32()
	if err != nil {
		return "", err
	}
	return d.text(uint64(n))
}

func (d *Decoder) reference0() (Value, error) {
	i, err := d.u16()
	if err != nil {
		return nil, err
	}
	if int(i) >= len(d.objects) {
		return nil, d.fail(ErrBadReference)
	}
	return d.objects[i], nil
}

func (d *Decoder) date0() (Value, error) {
	ms, err := d.double()
	if err != nil {
		return nil, err
	}
	zone, err := d.u16()
	return Date{Milliseconds: ms, Zone: int16(zone)}, err
}

func (d *Decoder) object0(class string) (Value, error) {
	o := &Object{Class: class, Dynamic: true}
	d.objects = append(d.objects, o)
	return o, d.properties0(o.Set)
}

func (d *Decoder) ecmaArray0() (Value, error) {
	// Writers disagree about what the count counts; the end marker decides.
	if _, err := d.u32(); err != nil {
		return nil, err
	}
	a := &Array{ECMA: true}
	d.objects = append(d.objects, a)
	return a, d.properties0(a.setByName)
}

func (d *Decoder) strictArray0() (Value, error) {
	n, err := d.u32()
	if err != nil {
		return nil, err
	}
	a := &Array{}
	d.objects = append(d.objects, a)
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	a.Dense, err = d.items(n, (*Decoder).value0)
	return a, err
}

// items reads n values, each of which takes at least one byte.
func (d *Decoder) items(n uint32, next func(*Decoder) (Value, error)) ([]Value, error) {
	if uint64(n) > uint64(len(d.b)-d.off) {
		return nil, d.fail(ErrTruncated)
	}
	items := make([]Value, 0, min(n, 32))
	for range n {
		v, err := next(d)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, nil
}

// properties0 reads name and value pairs up to the object end (AMF0 2.5, 2.11).
func (d *Decoder) properties0(set func(string, Value)) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	for {
		name, err := d.shortText()
		if err != nil {
			return err
		}
		// An empty name is the end only if the end marker follows.
		if name == "" && d.More() && d.b[d.off] == objectEnd0 {
			d.off++
			return nil
		}
		v, err := d.value0()
		if err != nil {
			return err
		}
		set(name, v)
	}
}

// setByName sets an element under the key that an ECMA array has for it, where
// ordinals are names too.
func (a *Array) setByName(name string, v Value) {
	i, ok := ordinal(name)
	switch {
	case ok && i < len(a.Dense):
		a.Dense[i] = v
	case ok && i == len(a.Dense) && a.Len() == 0:
		a.Dense = append(a.Dense, v)
	default:
		a.Set(name, v)
	}
}

// ordinal returns the index that name is the decimal form of.
func ordinal(name string) (int, bool) {
	if name == "" || len(name) > 9 || name[0] == '0' && len(name) > 1 {
		return 0, false
	}
	if name[0] < '0' || name[0] > '9' {
		return 0, false
	}
	i, err := strconv.Atoi(name)
	return i, err == nil
}
