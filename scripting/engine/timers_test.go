package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dop251/goja"
)

// actor runs an engine on a goroutine of its own in virtual time.
type actor struct {
	*scripted
	mail  chan func()
	ended chan struct{}
	gone  chan struct{}
	start time.Time
}

// inVirtualTime runs a test with an actor; clock() in script is milliseconds since its start.
func inVirtualTime(t *testing.T, o Options, test func(*actor)) {
	synctest.Test(t, func(t *testing.T) {
		a := &actor{mail: make(chan func()), ended: make(chan struct{}), gone: make(chan struct{}), start: time.Now()}
		o.Post = a.post
		a.scripted = newHeap(t, o)
		_ = a.VM.Set("clock", func(goja.FunctionCall) goja.Value { return a.VM.ToValue(time.Since(a.start).Milliseconds()) })
		_ = a.VM.Set("sleep", func(c goja.FunctionCall) goja.Value {
			time.Sleep(time.Duration(c.Argument(0).ToInteger()) * time.Millisecond)
			return goja.Undefined()
		})
		go a.live()
		test(a)
		a.do(a.Close)
		close(a.ended)
		<-a.gone
	})
}

func (a *actor) live() {
	defer close(a.gone)
	for {
		select {
		case f := <-a.mail:
			f()
		case <-a.ended:
			return
		}
	}
}

func (a *actor) post(f func()) bool {
	select {
	case a.mail <- f:
		return true
	case <-a.ended:
		return false
	}
}

// do runs f on the engine's goroutine and waits.
func (a *actor) do(f func()) {
	done := make(chan struct{})
	a.mail <- func() { f(); close(done) }
	<-done
}

// after runs script, lets time pass, and compares what was traced.
func (a *actor) after(wait time.Duration, source, want string) {
	a.t.Helper()
	a.do(func() { a.run(source) })
	time.Sleep(wait)
	synctest.Wait()
	a.do(func() {
		a.t.Helper()
		if got := strings.Join(a.traced, "\n"); got != want {
			a.t.Errorf("%s\ntraced %q, want %q", source, got, want)
		}
	})
}

func TestTimersFire(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{`setInterval(function () { trace(clock()) }, 40)`, "40\n80"},
		{`setInterval(function (a, b) { trace(a, b, this === g) }, 60, 1, "x"); var g = this`, "1 x true"},
		{`var o = {m: function (x) { trace("first", x); o.m = function (y) { trace("then", y, this === o) } }}; setInterval(o, "m", 40, 7)`, "first 7\nthen 7 true"},
		{`var o = {}; setInterval(o, "missing", 10); setInterval(function () { trace("other") }, 60)`, "other"},
		{`var id = setInterval(function () { trace(clock()); clearInterval(id) }, 10)`, "10"},
		{`var id = setInterval(function () { trace(1) }, 10); clearInterval(id); clearInterval(id); clearInterval(99); clearInterval()`, ""},
		{`setTimeout(function (x) { trace(clock(), x) }, 30, "once")`, "30 once"},
		{`clearTimeout(setTimeout(function () { trace(1) }, 30))`, ""},
		{`setInterval(function () { trace(clock()); throw new Error("each time") }, 40)`, "40\n80"},
		{`var n = 0, id = setInterval(function () { if (++n == 5) { trace(clock()); clearInterval(id) } }, 0)`, "5"},
		{`var n = 0, id = setInterval(function () { if (++n == 5) { trace(clock()); clearInterval(id) } })`, "5"},
		{`var n = 0, id = setInterval(function () { if (++n == 5) { trace(clock()); clearInterval(id) } }, -Infinity)`, "5"},
		{`setInterval(function () { trace("never") }, Infinity); setInterval(function () { trace("never") }, 1e30); setInterval(function () { trace("never") }, 4294967296)`, ""},
		{`setInterval(function () { trace("b", clock()) }, 90); setInterval(function () { trace("a", clock()) }, 50); setInterval(function () { trace("c", clock()) }, 90)`,
			"a 50\nb 90\nc 90"},
		{`setTimeout(function () { setTimeout(function () { trace(clock()) }, 10) }, 10)`, "20"},
		{`var x = setInterval(function () { clearInterval(y); trace("x") }, 50), y = setInterval(function () { trace("y") }, 50)`, "x"},
		{`setInterval(function () { trace(clock()); sleep(75) }, 20)`, "20\n95"},
	} {
		inVirtualTime(t, Options{MaxTime: -1}, func(a *actor) { a.after(99*time.Millisecond, test.source, test.want) })
	}
}

func TestExceptionsInTimersAreReported(t *testing.T) {
	inVirtualTime(t, Options{}, func(a *actor) {
		a.after(100*time.Millisecond, "\nsetInterval(function () {\n throw new Error('each time') }, 40)", "")
		a.do(func() {
			if len(a.problems) != 2 || a.problems[1].Line != 3 || a.problems[1].Message != "Error: each time" {
				t.Errorf("reported %v", a.problems)
			}
		})
	})
}

func TestTimersAreLimited(t *testing.T) {
	inVirtualTime(t, Options{MaxTimers: 100, MaxTime: -1}, func(a *actor) {
		a.after(time.Second, `
			var n = 0, fired = 0;
			try { for (; n < 1000000; n++) setInterval(function () { fired++ }, 500) } catch (e) { trace(n, e.message) }
			setTimeout;`, "100 too many timers: 100 run already")
		a.after(0, `trace(fired)`, "100 too many timers: 100 run already\n200")
	})
}

func TestTimersThatAreClearedMakeRoom(t *testing.T) {
	inVirtualTime(t, Options{MaxTimers: 2, MaxTime: -1}, func(a *actor) {
		a.after(time.Second, `
			for (var i = 0; i < 1000; i++) clearInterval(setInterval(trace, 1000000));
			setTimeout(function () { setTimeout(function () { setTimeout(trace, 1, "last") }, 1) }, 1);
		`, "last")
		a.do(func() {
			if len(a.timers.byID) != 0 || len(a.timers.queue) != 0 {
				t.Errorf("%d timers are left", len(a.timers.byID))
			}
		})
	})
}

func TestMisuseOfTimersThrows(t *testing.T) {
	h := newHeap(t, Options{})
	for _, source := range []string{`setInterval()`, `setInterval("trace(1)", 5)`, `setInterval({})`, `setInterval(null, "x", 5)`} {
		if s := h.fails(source); !strings.Contains(s.Message, "setInterval needs a function") {
			t.Errorf("%s: %v", source, s)
		}
	}
}

func TestATimerThatRunsAwayDoesNotStopTheOthers(t *testing.T) {
	posted := make(chan func(), 100)
	h := newHeap(t, Options{MaxTime: 20 * time.Millisecond, Post: func(f func()) bool { posted <- f; return true }})
	h.run(`setTimeout(function () { while (true) {} }, 1); setTimeout(function () { trace("other") }, 1)`)
	for len(h.traced) == 0 {
		(<-posted)()
	}
	if fmt.Sprint(h.traced) != "[other]" || len(h.problems) != 1 || h.problems[0].Kind != Runaway {
		t.Errorf("traced %q, reported %v", h.traced, h.problems)
	}
}

func TestTimersKeepTheirArguments(t *testing.T) {
	inVirtualTime(t, Options{}, func(a *actor) {
		a.after(50*time.Millisecond, `
			function set(x) { setTimeout(function (p, q) { trace(p, q) }, 40, x, "too") }
			function other(a, b, c, d, e) { return [a, b, c, d, e].join() }
			set("kept");
			other(1, 2, 3, 4, other(5, 6, 7, 8, 9));`, "kept too")
	})
}
