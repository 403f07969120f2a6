package trace

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// LinkType says with which headers the frames of a capture begin, by the numbers of capture files.
type LinkType uint32

// The link types that are understood.
const (
	LinkNull     LinkType = 0   // BSD loopback: a protocol family in the byte order of the machine
	LinkEthernet LinkType = 1   // with any number of VLAN tags
	LinkRawBSD   LinkType = 12  // IP alone, as some systems number it
	LinkRaw      LinkType = 101 // IP alone
	LinkLoop     LinkType = 108 // OpenBSD loopback
	LinkSLL      LinkType = 113 // Linux "cooked"
	LinkIPv4     LinkType = 228 // IPv4 alone
	LinkIPv6     LinkType = 229 // IPv6 alone
	LinkSLL2     LinkType = 276 // Linux "cooked", version 2
)

// strip takes the headers of the link off a frame. It is not ok if no IP packet follows; the version of IP is left to look at.
func (l LinkType) strip(frame []byte) (packet []byte, ok bool) {
	switch l {
	case LinkNull, LinkLoop:
		return cut(frame, 4)
	case LinkEthernet:
		return stripEthernet(frame)
	case LinkSLL:
		return stripTyped(frame, 14, 16)
	case LinkSLL2:
		return stripTyped(frame, 0, 20)
	case LinkRaw, LinkRawBSD, LinkIPv4, LinkIPv6:
		return frame, true
	}
	return nil, false
}

const (
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	etherVLAN   = 0x8100
	etherVLANQQ = 0x88a8
)

func stripEthernet(frame []byte) ([]byte, bool) {
	for at := 12; at+2 <= len(frame); at += 4 {
		switch binary.BigEndian.Uint16(frame[at:]) {
		case etherIPv4, etherIPv6:
			return frame[at+2:], true
		case etherVLAN, etherVLANQQ:
		default:
			return nil, false
		}
	}
	return nil, false
}

// stripTyped takes off a header of some bytes that has an Ethernet type somewhere.
func stripTyped(frame []byte, typeAt, size int) ([]byte, bool) {
	if len(frame) < size {
		return nil, false
	}
	kind := binary.BigEndian.Uint16(frame[typeAt:])
	return frame[size:], kind == etherIPv4 || kind == etherIPv6
}

func cut(b []byte, size int) ([]byte, bool) {
	if len(b) < size {
		return nil, false
	}
	return b[size:], true
}

// network finds UDP datagrams in frames.
type network struct {
	joiner ipJoiner
}

// datagram is a UDP datagram on its way. The payload may be shorter than it was if the capture kept only the beginning.
type datagram struct {
	at       time.Time
	from, to netip.AddrPort
	payload  []byte
	cut      bool
}

// datagram gives the UDP datagram that a frame holds, or completes. Its payload is valid until the next call.
func (n *network) datagram(f Frame) (datagram, bool) {
	packet, ok := f.Link.strip(f.Data)
	if !ok || len(packet) == 0 {
		return datagram{}, false
	}
	var ip ipPacket
	switch packet[0] >> 4 {
	case 4:
		ip, ok = parseIPv4(packet)
	case 6:
		ip, ok = parseIPv6(packet)
	default:
		ok = false
	}
	if !ok || ip.protocol != protocolUDP {
		return datagram{}, false
	}
	if ip.fragment {
		if ip.payload, ok = n.joiner.add(f.At, ip); !ok {
			return datagram{}, false
		}
	}
	return parseUDP(f.At, ip)
}

const udpHeader = 8

func parseUDP(at time.Time, ip ipPacket) (datagram, bool) {
	payload, ok := cut(ip.payload, udpHeader)
	if !ok {
		return datagram{}, false
	}
	d := datagram{
		at:      at,
		from:    netip.AddrPortFrom(ip.from, binary.BigEndian.Uint16(ip.payload)),
		to:      netip.AddrPortFrom(ip.to, binary.BigEndian.Uint16(ip.payload[2:])),
		payload: payload,
	}
	length := int(binary.BigEndian.Uint16(ip.payload[4:])) - udpHeader
	if length >= 0 { // less than the header is what offloading leaves when it fills the length in later
		d.cut = length > len(payload)
		d.payload = payload[:min(length, len(payload))]
	}
	return d, true
}
