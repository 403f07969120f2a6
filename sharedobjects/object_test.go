package sharedobjects

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"afterglow/amf"
)

func TestEachBatchIsOneVersion(t *testing.T) {
	o := New("a", Limits{})
	set(t, o, "x", 1)
	o.Begin()
	set(t, o, "y", 2)
	o.Begin()
	o.Delete("x")
	if v := o.Commit(); v != 1 {
		t.Errorf("an inner batch ended with version %d", v)
	}
	set(t, o, "z", 3)
	if v := o.Commit(); v != 2 {
		t.Errorf("the batch ended with version %d", v)
	}
	o.Begin()
	o.Delete("missing")
	if v := o.Commit(); v != 2 {
		t.Errorf("an empty batch ended with version %d", v)
	}
	if v := o.Commit(); v != 2 {
		t.Errorf("the end of no batch gave version %d", v)
	}
}

func TestLockIsABatch(t *testing.T) {
	o := New("a", Limits{})
	if n := o.Unlock(); n != 0 || o.Locked() {
		t.Fatal("unlocked what was not locked")
	}
	o.Lock()
	if n := o.Lock(); n != 2 {
		t.Errorf("%d locks", n)
	}
	set(t, o, "x", 1)
	set(t, o, "y", 1)
	if n := o.Unlock(); n != 1 || !o.Locked() || o.Version() != 0 {
		t.Errorf("%d locks, version %d", n, o.Version())
	}
	if n := o.Unlock(); n != 0 || o.Locked() || o.Version() != 1 {
		t.Errorf("%d locks, version %d", n, o.Version())
	}
}

func TestValuesAreCopied(t *testing.T) {
	o := New("a", Limits{})
	list := amf.NewArray("one")
	set(t, o, "list", list)
	list.Dense = append(list.Dense, "two")
	want(t, o, "list", amf.NewArray("one"))

	got, _ := o.Get("list")
	got.(*amf.Array).Dense[0] = "other"
	want(t, o, "list", amf.NewArray("one"))

	before := o.Version()
	old, err := o.Set("list", list)
	if err != nil || !amf.Equal(old, amf.NewArray("one")) || o.Version() == before {
		t.Errorf("the old value is %s (%v), the version %d", amf.Format(old), err, o.Version())
	}
	want(t, o, "list", amf.NewArray("one", "two"))
}

func TestAllKindsOfValuesAreKept(t *testing.T) {
	ring := amf.NewObject()
	ring.Set("self", ring)
	values := []amf.Value{
		nil, amf.Undefined, amf.Unsupported, true, 1.5, math.NaN(), "", "text", strings.Repeat("long", 20000), amf.Date{Milliseconds: 12},
		ring, amf.NewObject(amf.Property{Name: "", Value: 1.0}), amf.NewECMAArray(amf.Property{Name: "n", Value: 1.0}),
		&amf.Object{Class: "Point", Dynamic: true}, &amf.ByteArray{Bytes: []byte{1, 2}}, &amf.XML{Text: "<a/>"},
		&amf.VectorInt{Items: []int32{1}}, &amf.Dictionary{Entries: []amf.Entry{{Key: true, Value: "x"}}},
	}
	s := newStore(t)
	n := s.Instance("app", "")
	o := n.Create("values")
	for i, v := range values {
		set(t, o, fmt.Sprint(i), v)
		want(t, o, fmt.Sprint(i), v)
	}
	n.Release(o)
	o = load(t, n, "values")
	for i, v := range values {
		want(t, o, fmt.Sprint(i), v)
	}
}

func TestNamesAreInTheOrderOfFirstSet(t *testing.T) {
	s := newStore(t)
	n := s.Instance("app", "")
	o := n.Create("a")
	for _, name := range []string{"c", "a", "b", "a", "d"} {
		set(t, o, name, name)
	}
	wantNames(t, o, "c", "a", "b", "d")
	o.Delete("c")
	set(t, o, "c", 1)
	o.Delete("b")
	set(t, o, "a", 2)
	wantNames(t, o, "a", "d", "c")
	n.Release(o)
	o = load(t, n, "a")
	wantNames(t, o, "a", "d", "c")
	set(t, o, "e", 1)
	wantNames(t, o, "a", "d", "c", "e")
}

