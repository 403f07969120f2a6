package amf

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/yutopp/go-amf0"
	"pgregory.net/rapid"
)

// The peer knows no references, undefined, typed objects, XML or long strings,
// keeps no key order, loses milliseconds of dates, and reads an object in an
// ECMA array into the element before it. It believes counts, so it is only fed
// what Append0 wrote.

// peerValue draws a value that the peer can express, in its form and in ours.
func peerValue(t *rapid.T, depth int) (ours Value, theirs any) {
	text := rapid.StringN(0, 20, 60)
	kinds := 8
	if depth == 0 {
		kinds = 5
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil, nil
	case 1:
		n := rapid.Float64().Draw(t, "number")
		return n, n
	case 2:
		b := rapid.Bool().Draw(t, "bool")
		return b, b
	case 3:
		s := text.Draw(t, "text")
		return s, s
	case 4:
		s := rapid.Int64Range(-1e9, 1e9).Draw(t, "seconds")
		return Date{Milliseconds: float64(s) * 1000}, time.Unix(s, 0).UTC()
	case 5:
		o, m := NewObject(), map[string]any{}
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			name := "k" + text.Draw(t, "name")
			v, w := peerValue(t, depth-1)
			o.Set(name, v)
			m[name] = w
		}
		return o, m
	case 6:
		a, m := NewECMAArray(), amf0.ECMAArray{}
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			name := "k" + text.Draw(t, "name")
			v, w := peerValue(t, 0)
			a.Set(name, v)
			m[name] = w
		}
		return a, m
	}
	a, list := NewArray(), []any{}
	for range rapid.IntRange(0, 4).Draw(t, "n") {
		v, w := peerValue(t, depth-1)
		a.Dense = append(a.Dense, v)
		list = append(list, w)
	}
	return a, list
}

// plain turns a value into the peer's form.
func plain(v Value) any {
	switch v := v.(type) {
	case Date:
		return time.UnixMilli(int64(v.Milliseconds)).UTC()
	case *Object:
		m := map[string]any{}
		for name, v := range v.All() {
			m[name] = plain(v)
		}
		return m
	case *Array:
		if v.ECMA {
			m := amf0.ECMAArray{}
			for name, v := range v.All() {
				m[name] = plain(v)
			}
			return m
		}
		list := []any{}
		for _, v := range v.Dense {
			list = append(list, plain(v))
		}
		return list
	}
	return v
}

func TestPeerReadsWhatWeWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ours, theirs := peerValue(t, 3)
		wire, err := Append0(nil, ours)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := amf0.NewDecoder(bytes.NewReader(wire)).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(theirs, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestWeReadWhatPeerWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, theirs := peerValue(t, 3)
		var wire bytes.Buffer
		if err := amf0.NewEncoder(&wire).Encode(theirs); err != nil {
			t.Fatal(err)
		}
		got, err := Decode0(wire.Bytes(), nil)
		if err != nil || len(got) != 1 {
			t.Fatalf("%v, %v", got, err)
		}
		if diff := cmp.Diff(theirs, plain(got[0])); diff != "" {
			t.Fatal(diff, fmt.Sprintf("% x", wire.Bytes()))
		}
	})
}
