package amf

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPropertiesBehaveAsAnOrderedMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Properties
		var order []string
		values := map[string]Value{}
		key := rapid.SampledFrom(strings.Split("abcdefghijklmnopqrstuvwxyz0123456789", ""))
		for i := range rapid.IntRange(0, 200).Draw(t, "steps") {
			name := key.Draw(t, "name")
			if rapid.IntRange(0, 9).Draw(t, "empty") == 0 {
				name = ""
			}
			_, had := values[name]
			if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
				p.Delete(name)
				delete(values, name)
				if had {
					order = without(order, name)
				}
			} else {
				p.Set(name, float64(i))
				values[name] = float64(i)
				if !had {
					order = append(order, name)
				}
			}
			v, ok := p.Get(name)
			want, has := values[name]
			if ok != has || v != want || p.Len() != len(values) {
				t.Fatalf("Get(%q) = %v, %v, want %v, %v", name, v, ok, want, has)
			}
		}
		var got []string
		for name, v := range p.All() {
			got = append(got, name)
			if v != values[name] {
				t.Fatalf("%q is %v, want %v", name, v, values[name])
			}
		}
		if diff := cmp.Diff(order, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func without(list []string, s string) []string {
	var out []string
	for _, x := range list {
		if x != s {
			out = append(out, x)
		}
	}
	return out
}

func TestDeletingWhileIterating(t *testing.T) {
	o := NewObject()
	for _, c := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		o.Set(c, c)
	}
	seen := ""
	for name, v := range o.All() {
		if name != v {
			t.Fatalf("%q is %v", name, v)
		}
		seen += name
		o.Delete(name)
	}
	if seen != "abcdefghijklmnopqrstuvwxyz" || o.Len() != 0 {
		t.Errorf("saw %q, %d left", seen, o.Len())
	}
}

func TestCommandObjectHelpersAreZeroForOtherTypes(t *testing.T) {
	o := NewObject(prop("app", "live"), prop("n", 239.0), prop("i", 7), prop("b", true))
	if o.String("app") != "live" || o.Number("n") != 239 || o.Number("i") != 7 || !o.Bool("b") {
		t.Error("values not found")
	}
	var none *Object
	for _, o := range []*Object{o, none, {}} {
		if o.String("n") != "" || o.String("x") != "" || o.Number("app") != 0 || o.Number("x") != 0 || o.Bool("n") || o.Bool("x") {
			t.Error("not zero")
		}
	}
	if _, ok := none.Get("app"); ok || none.Len() != 0 {
		t.Error("a nil object has properties")
	}
}

