// Package udp gives an RTMFP endpoint its sockets: datagrams are received and sent in batches, with as few system calls as
// the system allows. On Linux that is recvmmsg and sendmmsg with UDP_GRO and UDP_SEGMENT, and groups of sockets on one port
// that classic BPF steers by session ID (RFC 7016 2.2.2); elsewhere it is one plain socket.
//
// A socket serves a loop, the shard:
//
//	for {
//		socket.SetWake(next)
//		if _, err := socket.Read(receive); err != nil {
//			return err
//		}
//		... // run timers, take from mailboxes, write with Room and Send
//		socket.Flush()
//	}
package udp

import (
	"net/netip"
	"time"
)

// RoomSize is the number of bytes that [Conn.Room] gives: no larger datagram can be sent.
const RoomSize = 4608

// MaxGroup is the largest number of sockets that [Listen] opens on one port.
const MaxGroup = 256

// Conn is a UDP socket as a shard uses it. One goroutine alone calls Read and SetWake, and one, which may be another, calls Room,
// Send and Flush; the other methods may be called from any.
type Conn interface {
	// Read waits until a datagram is there, the instant of SetWake has come, or Wake was called. It calls receive for each
	// datagram of the batch and returns their number, which may be zero. The datagram may be written to, and belongs
	// to receive until the next Read. Addresses of IPv4 are never mapped into IPv6; link-local ones have the name
	// of their interface as zone. What the network says of earlier datagrams (ICMP) is no error. Any error is final: after
	// Close it wraps net.ErrClosed.
	Read(receive func(from netip.AddrPort, datagram []byte)) (int, error)

	// SetWake says when Read shall return although nothing came. If that has passed, Read takes what is there and does not
	// wait; a portable socket, which cannot look without waiting, waits for about a millisecond. The zero time, as at first, is
	// never. It stays until it is changed.
	SetWake(at time.Time)

	// Wake makes a Read that waits, or else the next one, return without waiting. Wakes before that Read are one.
	Wake()

	// Room gives a buffer of RoomSize bytes for one datagram. It is valid until the next Room, Send or Flush.
	Room() []byte

	// Send sends the first n bytes of the buffer that Room gave last, at the latest with Flush. What cannot be
	// sent is counted and dropped. It sends nothing if n is zero, and panics if n is negative or more than Room gave.
	Send(n int, to netip.AddrPort)

	// Flush sends all that waits. It does not wait until the network has room.
	Flush()

	// LocalAddr is the address that the socket is bound to. [::] is IPv4 too, if the socket was opened without naming
	// a family.
	LocalAddr() netip.AddrPort

	// Stats gives the counters since the socket was opened.
	Stats() Stats

	// Close ends a Read that waits. Datagrams that were not flushed are lost.
	Close() error
}

// Options are the settings of [Listen]. Zero values are good ones.
type Options struct {
	// ReceiveBuffer and SendBuffer are the sizes in bytes of the system's buffers (SO_RCVBUF, SO_SNDBUF); zero is
	// DefaultBuffer. The system may give less without an error: see Stats.
	ReceiveBuffer, SendBuffer int

	// NoOffload keeps from UDP_SEGMENT and UDP_GRO.
	NoOffload bool

	// Portable takes the plain socket that systems other than Linux have. It is for tests and comparisons.
	Portable bool
}

// DefaultBuffer is the size in bytes that is asked for where [Options] names none.
const DefaultBuffer = 4 << 20

func (o Options) receiveBuffer() int { return orDefault(o.ReceiveBuffer) }
func (o Options) sendBuffer() int    { return orDefault(o.SendBuffer) }

func orDefault(size int) int {
	if size <= 0 {
		return DefaultBuffer
	}
	return size
}

func checkSize(n, offered int) {
	if n < 0 || n > offered {
		panic("udp: Send of more than Room gave")
	}
}
