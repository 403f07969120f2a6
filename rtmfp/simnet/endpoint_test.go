package simnet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// public is an address of the simulated internet, private one behind a NAT.
func public(last byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), 1935)
}

func private(last byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, last}), 50000)
}

// world is a live network with endpoints, which the end of the test closes.
type world struct {
	*simnet.Live
	t testing.TB
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{Live: simnet.Start(seed), t: t}
	t.Cleanup(w.Close)
	return w
}

// party is an endpoint that keeps what it is told in channels, which hold more than any test needs.
type party struct {
	*rtmfp.Endpoint
	t        testing.TB
	host     *simnet.Host
	identity *flash.Identity
	accepted chan *rtmfp.Session
	heard    chan string
	moved    chan netip.AddrPort // where far ends turn up
}

func (w *world) join(host *simnet.Host, shards int, introducer rtmfp.Introducer) *party {
	w.t.Helper()
	random := w.Random()
	identity, err := flash.NewIdentity(flash.IdentityConfig{Groups: []flash.Group{flash.Group2}, Random: random, AcceptsAncillary: true})
	if err != nil {
		w.t.Fatal(err)
	}
	p := &party{
		t: w.t, host: host, identity: identity,
		accepted: make(chan *rtmfp.Session, 16), heard: make(chan string, 1<<14), moved: make(chan netip.AddrPort, 64),
	}
	p.Endpoint, err = rtmfp.Listen(w.t.Context(), rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: w.Sockets(host), Shards: shards, Random: random,
		Identity: identity, Listener: rtmfp.Listener{Accept: p.accept}, Introducer: introducer,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = p.Endpoint.Close() })
	return p
}

func (p *party) accept(s *rtmfp.Session) rtmfp.SessionHandler {
	p.accepted <- s
	return p.handler()
}

func (p *party) handler() rtmfp.SessionHandler {
	return rtmfp.SessionFuncs{
		OnFlow: func(*rtmfp.ReceiveFlow) rtmfp.FlowHandler {
			return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) { p.heard <- string(m.Data) }}
		},
		OnMoved: func(s *rtmfp.Session, _ rtmfp.Path) { p.moved <- s.Path().Addr },
	}
}

// seek dials another party, at an address that may be somebody else's who introduces.
func (p *party) seek(whom *party, at netip.AddrPort) (*rtmfp.Session, error) {
	return p.Dial(p.t.Context(), rtmfp.DialConfig{
		Addresses: []netip.AddrPort{at}, Discriminator: whom.identity.Certificate().CanonicalDiscriminator(), Handler: p.handler(),
	})
}

func (p *party) dial(whom *party) *rtmfp.Session {
	p.t.Helper()
	session, err := p.seek(whom, whom.Addrs()[0])
	if err != nil {
		p.t.Fatal(err)
	}
	return session
}

// say sends numbered messages of various sizes on a new flow, one each interval.
func say(t testing.TB, s *rtmfp.Session, count int, interval time.Duration) {
	t.Helper()
	var flow *rtmfp.SendFlow
	for i := range count {
		failed := make(chan error, 1)
		s.Do(func() { failed <- sendOn(s, &flow, message(i)) })
		if err := <-failed; err != nil {
			t.Error(err)
			return
		}
		time.Sleep(interval)
	}
}

func sendOn(s *rtmfp.Session, flow **rtmfp.SendFlow, body string) (err error) {
	if *flow == nil {
		if *flow, err = s.OpenFlow(rtmfp.FlowConfig{}); err != nil {
			return err
		}
	}
	_, err = (*flow).Send(rtmfp.Outgoing{Body: []byte(body)})
	return err
}

func message(i int) string { return fmt.Sprint(i, strings.Repeat("x", i*37%3000)) }

// hears fails the test unless these messages come, in order.
func (p *party) hears(count int) {
	p.t.Helper()
	for i := range count {
		if got := <-p.heard; got != message(i) {
			p.t.Fatalf("got %.20q, want %.20q", got, message(i))
		}
	}
}

func (w *world) lost(hosts ...*simnet.Host) (lost uint64) {
	w.Do(func() {
		for _, h := range hosts {
			up, down := h.Up().Counters(), h.Down().Counters()
			lost += up.Lost + up.Blackout + down.Lost + down.Blackout
		}
	})
	return lost
}

