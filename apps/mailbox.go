package apps

import (
	"sync"
	"sync/atomic"
	"time"
)

// mailbox runs the affairs of an instance one at a time, in the order in which they came. There is a goroutine while
// there is something to do.
type mailbox struct {
	mu      sync.Mutex
	queue   []func()
	running bool
	ended   bool

	since atomic.Int64 // when the affair that runs began, nanoseconds since 1970; 0 when none does
	size  atomic.Int32 // how many wait
}

// post appends an affair. It reports false when the mailbox has ended, and never waits.
func (m *mailbox) post(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return false
	}
	m.queue = append(m.queue, f)
	m.size.Add(1)
	if !m.running {
		m.running = true
		go m.run()
	}
	return true
}

func (m *mailbox) run() {
	m.mu.Lock()
	for len(m.queue) > 0 {
		batch := m.queue
		m.queue = nil
		m.mu.Unlock()
		for i, f := range batch {
			batch[i] = nil
			m.size.Add(-1)
			m.since.Store(time.Now().UnixNano())
			f()
		}
		m.since.Store(0)
		m.mu.Lock()
	}
	m.running = false
	m.mu.Unlock()
}

// end refuses what comes from now on; what waits still runs. It is called by the affair that is to be the last.
func (m *mailbox) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
}

// Busy is what an instance does at the moment.
type Busy struct {
	// Waiting is how many affairs wait.
	Waiting int
	// Running is for how long the present affair has run, 0 when there is none.
	Running time.Duration
}

func (m *mailbox) busy() Busy {
	b := Busy{Waiting: int(m.size.Load())}
	if since := m.since.Load(); since != 0 {
		b.Running = max(1, time.Since(time.Unix(0, since)))
	}
	return b
}
