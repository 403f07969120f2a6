package values

import (
	"strings"
	"testing"

	"github.com/dop251/goja"

	"afterglow/amf"
)

func (h *heap) register(name, constructor string) {
	h.t.Helper()
	h.Register(name, h.eval(constructor).(*goja.Object))
}

func (h *heap) run(source string) {
	h.t.Helper()
	if err := h.engine.Run("test.asc", source); err != nil {
		h.t.Fatal(err)
	}
}

func typed(class string, p ...any) *amf.Object {
	o := object(p...)
	o.Class = class
	return o
}

func TestTypedObjectsAreBuiltByTheirConstructor(t *testing.T) {
	h := newHeap(t)
	h.run(`function Note() { this.made = arguments.length; this.text = "none" }`)
	h.eval(`Note.prototype.shout = function () { return this.text + "!" }`)
	h.eval(`Object.defineProperty(Note.prototype, "twice", {set: function (n) { this.doubled = 2 * n }})`)
	h.register("com.example.Note", `Note`)
	v := typed("com.example.Note", "text", "hello", "twice", 4.0)
	v.Set("self", v)
	h.engine.VM.Set("v", h.ToScript(v))
	for _, check := range []string{`v instanceof Note`, `v.made === 0`, `v.shout() === "hello!"`, `v.doubled === 8`, `v.self === v`} {
		if !h.eval(check).ToBoolean() {
			t.Errorf("not so: %s", check)
		}
	}
}

func TestInstancesOfARegisteredClassAreSentTyped(t *testing.T) {
	h := newHeap(t)
	h.run(`function Base() { this.x = 1 }`)
	h.run(`function Sub() { this.y = 2 }`)
	h.run(`function Leaf() { this.z = 3 }`)
	h.eval(`Base.prototype.method = function () {}`)
	h.eval(`Base.prototype.inherited = 5`)
	h.eval(`Sub.prototype = new Base()`)
	h.eval(`Leaf.prototype = new Sub()`)
	h.register("base", `Base`)
	for _, test := range []struct {
		source string
		want   amf.Value
	}{
		{`new Base()`, typed("base", "x", 1.0)},
		{`new Sub()`, typed("base", "y", 2.0)},
		{`[new Leaf()]`, amf.NewArray(typed("base", "z", 3.0))},
		{`({})`, object()},
	} {
		if v, err := h.FromScript(h.eval(test.source)); err != nil || !amf.Equal(v, test.want) {
			t.Errorf("%s: got %s, %v", test.source, amf.Format(v), err)
		}
	}
	h.register("sub", `Sub`)
	if v, err := h.FromScript(h.eval(`new Leaf()`)); err != nil || v.(*amf.Object).Class != "sub" {
		t.Errorf("the nearest class is sub: got %s, %v", amf.Format(v), err)
	}
	h.Unregister("base")
	h.Register("sub", nil)
	if v, err := h.FromScript(h.eval(`new Leaf()`)); err != nil || v.(*amf.Object).Class != "" {
		t.Errorf("nothing is registered: got %s, %v", amf.Format(v), err)
	}
}

func TestClassesMayBeRegisteredAgain(t *testing.T) {
	h := newHeap(t)
	h.register("note", `function () { this.from = 1 }`)
	h.register("note", `function () { this.from = 2 }`)
	if from := h.ToScript(typed("note")).(*goja.Object).Get("from").ToInteger(); from != 2 {
		t.Errorf("built by constructor %d", from)
	}
}

func TestTheNameThatWasRegisteredLastIsSent(t *testing.T) {
	h := newHeap(t)
	h.run(`function Note() {}`)
	h.register("old", `Note`)
	h.register("new", `Note`)
	if v, err := h.FromScript(h.eval(`new Note()`)); err != nil || v.(*amf.Object).Class != "new" {
		t.Errorf("got %s, %v", amf.Format(v), err)
	}
}

func TestConstructorsAndSettersThatThrowAreReported(t *testing.T) {
	h := newHeap(t)
	h.run(`function Bad() { throw new Error("no way") }`)
	h.eval(`Object.defineProperty(Bad.prototype, "x", {set: function () { throw new Error("no x") }})`)
	h.eval(`Object.defineProperty(Bad.prototype, "fixed", {value: 1})`)
	h.register("bad", `Bad`)
	h.engine.VM.Set("v", h.ToScript(typed("bad", "x", 1.0, "y", 2.0, "fixed", 3.0, "__proto__", object())))
	if !h.eval(`v instanceof Bad && v.y === 2`).ToBoolean() {
		t.Error("the object is not what is left of it")
	}
	all := strings.Join(h.problems, "\n")
	if len(h.problems) != 3 || !strings.Contains(all, "no way") || !strings.Contains(all, "no x") {
		t.Errorf("reported %q", h.problems)
	}
}

func TestEndlessPrototypeChainsEnd(t *testing.T) {
	h := newHeap(t)
	h.register("x", `function () {}`)
	v := h.eval(`(function () { var p = new Proxy({}, {getPrototypeOf: function () { return p }}); return p })()`)
	if _, err := h.FromScript(v); err != nil {
		t.Error(err)
	}
}

func TestFlexCollectionsAreWrapped(t *testing.T) {
	h := newHeap(t)
	collection := &amf.Object{Class: "flex.messaging.io.ArrayCollection", Externalizable: &amf.Wrapped{Value: amf.NewArray(1.0, 2.0)}}
	proxy := &amf.Object{Class: "flex.messaging.io.ObjectProxy", Externalizable: &amf.Wrapped{Value: object("x", 1.0)}}
	h.run(`function Collection() {}`)
	h.run(`function Proxied() {}`)
	h.register("flex.messaging.io.ArrayCollection", `Collection`)
	h.register("flex.messaging.io.ObjectProxy", `Proxied`)
	vs := h.ToScripts([]amf.Value{collection, proxy})
	h.engine.VM.Set("v", vs)
	if !h.eval(`v[0] instanceof Collection && v[0].source[1] === 2 && v[1] instanceof Proxied && v[1].x === 1`).ToBoolean() {
		t.Error("the wrapped values are not there")
	}
	back, err := h.FromScripts(vs)
	if err != nil || !amf.Equal(back[0], collection) || !amf.Equal(back[1], proxy) {
		t.Errorf("came back as %s, %v", amf.Format(back[0]), err)
	}
	wire, err := amf.Append3(nil, back...)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := amf.Decode3(wire, nil); err != nil || !amf.Equal(again[0], collection) {
		t.Errorf("on the wire: %v", err)
	}
}

func TestACollectionThatWrapsItselfEnds(t *testing.T) {
	h := newHeap(t)
	w := &amf.Wrapped{}
	o := &amf.Object{Class: "flex.messaging.io.ArrayCollection", Externalizable: w}
	w.Value = o
	if v := h.ToScript(o); !goja.IsUndefined(v) {
		t.Errorf("got %v", v)
	}
}
