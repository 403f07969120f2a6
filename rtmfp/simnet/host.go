package simnet

import (
	"fmt"
	"net/netip"
	"time"

	"afterglow/rtmfp"
)

// Node is what a core is to the network. All calls come from the goroutine that runs the network.
type Node interface {
	// Receive takes a datagram. It may change it, and must not keep it. Poll follows.
	Receive(now rtmfp.Instant, from rtmfp.Path, datagram []byte)

	// Poll runs the timers that are due and writes what is to be sent to the host's outlet.
	Poll(now rtmfp.Instant)

	// NextTimer says when Poll wants to be called next; rtmfp.Never if not. It is asked after each Poll.
	NextTimer() rtmfp.Instant
}

// Host is a machine with one or more interfaces, and one node.
type Host struct {
	network    *Network
	interfaces []*iface
	up, down   *Link
	node       Node
	room       *packet // what the outlet gave for the next datagram
	worker     worker

	phase phase
	again bool // Poll is wanted once more, at this instant

	due    rtmfp.Instant
	dueSeq uint64
	place  int // in Network.timers

	fired rtmfp.Instant // when the timer fired last, and how often at that instant
	fires int
}

// phase says what a host's node is doing. It keeps application calls that a node itself causes from polling it within itself.
type phase uint8

const (
	resting phase = iota
	receiving
	polling
)

// iface is an interface of a host.
type iface struct {
	host     *Host
	index    uint8
	addr     netip.AddrPort
	nat      *NAT // nil if directly on the internet
	up, down *Link
	epoch    int // counts changes of address
}

// NewHost makes a host that is directly on the internet, with an interface for each address, in this order; at most 256. All
// share the host's two links, see [Host.Split]. It panics if an address is taken, or is mapped IPv6.
func (n *Network) NewHost(addrs ...netip.AddrPort) *Host { return n.newHost(nil, addrs) }

func (n *Network) newHost(nat *NAT, addrs []netip.AddrPort) *Host {
	name := "host"
	if len(addrs) > 0 {
		name = addrs[0].String()
	}
	h := &Host{network: n, up: n.newLink(name + " up"), down: n.newLink(name + " down"), due: rtmfp.Never, fired: -1}
	h.worker = worker{host: h, limit: DefaultWorkerLimit}
	for i, addr := range addrs {
		one := &iface{host: h, index: uint8(i), up: h.up, down: h.down}
		one.bind(addr, nat)
		h.interfaces = append(h.interfaces, one)
	}
	n.timers.push(h)
	return h
}

// bind makes the interface known under the address.
func (i *iface) bind(addr netip.AddrPort, nat *NAT) {
	known := i.host.network.public
	if nat != nil {
		known = nat.inside
	}
	if !addr.IsValid() || addr.Addr().Is4In6() {
		panic(fmt.Sprintf("simnet: %v is no address for a host", addr))
	}
	if known[addr] != nil {
		panic(fmt.Sprintf("simnet: the address %v is taken", addr))
	}
	if nat != nil && nat.public.Is4() != addr.Addr().Is4() {
		panic(fmt.Sprintf("simnet: %v cannot be behind the NAT %v", addr, nat.public))
	}
	known[addr] = i
	i.addr, i.nat = addr, nat
}

func (i *iface) unbind() {
	i.epoch++
	if i.nat != nil {
		delete(i.nat.inside, i.addr)
		return
	}
	delete(i.host.network.public, i.addr)
}

// Addr is the address of an interface, as the host itself knows it.
func (h *Host) Addr(index int) netip.AddrPort { return h.interfaces[index].addr }

// Move gives an interface another address, behind nat, or directly on the internet if nat is nil. Datagrams on their way to
// the old address are lost; those on their way from it are not. It panics as [Network.NewHost] does.
func (h *Host) Move(index int, to netip.AddrPort, nat *NAT) {
	i := h.interfaces[index]
	i.unbind()
	i.bind(to, nat)
}

// Up is the link from the host, towards the internet or its NAT.
func (h *Host) Up() *Link { return h.up }