func TestEqual(t *testing.T) {
	inf := math.Inf(1)
	wrapped := func(v Value) *Object { return &Object{Class: "W", Externalizable: &Wrapped{v}} }
	tests := []struct {
		name string
		a, b Value
		want bool
	}{
		{"nil", nil, nil, true},
		{"null and undefined", nil, Undefined, false},
		{"undefined and unsupported", Undefined, Unsupported, false},
		{"numbers of different types", 5, 5.0, true},
		{"number and string", 5, "5", false},
		{"number and nil", nil, 0, false},
		{"NaN", math.NaN(), math.NaN(), true},
		{"infinities", inf, -inf, false},
		{"booleans", true, false, false},
		{"dates in other zones", Date{1, 2}, Date{1, 3}, true},
		{"dates", Date{1, 2}, Date{2, 2}, false},
		{"invalid dates", Date{math.NaN(), 0}, Date{math.NaN(), 0}, true},
		{"strings", "a", "b", false},
		{"order of properties", NewObject(prop("a", 1), prop("b", 2)), NewObject(prop("b", 2), prop("a", 1)), false},
		{"names", NewObject(prop("a", 1)), NewObject(prop("b", 1)), false},
		{"number of properties", NewObject(prop("a", 1)), NewObject(), false},
		{"classes", typed("A"), typed("B"), false},
		{"sealed and dynamic", typed("A", prop("x", 1)), sealed("A", prop("x", 1)), true},
		{"wrapped", wrapped(NewArray(1)), wrapped(NewArray(1)), true},
		{"wrapped apart", wrapped(NewArray(1)), wrapped(NewArray(2)), false},
		{"wrapped and not", wrapped(nil), typed("W"), false},
		{"arrays", NewArray(1, 2), NewArray(1, 3), false},
		{"object and array", NewObject(), NewArray(), false},
		{"ECMA and strict", NewECMAArray(), NewArray(), true},
		{"associative part", NewECMAArray(prop("a", 1)), NewECMAArray(prop("a", 2)), false},
		{"nil pointer and nil", (*Object)(nil), nil, false},
		{"nil pointer and empty", (*Object)(nil), NewObject(), false},
		{"XML kinds", &XML{Text: "a"}, &XML{Text: "a", Document: true}, false},
		{"byte arrays", &ByteArray{Bytes: []byte{1}}, &ByteArray{Bytes: []byte{2}}, false},
		{"vectors of int", &VectorInt{Items: []int32{1}}, &VectorInt{Items: []int32{2}}, false},
		{"vectors of uint", &VectorUint{Items: []uint32{1}}, &VectorUint{Items: []uint32{1}, Fixed: true}, false},
		{"vectors of NaN", &VectorDouble{Items: []float64{math.NaN()}}, &VectorDouble{Items: []float64{math.NaN()}}, true},
		{"vectors of objects", &VectorObject{Items: []Value{1}}, &VectorObject{Items: []Value{2}}, false},
		{"dictionaries", &Dictionary{Entries: []Entry{{1, 2}}}, &Dictionary{Entries: []Entry{{1, 3}}}, false},
		{"cycles of one and of two", ring, NewArray(ring), true},
		{"foreign type", struct{}{}, struct{}{}, false},
	}
	for _, test := range tests {
		if Equal(test.a, test.b) != test.want || Equal(test.b, test.a) != test.want {
			t.Errorf("%s: not %v", test.name, test.want)
		}
	}
}

func TestFormat(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	many := NewArray(make([]Value, 10_000)...)
	wide := NewObject()
	for i := range 100 {
		wide.Set(long[:i+1000], long)
	}
	tests := []struct {
		value Value
		want  string
	}{
		{nil, "null"},
		{(*Array)(nil), "null"},
		{7, "7"},
		{-0.25, "-0.25"},
		{1e300, "1e+300"},
		{math.NaN(), "NaN"},
		{"a\"\n\xFF", `"a\"\n\xff"`},
		{Undefined, "undefined"},
		{Unsupported, "unsupported"},
		{Date{Milliseconds: 1e12}, "Date(2001-09-09T01:46:40.000Z)"},
		{Date{Milliseconds: math.NaN()}, "Date(NaN)"},
		{NewObject(prop("app", "live"), prop("a b", true), prop("", nil)), `{app: "live", "a b": true, "": null}`},
		{typed("com.Foo", prop("x", 1)), "com.Foo{x: 1}"},
		{&Object{Class: "W", Externalizable: &Wrapped{NewArray(1)}}, "W{[1]}"},
		{&Object{Class: "W", Externalizable: 5}, "W{int}"},
		{mixed([]Value{1, "a"}, prop("k", false)), `[1, "a", k: false]`},
		{&XML{Text: "<a/>"}, `XML "<a/>"`},
		{&ByteArray{Bytes: make([]byte, 3)}, "ByteArray(3 bytes)"},
		{&VectorInt{Items: []int32{-1, 2}}, "Vector.<int>[-1, 2]"},
		{&VectorUint{Items: []uint32{3}}, "Vector.<uint>[3]"},
		{&VectorDouble{Items: []float64{1.5}}, "Vector.<Number>[1.5]"},
		{&VectorObject{Class: "*", Items: []Value{nil}}, "Vector.<*>[null]"},
		{&Dictionary{Entries: []Entry{{"k", 1}}}, `Dictionary["k": 1]`},
		{struct{}{}, "struct {}"},
		{self, strings.Repeat("{me: ", 9) + "…" + strings.Repeat("}", 9)},
	}
	for _, test := range tests {
		if got := Format(test.value); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
	for _, v := range []Value{long, many, wide, typed(long), &VectorInt{Items: make([]int32, 1e6)}, &VectorObject{Class: long}} {
		if got := Format(v); len(got) > 2*formatMax || !strings.Contains(got+"…", "…") {
			t.Errorf("%d bytes of log", len(got))
		}
	}
}
