package main

import (
	"math"
	"strings"
	"testing"

	"afterglow/amf"
)

func TestValuesGoToJSONAndBack(t *testing.T) {
	typed := amf.NewObject(amf.Property{Name: "$id", Value: 1.0}, amf.Property{Name: "a", Value: amf.Undefined})
	typed.Class = "User"
	mixed := amf.NewECMAArray(amf.Property{Name: "k", Value: true})
	mixed.Dense = []amf.Value{1.0, "x"}
	wrapped := &amf.Object{Class: "flex.messaging.io.ArrayCollection", Externalizable: &amf.Wrapped{Value: amf.NewArray(1.0)}}
	for _, c := range []struct {
		value amf.Value
		text  string
	}{
		{nil, `null`}, {true, `true`}, {1.5, `1.5`}, {1e21, `1e+21`}, {"a<\u2028\"", `"a<\u2028\""`}, {amf.Undefined, `{"$undefined":true}`},
		{math.NaN(), `{"$number":"NaN"}`}, {math.Inf(1), `{"$number":"Infinity"}`}, {math.Inf(-1), `{"$number":"-Infinity"}`},
		{amf.Date{Milliseconds: 1.5}, `{"$date":1.5}`}, {amf.Date{Milliseconds: 1000}, `{"$date":"1970-01-01T00:00:01.000Z"}`},
		{&amf.ByteArray{Bytes: []byte{0, 255}}, `{"$bytes":"AP8="}`}, {&amf.XML{Text: "<a/>"}, `{"$xml":"<a/>"}`},
		{typed, `{"$class":"User","$$id":1,"a":{"$undefined":true}}`}, {mixed, `{"$array":[1,"x"],"k":true}`},
		{wrapped, `{"$class":"flex.messaging.io.ArrayCollection","$content":[1]}`},
		{amf.NewArray(nil, amf.NewArray()), `[null,[]]`},
	} {
		if got := toJSON(c.value); got != c.text {
			t.Errorf("%s is written %s, want %s", amf.Format(c.value), got, c.text)
		}
		if back, err := parseValue(c.text); err != nil || !amf.Equal(back, c.value) {
			t.Errorf("%s is read as %s: %v", c.text, amf.Format(back), err)
		}
	}
	for _, c := range []struct {
		value amf.Value
		text  string
	}{
		{&amf.VectorInt{Items: []int32{-1}}, `{"$vector":"int","$array":[-1]}`},
		{&amf.VectorObject{Class: "User", Items: []amf.Value{"a"}}, `{"$vector":"User","$array":["a"]}`},
		{&amf.Dictionary{Entries: []amf.Entry{{Key: 1.0, Value: "a"}}}, `{"$dictionary":[[1,"a"]]}`},
	} {
		if got := toJSON(c.value); got != c.text {
			t.Errorf("%s is written %s, want %s", amf.Format(c.value), got, c.text)
		}
		if _, err := parseValue(c.text); err == nil {
			t.Errorf("%s cannot be sent", c.text)
		}
	}
}

func TestSharedPartsAndCyclesAreWrittenOnce(t *testing.T) {
	cycle := amf.NewObject()
	cycle.Set("self", amf.NewArray(cycle))
	if got := toJSON(cycle); got != `{"self":[{"$ref":"$"}]}` {
		t.Errorf("got %s", got)
	}
	doubling := amf.NewArray()
	for range 100 {
		doubling = amf.NewArray(doubling, doubling)
	}
	if got := toJSON(amf.NewObject(amf.Property{Name: "a", Value: doubling})); len(got) > 1<<16 || !strings.Contains(got, `{"$ref":"$.a[0]`) {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzParseValue(f *testing.F) {
	f.Add(`{"$date": 1, "a": [{"$class": "x"}]}`)
	f.Add(`word`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseValue(text)
		if err != nil {
			return
		}
		if back, err := parseValue(toJSON(v)); err != nil || !amf.Equal(back, v) {
			if strings.ToValidUTF8(text, "") == text {
				t.Errorf("%q came back as %s: %v", text, amf.Format(back), err)
			}
		}
	})
}
