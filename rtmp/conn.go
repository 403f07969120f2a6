package rtmp

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is one end of an RTMP connection whose handshake is done. ReadMessage belongs to one goroutine; the other
// methods may be called from any.
type Conn struct {
	nc        net.Conn
	in        inbuf
	chunks    *chunkReader
	handshake Handshake
	aggregate aggregateReader // rest of an aggregate
	ignored   atomic.Uint64
	passPings bool

	// What the far end wants to be told about what it sent (RTMP 1.0 section 5.4.3).
	window   uint32
	ackedAt  uint64
	received atomic.Uint64

	out output

	closed    atomic.Bool
	lingering atomic.Bool
	lastCall  atomic.Pointer[time.Timer] // ends a closing connection that will not end by itself
}

func newConn(nc net.Conn, limits Limits, writeTimeout time.Duration) *Conn {
	c := &Conn{nc: nc}
	c.in.src = nc
	c.in.arrived = c.arrived
	c.chunks = newChunkReader(&c.in, limits)
	c.out.init(nc, c.chunks.limits.PendingBytes, writeTimeout)
	return c
}

// RemoteAddr returns the far end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// LocalAddr returns the address that the far end reached.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// NetConn returns the connection beneath. Reading from it or writing to it corrupts the stream.
func (c *Conn) NetConn() net.Conn { return c.nc }

// TLS returns the state of the TLS connection beneath, and whether there is one.
func (c *Conn) TLS() (tls.ConnectionState, bool) {
	t, ok := c.nc.(*tls.Conn)
	if !ok {
		return tls.ConnectionState{}, false
	}
	return t.ConnectionState(), true
}

// HandshakeKind returns the form of handshake that the far end used.
func (c *Conn) HandshakeKind() Handshake { return c.handshake }

// BytesReceived returns how many bytes have come from the far end, handshake included.
func (c *Conn) BytesReceived() uint64 { return c.received.Load() }

// BytesSent returns how many bytes the operating system has taken, handshake excluded.
func (c *Conn) BytesSent() uint64 { return c.out.sent.Load() }

// Ignored returns how many messages of unknown type were dropped.
func (c *Conn) Ignored() uint64 { return c.ignored.Load() }

// SetReadDeadline sets when a blocked ReadMessage gives up; the zero time is never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.nc.SetReadDeadline(t) }

// SetMessageLimit changes the largest message accepted from now on, in bytes, and Limits.PartialBytes to 1 MiB more.
// Zero is the default. Only the reading goroutine may call it.
func (c *Conn) SetMessageLimit(n int) {
	l := Limits{MessageSize: n}.withDefaults()
	c.chunks.limits.MessageSize, c.chunks.limits.PartialBytes = l.MessageSize, l.PartialBytes
}

// ReadMessage returns the next message that is not the chunk stream's own affair: commands, data, shared objects,
// audio, video, and user control events. Aggregates come apart. Pings are answered, acknowledgements sent, chunk
// sizes, windows and aborts followed. Messages of unknown type are counted and skipped. Errors wrap ErrProtocol or
// ErrLimit when the far end is to blame; io.EOF is an end between two messages.
func (c *Conn) ReadMessage() (Message, error) {
	for {
		m, err := c.next()
		if err != nil {
			return Message{}, c.reason(err)
		}
		up, err := c.handle(&m)
		if err != nil {
			return Message{}, err
		}
		if up && !c.lingering.Load() {
			return m, nil
		}
	}
}

// next returns the next message out of an aggregate or off the chunk streams.
func (c *Conn) next() (Message, error) {
	for {
		m, ok, err := c.aggregate.next()
		switch {
		case err != nil:
			return Message{}, fmt.Errorf("%w: %w", ErrProtocol, err)
		case !ok:
			return c.chunks.next()
		case m.Type == TypeAggregate || m.Type.chunkControl():
			c.ignored.Add(1)
		default:
			// Whoever keeps a small message shall not keep the whole aggregate with it.
			m.Payload = bytes.Clone(m.Payload)
			return m, nil
		}
	}
}

