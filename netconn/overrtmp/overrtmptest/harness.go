// Package overrtmptest runs servers over RTMP for tests: in memory and over TCP.
package overrtmptest

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// The harnesses: Memory connects with net.Pipe, Loopback over TCP.
type (
	Memory   struct{}
	Loopback struct{}
)

// Virtual is true.
func (Memory) Virtual() bool { return true }

// Virtual is false.
func (Loopback) Virtual() bool { return false }

// Serve starts a server.
func (Memory) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	return serve(t, h, o, newPipes())
}

// Serve starts a server.
func (Loopback) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, h, o, sockets{l})
}

// dialListener is a listener with the way to it.
type dialListener interface {
	net.Listener
	dial(ctx context.Context, network, address string) (net.Conn, error)
}

type sockets struct{ net.Listener }

func (s sockets) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", s.Addr().String())
}

// pipes is a listener in memory.
type pipes struct {
	come   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{come: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.come <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// Server is a running server of either harness.
type Server struct {
	Front  *overrtmp.Server
	RTMP   *rtmp.Server
	listen dialListener
}

func serve(t *testing.T, h netconn.Handler, o netconntest.Options, l dialListener) *Server {
	t.Helper()
	s := &Server{listen: l}
	s.Front = overrtmp.NewServer(h, overrtmp.Config{NetConn: o.NetConn, ChunkSize: o.ChunkSize, IdleTime: o.IdleTime, PingTimeout: o.PingTimeout}, quiet)
	s.RTMP = &rtmp.Server{Handler: s.Front, WriteTimeout: o.WriteTimeout, Log: quiet}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.RTMP.Serve(l)
	}()
	t.Cleanup(func() {
		s.Front.Tell(netconn.Status{})
		_ = s.RTMP.Close()
		s.Front.Wait()
		<-done
	})
	return s
}

// Manner is that of RTMP, where everything is in order.
func (*Server) Manner() netconntest.Manner {
	return netconntest.Manner{Before: []string{"control 0 0"}}
}

// DialConn connects to the server and says nothing, not even a handshake. Network and address are not looked at.
func (s *Server) DialConn(ctx context.Context, network, address string) (net.Conn, error) {
	return s.listen.dial(ctx, network, address)
}

// Dial connects a client.
func (s *Server) Dial(t *testing.T, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error) {
	c, err := overrtmp.Dial(t.Context(), "rtmp://localhost/"+o.App, overrtmp.DialOptions{
		Dialer: rtmp.Dialer{NetDial: s.listen.dial, Handshake: rtmp.HandshakePlain}, Connect: o, Events: e})
	if err == nil {
		t.Cleanup(func() {
			c.Close()
			<-c.Done()
		})
	}
	return c, err
}

// Tell sends every client a status and ends its connection.
func (s *Server) Tell(status netconn.Status) { s.Front.Tell(status) }

// Dead returns how many clients did not answer a ping.
func (s *Server) Dead() uint64 { return s.Front.Stats().Dead.Load() }

// Slow returns how many clients took nothing.
func (s *Server) Slow() uint64 { return s.Front.Stats().Slow.Load() }

// Open opens a connection as messages.
func (s *Server) Open(t *testing.T) netconntest.Wire {
	t.Helper()
	nc, err := s.listen.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := (&rtmp.Dialer{Handshake: rtmp.HandshakePlain}).NewConn(t.Context(), nc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return NewWire(c)
}

// NewWire makes an RTMP connection a connection as messages.
func NewWire(c *rtmp.Conn) netconntest.Wire { return wire{c} }

// wire is an RTMP connection as messages.
type wire struct{ conn *rtmp.Conn }

func (w wire) Send(m netconn.Message) error {
	return w.conn.WriteMessage(rtmp.Message{Type: rtmp.MessageType(m.Type), Timestamp: m.Timestamp, StreamID: m.StreamID, Payload: m.Payload})
}

func (w wire) Receive() (netconn.Message, error) {
	_ = w.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	m, err := w.conn.ReadMessage()
	return netconn.Message{Type: uint8(m.Type), Timestamp: m.Timestamp, StreamID: m.StreamID, Payload: m.Payload}, err
}

// Settle has nothing to wait for.
func (wire) Settle() ([]netconn.Message, error) { return nil, nil }

func (w wire) Cut() { _ = w.conn.Close() }

// Freeze has nothing to do: who does not receive answers nothing.
func (wire) Freeze() {}
