package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

// counter is a host class for the tests.
type counter struct{ n, step int }

func defineCounter(h *scripted) *Handle[*counter] {
	return Define(h.Engine, Class[*counter]{
		Name: "Counter",
		New: func(_ *Engine, _ *goja.Object, args []goja.Value) (*counter, error) {
			if len(args) > 0 && args[0].ToInteger() < 0 {
				return nil, errors.New("negative")
			}
			return &counter{step: 1}, nil
		},
		Methods: map[string]Method[*counter]{
			"add": func(s *counter, c Call) goja.Value {
				s.n += int(c.Number(0, float64(s.step)))
				return c.Value(s.n)
			},
			"me":      func(_ *counter, c Call) goja.Value { return c.This },
			"nothing": func(*counter, Call) goja.Value { return nil },
			"describe": func(_ *counter, c Call) goja.Value {
				return c.Value(strings.Join([]string{c.String(0), c.String(1), c.Value(c.Bool(2, true)).String(), c.Value(c.Has(0)).String()}, "|"))
			},
		},
		Properties: map[string]Property[*counter]{
			"n": {Get: func(s *counter, c Call) goja.Value { return c.Value(s.n) }},
			"step": {
				Get: func(s *counter, c Call) goja.Value { return c.Value(s.step) },
				Set: func(s *counter, _ Call, v goja.Value) { s.step = int(v.ToInteger()) },
			},
		},
		Statics: map[string]any{
			"LIMIT": 5,
			"twice": func(c Call) goja.Value { return c.Value(2 * c.Number(0, 0)) },
		},
	})
}

func TestHostClasses(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`trace(c instanceof Counter, c.constructor === Counter, Counter.name, typeof Counter)`, "true true Counter function"},
		{`trace(c.add(), c.add(5), c.n)`, "1 6 6"},
		{`c.step = 3; trace(c.add(), c.step)`, "3 3"},
		{`c.n = 9; trace(c.n)`, "0"},
		{`trace(c.me() === c, c.nothing())`, "true undefined"},
		{`var d = new Counter(); c.add(); trace(c.n, d.n)`, "1 0"},
		{`c.user = "x"; trace(c.user, c.hasOwnProperty("user")); delete c.user; trace(c.user)`, "x true\nundefined"},
		{`Counter.prototype.twice = function () { return 2 * this.add() }; trace(c.twice())`, "2"},
		{`Counter.prototype.add = function () { return "mine" }; trace(c.add())`, "mine"},
		{`c.add = function () { return "own" }; trace(c.add(), new Counter().add())`, "own 1"},
		{`c.own = 1; var keys = []; for (var k in c) keys.push(k); trace(keys)`, "own"},
		{`var keys = []; for (var k in Counter) keys.push(k); trace(keys.length, Counter.LIMIT, Counter.twice(4))`, "0 5 8"},
		{`trace(Counter.prototype.n)`, "undefined"},
		{`function Sub() { this.add(10) } Sub.prototype = new Counter(); var s = new Sub(); trace(s.n, s instanceof Counter, s.me() === s)`, "10 true true"},
		{`try { c.add.call({}) } catch (e) { trace(e.name, e.message) }`, "TypeError Counter.add was called on something else"},
		{`try { c.add.call(5) } catch (e) { trace(e.name) }`, "TypeError"},
		{`try { c.add.call(other) } catch (e) { trace(e.name) }`, "TypeError"},
		{`try { new Counter(-1) } catch (e) { trace(e.message) }`, "Counter: negative"},
		{`try { new Other() } catch (e) { trace(e.message, other instanceof Other) }`, "Other cannot be constructed true"},
		{`trace(c.describe(), c.describe(null, 5, 0), c.describe("a", undefined, undefined))`, "||true|false |5|false|true a||true|true"},
		{`Counter = 5; trace(Counter)`, "5"},
	} {
		h := newHeap(t, Options{})
		defineCounter(h)
		other := Define(h.Engine, Class[*scripted]{Name: "Other"})
		_ = h.VM.Set("other", other.Wrap(h))
		h.run(`var c = new Counter()`)
		h.check(test.source, test.want)
	}
}

func TestWrappedObjectsKeepTheirIdentity(t *testing.T) {
	h := newHeap(t, Options{})
	handle := defineCounter(h)
	peer := &counter{n: 4}
	o := handle.Wrap(peer)
	_ = h.VM.Set("a", o)
	_ = h.VM.Set("b", o)
	h.check(`a.mark = 1; trace(a === b, b.mark, a.n, a instanceof Counter)`, "true 1 4 true")
	if self, ok := handle.Self(h.VM.Get("a")); !ok || self != peer {
		t.Error("the Go side is another")
	}
	for _, v := range []goja.Value{goja.Undefined(), goja.Null(), h.VM.ToValue(1), h.VM.NewObject()} {
		if _, ok := handle.Self(v); ok {
			t.Errorf("%v has a Go side", v)
		}
	}
}

func TestLazyGlobalsAreMadeOnce(t *testing.T) {
	h := newHeap(t, Options{})
	made := 0
	make := func() goja.Value { made++; return h.VM.NewObject() }
	h.Lazy("First", make)
	h.Lazy("Second", make)
	h.check(`trace(typeof Third)`, "undefined")
	if made != 0 {
		t.Error("made before it was needed")
	}
	h.check(`First.x = 1; trace(First === First, First.x)`, "true 1")
	h.check(`Second = 5; trace(Second); var n = 0; for (var k in this) if (k == "First") n++; trace(n)`, "5\n0")
	if made != 1 {
		t.Errorf("made %d times", made)
	}
}

func TestScriptDefinedFunctions(t *testing.T) {
	h := newHeap(t, Options{})
	defineCounter(h)
	for source, want := range map[string]bool{
		`(function () {})`:                      true,
		`(function () { "native code" })`:       true,
		`Counter.prototype.add`:                 false,
		`trace`:                                 false,
		`"".charAt`:                             false,
		`(function () {}).bind(this)`:           false,
		`({})`:                                  false,
		`5`:                                     false,
		`"function () { [native code] }"`:       false,
		`({toString: function () { throw 1 }})`: false,
	} {
		h.run("var v = " + source)
		if got := ScriptDefined(h.VM.Get("v")); got != want {
			t.Errorf("%s: %v", source, got)
		}
	}
}
