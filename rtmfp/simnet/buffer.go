package simnet

import (
	"net/netip"
	"slices"
)

// keptBuffer is how much of a socket's buffer in bytes is kept when it is empty.
const keptBuffer = 256 << 10

// buffer is datagrams one behind the other, each with an address: where it is from, or where it is to go.
type buffer struct {
	bytes     []byte
	datagrams []addressed
	next      int // of those that are taken out one by one
	size      int // with headers
}

type addressed struct {
	addr netip.AddrPort
	end  int
}

func (b *buffer) isEmpty() bool { return b.next == len(b.datagrams) }

// room gives the place for the next datagram.
func (b *buffer) room(length int) []byte {
	b.bytes = slices.Grow(b.bytes, length)
	return b.bytes[len(b.bytes) : len(b.bytes)+length]
}

// commit adds the first bytes of the room.
func (b *buffer) commit(length int, addr netip.AddrPort) {
	b.bytes = b.bytes[:len(b.bytes)+length]
	b.datagrams = append(b.datagrams, addressed{addr: addr, end: len(b.bytes)})
	b.size += length + headers(addr.Addr())
}

// add copies a datagram.
func (b *buffer) add(datagram []byte, addr netip.AddrPort) {
	copy(b.room(len(datagram)), datagram)
	b.commit(len(datagram), addr)
}

// take gives the next datagram.
func (b *buffer) take() (addr netip.AddrPort, datagram []byte) {
	start := 0
	if b.next > 0 {
		start = b.datagrams[b.next-1].end
	}
	d := b.datagrams[b.next]
	b.next++
	return d.addr, b.bytes[start:d.end:d.end]
}

// reset empties the buffer.
func (b *buffer) reset() {
	if cap(b.bytes) > keptBuffer {
		*b = buffer{}
		return
	}
	*b = buffer{bytes: b.bytes[:0], datagrams: b.datagrams[:0]}
}
