package amf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestClaimsAreNotPaidInAdvance(t *testing.T) {
	tests := []struct {
		name   string
		decode func([]byte, *Options) ([]Value, error)
		bytes  string
	}{
		{"strict array of 2^31-1", Decode0, "0A 7FFFFFFF"},
		{"strict array of 2^32-1", Decode0, "0A FFFFFFFF 05"},
		{"ECMA array of 2^32-1", Decode0, "08 FFFFFFFF"},
		{"long string of 2^32-1 bytes", Decode0, "0C FFFFFFFF 'a'"},
		{"XML document of 2^32-1 bytes", Decode0, "0F FFFFFFFF 'a'"},
		{"string of 2^28-1 bytes", Decode3, "06 FFFFFFFF 'a'"},
		{"XML of 2^28-1 bytes", Decode3, "0B FFFFFFFF 'a'"},
		{"byte array of 2^28-1", Decode3, "0C FFFFFFFF 00"},
		{"array of 2^28-1", Decode3, "09 FFFFFFFF 01 01"},
		{"vector of 2^28-1 int", Decode3, "0D FFFFFFFF 00 00000000"},
		{"vector of 2^28-1 Number", Decode3, "0F FFFFFFFF 00 00000000"},
		{"vector of 2^28-1 objects", Decode3, "10 FFFFFFFF 00 01 01"},
		{"dictionary of 2^28-1", Decode3, "11 FFFFFFFF 00 01 01"},
		{"class of 2^25-1 members", Decode3, "0A FFFFFFFB 01 01"},
	}
	for _, test := range tests {
		wire := unhex(t, test.bytes)
		var err error
		n := allocated(func() { _, err = test.decode(wire, nil) })
		if !errors.Is(err, ErrTruncated) || n > 64<<10 {
			t.Errorf("%s: %v, %d bytes allocated", test.name, err, n)
		}
	}
}

func TestNestingAMillionDeepIsRefused(t *testing.T) {
	const n = 1_000_000
	tests := []struct {
		name   string
		decode func([]byte, *Options) ([]Value, error)
		level  string
	}{
		{"AMF0 objects", Decode0, "03 0001 'a'"},
		{"AMF0 typed objects", Decode0, "10 0001 'C' 0001 'a'"},
		{"AMF0 ECMA arrays", Decode0, "08 00000001 0001 'a'"},
		{"AMF0 strict arrays", Decode0, "0A 00000001"},
		{"AMF3 arrays", Decode3, "09 03 01"},
		{"AMF3 associative arrays", Decode3, "09 01 03 'a'"},
		{"AMF3 objects", Decode3, "0A 0B 01 03 'a'"},
		{"AMF3 vectors", Decode3, "10 03 00 01"},
		{"AMF3 dictionaries", Decode3, "11 03 00"},
		{"AMF3 externalizables", Decode3, "0A 07 43 'flex.messaging.io.ArrayCollection'"},
	}
	for _, test := range tests {
		level := unhex(t, test.level)
		wire := bytes.Repeat(level, min(n, DefaultMaxBytes/len(level)))
		var err error
		used := allocated(func() { _, err = test.decode(wire, nil) })
		if !errors.Is(err, ErrLimit) || used > 1<<20 {
			t.Errorf("%s: %v, %d bytes allocated", test.name, err, used)
		}
	}
}

func TestLimitsAreExact(t *testing.T) {
	deep := func(n int) []byte { return append(bytes.Repeat([]byte{0x0A, 0, 0, 0, 1}, n), 5) }
	nulls := func(n int) []byte { return bytes.Repeat([]byte{5}, n) }
	tests := []struct {
		name   string
		limits Limits
		make   func(int) []byte
		last   int
	}{
		{"default depth", Limits{}, deep, DefaultMaxDepth},
		{"depth", Limits{MaxDepth: 3}, deep, 3},
		{"default elements", Limits{}, nulls, DefaultMaxElements},
		{"elements", Limits{MaxElements: 5}, nulls, 5},
		{"bytes", Limits{MaxBytes: 10}, nulls, 10},
	}
	for _, test := range tests {
		o := &Options{Limits: test.limits}
		if _, err := Decode0(test.make(test.last), o); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if _, err := Decode0(test.make(test.last+1), o); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: one more: %v", test.name, err)
		}
	}
}

