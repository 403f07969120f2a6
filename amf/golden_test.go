package amf

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
)

// unhex reads bytes in hexadecimal; blanks are for the eye, and a word in
// quotes stands for its letters.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
		if err != nil {
			t.Fatalf("bad hex %q: %v", part, err)
		}
		out = append(out, b...)
	}
	return out
}

type golden struct {
	name  string
	bytes string
	value Value
	// readOnly is set for forms that the encoder would write in another way.
	readOnly bool
}

func prop(name string, v Value) Property { return Property{name, v} }

func typed(class string, pairs ...Property) *Object {
	o := NewObject(pairs...)
	o.Class = class
	return o
}

func sealed(class string, pairs ...Property) *Object {
	o := typed(class, pairs...)
	o.Dynamic = false
	for _, p := range pairs {
		o.Sealed = append(o.Sealed, p.Name)
	}
	return o
}

func mixed(dense []Value, pairs ...Property) *Array {
	a := NewECMAArray(pairs...)
	a.Dense = dense
	return a
}

var self = func() *Object {
	o := NewObject()
	o.Set("me", o)
	return o
}()

var ring = func() *Array {
	a := NewArray()
	a.Dense = []Value{a}
	return a
}()

var shared = NewObject(prop("a", true))

var golden0 = []golden{
	{"number", "00 3FF0000000000000", 1.0, false},
	{"number minus zero", "00 8000000000000000", math.Copysign(0, -1), false},
	{"number NaN", "00 7FF8000000000001", math.NaN(), false},
	{"true", "01 01", true, false},
	{"true by any non-zero byte", "01 FF", true, true},
	{"false", "01 00", false, false},
	{"string", "02 0004 'live'", "live", false},
	{"string of invalid UTF-8", "02 0003 61 FF C0", "a\xFF\xC0", false},
	{"empty string", "02 0000", "", false},
	{"null", "05", nil, false},
	{"undefined", "06", Undefined, false},
	{"unsupported", "0D", Unsupported, false},
	{"empty object", "03 000009", NewObject(), false},
	{"object", "03 0003 'app' 02 0004 'live' 0001 'n' 00 4000000000000000 000009",
		NewObject(prop("app", "live"), prop("n", 2.0)), false},
	{"object with an empty name", "03 0000 05 0001 'a' 01 01 000009",
		NewObject(prop("", nil), prop("a", true)), false},
	{"object with a name twice", "03 0001 'a' 05 0001 'b' 06 0001 'a' 01 01 000009",
		NewObject(prop("a", true), prop("b", Undefined)), true},
	{"typed object", "10 0003 'Foo' 0001 'x' 05 000009", typed("Foo", prop("x", nil)), false},
	{"typed object without a name", "10 0000 000009", NewObject(), true},
	{"object that refers to itself", "03 0002 'me' 07 0000 000009", self, false},
	{"array that refers to itself", "0A 00000001 07 0000", ring, false},
	{"object twice", "0A 00000002 03 0001 'a' 01 01 000009 07 0001", NewArray(shared, shared), false},
	{"ECMA array", "08 00000001 0008 'duration' 00 0000000000000000 000009",
		NewECMAArray(prop("duration", 0.0)), false},
	{"ECMA array with a wrong count", "08 FFFFFFFF 0001 'a' 05 0001 'b' 05 000009",
		NewECMAArray(prop("a", nil), prop("b", nil)), true},
	{"ECMA array with ordinals", "08 00000003 0001 '0' 05 0001 '1' 06 0001 'a' 01 00 000009",
		mixed([]Value{nil, Undefined}, prop("a", false)), false},
	{"ECMA array with an ordinal twice", "08 00000000 0001 '0' 05 0001 '0' 06 000009",
		mixed([]Value{Undefined}), true},
	{"ECMA array with ordinals out of order", "08 00000003 0001 '1' 05 0001 '0' 06 0002 '00' 05 000009",
		NewECMAArray(prop("1", nil), prop("0", Undefined), prop("00", nil)), false},
	{"empty ECMA array", "08 00000000 000009", NewECMAArray(), false},
	{"strict array", "0A 00000002 05 02 0001 'a'", NewArray(nil, "a"), false},
	{"empty strict array", "0A 00000000", NewArray(), false},
	{"date", "0B 4270000000000000 0000", Date{Milliseconds: 1 << 40}, false},
	{"date with a zone", "0B BFF8000000000000 FF88", Date{Milliseconds: -1.5, Zone: -120}, false},
	{"invalid date", "0B 7FF8000000000001 0000", Date{Milliseconds: math.NaN()}, false},
	{"short text in a long string", "0C 00000002 'hi'", "hi", true},
	{"XML document", "0F 00000004 '<a/>'", &XML{Text: "<a/>", Document: true}, false},
	{"switch to AMF3", "11 0A 0B 01 03 'a' 04 01 01", NewObject(prop("a", 1.0)), true},
	{"switch to AMF3 with references to its own tables",
		"03 0001 'a' 11 09 03 01 09 00 0001 'b' 07 0000 000009",
		func() Value {
			o := NewObject(prop("a", ring))
			o.Set("b", o)
			return o
		}(), true},
}

