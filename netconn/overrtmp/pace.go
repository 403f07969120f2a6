package overrtmp

import (
	"runtime"
	"sync/atomic"
	"time"
)

// pace decides how far apart the rounds of adaptive pumps are: not at all while the processors have time, and further
// the busier the pumps of the whole server keep them. It looks at what was used over a window and moves the interval
// by a part of itself, so that it settles where the load is between the two marks.
type pace struct {
	base   time.Time
	window atomic.Int64 // when the window began, nanoseconds since base
	busy   atomic.Int64 // nanoseconds spent in rounds since then
	gap    atomic.Int64 // nanoseconds between rounds
}

const (
	paceWindow = 50 * time.Millisecond
	paceHigh   = 0.70 // of the processors' time: above, rounds are merged more
	paceLow    = 0.50 // below, less
	paceStep   = time.Millisecond
	paceMost   = time.Second
)

func newPace() *pace { return &pace{base: time.Now()} }

func (p *pace) interval() time.Duration { return time.Duration(p.gap.Load()) }

// passed counts a round.
func (p *pace) passed(from, to time.Time) {
	now := int64(to.Sub(p.base))
	busy := p.busy.Add(int64(to.Sub(from)))
	window := p.window.Load()
	elapsed := now - window
	if elapsed < int64(paceWindow) || !p.window.CompareAndSwap(window, now) {
		return
	}
	p.busy.Add(-busy)
	p.adjust(float64(busy) / (float64(elapsed) * float64(runtime.GOMAXPROCS(0))))
}

func (p *pace) adjust(load float64) {
	gap := time.Duration(p.gap.Load())
	switch {
	case load > paceHigh:
		gap = min(gap+gap/8+paceStep, paceMost)
	case load < paceLow:
		gap -= gap/8 + paceStep/4
		gap = max(gap, 0)
	}
	p.gap.Store(int64(gap))
}
