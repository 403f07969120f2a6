package overrtmp

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/netconn"
	"afterglow/rtmp"
)

// pumpKey is what the viewers of a pump have in common.
type pumpKey struct {
	feed     any
	delivery netconn.Delivery
}

// viewersPerPump is how many viewers one pump serves before another processor gets a part of them.
const viewersPerPump = 64

// pump writes a feed to its viewers: one goroutine that is woken once for each packet and goes round. A viewer whose
// socket is full leaves the round by itself, to a goroutine that waits for the socket.
type pump struct {
	key     pumpKey
	pace    *pace
	wake    chan struct{}
	viewers atomic.Pointer[[]*session]
	ended   chan struct{}
	count   int // guarded by the registry
	lastRun time.Time
}

// Wake tells the pump that its feed has something new.
func (p *pump) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// join puts a viewer into the least busy pump of its feed; a large audience gets a pump for each processor.
func (r *registry) join(k pumpKey, s *session, pc *pace, running *sync.WaitGroup) *pump {
	r.mu.Lock()
	defer r.mu.Unlock()
	pumps := r.pumps[k]
	var p *pump
	for _, q := range pumps {
		if p == nil || q.count < p.count {
			p = q
		}
	}
	if p == nil || (p.count >= viewersPerPump && len(pumps) < runtime.GOMAXPROCS(0)) {
		p = &pump{key: k, pace: pc, wake: make(chan struct{}, 1), ended: make(chan struct{})}
		p.viewers.Store(new([]*session))
		r.pumps[k] = append(pumps, p)
		running.Add(1)
		go p.run(running)
	}
	p.count++
	// Growing by append leaves the round that is under way its own view of the list.
	viewers := append(*p.viewers.Load(), s)
	p.viewers.Store(&viewers)
	return p
}

// leave takes a viewer out; a pump without viewers ends.
func (r *registry) leave(p *pump, s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.count--
	old := *p.viewers.Load()
	i := slices.Index(old, s)
	viewers := make([]*session, 0, len(old))
	viewers = append(append(viewers, old[:i]...), old[i+1:]...)
	p.viewers.Store(&viewers)
	if p.count > 0 {
		return
	}
	rest := slices.DeleteFunc(r.pumps[p.key], func(q *pump) bool { return q == p })
	if len(rest) == 0 {
		delete(r.pumps, p.key)
	} else {
		r.pumps[p.key] = rest
	}
	// The feed may still wake it, so that channel stays open.
	close(p.ended)
	p.Wake()
}

// run goes round after each wake-up, no sooner than the delivery asks.
func (p *pump) run(running *sync.WaitGroup) {
	defer running.Done()
	var g rtmp.Gather
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for range p.wake {
		if wait := p.wait(); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-p.ended:
			}
		}
		select {
		case <-p.ended:
			return
		default:
		}
		p.lastRun = time.Now()
		p.round(&g)
		p.pace.passed(p.lastRun, time.Now())
	}
}

// wait returns how long the next round must wait for the one before.
func (p *pump) wait() time.Duration {
	var interval time.Duration
	switch p.key.delivery.Mode {
	case netconn.WriteOff:
		return 0
	case netconn.WriteFixed:
		interval = p.key.delivery.Delay
	default:
		interval = min(p.pace.interval(), p.key.delivery.Delay)
	}
	return interval - time.Since(p.lastRun)
}

// round writes to each viewer. It lets others run now and then, since its writes are never waited for.
func (p *pump) round(g *rtmp.Gather) {
	const turn = 64
	for i, s := range *p.viewers.Load() {
		s.conn.Flush(g)
		if i%turn == turn-1 {
			runtime.Gosched()
		}
	}
}
