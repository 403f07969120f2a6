package udp

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockaddr has room for an address of either family as the system writes it. The ports within are big-endian.
type sockaddr struct {
	unix.RawSockaddrInet6
}

func (a *sockaddr) inet4() *unix.RawSockaddrInet4 { return (*unix.RawSockaddrInet4)(unsafe.Pointer(a)) }

// addrPort reads an address that the system wrote; it is not valid if the family is unknown.
func (a *sockaddr) addrPort(z *zones) netip.AddrPort {
	switch a.Family {
	case unix.AF_INET:
		in := a.inet4()
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), hostOrder(in.Port))
	case unix.AF_INET6:
		addr := netip.AddrFrom16(a.Addr).Unmap()
		if a.Scope_id != 0 && addr.Is6() {
			addr = addr.WithZone(z.name(a.Scope_id))
		}
		return netip.AddrPortFrom(addr, hostOrder(a.Port))
	}
	return netip.AddrPort{}
}

// put writes an address for a socket of a family and returns its size; zero if the family does not fit.
func (a *sockaddr) put(to netip.AddrPort, family uint16, z *zones) uint32 {
	addr := to.Addr()
	if family == unix.AF_INET {
		if addr = addr.Unmap(); !addr.Is4() {
			return 0
		}
		*a.inet4() = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder(to.Port()), Addr: addr.As4()}
		return unix.SizeofSockaddrInet4
	}
	if !addr.IsValid() {
		return 0
	}
	a.RawSockaddrInet6 = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(to.Port()), Addr: addr.As16()}
	if zone := addr.Zone(); zone != "" {
		a.Scope_id = z.index(zone)
	}
	return unix.SizeofSockaddrInet6
}

func hostOrder(port uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&port))[:])
}

func networkOrder(port uint16) uint16 { return hostOrder(port) }
