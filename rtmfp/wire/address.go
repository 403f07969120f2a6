package wire

import (
	"encoding/binary"
	"net/netip"
)

// Origin tells how an address is known (RFC 7016 2.1.5).
type Origin uint8

// The origins of addresses (RFC 7016 2.1.5).
const (
	// OriginUnknown is anything else.
	OriginUnknown Origin = iota

	// OriginLocal means that the endpoint itself reported the address of an interface of its own.
	OriginLocal

	// OriginObserved means that a packet was received from the address.
	OriginObserved

	// OriginRelay is the address of a relay, proxy or introducer.
	OriginRelay
)

var originNames = [...]string{"unknown", "local", "observed", "relay"}

// String gives a short name in lower case.
func (o Origin) String() string { return originNames[o&originMask] }

// The first byte of an address.
const (
	addressInet6 = 0x80
	originMask   = 0x03
)

// MaxAddressSize is the largest size of an address in bytes.
const MaxAddressSize = 1 + 16 + 2

// Address is an Internet socket address in chunks (RFC 7016 2.1.5). It is comparable: IPv4 is never written as mapped IPv6.
type Address struct {
	// AddrPort is the IP address, without zone, and port.
	AddrPort netip.AddrPort

	// Origin tells how the address is known.
	Origin Origin
}

// String gives the address and its origin, such as "192.0.2.1:1935 observed".
func (a Address) String() string { return a.AddrPort.String() + " " + a.Origin.String() }

// Append appends the address, IPv4 if it is mapped IPv6 (RFC 7016 2.1.5). The zero AddrPort is written as 0.0.0.0, port 0.
func (a Address) Append(b []byte) []byte {
	ip := a.AddrPort.Addr().Unmap()
	flags := byte(a.Origin & originMask)
	if ip.Is6() {
		sixteen := ip.As16()
		b = append(b, flags|addressInet6)
		b = append(b, sixteen[:]...)
		return binary.BigEndian.AppendUint16(b, a.AddrPort.Port())
	}
	var four [4]byte
	if ip.Is4() {
		four = ip.As4()
	}
	b = append(b, flags)
	b = append(b, four[:]...)
	return binary.BigEndian.AppendUint16(b, a.AddrPort.Port())
}

// ParseAddress gives the address at the beginning of b, unmapped, and its size in bytes (RFC 7016 2.1.5). Reserved bits are
// ignored. The error is ErrTruncated.
func ParseAddress(b []byte) (Address, int, error) {
	if len(b) == 0 {
		return Address{}, 0, ErrTruncated
	}
	size := 1 + 4 + 2
	if b[0]&addressInet6 != 0 {
		size = 1 + 16 + 2
	}
	if len(b) < size {
		return Address{}, 0, ErrTruncated
	}
	// Cannot fail: there are 4 or 16 bytes.
	ip, _ := netip.AddrFromSlice(b[1 : size-2])
	port := binary.BigEndian.Uint16(b[size-2:])
	return Address{AddrPort: netip.AddrPortFrom(ip.Unmap(), port), Origin: Origin(b[0] & originMask)}, size, nil
}
