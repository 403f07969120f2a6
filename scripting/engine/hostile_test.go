package engine

import (
	"errors"
	"testing"

	"github.com/dop251/goja"
)

// What is posted faster than it is done ends the script, not the machine.
func TestScriptThatTooMuchWaitsForIsEnded(t *testing.T) {
	var queue []func()
	h := newHeap(t, Options{Post: func(f func()) bool { queue = append(queue, f); return true }})
	h.run("var n = 0; function count() { n++ }")
	count, _ := goja.AssertFunction(h.VM.Get("count"))
	posted := 0
	for range mostWaiting + 10 {
		if h.Post(func() { _, _ = h.Call(count, goja.Undefined()) }) {
			posted++
		}
	}
	for _, f := range queue {
		f()
	}
	if posted != mostWaiting || h.Dead() == nil || h.VM.Get("n").ToInteger() != 0 {
		t.Errorf("%d posted, %v, %v calls", posted, h.Dead(), h.VM.Get("n"))
	}
	if len(h.problems) != 1 || h.problems[0].Kind != OutOfMemory {
		t.Errorf("reported %v", h.problems)
	}
	if h.waiting.Load() != 0 {
		t.Errorf("%d are still counted", h.waiting.Load())
	}
}

// What has been abandoned runs no more, timers that are due at the same time included.
func TestAbandonedScriptRunsNoMore(t *testing.T) {
	h := newHeap(t, Options{})
	why := errors.New("enough")
	h.Abandon(why)
	if err := h.Run("main.asc", "trace('runs')"); !errors.Is(err, ErrClosed) && err == nil || len(h.traced) > 0 {
		t.Errorf("%v, traced %q", err, h.traced)
	}
	if h.Abandon(errors.New("again")); h.Dead() != why {
		t.Errorf("dead of %v", h.Dead())
	}
}

// Rethrow hands on what goja returned as it was thrown.
func TestRethrownExceptionsStayWhatTheyWere(t *testing.T) {
	h := newHeap(t, Options{})
	_ = h.VM.Set("through", func(call goja.FunctionCall) goja.Value {
		f, _ := goja.AssertFunction(call.Argument(0))
		if _, err := f(goja.Undefined()); err != nil {
			h.Rethrow(err)
		}
		return goja.Undefined()
	})
	h.check("var x = {}; try { through(function () { throw x }) } catch (e) { trace(e === x) }", "true")
}
