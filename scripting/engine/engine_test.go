package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja"
)

// scripted is an engine with trace(), and what it complained of.
type scripted struct {
	*Engine
	t        testing.TB
	traced   []string
	problems []Problem
}

func newHeap(t testing.TB, o Options) *scripted {
	h := &scripted{t: t}
	if o.Post == nil {
		o.Post = func(func()) bool { return false }
	}
	o.Report = func(p Problem) { h.problems = append(h.problems, p) }
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	h.Engine = e
	_ = e.VM.Set("trace", func(call goja.FunctionCall) goja.Value {
		var line []string
		for _, a := range call.Arguments {
			line = append(line, a.String())
		}
		h.traced = append(h.traced, strings.Join(line, " "))
		return goja.Undefined()
	})
	return h
}

func (h *scripted) run(source string) {
	h.t.Helper()
	if err := h.Run("main.asc", source); err != nil {
		h.t.Fatal(err)
	}
}

// check runs script and compares what it traced.
func (h *scripted) check(source, want string) {
	h.t.Helper()
	h.traced = nil
	h.run(source)
	if got := strings.Join(h.traced, "\n"); got != want {
		h.t.Errorf("%s\ntraced %q, want %q", source, got, want)
	}
}

// fails runs script that ends with an error, and returns it.
func (h *scripted) fails(source string) *ScriptError {
	h.t.Helper()
	h.problems = nil
	var s *ScriptError
	if err := h.Run("main.asc", source); !errors.As(err, &s) {
		h.t.Fatalf("%.200s\nended with %v", source, err)
	}
	if len(h.problems) != 1 || h.problems[0] != s.Problem {
		h.t.Errorf("%.200s\nreported %v, returned %v", source, h.problems, s)
	}
	return s
}

func TestErrorsSayWhere(t *testing.T) {
	for _, test := range []struct {
		source string
		want   Problem
	}{
		{"\n\n  null.x;\n", Problem{Kind: Exception, File: "main.asc", Line: 3, Text: "null.x;"}},
		{"function f() {\n throw new Error('mine');\n}\nf()", Problem{Message: "Error: mine", File: "main.asc", Line: 2, Text: "throw new Error('mine');"}},
		{"\r\nthrow 'text'", Problem{Message: "text", File: "main.asc", Line: 2, Text: "throw 'text'"}},
		{"\nvar a = ;\n", Problem{Kind: Syntax, File: "main.asc", Line: 2, Text: "var a = ;"}},
		{"\nthrow {toString: function () { throw 1 }}", Problem{Message: "exception", File: "main.asc", Line: 2}},
		{"\n[3, 1].sort(function () { nothing() })", Problem{File: "main.asc", Line: 2}},
		{"\ntrace({toString: function () { return deep.down }})", Problem{File: "main.asc", Line: 2}},
	} {
		got := newHeap(t, Options{}).fails(test.source).Problem
		if got.Kind != test.want.Kind || got.File != test.want.File || got.Line != test.want.Line {
			t.Errorf("%q: got %+v, want %+v", test.source, got, test.want)
		}
		if test.want.Text != "" && got.Text != test.want.Text || test.want.Message != "" && got.Message != test.want.Message || got.Message == "" {
			t.Errorf("%q: got %+v, want %+v", test.source, got, test.want)
		}
	}
}

func TestErrorsShowTheCallsThatLedThere(t *testing.T) {
	s := newHeap(t, Options{}).fails("function inner() { throw 1 }\nfunction outer() {\n inner() }\nouter()")
	if want := "inner (main.asc:1)\nouter (main.asc:3)\n"; !strings.HasPrefix(s.Stack, want) {
		t.Errorf("the stack is %q", s.Stack)
	}
	if s.Value == nil || s.Value.ToInteger() != 1 {
		t.Errorf("thrown was %v", s.Value)
	}
}

func TestErrorObjectsKnowFileAndLine(t *testing.T) {
	newHeap(t, Options{}).check("\ntry {\n null.x } catch (e) { trace(e.fileName, e.lineNumber) }", "main.asc 3")
}

func TestLongTextsAreCut(t *testing.T) {
	s := newHeap(t, Options{}).fails("throw '" + strings.Repeat("é", 5000) + "'")
	if len(s.Message) > 2060 || len(s.Text) > 210 {
		t.Errorf("message of %d bytes, text of %d bytes", len(s.Message), len(s.Text))
	}
}

