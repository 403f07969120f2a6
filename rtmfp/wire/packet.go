package wire

import "encoding/binary"

// Mode says who marked a packet (RFC 7016 2.2.4).
type Mode uint8

// The modes of packets (RFC 7016 2.2.4).
const (
	// ModeForbidden is not allowed in a packet.
	ModeForbidden Mode = iota

	// ModeInitiator marks what the initiator of a session sends once the session is open.
	ModeInitiator

	// ModeResponder marks what the responder of a session sends once the session is open.
	ModeResponder

	// ModeStartup marks the packets of the handshake, from either side.
	ModeStartup
)

var modeNames = [...]string{"forbidden", "initiator", "responder", "startup"}

// String gives a short name in lower case.
func (m Mode) String() string { return modeNames[m&modeMask] }

// The bits of the first byte of a packet.
const (
	flagTimeCritical        = 0x80
	flagTimeCriticalReverse = 0x40
	flagTimestamp           = 0x08
	flagTimestampEcho       = 0x04
	modeMask                = 0x03
)

// MaxHeaderSize is the largest size of a Header in bytes.
const MaxHeaderSize = 5

// Header is the beginning of a plain packet (RFC 7016 2.2.4).
type Header struct {
	// TimeCritical means that the sender has time-critical data in flight.
	TimeCritical bool

	// TimeCriticalReverse means that the sender is receiving time-critical data from other endpoints.
	TimeCriticalReverse bool

	// HasTimestamp means that Timestamp is present.
	HasTimestamp bool

	// HasTimestampEcho means that TimestampEcho is present.
	HasTimestampEcho bool

	// Mode says who marked the packet.
	Mode Mode

	// Timestamp is the sender's clock in ticks of 4 ms, modulo 65536.
	Timestamp uint16

	// TimestampEcho is the receiver's clock as the sender estimates it, in ticks of 4 ms, modulo 65536.
	TimestampEcho uint16
}

// Size gives the size in bytes.
func (h Header) Size() int {
	size := 1
	if h.HasTimestamp {
		size += 2
	}
	if h.HasTimestampEcho {
		size += 2
	}
	return size
}

// Append appends the header (RFC 7016 2.2.4). Times whose flag is not set are left out.
func (h Header) Append(b []byte) []byte {
	b = append(b, h.flags())
	if h.HasTimestamp {
		b = binary.BigEndian.AppendUint16(b, h.Timestamp)
	}
	if h.HasTimestampEcho {
		b = binary.BigEndian.AppendUint16(b, h.TimestampEcho)
	}
	return b
}

func (h Header) flags() byte {
	flags := byte(h.Mode & modeMask)
	if h.TimeCritical {
		flags |= flagTimeCritical
	}
	if h.TimeCriticalReverse {
		flags |= flagTimeCriticalReverse
	}
	if h.HasTimestamp {
		flags |= flagTimestamp
	}
	if h.HasTimestampEcho {
		flags |= flagTimestampEcho
	}
	return flags
}

// ParseHeader splits a plain packet into its header and its chunks with the padding, which are for NextChunk
// (RFC 7016 2.2.4). Reserved bits are ignored. The error, ErrMode or ErrTruncated, makes the whole packet invalid.
func ParseHeader(packet []byte) (h Header, chunks []byte, err error) {
	if len(packet) == 0 {
		return Header{}, nil, ErrTruncated
	}
	flags := packet[0]
	h = Header{
		TimeCritical:        flags&flagTimeCritical != 0,
		TimeCriticalReverse: flags&flagTimeCriticalReverse != 0,
		HasTimestamp:        flags&flagTimestamp != 0,
		HasTimestampEcho:    flags&flagTimestampEcho != 0,
		Mode:                Mode(flags & modeMask),
	}
	if h.Mode == ModeForbidden {
		return Header{}, nil, ErrMode
	}
	if len(packet) < h.Size() {
		return Header{}, nil, ErrTruncated
	}
	packet = packet[1:]
	if h.HasTimestamp {
		h.Timestamp = binary.BigEndian.Uint16(packet)
		packet = packet[2:]
	}
	if h.HasTimestampEcho {
		h.TimestampEcho = binary.BigEndian.Uint16(packet)
		packet = packet[2:]
	}
	return h, packet, nil
}
