package isolated

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"afterglow/netconn"
)

// worker is an application with its process, whenever there is one.
type worker struct {
	workers *Workers
	name    string

	mu      sync.Mutex
	process *process // starts or runs
	leaving *process // was told to end; the next one waits for its files
	deaths  int      // one soon after the other
	patient time.Time
	again   *time.Timer // starts an application anew that is loaded with the server
}

// A worker that dies is started again at once, but one that dies again and again only after a while, which doubles.
const (
	leastPatience = time.Second
	mostPatience  = time.Minute
	longLife      = time.Minute // after which a death is the first
)

// enter returns the process, which it starts if need be, with one client more. It waits until the process listens.
func (w *worker) enter(ctx context.Context) (*process, error) {
	for {
		p, wait, err := w.pick()
		switch {
		case err != nil:
			return nil, err
		case wait != nil:
			if err := awaitEither(ctx, wait); err != nil {
				return nil, err
			}
			continue
		}
		if err = awaitEither(ctx, p.listening); err == nil {
			err = p.failure()
		}
		if err == nil {
			return p, nil
		}
		w.leave(p)
		if ctx.Err() != nil || !p.dying() {
			return nil, err
		}
		if err := awaitEither(ctx, p.ended); err != nil {
			return nil, err
		}
	}
}

func awaitEither(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pick returns a process with one client more, or what to wait for before there can be one.
func (w *worker) pick() (p *process, wait <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.workers.isClosed() {
		return nil, nil, errClosed
	}
	if w.process == nil {
		if w.leaving != nil {
			return nil, w.leaving.ended, nil
		}
		if rest := w.patient.Sub(w.workers.options.Now()); rest > 0 {
			return nil, nil, fmt.Errorf("its process has died %d times in a row and is started again in %v", w.deaths, max(rest.Round(time.Second), time.Second))
		}
		if w.process, err = startProcess(w); err != nil {
			w.died()
			return nil, nil, err
		}
	}
	w.process.clients++
	return w.process, nil, nil
}

// leave takes a client from a process.
func (w *worker) leave(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.clients--
	p.idleSince = time.Time{}
}

// ErrAbsent is wrapped by what Options.Open returns if nobody listens at the address any more.
var ErrAbsent = errors.New("the application's process has ended")

// open hands a client over. The client counts until ctx ends.
func (w *worker) open(ctx context.Context, c *netconn.Conn, connect netconn.Message) (netconn.Relay, error) {
	for {
		p, err := w.enter(ctx)
		if err != nil {
			return nil, err
		}
		relay, err := w.workers.options.Open(ctx, p.address(), c, connect)
		if err == nil {
			context.AfterFunc(ctx, func() { w.leave(p) })
			return relay, nil
		}
		w.leave(p)
		var said netconn.Status
		if errors.As(err, &said) {
			return nil, err
		}
		if !p.hasEnded(ctx) || !errors.Is(err, ErrAbsent) {
			return nil, p.because(err)
		}
		// It had died before it heard of the client: the next one shall.
	}
}

// load starts the process without a client.
func (w *worker) load() {
	p, err := w.enter(context.Background())
	if err != nil {
		w.workers.options.Log.Error("application not loaded", "app", w.name, "reason", err)
		return
	}
	w.leave(p)
}

// idle is told by a process that it has no instance. One that stays so ends, unless a client is on its way.
func (w *worker) idle(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	switch {
	case w.process != p || p.clients > 0:
		p.idleSince = time.Time{}
	case p.idleSince.IsZero():
		p.idleSince = now
	case now.Sub(p.idleSince) >= w.workers.options.IdleTime:
		w.process, w.leaving = nil, p
		p.end()
	}
}

// ended is told once when a process has ended.
func (w *worker) ended(p *process, lived time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leaving == p {
		w.leaving = nil
	}
	if w.process != p {
		return
	}
	w.process = nil
	if lived >= longLife {
		w.deaths = 0
	}
	w.died()
}

// died decides when the next process may start. The caller holds mu.
func (w *worker) died() {
	w.deaths++
	if w.deaths > 1 {
		shift := min(w.deaths-2, 10)
		w.patient = w.workers.options.Now().Add(min(leastPatience<<shift, mostPatience))
	}
	if w.workers.isClosed() || !w.workers.settings(w.name).LoadOnStart {
		return
	}
	w.again = time.AfterFunc(max(w.patient.Sub(w.workers.options.Now()), 0), w.load)
}

// reconfigure passes the configuration on.
func (w *worker) reconfigure() {
	orders := w.workers.orders(w.name)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process != nil {
		w.process.instruct(orders)
	}
}

// end tells the process to end.
func (w *worker) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.again != nil {
		w.again.Stop()
	}
	if p := w.process; p != nil {
		w.process, w.leaving = nil, p
		p.end()
	}
}

// wait returns when the process has ended. One that still runs when ctx ends is killed.
func (w *worker) wait(ctx context.Context) error {
	w.mu.Lock()
	p := w.leaving
	w.mu.Unlock()
	if p == nil {
		return nil
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
	}
	p.kill(errors.New("it did not end in time"))
	<-p.ended
	return fmt.Errorf("the process of application %s did not end in time: %w", w.name, ctx.Err())
}
