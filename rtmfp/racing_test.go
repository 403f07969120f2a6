package rtmfp_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// rallyPeer handles one session of an endpoint, and counts its first and its last call.
type rallyPeer struct{ opened, closed atomic.Int32 }

func (p *rallyPeer) Opened(*rtmfp.Session)            { p.opened.Add(1) }
func (p *rallyPeer) Moved(*rtmfp.Session, rtmfp.Path) {}
func (p *rallyPeer) Closed(*rtmfp.Session, error)     { p.closed.Add(1) }

func (p *rallyPeer) Flow(*rtmfp.ReceiveFlow) rtmfp.FlowHandler { return rtmfp.FlowFuncs{} }

// rally is several endpoints that many goroutines use at the same time.
type rally struct {
	t          *testing.T
	endpoints  []*rtmfp.Endpoint
	identities []*flash.Identity

	mu    sync.Mutex
	peers []*rallyPeer
}

func newRally(t *testing.T, endpoints int) *rally {
	r := &rally{t: t}
	for range endpoints {
		id := r.identity()
		e, err := rtmfp.Listen(context.Background(), rtmfp.Config{
			Crypto: flash.Profile{}, Addresses: []string{"127.0.0.1:0", "127.0.0.1:0"}, Shards: 4,
			Identity: id, Introducer: rtmfp.IntroduceAll{}, Listener: r.listener(),
		})
		if err != nil {
			t.Fatal(err)
		}
		r.endpoints, r.identities = append(r.endpoints, e), append(r.identities, id)
	}
	return r
}

func (r *rally) identity() *flash.Identity {
	id, err := flash.NewIdentity(flash.IdentityConfig{})
	if err != nil {
		r.t.Error(err)
	}
	return id
}

func (r *rally) peer() *rallyPeer {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := new(rallyPeer)
	r.peers = append(r.peers, p)
	return p
}

func (r *rally) listener() rtmfp.Listener {
	return rtmfp.Listener{Accept: func(*rtmfp.Session) rtmfp.SessionHandler {
		p := r.peer()
		p.opened.Add(1)
		return p
	}}
}

// drive does one random thing.
func (r *rally) drive(rng *rand.Rand, name string) {
	e, to := r.endpoints[rng.IntN(len(r.endpoints))], rng.IntN(len(r.endpoints))
	switch rng.IntN(16) {
	case 0:
		if e.AddIdentity(name, r.identity(), r.listener()) == nil {
			r.dial(rng, e, to, name)
			e.RemoveIdentity(name)
		}
	case 1:
		e.Stats()
		e.Peer(r.identities[to].Certificate().PeerID())
	case 2:
		e.Sessions(func(s *rtmfp.Session) bool {
			if rng.IntN(10) == 0 {
				s.Close()
			}
			return rng.IntN(5) > 0
		})
	case 3:
		e.Dump(io.Discard)
	default:
		r.talk(rng, r.dial(rng, e, to, ""))
	}
}

func (r *rally) dial(rng *rand.Rand, e *rtmfp.Endpoint, to int, name string) *rtmfp.Session {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rng.IntN(60))*time.Millisecond)
	defer cancel()
	s, err := e.Dial(ctx, rtmfp.DialConfig{
		Identity: name, Discriminator: r.identities[to].Certificate().CanonicalDiscriminator(),
		Addresses: r.endpoints[to].Addrs()[:1+rng.IntN(2)], Handler: r.peer(),
	})
	if err != nil {
		return nil
	}
	return s
}

func (r *rally) talk(rng *rand.Rand, s *rtmfp.Session) {
	if s == nil {
		return
	}
	for range 5 {
		size := rng.IntN(30000)
		s.Do(func() {
			f, err := s.OpenFlow(rtmfp.FlowConfig{})
			if err != nil {
				return
			}
			f.Send(rtmfp.Outgoing{Body: make([]byte, size)})
			f.Close()
		})
	}
	if rng.IntN(3) == 0 {
		s.Do(s.Close)
	}
}

// TestEndpointsAreUsedByManyGoroutines is for the race detector; and each session that was open has its last call, once.
func TestEndpointsAreUsedByManyGoroutines(t *testing.T) {
	r := newRally(t, 3)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(g)))
			for n := range rallySteps() {
				r.drive(rng, fmt.Sprint(g, "-", n))
			}
		})
	}
	all.Go(func() { // one endpoint ends while it is in use
		for n := range 5 {
			r.talk(rand.New(rand.NewPCG(2, uint64(n))), r.dial(rand.New(rand.NewPCG(3, 1)), r.endpoints[0], 1, ""))
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		r.endpoints[0].Shutdown(ctx)
	})
	all.Wait()
	for _, e := range r.endpoints {
		all.Go(func() { e.Close() })
	}
	all.Wait()
	opened := 0
	for _, p := range r.peers {
		if p.opened.Load() > 1 || p.closed.Load() > 1 || p.opened.Load() > p.closed.Load() {
			t.Errorf("opened %d times, closed %d times", p.opened.Load(), p.closed.Load())
		}
		opened += int(p.opened.Load())
	}
	if opened == 0 {
		t.Error("no session has opened")
	}
}

func rallySteps() int {
	if soak() {
		return 1000
	}
	return 30
}
