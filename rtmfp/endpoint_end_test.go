package rtmfp_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/udp"
)

func TestShutdownWaitsForTheFarEnds(t *testing.T) {
	server := newStation(t, rtmfp.Config{Shards: 4})
	var guests []*guest
	for range 6 {
		client := newStation(t, rtmfp.Config{Shards: 2})
		guests = append(guests, client.dial(server.to()))
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for range guests {
		if err := <-(<-server.accepted).closed; !errors.Is(err, rtmfp.ErrClosed) {
			t.Errorf("our end: %v", err)
		}
	}
	for _, g := range guests {
		if err := <-g.closed; !errors.Is(err, rtmfp.ErrClosedByPeer) {
			t.Errorf("far end: %v", err)
		}
	}
	if stats := server.Stats(); stats.Sessions != 0 || stats.SessionsClosed != 6 {
		t.Errorf("%d sessions, %d closed", stats.Sessions, stats.SessionsClosed)
	}
	expectClosed(t, server)
}

// expectClosed checks that an endpoint has ended and says so.
func expectClosed(t *testing.T, s *station) {
	t.Helper()
	if err := s.Wait(); !errors.Is(err, rtmfp.ErrClosed) {
		t.Errorf("Wait: %v", err)
	}
	if _, err := s.Dial(t.Context(), s.to()); !errors.Is(err, rtmfp.ErrClosed) {
		t.Errorf("Dial: %v", err)
	}
	if err := s.AddIdentity("late", s.identity, rtmfp.Listener{}); !errors.Is(err, rtmfp.ErrClosed) {
		t.Errorf("AddIdentity: %v", err)
	}
	if err := s.RemoveIdentity(name); !errors.Is(err, rtmfp.ErrClosed) {
		t.Errorf("RemoveIdentity: %v", err)
	}
	if err := errors.Join(s.Close(), s.Shutdown(t.Context()), s.Dump(&bytes.Buffer{})); err != nil {
		t.Errorf("again: %v", err)
	}
	s.Sessions(func(*rtmfp.Session) bool { t.Error("a session is left"); return true })
}

func TestShutdownDoesNotWaitLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newEther()
		server := newStation(t, rtmfp.Config{Shards: 2, Addresses: []string{"10.0.0.1:1935"}, Sockets: net.listen})
		client := newStation(t, rtmfp.Config{Addresses: []string{"10.0.0.2:0"}, Sockets: net.listen})
		g := client.dial(server.to())
		net.unplug(client.Addrs()[0])
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if after := time.Since(began); after != 20*time.Second {
			t.Errorf("after %v", after)
		}
		if len(g.closed) != 0 {
			t.Error("the far end heard of it")
		}
		expectClosed(t, server)
	})
}

func TestCloseTellsTheFarEnds(t *testing.T) {
	server := newStation(t, rtmfp.Config{Shards: 4})
	client := newStation(t, rtmfp.Config{Shards: 4})
	g := client.dial(server.to())
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-g.closed; !errors.Is(err, rtmfp.ErrClosedByPeer) {
		t.Errorf("far end: %v", err)
	}
	if err := <-(<-server.accepted).closed; !errors.Is(err, rtmfp.ErrClosed) {
		t.Errorf("our end: %v", err)
	}
	expectClosed(t, server)
}

func TestCloseEndsDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newEther()
		client := newStation(t, rtmfp.Config{Addresses: []string{"10.0.0.1:0"}, Sockets: net.listen})
		d := client.to()
		d.Addresses = []netip.AddrPort{netip.MustParseAddrPort("10.0.0.2:1935")}
		result := make(chan error)
		go func() {
			_, err := client.Dial(t.Context(), d)
			result <- err
		}()
		synctest.Wait()
		_ = client.Close()
		if err := <-result; !errors.Is(err, rtmfp.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestEndpointEndsWithASocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, address := range []int{0, 1} {
			net := newEther()
			addresses := []string{"10.0.0.1:1935", "10.0.1.1:1935"}
			server := newStation(t, rtmfp.Config{Shards: 4, Addresses: addresses, Sockets: net.listen})
			client := newStation(t, rtmfp.Config{Addresses: []string{"10.0.0.2:0"}, Sockets: net.listen})
			g := client.dial(server.to())
			broken := errors.New("broken")
			net.fail(server.Addrs()[address], 3, broken)
			if err := server.Wait(); !errors.Is(err, broken) {
				t.Errorf("Wait: %v", err)
			}
			if err := <-g.closed; !errors.Is(err, rtmfp.ErrClosedByPeer) {
				t.Errorf("far end: %v", err)
			}
			if _, err := server.Dial(t.Context(), client.to()); !errors.Is(err, rtmfp.ErrClosed) {
				t.Errorf("Dial: %v", err)
			}
		}
	})
}

func TestListenRefusesNonsense(t *testing.T) {
	crypto := flash.Profile{}
	failing := func(context.Context, string, int, udp.Options) ([]udp.Conn, error) { return nil, net.ErrClosed }
	for what, config := range map[string]rtmfp.Config{
		"no crypto":          {},
		"no power of two":    {Crypto: crypto, Shards: 3, Addresses: []string{loopback}},
		"too many shards":    {Crypto: crypto, Shards: 128, Addresses: []string{loopback}},
		"negative shards":    {Crypto: crypto, Shards: -1, Addresses: []string{loopback}},
		"no address":         {Crypto: crypto, Addresses: []string{"nowhere"}},
		"second address":     {Crypto: crypto, Addresses: []string{loopback, "nowhere"}},
		"no sockets":         {Crypto: crypto, Sockets: failing},
		"no randomness":      {Crypto: crypto, Addresses: []string{loopback}, Random: strings.NewReader("short")},
		"too many addresses": {Crypto: crypto, Addresses: make([]string, 257)},
	} {
		if e, err := rtmfp.Listen(t.Context(), config); err == nil {
			t.Errorf("%s: no error", what)
			_ = e.Close()
		}
	}
}
