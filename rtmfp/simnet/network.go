package simnet

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"time"

	"afterglow/rtmfp"
)

// ErrStuck is what [Network.Err] wraps when virtual time stands still because something is always due at once.
var ErrStuck = errors.New("simnet: time stands still")

const (
	// timerLimit is how often the timer of one node may fire at one instant.
	timerLimit = 100_000

	// instantLimit is how many events there may be at one instant. Perfect links carry whole transfers in no time, so it is large.
	instantLimit = 10_000_000
)

// Network is the virtual internet with its clock. Make one with [New]; it belongs to one goroutine.
type Network struct {
	now    rtmfp.Instant
	seq    uint64 // of the event or timer that was set last
	events eventHeap
	timers timerHeap

	sameInstant  int // events since time moved
	instantLimit int
	err          error

	master *rand.ChaCha8 // seeds everything else that is random
	rng    *rand.Rand

	public map[netip.AddrPort]*iface
	nats   map[netip.Addr]*NAT
	free   []*packet
	taps   []func(Event)
}

// New makes an empty network at instant zero.
func New(seed uint64) *Network {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	n := &Network{
		instantLimit: instantLimit,
		master:       rand.NewChaCha8(key),
		public:       make(map[netip.AddrPort]*iface),
		nats:         make(map[netip.Addr]*NAT),
	}
	n.rng = n.newRand()
	return n
}

// Now is the virtual time.
func (n *Network) Now() rtmfp.Instant { return n.now }

// Err is why the network stopped, or nil: an error that wraps [ErrStuck] says that a node's timer, or an exchange over links
// without delay, came again and again at one instant. A stopped network stays so.
func (n *Network) Err() error { return n.err }

// Rand is the network's source of numbers for the caller's own use: links and nodes do not draw from it.
func (n *Network) Rand() *rand.Rand { return n.rng }

// Random makes a source of bytes, for keys and the like. Each call gives a stream of its own, which depends on the seed and on
// how many hosts, NATs and streams were made before it.
func (n *Network) Random() io.Reader {
	var key [32]byte
	n.master.Read(key[:])
	return rand.NewChaCha8(key)
}

func (n *Network) newRand() *rand.Rand {
	return rand.New(rand.NewPCG(n.master.Uint64(), n.master.Uint64()))
}

// After calls f when d has passed; at once on the next run if d is not above zero.
func (n *Network) After(d time.Duration, f func()) { n.At(n.later(d), f) }

// At calls f at the instant, or on the next run if that is past. What f does to a core goes through [Host.Do].
func (n *Network) At(at rtmfp.Instant, f func()) {
	if at == rtmfp.Never {
		return
	}
	n.push(event{at: at, call: f})
}

// later is the instant d after now, or now if d is negative.
func (n *Network) later(d time.Duration) rtmfp.Instant {
	at := n.now.Add(max(d, 0))
	if at < n.now {
		return rtmfp.Never
	}
	return at
}

// Run lets everything happen that is due up to and at the instant, which then is now. Run(rtmfp.Never) ends when nothing is
// left to happen, and leaves the time at what happened last. It is not to be called from within what it runs.
func (n *Network) Run(until rtmfp.Instant) {
	for n.step(until) {
	}
	if n.err == nil && until != rtmfp.Never && until > n.now {
		n.now, n.sameInstant = until, 0
	}
}

// RunFor is [Network.Run] for the time d.
func (n *Network) RunFor(d time.Duration) { n.Run(n.later(d)) }

// RunUntil runs until cond holds, which it asks first and then after each event, or until limit has passed. It reports
// whether cond holds.
func (n *Network) RunUntil(cond func() bool, limit time.Duration) bool {
	until := n.later(limit)
	for !cond() {
		if n.step(until) {
			continue
		}
		n.Run(until)
		return n.err == nil && cond()
	}
	return true
}

// step lets one event or timer happen, unless none is due until then.
func (n *Network) step(until rtmfp.Instant) bool {
	if n.err != nil {
		return false
	}
	at, isTimer := n.next()
	if at > until || at == rtmfp.Never || !n.moveTo(at) {
		return false
	}
	if isTimer {
		n.timers[0].fire()
		return n.err == nil
	}
	e := n.events.pop()
	if e.call != nil {
		e.call()
		return true
	}
	e.packet.link.inFlight--
	n.leave(e.packet)
	return true
}

// next says when the next thing happens, and whether it is a timer. What was set first is first at equal times.
func (n *Network) next() (at rtmfp.Instant, isTimer bool) {
	at, seq := rtmfp.Never, uint64(0)
	if len(n.events) > 0 {
		at, seq = n.events[0].at, n.events[0].seq
	}
	if len(n.timers) == 0 || n.timers[0].due == rtmfp.Never {
		return at, false
	}
	first := n.timers[0]
	if first.due < at || first.due == at && first.dueSeq < seq {
		return first.due, true
	}
	return at, false
}

func (n *Network) moveTo(at rtmfp.Instant) bool {
	if at > n.now {
		n.now = at
		n.sameInstant = 0
		return true
	}
	if n.sameInstant++; n.sameInstant > n.instantLimit {
		n.err = fmt.Errorf("%w: more than %d events at %v", ErrStuck, n.instantLimit, time.Duration(n.now))
		return false
	}
	return true
}

func (n *Network) push(e event) {
	n.seq++
	e.seq = n.seq
	e.at = max(e.at, n.now)
	n.events.push(e)
}
