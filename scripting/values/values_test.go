package values

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/dop251/goja"

	"afterglow/amf"
	"afterglow/scripting/engine"
)

// heap is an engine with a converter, and what scripts complained of.
type heap struct {
	*Converter
	t        testing.TB
	problems []string
}

func newHeap(t testing.TB) *heap {
	h := &heap{t: t}
	e, err := engine.New(engine.Options{
		Post:   func(func()) bool { return false },
		Report: func(p engine.Problem) { h.problems = append(h.problems, p.String()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	h.Converter = New(e)
	h.Converter.ByteArray = func(b []byte) *goja.Object {
		o := e.VM.NewObject()
		o.SetPrototype(e.VM.NewObject())
		o.Set("held", e.VM.NewArrayBuffer(b))
		return o
	}
	h.Converter.Bytes = func(o *goja.Object) ([]byte, bool) {
		held := o.Get("held")
		if held == nil {
			return nil, false
		}
		b, ok := held.Export().(goja.ArrayBuffer)
		return b.Bytes(), ok
	}
	return h
}

// eval runs script and returns what it leaves in the global "result".
func (h *heap) eval(source string) goja.Value {
	h.t.Helper()
	if err := h.engine.Run("test.asc", "result = "+source); err != nil {
		h.t.Fatalf("%s: %v", source, err)
	}
	return h.engine.VM.Get("result")
}

func pairs(p ...any) (properties []amf.Property) {
	for i := 0; i < len(p); i += 2 {
		properties = append(properties, amf.Property{Name: p[i].(string), Value: p[i+1]})
	}
	return properties
}

func object(p ...any) *amf.Object { return amf.NewObject(pairs(p...)...) }

func mixed(dense []amf.Value, p ...any) *amf.Array {
	a := amf.NewECMAArray(pairs(p...)...)
	a.Dense = dense
	return a
}

func TestScriptValuesBecomeAMF(t *testing.T) {
	for _, test := range []struct {
		source string
		want   amf.Value
	}{
		{`1`, 1.0},
		{`1.5`, 1.5},
		{`-0`, math.Copysign(0, -1)},
		{`NaN`, math.NaN()},
		{`"grüße \uD83D\uDE00"`, "grüße 😀"},
		{`true`, true},
		{`null`, nil},
		{`undefined`, amf.Undefined},
		{`function () {}`, amf.Undefined},
		{`new Date(1500)`, amf.Date{Milliseconds: 1500}},
		{`new Date(-1)`, amf.Date{Milliseconds: -1}},
		{`new Date(NaN)`, amf.Date{Milliseconds: math.NaN()}},
		{`new Number(2)`, 2.0},
		{`new Number(2.5)`, 2.5},
		{`new String("x")`, "x"},
		{`new Boolean(false)`, false},
		{`/a+/gi`, "/a+/gi"},
		{`({})`, object()},
		{`({b: 1, a: "x", f: function () {}, u: undefined, n: null})`, object("b", 1.0, "a", "x", "u", amf.Undefined, "n", nil)},
		{`({get x() { return 7 }})`, object("x", 7.0)},
		{`Object.create({inherited: 1}, {hidden: {value: 2}, shown: {value: 3, enumerable: true}})`, object("shown", 3.0)},
		{`[]`, amf.NewArray()},
		{`[1, "x", [2]]`, amf.NewArray(1.0, "x", amf.NewArray(2.0))},
		{`[1, function () {}, undefined]`, amf.NewArray(1.0, amf.Undefined, amf.Undefined)},
		{`(function () { return arguments })(1, 2)`, amf.NewArray(1.0, 2.0)},
		{`[1, , 3]`, mixed([]amf.Value{1.0}, "2", 3.0)},
		{`new Array(3)`, mixed(nil)},
		{`(function () { var a = [1]; a.name = "x"; a.f = function () {}; return a })()`, mixed([]amf.Value{1.0}, "name", "x")},
		{`(function () { var a = []; a[12345678] = 1; return a })()`, mixed(nil, "12345678", 1.0)},
		{`(function () { var a = []; a[4294967294] = 1; return a })()`, mixed(nil, "4294967294", 1.0)},
		{`new Error("gone")`, object("message", "gone")},
		{`new Int8Array([1, -1])`, amf.NewArray(1.0, -1.0)},
	} {
		h := newHeap(t)
		got, err := h.FromScript(h.eval(test.source))
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
		} else if !amf.Equal(got, test.want) {
			t.Errorf("%s: got %s, want %s", test.source, amf.Format(got), amf.Format(test.want))
		} else if a, ok := test.want.(*amf.Array); ok && got.(*amf.Array).ECMA != a.ECMA {
			t.Errorf("%s: ECMA is %v", test.source, !a.ECMA)
		}
	}
}

func TestAMFValuesBecomeScript(t *testing.T) {
	for _, test := range []struct {
		value amf.Value
		check string
	}{
		{1.0, `v === 1`},
		{int32(-5), `v === -5`},
		{math.Copysign(0, -1), `1 / v === -Infinity`},
		{"grüße 😀", `v === "grüße \uD83D\uDE00"`},
		{"\xff", `v === "\uFFFD"`},
		{false, `v === false`},
		{nil, `v === null`},
		{(*amf.Object)(nil), `v === null`},
		{amf.Undefined, `v === undefined`},
		{amf.Unsupported, `v === undefined`},
		{amf.Date{Milliseconds: 1500, Zone: 60}, `v instanceof Date && v.getTime() === 1500`},
		{amf.Date{Milliseconds: math.NaN()}, `v instanceof Date && isNaN(v.getTime())`},
		{amf.Date{Milliseconds: math.Inf(1)}, `v instanceof Date && isNaN(v.getTime())`},
		{object("b", 1.0, "a", object("c", nil)), `v.b === 1 && v.a.c === null && v.constructor === Object`},
		{&amf.Object{Class: "com.example.Unknown", Properties: object("x", 1.0).Properties}, `v.x === 1 && v.constructor === Object`},
		{object("__proto__", object("admin", true)), `v.admin === undefined && v.hasOwnProperty("__proto__")`},
		{amf.NewArray(1.0, "x", nil), `v instanceof Array && v.length === 3 && v.join() === "1,x,"`},
		{amf.NewArray(amf.NewArray(), 2.0), `v.length === 2 && v[0].length === 0 && v[1] === 2`},
		{mixed([]amf.Value{"a"}, "name", "x", "2", "c"), `v[0] === "a" && v.name === "x" && v.length === 3 && !(1 in v)`},
		{mixed(nil, "length", 4294967295.0, "x", 1.0), `v.length === 0 && v.x === 1`},
		{&amf.XML{Text: "<a/>"}, `v === "<a/>"`},
		{&amf.VectorInt{Items: []int32{-1, 2}}, `v instanceof Array && v.join() === "-1,2"`},
		{&amf.VectorUint{Items: []uint32{4294967295}}, `v[0] === 4294967295`},
		{&amf.VectorDouble{Items: []float64{0.5}}, `v[0] === 0.5`},
		{&amf.VectorObject{Items: []amf.Value{object("x", 1.0)}}, `v.length === 1 && v[0].x === 1`},
		{&amf.Dictionary{Entries: []amf.Entry{{Key: "a", Value: 1.0}, {Key: 2.0, Value: "b"}, {Key: true, Value: 3.0}}},
			`v.a === 1 && v[2] === "b" && v["true"] === 3`},
		{&amf.Object{Class: "flex.messaging.io.ArrayCollection", Externalizable: &amf.Wrapped{Value: amf.NewArray(1.0)}},
			`v instanceof Array && v[0] === 1`},
		{&amf.Object{Class: "own.Codec", Externalizable: struct{}{}}, `v.constructor === Object`},
	} {
		h := newHeap(t)
		h.engine.VM.Set("v", h.ToScript(test.value))
		if !h.eval(test.check).ToBoolean() {
			t.Errorf("%s: not so: %s", amf.Format(test.value), test.check)
		}
	}
}

func TestObjectsOfAMessageKeepTheirIdentity(t *testing.T) {
	h := newHeap(t)
	shared := object("x", 1.0)
	loop := object("shared", shared)
	loop.Set("self", loop)
	list := amf.NewArray(shared)
	list.Dense = append(list.Dense, list)
	dictionary := &amf.Dictionary{}
	dictionary.Entries = []amf.Entry{{Key: "self", Value: dictionary}}
	bytes := &amf.ByteArray{Bytes: []byte{1}}
	vs := h.ToScripts([]amf.Value{loop, shared, list, dictionary, bytes, bytes})
	h.engine.VM.Set("v", vs)
	for _, check := range []string{
		`v[0].shared === v[1]`, `v[0].self === v[0]`, `v[2][0] === v[1]`, `v[2][1] === v[2]`, `v[3].self === v[3]`, `v[4] === v[5]`,
	} {
		if !h.eval(check).ToBoolean() {
			t.Errorf("not so: %s", check)
		}
	}

	back, err := h.FromScripts(vs)
	if err != nil {
		t.Fatal(err)
	}
	got := back[0].(*amf.Object)
	if self, _ := got.Get("self"); self != back[0] {
		t.Error("the cycle of an object is lost")
	}
	if s, _ := got.Get("shared"); s != back[1] {
		t.Error("a shared object came twice")
	}
	if back[2].(*amf.Array).Dense[1] != back[2] {
		t.Error("the cycle of an array is lost")
	}
	if back[4] != back[5] {
		t.Error("a shared byte array came twice")
	}
}

func TestManyObjectsKeepTheirIdentity(t *testing.T) {
	h := newHeap(t)
	v, err := h.FromScript(h.eval(`(function () {
		var a = [];
		for (var i = 0; i < 100; i++) a[i] = {i: i};
		return a.concat(a);
	})()`))
	if err != nil {
		t.Fatal(err)
	}
	dense := v.(*amf.Array).Dense
	for i := range 100 {
		if dense[i] != dense[100+i] {
			t.Fatalf("object %d came twice", i)
		}
	}
	h.engine.VM.Set("v", h.ToScript(v))
	if !h.eval(`(function () { for (var i = 0; i < 100; i++) if (v[i] !== v[100 + i] || v[i].i !== i) return false; return true })()`).ToBoolean() {
		t.Error("an object is two in script")
	}
}

func TestByteArraysAreCopied(t *testing.T) {
	h := newHeap(t)
	sent := &amf.ByteArray{Bytes: []byte{1, 2}}
	o := h.ToScript(sent)
	held, _ := h.Bytes(o.(*goja.Object))
	held[0] = 9
	back, err := h.FromScript(o)
	if err != nil {
		t.Fatal(err)
	}
	held[1] = 9
	if !amf.Equal(sent, &amf.ByteArray{Bytes: []byte{1, 2}}) || !amf.Equal(back, &amf.ByteArray{Bytes: []byte{9, 2}}) {
		t.Errorf("got %v and %v", sent.Bytes, back.(*amf.ByteArray).Bytes)
	}
}

func TestXMLGoesThroughItsClass(t *testing.T) {
	h := newHeap(t)
	prototype := h.engine.VM.NewObject()
	h.XML = func(text string) *goja.Object {
		o := h.engine.VM.CreateObject(prototype)
		_ = o.Set("text", text)
		return o
	}
	h.XMLText = func(o *goja.Object) (string, bool) { return o.Get("text").String(), o.Prototype() == prototype }
	v, err := h.FromScript(h.ToScript(&amf.XML{Text: "<a/>"}))
	if err != nil || !amf.Equal(v, &amf.XML{Text: "<a/>", Document: true}) {
		t.Errorf("got %v, %v", amf.Format(v), err)
	}
}

func TestValuesThatAreTooMuchAreErrors(t *testing.T) {
	for name, source := range map[string]string{
		"deep":             `(function () { var o = {}; for (var i = 0; i < 100000; i++) o = {o: o}; return o })()`,
		"deep arrays":      `(function () { var o = []; for (var i = 0; i < 1000; i++) o = [o]; return o })()`,
		"wide object":      `(function () { var o = {}; for (var i = 0; i < 70000; i++) o["k" + i] = 1; return o })()`,
		"long array":       `(function () { var a = []; for (var i = 0; i < 70000; i++) a[i] = 1; return a })()`,
		"many small":       `(function () { var a = []; for (var i = 0; i < 300; i++) a[i] = new Array(301).join("x").split(""); return a })()`,
		"long string":      `(function () { var s = "xxxxxxxx"; for (var i = 0; i < 22; i++) s += s; return s })()`,
		"string in object": `(function () { var s = "xxxxxxxx"; for (var i = 0; i < 20; i++) s += s; return [s, s, s] })()`,
		"long names":       `(function () { var s = "xxxxxxxx", o = {}; for (var i = 0; i < 20; i++) s += s; o[s] = 1; return [o, {o: o}, {o: s}] })()`,
		"typed array":      `new Uint8Array(1 << 24)`,
		"endless getter": `(function () {
			function next() { return Object.defineProperty({}, "next", {enumerable: true, get: next}) }
			return next();
		})()`,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHeap(t)
			v, err := h.FromScript(h.eval(source))
			if !errors.Is(err, amf.ErrLimit) {
				t.Errorf("got %.100v, %v", v, err)
			}
		})
	}
}

func TestLongArraysWithFewElementsAreSent(t *testing.T) {
	h := newHeap(t)
	h.Limits = amf.Limits{MaxElements: 10}
	v, err := h.FromScript(h.eval(`(function () { var a = [1]; a[70000] = 2; return a })()`))
	if want := mixed([]amf.Value{1.0}, "70000", 2.0); err != nil || !amf.Equal(v, want) {
		t.Errorf("got %s, %v", amf.Format(v), err)
	}
}

func TestGettersThatThrowAreErrors(t *testing.T) {
	h := newHeap(t)
	v := h.eval(`[{get x() { throw new Error("no x") }}]`)
	_, err := h.FromScript(v)
	var s *engine.ScriptError
	if !errors.As(err, &s) || !strings.Contains(s.Message, "no x") {
		t.Fatalf("got %v", err)
	}
	if len(h.problems) != 1 {
		t.Errorf("reported %q", h.problems)
	}

	h.engine.VM.Set("send", func(call goja.FunctionCall) goja.Value {
		_, err := h.FromScript(call.Argument(0))
		return h.engine.VM.ToValue(err.Error())
	})
	if got := h.eval(`send({get x() { throw new Error("no y") }})`).String(); !strings.Contains(got, "no y") {
		t.Errorf("got %q", got)
	}
	if len(h.problems) != 1 {
		t.Errorf("reported what the host function was told: %q", h.problems)
	}
}

func TestEndlessGettersAreInterrupted(t *testing.T) {
	h := newHeap(t)
	e, err := engine.New(engine.Options{MaxTime: 1, Report: func(p engine.Problem) { h.problems = append(h.problems, p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	c := New(e)
	v, err := e.VM.RunString(`({get x() { while (true) {} }})`)
	if err != nil {
		t.Fatal(err)
	}
	var s *engine.ScriptError
	if _, err := c.FromScript(v); !errors.As(err, &s) || s.Kind != engine.Runaway {
		t.Errorf("got %v", err)
	}
	if v, err := c.FromScript(e.VM.ToValue(1)); v != 1.0 || err != nil {
		t.Errorf("afterwards: %v, %v", v, err)
	}
}

func TestEqualValuesComeBack(t *testing.T) {
	h := newHeap(t)
	for _, v := range []amf.Value{
		1.5, "x", true, nil, amf.Undefined, amf.Date{Milliseconds: 86400000},
		object("a", 1.0, "b", "x", "c", amf.NewArray(1.0, 2.0, 3.0)),
		mixed([]amf.Value{1.0, nil}, "duration", 1.5, "nested", mixed(nil, "x", "y")),
		&amf.ByteArray{Bytes: []byte("abc")},
	} {
		back, err := h.FromScript(h.ToScript(v))
		if err != nil || !amf.Equal(back, v) {
			t.Errorf("%s came back as %s, %v", amf.Format(v), amf.Format(back), err)
		}
	}
}

func FuzzMessages(f *testing.F) {
	for _, v := range []amf.Value{1.0, object("a", amf.NewArray(1.0)), mixed([]amf.Value{1.0}, "length", 5.0, "__proto__", object()), &amf.Dictionary{}} {
		b, err := amf.Append3(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	h := newHeap(f)
	h.Register("a", h.eval(`function () { this.made = true }`).(*goja.Object))
	f.Fuzz(func(t *testing.T, b []byte) {
		vs, _ := amf.Decode3(b, nil)
		once, err := h.FromScripts(h.ToScripts(vs))
		if err != nil {
			return // wrapping and counting differ a little
		}
		again, err := h.FromScripts(h.ToScripts(once))
		if err != nil || len(again) != len(vs) {
			t.Fatalf("%v became %v: %v", vs, again, err)
		}
		for i := range once {
			if !amf.Equal(once[i], again[i]) {
				t.Fatalf("%s became %s", amf.Format(once[i]), amf.Format(again[i]))
			}
		}
	})
}

func BenchmarkToScript(b *testing.B) {
	h := newHeap(b)
	v := object("a", 1.0, "b", "x", "c", amf.NewArray(1.0, 2.0, 3.0))
	b.ReportAllocs()
	for b.Loop() {
		h.ToScript(v)
	}
}

func BenchmarkFromScript(b *testing.B) {
	h := newHeap(b)
	v := h.eval(`({a: 1, b: "x", c: [1, 2, 3]})`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.FromScript(v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNumber(b *testing.B) {
	h := newHeap(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.FromScript(h.ToScript(1.5)); err != nil {
			b.Fatal(err)
		}
	}
}