// reason replaces the error of a read on a socket that was closed because sending failed.
func (c *Conn) reason(err error) error {
	if !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	if why := c.Err(); why != nil {
		return why
	}
	return err
}

// handle deals with what concerns the chunk stream and says whether the message goes up.
func (c *Conn) handle(m *Message) (up bool, err error) {
	switch m.Type {
	case TypeSetChunkSize:
		return false, c.chunks.setChunkSize(m.Payload)
	case TypeAbort:
		return false, c.chunks.abort(m.Payload)
	case TypeAcknowledgement:
		return false, nil
	case TypeWindowSize:
		v, err := control(m.Payload)
		if err != nil {
			return false, fmt.Errorf("%w: window acknowledgement size: %w", ErrProtocol, err)
		}
		c.window = v
		c.acknowledge()
		return false, nil
	case TypePeerBandwidth:
		return false, c.peerBandwidth(m.Payload)
	case TypeUserControl:
		return c.userControl(m.Payload)
	case TypeAggregate:
		c.aggregate = newAggregateReader(*m)
		return false, nil
	case TypeAudio, TypeVideo, TypeDataAMF0, TypeDataAMF3, TypeCommandAMF0, TypeCommandAMF3, TypeSharedObjectAMF0, TypeSharedObjectAMF3:
		return true, nil
	}
	c.ignored.Add(1)
	return false, nil
}

func (c *Conn) userControl(payload []byte) (up bool, err error) {
	u, err := ParseUserControl(payload)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if u.Event == EventPingRequest && !c.passPings {
		return false, c.Send(UserControl{Event: EventPingResponse, Value: u.Value}.Message())
	}
	return true, nil
}

// peerBandwidth answers with the window that the far end asks us to keep, when it is news (RTMP 1.0 section 5.4.5).
func (c *Conn) peerBandwidth(payload []byte) error {
	v, err := control(payload)
	if err != nil {
		return fmt.Errorf("%w: set peer bandwidth: %w", ErrProtocol, err)
	}
	if !c.out.windowNews(v) {
		return nil
	}
	return c.Send(WindowSize(v))
}

// arrived counts what was read and tells the far end, once for each window (RTMP 1.0 section 5.4.3). A far end that
// waits for the acknowledgement may stop in the middle of a message, so it cannot wait for the message's end.
func (c *Conn) arrived() {
	c.received.Store(c.in.total)
	c.acknowledge()
}

func (c *Conn) acknowledge() {
	if c.window == 0 || c.in.total-c.ackedAt < uint64(c.window) {
		return
	}
	c.ackedAt = c.in.total
	// A failure closes the socket, which the next read reports.
	_ = c.Send(uint32Message(TypeAcknowledgement, uint32(c.in.total)))
}

// CloseAfterFlush sends what is queued, ends the sending direction so that the far end reads everything, and closes
// when it has hung up or after a second. Messages that still arrive are dropped.
func (c *Conn) CloseAfterFlush() {
	if c.lingering.Swap(true) {
		return
	}
	// A far end that takes a byte now and then must not hold on for ever.
	c.lastCall.Store(time.AfterFunc(c.out.timeout, func() { _ = c.Close() }))
	c.out.finish(func() {
		// Closing with unread input would reset the connection and take the last message along.
		if hw, ok := c.nc.(interface{ CloseWrite() error }); ok {
			_ = hw.CloseWrite()
		}
		_ = c.nc.SetReadDeadline(time.Now().Add(time.Second))
	})
}

// PassPings has ReadMessage hand ping requests up from now on, rather than answer them. Only the reading goroutine may call it.
func (c *Conn) PassPings() { c.passPings = true }

// Discard reads and forgets until the connection ends, for a connection that is being closed after input that nobody
// can make sense of. Only the reading goroutine may call it.
func (c *Conn) Discard() {
	_, _ = io.Copy(io.Discard, c.nc)
}

// Close ends the connection at once. What is queued is lost.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	if t := c.lastCall.Load(); t != nil {
		t.Stop()
	}
	return c.out.close(net.ErrClosed)
}

// IsDisconnect says whether err is an ordinary way for a far end to go away: hanging up, a reset, or our own closing.
func IsDisconnect(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
