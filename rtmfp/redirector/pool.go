package redirector

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// place is where initiators may be sent: a registered server, or a target.
type place struct {
	session  *rtmfp.Session // nil: a target
	peer     rtmfp.PeerID   // of a registered server
	observed netip.AddrPort // where the session's far end is
	settings settings
	draining bool
	load     uint64 // as reported
	sent     uint64 // initiators that are not in it yet
	sentFrom time.Time
	weight   uint64 // of a target; 1 for registered servers

	pass uint64 // the front level's rotation: who has the least is next
	turn uint64 // the rotation of all others
}

// appendAddresses adds the addresses of the place that are not there yet.
func (p *place) appendAddresses(to []wire.Address) []wire.Address {
	if p.settings.observed {
		to = appendNew(to, wire.Address{AddrPort: p.observed, Origin: wire.OriginObserved})
	}
	for _, a := range p.settings.addresses {
		to = appendNew(to, a)
	}
	return to
}

// appendNew names addresses of which a server says nothing relays: librtmfp passes over those of unknown origin.
func appendNew(to []wire.Address, a wire.Address) []wire.Address {
	if a.Origin == wire.OriginUnknown {
		a.Origin = wire.OriginRelay
	}
	same := func(other wire.Address) bool { return other.AddrPort == a.AddrPort }
	if len(to) >= maxOffered || slices.ContainsFunc(to, same) {
		return to
	}
	return append(to, a)
}

// offers tells whether there is anything to offer.
func (p *place) offers() bool { return p.settings.observed || len(p.settings.addresses) > 0 }

// hasFamilyOf tells whether the place offers an address of the same family.
func (p *place) hasFamilyOf(a netip.AddrPort) bool {
	six := a.Addr().Is6()
	if p.settings.observed && p.observed.Addr().Is6() == six {
		return true
	}
	return slices.ContainsFunc(p.settings.addresses, func(b wire.Address) bool { return b.AddrPort.Addr().Is6() == six })
}

// sameServer tells whether two places lead to the same server, which may be registered over IPv4 and IPv6, or once more after a crash.
func (p *place) sameServer(other *place) bool {
	return p == other || p.session != nil && other.session != nil && p.peer == other.peer
}

// report takes a load that the server has reported.
func (p *place) report(load uint64) { p.load, p.sent = load, 0 }

// expected is the load that is to be expected: that reported, and one for each initiator that was sent there since. Reports come only
// every second or so; without that a rush would go to a single server. After reportTime it is in the report, or did not come.
func (p *place) expected(now time.Time) uint64 {
	if p.sent == 0 || now.Sub(p.sentFrom) > reportTime || p.load > math.MaxUint64-p.sent {
		return p.load
	}
	return p.load + p.sent
}

func (p *place) expectOneMore(now time.Time) {
	if now.Sub(p.sentFrom) > reportTime {
		p.sent = 0
	}
	if p.sent == 0 {
		p.sentFrom = now
	}
	p.sent++
}

// pool is the places, and whose turn it is. Those with the least load are the front level; they share what comes by their weights
// (stride scheduling). A target has no load of its own and is always of the front level.
type pool struct {
	places []*place
	clock  uint64
	turns  uint64
}

const stride = 1 << 20

// maxWeight is the largest weight of a target.
const maxWeight = 1000

func (p *pool) add(e *place) { p.places = append(p.places, e) }

func (p *pool) remove(e *place) {
	if i := slices.Index(p.places, e); i >= 0 {
		p.places = slices.Delete(p.places, i, i+1)
	}
}

// named gives the newest place of a server, draining or not, or nil.
func (p *pool) named(peer rtmfp.PeerID) *place {
	for _, e := range slices.Backward(p.places) {
		if e.session != nil && e.peer == peer && e.offers() {
			return e
		}
	}
	return nil
}

// pick appends up to so many places, the least loaded ones first.
func (p *pool) pick(now time.Time, answers int, chosen []*place) []*place {
	l := levels{now, p.floor(now)}
	for len(chosen) < answers {
		best := p.best(l, chosen)
		if best == nil {
			break
		}
		chosen = append(chosen, best)
	}
	for i, e := range chosen {
		// Of each level only the first has had its turn: who stands behind another is hardly ever taken.
		if i == 0 || l.of(e) != l.of(chosen[i-1]) {
			p.served(e, l.of(e) == l.floor)
		}
	}
	if len(chosen) > 0 {
		p.expect(chosen[0], now)
	}
	return chosen
}

// floor is the least load of a server that takes initiators.
func (p *pool) floor(now time.Time) uint64 {
	least, found := uint64(0), false
	for _, e := range p.places {
		if e.session == nil || e.draining || !e.offers() {
			continue
		}
		if load := e.expected(now); !found || load < least {
			least, found = load, true
		}
	}
	return least
}

// levels compares places at a time.
type levels struct {
	now   time.Time
	floor uint64
}

func (l levels) of(e *place) uint64 {
	if e.session == nil {
		return l.floor
	}
	return e.expected(l.now)
}

func (l levels) before(a, b *place) bool {
	level, against := l.of(a), l.of(b)
	switch {
	case level != against:
		return level < against
	case level == l.floor && a.pass != b.pass:
		return a.pass < b.pass
	}
	return a.turn < b.turn
}

// best finds who is next, apart from those that are chosen already.
func (p *pool) best(l levels, chosen []*place) (best *place) {
	for _, e := range p.places {
		if e.draining || !e.offers() || slices.ContainsFunc(chosen, e.sameServer) {
			continue
		}
		if best == nil || l.before(e, best) {
			best = e
		}
	}
	return best
}

// served notes that a server has had its turn.
func (p *pool) served(e *place, front bool) {
	p.turns++
	next := e.pass
	if front { // with the clock, so that one that comes late has nothing to make up for
		p.clock = max(p.clock, e.pass)
		next = p.clock + stride/e.weight
	}
	for _, other := range p.places {
		if e.sameServer(other) {
			other.turn, other.pass = p.turns, next
		}
	}
}

// expect has a server's load go up before it says so.
func (p *pool) expect(e *place, now time.Time) {
	for _, other := range p.places {
		if e.sameServer(other) {
			other.expectOneMore(now)
		}
	}
}
