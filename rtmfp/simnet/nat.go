package simnet

import (
	"fmt"
	"net/netip"
	"time"

	"afterglow/rtmfp"
)

// NATKind says how a NAT maps addresses and whom it lets in (the terms of RFC 3489 section 5).
type NATKind uint8

const (
	// FullCone has one mapping for each inside address and port, and lets everyone in by it.
	FullCone NATKind = iota

	// AddressRestricted lets those in to whose address something was sent by the mapping.
	AddressRestricted

	// PortRestricted lets those in to whose address and port something was sent by the mapping.
	PortRestricted

	// Symmetric has a mapping of its own for each far address and port, and lets only that in.
	Symmetric
)

var natKinds = [...]string{"full cone", "address-restricted", "port-restricted", "symmetric"}

// String is the kind in words.
func (k NATKind) String() string {
	if int(k) < len(natKinds) {
		return natKinds[k]
	}
	return fmt.Sprintf("NAT kind %d", k)
}

// NATSettings are those of a [NAT]. The zero value is a full cone that forgets nothing and has no hairpin.
type NATSettings struct {
	// Kind is the kind.
	Kind NATKind

	// Timeout is after how long without outbound datagrams a mapping is forgotten, and likewise the right of a far address to
	// send to it; zero is never. A mapping that is made anew has another port.
	Timeout time.Duration

	// Hairpin lets hosts behind the NAT reach each other by their public addresses.
	Hairpin bool
}

// NAT has one public address for the hosts behind it. Among each other they know their own addresses, without the NAT's links.
type NAT struct {
	network  *Network
	public   netip.Addr
	settings NATSettings
	up, down *Link
	inside   map[netip.AddrPort]*iface
	byFlow   map[flow]*mapping
	byPort   map[uint16]*mapping
	lastPort uint16
}

// flow is what has a mapping of its own. far is valid only if the NAT is symmetric.
type flow struct{ near, far netip.AddrPort }

type mapping struct {
	flow
	port uint16
	used rtmfp.Instant // when something was sent by it last

	// sent has when something was sent last, by far address; its port is zero if the NAT asks for the address alone.
	sent map[netip.AddrPort]rtmfp.Instant
}

// NewNAT makes a NAT with a public address, whose ports are all its own. It panics if another NAT has the address.
func (n *Network) NewNAT(public netip.Addr, settings NATSettings) *NAT {
	t := &NAT{
		network:  n,
		settings: settings,
		up:       n.newLink(public.String() + " up"),
		down:     n.newLink(public.String() + " down"),
		inside:   make(map[netip.AddrPort]*iface),
		lastPort: uint16(n.master.Uint64()),
	}
	t.Renumber(public)
	return t
}

// NewHost makes a host behind the NAT, as [Network.NewHost]. The addresses are of the NAT's family and need to be unique only
// behind this NAT. [Host.Move] can put one of the interfaces elsewhere.
func (t *NAT) NewHost(addrs ...netip.AddrPort) *Host { return t.network.newHost(t, addrs) }

// Up is the link from the NAT to the internet.
func (t *NAT) Up() *Link { return t.up }

// Down is the link from the internet to the NAT.
func (t *NAT) Down() *Link { return t.down }

// SetLinks sets the same conditions for both links, each with a fortune and a queue of its own.
func (t *NAT) SetLinks(c Conditions) {
	t.up.Set(c)
	t.down.Set(c)
}

// Public is the NAT's address.
func (t *NAT) Public() netip.Addr { return t.public }

// Rebind forgets all mappings, so that everyone behind has another address for everyone outside as soon as he sends.
func (t *NAT) Rebind() {
	t.byFlow = make(map[flow]*mapping)
	t.byPort = make(map[uint16]*mapping)
}

// Renumber gives the NAT another public address; all mappings are forgotten. It panics if another NAT has the address.
func (t *NAT) Renumber(public netip.Addr) {
	nats := t.network.nats
	if holder := nats[public]; !public.IsValid() || public.Is4In6() || holder != nil && holder != t {
		panic(fmt.Sprintf("simnet: a NAT cannot have the address %v", public))
	}
	delete(nats, t.public)
	nats[public] = t
	t.public = public
	t.Rebind()
}

// Mapped says how far sees what the inside address near sends to it, if there is a mapping.
func (t *NAT) Mapped(near, far netip.AddrPort) (netip.AddrPort, bool) {
	m := t.byFlow[t.flowOf(near, far)]
	if m == nil || t.stale(m.used) {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(t.public, m.port), true
}

func (t *NAT) flowOf(near, far netip.AddrPort) flow {
	if t.settings.Kind == Symmetric {
		return flow{near: near, far: far}
	}
	return flow{near: near}
}

func (t *NAT) stale(used rtmfp.Instant) bool {
	return t.settings.Timeout > 0 && t.network.now.Sub(used) >= t.settings.Timeout
}

// outbound is for a datagram that comes from a host behind the NAT.
func (t *NAT) outbound(p *packet) {
	if target := t.inside[p.to]; target != nil {
		t.network.approach(target, p)
		return
	}
	hairpin := p.to.Addr() == t.public
	if hairpin && !t.settings.Hairpin || !t.translate(p) {
		t.network.lose(p, Filtered)
		return
	}
	if hairpin {
		t.inbound(p)
		return
	}
	t.network.enter(t.up, p, fromNAT)
}

// translate gives a datagram its public source address. It fails if no port is left.
func (t *NAT) translate(p *packet) bool {
	key := t.flowOf(p.from, p.to)
	m := t.byFlow[key]
	if m == nil || t.stale(m.used) {
		if m = t.renew(m, key); m == nil {
			return false
		}
	}
	m.used = t.network.now
	if t.settings.Kind != FullCone {
		m.sent[t.rightOf(p.to)] = t.network.now
	}
	p.from = netip.AddrPortFrom(t.public, m.port)
	return true
}

// rightOf is the key by which far has the right to send to a mapping.
func (t *NAT) rightOf(far netip.AddrPort) netip.AddrPort {
	if t.settings.Kind == AddressRestricted {
		return netip.AddrPortFrom(far.Addr(), 0)
	}
	return far
}

// renew makes a mapping in place of old, which is nil or stale. Its port is not one that was used shortly before.
func (t *NAT) renew(old *mapping, key flow) *mapping {
	if old != nil {
		t.forget(old)
	}
	const lowest = 1024
	for range 1 << 16 {
		t.lastPort++
		other := t.byPort[t.lastPort]
		if t.lastPort < lowest || other != nil && !t.stale(other.used) {
			continue
		}
		if other != nil {
			t.forget(other)
		}
		m := &mapping{flow: key, port: t.lastPort, sent: make(map[netip.AddrPort]rtmfp.Instant)}
		t.byFlow[key], t.byPort[m.port] = m, m
		return m
	}
	return nil
}

func (t *NAT) forget(m *mapping) {
	delete(t.byFlow, m.flow)
	delete(t.byPort, m.port)
}

// inbound is for a datagram to the NAT's public address.
func (t *NAT) inbound(p *packet) {
	m := t.byPort[p.to.Port()]
	if p.to.Addr() != t.public || m == nil || t.stale(m.used) || !t.admits(m, p.from) {
		t.network.lose(p, Filtered)
		return
	}
	target := t.inside[m.near]
	if target == nil {
		t.network.lose(p, Unreachable)
		return
	}
	p.to = m.near
	t.network.approach(target, p)
}

func (t *NAT) admits(m *mapping, far netip.AddrPort) bool {
	if t.settings.Kind == FullCone {
		return true
	}
	used, known := m.sent[t.rightOf(far)]
	return known && !t.stale(used)
}
