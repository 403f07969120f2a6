package simnet

import (
	"math/rand/v2"
	"time"

	"afterglow/rtmfp"
)

// Link is one direction of an access line. Hosts and NATs make theirs.
type Link struct {
	network *Network
	name    string
	set     Conditions
	rng     *rand.Rand // of its own, so that a change to one link leaves the fortune of others alone

	bad      bool          // state of set.Burst
	dark     rtmfp.Instant // end of the blackout
	line     line
	latest   rtmfp.Instant // when the last datagram leaves, those held back not counted
	inFlight int           // events of datagrams on this link
	counters Counters
}

// Counters are what happened to the datagrams of a [Link] since it was made. Sizes include the headers of IP and UDP.
type Counters struct {
	Offered, OfferedBytes uint64 // what came to the link
	Passed, PassedBytes   uint64 // what left it, duplicates included

	Lost, QueueFull, TooBig, Blackout uint64 // what did not, by its [Fate]

	Duplicated, HeldBack, Corrupted uint64
}

func (n *Network) newLink(name string) *Link {
	return &Link{network: n, name: name, rng: n.newRand()}
}

// String names the link: its owner and its direction.
func (l *Link) String() string { return l.name }

// Set changes the conditions. Datagrams that are on the link already keep their time of arrival.
func (l *Link) Set(c Conditions) { l.set = c }

// Conditions are those set last.
func (l *Link) Conditions() Conditions { return l.set }

// Counters are the link's counters up to now.
func (l *Link) Counters() Counters { return l.counters }

// Queued is how many bytes wait for the link or are just being sent, with a rate limit.
func (l *Link) Queued() int {
	l.line.drain(l.network.now)
	return l.line.bytes
}

// Blackout lets nothing into the link nor out of it for the time d from now. It replaces a blackout that lasts; zero ends it.
func (l *Link) Blackout(d time.Duration) { l.dark = l.network.later(d) }

// happens draws with probability p.
func (l *Link) happens(p float64) bool { return p > 0 && l.rng.Float64() < p }

// admit takes a datagram of size bytes in, and says when it is on its way, or else its fate.
func (l *Link) admit(now rtmfp.Instant, size int) (departs rtmfp.Instant, fate Fate) {
	l.counters.Offered++
	l.counters.OfferedBytes += uint64(size)
	if now < l.dark {
		return 0, Blackout
	}
	if l.set.MTU > 0 && size > l.set.MTU {
		return 0, TooBig
	}
	departs = now
	if l.set.Rate > 0 {
		var fits bool
		if departs, fits = l.line.add(now, size, l.set); !fits {
			return 0, QueueFull
		}
	}
	if l.loses() {
		return 0, Lost
	}
	return departs, Delivered
}

func (l *Link) loses() bool {
	burst := l.set.Burst
	if burst.ToBad <= 0 {
		return l.happens(l.set.Loss)
	}
	if l.bad {
		l.bad = !l.happens(burst.ToGood)
	} else {
		l.bad = l.happens(burst.ToBad)
	}
	switch {
	case !l.bad:
		return l.happens(l.set.Loss)
	case burst.Loss == 0:
		return true
	default:
		return l.happens(burst.Loss)
	}
}

// arrival says when a datagram leaves the link that departs then.
func (l *Link) arrival(departs rtmfp.Instant) rtmfp.Instant {
	at := departs.Add(max(l.set.Delay, 0))
	if l.set.Jitter > 0 {
		at = at.Add(time.Duration(l.rng.Int64N(int64(l.set.Jitter) + 1)))
	}
	if l.happens(l.set.Reorder) {
		l.counters.HeldBack++
		hold := l.set.Hold
		if hold <= 0 {
			hold = DefaultHold
		}
		return max(at, l.latest).Add(hold)
	}
	if !l.set.JitterReorders {
		at = max(at, l.latest)
	}
	l.latest = max(at, l.latest)
	return at
}

// count notes a fate that a datagram met on this link.
func (l *Link) count(fate Fate) {
	switch fate {
	case Lost:
		l.counters.Lost++
	case QueueFull:
		l.counters.QueueFull++
	case TooBig:
		l.counters.TooBig++
	case Blackout:
		l.counters.Blackout++
	}
}

// enter puts a datagram on the link; it leaves it in its stage.
func (n *Network) enter(l *Link, p *packet, s stage) {
	p.link, p.stage = l, s
	departs, fate := l.admit(n.now, p.size())
	if fate != Delivered {
		n.drop(p, fate)
		return
	}
	if l.happens(l.set.Corrupt) && p.length > 0 {
		l.counters.Corrupted++
		bit := l.rng.IntN(8 * p.length)
		p.buffer[bit/8] ^= 1 << (bit % 8)
	}
	if !l.happens(l.set.Duplicate) {
		n.carry(p, departs)
		return
	}
	l.counters.Duplicated++
	twin := n.clone(p)
	n.carry(p, departs)
	n.carry(twin, departs)
}

// carry brings the datagram to the end of its link: at once if nothing delays it and its host is yet to come, for a
// node must not be called while another one sends.
func (n *Network) carry(p *packet, departs rtmfp.Instant) {
	l := p.link
	at := l.arrival(departs)
	if at == rtmfp.Never {
		n.drop(p, Lost)
		return
	}
	if at == n.now && l.inFlight == 0 && p.stage != toHost {
		n.leave(p)
		return
	}
	l.inFlight++
	n.push(event{at: at, packet: p})
}