var golden3 = []golden{
	{"undefined", "00", Undefined, false},
	{"null", "01", nil, false},
	{"false", "02", false, false},
	{"true", "03", true, false},
	{"integer of 1 byte", "04 7F", 127.0, false},
	{"integer of 2 bytes, least", "04 81 00", 128.0, false},
	{"integer of 2 bytes, greatest", "04 FF 7F", 16383.0, false},
	{"integer of 3 bytes, least", "04 81 80 00", 16384.0, false},
	{"integer of 3 bytes, greatest", "04 FF FF 7F", 2097151.0, false},
	{"integer of 4 bytes, least", "04 80 C0 80 00", 2097152.0, false},
	{"greatest integer", "04 BF FF FF FF", 268435455.0, false},
	{"least integer", "04 C0 80 80 00", -268435456.0, false},
	{"minus one", "04 FF FF FF FF", -1.0, false},
	{"integer in more bytes than needed", "04 80 80 05", 5.0, true},
	{"above the integers", "05 41B0000000000000", 268435456.0, false},
	{"below the integers", "05 C1B0000001000000", -268435457.0, false},
	{"minus zero", "05 8000000000000000", math.Copysign(0, -1), false},
	{"fraction", "05 3FE0000000000000", 0.5, false},
	{"infinity", "05 FFF0000000000000", math.Inf(-1), false},
	{"string", "06 07 'app'", "app", false},
	{"empty string", "06 01", "", false},
	{"string of invalid UTF-8", "06 03 FF", "\xFF", false},
	{"string by reference", "09 07 01 06 03 'a' 06 01 06 00", NewArray("a", "", "a"), false},
	{"XMLDocument", "07 09 '<a/>'", &XML{Text: "<a/>", Document: true}, false},
	{"XML", "0B 09 '<a/>'", &XML{Text: "<a/>"}, false},
	{"date", "08 01 4270000000000000", Date{Milliseconds: 1 << 40}, false},
	{"date by reference", "09 05 01 08 01 3FF0000000000000 08 02",
		NewArray(Date{Milliseconds: 1}, Date{Milliseconds: 1}), true},
	{"date takes an index", "09 07 01 08 01 3FF0000000000000 0A 0B 01 03 'a' 03 01 0A 04",
		NewArray(Date{Milliseconds: 1}, shared, shared), false},
	{"empty array", "09 01 01", NewArray(), false},
	{"dense array", "09 05 01 02 03", NewArray(false, true), false},
	{"associative array", "09 01 03 'k' 01 01", NewECMAArray(prop("k", nil)), false},
	{"mixed array", "09 03 03 'k' 01 01 03", mixed([]Value{true}, prop("k", nil)), false},
	{"array that refers to itself", "09 03 01 09 00", ring, false},
	{"empty object", "0A 0B 01 01", NewObject(), false},
	{"dynamic object", "0A 0B 01 03 'a' 04 01 03 'b' 06 00 01",
		NewObject(prop("a", 1.0), prop("b", "a")), false},
	{"object that refers to itself", "0A 0B 01 05 'me' 0A 00 01", self, false},
	{"sealed object", "0A 23 07 'Foo' 03 'x' 03 'y' 04 01 04 02",
		sealed("Foo", prop("x", 1.0), prop("y", 2.0)), false},
	{"sealed object with an empty name", "0A 13 03 'F' 01 03", sealed("F", prop("", true)), false},
	{"sealed and dynamic", "0A 1B 03 'F' 03 'x' 03 03 'y' 02 01",
		func() Value {
			o := typed("F", prop("x", true), prop("y", false))
			o.Sealed = []string{"x"}
			return o
		}(), false},
	{"traits by reference", "09 05 01 0A 13 03 'F' 03 'x' 03 0A 01 02",
		NewArray(sealed("F", prop("x", true)), sealed("F", prop("x", false))), false},
	{"second traits by reference", "09 07 01 0A 0B 01 01 0A 03 03 'F' 0A 05",
		NewArray(NewObject(), sealed("F"), sealed("F")), false},
	{"ArrayCollection", "0A 07 43 'flex.messaging.io.ArrayCollection' 09 03 01 03",
		&Object{Class: "flex.messaging.io.ArrayCollection", Externalizable: &Wrapped{NewArray(true)}}, false},
	{"externalizable traits by reference",
		"09 05 01 0A 07 3B 'flex.messaging.io.ObjectProxy' 01 0A 01 01",
		NewArray(
			&Object{Class: "flex.messaging.io.ObjectProxy", Externalizable: &Wrapped{}},
			&Object{Class: "flex.messaging.io.ObjectProxy", Externalizable: &Wrapped{}},
		), false},
	{"byte array", "0C 07 01 02 FF", &ByteArray{Bytes: []byte{1, 2, 255}}, false},
	{"empty byte array", "0C 01", &ByteArray{}, false},
	{"byte array by reference", "09 05 01 0C 03 AA 0C 02",
		func() Value { b := &ByteArray{Bytes: []byte{0xAA}}; return NewArray(b, b) }(), false},
	{"vector of int", "0D 05 00 00000001 FFFFFFFF", &VectorInt{Items: []int32{1, -1}}, false},
	{"fixed vector of uint", "0E 03 01 FFFFFFFF", &VectorUint{Items: []uint32{math.MaxUint32}, Fixed: true}, false},
	{"vector of Number", "0F 03 00 3FF8000000000000", &VectorDouble{Items: []float64{1.5}}, false},
	{"vector of anything", "10 05 00 03 '*' 00 06 00", &VectorObject{Class: "*", Items: []Value{Undefined, "*"}}, false},
	{"vector of vectors", "10 03 01 01 0D 01 00",
		&VectorObject{Items: []Value{&VectorInt{}}, Fixed: true}, false},
	{"dictionary", "11 05 00 06 03 'a' 03 0A 0B 01 01 11 00",
		func() Value {
			d := &Dictionary{Entries: []Entry{{"a", true}, {NewObject(), nil}}}
			d.Entries[1].Value = d
			return d
		}(), false},
	{"weak dictionary", "11 01 01", &Dictionary{Weak: true}, false},
}