func TestRunawaysAreInterrupted(t *testing.T) {
	for _, source := range []string{
		"var n\nwhile (true) n = 1",
		"var n\ntry { while (true) n = 1 } catch (e) { while (true) n = 2 } finally { while (true) n = 3 }",
		"\nfor (;;) try { f() } catch (e) {}",
		"\nthrow {toString: function () { while (true) {} }}",
		"\n[2, 1].sort(function () { while (true) {} })",
	} {
		h := newHeap(t, Options{MaxTime: 20 * time.Millisecond})
		s := h.fails(source)
		if s.Kind != Runaway || s.File != "main.asc" || s.Line != 2 {
			t.Errorf("%q: %+v", source, s.Problem)
		}
		h.check("trace('alive')", "alive")
		if h.Dead() != nil {
			t.Errorf("%q: dead", source)
		}
	}
}

func TestGettersOutsideOfScriptAreInterrupted(t *testing.T) {
	h := newHeap(t, Options{MaxTime: 20 * time.Millisecond})
	h.run("var o = {get f() { while (true) {} }, get g() { throw 1 }}")
	o := h.VM.Get("o").ToObject(h.VM)
	for _, name := range []string{"f", "g"} {
		if _, has, err := h.CallMethod(o, name); !has || err == nil {
			t.Errorf("%s: %v, %v", name, has, err)
		}
		if _, ok := h.Method(o, name); ok {
			t.Errorf("%s is a method", name)
		}
	}
	if len(h.problems) != 4 || h.problems[0].Kind != Runaway || h.problems[2].Kind != Exception {
		t.Errorf("reported %v", h.problems)
	}
}

func TestMemoryIsLimited(t *testing.T) {
	for _, source := range []string{
		"var a = 'x'; while (true) a += a",
		"var a = []; while (true) a.push({})",
		"var a = [1]; while (true) a = a.concat(a)",
	} {
		h := newHeap(t, Options{MaxMemory: 16 << 20})
		h.run("var id = setInterval(function () {}, 1000)")
		if s := h.fails(source); s.Kind != OutOfMemory || s.File != "main.asc" || s.Line != 1 {
			t.Errorf("%q: %+v", source, s.Problem)
		}
		if err := h.Run("more.asc", "trace(1)"); err != ErrClosed || h.Dead() == nil || h.Closed() {
			t.Errorf("%q: afterwards: %v, dead of %v", source, err, h.Dead())
		}
		if len(h.timers.queue) != 0 {
			t.Errorf("%q: timers still run", source)
		}
	}
}

func TestDeepRecursionEnds(t *testing.T) {
	for _, source := range []string{
		"function f() { f() }; f()",
		"function f() { [1].sort.call([2, 1], f) }; f()",
		"function f() { try { f() } catch (e) { f() } }; f()",
		"var o = {toString: function () { return '' + o }}; '' + o",
		"var o = {get x() { return o.x }}; o.x",
		"function F() { new F() }; new F()",
	} {
		h := newHeap(t, Options{})
		if s := h.fails(source); s.Kind != TooDeep || s.File != "main.asc" || !strings.Contains(s.Message, "1000") {
			t.Errorf("%s: %+v", source, s.Problem)
		}
		h.check("trace('alive')", "alive")
	}
	newHeap(t, Options{}).check("function f(n) { return n ? f(n - 1) + 1 : 0 }; trace(f(900))", "900")
}

func TestPanicOfGoCodeEndsTheHeapAndNothingElse(t *testing.T) {
	h := newHeap(t, Options{})
	_ = h.VM.Set("broken", func(goja.FunctionCall) goja.Value { panic("of Go") })
	if s := h.fails("broken()"); s.Kind != Broken || !strings.Contains(s.Message, "of Go") {
		t.Errorf("%+v", s.Problem)
	}
	if err := h.Run("main.asc", "1"); !errors.Is(err, ErrClosed) || h.Dead() == nil {
		t.Errorf("the heap goes on: %v, %v", err, h.Dead())
	}
}