func TestEndpointsTalkOverALossyWay(t *testing.T) {
	for _, shards := range []int{1, 4} {
		t.Run(fmt.Sprint(shards, " shards"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { talkOverALossyWay(t, shards) })
		})
	}
}

func talkOverALossyWay(t *testing.T, shards int) {
	w := newWorld(t, 1)
	server, client := w.join(w.NewHost(public(1)), shards, nil), w.join(w.NewHost(public(2)), shards, nil)
	w.Do(func() { client.host.SetLinks(simnet.Conditions{Delay: 50 * time.Millisecond, Loss: 0.05}) })
	near := client.dial(server)
	far := <-server.accepted
	go say(t, far, 300, 10*time.Millisecond)
	say(t, near, 300, 10*time.Millisecond)
	server.hears(300)
	client.hears(300)
	if lost := w.lost(client.host); lost < 10 {
		t.Errorf("only %d datagrams were lost", lost)
	}
	rtt := make(chan time.Duration, 1)
	near.Do(func() { rtt <- near.Stats().MinRTT })
	if got := <-rtt; got < 90*time.Millisecond || got > 150*time.Millisecond {
		t.Errorf("round trip of %v over 100 ms", got)
	}
}

func TestPeersMeetThroughNATs(t *testing.T) {
	for _, kind := range []simnet.NATKind{simnet.FullCone, simnet.AddressRestricted, simnet.PortRestricted} {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { meetThroughNATs(t, kind) })
		})
	}
}

// behindNATs has an introducer in public, and two of its clients behind NATs of a kind.
func behindNATs(t *testing.T, kind simnet.NATKind) (w *world, introducer *party, peers [2]*party, nats [2]*simnet.NAT) {
	w = newWorld(t, 2)
	introducer = w.join(w.NewHost(public(1)), 1, rtmfp.IntroduceAll{})
	for i := range peers {
		nats[i] = w.NewNAT(public(byte(10+i)).Addr(), simnet.NATSettings{Kind: kind, Timeout: time.Minute})
		w.Do(func() { nats[i].SetLinks(simnet.Conditions{Delay: 50 * time.Millisecond, Loss: 0.05}) })
		peers[i] = w.join(w.NewHostBehind(nats[i], private(byte(2+i))), 1, nil)
		peers[i].dial(introducer)
	}
	return w, introducer, peers, nats
}

func meetThroughNATs(t *testing.T, kind simnet.NATKind) {
	w, introducer, peers, nats := behindNATs(t, kind)
	session, err := peers[0].seek(peers[1], introducer.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	var mapped netip.AddrPort
	w.Do(func() { mapped, _ = nats[1].Mapped(peers[1].host.Addr(0), introducer.host.Addr(0)) })
	path := make(chan rtmfp.Path, 1)
	session.Do(func() { path <- session.Path() })
	if got := (<-path).Addr; got != mapped {
		t.Errorf("the peer is at %v, and seen at %v by others", got, mapped)
	}
	say(t, session, 50, time.Millisecond)
	peers[1].hears(50)
}

func TestPeersBehindSymmetricNATsDoNotMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, introducer, peers, _ := behindNATs(t, simnet.Symmetric)
		if _, err := peers[0].seek(peers[1], introducer.Addrs()[0]); !errors.Is(err, rtmfp.ErrTimeout) {
			t.Errorf("got %v", err)
		}
	})
}

func TestNoMessageIsLostWhenTheHostMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		server, client := w.join(w.NewHost(public(1)), 1, nil), w.join(w.NewHost(public(2)), 1, nil)
		nat := w.NewNAT(public(9).Addr(), simnet.NATSettings{Kind: simnet.Symmetric})
		w.Do(func() { client.host.SetLinks(simnet.Conditions{Delay: 50 * time.Millisecond, Loss: 0.05}) })
		near := client.dial(server)
		far := <-server.accepted
		const count = 2000
		go say(t, far, count, 20*time.Millisecond)
		go say(t, near, count, 20*time.Millisecond)
		for _, x := range []struct {
			to     netip.Addr
			change func()
		}{
			{public(3).Addr(), func() { client.host.Move(0, public(3), nil) }},
			{public(9).Addr(), func() { client.host.Move(0, private(2), nat) }},
			{public(9).Addr(), nat.Rebind},
			{public(8).Addr(), func() { nat.Renumber(public(8).Addr()) }},
		} {
			time.Sleep(2 * time.Second)
			w.Do(x.change)
			if at := <-server.moved; at.Addr() != x.to {
				t.Errorf("the client turned up at %v, not at %v", at, x.to)
			}
		}
		server.hears(count)
		client.hears(count)
		if more := len(server.moved) + len(client.moved); more != 0 {
			t.Errorf("%d moves that nobody made", more)
		}
	})
}

func TestMessagesComeAfterABlackout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		server, client := w.join(w.NewHost(public(1)), 1, nil), w.join(w.NewHost(public(2)), 1, nil)
		w.Do(func() { client.host.SetLinks(simnet.Conditions{Delay: 20 * time.Millisecond}) })
		near := client.dial(server)
		w.Do(func() {
			w.Network().After(time.Second, func() { client.host.Blackout(20 * time.Second) })
		})
		began := time.Now()
		say(t, near, 200, 10*time.Millisecond)
		server.hears(200)
		if took := time.Since(began); took < 21*time.Second || took > 40*time.Second {
			t.Errorf("took %v, with a blackout until 21 s", took)
		}
		if lost := w.lost(client.host); lost == 0 {
			t.Error("nothing was lost")
		}
	})
}

func TestBottleneckBoundsWhatArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		server, client := w.join(w.NewHost(public(1)), 1, nil), w.join(w.NewHost(public(2)), 1, nil)
		w.Do(func() {
			client.host.SetLinks(simnet.Conditions{Delay: 20 * time.Millisecond, Rate: 2e6, Queue: 32 << 10})
		})
		near := client.dial(server)
		const count = 1000 // 1.5 MB, which is 6 s
		began := time.Now()
		say(t, near, count, 0)
		server.hears(count)
		if took := time.Since(began); took < 5*time.Second || took > 15*time.Second {
			t.Errorf("took %v", took)
		}
		if stats := client.Stats().Sockets[0]; stats.Dropped() != 0 || stats.Sent < count {
			t.Errorf("socket: %+v", stats)
		}
	})
}

func TestSameSeedGivesSameRun(t *testing.T) {
	run := func(seed uint64) (counters simnet.Counters) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed)
			a, b := open(t, w.Live, w.NewHost(public(1))), open(t, w.Live, w.NewHost(public(2)))
			w.Do(func() {
				a.host.Up().Set(simnet.Conditions{Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.2, Duplicate: 0.1})
			})
			sizes := rand.New(rand.NewPCG(1, 1))
			for range 1000 {
				a.send(b.LocalAddr(), strings.Repeat("x", sizes.IntN(1000)+1))
				time.Sleep(time.Millisecond)
			}
			w.Do(func() { counters = a.host.Up().Counters() })
		})
		return counters
	}
	first := run(7)
	if again := run(7); first != again || first.Lost == 0 {
		t.Errorf("first %+v, then %+v", first, again)
	}
	if other := run(8); first == other {
		t.Error("another seed gives the same")
	}
}

func TestEndpointFailsWhenTheNetworkIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		p := w.join(w.NewHost(public(1)), 2, nil)
		w.Close()
		if err := p.Wait(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
		if _, err := w.Sockets(p.host)(t.Context(), ":0", 1, rtmfp.Config{}.Socket); !errors.Is(err, net.ErrClosed) {
			t.Errorf("listening at a closed network: %v", err)
		}
	})
}

func TestRealTimeWillDo(t *testing.T) {
	w := newWorld(t, 1)
	server, client := w.join(w.NewHost(public(1)), 2, nil), w.join(w.NewHost(public(2)), 2, nil)
	w.Do(func() { client.host.SetLinks(simnet.Conditions{Delay: time.Millisecond, Loss: 0.01}) })
	near := client.dial(server)
	say(t, near, 300, 0)
	server.hears(300)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := client.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
