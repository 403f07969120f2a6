package overrtmfp

import (
	"net/netip"
	"slices"
	"time"

	"afterglow/netconn"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// Introduce answers an initiator that seeks a peer (RFC 7016 3.5.1.6, RFC 7425 5.4.1): if the application permits, the peer is told
// of the initiator's addresses and the initiator of the peer's, those that each has reported of itself as well as the one at
// which it is seen. It is the rtmfp.Introducer of the server's endpoint.
func (s *Server) Introduce(i *rtmfp.Introduction) {
	d, err := flash.ParseDiscriminator(i.Discriminator)
	if err != nil || d.Fingerprint == nil {
		i.Ignore()
		return
	}
	peer := *d.Fingerprint
	request, asks := s.wish(i.From.Addr, peer)
	if asks == nil {
		s.station.stats.NotIntroduced.Add(1)
		i.Ignore()
		return
	}
	netconn.Introduce(s.handler, request, s.config.Load().NetConn, func(a netconn.IntroduceAnswer) {
		s.granted(asks)
		i.Core().Post(func() { s.answer(i, peer, request, a) })
	})
}

// granted notes that the application has answered a wish.
func (s *Server) granted(asks *wishes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asks.open--
}

// wish makes the question for the application, and returns whose wish it is; nil if the initiator asks too often.
func (s *Server) wish(from netip.AddrPort, peer rtmfp.PeerID) (netconn.IntroduceRequest, *wishes) {
	r := netconn.IntroduceRequest{Address: from.String(), PeerID: peer.String()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if to := s.byPeer.newest(peer); to != nil {
		r.To = to.conn
	}
	asks := &s.strangers
	if c := s.byAddr.newest(from); c != nil {
		r.From = c.conn
		asks = &c.asked
	}
	if !asks.take(time.Now(), peer, s.config.Load().Introductions) {
		return r, nil
	}
	return r, asks
}

func (s *Server) answer(i *rtmfp.Introduction, peer rtmfp.PeerID, r netconn.IntroduceRequest, a netconn.IntroduceAnswer) {
	stats := &s.station.stats
	switch {
	case a.Err != nil:
		stats.NotIntroduced.Add(1)
		i.Ignore()
	case len(a.Redirect) > 0:
		stats.Introduced.Add(1)
		i.Redirect(addressesOf(a.Redirect, wire.OriginRelay)...)
	case r.To == nil:
		i.Ignore()
	default:
		stats.Introduced.Add(1)
		i.AlsoAt(local(r.From)...)
		i.To(peer, addressesOf(r.To.PeerAddresses(), wire.OriginLocal)...)
	}
}

// local returns the addresses of private networks that an initiator has reported, if it is connected here. To those alone is a peer
// sent beside the observed one: at others it would answer strangers whom the initiator has made up.
func local(initiator *netconn.Conn) []netip.AddrPort {
	if initiator == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(initiator.PeerAddresses()), func(a netip.AddrPort) bool { return !a.Addr().IsPrivate() })
}

func addressesOf(addrs []netip.AddrPort, origin wire.Origin) []wire.Address {
	out := make([]wire.Address, len(addrs))
	for i, a := range addrs {
		out[i] = wire.Address{AddrPort: a, Origin: origin}
	}
	return out
}
