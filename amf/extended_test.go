package amf

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestExtendedBodySwitchesForComplexValuesOnly(t *testing.T) {
	info := NewObject(prop("a", 1))
	want := unhex(t, `00 02 0004 'call' 00 4000000000000000 05 06 01 01 0D
		11 0A 0B 01 03 'a' 04 01 01
		11 0A 0B 01 03 'a' 04 01 01
		11 08 01 0000000000000000
		11 0C 03 FF`)
	values := []Value{"call", 2, nil, Undefined, true, Unsupported, info, info, Date{}, &ByteArray{Bytes: []byte{255}}}
	got, err := AppendExtended(nil, values...)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("% x, %v\nwant % x", got, err, want)
	}
	back, err := DecodeExtended(got, nil)
	if err != nil || !Equal(NewArray(back...), NewArray("call", 2, nil, Undefined, true, Unsupported,
		NewObject(prop("a", 1)), NewObject(prop("a", 1)), Date{}, &ByteArray{Bytes: []byte{255}})) {
		t.Errorf("%s, %v", Format(NewArray(back...)), err)
	}
}

func TestExtendedBodyMayMixPlainAMF0(t *testing.T) {
	body := unhex(t, "00 03 0001 'a' 05 000009 11 06 05 'hi' 07 0000")
	got, err := DecodeExtended(body, nil)
	o := NewObject(prop("a", nil))
	if err != nil || !Equal(NewArray(got...), NewArray(o, "hi", o)) {
		t.Errorf("%s, %v", Format(NewArray(got...)), err)
	}
}

func TestExtendedFallsBackToAMF0ForEmptyNames(t *testing.T) {
	v := NewObject(prop("list", NewArray(1)), prop("", true))
	got, err := AppendExtended(nil, v)
	plain, _ := Append0([]byte{0}, v)
	if err != nil || !bytes.Equal(got, plain) {
		t.Errorf("% x, %v, want % x", got, err, plain)
	}
}

func TestEncoderErrors(t *testing.T) {
	deep := NewArray()
	for range DefaultMaxDepth {
		deep = NewArray(deep)
	}
	long := strings.Repeat("k", 65536)
	tests := []struct {
		name   string
		encode func([]byte, ...Value) ([]byte, error)
		value  Value
		want   error
	}{
		{"byte array in AMF0", Append0, NewArray(1, &ByteArray{}), ErrNotInAMF0},
		{"vector in AMF0", Append0, &VectorInt{}, ErrNotInAMF0},
		{"dictionary in AMF0", Append0, &Dictionary{}, ErrNotInAMF0},
		{"externalizable in AMF0", Append0, &Object{Class: "F", Externalizable: 1}, ErrNotInAMF0},
		{"long name in AMF0", Append0, NewObject(prop(long, 1)), ErrKey},
		{"long class in AMF0", Append0, typed(long), ErrKey},
		{"empty dynamic name in AMF3", Append3, NewObject(prop("", 1)), ErrKey},
		{"empty array name in AMF3", Append3, NewECMAArray(prop("", 1)), ErrKey},
		{"unknown class in AMF3", Append3, &Object{Class: "F", Externalizable: 1}, ErrUnknownClass},
		{"wrong content of a class", Append3, &Object{Class: "flex.messaging.io.ObjectProxy", Externalizable: 1}, ErrType},
		{"foreign type in AMF0", Append0, struct{}{}, ErrType},
		{"foreign type in AMF3", Append3, NewArray(struct{}{}), ErrType},
		{"depth in AMF0", Append0, deep, ErrLimit},
		{"depth in AMF3", Append3, deep, ErrLimit},
		{"string of more than all bytes in AMF0", Append0, strings.Repeat("x", DefaultMaxBytes), ErrLimit},
		{"string of more than all bytes in AMF3", Append3, strings.Repeat("x", DefaultMaxBytes), ErrLimit},
		{"byte array of more than all bytes", Append3, &ByteArray{Bytes: make([]byte, DefaultMaxBytes)}, ErrLimit},
		{"vector of more than all bytes", Append3, &VectorInt{Items: make([]int32, DefaultMaxBytes/4)}, ErrLimit},
	}
	for _, test := range tests {
		got, err := test.encode([]byte("dst"), "before", test.value)
		if !errors.Is(err, test.want) || string(got) != "dst" {
			t.Errorf("%s: %.20q, %v", test.name, got, err)
		}
	}
}

