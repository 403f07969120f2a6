package overrtmfp_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
)

// asks has the attacker wish for peers, each of which it seeks for two seconds. It does not wait for the outcome.
func (a *attacker) asks(n int, peer func(i int) rtmfp.PeerID, over time.Duration) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), over+2*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			p := peer(i)
			s, err := a.endpoint.Dial(ctx, rtmfp.DialConfig{
				Discriminator: flash.Discriminator{Fingerprint: &p}.Append(nil), Addresses: a.siege.endpoint.Addrs(), Handler: rtmfp.SessionFuncs{},
			})
			if err == nil {
				s.Do(s.Close)
			}
		})
		time.Sleep(over / time.Duration(n))
	}
	all.Wait()
}

// wishes notes what the room is asked.
type wishes struct {
	mu      sync.Mutex
	all     []netconn.IntroduceRequest
	replies []*netconn.Reply[netconn.IntroduceAnswer]
}

func (w *wishes) note(q netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all, w.replies = append(w.all, q), append(w.replies, reply)
}

func (w *wishes) count(of func(netconn.IntroduceRequest) bool) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.all {
		if of(q) {
			n++
		}
	}
	return n
}

func from(id string) func(netconn.IntroduceRequest) bool {
	return func(q netconn.IntroduceRequest) bool { return q.From != nil && q.From.Far().PeerID == id }
}

func numbered(i int) (p rtmfp.PeerID) {
	p[0], p[1], p[2] = byte(i), byte(i>>8), 1
	return p
}

// Whoever asks for everybody is heard so many times a second. Others are introduced to the same peers meanwhile.
func TestFloodOfWishesForIntroductions(t *testing.T) {
	for name, different := range map[string]bool{"everybody": true, "the same one": false} {
		t.Run(name, func(t *testing.T) {
			besieged(t, overrtmfp.Config{Introductions: 10}, func(t *testing.T, s *siege) {
				var w wishes
				s.room.Introduces = func(q netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
					w.note(q, reply)
					reply.Give(netconn.IntroduceAnswer{})
				}
				publisher, player := s.connects(s.near()), s.connects(s.near())
				publishesDirectly(t, publisher, "direct")
				a := s.attacker().connects()
				target := func(int) rtmfp.PeerID { return publisher.PeerID() }
				most := 12 // in five seconds
				if different {
					target, most = numbered, 60
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					a.asks(2000, target, 3*time.Second)
				}()
				time.Sleep(500 * time.Millisecond)
				begun := time.Now()
				v, d := playsDirectly(t, player, publisher.PeerID(), "direct")
				if took := time.Since(begun); took > 3*time.Second {
					t.Errorf("the innocent was introduced after %v", took)
				}
				_ = v
				_ = d.Close()
				<-done
				id := certified(a).String()
				if n := w.count(from(id)); n == 0 || n > most {
					t.Errorf("%d wishes of the attacker were heard, want at most %d", n, most)
				}
				if n := s.front.Stats().NotIntroduced.Load(); n < 1000 {
					t.Errorf("%d wishes were turned down", n)
				}
				a.alive()
				a.leaves()
				publisher.Close()
				player.Close()
			})
		})
	}
}

// certified is the attacker's peer ID as the server has it.
func certified(a *attacker) (id rtmfp.PeerID) {
	a.do(func() { id = a.session.NearCertificate().PeerID() })
	return id
}

func TestStrangersDoNotUseUpTheWishesOfClients(t *testing.T) {
	besieged(t, overrtmfp.Config{Introductions: 10}, func(t *testing.T, s *siege) {
		var w wishes
		s.room.Introduces = func(q netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
			w.note(q, reply)
			if q.From == nil || q.To == nil || q.From.Request().App != q.To.Request().App {
				reply.Give(netconn.IntroduceAnswer{Err: errors.New("not of the same application")})
				return
			}
			reply.Give(netconn.IntroduceAnswer{})
		}
		publisher, player := s.connects(s.near()), s.connects(s.near())
		publishesDirectly(t, publisher, "direct")
		a := s.attacker() // which is a session, but not connected
		a.leaves()
		stranger := s.stranger()
		done := make(chan struct{})
		go func() {
			defer close(done)
			stranger.asks(1000, func(int) rtmfp.PeerID { return publisher.PeerID() }, 2*time.Second)
		}()
		time.Sleep(time.Second)
		_, d := playsDirectly(t, player, publisher.PeerID(), "direct")
		_ = d.Close()
		<-done
		if n := w.count(func(q netconn.IntroduceRequest) bool { return q.From == nil }); n == 0 || n > 40 {
			t.Errorf("%d wishes of strangers were heard", n)
		}
		if n := s.front.Stats().Introduced.Load(); n != 1 {
			t.Errorf("%d were introduced, want 1", n)
		}
		publisher.Close()
		player.Close()
	})
}

// stranger is an attacker without a session.
func (s *siege) stranger() *attacker {
	endpoint, err := rtmfp.Listen(s.t.Context(), rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: s.live.Sockets(s.near()), Shards: 1, Identity: identity(s.t, false),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = endpoint.Close() })
	return &attacker{t: s.t, siege: s, endpoint: endpoint}
}

