package overrtmp

import (
	"context"
	"errors"
	"io"
	"sync"

	"afterglow/netconn"
	"afterglow/rtmp"
)

// DialOptions are how Dial connects. The zero value is ready to use.
type DialOptions struct {
	Dialer rtmp.Dialer
	// Connect is the connect command; App and TCURL come from the URL when they are empty.
	Connect netconn.ConnectOptions
	Events  netconn.ClientEvents
	// ChunkSize is the size of what is sent, in bytes. Default 4096.
	ChunkSize int
}

// Dial opens a connection to the application of an rtmp or rtmps URL. A rejection is returned as a netconn.Status. ctx
// bounds the opening only; the connection lasts until Close.
func Dial(ctx context.Context, rawURL string, o DialOptions) (*netconn.Client, error) {
	u, err := rtmp.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if o.Connect.App == "" {
		o.Connect.App = u.App
	}
	if o.Connect.TCURL == "" {
		o.Connect.TCURL = u.TCURL
	}
	conn, err := o.Dialer.Dial(ctx, rawURL)
	if err != nil {
		return nil, err
	}
	c, err := NewClient(ctx, conn, o)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// NewClient connects over an RTMP connection whose handshake is done. One goroutine reads until the connection ends.
func NewClient(ctx context.Context, conn *rtmp.Conn, o DialOptions) (*netconn.Client, error) {
	t := &clientTransport{conn: conn}
	c := netconn.NewClient(t, o.Events)
	go t.read(c)
	size := o.ChunkSize
	if size <= 0 {
		size = 4096
	}
	if _, err := c.Connect(ctx, o.Connect); err != nil {
		_ = conn.Close()
		<-c.Done()
		return nil, err
	}
	// A server that has let the client in may have closed the connection since, which Closed tells.
	_ = conn.Send(rtmp.WindowSize(2_500_000), rtmp.SetChunkSize(size))
	return c, nil
}

// clientTransport carries a client's connection: like a session, without sharing.
type clientTransport struct {
	conn *rtmp.Conn

	mu       sync.Mutex
	sources  []clientSource
	reason   error
	flushing rtmp.Gather
	flushMu  sync.Mutex
}

type clientSource struct {
	streamID uint32
	source   netconn.Source
	class    *class
}

func (t *clientTransport) read(c *netconn.Client) {
	for {
		m, err := t.conn.ReadMessage()
		if err != nil {
			t.ended(c, err)
			return
		}
		c.Receive(netconn.Message{Type: uint8(m.Type), Timestamp: m.Timestamp, StreamID: m.StreamID, Payload: m.Payload})
	}
}

func (t *clientTransport) ended(c *netconn.Client, err error) {
	t.mu.Lock()
	reason := t.reason
	t.mu.Unlock()
	if werr := t.conn.Err(); reason == nil && errors.Is(werr, rtmp.ErrSlow) {
		reason = werr
	}
	if reason == nil && errors.Is(err, io.EOF) {
		reason = errHungUp
	}
	if reason == nil {
		reason = err
	}
	_ = t.conn.Close()
	c.Closed(reason)
}

var errHungUp = errors.New("the server closed the connection")

func (t *clientTransport) Send(m netconn.Message, _ netconn.Treatment) netconn.Handle {
	_ = t.conn.Send(wireMessage(m))
	return noHandle{}
}

func (t *clientTransport) Barrier(uint32)      {}
func (t *clientTransport) StreamOpened(uint32) {}
func (t *clientTransport) StreamClosed(uint32) {}
func (t *clientTransport) Accepted()           {}
func (t *clientTransport) Publishing(bool)     {}
func (t *clientTransport) Resume()             {}

func (t *clientTransport) Heard() (uint64, bool) { return t.conn.BytesReceived(), true }

func (t *clientTransport) Attach(streamID uint32, s netconn.Source, _ netconn.Delivery) netconn.Waker {
	t.mu.Lock()
	t.sources = append(t.sources, clientSource{streamID, s, newClass(streamID, t.conn.ChunkSize())})
	t.mu.Unlock()
	t.conn.SetSource((*clientPuller)(t))
	return clientWaker{t}
}

func (t *clientTransport) Detach(streamID uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.sources {
		if t.sources[i].streamID == streamID {
			t.sources = append(t.sources[:i:i], t.sources[i+1:]...)
			return
		}
	}
}

// newClass makes a class that is in no registry.
func newClass(streamID uint32, chunkSize int) *class {
	return &class{key: classKey{streamID: streamID, chunkSize: chunkSize}, form: &formKey{streamID, chunkSize}}
}

// clientWaker writes at once.
type clientWaker struct{ t *clientTransport }

func (w clientWaker) Wake() { w.t.Pull() }

func (t *clientTransport) Pull() {
	t.flushMu.Lock()
	defer t.flushMu.Unlock()
	t.conn.Flush(&t.flushing)
}

// clientPuller is the transport as an rtmp.Source.
type clientPuller clientTransport

func (p *clientPuller) Pull(g *rtmp.Gather) {
	t := (*clientTransport)(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.sources {
		pull(t.sources[i].source, t.sources[i].class, g)
	}
}

func (t *clientTransport) CloseAfterFlush(reason error) {
	t.mu.Lock()
	if t.reason == nil {
		t.reason = reason
	}
	t.mu.Unlock()
	t.conn.CloseAfterFlush()
}

func (t *clientTransport) Far() netconn.Far { return farOf(t.conn) }
