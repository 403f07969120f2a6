package rtmp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// ticks is how often a write that waits is tried anew within the write timeout. The kernel reports a socket as writable
// only when a third of its buffer is free, which a slow reader may not bring about in time although it reads; trying
// finds the room that there is.
const ticks = 4

// writePatiently writes all of b. It gives up with ErrSlow when nothing at all is taken for the timeout.
func writePatiently(nc net.Conn, b []byte, timeout time.Duration) (n int, err error) {
	last := time.Now()
	for n < len(b) {
		_ = nc.SetWriteDeadline(time.Now().Add(timeout / ticks))
		m, err := nc.Write(b[n:])
		n += m
		if m > 0 {
			last = time.Now()
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if err != nil && m == 0 && time.Since(last) >= timeout {
			return n, fmt.Errorf("%w: no byte taken in %v", ErrSlow, timeout)
		}
	}
	return n, nil
}

// patientConn is the socket beneath a TLS connection. TLS cannot go on after a write that ran into its deadline, so
// the patience has to be down here.
type patientConn struct {
	net.Conn
	timeout atomic.Int64 // nanoseconds; zero while the handshake's deadline rules
}

// NetConn returns the connection beneath, for whoever asks what it is.
func (p *patientConn) NetConn() net.Conn { return p.Conn }

func (p *patientConn) Write(b []byte) (int, error) {
	timeout := time.Duration(p.timeout.Load())
	if timeout == 0 {
		return p.Conn.Write(b)
	}
	return writePatiently(p.Conn, b, timeout)
}

// patientBelow returns the patient socket beneath a TLS connection, or nil.
func patientBelow(nc net.Conn) *patientConn {
	if t, ok := nc.(*tls.Conn); ok {
		p, _ := t.NetConn().(*patientConn)
		return p
	}
	return nil
}

// patientListener puts a patient socket beneath what it accepts.
type patientListener struct{ net.Listener }

func (l patientListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &patientConn{Conn: nc}, nil
}

// hangUp closes the socket beneath. Closing a TLS connection politely may wait for seconds until a far end that does
// not read takes the goodbye.
func hangUp(nc net.Conn) error {
	if t, ok := nc.(*tls.Conn); ok {
		return t.NetConn().Close()
	}
	return nc.Close()
}
