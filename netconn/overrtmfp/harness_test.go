package overrtmfp_test

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestInMemory(t *testing.T) { netconntest.Run(t, memory{}) }

func TestOverLoopback(t *testing.T) { netconntest.Run(t, loopback{}) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// memory connects over a simulated network, loopback over UDP.
type (
	memory   struct{}
	loopback struct{}
)

func (memory) Virtual() bool   { return true }
func (loopback) Virtual() bool { return false }

func (memory) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	live := simnet.Start(1)
	t.Cleanup(live.Close)
	host := live.NewHost(netip.MustParseAddrPort("192.0.2.1:1935"))
	clients := 0
	return serve(t, h, o, rtmfp.Config{Addresses: []string{":0"}, Sockets: live.Sockets(host)}, func() rtmfp.Config {
		clients++
		own := live.NewHost(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(clients)}), 50000))
		return rtmfp.Config{Addresses: []string{":0"}, Sockets: live.Sockets(own)}
	})
}

func (loopback) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	address := rtmfp.Config{Addresses: []string{"127.0.0.1:0"}}
	return serve(t, h, o, address, func() rtmfp.Config { return address })
}

// server is a running server of either harness.
type server struct {
	front    *overrtmfp.Server
	endpoint *rtmfp.Endpoint
	client   func() rtmfp.Config
}

func serve(t *testing.T, h netconn.Handler, o netconntest.Options, c rtmfp.Config, client func() rtmfp.Config) *server {
	t.Helper()
	s := &server{client: client}
	s.front = overrtmfp.NewServer(h, overrtmfp.Config{NetConn: o.NetConn, Limits: overrtmfp.Limits{QueueTime: o.WriteTimeout}}, quiet)
	identity, err := flash.NewIdentity(flash.IdentityConfig{AcceptsAncillary: true, Groups: []flash.Group{flash.Group2}})
	if err != nil {
		t.Fatal(err)
	}
	c.Crypto, c.Identity, c.Listener, c.Introducer, c.Log = flash.Profile{}, identity, s.front.Listener(), s.front, quiet
	c.Times.KeepAlive, c.Times.GiveUp = o.IdleTime, o.PingTimeout
	if s.endpoint, err = rtmfp.Listen(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.front.Tell(netconn.Status{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.endpoint.Shutdown(ctx)
	})
	return s
}

func (s *server) Dial(t *testing.T, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error) {
	c, err := s.dial(t, o, e)
	if err != nil {
		return nil, err
	}
	return c.Client, nil
}

func (s *server) dial(t *testing.T, o netconn.ConnectOptions, e netconn.ClientEvents) (*overrtmfp.Client, error) {
	c, err := overrtmfp.Dial(t.Context(), "rtmfp://localhost/"+o.App, overrtmfp.DialOptions{
		Connect: o, Events: e, Listen: s.client(), Addresses: s.endpoint.Addrs(), Log: quiet})
	if err == nil {
		t.Cleanup(func() {
			c.Close()
			<-c.Ended()
		})
	}
	return c, err
}

func (s *server) Tell(status netconn.Status) { s.front.Tell(status) }
func (s *server) Dead() uint64               { return s.front.Stats().Dead.Load() }
func (s *server) Slow() uint64               { return s.front.Stats().Slow.Load() }

func (s *server) Open(t *testing.T) netconntest.Wire {
	t.Skip("no wire yet")
	return nil
}
