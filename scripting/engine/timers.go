package engine

import (
	"container/heap"
	"slices"
	"time"

	"github.com/dop251/goja"
)

// shortest and longest are the limits of an interval.
const (
	shortest = time.Millisecond
	longest  = 1 << 31 * time.Millisecond
)

// timers are what setInterval has set. A single timer of Go's waits for the next that is due; it posts one tick at a time,
// so that a slow script gets no heap of them.
type timers struct {
	engine *Engine
	last   int
	byID   map[int]*interval
	queue  queue
	timer  *time.Timer
	armed  time.Time // when the timer fires, zero if it does not run
	posted bool
}

// interval is a repeating call.
type interval struct {
	id     int
	every  time.Duration
	due    time.Time
	place  int // in the queue
	once   bool
	target goja.Value // a function, or the object that has the method
	method string
	args   []goja.Value
}

// installTimers defines setInterval and clearInterval, and setTimeout and clearTimeout, which do no harm (server-side-api 1.6).
func (e *Engine) installTimers() {
	for name, f := range map[string]func(goja.FunctionCall) goja.Value{
		"setInterval":   func(c goja.FunctionCall) goja.Value { return e.timers.set(c, false) },
		"setTimeout":    func(c goja.FunctionCall) goja.Value { return e.timers.set(c, true) },
		"clearInterval": e.timers.clear,
		"clearTimeout":  e.timers.clear,
	} {
		_ = e.VM.Set(name, f)
	}
}

// set takes (function, ms, args...) or (object, "method", ms, args...).
func (t *timers) set(c goja.FunctionCall, once bool) goja.Value {
	i := &interval{target: c.Argument(0), once: once}
	rest := c.Arguments[min(1, len(c.Arguments)):]
	if _, ok := goja.AssertFunction(i.target); !ok {
		if _, ok := i.target.(*goja.Object); !ok || len(rest) == 0 {
			panic(t.engine.VM.NewTypeError("setInterval needs a function, or an object and the name of its method"))
		}
		i.method, rest = rest[0].String(), rest[1:]
	}
	if len(t.byID) >= t.engine.options.MaxTimers {
		t.engine.Throw("too many timers: %d run already", len(t.byID))
	}
	if len(rest) > 0 {
		if ns := rest[0].ToFloat() * float64(time.Millisecond); ns > 0 {
			i.every = time.Duration(min(ns, float64(longest)))
		}
		i.args = slices.Clone(rest[1:]) // the engine's stack has them only until this call returns
	}
	i.every = max(i.every, shortest)
	t.last++
	i.id, i.due = t.last, time.Now().Add(i.every)
	if t.byID == nil {
		t.byID = make(map[int]*interval)
	}
	t.byID[i.id] = i
	heap.Push(&t.queue, i)
	t.arm()
	return t.engine.VM.ToValue(i.id)
}

func (t *timers) clear(c goja.FunctionCall) goja.Value {
	if i := t.byID[int(c.Argument(0).ToInteger())]; i != nil {
		t.remove(i)
		t.arm()
	}
	return goja.Undefined()
}

func (t *timers) remove(i *interval) {
	delete(t.byID, i.id)
	if i.place >= 0 {
		heap.Remove(&t.queue, i.place)
	}
}

// arm sets Go's timer for the next interval that is due, unless a tick is on its way already.
func (t *timers) arm() {
	if t.posted || t.engine.closed || len(t.queue) == 0 {
		return
	}
	due := t.queue[0].due
	if !t.armed.IsZero() && t.armed.Equal(due) {
		return
	}
	t.armed = due
	wait := max(0, time.Until(due))
	if t.timer == nil {
		t.timer = time.AfterFunc(wait, func() { t.engine.Post(t.tick) })
		return
	}
	t.timer.Reset(wait)
}

// tick calls what is due. What a timer missed because the script was busy is not made up for.
func (t *timers) tick() {
	t.armed, t.posted = time.Time{}, true
	now := time.Now()
	for n := len(t.queue); n > 0 && len(t.queue) > 0 && !t.queue[0].due.After(now); n-- {
		i := t.queue[0]
		if i.once {
			t.remove(i)
		} else {
			i.due = i.due.Add(i.every)
			if i.due.Before(now) {
				i.due = now.Add(i.every)
			}
			heap.Fix(&t.queue, 0)
		}
		i.fire(t.engine)
		if t.engine.closed {
			return
		}
	}
	t.posted = false
	t.arm()
}

// fire calls the function, or the method that the object has by that name now.
func (i *interval) fire(e *Engine) {
	if i.method == "" {
		f, _ := goja.AssertFunction(i.target)
		_, _ = e.Call(f, e.VM.GlobalObject(), i.args...)
		return
	}
	_, _, _ = e.CallMethod(i.target.(*goja.Object), i.method, i.args...)
}

func (t *timers) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
	t.byID, t.queue = nil, nil
}

// queue has intervals by when they are due, then by age.
type queue []*interval

func (q queue) Len() int { return len(q) }
func (q queue) Less(a, b int) bool {
	if q[a].due.Equal(q[b].due) {
		return q[a].id < q[b].id
	}
	return q[a].due.Before(q[b].due)
}

func (q queue) Swap(a, b int) {
	q[a], q[b] = q[b], q[a]
	q[a].place, q[b].place = a, b
}

// Push and Pop are what container/heap wants.
func (q *queue) Push(x any) {
	i := x.(*interval)
	i.place = len(*q)
	*q = append(*q, i)
}

// Pop takes the last.
func (q *queue) Pop() any {
	old := *q
	i := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	i.place = -1
	return i
}
