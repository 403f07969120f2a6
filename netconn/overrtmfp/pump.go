package overrtmfp

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/netconn"
	"afterglow/rtmfp"
)

// pumpKey is what the viewers of a pump have in common.
type pumpKey struct {
	feed  any
	core  *rtmfp.Core
	mode  netconn.WriteMode
	delay time.Duration
}

// pump wakes the viewers of a feed on one shard: a publisher posts to the shard once for each round, however many packets and
// viewers there are. A shard that is busy comes to it later and then finds more packets, so that the rounds of adaptive delivery
// need no timer; those of fixed delivery are as far apart as the delay says.
type pump struct {
	key     pumpKey
	post    func(func()) bool
	run     func()
	woken   atomic.Bool
	users   int // guarded by the registry
	viewers []*playing
}

// Wake has the viewers pull, soon.
func (p *pump) Wake() {
	switch {
	case p.woken.Swap(true):
	case p.key.mode == netconn.WriteFixed:
		time.AfterFunc(p.key.delay, p.start)
	default:
		p.start()
	}
}

func (p *pump) start() { p.post(p.run) }

// round lets each viewer pull. It runs on the shard.
func (p *pump) round() {
	p.woken.Store(false)
	for _, v := range p.viewers {
		v.pull()
	}
}

func (p *pump) add(v *playing) { p.viewers = append(p.viewers, v) }

func (p *pump) remove(v *playing) {
	if i := slices.Index(p.viewers, v); i >= 0 {
		p.viewers = slices.Delete(p.viewers, i, i+1)
	}
}

// pumps lets viewers of the same feed find each other.
type pumps struct {
	mu  sync.Mutex
	all map[pumpKey]*pump
}

func (r *pumps) join(key pumpKey) *pump {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.all[key]
	if p == nil {
		p = &pump{key: key, post: key.core.Post}
		p.run = p.round
		if r.all == nil {
			r.all = make(map[pumpKey]*pump)
		}
		r.all[key] = p
	}
	p.users++
	return p
}

func (r *pumps) leave(p *pump) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.users--; p.users == 0 {
		delete(r.all, p.key)
	}
}