// An application that does not answer has few open questions of each client, and may answer when everybody has gone.
func TestWishesThatAreAnsweredTooLate(t *testing.T) {
	besieged(t, overrtmfp.Config{Introductions: 10}, func(t *testing.T, s *siege) {
		var w wishes
		s.room.Introduces = w.note
		publisher := s.connects(s.near())
		a := s.attacker().connects()
		a.asks(300, func(i int) rtmfp.PeerID {
			if i == 0 {
				return publisher.PeerID()
			}
			if i == 1 {
				return certified(a)
			}
			return numbered(i)
		}, 10*time.Second)
		if n := len(w.replies); n != 10 {
			t.Errorf("%d questions are open, want 10", n)
		}
		publisher.Close()
		a.leaves()
		time.Sleep(5 * time.Second)
		for i, reply := range w.replies {
			answer := netconn.IntroduceAnswer{}
			if i%2 == 1 {
				answer.Redirect = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9")}
			}
			if !reply.Give(answer) {
				t.Error("answered already")
			}
		}
		time.Sleep(time.Second)
	})
}

// What clients say of their own addresses is bounded and sorted out. Nobody sends anything to loopback, to groups or to nowhere.
func TestSpoofedPeerInfo(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		spoofed := []string{
			"127.0.0.1:1935", "[::1]:1935", "0.0.0.0:1", "[::]:1", "224.0.0.1:1935", "[ff02::1]:1935", "255.255.255.255:1935", "169.254.1.1:1",
			"[fe80::1%eth0]:1935", "[::ffff:127.0.0.1]:1935", "[::ffff:224.0.0.1]:5", "203.0.113.5:0", "localhost:1935", "203.0.113.5", "", ":", "x:y",
			"203.0.113.5:99999", "203.0.113.5:-1", "[203.0.113.5]:1", "[2001:db8::1%25x]:7", "[::ffff:203.0.113.7]:1935", "192.0.2.1:1935",
		}
		allowed := map[string]bool{"203.0.113.7:1935": true, "192.0.2.1:1935": true, "[2001:db8::1]:7": true}
		var sent []string
		s.live.Do(func() {
			s.live.Network().Tap(func(e simnet.Event) {
				if ip := e.To.Addr(); ip.IsLoopback() || ip.IsMulticast() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || e.To.Port() == 0 {
					sent = append(sent, fmt.Sprint(e))
				}
			})
		})
		for len(s.room.Came) > 0 {
			<-s.room.Came
		}
		a := s.attacker().connects()
		conn := netconntest.Await(t, "client", s.room.Came)
		tells := func(addresses ...string) {
			values := []amf.Value{nil}
			for _, text := range addresses {
				values = append(values, text)
			}
			a.says(command("setPeerInfo", 0, values...))
		}
		tells(spoofed...)
		a.alive()
		for _, addr := range conn.PeerAddresses() {
			if !allowed[addr.String()] {
				t.Errorf("the server took %v", addr)
			}
		}
		victim := s.connects(s.near())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := victim.PlayDirect(ctx, certified(a), "x", netconn.StreamEvents{}); err == nil {
			t.Error("the attacker publishes")
		}
		var many []string
		for i := range 5000 {
			many = append(many, fmt.Sprintf("203.0.%d.%d:1935", 100+i/250, i%250))
		}
		tells(many...)
		for range 3000 {
			tells(spoofed[:3]...)
			tells(many[:50]...)
		}
		a.settled()
		if n := len(conn.PeerAddresses()); n != 16 {
			t.Errorf("the server has taken %d addresses", n)
		}
		a.says(command("setPeerInfo", 0), command("setPeerInfo", 0, nil, nil, 5.0, amf.NewObject(), true))
		a.settled()
		victim.Close()
		a.leaves()
		s.live.Do(func() {
			for _, line := range sent {
				t.Error("sent where nobody may be sent to:", line)
			}
		})
	})
}

// A server that sends its clients to loopback, to groups and to nowhere is not followed there.
func TestRedirectionsToPlacesThatAreNoEndpoints(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		s.room.Introduces = func(_ netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
			var to []netip.AddrPort
			for _, text := range []string{"127.0.0.1:9", "[::ffff:127.0.0.1]:9", "224.0.0.1:9", "0.0.0.0:9", "203.0.113.9:0", "203.0.113.9:9"} {
				to = append(to, netip.MustParseAddrPort(text))
			}
			reply.Give(netconn.IntroduceAnswer{Redirect: to})
		}
		victim := s.connects(s.near())
		tried := make(map[netip.AddrPort]bool)
		s.live.Do(func() {
			s.live.Network().Tap(func(e simnet.Event) {
				if e.Fate == simnet.Unreachable {
					tried[e.To] = true
				}
			})
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := victim.PlayDirect(ctx, numbered(1), "x", netconn.StreamEvents{}); err == nil {
			t.Error("somebody has answered")
		}
		s.live.Do(func() {
			if good := netip.MustParseAddrPort("203.0.113.9:9"); len(tried) != 1 || !tried[good] {
				t.Errorf("the client has tried %v, want %v alone", tried, good)
			}
		})
		victim.Close()
	})
}

// A client with the copied certificate of another, which is no proof, does not have that one forgotten when it goes.
func TestCopiedPeerIDIsForgottenWithItsCopy(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		shared := identity(t, false)
		publisher := s.connects(s.near(), func(o *overrtmfp.DialOptions) { o.Identity = shared })
		publishesDirectly(t, publisher, "direct")
		copies := s.connects(s.near(), func(o *overrtmfp.DialOptions) { o.Identity = shared })
		copies.Close()
		<-copies.Ended()
		time.Sleep(time.Second)
		player := s.connects(s.near())
		_, d := playsDirectly(t, player, publisher.PeerID(), "direct")
		_ = d.Close()
		player.Close()
		publisher.Close()
	})
}
