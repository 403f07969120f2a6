package engine

import "testing"

// While one heap takes all memory, calls of another one that take a while go on, again and again.
func TestMemoryThatOneHeapTakesIsNotHeldAgainstAnother(t *testing.T) {
	shared := NewMemory()
	other := newHeap(t, Options{MaxMemory: 64 << 20, Memory: shared})
	other.run("function work() { for (var sum = 0, i = 0; i < 100000; i++) { sum += i % 7; } return sum }")
	for range 3 {
		hog := newHeap(t, Options{MaxMemory: 64 << 20, Memory: shared})
		over := make(chan error)
		go func() { over <- hog.Run("main.asc", "var a = []; while (true) a.push([a.length])") }()
		for err := error(nil); err == nil; {
			select {
			case err = <-over:
			default:
				other.run("work()")
			}
		}
		if s := hog.Dead(); s == nil || s.(*ScriptError).Kind != OutOfMemory {
			t.Fatalf("dead of %v", s)
		}
	}
	if len(shared.calls) != 0 || shared.found != nil || shared.running.Load() != 0 {
		t.Errorf("%d calls are remembered", len(shared.calls))
	}
}

func TestCallThatNearlyRunsOutOfMemoryIsToldOf(t *testing.T) {
	const limit = 1 << 40 // beside which what the test itself takes is nothing
	for _, test := range []struct {
		taken int64
		told  int
	}{{limit / 2, 0}, {limit / 10 * 9, 1}, {limit + limit/10, 0}} {
		var told []int64
		h := newHeap(t, Options{MaxMemory: limit, LowMemory: func(taken int64) { told = append(told, taken) },
			Post: func(f func()) bool { f(); return true }})
		h.guard.begin()
		h.options.Memory.look(&h.guard)
		h.guard.looked, h.guard.charged = true, test.taken
		h.guard.end()
		if len(told) != test.told {
			t.Errorf("%d bytes: told of %v", test.taken, told)
		}
	}
}
