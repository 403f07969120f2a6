package netconn

import (
	"sync/atomic"
	"time"
)

// Load counts messages and the bytes of their payloads.
type Load struct{ Messages, Bytes uint64 }

// Traffic is what a connection has carried, and what waits to be sent (server-side-api 2.3, getStats). What a transport does not know
// is zero.
type Traffic struct {
	BytesIn, BytesOut       uint64 // on the wire
	MessagesIn, MessagesOut uint64
	// MessagesDropped is media that a player has missed, or that was given up.
	MessagesDropped            uint64
	DroppedAudio, DroppedVideo Load
	// What waits to be sent.
	QueuedAudio, QueuedVideo, QueuedData, QueuedSharedObject Load
	// RoundTrip is the round trip time, zero if unknown.
	RoundTrip time.Duration
}

// TrafficReporter is a Transport that knows more of the traffic than netconn does. It fills in what it knows.
type TrafficReporter interface {
	// Traffic sets the fields of t that the transport knows, without waiting. Figures may be up to a second old.
	Traffic(t *Traffic)
}

// counts is what netconn itself knows of the traffic.
type counts struct {
	in, out, dropped atomic.Uint64
	roundTrip        atomic.Int64 // of the last ping that was answered as one, nanoseconds
}

// Traffic returns what the connection has carried.
func (c *Conn) Traffic() Traffic {
	t := Traffic{
		MessagesIn: c.counts.in.Load(), MessagesOut: c.counts.out.Load(), MessagesDropped: c.counts.dropped.Load(),
		RoundTrip: time.Duration(c.counts.roundTrip.Load()),
	}
	if r, ok := c.transport.(TrafficReporter); ok {
		r.Traffic(&t)
	}
	return t
}

// RoundTrip returns the round trip time as the transport knows it, or as the last Ping that was answered has shown it; zero if unknown.
func (c *Conn) RoundTrip() time.Duration { return c.Traffic().RoundTrip }

// pong notes how long a ping took to come back.
func (c *Conn) pong(value uint32) {
	sent := time.Duration(c.pings.sent.Load())
	if sent == 0 || value != uint32(sent.Milliseconds()) {
		return
	}
	c.counts.roundTrip.Store(int64(max(time.Since(c.created)-sent, 1)))
}

// pingRequest is a ping, with the time as its number.
func (c *Conn) pingRequest() Message {
	now := max(time.Since(c.created), 1)
	c.pings.sent.Store(int64(now))
	return userControl(eventPingRequest, uint32(now.Milliseconds()))
}

// transmit hands a message of netconn's own to the transport.
func (c *Conn) transmit(m Message, class Class) {
	c.counts.out.Add(1)
	c.transport.Send(m, Treatment{Class: class})
}
