package simnet

import (
	"net/netip"

	"afterglow/rtmfp"
)

// stage is what a datagram comes to at the end of the link that it is on.
type stage uint8

const (
	fromHost stage = iota // the internet, or the NAT of its sender
	fromNAT               // the internet
	toNAT                 // the NAT of its receiver
	toHost                // its receiver
)

// packet is a datagram under way. It is pooled, and owns its bytes.
type packet struct {
	from, to netip.AddrPort
	sent     rtmfp.Instant
	link     *Link
	via      *NAT   // the NAT of the sender, while fromHost; that of the receiver, while toNAT
	target   *iface // the receiver, while toHost
	epoch    int    // of the receiver when the datagram was sent to it
	length   int
	stage    stage
	buffer   [rtmfp.MaxDatagram]byte
}

func (p *packet) datagram() []byte { return p.buffer[:p.length:p.length] }

// size is that of the datagram with its headers.
func (p *packet) size() int { return p.length + headers(p.to.Addr()) }

// headers is the size of the headers of IP and UDP.
func headers(addr netip.Addr) int {
	if addr.Is4() {
		return ipv4Header + udpHeader
	}
	return ipv6Header + udpHeader
}

func (n *Network) newPacket() *packet {
	last := len(n.free) - 1
	if last < 0 {
		return new(packet)
	}
	p := n.free[last]
	n.free = n.free[:last]
	return p
}

// release takes a packet back. It wipes the bytes, so that a node that keeps a datagram for longer than it may is found out.
func (n *Network) release(p *packet) {
	clear(p.buffer[:p.length])
	p.link, p.via, p.target = nil, nil, nil
	n.free = append(n.free, p)
}

func (n *Network) clone(p *packet) *packet {
	twin := n.newPacket()
	twin.from, twin.to, twin.sent, twin.link, twin.via = p.from, p.to, p.sent, p.link, p.via
	twin.target, twin.epoch, twin.length, twin.stage = p.target, p.epoch, p.length, p.stage
	copy(twin.buffer[:], p.datagram())
	return twin
}

// leave is for a datagram that comes to the end of its link.
func (n *Network) leave(p *packet) {
	l := p.link
	if n.now < l.dark {
		n.drop(p, Blackout)
		return
	}
	l.counters.Passed++
	l.counters.PassedBytes += uint64(p.size())
	switch {
	case p.stage == toHost:
		n.deliver(p)
	case p.stage == toNAT:
		p.via.inbound(p)
	case p.stage == fromHost && p.via != nil:
		p.via.outbound(p)
	default:
		n.route(p)
	}
}

// route is the internet.
func (n *Network) route(p *packet) {
	if target := n.public[p.to]; target != nil {
		n.approach(target, p)
		return
	}
	nat := n.nats[p.to.Addr()]
	if nat == nil {
		n.lose(p, Unreachable)
		return
	}
	p.via = nat
	n.enter(nat.down, p, toNAT)
}

// approach puts a datagram on the last link.
func (n *Network) approach(target *iface, p *packet) {
	p.target, p.epoch = target, target.epoch
	n.enter(target.down, p, toHost)
}

func (n *Network) deliver(p *packet) {
	target := p.target
	if target.epoch != p.epoch || target.host.node == nil {
		n.lose(p, Unreachable)
		return
	}
	n.report(p, Delivered, nil)
	target.host.receive(rtmfp.Path{Interface: target.index, Addr: p.from}, p.datagram())
	n.release(p)
}

// drop ends a datagram by a fault of its link.
func (n *Network) drop(p *packet, fate Fate) {
	p.link.count(fate)
	n.report(p, fate, p.link)
	n.release(p)
}

// lose ends a datagram by a fate that no link has.
func (n *Network) lose(p *packet, fate Fate) {
	n.report(p, fate, nil)
	n.release(p)
}
