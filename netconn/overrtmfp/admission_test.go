package overrtmfp_test

import (
	"context"
	"errors"
	"net/netip"
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

// house is a server in a simulated network, and the network.
type house struct {
	live     *simnet.Live
	front    *overrtmfp.Server
	endpoint *rtmfp.Endpoint
	room     *netconntest.Room
}

// inNetwork runs a test with a simulated network.
func inNetwork(t *testing.T, run func(t *testing.T, live *simnet.Live)) {
	synctest.Test(t, func(t *testing.T) {
		live := simnet.Start(1)
		t.Cleanup(live.Close)
		run(t, live)
	})
}

// newHouse runs a server at an address.
func newHouse(t *testing.T, live *simnet.Live, address string, c overrtmfp.Config) *house {
	t.Helper()
	h := &house{live: live, room: netconntest.NewRoom()}
	h.front = overrtmfp.NewServer(h.room, c, quiet)
	identity, err := flash.NewIdentity(flash.IdentityConfig{AcceptsAncillary: true, Groups: []flash.Group{flash.Group2}})
	if err != nil {
		t.Fatal(err)
	}
	h.endpoint, err = rtmfp.Listen(t.Context(), rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{":0"}, Identity: identity, Listener: h.front.Listener(), Introducer: h.front,
		Sockets: live.Sockets(live.NewHost(netip.MustParseAddrPort(address))), Shards: 1, Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.endpoint.Close() })
	return h
}

// visit connects from an address, and gives up after 10 s.
func (h *house) visit(t *testing.T, from *simnet.Host) (*overrtmfp.Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := overrtmfp.Dial(ctx, "rtmfp://server/live", overrtmfp.DialOptions{
		Addresses: h.endpoint.Addrs(), Log: quiet,
		Listen: rtmfp.Config{Addresses: []string{":0"}, Sockets: h.live.Sockets(from)},
	})
	if err == nil {
		t.Cleanup(func() {
			c.Close()
			<-c.Ended()
		})
	}
	return c, err
}

func (h *house) from(address string) *simnet.Host {
	return h.live.NewHost(netip.MustParseAddrPort(address))
}

func TestClientsAreSentToTheOtherServers(t *testing.T) {
	inNetwork(t, func(t *testing.T, live *simnet.Live) {
		other := newHouse(t, live, "192.0.2.2:1935", overrtmfp.Config{})
		h := newHouse(t, live, "192.0.2.1:1935", overrtmfp.Config{Redirect: other.endpoint.Addrs()})
		c, err := h.visit(t, h.from("198.51.100.1:50000"))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Far().Address; got != "192.0.2.2:1935" {
			t.Errorf("the client is at %s", got)
		}
		if n := h.front.Stats().Redirected.Load(); n == 0 {
			t.Error("nobody was counted as redirected")
		}
	})
}

func TestClientsAreSentAwayFromSomeNumberOn(t *testing.T) {
	inNetwork(t, func(t *testing.T, live *simnet.Live) {
		other := newHouse(t, live, "192.0.2.2:1935", overrtmfp.Config{})
		h := newHouse(t, live, "192.0.2.1:1935", overrtmfp.Config{Redirect: other.endpoint.Addrs(), RedirectAbove: 2})
		for i, want := range []string{"192.0.2.1:1935", "192.0.2.1:1935", "192.0.2.2:1935"} {
			c, err := h.visit(t, h.from(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}), 50000).String()))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Far().Address; got != want {
				t.Errorf("client %d is at %s, not %s", i, got, want)
			}
		}
	})
}

func TestSessionsAreLimited(t *testing.T) {
	for name, test := range map[string]struct {
		config    overrtmfp.Config
		addresses [3]string // the second is one too many
	}{
		"in all":         {overrtmfp.Config{Sessions: 1}, [3]string{"198.51.100.1:50000", "198.51.100.2:50000", "198.51.100.3:50000"}},
		"of one address": {overrtmfp.Config{SessionsPerAddress: 1}, [3]string{"198.51.100.1:50000", "198.51.100.1:50001", "198.51.100.1:50002"}},
		"of one network": {overrtmfp.Config{SessionsPerAddress: 1}, [3]string{"[2001:db8::1]:50000", "[2001:db8::2]:50000", "[2001:db8::3]:50000"}},
	} {
		t.Run(name, func(t *testing.T) {
			inNetwork(t, func(t *testing.T, live *simnet.Live) {
				server := "192.0.2.1:1935"
				if name == "of one network" {
					server = "[2001:db8:1::1]:1935"
				}
				h := newHouse(t, live, server, test.config)
				first, err := h.visit(t, h.from(test.addresses[0]))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := h.visit(t, h.from(test.addresses[1])); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("one too many: %v", err)
				}
				first.Close()
				<-first.Ended()
				if _, err := h.visit(t, h.from(test.addresses[2])); err != nil {
					t.Errorf("after the first has gone: %v", err)
				}
			})
		})
	}
}

func TestDeadClientIsNoticedInTheTimeThatIsSet(t *testing.T) {
	inNetwork(t, func(t *testing.T, live *simnet.Live) {
		h := newHouse(t, live, "192.0.2.1:1935", overrtmfp.Config{Silence: 3 * time.Second, GiveUp: 4 * time.Second})
		from := h.from("198.51.100.1:50000")
		if _, err := h.visit(t, from); err != nil {
			t.Fatal(err)
		}
		<-h.room.Came
		time.Sleep(time.Second) // what follows the connect is acknowledged
		live.Do(func() { from.Blackout(time.Hour) })
		begun := time.Now()
		<-h.room.Gone
		if d := time.Since(begun); d < 5*time.Second || d > 7*time.Second+100*time.Millisecond {
			t.Errorf("noticed after %v, not within 3 s and 4 s", d)
		}
		if n := h.front.Stats().Dead.Load(); n != 1 {
			t.Errorf("%d dead", n)
		}
	})
}

func TestPeerThatStoppedPlayingLeavesItsPlace(t *testing.T) {
	inNetwork(t, func(t *testing.T, live *simnet.Live) {
		h := newHouse(t, live, "192.0.2.1:1935", overrtmfp.Config{})
		publisher, err := overrtmfp.Dial(t.Context(), "rtmfp://server/live", overrtmfp.DialOptions{
			Addresses: h.endpoint.Addrs(), Log: quiet, PeerConnections: 1,
			Listen: rtmfp.Config{Addresses: []string{":0"}, Sockets: live.Sockets(h.from("198.51.100.9:50000"))},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			publisher.Close()
			<-publisher.Ended()
		}()
		if _, err := publisher.PublishDirect("film", overrtmfp.DirectOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"198.51.100.1:50000", "198.51.100.2:50000"} {
			c, err := h.visit(t, h.from(address))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			s, err := c.PlayDirect(ctx, publisher.PeerID(), "film", netconn.StreamEvents{})
			cancel()
			if err != nil {
				t.Fatalf("%s: %v", address, err)
			}
			_ = s.Close()
			<-s.Done()
			time.Sleep(time.Second)
		}
	})
}
