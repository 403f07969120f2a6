package rtmp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := newConn(near, Limits{}, 20*time.Second)
		start := time.Now()
		if err := c.Send(data(10)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ReadMessage(); !errors.Is(err, ErrSlow) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d != 20*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

func TestSlowestProgressKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := newConn(near, Limits{}, 20*time.Second)
		defer c.Close()
		if err := c.Send(data(100)); err != nil {
			t.Fatal(err)
		}
		one := make([]byte, 1)
		for range ChunkedSize(100, DefaultChunkSize) - 7 {
			time.Sleep(19 * time.Second)
			if _, err := far.Read(one); err != nil {
				t.Fatal(err)
			}
		}
		if c.Err() != nil {
			t.Error(c.Err())
		}
	})
}

// lazyKernel has room for one byte every 12 seconds, but does not say so to a writer that waits.
type lazyKernel struct {
	scriptConn
	start    time.Time
	deadline time.Time
}

func (k *lazyKernel) SetWriteDeadline(t time.Time) error { k.deadline = t; return nil }

func (k *lazyKernel) Write(b []byte) (int, error) {
	if room := int(time.Since(k.start)/(12*time.Second)) - k.wrote.Len(); room > 0 {
		return k.scriptConn.Write(b[:min(room, len(b))])
	}
	time.Sleep(time.Until(k.deadline))
	return 0, os.ErrDeadlineExceeded
}

func TestRoomThatTheKernelConcealsIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &lazyKernel{start: time.Now()}
		if n, err := writePatiently(k, filled(20), 20*time.Second); n != 20 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

// throttled reads 100 bytes every three seconds.
type throttled struct{ net.Conn }

func (c throttled) Read(b []byte) (int, error) {
	time.Sleep(3 * time.Second)
	return c.Conn.Read(b[:min(len(b), 100)])
}

func TestSlowReaderOverTLSKeepsTheConnection(t *testing.T) {
	cert, roots := selfSigned(t)
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		l := newPipeListener()
		want := filled(20_000)
		srv := &Server{
			TLSConfig:        &tls.Config{Certificates: []tls.Certificate{cert}, Time: certTime},
			HandshakeTimeout: time.Hour,
			WriteTimeout:     10 * time.Second,
			Handler: HandlerFunc(func(c *Conn) {
				if err := c.Send(Message{Type: TypeVideo, Payload: want}); err != nil {
					t.Error(err)
				}
				_, _ = c.ReadMessage()
			}),
		}
		served := make(chan error)
		go func() { served <- srv.ServeTLS(l, "", "") }()
		l.conns <- far
		d := &Dialer{
			TLSConfig: &tls.Config{RootCAs: roots, ServerName: "localhost", Time: certTime},
			NetDial:   func(context.Context, string, string) (net.Conn, error) { return throttled{near}, nil },
		}
		c, err := d.Dial(t.Context(), "rtmps://localhost/live")
		if err != nil {
			t.Fatal(err)
		}
		if m, err := c.ReadMessage(); err != nil || !bytes.Equal(m.Payload, want) {
			t.Errorf("%d bytes, %v", len(m.Payload), err)
		}
		c.Close()
		srv.Close()
		<-served
	})
}
