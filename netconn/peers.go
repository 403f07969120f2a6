package netconn

import "net/netip"

// maxPeerAddresses is how many addresses of a client are kept; those beyond are ignored. An initiator tries no more than 24.
const maxPeerAddresses = 16

// peerInfo takes the addresses by which a client says that other clients can reach it (RFC 7425 section 5.3.3). Transports
// without peers leave the command to the application.
func (c *Conn) peerInfo(cmd *command) error {
	t, ok := c.transport.(PeerTransport)
	if !ok {
		return c.call(cmd)
	}
	var addresses []netip.AddrPort
	for _, arg := range cmd.args {
		text, _ := arg.(string)
		addr, err := netip.ParseAddrPort(text)
		if err == nil && reachable(addr) && len(addresses) < maxPeerAddresses {
			addresses = append(addresses, netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port()))
		}
	}
	c.peerAddresses.Store(&addresses)
	t.PeerInfo(addresses)
	return nil
}

// reachable says whether an address that a client reports can be that of a peer. Loopback and link-local addresses mean
// something else on every host, and packets to groups or to everybody would be somebody else's trouble.
func reachable(a netip.AddrPort) bool {
	ip := a.Addr().Unmap()
	return a.Port() != 0 && ip.IsGlobalUnicast() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// PeerAddresses returns the addresses that the client has reported of itself, as it says; others can reach it there or not.
func (c *Conn) PeerAddresses() []netip.AddrPort {
	if a := c.peerAddresses.Load(); a != nil {
		return *a
	}
	return nil
}

// Introduce asks the Handler whether somebody may be introduced to a peer. The reply is given no later than the Config's
// QuestionTimeout, then as a refusal.
func Introduce(h Handler, r IntroduceRequest, config Config, give func(IntroduceAnswer)) {
	reply := NewReply(give)
	reply.otherwise(config.withDefaults().QuestionTimeout, IntroduceAnswer{Err: ErrTimeout})
	h.Introduce(r, reply)
}

// Moved tells that the far end has another address; before describes where it was.
func (c *Conn) Moved(before Far) {
	c.do(func() {
		if c.gone || c.request.Load() == nil {
			return
		}
		c.handler.Moved(c, before)
		if c.relayed != nil {
			c.relayed.relay.Moved(c.Far())
		}
	})
}

// Delivery returns what has become of the media that the stream plays, if its transport knows.
func (s *Stream) Delivery() (DeliveryStats, bool) {
	if t, ok := s.conn.transport.(DeliveryReporter); ok {
		return t.DeliveryStats(s.id)
	}
	return DeliveryStats{}, false
}
