package simnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"afterglow/rtmfp"
	"afterglow/rtmfp/udp"
)

// Sockets gives the host's way of opening sockets, for rtmfp.Config.Sockets. The host has no [Node] besides.
//
// A group of sockets is for one interface of the host: that which has the address, or where no host is named (":0", "0.0.0.0:0",
// "[::]:0") the first one, of that family, at which nobody listens. Port 0 is the interface's own, and no other can be had. The
// group stays with its interface: [Host.Move] gives the sockets another address and leaves them open.
//
// Where a group has several sockets the far end's address decides which of them gets a datagram. Buffers of the given sizes hold what
// is not read yet; what does not fit is dropped and counted in udp.Stats.ReceiveOverflows, while taps see it delivered. Errors wrap
// syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, or net.ErrClosed if the Live is closed.
func (l *Live) Sockets(host *Host) func(ctx context.Context, address string, count int, options udp.Options) ([]udp.Conn, error) {
	return func(ctx context.Context, address string, count int, options udp.Options) ([]udp.Conn, error) {
		sockets, err := l.open(ctx, host, address, count, options)
		if err != nil {
			return nil, fmt.Errorf("simnet: listen at %q: %w", address, err)
		}
		return sockets, nil
	}
}

func (l *Live) open(ctx context.Context, host *Host, address string, count int, options udp.Options) ([]udp.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if count < 1 || count > udp.MaxGroup {
		return nil, fmt.Errorf("%d sockets: want 1 to %d", count, udp.MaxGroup)
	}
	addr, err := parseLocal(address)
	if err != nil {
		return nil, err
	}
	l.begin()
	defer l.end()
	return l.listen(host, addr, count, options)
}

// parseLocal reads an address of which host and port may be missing.
func parseLocal(address string) (netip.AddrPort, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	var addr netip.Addr
	if name != "" {
		if addr, err = netip.ParseAddr(name); err != nil {
			return netip.AddrPort{}, err
		}
	}
	return netip.AddrPortFrom(addr, uint16(number)), nil
}

func (l *Live) listen(host *Host, addr netip.AddrPort, count int, options udp.Options) ([]udp.Conn, error) {
	if l.closed {
		return nil, net.ErrClosed
	}
	node := l.nodes[host]
	if node == nil {
		node = &socketNode{groups: make([][]*socket, len(host.interfaces))}
	}
	index, err := node.choose(host, addr)
	if err != nil {
		return nil, err
	}
	var group []udp.Conn
	for range count {
		s := newSocket(l, host, index, options)
		node.groups[index] = append(node.groups[index], s)
		group = append(group, s)
	}
	if l.nodes[host] == nil {
		l.nodes[host] = node
		host.Attach(node)
	}
	return group, nil
}

// forget takes a socket out of its group. With the last one the host becomes deaf.
func (l *Live) forget(s *socket) {
	node := l.nodes[s.host]
	if node == nil {
		return
	}
	group := node.groups[s.index]
	node.groups[s.index] = slices.DeleteFunc(group, func(other *socket) bool { return other == s })
	for _, group := range node.groups {
		if len(group) > 0 {
			return
		}
	}
	delete(l.nodes, s.host)
	s.host.Attach(nil)
}

// socketNode is the node of a host with sockets: it gives them what comes.
type socketNode struct {
	groups [][]*socket // by interface
}

// choose gives the interface for an address.
func (n *socketNode) choose(host *Host, addr netip.AddrPort) (index int, err error) {
	err = syscall.EADDRNOTAVAIL
	if host.node != nil && host.node != Node(n) {
		return 0, syscall.EADDRINUSE
	}
	for i, iface := range host.interfaces {
		if !isLocal(addr, iface.addr) {
			continue
		}
		if len(n.groups[i]) == 0 {
			return i, nil
		}
		err = syscall.EADDRINUSE
	}
	return 0, err
}

// isLocal tells whether an interface may be meant by an address.
func isLocal(addr, of netip.AddrPort) bool {
	if addr.Port() != 0 && addr.Port() != of.Port() {
		return false
	}
	host := addr.Addr()
	return !host.IsValid() || host == of.Addr() || host.IsUnspecified() && host.Is4() == of.Addr().Is4()
}

func (n *socketNode) close() {
	for _, group := range n.groups {
		for _, s := range group {
			s.shut()
		}
	}
}

// Receive implements [Node].
func (n *socketNode) Receive(_ rtmfp.Instant, from rtmfp.Path, datagram []byte) {
	if group := n.groups[from.Interface]; len(group) > 0 {
		group[spread(from.Addr)%uint32(len(group))].put(from.Addr, datagram)
	}
}

// Poll implements [Node]: endpoints have their own clocks.
func (n *socketNode) Poll(rtmfp.Instant) {}

// NextTimer implements [Node].
func (n *socketNode) NextTimer() rtmfp.Instant { return rtmfp.Never }

// spread is a hash (FNV-1a) that is the same in each run.
func spread(addr netip.AddrPort) uint32 {
	const offset, prime = 2166136261, 16777619
	hash := uint32(offset)
	for _, b := range addr.Addr().As16() {
		hash = (hash ^ uint32(b)) * prime
	}
	hash = (hash ^ uint32(addr.Port()&0xff)) * prime
	hash = (hash ^ uint32(addr.Port()>>8)) * prime
	return hash ^ hash>>16 // the lowest bits alone would be too regular
}
