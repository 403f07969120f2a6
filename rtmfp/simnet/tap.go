package simnet

import (
	"fmt"
	"net/netip"

	"afterglow/rtmfp"
)

// Fate is what became of a datagram.
type Fate uint8

const (
	// Delivered came to a node.
	Delivered Fate = iota

	// Lost is by the loss of a link.
	Lost

	// QueueFull found no room in the queue of a link with a limited rate.
	QueueFull

	// TooBig was above the MTU of a link.
	TooBig

	// Blackout came to a link, or to its end, while nothing passes.
	Blackout

	// Filtered was not let through by a NAT.
	Filtered

	// Unreachable had an address that is no host's, or no longer, or that of a host without a node; or it was sent by an
	// interface that does not exist or is of another family.
	Unreachable
)

var fates = [...]string{"delivered", "lost", "queue full", "too big", "blackout", "filtered", "unreachable"}

// String is the fate in words.
func (f Fate) String() string {
	if int(f) < len(fates) {
		return fates[f]
	}
	return fmt.Sprintf("fate %d", f)
}

// Event is the end of one datagram. A duplicate has an end of its own.
type Event struct {
	// At is when it ended, Sent when it was sent.
	At, Sent rtmfp.Instant

	// From and To are the addresses that it bore in the end, after NATs that it passed.
	From, To netip.AddrPort

	// Fate is how it ended, and Link on which link, if it was one.
	Fate Fate
	Link *Link

	// Datagram is its payload, valid only during the call and not to be changed.
	Datagram []byte
}

// String is the event in a line, without the payload.
func (e Event) String() string {
	where := ""
	if e.Link != nil {
		where = " on " + e.Link.String()
	}
	return fmt.Sprintf("%d.%09d %v > %v %d bytes, sent %v before: %v%s",
		e.At/1e9, e.At%1e9, e.From, e.To, len(e.Datagram), e.At.Sub(e.Sent), e.Fate, where)
}

// Tap calls f at the end of each datagram, before its receiver has it. There may be several taps. What f does must not reach
// into the network or its nodes.
func (n *Network) Tap(f func(Event)) { n.taps = append(n.taps, f) }

func (n *Network) report(p *packet, fate Fate, l *Link) {
	if len(n.taps) == 0 {
		return
	}
	e := Event{At: n.now, Sent: p.sent, From: p.from, To: p.to, Fate: fate, Link: l, Datagram: p.datagram()}
	for _, tap := range n.taps {
		tap(e)
	}
}
