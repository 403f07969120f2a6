package overrtmfp

import (
	"net/netip"
	"slices"

	"afterglow/netconn"
)

// clientTransport is the transport of a server's connection: a link whose far end has peers.
type clientTransport struct {
	*link
	client *client
}

// Accepted has the client advised of its keepalive periods behind the answer to connect.
func (t *clientTransport) Accepted() {
	t.post(func() {
		m := t.client.server.config.Load().KeepAlive.message()
		t.greeting = &m
	})
}

// PeerInfo tells what the client has told of its addresses. One that does not name the address at which we see it is behind a NAT
// (RFC 7425 5.3.3), whose mapping has to be kept alive.
func (t *clientTransport) PeerInfo(addresses []netip.AddrPort) {
	t.post(func() {
		if slices.Contains(addresses, t.session.Path().Addr) {
			return
		}
		c := t.client.server.config.Load()
		if c.NATKeepAlive != c.KeepAlive {
			m := c.NATKeepAlive.message()
			m.StreamID = t.own
			t.send(m, treatmentOfControl, nil)
		}
	})
}

// treatmentOfControl is that of messages which this package sends of its own accord.
var treatmentOfControl = netconn.Treatment{Class: netconn.ClassControl}