func TestWithinCatchesWhatScriptThrows(t *testing.T) {
	h := newHeap(t, Options{MaxTime: 20 * time.Millisecond})
	h.run("var o = {get x() { throw new Error('mine') }, get y() { return 5 }, get z() { while (true) {} }}")
	o := h.VM.Get("o").ToObject(h.VM)
	get := func(name string) (v goja.Value, err error) {
		err = h.Within(func() { v = o.Get(name) })
		return v, err
	}
	if v, err := get("y"); err != nil || v.ToInteger() != 5 {
		t.Errorf("got %v, %v", v, err)
	}
	var s *ScriptError
	if _, err := get("x"); !errors.As(err, &s) || s.Message != "Error: mine" || len(h.problems) != 1 {
		t.Errorf("got %v, reported %v", err, h.problems)
	}
	if _, err := get("z"); !errors.As(err, &s) || s.Kind != Runaway || len(h.problems) != 2 {
		t.Errorf("got %v, reported %v", err, h.problems)
	}

	_ = h.VM.Set("host", func(call goja.FunctionCall) goja.Value {
		if _, err := get(call.Argument(0).String()); err != nil {
			h.Rethrow(err)
		}
		return goja.Undefined()
	})
	h.problems = nil
	h.check("try { host('x') } catch (e) { trace(e.message, e instanceof Error) }", "mine true")
	if len(h.problems) != 0 {
		t.Errorf("reported what was caught: %v", h.problems)
	}
	if s := h.fails("host('z')"); s.Kind != Runaway {
		t.Errorf("got %v", s)
	}
	h.Close()
	if _, err := get("y"); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

func TestWarningsSayWhere(t *testing.T) {
	h := newHeap(t, Options{})
	_ = h.VM.Set("host", func(goja.FunctionCall) goja.Value {
		h.Warn("odd: %d", 5)
		return goja.Undefined()
	})
	h.run("\n  host()")
	if p := h.problems[0]; p.Kind != Warning || p.Message != "odd: 5" || p.File != "main.asc" || p.Line != 2 || p.Text != "host()" {
		t.Errorf("got %+v", p)
	}
	h.Warn("from outside")
	if p := h.problems[1]; p.File != "" || p.Line != 0 {
		t.Errorf("got %+v", p)
	}
}

func TestNothingRunsAfterClose(t *testing.T) {
	var posted []func()
	h := newHeap(t, Options{Post: func(f func()) bool { posted = append(posted, f); return true }})
	h.run("function f() { trace('run') }")
	f, ok := h.Method(h.VM.GlobalObject(), "f")
	if !ok {
		t.Fatal("there is no f")
	}
	h.Post(func() { t.Error("what was posted ran") })
	h.Close()
	posted[0]()
	if _, err := h.Call(f, goja.Undefined()); err != ErrClosed || len(h.traced) != 0 {
		t.Errorf("got %v, %q", err, h.traced)
	}
}

func TestDeeplyNestedTextEndsNothing(t *testing.T) {
	h := newHeap(t, Options{})
	for _, source := range []string{
		`JSON.parse(new Array(5000001).join("["))`,
		`JSON.parse(new Array(1000001).join('{"a":'))`,
		`JSON.parse({toString: function () { return new Array(1000001).join("[") }})`,
	} {
		if s := h.fails(source); s.Kind != Exception || !strings.Contains(s.Message, "nests deeper") {
			t.Errorf("%s: %v", source, s)
		}
	}
	h.check(`trace(JSON.parse('{"a":"[[\\"[["}').a, JSON.parse("[1,2]", function (k, v) { return v === 2 ? 5 : v }))`, `[["[[ 1,5`)
	h.check(`try { JSON.parse("[") } catch (e) { trace(e.name) }`, "SyntaxError")
	h.check(`trace(JSON.parse(new Array(1001).join("[") + new Array(1001).join("]")).length)`, "1")
}

func TestDeeplyNestedTextIsASyntaxError(t *testing.T) {
	h := newHeap(t, Options{})
	h.check("try { eval(Array(200000).join('(')); trace('ran') } catch (e) { trace(e.name) }", "SyntaxError")
	h.check("try { new Function(Array(200000).join('[')); trace('ran') } catch (e) { trace(e.name) }", "SyntaxError")
	h.check("trace(eval('var v = 1; v + 1'))", "2")
}
