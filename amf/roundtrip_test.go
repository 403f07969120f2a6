package amf

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// graphs draws values, some of which occur more than once.
type graphs struct {
	t        *rapid.T
	seen     []Value
	amf0Only bool
}

func (g *graphs) value(depth int) Value {
	t := g.t
	kinds := 14
	if g.amf0Only {
		kinds = 10
	}
	if depth == 0 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return Undefined
	case 2:
		return rapid.Bool().Draw(t, "bool")
	case 3:
		return rapid.Float64().Draw(t, "number")
	case 4:
		return float64(rapid.Int32().Draw(t, "integer"))
	case 5:
		return g.name()
	case 6:
		return Date{Milliseconds: rapid.Float64().Draw(t, "date")}
	case 7:
		if len(g.seen) > 0 {
			return rapid.SampledFrom(g.seen).Draw(t, "again")
		}
		return nil
	case 8:
		return g.object(depth)
	case 9:
		return g.array(depth)
	case 10:
		return keep(g, &XML{Text: g.name(), Document: rapid.Bool().Draw(t, "document")})
	case 11:
		return keep(g, &ByteArray{Bytes: rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")})
	case 12:
		return g.vector(depth)
	}
	d := keep(g, &Dictionary{Weak: rapid.Bool().Draw(t, "weak")})
	for range g.few() {
		d.Entries = append(d.Entries, Entry{g.value(depth - 1), g.value(depth - 1)})
	}
	return d
}

func keep[T any](g *graphs, v T) T {
	g.seen = append(g.seen, v)
	return v
}

func (g *graphs) few() int { return rapid.IntRange(0, 4).Draw(g.t, "few") }

func (g *graphs) name() string {
	return string(rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(g.t, "name"))
}

func (g *graphs) object(depth int) Value {
	o := keep(g, NewObject())
	if rapid.Bool().Draw(g.t, "typed") {
		o.Class = rapid.SampledFrom([]string{"A", "B"}).Draw(g.t, "class")
		o.Dynamic = rapid.Bool().Draw(g.t, "dynamic")
	}
	for range g.few() {
		name := rapid.SampledFrom([]string{"a", "b", "c", "d", g.name()}).Draw(g.t, "key")
		o.Set(name, g.value(depth-1))
		if o.Dynamic && rapid.Bool().Draw(g.t, "sealed") && o.Len() == len(o.Sealed)+1 {
			o.Sealed = append(o.Sealed, name)
		}
	}
	return o
}

func (g *graphs) array(depth int) Value {
	a := keep(g, NewArray())
	a.ECMA = rapid.Bool().Draw(g.t, "ECMA")
	for range g.few() {
		a.Dense = append(a.Dense, g.value(depth-1))
	}
	if a.ECMA {
		for range g.few() {
			a.Set("k"+g.name(), g.value(depth-1))
		}
	}
	return a
}

func (g *graphs) vector(depth int) Value {
	fixed := rapid.Bool().Draw(g.t, "fixed")
	switch rapid.IntRange(0, 3).Draw(g.t, "vector") {
	case 0:
		return keep(g, &VectorInt{Items: rapid.SliceOf(rapid.Int32()).Draw(g.t, "items"), Fixed: fixed})
	case 1:
		return keep(g, &VectorUint{Items: rapid.SliceOf(rapid.Uint32()).Draw(g.t, "items"), Fixed: fixed})
	case 2:
		return keep(g, &VectorDouble{Items: rapid.SliceOf(rapid.Float64()).Draw(g.t, "items"), Fixed: fixed})
	}
	v := keep(g, &VectorObject{Class: g.name(), Fixed: fixed})
	for range g.few() {
		v.Items = append(v.Items, g.value(depth-1))
	}
	return v
}

func TestRoundTrips(t *testing.T) {
	codecs := append(both[:2:2], codecs{"extended", nil, DecodeExtended, AppendExtended})
	for _, c := range codecs {
		t.Run(c.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				g := graphs{t: t, amf0Only: c.name == "AMF0"}
				want := []Value{g.value(4), g.value(4)}
				wire, err := c.encode(nil, want...)
				if err != nil {
					t.Fatal(err)
				}
				sameAgain(t, c.decode, c.encode, wire, want)
			})
		})
	}
}

// sameAgain decodes, compares with want unless that is nil, and encodes and
// decodes once more; then the bytes must stay the same.
func sameAgain(t rapid.TB, decode func([]byte, *Options) ([]Value, error), encode func([]byte, ...Value) ([]byte, error), wire []byte, want []Value) {
	first, err := decode(wire, nil)
	if err != nil {
		if want != nil {
			t.Fatal(err)
		}
		return
	}
	if want != nil && !Equal(NewArray(first...), NewArray(want...)) {
		t.Fatalf("decoded %s, want %s", Format(NewArray(first...)), Format(NewArray(want...)))
	}
	second, err := encode(nil, first...)
	if errors.Is(err, ErrKey) || errors.Is(err, ErrNotInAMF0) || errors.Is(err, ErrUnknownClass) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	third, err := decode(second, nil)
	if err != nil {
		t.Fatalf("%v\nafter %s", err, Format(NewArray(first...)))
	}
	if !Equal(NewArray(first...), NewArray(third...)) {
		t.Fatalf("%s became %s", Format(NewArray(first...)), Format(NewArray(third...)))
	}
	fourth, err := encode(nil, third...)
	if err != nil || !bytes.Equal(second, fourth) {
		t.Fatalf("% x became % x, %v", second, fourth, err)
	}
}

func fuzz(f *testing.F, prefix []byte, c codecs, seeds ...codecs) {
	for _, s := range seeds {
		for _, g := range s.golden {
			f.Add(append(bytes.Clone(prefix), unhex(f, g.bytes)...))
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		sameAgain(t, c.decode, c.encode, wire, nil)
	})
}

func FuzzDecode0(f *testing.F) {
	c := both[0]
	c.encode = func(dst []byte, v ...Value) ([]byte, error) {
		if slices.ContainsFunc(v, amf3Only) {
			return nil, ErrNotInAMF0
		}
		return Append0(dst, v...)
	}
	fuzz(f, nil, c, both[0])
}

// amf3Only reports whether a value, tree or graph, holds what only an AMF3
// switch can have brought and AMF0 would give back in another form: XML of the
// newer kind, and names in an array that number its dense part.
func amf3Only(v Value) bool {
	seen := map[Value]bool{}
	var look func(Value) bool
	look = func(v Value) bool {
		switch v := v.(type) {
		case *XML:
			return !v.Document
		case *Object:
			if seen[v] {
				return false
			}
			seen[v] = true
			for _, v := range v.All() {
				if look(v) {
					return true
				}
			}
		case *Array:
			if seen[v] {
				return false
			}
			seen[v] = true
			first := true
			for name, v2 := range v.All() {
				i, ok := ordinal(name)
				if ok && (i < len(v.Dense) || first && i == len(v.Dense)) || look(v2) {
					return true
				}
				first = false
			}
			return slices.ContainsFunc(v.Dense, look)
		}
		return false
	}
	return look(v)
}

func FuzzDecode3(f *testing.F) { fuzz(f, nil, both[1], both[1]) }

func FuzzDecodeExtended(f *testing.F) {
	c := codecs{decode: DecodeExtended, encode: AppendExtended}
	for _, g := range golden3 {
		f.Add(append([]byte{0, avmplusMarker}, unhex(f, g.bytes)...))
	}
	fuzz(f, []byte{0}, c, both[0])
}
