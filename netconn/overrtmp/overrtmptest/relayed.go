package overrtmptest

import (
	"context"
	"net"
	"testing"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
)

const secret = "between the two"

// Relayed is a harness whose server hands all clients over to another one, in memory, which asks the handler.
type Relayed struct{}

// Virtual is true.
func (Relayed) Virtual() bool { return true }

// Serve starts both servers.
func (Relayed) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	return serve(t, HandOver(t, h, o), o, newPipes())
}

// HandOver returns a handler that hands clients over to a server in memory, which ends with the test and asks h.
func HandOver(t *testing.T, h netconn.Handler, o netconntest.Options) netconn.Handler {
	back := newPipes()
	front := overrtmp.NewServer(h, overrtmp.Config{NetConn: o.NetConn, ChunkSize: 1 << 20, IdleTime: o.IdleTime * 1000}, quiet)
	s := &rtmp.Server{Handler: front, WriteTimeout: o.WriteTimeout * 2, Log: quiet}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(overrtmp.RelayListener(back, secret))
	}()
	t.Cleanup(func() {
		front.Tell(netconn.Status{})
		_ = s.Close()
		front.Wait()
		<-done
	})
	return &handOver{dial: back.dial}
}

// handOver answers connect with a relay. Nothing else is asked.
type handOver struct {
	netconn.Handler
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (h *handOver) Connect(c *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	hello := overrtmp.Hello{Secret: secret, Client: c.ID(), Far: c.Far()}
	connect := *c.ConnectMessage()
	ctx, cancel := context.WithCancel(context.Background())
	ended := c.Ended()
	go func() {
		<-ended
		cancel()
	}()
	go func() {
		nc, err := h.dial(ctx, "", "")
		if err != nil {
			reply.Give(netconn.ConnectAnswer{Err: err})
			return
		}
		relay, err := overrtmp.OpenRelay(ctx, nc, hello, connect, overrtmp.RelayOptions{})
		if err != nil {
			reply.Give(netconn.ConnectAnswer{Err: err})
			return
		}
		if !reply.Give(netconn.ConnectAnswer{Relay: relay}) {
			relay.Close()
		}
	}()
}

func (*handOver) Moved(*netconn.Conn, netconn.Far) {}

func (*handOver) Disconnected(*netconn.Conn, error) {}