type codecs struct {
	name   string
	golden []golden
	decode func([]byte, *Options) ([]Value, error)
	encode func([]byte, ...Value) ([]byte, error)
}

var both = []codecs{
	{"AMF0", golden0, Decode0, Append0},
	{"AMF3", golden3, Decode3, Append3},
}

func TestGoldenBytes(t *testing.T) {
	for _, c := range both {
		for _, g := range c.golden {
			t.Run(c.name+"/"+g.name, func(t *testing.T) {
				wire := unhex(t, g.bytes)
				values, err := c.decode(wire, nil)
				if err != nil {
					t.Fatal(err)
				}
				if len(values) != 1 || !Equal(values[0], g.value) {
					t.Fatalf("decoded %v, want %v", Format(NewArray(values...)), Format(g.value))
				}
				if g.readOnly {
					return
				}
				for _, v := range []Value{g.value, values[0]} {
					got, err := c.encode([]byte("dst"), v)
					if err != nil {
						t.Fatal(err)
					}
					if want := append([]byte("dst"), wire...); !bytes.Equal(got, want) {
						t.Errorf("encoded\n%x, want\n%x", got, want)
					}
				}
			})
		}
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	for _, c := range both {
		for _, g := range c.golden {
			wire := unhex(t, g.bytes)
			for n := 1; n < len(wire); n++ {
				_, err := c.decode(wire[:n:n], nil)
				if !errors.Is(err, ErrTruncated) {
					t.Errorf("%s %s, first %d bytes: %v", c.name, g.name, n, err)
				}
				var at *DecodeError
				if errors.As(err, &at) && at.Offset > n {
					t.Errorf("%s %s, first %d bytes: offset %d", c.name, g.name, n, at.Offset)
				}
			}
		}
	}
}

func TestBadInputNamesItsCause(t *testing.T) {
	extended := codecs{decode: DecodeExtended}
	tests := []struct {
		name   string
		codec  codecs
		bytes  string
		want   error
		offset int
	}{
		{"movieclip", both[0], "05 04", ErrUnknownMarker, 1},
		{"recordset", both[0], "0E", ErrUnknownMarker, 0},
		{"object end alone", both[0], "09", ErrUnknownMarker, 0},
		{"marker above all of AMF0", both[0], "12", ErrUnknownMarker, 0},
		{"marker above all of AMF3", both[1], "12 00", ErrUnknownMarker, 0},
		{"AMF0 reference before any object", both[0], "07 0000", ErrBadReference, 3},
		{"AMF0 reference past the last object", both[0], "03 000009 07 0001", ErrBadReference, 7},
		{"AMF3 string reference", both[1], "06 00", ErrBadReference, 2},
		{"AMF3 object reference", both[1], "0A 00", ErrBadReference, 2},
		{"AMF3 traits reference", both[1], "0A 01", ErrBadReference, 2},
		{"empty string is in no table", both[1], "06 01 06 00", ErrBadReference, 4},
		{"tables of an earlier switch", both[0], "11 06 03 61 11 06 00", ErrBadReference, 7},
		{"unknown externalizable class", both[1], "0A 07 03 'F' 01", ErrUnknownClass, 4},
		{"format selector", extended, "01 05", ErrFormat, 0},
		{"no format selector", extended, "", ErrTruncated, 0},
	}
	for _, test := range tests {
		_, err := test.codec.decode(unhex(t, test.bytes), nil)
		var at *DecodeError
		if !errors.Is(err, test.want) || !errors.As(err, &at) || at.Offset != test.offset {
			t.Errorf("%s: %v, want %v at byte %d", test.name, err, test.want, test.offset)
		}
	}
}

func TestLongStringFrom65536Bytes(t *testing.T) {
	short, long := strings.Repeat("s", 65535), strings.Repeat("l", 65536)
	b, err := Append0(nil, short, long)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b[:3], []byte{2, 0xFF, 0xFF}) || !bytes.Equal(b[65538:65543], []byte{12, 0, 1, 0, 0}) {
		t.Errorf("headers % x and % x", b[:3], b[65538:65543])
	}
	if got := AppendString0(AppendString0(nil, short), long); !bytes.Equal(got, b) {
		t.Error("AppendString0 differs from Append0")
	}
	values, err := Decode0(b, nil)
	if err != nil || !Equal(NewArray(values...), NewArray(short, long)) {
		t.Errorf("decoded %.100s, %v", Format(NewArray(values...)), err)
	}
}

func TestZoneOfADateIsKept(t *testing.T) {
	values, err := Decode0(unhex(t, "0B BFF8000000000000 FF88"), nil)
	if err != nil || values[0] != (Date{Milliseconds: -1.5, Zone: -120}) {
		t.Errorf("%+v, %v", values, err)
	}
}
