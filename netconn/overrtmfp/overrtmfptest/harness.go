// Package overrtmfptest runs servers over RTMFP for tests: in a simulated network and over UDP.
package overrtmfptest

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// The harnesses: Memory connects over a simulated network, Loopback over UDP.
type (
	Memory struct {
		Conditions simnet.Conditions // of each client's access
		Config     overrtmfp.Config  // NetConn and Limits.QueueTime are the options'
	}
	Loopback struct{}
)

// Virtual is true.
func (Memory) Virtual() bool { return true }

// Virtual is false.
func (Loopback) Virtual() bool { return false }

// unnoticed is how soon a server in memory notices that a client is gone, unless the options say otherwise.
const unnoticed = 5 * time.Second

// Serve starts a server.
func (m Memory) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	return m.Start(t, h, o)
}

// Start is Serve, for those who want to see more of the server.
func (m Memory) Start(t *testing.T, h netconn.Handler, o netconntest.Options) *Server {
	t.Helper()
	live := simnet.Start(1)
	t.Cleanup(live.Close)
	host := live.NewHost(netip.MustParseAddrPort("192.0.2.1:1935"))
	var clients atomic.Uint32
	if o.IdleTime == 0 {
		o.IdleTime, o.PingTimeout = unnoticed/2, unnoticed/2
	}
	s := start(t, h, o, m.Config, rtmfp.Config{Addresses: []string{":0"}, Sockets: live.Sockets(host)})
	s.virtual = true
	s.Site = func() Site {
		n := clients.Add(1)
		own := live.NewHost(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(100 + n>>8), byte(n)}), 50000))
		live.Do(func() { own.SetLinks(m.Conditions) })
		return Site{
			Config:   rtmfp.Config{Addresses: []string{":0"}, Sockets: live.Sockets(own)},
			Blackout: func(d time.Duration) { live.Do(func() { own.Blackout(d) }) },
		}
	}
	return s
}

// Serve starts a server.
func (l Loopback) Serve(t *testing.T, h netconn.Handler, o netconntest.Options) netconntest.Server {
	return l.Start(t, h, o)
}

// Start is Serve, for those who want to see more of the server.
func (Loopback) Start(t *testing.T, h netconn.Handler, o netconntest.Options) *Server {
	t.Helper()
	address := rtmfp.Config{Addresses: []string{"127.0.0.1:0"}}
	s := start(t, h, o, overrtmfp.Config{}, address)
	s.Site = func() Site { return Site{Config: address} }
	return s
}

// Site is where a client is. Blackout, if not nil, cuts it off for a time.
type Site struct {
	Config   rtmfp.Config
	Blackout func(time.Duration)
}

// Server is a running server of either harness.
type Server struct {
	Front    *overrtmfp.Server
	Endpoint *rtmfp.Endpoint
	// Site makes a place for another client. It may be called from any goroutine.
	Site    func() Site
	virtual bool
}

func start(t *testing.T, h netconn.Handler, o netconntest.Options, own overrtmfp.Config, c rtmfp.Config) *Server {
	t.Helper()
	s := new(Server)
	own.NetConn = o.NetConn
	if o.WriteTimeout > 0 {
		own.Limits.QueueTime = o.WriteTimeout
	}
	s.Front = overrtmfp.NewServer(h, own, quiet)
	c.Crypto, c.Identity, c.Listener, c.Introducer, c.Log = flash.Profile{}, Identity(t, true), s.Front.Listener(), s.Front, quiet
	c.Times.KeepAlive, c.Times.GiveUp = o.IdleTime, o.PingTimeout
	var err error
	if s.Endpoint, err = rtmfp.Listen(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Front.Tell(netconn.Status{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Endpoint.Shutdown(ctx)
	})
	return s
}

// Identity is that of a server or a client, in the group that costs least.
func Identity(t *testing.T, server bool) *flash.Identity {
	t.Helper()
	i, err := identity(server)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func identity(server bool) (*flash.Identity, error) {
	return flash.NewIdentity(flash.IdentityConfig{AcceptsAncillary: server, Groups: []flash.Group{flash.Group2}})
}

// Manner is that of RTMFP: flows have no order among each other, StreamBegin of stream 0 is not said (RFC 7425 5.3), and keepalive
// periods are advised.
func (*Server) Manner() netconntest.Manner {
	return netconntest.Manner{Lanes: true, Rejects: true, After: []string{"control 41 20000"}}
}

// Dial connects a client.
func (s *Server) Dial(t *testing.T, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error) {
	c, err := s.DialClient(t, o, e)
	if err != nil {
		return nil, err
	}
	return c.Client, nil
}

// DialClient is Dial, for those who want to see more of the client.
func (s *Server) DialClient(t *testing.T, o netconn.ConnectOptions, e netconn.ClientEvents) (*overrtmfp.Client, error) {
	c, err := s.Connect(t.Context(), o, e)
	if err == nil {
		t.Cleanup(func() {
			c.Close()
			<-c.Ended()
		})
	}
	return c, err
}

// Connect connects a client that somebody else ends.
func (s *Server) Connect(ctx context.Context, o netconn.ConnectOptions, e netconn.ClientEvents) (*overrtmfp.Client, error) {
	own, err := identity(false)
	if err != nil {
		return nil, err
	}
	return overrtmfp.Dial(ctx, "rtmfp://localhost/"+o.App, overrtmfp.DialOptions{
		Connect: o, Events: e, Listen: s.Site().Config, Addresses: s.Endpoint.Addrs(), Log: quiet, Identity: own,
		Limits: overrtmfp.Limits{Lifetimes: netconntest.Forever}})
}

// Tell sends every client a status and ends its connection.
func (s *Server) Tell(status netconn.Status) { s.Front.Tell(status) }

// Dead returns how many clients have fallen silent.
func (s *Server) Dead() uint64 { return s.Front.Stats().Dead.Load() }

// Slow returns how many clients took nothing.
func (s *Server) Slow() uint64 { return s.Front.Stats().Slow.Load() }
