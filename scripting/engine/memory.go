package engine

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Memory finds out which of the calls that run at a time takes what the heap of the process grows by, which Go counts for
// the process alone. Engines of one process share one; it may be used from any goroutine.
//
// Growth is charged in equal parts to the calls that run meanwhile. When a call has been charged more than it may take,
// the one that was charged most is interrupted, and nothing is held against the others: who takes all memory runs all
// the time, the others come and go. Of two calls that both last until then, the one that began first is taken for it.
type Memory struct {
	running atomic.Int32 // how many calls there are

	mu    sync.Mutex
	heap  int64               // the size of the heap at the last look
	calls map[*guard]struct{} // those that have been looked at
	found *guard              // who is interrupted and has not ended yet; what the heap grows by is its doing
}

// NewMemory makes one.
func NewMemory() *Memory { return &Memory{calls: make(map[*guard]struct{})} }

// look charges what the heap has grown by since the last look, and interrupts who has taken too much. g is a call that
// runs.
func (m *Memory) look(g *guard) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := heapSize()
	m.share(now)
	if _, known := m.calls[g]; !known {
		m.calls[g] = struct{}{}
		m.running.Add(1)
		g.charged = max(0, now-g.heap) / int64(len(m.calls))
	}
	if m.found == nil {
		m.judge()
	}
}

func (m *Memory) share(now int64) {
	grown := now - m.heap
	m.heap = now
	if m.found != nil {
		return
	}
	for g := range m.calls {
		g.charged = max(0, g.charged+grown/int64(len(m.calls)))
	}
}

func (m *Memory) judge() {
	var most *guard
	for g := range m.calls {
		if g.charged > g.engine.options.MaxMemory && (most == nil || g.charged > most.charged) {
			most = g
		}
	}
	if most == nil {
		return
	}
	m.found = most
	most.engine.VM.Interrupt(interruption{OutOfMemory, fmt.Sprintf("out of memory: the heap grew by %d MiB while the script ran", most.charged>>20)})
	for g := range m.calls {
		g.charged = 0
	}
}

// leave tells that a call that was looked at has ended.
func (m *Memory) leave(g *guard) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.share(heapSize())
	delete(m.calls, g)
	m.running.Add(-1)
	if m.found == g {
		m.found = nil
	}
}
