package overrtmfp

import (
	"slices"

	"afterglow/rtmfp"
)

// carrier is a session with the links on it: one with a server or its client, any number of direct streams with a peer. It
// belongs to the session's shard.
type carrier struct {
	owner   carrierOwner
	session *rtmfp.Session
	links   []*link
	watch   *watch // of a client's session, nil of a server's
}

// carrierOwner decides what may happen on a session, and is told of its end.
type carrierOwner interface {
	// begin makes the link of a control flow with which the far end begins something, or returns nil to reject it.
	begin(c *carrier, m metadata) *link
	// linkEnded tells of the end of a link that the carrier has let go.
	linkEnded(c *carrier, l *link)
	// stats counts the flows that are rejected.
	stats() *Stats
	moved(c *carrier)
	closed(c *carrier, err error)
}

// Opened has nothing to do: who dials waits for it.
func (c *carrier) Opened(*rtmfp.Session) {}

// Flow finds the link that a flow belongs to: flows that answer ours belong to that one's, others begin something (RFC 7425
// 5.3, 5.4). What is no flow of RTMP messages is rejected (5.1.1), and so is one without a place.
func (c *carrier) Flow(flow *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	f := c.take(flow)
	if f == nil {
		c.owner.stats().FlowsRejected.Add(1)
	}
	return f
}

func (c *carrier) take(flow *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	m, err := parseMetadata(flow.Metadata())
	if err != nil {
		return nil
	}
	l := c.linkOf(flow, m)
	if l == nil {
		return nil
	}
	return l.accepts(flow, m)
}

func (c *carrier) linkOf(flow *rtmfp.ReceiveFlow, m metadata) *link {
	ours := flow.Associated()
	if ours == nil {
		return c.owner.begin(c, m)
	}
	i := slices.IndexFunc(c.links, func(l *link) bool { return l.owns(ours) })
	if i < 0 {
		return nil
	}
	return c.links[i]
}

// add puts a link on the session.
func (c *carrier) add(l *link) {
	l.over = func(l *link) {
		c.links = slices.DeleteFunc(c.links, func(k *link) bool { return k == l })
		c.owner.linkEnded(c, l)
	}
	l.watch = c.watch
	l.describe()
	c.links = append(c.links, l)
}

// Moved tells that the far end is at another address.
func (c *carrier) Moved(*rtmfp.Session, rtmfp.Path) { c.owner.moved(c) }

// Closed ends all links.
func (c *carrier) Closed(_ *rtmfp.Session, err error) {
	c.watch.stop()
	for _, l := range slices.Clone(c.links) {
		l.finish(reasonOf(err))
	}
	c.owner.closed(c, err)
}
