package engine

import (
	"fmt"
	"runtime/metrics"
	"sync"
	"time"
)

// interruption is what goja hands back when a script was interrupted.
type interruption struct {
	kind    Kind
	message string
}

// String returns the message.
func (i interruption) String() string { return i.message }

// look is how often a call that runs is looked at.
const look = 5 * time.Millisecond

// guard interrupts calls that run too long or take too much memory. What goja does between two of its instructions, such
// as joining a huge array, ends first.
type guard struct {
	engine *Engine

	mu      sync.Mutex
	timer   *time.Timer
	running bool
	since   time.Time
	heap    int64     // the size of the process's heap when the call began, or shortly before
	heapAt  time.Time // when that was
	looked  bool      // memory knows the call
	told    bool      // that the call does not end

	charged int64 // what the call has taken, in bytes; guarded by memory
}

// begin is called when script begins to run, end when it has ended.
func (g *guard) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running, g.since, g.told = true, time.Now(), false
	if g.since.Sub(g.heapAt) > fresh || g.engine.options.Memory.running.Load() > 0 {
		g.heap, g.heapAt = heapSize(), g.since
	}
	if g.timer == nil {
		g.timer = time.AfterFunc(look, g.inspect)
		return
	}
	g.timer.Reset(look)
}

func (g *guard) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = false
	g.timer.Stop()
	if g.looked {
		g.looked = false
		g.engine.options.Memory.leave(g)
		g.warn()
	}
	g.engine.VM.ClearInterrupt()
}

// warn tells of a call that ended, but took much.
func (g *guard) warn() {
	o := g.engine.options
	if taken := g.charged; taken > o.MaxMemory/4*3 && taken <= o.MaxMemory && o.LowMemory != nil {
		g.engine.Post(func() { o.LowMemory(taken) })
	}
}

func (g *guard) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = false
	if g.timer != nil {
		g.timer.Stop()
	}
}

// inspect looks at the call that runs, on a goroutine of its own.
func (g *guard) inspect() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.running {
		return
	}
	o := g.engine.options
	if o.MaxTime > 0 && time.Since(g.since) >= o.MaxTime {
		g.engine.VM.Interrupt(interruption{Runaway, fmt.Sprintf("the script ran longer than %v and was interrupted", o.MaxTime)})
	} else if o.MaxMemory > 0 {
		g.looked = true
		o.Memory.look(g)
	}
	if running := time.Since(g.since); o.MaxTime > 0 && running > o.MaxTime+stuckAfter && !g.told && o.Stuck != nil {
		g.told = true
		go o.Stuck(running)
	}
	g.timer.Reset(look)
}

// stuckAfter is how long an interrupted call may go on before that is worth a word.
const stuckAfter = 5 * time.Second

// fresh is how old the size of the heap may be that calls are compared with: reading it costs as much as a short call.
const fresh = 100 * time.Millisecond

// heapSize is the size of the process's heap in bytes, what is garbage included.
func heapSize() int64 {
	sample := [1]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample[:])
	return int64(sample[0].Value.Uint64())
}
