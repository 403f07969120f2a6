package netconn

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// pings are the ping requests that wait for a response (RTMP 1.0 section 7.1.7).
type pings struct {
	mu      sync.Mutex
	waiting []*Reply[bool]
	closed  bool
	any     atomic.Bool  // some wait: looked at for each message without the lock
	sent    atomic.Int64 // when the last one was sent, nanoseconds since the connection was made
}

// Ping asks the far end for a sign of life and calls done with whether one came within the timeout. Any message
// counts, not the response alone, and so does a part of a large one. A far end that we have stopped listening to gets
// the benefit of the doubt.
func (c *Conn) Ping(timeout time.Duration, done func(alive bool)) {
	r := NewReply(done)
	c.pings.mu.Lock()
	if c.pings.closed {
		c.pings.mu.Unlock()
		r.Give(false)
		return
	}
	c.pings.waiting = append(c.pings.waiting, r)
	c.pings.any.Store(true)
	c.pings.mu.Unlock()
	before, _ := c.transport.Heard()
	r.expire(timeout, func() bool {
		now, listening := c.transport.Heard()
		return now != before || !listening
	})
	c.transmit(c.pingRequest(), ClassControl)
}

func (p *pings) answer(alive bool) {
	p.mu.Lock()
	waiting := p.waiting
	p.waiting = nil
	p.any.Store(false)
	p.mu.Unlock()
	for _, r := range waiting {
		r.Give(alive)
	}
}

func (p *pings) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.answer(false)
}

// userControl follows the events that concern streams and pings.
func (c *Conn) userControl(m Message) error {
	if len(m.Payload) < 6 {
		return nil
	}
	value := binary.BigEndian.Uint32(m.Payload[2:])
	switch binary.BigEndian.Uint16(m.Payload) {
	case eventSetBufferLength:
		if s := c.streams[value]; s != nil && len(m.Payload) >= 10 {
			s.bufferLength.Store(binary.BigEndian.Uint32(m.Payload[6:]))
		}
	case eventPingResponse:
		c.pong(value)
	}
	return nil
}