func TestElementsAreCountedEverywhere(t *testing.T) {
	o := &Options{Limits: Limits{MaxElements: 3}}
	tests := []struct {
		name, bytes string
	}{
		{"array", "09 07 01 01 01 01"},
		{"associative array", "09 01 03 'a' 01 03 'b' 01 03 'c' 01 01"},
		{"object", "0A 0B 01 03 'a' 01 03 'b' 01 03 'c' 01 01"},
		{"sealed object", "0A 33 01 03 'a' 03 'b' 03 'c' 01 01 01"},
		{"vector", "10 07 00 01 01 01 01"},
		{"dictionary", "11 05 00 01 01 01 01"},
	}
	for _, test := range tests {
		if _, err := Decode3(unhex(t, test.bytes), o); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// manyReferences is an array of a long string and many references to it.
func manyReferences(size, n int) []byte {
	e := NewEncoder3(nil, nil)
	e.u8(array3)
	e.u29(uint32(n+1)<<1 | 1)
	e.u29(1)
	e.u8(string3)
	e.string3(strings.Repeat("s", size))
	for range n {
		e.dst = append(e.dst, string3, 0)
	}
	return e.dst
}

func TestStringsByReferenceAreLimited(t *testing.T) {
	if _, err := Decode3(manyReferences(100, 1000), nil); err != nil {
		t.Error(err)
	}
	if _, err := Decode3(manyReferences(1<<20, 17), nil); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
}

func TestTraitNamesByReferenceAreLimited(t *testing.T) {
	wire := unhex(t, "09 85 01 01 0A 13 03 'F'")
	e := &Encoder{dst: wire, limits: Limits{MaxBytes: 1 << 24}}
	e.counted3(1<<20, func() error { return e.text(strings.Repeat("n", 1<<20)) })
	e.u8(null3)
	for range 63 {
		e.dst = append(e.dst, object3, 1, null3)
	}
	if _, err := Decode3(e.dst, nil); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
}

// doubling returns n arrays, each of which holds the one before it twice, so
// that 2^n paths lead through n objects.
func doubling(n int) *Array {
	a := NewArray()
	for range n {
		a = NewArray(a, a)
	}
	return a
}

func TestSharedPartsAreNotMultiplied(t *testing.T) {
	a, b := doubling(100), doubling(100)
	if !Equal(a, b) {
		t.Error("equal graphs differ")
	}
	if Equal(a, doubling(99)) {
		t.Error("different graphs are equal")
	}
	if s := Format(a); len(s) > 2*formatMax {
		t.Errorf("%d bytes of log", len(s))
	}
	for _, c := range both {
		wire, err := c.encode(nil, a)
		if err != nil || len(wire) > 1000 {
			t.Fatalf("%s: %d bytes, %v", c.name, len(wire), err)
		}
		back, err := c.decode(wire, nil)
		if err != nil || !Equal(back[0], a) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestLargeObjectsAreFastEnoughToFind(t *testing.T) {
	// 60,000 names of 60 bytes in one object: quadratic lookups would compare
	// a hundred gigabytes.
	wire := []byte{object0}
	for i := range uint32(60_000) {
		wire = binary.BigEndian.AppendUint16(wire, 60)
		wire = append(wire, bytes.Repeat([]byte{'n'}, 56)...)
		wire = binary.BigEndian.AppendUint32(wire, i)
		wire = append(wire, null0)
	}
	values, err := Decode0(append(wire, 0, 0, objectEnd0), nil)
	if err != nil {
		t.Fatal(err)
	}
	o := values[0].(*Object)
	names := make([]string, 0, o.Len())
	for name := range o.All() {
		names = append(names, name)
	}
	for _, name := range names {
		o.Delete(name)
	}
	if len(names) != 60_000 || o.Len() != 0 {
		t.Errorf("%d names, %d left", len(names), o.Len())
	}
}

func TestNestedClaimsAreNotPaidInAdvance(t *testing.T) {
	// Each level claims all of the input behind it.
	const n = 1 << 16
	wire := bytes.Repeat([]byte{strictArray0, 0, 0, 0, 0}, DefaultMaxDepth)
	for i := range DefaultMaxDepth {
		binary.BigEndian.PutUint32(wire[5*i+1:], n)
	}
	wire = append(wire, bytes.Repeat([]byte{null0}, n)...)
	var err error
	used := allocated(func() { _, err = Decode0(wire, nil) })
	if !errors.Is(err, ErrLimit) || used > 8<<20 {
		t.Errorf("%v, %d bytes allocated", err, used)
	}
}
