package rtmfp

import (
	"math"
	"net/netip"
	"time"
)

// Instant is a point of monotonic time: nanoseconds from an origin that the owner of a core chooses. Zero is a valid instant.
type Instant int64

// Never is later than all other instants.
const Never Instant = math.MaxInt64

// Add gives the instant d after i; Never stays Never.
func (i Instant) Add(d time.Duration) Instant {
	if i == Never || d > 0 && i > Never-Instant(d) {
		return Never
	}
	return i + Instant(d)
}

// Sub gives the time from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i - j) }

// Path is a way to a far endpoint: one of our interfaces, and an address behind it (RFC 7016 3.3).
type Path struct {
	// Interface is the index of the socket, in the order in which the endpoint was given them.
	Interface uint8

	// Addr is the far address; IPv4 is never written as mapped IPv6.
	Addr netip.AddrPort
}

// String gives the address alone.
func (p Path) String() string { return p.Addr.String() }

// MaxDatagram is the largest datagram in bytes that a core sends: a startup packet with its session ID and the cipher's additions.
const MaxDatagram = 4400

// Outlet takes the datagrams of a core. It belongs to the core's owner and never blocks for long; what the network does
// not take is lost, as on any network.
type Outlet interface {
	// Room gives a buffer with at least MaxDatagram bytes of length, valid until Send or the next Room.
	Room() []byte

	// Send sends the first n bytes of the buffer that Room gave last.
	Send(n int, to Path)
}

// Worker runs what is too costly for a shard.
type Worker interface {
	// Do runs compute, on another goroutine or at once, and later done on the core's owner. It returns false, and runs
	// neither, if too much is waiting already.
	Do(compute func(), done func()) bool
}
