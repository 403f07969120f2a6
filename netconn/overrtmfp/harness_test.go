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

func TestOverLoopback(t *testing.T) {
	t.Parallel() // most of its time it waits for acknowledgements
	netconntest.Run(t, loopback{})
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// memory connects over a simulated network, loopback over UDP.
type (
	memory struct {
		conditions simnet.Conditions // of each client's access
		config     overrtmfp.Config  // NetConn and Limits.QueueTime are the options'
	}
	loopback struct{}
)

func (memory) Virtual() bool   { return true }
func (loopback) Virtual() bool { return false }

// unnoticed is how soon a server in memory notices that a client is gone, unless the options say otherwise.
const unnoticed = 5 * time.Second

func (m memory) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	return m.serve(t, h, o)
}

func (m memory) serve(t *testing.T, h netconn.Handler, o netconntest.Options) *server {
	live := simnet.Start(1)
	t.Cleanup(live.Close)
	host := live.NewHost(netip.MustParseAddrPort("192.0.2.1:1935"))
	clients := 0
	if o.IdleTime == 0 {
		o.IdleTime, o.PingTimeout = unnoticed/2, unnoticed/2
	}
	s := serve(t, h, o, m.config, rtmfp.Config{Addresses: []string{":0"}, Sockets: live.Sockets(host)}, func() site {
		clients++
		own := live.NewHost(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(clients)}), 50000))
		live.Do(func() { own.SetLinks(m.conditions) })
		return site{
			config:   rtmfp.Config{Addresses: []string{":0"}, Sockets: live.Sockets(own)},
			blackout: func(d time.Duration) { live.Do(func() { own.Blackout(d) }) },
		}
	})
	s.virtual = true
	return s
}

func (loopback) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	address := rtmfp.Config{Addresses: []string{"127.0.0.1:0"}}
	return serve(t, h, o, overrtmfp.Config{}, address, func() site { return site{config: address} })
}

// site is where a client is. blackout, if not nil, cuts it off for a time.
type site struct {
	config   rtmfp.Config
	blackout func(time.Duration)
}

// server is a running server of either harness.
type server struct {
	front    *overrtmfp.Server
	endpoint *rtmfp.Endpoint
	site     func() site
	virtual  bool
}

func serve(t *testing.T, h netconn.Handler, o netconntest.Options, own overrtmfp.Config, c rtmfp.Config, client func() site) *server {
	t.Helper()
	s := &server{site: client}
	own.NetConn = o.NetConn
	if o.WriteTimeout > 0 {
		own.Limits.QueueTime = o.WriteTimeout
	}
	s.front = overrtmfp.NewServer(h, own, quiet)
	c.Crypto, c.Identity, c.Listener, c.Introducer, c.Log = flash.Profile{}, identity(t, true), s.front.Listener(), s.front, quiet
	c.Times.KeepAlive, c.Times.GiveUp = o.IdleTime, o.PingTimeout
	var err error
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

// identity is that of a server or a client, in the group that costs least.
func identity(t *testing.T, server bool) *flash.Identity {
	t.Helper()
	i, err := flash.NewIdentity(flash.IdentityConfig{AcceptsAncillary: server, Groups: []flash.Group{flash.Group2}})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// Manner is that of RTMFP: flows have no order among each other, StreamBegin of stream 0 is not said (RFC 7425 5.3), and keepalive
// periods are advised.
func (*server) Manner() netconntest.Manner {
	return netconntest.Manner{Lanes: true, Rejects: true, After: []string{"control 41 20000"}}
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
		Connect: o, Events: e, Listen: s.site().config, Addresses: s.endpoint.Addrs(), Log: quiet, Identity: identity(t, false),
		Limits: overrtmfp.Limits{Lifetimes: netconntest.Forever}})
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
