package rtmfp_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// on is a configuration on a network in memory.
func (e *ether) on(address string, shards int) rtmfp.Config {
	return rtmfp.Config{Addresses: []string{address}, Shards: shards, Sockets: e.listen}
}

func TestDatagramsThatAnotherShardReadsReachTheirSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newEther()
		next := 0
		net.judge = func(_ flying, group int) int {
			next++
			return next % group
		}
		server := newStation(t, net.on("10.0.0.1:1935", 4))
		client := newStation(t, net.on("10.0.0.2:0", 4))
		client.dial(server.to()).talk(t, 2000)
		for _, s := range []*station{server, client} {
			stats := s.Stats()
			if stats.HandedOver < 100 || stats.HandOverDropped != 0 || stats.DroppedUnknownSession != 0 {
				t.Errorf("%d handed over, %d dropped, %d for nobody", stats.HandedOver, stats.HandOverDropped, stats.DroppedUnknownSession)
			}
		}
	})
}

// anyShard sends what starts a session to one shard after the other, and everything else where it belongs.
func anyShard() func(flying, int) int {
	next := 0
	return func(f flying, group int) int {
		if id := f.session(); id != 0 {
			return int(id) % group
		}
		next++
		return next % group
	}
}

func TestRepeatedKeyingIsAnsweredByTheShardThatHasTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newEther()
		server := newStation(t, net.on("10.0.0.1:1935", 4))
		client := newStation(t, net.on("10.0.0.2:0", 4))
		lost := 0
		judge := anyShard()
		net.judge = func(f flying, group int) int {
			if f.from == server.Addrs()[0] && f.session() != 0 && lost < 3 {
				lost++
				return -1 // an RIKeying
			}
			return judge(f, group)
		}
		client.dial(server.to()).talk(t, 10)
		stats := server.Stats()
		if stats.RepeatedKeyings == 0 || stats.RIKeyingsSent != stats.RepeatedKeyings+1 {
			t.Errorf("%d repeated, %d answers", stats.RepeatedKeyings, stats.RIKeyingsSent)
		}
		if stats.SessionsAccepted != 1 || stats.Keying.Done != 1 {
			t.Errorf("%d accepted, %d computed", stats.SessionsAccepted, stats.Keying.Done)
		}
	})
}

func TestNewSessionOfAPeerReplacesTheOldOneOnItsShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newEther()
		net.judge = anyShard()
		server := newStation(t, net.on("10.0.0.1:1935", 4))
		before := newStation(t, net.on("10.0.0.2:1935", 4))
		before.dial(server.to())
		old := <-server.accepted
		for range 5 {
			net.unplug(before.Addrs()[0])
			again := newStationOf(t, before.identity, net.on("10.0.0.2:1935", 4))
			again.dial(server.to()).talk(t, 10)
			if err := <-old.closed; !errors.Is(err, rtmfp.ErrReplaced) {
				t.Errorf("old session: %v", err)
			}
			fresh := <-server.accepted
			if fresh.session.Core() != old.session.Core() {
				t.Error("new session is on another shard than the old one")
			}
			before, old = again, fresh
		}
		if sessions, _ := server.cores(); sessions != 1 {
			t.Errorf("%d sessions", sessions)
		}
	})
}

func TestBothEndsDiallingHaveOneSession(t *testing.T) {
	for round := range 10 {
		synctest.Test(t, func(t *testing.T) {
			net := newEther()
			judge := anyShard()
			skipped := 0
			net.judge = func(f flying, group int) int {
				if skipped++; skipped <= round {
					judge(f, group) // moves on which shard is the next
				}
				return judge(f, group)
			}
			a := newStation(t, net.on("10.0.0.1:1935", 4))
			b := newStation(t, net.on("10.0.0.2:1935", 4))
			var dialling sync.WaitGroup
			dialling.Go(func() { dialEither(t, a, b) })
			dialling.Go(func() { dialEither(t, b, a) })
			dialling.Wait()
			// When both had just begun on shards that did not know of one another, one end has a session that the other has
			// replaced: it notices after a keepalive and the time for an answer.
			<-time.After(100 * time.Second)
			for _, s := range []*station{a, b} {
				if sessions, _ := s.cores(); sessions != 1 {
					t.Errorf("round %d: %d sessions", round, sessions)
				}
			}
		})
	}
}

