package netconn

import (
	"fmt"

	"afterglow/amf"
)

// Call calls a method of the client. done, which may be nil, gets the answer as one of the connection's affairs. What goes out from
// one goroutine by Call, Notify, SendSharedObject, the answers of Replies and Disconnect keeps its order. A call of a client that is
// not accepted yet is kept until it is, and dropped if it is rejected (server-side-api 2.2); its done then gets ErrDisconnected.
// The error is ErrTooManyCalls, ErrDisconnected, or that a value cannot be encoded.
func (c *Conn) Call(method string, done func(Result), args ...amf.Value) error {
	var answered func(Result)
	if done != nil {
		answered = func(r Result) { c.do(func() { done(r) }) }
	}
	transaction, err := c.calls.add(answered)
	if err != nil {
		return err
	}
	m, err := commandMessage(c.speaks(), 0, method, transaction, append([]amf.Value{nil}, args...)...)
	if err != nil {
		c.calls.forget(transaction)
		return err
	}
	c.do(func() { c.tell(m) })
	return nil
}

// Notify sends a status on the connection, in order with what Call sends.
func (c *Conn) Notify(s Status) {
	c.do(func() {
		if m, err := commandMessage(c.speaks(), 0, "onStatus", 0, nil, s.object(c.id)); err == nil {
			c.tell(m)
		}
	})
}

// speaks is how what is said to the client once it is accepted is encoded.
func (c *Conn) speaks() Encoding {
	if r := c.request.Load(); r != nil {
		return r.Encoding
	}
	return AMF0
}

// tell sends what the application says, no sooner than the client is accepted. It is an affair.
func (c *Conn) tell(m Message) {
	switch {
	case c.gone || c.closing:
	case c.accepted.Load():
		c.transmit(m, ClassControl)
	case c.earlyBytes > c.config.WaitingBytes:
		c.close(fmt.Errorf("%w: %d bytes wait for a client to be accepted", ErrLimit, c.earlyBytes))
	default:
		c.early = append(c.early, m)
		c.earlyBytes += len(m.Payload) + messageOverhead
	}
}

// tellEarly sends what the application said before the client was accepted.
func (c *Conn) tellEarly() {
	early := c.early
	c.early, c.earlyBytes = nil, 0
	for _, m := range early {
		c.transmit(m, ClassControl)
	}
}
