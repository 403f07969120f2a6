package overrtmfp_test

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
)

// stage is a server in a simulated network, to whose room clients come from hosts of their own. It belongs in a bubble.
type stage struct {
	t        *testing.T
	live     *simnet.Live
	host     *simnet.Host
	room     *netconntest.Room
	front    *overrtmfp.Server
	endpoint *rtmfp.Endpoint
	hosts    int
	seed     uint64

	mu      sync.Mutex
	streams map[*netconn.Conn]*netconn.Stream // what each client plays
}

// onStage runs a test in virtual time. prepare may change the room before anybody comes.
func onStage(t *testing.T, seed uint64, config overrtmfp.Config, test func(*testing.T, *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newStage(t, seed, config)) })
}

func newStage(t *testing.T, seed uint64, config overrtmfp.Config) *stage {
	t.Helper()
	s := &stage{t: t, live: simnet.Start(seed), room: netconntest.NewRoom(), seed: seed, streams: make(map[*netconn.Conn]*netconn.Stream)}
	t.Cleanup(s.live.Close)
	s.room.Delivery = netconn.Delivery{Mode: netconn.WriteOff} // with the lifetimes of the configuration
	s.host = s.live.NewHost(netip.MustParseAddrPort("192.0.2.1:1935"))
	s.front = overrtmfp.NewServer(handler{s.room, s}, config, quiet)
	var err error
	s.endpoint, err = rtmfp.Listen(t.Context(), rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: s.live.Sockets(s.host), Shards: 1,
		Identity: identity(t, true), Listener: s.front.Listener(), Introducer: s.front, Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.leave)
	return s
}

// handler is the stage's room, and notes what is played.
type handler struct {
	*netconntest.Room
	stage *stage
}

func (h handler) Play(c *netconn.Conn, q netconn.PlayRequest, reply *netconn.Reply[netconn.PlayAnswer]) {
	h.stage.mu.Lock()
	h.stage.streams[c] = q.Stream
	h.stage.mu.Unlock()
	h.Room.Play(c, q, reply)
}

// leave ends the server in good order, if it still runs.
func (s *stage) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.endpoint.Shutdown(ctx)
}

// publicHost makes a host with an address of its own on the internet.
func (s *stage) publicHost() *simnet.Host {
	s.hosts++
	return s.live.NewHost(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(s.hosts)}), 50000))
}

// hostAt makes such a host on lines with conditions.
func (s *stage) hostAt(down simnet.Conditions) *simnet.Host {
	h := s.publicHost()
	s.set(h, down)
	return h
}

// set gives a host's lines conditions. The rate is that of the way down: acknowledgements have room.
func (s *stage) set(h *simnet.Host, down simnet.Conditions) {
	up := down
	up.Rate, up.Queue = 0, 0
	s.live.Do(func() {
		h.Down().Set(down)
		h.Up().Set(up)
	})
}

// connects connects a client on a host; change may say more about it.
func (s *stage) connects(h *simnet.Host, change ...func(*overrtmfp.DialOptions)) *overrtmfp.Client {
	s.t.Helper()
	c, err := s.tryConnect(h, change...)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *stage) tryConnect(h *simnet.Host, change ...func(*overrtmfp.DialOptions)) (*overrtmfp.Client, error) {
	o := overrtmfp.DialOptions{
		Connect: netconn.ConnectOptions{App: "live"}, Identity: identity(s.t, false), Addresses: s.endpoint.Addrs(), Log: quiet,
		Listen: rtmfp.Config{Addresses: []string{":0"}, Sockets: s.live.Sockets(h), Log: quiet},
	}
	for _, f := range change {
		f(&o)
	}
	c, err := overrtmfp.Dial(s.t.Context(), "rtmfp://localhost/live", o)
	if err == nil {
		s.t.Cleanup(func() {
			c.Close()
			<-c.Ended()
		})
	}
	return c, err
}

// moment is a context that ends when something takes longer than it may in virtual time.
func moment(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// roundTrip gives half of it to each direction of a host's line.
func roundTrip(d time.Duration) simnet.Conditions { return simnet.Conditions{Delay: d / 2} }

// soak says whether tests may take as long as they like.
func soak() bool { return os.Getenv("AFTERGLOW_SOAK") != "" }

// soakingTimes is soaking for repetitions.
func soakingTimes(short, long uint64) uint64 {
	if soak() {
		return long
	}
	return short
}

// soaking gives the longer of two spans where tests may take as long as they like.
func soaking(short, long time.Duration) time.Duration {
	if soak() {
		return long
	}
	return short
}