func TestTextThatReferencesWouldMultiplyIsLimited(t *testing.T) {
	// AMF0 has no references to XML, so the text goes out each time.
	x := &XML{Text: strings.Repeat("x", 1<<20), Document: true}
	a := NewArray()
	for range 17 {
		a.Dense = append(a.Dense, x)
	}
	if _, err := Append3(nil, a); err != nil {
		t.Error(err)
	}
	if _, err := Append0(nil, a); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
}

func TestEncoderSharesTablesOverValues(t *testing.T) {
	o := NewObject(prop("a", "s"))
	tests := []struct {
		encoder *Encoder
		want    string
	}{
		{NewEncoder0(nil, nil), "03 0001 'a' 02 0001 's' 000009 02 0001 's' 07 0000"},
		{NewEncoder3(nil, nil), "0A 0B 01 03 'a' 06 03 's' 01 06 02 0A 00"},
	}
	for _, test := range tests {
		for _, v := range []Value{o, "s", o} {
			if err := test.encoder.Encode(v); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := test.encoder.Bytes(), unhex(t, test.want); !bytes.Equal(got, want) {
			t.Errorf("% x, want % x", got, want)
		}
	}
}

func TestEncoderKeepsWhatCameBeforeAnError(t *testing.T) {
	e := NewEncoder0(nil, nil)
	e.Encode(true)
	first := e.Encode(NewArray(&ByteArray{}))
	if again := e.Encode(true); first == nil || again != first || !bytes.Equal(e.Bytes(), []byte{1, 1}) {
		t.Errorf("% x, %v, %v", e.Bytes(), first, again)
	}
}

func TestGoNumbersAndNilPointers(t *testing.T) {
	want := unhex(t, `00 4008000000000000 00 C000000000000000 00 4010000000000000 00 4014000000000000
		00 4018000000000000 05 05 05`)
	got, err := Append0(nil, 3, int32(-2), int64(4), uint32(5), uint64(6), (*Object)(nil), (*Array)(nil), (*XML)(nil))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("% x, %v", got, err)
	}
	got, err = Append3(nil, 3, int32(-2), uint64(1<<40), (*Dictionary)(nil), (*ByteArray)(nil), (*VectorInt)(nil),
		(*VectorUint)(nil), (*VectorDouble)(nil), (*VectorObject)(nil))
	if want := unhex(t, "04 03 04 FFFFFFFE 05 4270000000000000 01 01 01 01 01 01"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("% x, %v", got, err)
	}
}

func TestMoreThan65536ObjectsInAMF0(t *testing.T) {
	a := NewArray()
	for range 70_000 {
		a.Dense = append(a.Dense, NewArray())
	}
	a.Dense = append(a.Dense, a.Dense[0])
	if _, err := Append0(nil, a); err != nil {
		t.Error("reference to an early object:", err)
	}
	a.Dense = append(a.Dense, a.Dense[66_000])
	if _, err := Append0(nil, a); !errors.Is(err, ErrLimit) {
		t.Error("reference to a late object:", err)
	}
}

