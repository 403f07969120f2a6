package netconn

import "afterglow/media"

// NewDirectConn makes the publisher's end of a direct stream between peers (RFC 7425 section 5.4.2): a connection that is open
// from the beginning, with one NetStream. The Handler is asked for plays, and told of the end.
func NewDirectConn(t Transport, h Handler, streamID uint32, config Config) *Conn {
	c := NewConn(t, h, config)
	r := &ConnectRequest{Instance: defaultInstance, Media: everything}
	c.request.Store(r)
	c.rights.Store(&Rights{Read: "/", AudioSample: "/", VideoSample: "/"})
	c.viewer = r.Media.Viewer()
	c.streams = map[uint32]*Stream{streamID: {conn: c, id: streamID}}
	c.accepted.Store(true)
	return c
}

// everything is what a peer is taken to understand: it has no way to say.
var everything = media.Capabilities{FourCCList: []string{media.Wildcard}, CapsEx: media.CapsMultitrack | media.CapsModEx}

// SetDelivery says how what the far end plays is delivered, from its next play on.
func (c *Conn) SetDelivery(d Delivery) { c.do(func() { c.delivery = d }) }
