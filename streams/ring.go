package streams

import (
	"sync/atomic"

	"afterglow/media"
)

// Event is a turn in a stream's life that subscribers learn of in order with the packets.
type Event uint8

// The events of a stream.
const (
	EventNone      Event = iota
	EventPublish         // a publisher has come
	EventUnpublish       // the publisher has gone
)

// Item is what a subscriber gets: a packet or an event.
type Item struct {
	Packet *media.Packet
	Event  Event
}

// entry is one place in a stream's history. It never changes once it is in the ring.
type entry struct {
	seq  uint64
	item Item
	at   int64  // arrival, nanoseconds since the hub was made
	kept uint64 // how many entries before this one must not be skipped
}

// size is what the entry counts for in the ring's bound, in bytes.
func (e *entry) size() int {
	if e.item.Packet == nil {
		return 0
	}
	return len(e.item.Packet.Payload)
}

// mustArrive says that the entry reaches even subscribers that skip the media around it.
func (e *entry) mustArrive() bool {
	p := e.item.Packet
	return p == nil || p.Kind == media.KindData || p.Config || p.Metadata
}

const (
	minSlots = 256
	maxSlots = 1 << 15
)

// ring holds the newest entries of a stream, at index seq modulo its length. One goroutine writes, any may read: what a
// reader finds in a slot either has the number that it looked for, or is gone.
type ring struct {
	slots []atomic.Pointer[entry]
}

func newRing(n int) *ring { return &ring{slots: make([]atomic.Pointer[entry], n)} }

func (r *ring) slot(seq uint64) *atomic.Pointer[entry] {
	return &r.slots[seq&uint64(len(r.slots)-1)]
}

// load returns the entry numbered seq, or nil when the ring no longer has it.
func (r *ring) load(seq uint64) *entry {
	if e := r.slot(seq).Load(); e != nil && e.seq == seq {
		return e
	}
	return nil
}

// grown returns a ring of twice the size with the entries from tail to head.
func (r *ring) grown(tail, head uint64) *ring {
	g := newRing(2 * len(r.slots))
	for seq := tail; seq < head; seq++ {
		g.slot(seq).Store(r.slot(seq).Load())
	}
	return g
}