func TestSealedMembersFollowTheirClass(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Object)
		want   string
	}{
		{"added to a sealed class", func(o *Object) { o.Set("z", 3) }, "0A 33 03 'F' 03 'x' 03 'y' 03 'z' 04 01 04 02 04 03"},
		{"added to a dynamic class", func(o *Object) { o.Dynamic = true; o.Set("z", 3) },
			"0A 2B 03 'F' 03 'x' 03 'y' 04 01 04 02 03 'z' 04 03 01"},
		{"removed", func(o *Object) { o.Delete("x"); o.Set("z", 3) },
			"0A 33 03 'F' 03 'x' 03 'y' 03 'z' 00 04 02 04 03"},
		{"removed and set again", func(o *Object) { o.Dynamic = true; o.Delete("x"); o.Set("z", 3); o.Set("x", 1) },
			"0A 2B 03 'F' 03 'x' 03 'y' 04 01 04 02 03 'z' 04 03 01"},
	}
	for _, test := range tests {
		o := sealed("F", prop("x", 1), prop("y", 2))
		test.change(o)
		got, err := Append3(nil, o)
		if want := unhex(t, test.want); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: % x, %v\nwant % x", test.name, got, err, want)
		}
	}
}

type point struct{ x, y byte }

func TestRegisteredClassReadsAndWritesItself(t *testing.T) {
	r := &Registry{}
	r.Register("P", func(r *ExternalReader) (any, error) {
		b, err := r.Bytes(2)
		if err != nil {
			return nil, err
		}
		if b[0] == 0 {
			return nil, errors.New("no zero here")
		}
		if _, err := r.Uint29(); err != nil {
			return nil, err
		}
		_, err = r.Value()
		return point{b[0], b[1]}, err
	}, func(w *ExternalWriter, v any) error {
		p := v.(point)
		return errors.Join(w.Bytes([]byte{p.x, p.y}), w.Uint29(128), w.Value("P"))
	})
	o := &Options{Registry: r}
	wire := unhex(t, "0A 07 03 'P' 08 09 81 00 06 00")
	values, err := Decode3(wire, o)
	if want := (&Object{Class: "P", Externalizable: point{8, 9}}); err != nil || !Equal(values[0], want) {
		t.Fatalf("%s, %v", Format(values), err)
	}
	e := NewEncoder3(nil, o)
	if err := e.Encode(values[0]); err != nil || !bytes.Equal(e.Bytes(), wire) {
		t.Errorf("% x, %v", e.Bytes(), err)
	}
	for n := 1; n < len(wire); n++ {
		if _, err := Decode3(wire[:n], o); !errors.Is(err, ErrTruncated) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
	if _, err := Decode3(unhex(t, "0A 07 03 'P' 00 00"), o); !errors.Is(err, ErrUnknownClass) {
		t.Error(err)
	}
}

func TestDecoderStopsAtItsFirstError(t *testing.T) {
	d := NewDecoder0([]byte{5, 1, 1, 0xEE, 5}, nil)
	for _, want := range []Value{nil, true} {
		if v, err := d.Decode(); err != nil || v != want || !d.More() {
			t.Fatalf("%v, %v", v, err)
		}
	}
	if d.Offset() != 3 || !bytes.Equal(d.Remaining(), []byte{0xEE, 5}) {
		t.Errorf("offset %d, remaining % x", d.Offset(), d.Remaining())
	}
	_, first := d.Decode()
	if _, again := d.Decode(); !errors.Is(first, ErrUnknownMarker) || again != first {
		t.Errorf("%v, then %v", first, again)
	}
}

func TestValuesBeforeAnErrorAreReturned(t *testing.T) {
	values, err := DecodeExtended(unhex(t, "00 02 0001 'a' 05 EE"), nil)
	if !errors.Is(err, ErrUnknownMarker) || !Equal(NewArray(values...), NewArray("a", nil)) {
		t.Errorf("%s, %v", Format(NewArray(values...)), err)
	}
}

func TestDecodedBytesDoNotAliasTheInput(t *testing.T) {
	wire := unhex(t, "0C 03 AA")
	values, _ := Decode3(wire, nil)
	wire[2] = 0
	if values[0].(*ByteArray).Bytes[0] != 0xAA {
		t.Error("aliased")
	}
}
