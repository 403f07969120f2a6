package overrtmp_test

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

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestInMemory(t *testing.T) { netconntest.Run(t, memory{}) }

func TestOverLoopback(t *testing.T) { netconntest.Run(t, loopback{}) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// memory connects with net.Pipe, loopback over TCP.
type (
	memory   struct{}
	loopback struct{}
)

func (memory) Virtual() bool   { return true }
func (loopback) Virtual() bool { return false }

func (memory) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	return serve(t, h, o, newPipes())
}

func (loopback) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
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

// server is a running server of either harness.
type server struct {
	front  *overrtmp.Server
	rtmp   *rtmp.Server
	listen dialListener
}

func serve(t *testing.T, h netconn.Handler, o netconntest.Options, l dialListener) *server {
	t.Helper()
	s := &server{listen: l}
	s.front = overrtmp.NewServer(h, overrtmp.Config{NetConn: o.NetConn, ChunkSize: o.ChunkSize, IdleTime: o.IdleTime, PingTimeout: o.PingTimeout}, quiet)
	s.rtmp = &rtmp.Server{Handler: s.front, WriteTimeout: o.WriteTimeout, Log: quiet}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.rtmp.Serve(l)
	}()
	t.Cleanup(func() {
		s.front.Tell(netconn.Status{})
		_ = s.rtmp.Close()
		s.front.Wait()
		<-done
	})
	return s
}

func (s *server) Dial(t *testing.T, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error) {
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

func (s *server) Tell(status netconn.Status) { s.front.Tell(status) }
func (s *server) Dead() uint64               { return s.front.Stats().Dead.Load() }
func (s *server) Slow() uint64               { return s.front.Stats().Slow.Load() }

func (s *server) Open(t *testing.T) netconntest.Wire {
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
	return wire{c}
}

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

func (w wire) Cut() { _ = w.conn.Close() }
