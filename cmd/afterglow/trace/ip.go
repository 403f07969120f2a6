package trace

import (
	"encoding/binary"
	"net/netip"
)

const protocolUDP = 17

// ipPacket is an IP packet of either version, or a fragment of one.
type ipPacket struct {
	from, to netip.Addr
	protocol uint8
	payload  []byte

	// A fragment has an identification, the same in all of a packet, and an offset in bytes.
	fragment bool
	id       uint32
	offset   int
	more     bool
}

const ipv4Header = 20

func parseIPv4(b []byte) (ipPacket, bool) {
	if len(b) < ipv4Header {
		return ipPacket{}, false
	}
	header, total := int(b[0]&0x0f)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 || total > len(b) { // filled in by the network card, or cut short by the capture
		total = len(b)
	}
	if header < ipv4Header || header > total {
		return ipPacket{}, false
	}
	const moreFragments, offsetMask = 0x2000, 0x1fff
	place := binary.BigEndian.Uint16(b[6:])
	return ipPacket{
		from: netip.AddrFrom4([4]byte(b[12:])), to: netip.AddrFrom4([4]byte(b[16:])),
		protocol: b[9], payload: b[header:total],
		fragment: place&(moreFragments|offsetMask) != 0, id: uint32(binary.BigEndian.Uint16(b[4:])),
		offset: int(place&offsetMask) * 8, more: place&moreFragments != 0,
	}, true
}

const ipv6Header = 40

// The extension headers of IPv6 that may stand before UDP.
const (
	ipv6HopByHop    = 0
	ipv6Routing     = 43
	ipv6Fragment    = 44
	ipv6Destination = 60
)

func parseIPv6(b []byte) (ipPacket, bool) {
	if len(b) < ipv6Header {
		return ipPacket{}, false
	}
	p := ipPacket{from: netip.AddrFrom16([16]byte(b[8:])), to: netip.AddrFrom16([16]byte(b[24:])), protocol: b[6]}
	length := int(binary.BigEndian.Uint16(b[4:]))
	p.payload = b[ipv6Header:]
	if length > 0 {
		p.payload = p.payload[:min(length, len(p.payload))]
	}
	for {
		switch p.protocol {
		case ipv6HopByHop, ipv6Routing, ipv6Destination:
			if len(p.payload) < 8 || len(p.payload) < 8+8*int(p.payload[1]) {
				return ipPacket{}, false
			}
			p.protocol, p.payload = p.payload[0], p.payload[8+8*int(p.payload[1]):]
		case ipv6Fragment:
			if len(p.payload) < 8 || p.fragment {
				return ipPacket{}, false
			}
			p.takeFragmentHeader()
			if p.offset > 0 {
				return p, true // no header is left to look at
			}
		default:
			return p, true
		}
	}
}

func (p *ipPacket) takeFragmentHeader() {
	place := binary.BigEndian.Uint16(p.payload[2:])
	p.fragment, p.id = true, binary.BigEndian.Uint32(p.payload[4:])
	p.offset, p.more = int(place&^7), place&1 != 0
	p.protocol, p.payload = p.payload[0], p.payload[8:]
}