// Down is the link towards the host.
func (h *Host) Down() *Link { return h.down }

// SetLinks sets the same conditions for both links, each with a fortune and a queue of its own.
func (h *Host) SetLinks(c Conditions) {
	h.up.Set(c)
	h.down.Set(c)
}

// Blackout is [Link.Blackout] for both links.
func (h *Host) Blackout(d time.Duration) {
	h.up.Blackout(d)
	h.down.Blackout(d)
}

// Split gives an interface links of its own, which are perfect at first, so that it can fail alone.
func (h *Host) Split(index int) (up, down *Link) {
	i := h.interfaces[index]
	i.up = h.network.newLink(i.addr.String() + " up")
	i.down = h.network.newLink(i.addr.String() + " down")
	return i.up, i.down
}

// Attach gives the host its node, and polls it. Another node takes the former one's place. With nil the host is deaf and dumb.
func (h *Host) Attach(node Node) {
	h.node = node
	h.Touch()
}

// Touch polls the node and arms its timer, after the application did something to it from outside.
func (h *Host) Touch() { h.Do(func() {}) }

// Do calls f, which does something to the node from outside, and then polls the node and arms its timer. From within the
// node's own callbacks it calls f and leaves the polling to when they are over.
func (h *Host) Do(f func()) {
	if h.phase != resting {
		h.again = h.again || h.phase == polling
		f()
		return
	}
	h.phase = receiving
	f()
	h.settle()
}

func (h *Host) receive(from rtmfp.Path, datagram []byte) {
	h.phase = receiving
	h.node.Receive(h.network.now, from, datagram)
	h.settle()
}

// fire is for the timer.
func (h *Host) fire() {
	now := h.network.now
	if h.fired != now {
		h.fired, h.fires = now, 0
	}
	if h.fires++; h.fires > timerLimit {
		h.network.err = fmt.Errorf("%w: the timer of %v was due more than %d times at %v", ErrStuck, h.name(), timerLimit, time.Duration(now))
		return
	}
	h.due = -1 // still the first of all, and unlike any that arm is given
	h.settle()
}

func (h *Host) name() string {
	if len(h.interfaces) == 0 {
		return "a host without interfaces"
	}
	return h.interfaces[0].addr.String()
}

// settle polls the node and arms its timer.
func (h *Host) settle() {
	next := rtmfp.Never
	h.phase = polling
	if h.node != nil {
		h.node.Poll(h.network.now)
	}
	h.phase = resting
	if h.node != nil {
		next = h.node.NextTimer()
	}
	if h.again {
		h.again = false
		next = h.network.now
	}
	h.arm(next)
}

// arm sets the timer; a time in the past is now.
func (h *Host) arm(at rtmfp.Instant) {
	at = max(at, h.network.now)
	if at == h.due {
		return
	}
	h.network.seq++
	h.due, h.dueSeq = at, h.network.seq
	h.network.timers.fix(h.place)
}

// Outlet is where the host's node puts its datagrams.
func (h *Host) Outlet() rtmfp.Outlet { return outlet{h} }

type outlet struct{ host *Host }

func (o outlet) Room() []byte {
	if o.host.room == nil {
		o.host.room = o.host.network.newPacket()
	}
	return o.host.room.buffer[:]
}

func (o outlet) Send(length int, to rtmfp.Path) {
	h, p := o.host, o.host.room
	if p == nil || length < 0 || length > len(p.buffer) {
		panic(fmt.Sprintf("simnet: %v sends %d bytes that the outlet gave no room for", h.name(), length))
	}
	h.room = nil
	p.length, p.to, p.sent = length, to.Addr, h.network.now
	p.from, p.via = netip.AddrPort{}, nil
	if int(to.Interface) >= len(h.interfaces) || h.interfaces[to.Interface].addr.Addr().BitLen() != to.Addr.Addr().BitLen() {
		h.network.lose(p, Unreachable)
		return
	}
	i := h.interfaces[to.Interface]
	p.from, p.via = i.addr, i.nat
	h.network.enter(i.up, p, fromHost)
}