// dialEither dials a station that may dial too.
func dialEither(t *testing.T, from, to *station) {
	d := to.to()
	d.Handler = newGuest(nil)
	var duplicate *rtmfp.DuplicateError
	if _, err := from.Dial(t.Context(), d); err != nil && !errors.As(err, &duplicate) {
		t.Error(err)
	}
}

func TestPeersOnDifferentShardsAreIntroduced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newEther()
		shardOfPort := func(f flying, group int) int {
			if id := f.session(); id != 0 {
				return int(id) % group
			}
			return int(f.from.Port()) % group
		}
		net.judge = shardOfPort
		config := net.on("10.0.0.1:1935", 4)
		config.Introducer = rtmfp.IntroduceAll{}
		server := newStation(t, config)
		a := newStation(t, net.on("10.0.0.2:5001", 4))
		b := newStation(t, net.on("10.0.0.3:5002", 4))
		a.dial(server.to())
		b.dial(server.to())
		if first, second := <-server.accepted, <-server.accepted; first.session.Core() == second.session.Core() {
			t.Fatal("both peers are on one shard")
		}
		d := b.to()
		d.Addresses = server.Addrs()
		g := a.dial(d)
		if g.session.PeerID() != b.identity.Certificate().PeerID() || g.session.Path().Addr != b.Addrs()[0] {
			t.Errorf("session with %v at %v", g.session.PeerID(), g.session.Path())
		}
		g.talk(t, 10)
	})
}

func TestCallsRunOnTheShardInTheirOrder(t *testing.T) {
	server := newStation(t, rtmfp.Config{Shards: 4})
	client := newStation(t, rtmfp.Config{Shards: 4})
	g := client.dial(server.to())
	const callers, calls = 8, 2000
	var got [callers][]int // no lock: the shard alone touches it
	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() {
			for i := range calls {
				if !g.session.Do(func() { got[caller] = append(got[caller], i) }) {
					t.Error("a call was refused")
				}
			}
		})
	}
	calling.Wait()
	done := make(chan struct{})
	g.session.Do(func() { close(done) })
	<-done
	for _, order := range got {
		if len(order) != calls || !slices.IsSorted(order) {
			t.Errorf("%d calls, in order: %v", len(order), slices.IsSorted(order))
		}
	}
}

func TestCallbacksMayCallSessionsOfAllShards(t *testing.T) {
	client := newStation(t, rtmfp.Config{Shards: 2})
	var guests []*guest
	for len(guests) < 64 {
		server := newStation(t, rtmfp.Config{Shards: 1})
		guests = append(guests, client.dial(server.to()))
		if _, cores := client.cores(); cores == 2 && len(guests) >= 8 {
			break // on which shard a session is, chance decides
		}
	}
	const many = 5000
	var pending sync.WaitGroup
	for _, from := range guests {
		pending.Add(many * len(guests))
		from.session.Do(func() {
			for range many {
				for _, to := range guests {
					to.session.Do(pending.Done)
				}
			}
		})
	}
	pending.Wait()
}

func TestCallsAfterTheEndAreRefused(t *testing.T) {
	server := newStation(t, rtmfp.Config{})
	client := newStation(t, rtmfp.Config{})
	g := client.dial(server.to())
	ran := make(chan struct{}, 1000)
	stop := make(chan struct{})
	accepted := make(chan int)
	go func() {
		n := 0
		for g.session.Do(func() { ran <- struct{}{} }) {
			if n++; n == 100 {
				close(stop)
			}
			if n == cap(ran) {
				break
			}
		}
		accepted <- n
	}()
	<-stop
	_ = client.Close()
	if n := <-accepted; len(ran) != n {
		t.Errorf("%d of %d calls ran", len(ran), n)
	}
	if g.session.Do(func() { t.Error("called after the end") }) {
		t.Error("a call was taken")
	}
	late := make(chan struct{})
	g.session.Core().Post(func() { close(late) })
	select {
	case <-late:
		t.Error("called after the end")
	default:
	}
}

