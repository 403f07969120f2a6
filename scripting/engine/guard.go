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
	heap    int64 // when the call was first looked at, 0 before
}

// begin is called when script begins to run, end when it has ended.
func (g *guard) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running, g.since, g.heap = true, time.Now(), 0
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
	g.engine.VM.ClearInterrupt()
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
	} else if grown := g.grown(); o.MaxMemory > 0 && grown > o.MaxMemory {
		g.engine.VM.Interrupt(interruption{OutOfMemory, fmt.Sprintf("out of memory: the heap grew by %d MiB while the script ran", grown>>20)})
	}
	g.timer.Reset(look)
}

// grown is by how much the heap has grown while the call ran. It counts what others took meanwhile, and what is garbage.
func (g *guard) grown() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	now := int64(sample[0].Value.Uint64())
	if g.heap == 0 {
		g.heap = now
	}
	return now - g.heap
}
