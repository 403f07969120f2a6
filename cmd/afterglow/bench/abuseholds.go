package bench

import (
	"context"
	"fmt"
	"time"
)

// ServerHolds is what a server holds at a moment.
type ServerHolds struct {
	Memory      int64 `json:"memory"` // bytes
	Descriptors int   `json:"descriptors"`
}

// AbuseHolds is what a server held before, at most during, and after an attack; nil where nobody could look.
type AbuseHolds struct {
	Before ServerHolds `json:"before"`
	Peak   ServerHolds `json:"peak"`
	After  ServerHolds `json:"after"`
}

const (
	watchInterval    = 50 * time.Millisecond
	spareDescriptors = 8
)

// usageWatch looks at what a server holds while it is attacked.
type usageWatch struct {
	read  func() (ServerHolds, error)
	holds AbuseHolds
	err   error
	quit  chan struct{}
	done  chan struct{}
}

// watchUsage begins to look; read may be nil.
func watchUsage(read func() (ServerHolds, error)) *usageWatch {
	w := &usageWatch{read: read, quit: make(chan struct{}), done: make(chan struct{})}
	if read != nil {
		w.holds.Before, w.err = read()
		w.holds.Peak = w.holds.Before
	}
	go w.run()
	return w
}

func (w *usageWatch) run() {
	defer close(w.done)
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for w.read != nil && w.err == nil {
		select {
		case <-w.quit:
			return
		case <-tick.C:
		}
		w.look()
	}
}

func (w *usageWatch) look() {
	now, err := w.read()
	if err != nil {
		w.err = err
		return
	}
	w.holds.After = now
	w.holds.Peak.Memory = max(w.holds.Peak.Memory, now.Memory)
	w.holds.Peak.Descriptors = max(w.holds.Peak.Descriptors, now.Descriptors)
}

// settle waits for memory and descriptors to come back, and adds to reasons what does not.
func (w *usageWatch) settle(ctx context.Context, r *abuseRun, reasons []string) (*AbuseHolds, []string) {
	close(w.quit)
	<-w.done
	if w.read == nil {
		return nil, reasons
	}
	ctx, cancel := context.WithTimeout(ctx, r.Settle)
	defer cancel()
	memory := w.holds.Before.Memory*5/4 + r.Memory<<20
	descriptors := w.holds.Before.Descriptors + spareDescriptors
	for w.err == nil {
		w.look()
		back := w.holds.After.Memory <= memory && w.holds.After.Descriptors <= descriptors
		if back || pause(ctx, watchInterval) != nil {
			break
		}
	}
	switch now := w.holds.After; {
	case w.err != nil:
		reasons = append(reasons, fmt.Sprintf("what the server holds: %v", w.err))
	case now.Memory > memory:
		reasons = append(reasons, fmt.Sprintf("the server keeps %d MB, %d before", now.Memory>>20, w.holds.Before.Memory>>20))
	case now.Descriptors > descriptors:
		reasons = append(reasons, fmt.Sprintf("the server keeps %d descriptors open, %d before", now.Descriptors, w.holds.Before.Descriptors))
	}
	return &w.holds, reasons
}
