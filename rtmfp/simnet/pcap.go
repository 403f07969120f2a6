package simnet

import (
	"encoding/binary"
	"io"
)

const (
	ipv4Header = 20
	ipv6Header = 40
	udpHeader  = 8
	protoUDP   = 17
	hops       = 64
)

// Pcap writes events as a capture file (libpcap with nanoseconds, link type 101: raw IP), for Wireshark and its like. Instant
// zero is 1970-01-01. [Pcap.Record] fits [Network.Tap]; to leave events out, call it from a tap of your own.
type Pcap struct {
	w      io.Writer
	buffer []byte
	begun  bool
	err    error
}

// NewPcap makes a capture. It writes once for each record, so that w may want to be buffered.
func NewPcap(w io.Writer) *Pcap { return &Pcap{w: w} }

// Err is the first error of writing. Nothing is written after it.
func (c *Pcap) Err() error { return c.err }

// Record writes an event with its addresses and payload, at the time when it ended. Events without a sender's address are
// left out: they never were on a network.
func (c *Pcap) Record(e Event) {
	if c.err != nil || !e.From.IsValid() || !e.To.IsValid() {
		return
	}
	c.buffer = c.buffer[:0]
	if !c.begun {
		c.begun = true
		c.buffer = appendFileHeader(c.buffer)
	}
	size := uint32(len(e.Datagram) + headers(e.To.Addr()))
	c.buffer = binary.LittleEndian.AppendUint32(c.buffer, uint32(e.At/1e9))
	c.buffer = binary.LittleEndian.AppendUint32(c.buffer, uint32(e.At%1e9))
	c.buffer = binary.LittleEndian.AppendUint32(c.buffer, size)
	c.buffer = binary.LittleEndian.AppendUint32(c.buffer, size)
	c.buffer = appendIP(c.buffer, e)
	_, c.err = c.w.Write(c.buffer)
}

func appendFileHeader(b []byte) []byte {
	const magicNanoseconds, linkTypeRaw, snapLength = 0xa1b23c4d, 101, 1 << 16
	b = binary.LittleEndian.AppendUint32(b, magicNanoseconds)
	b = binary.LittleEndian.AppendUint16(b, 2) // version 2.4
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = binary.LittleEndian.AppendUint64(b, 0) // time zone and accuracy
	b = binary.LittleEndian.AppendUint32(b, snapLength)
	return binary.LittleEndian.AppendUint32(b, linkTypeRaw)
}

func appendIP(b []byte, e Event) []byte {
	start, udpLength := len(b), udpHeader+len(e.Datagram)
	if e.To.Addr().Is4() {
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(ipv4Header+udpLength))
		b = append(b, 0, 0, 0x40, 0, hops, protoUDP, 0, 0) // 0x40: not to be fragmented
	} else {
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(udpLength))
		b = append(b, protoUDP, hops)
	}
	addresses := len(b)
	b = append(b, e.From.Addr().AsSlice()...)
	b = append(b, e.To.Addr().AsSlice()...)
	if e.To.Addr().Is4() {
		binary.BigEndian.PutUint16(b[start+10:], ^fold(sum(0, b[start:])))
	}
	pseudo := sum(uint32(protoUDP+udpLength), b[addresses:])
	return appendUDP(b, e, pseudo)
}

// appendUDP writes header and payload; pseudo is the sum of the pseudo header.
func appendUDP(b []byte, e Event, pseudo uint32) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, e.From.Port())
	b = binary.BigEndian.AppendUint16(b, e.To.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(udpHeader+len(e.Datagram)))
	b = append(b, 0, 0)
	b = append(b, e.Datagram...)
	check := ^fold(sum(pseudo, b[start:]))
	if check == 0 {
		check = 0xffff // zero says that there is none (RFC 768)
	}
	binary.BigEndian.PutUint16(b[start+6:], check)
	return b
}

// sum adds b up by words of 16 bits.
func sum(total uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		total += uint32(b[0]) << 8
	}
	return total
}

func fold(total uint32) uint16 {
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}