func TestChangingWhileIterating(t *testing.T) {
	o := New("a", Limits{})
	for _, name := range []string{"a", "b", "c"} {
		set(t, o, name, 1)
	}
	var seen []string
	for name := range o.All() {
		seen = append(seen, name)
		o.Delete("a")
		o.Delete("b")
		set(t, o, "d", 1)
	}
	if !slices.Equal(seen, []string{"a", "c"}) {
		t.Errorf("saw %q", seen)
	}
}

func TestLimits(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, test := range []struct {
		why    string
		limits Limits
		name   string
		value  amf.Value
		err    error
	}{
		{"empty name", Limits{}, "", 1, ErrName},
		{"long name", Limits{}, strings.Repeat("n", MaxPropertyName+1), 1, ErrName},
		{"longest name", Limits{}, strings.Repeat("n", MaxPropertyName), 1, nil},
		{"one too many", Limits{MaxProperties: 2}, "c", 1, ErrTooMany},
		{"replaced", Limits{MaxProperties: 2}, "b", 2, nil},
		{"large value", Limits{MaxPropertyBytes: 102}, "b", long, ErrTooLarge},
		{"largest value", Limits{MaxPropertyBytes: 103}, "b", long, nil},
		{"large object", Limits{MaxObjectBytes: 123}, "c", long, ErrObjectTooLarge},
		{"largest object", Limits{MaxObjectBytes: 124}, "c", long, nil},
		{"grown value", Limits{MaxObjectBytes: 113}, "b", long, ErrObjectTooLarge},
		{"largest grown value", Limits{MaxObjectBytes: 114}, "b", long, nil},
		{"no limits", Limits{-1, -1, -1, -1}, "c", strings.Repeat(long, 1<<14), nil},
		{"amf's limit", Limits{-1, -1, -1, -1}, "c", amf.NewArray(make([]amf.Value, amf.DefaultMaxElements+1)...), ErrTooLarge},
		{"no value", Limits{}, "c", struct{}{}, ErrValue},
	} {
		t.Run(test.why, func(t *testing.T) {
			o := New("o", test.limits)
			set(t, o, "a", 1)
			set(t, o, "b", 1)
			before := o.Changes(0)
			_, err := o.Set(test.name, test.value)
			if !errors.Is(err, test.err) {
				t.Errorf("the error is %v", err)
			}
			if err != nil && (o.Version() != before.Version || o.Size() != 20 || o.Len() != 2) {
				t.Errorf("changed: version %d, %d bytes", o.Version(), o.Size())
			}
		})
	}
}

func TestObjectBeyondItsLimitsCanShrink(t *testing.T) {
	o := New("o", Limits{})
	set(t, o, "a", strings.Repeat("x", 100))
	set(t, o, "b", strings.Repeat("x", 100))
	o.SetLimits(Limits{MaxObjectBytes: 50, MaxProperties: 1})
	if _, err := o.Set("a", strings.Repeat("x", 101)); !errors.Is(err, ErrObjectTooLarge) {
		t.Errorf("growing: %v", err)
	}
	set(t, o, "a", "short")
	o.Delete("b")
	if o.Size() != 1+3+5 {
		t.Errorf("%d bytes are left", o.Size())
	}
}

func TestRemovalsAreForgottenBeyondTheLimit(t *testing.T) {
	o := New("o", Limits{MaxRemembered: 2})
	for i := range 4 {
		set(t, o, fmt.Sprint(i), i)
	}
	for i := range 4 {
		o.Delete(fmt.Sprint(i))
	}
	if d := o.Changes(5); !d.Clear {
		t.Errorf("a client that missed a forgotten removal gets %+v", d)
	}
	if d := o.Changes(6); d.Clear || !slices.Equal(d.Removed, []string{"2", "3"}) {
		t.Errorf("a client that missed the others gets %+v", d)
	}
	if len(o.slots) != 2 {
		t.Errorf("%d slots are kept", len(o.slots))
	}
}

func TestTheLastVersionStays(t *testing.T) {
	o := New("o", Limits{})
	o.version = math.MaxUint32 - 1
	for i := range 3 {
		set(t, o, "x", i)
		if o.Version() != math.MaxUint32 {
			t.Fatalf("version %d", o.Version())
		}
	}
	if d := o.Changes(math.MaxUint32); !d.Clear {
		t.Errorf("a client that may have any of these gets %+v", d)
	}
	if d := o.Changes(math.MaxUint32 - 1); d.Clear || len(d.Set) != 1 {
		t.Errorf("a client of before gets %+v", d)
	}
}