func TestCallsOfTheLastCallbacksAreMade(t *testing.T) {
	server := newStation(t, rtmfp.Config{})
	client := newStation(t, rtmfp.Config{})
	made := make(chan struct{}, 1)
	d := server.to()
	d.Handler = rtmfp.SessionFuncs{OnClosed: func(s *rtmfp.Session, _ error) {
		if !s.Do(func() { made <- struct{}{} }) {
			t.Error("a call was refused")
		}
	}}
	if _, err := client.Dial(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	if len(made) != 1 {
		t.Error("a call was taken and not made")
	}
}

func TestFiguresAreReadWhileShardsWork(t *testing.T) {
	server := newStation(t, rtmfp.Config{Shards: 4})
	client := newStation(t, rtmfp.Config{Shards: 4, KeyLog: func(string) {}})
	quit := make(chan struct{})
	var reading sync.WaitGroup
	for range 3 {
		reading.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				_ = server.Stats()
				_ = server.Dump(writerToNowhere{})
				_ = server.Peer(client.identity.Certificate().PeerID())
			}
		})
	}
	client.dial(server.to()).talk(t, 1000)
	close(quit)
	reading.Wait()
}

type writerToNowhere struct{}

func (writerToNowhere) Write(b []byte) (int, error) { return len(b), nil }

func TestKeyLogHasALineForEachSession(t *testing.T) {
	var lines []string // no lock: the endpoint logs one after the other
	server := newStation(t, rtmfp.Config{Shards: 4, KeyLog: func(line string) { lines = append(lines, line) }})
	const many = 8
	var dialling sync.WaitGroup
	for range many {
		client := newStation(t, rtmfp.Config{Shards: 1})
		dialling.Go(func() {
			d := server.to()
			if _, err := client.Dial(t.Context(), d); err != nil {
				t.Error(err)
			}
		})
	}
	dialling.Wait()
	_ = server.Close()
	if len(lines) != many {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}

func TestBusyKeyWorkersRefuseAndInitiatorsComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 12
		net := newEther()
		config := net.on("10.0.0.1:1935", 2)
		config.Keyings, config.KeyWorkers = 1, 1
		identity, err := flash.NewIdentity(flash.IdentityConfig{Groups: []flash.Group{flash.Group2}})
		if err != nil {
			t.Fatal(err)
		}
		slow := &slowIdentity{Identity: identity, gate: make(chan struct{})}
		server := newStation(t, config)
		if err := server.AddIdentity("slow", slow, rtmfp.Listener{Accept: server.accept}); err != nil {
			t.Fatal(err)
		}
		d := server.to()
		d.Discriminator = identity.Certificate().CanonicalDiscriminator()
		var dialling sync.WaitGroup
		for i := range many {
			client := newStation(t, net.on(fmt.Sprintf("10.0.1.%d:0", i), 1))
			dialling.Go(func() {
				if _, err := client.Dial(t.Context(), d); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // all have sent their keying, and nobody got an answer
		if stats := server.Stats(); stats.Keying.Waiting != 1 || stats.Keying.Refused != many-2 || stats.RefusedBusy != many-2 {
			t.Errorf("%d wait, %d refused", stats.Keying.Waiting, stats.Keying.Refused)
		}
		close(slow.gate)
		dialling.Wait()
		if stats := server.Stats(); stats.SessionsAccepted != many || stats.Keying.Waiting != 0 {
			t.Errorf("%d accepted, %d wait", stats.SessionsAccepted, stats.Keying.Waiting)
		}
	})
}

// slowIdentity answers no keying until its gate is open.
type slowIdentity struct {
	rtmfp.Identity
	gate chan struct{}
}

func (s *slowIdentity) Respond(random io.Reader, far rtmfp.Certificate, component []byte) ([]byte, rtmfp.Keying, error) {
	<-s.gate
	return s.Identity.Respond(random, far, component)
}
