package rtmfp_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// fleet is several cores at one address, connected by mailboxes. Startup packets come to any of them, one after the other.
type fleet struct {
	world    *world
	host     *simnet.Host
	cores    []*rtmfp.Core
	identity *flash.Identity
	accepted []*peer
	mail     []func()
	turn     int
	stays    bool // the turn does not go on
	full     bool // no mailbox takes anything
}

func (w *world) addFleet(host *simnet.Host, size int, introducer rtmfp.Introducer) *fleet {
	w.t.Helper()
	f := &fleet{world: w, host: host}
	var err error
	if f.identity, err = flash.NewIdentity(flash.IdentityConfig{Random: w.Random(), AcceptsAncillary: true}); err != nil {
		w.t.Fatal(err)
	}
	group, err := rtmfp.NewGroup(w.Random())
	if err != nil {
		w.t.Fatal(err)
	}
	for n := range size {
		core, err := rtmfp.NewCore(rtmfp.CoreConfig{
			Crypto: flash.Profile{}, Outlet: host.Outlet(), Worker: host.Worker(), Random: w.Random(), Introducer: introducer,
			Shard: n, Shards: size, Group: group, Times: rtmfp.Times{Idle: -1},
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if err := core.AddIdentity(name, f.identity, rtmfp.Listener{Accept: f.accept}); err != nil {
			w.t.Fatal(err)
		}
		f.cores = append(f.cores, core)
	}
	group.Connect(func(shard int, call func(*rtmfp.Core)) bool {
		if f.full {
			return false
		}
		f.mail = append(f.mail, func() { f.cores[shard].Do(w.Now(), func() { call(f.cores[shard]) }) })
		return true
	})
	host.Attach(f)
	w.t.Cleanup(func() {
		if err := rtmfp.CheckGroup(f.cores...); err != nil {
			w.t.Error("fleet:", err)
		}
	})
	return f
}

func (f *fleet) accept(s *rtmfp.Session) rtmfp.SessionHandler {
	p := &peer{session: s, opened: true}
	f.accepted = append(f.accepted, p)
	return p
}

func (f *fleet) Receive(now rtmfp.Instant, from rtmfp.Path, datagram []byte) {
	id, _ := wire.SessionID(datagram)
	shard := int(id) % len(f.cores)
	if id == 0 {
		shard = f.turn % len(f.cores)
		if !f.stays {
			f.turn++
		}
	}
	f.cores[shard].Receive(now, from, datagram)
}

func (f *fleet) Poll(now rtmfp.Instant) {
	for {
		for _, c := range f.cores {
			c.Poll(now)
		}
		if len(f.mail) == 0 {
			return
		}
		mail := f.mail
		f.mail = nil
		for _, call := range mail {
			call()
		}
	}
}

func (f *fleet) NextTimer() rtmfp.Instant {
	next := rtmfp.Never
	for _, c := range f.cores {
		next = min(next, c.NextTimer())
	}
	return next
}

// dial begins a session on one of the cores.
func (f *fleet) dial(shard int, to *end) *peer {
	f.world.t.Helper()
	p := &peer{}
	f.host.Do(func() {
		f.cores[shard].Do(f.world.Now(), func() {
			var err error
			p.session, err = f.cores[shard].Dial(rtmfp.DialConfig{
				Identity: name, Discriminator: to.fingerprint(), Paths: []rtmfp.Path{to.path()}, Handler: p,
			})
			if err != nil {
				f.world.t.Fatal(err)
			}
		})
	})
	return p
}

func (f *fleet) stats() (sum rtmfp.CoreStats) {
	for _, c := range f.cores {
		sum.Add(c.Stats())
	}
	return sum
}

// fingerprint is the discriminator of all cores.
func (f *fleet) fingerprint() []byte { return f.identity.Certificate().CanonicalDiscriminator() }

// shardOf says which core has a session.
func (f *fleet) shardOf(t *testing.T, s *rtmfp.Session) int {
	t.Helper()
	for n, c := range f.cores {
		if s.Core() == c {
			return n
		}
	}
	t.Fatal("the session is on no core")
	return 0
}

func TestStartupAtAnyShardOpensOneSession(t *testing.T) {
	for _, size := range []int{1, 2, 4, 8} {
		w := newWorld(t, uint64(size))
		f := w.addFleet(w.NewHost(at(1, 1935)), size, nil)
		used := make(map[int]int)
		for n := range 24 {
			host := w.NewHost(spoofed(n))
			host.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond, Duplicate: 0.5})
			client := w.add(host, forEver)
			p := client.dial(f.fingerprint(), nil, f.host.Addr(0))
			if !w.opens(p) {
				t.Fatalf("%d shards: %v", size, p.err)
			}
			w.RunFor(time.Second)
			if len(f.accepted) != n+1 || client.openSessions() != 1 {
				t.Fatalf("%d shards: %d sessions for %d clients", size, len(f.accepted), n+1)
			}
			used[f.shardOf(t, f.accepted[n].session)]++
		}
		if len(used) <= size/2 || f.stats().Sessions != 24 {
			t.Errorf("%d shards: used %v", size, used)
		}
	}
}

func TestAnswersReachTheShardThatDialled(t *testing.T) {
	w := newWorld(t, 1)
	f := w.addFleet(w.NewHost(at(1, 1935)), 4, nil)
	for n := range 16 {
		host := w.NewHost(spoofed(n))
		host.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond})
		server := w.add(host, forEver)
		p := f.dial(n%4, server)
		if !w.opens(p) || f.shardOf(t, p.session) != n%4 {
			t.Fatalf("dial %d: %v", n, p.err)
		}
	}
	if st := f.stats(); st.IHellosSent != 16 || st.IIKeyingsSent != 16 || st.Openings != 0 || st.Sessions != 16 {
		t.Errorf("%+v", st)
	}
}

func TestGlareWithAShardedEndpointLeavesOneSession(t *testing.T) {
	for shard := range 4 {
		for offset := -60 * time.Millisecond; offset <= 60*time.Millisecond; offset += 10 * time.Millisecond {
			what := fmt.Sprintf("shard %d, offset %v", shard, offset)
			w := newWorld(t, uint64(100*shard)+uint64(offset/time.Millisecond+100))
			f := w.addFleet(w.NewHost(at(1, 1935)), 4, nil)
			other := w.add(w.NewHost(at(2, 1935)), forEver)
			other.host.SetLinks(simnet.Conditions{Delay: 20 * time.Millisecond})
			var out, in *peer
			w.After(max(0, offset), func() { out = f.dial(shard, other) })
			w.After(max(0, -offset), func() { in = other.dial(f.fingerprint(), nil, f.host.Addr(0)) })
			w.RunFor(130 * time.Second)
			session := onlySession(t, what, other)
			if f.stats().Sessions != 1 || f.stats().Openings != 0 || !has(in, session) {
				t.Errorf("%s: %d sessions; %v, %v", what, f.stats().Sessions, out.err, in.err)
				continue
			}
			if out.opened == (duplicateOf(out) != nil) {
				t.Errorf("%s: dialled %v, %v", what, out.opened, out.err)
			}
		}
	}
}

func TestIntroductionFindsThePeerOnAnyShard(t *testing.T) {
	for n := range 8 { // as the startup packets go round, the hello comes to each shard
		w := newWorld(t, uint64(n))
		f := w.addFleet(w.NewHost(at(1, 1935)), 4, rtmfp.IntroduceAll{})
		f.turn = n
		one, other := w.add(w.NewHost(at(2, 1935)), forEver), w.add(w.NewHost(at(3, 1935)), forEver)
		if p := other.dial(f.fingerprint(), nil, f.host.Addr(0)); !w.opens(p) {
			t.Fatal(p.err)
		}
		f.turn += n / 4
		p := one.dial(other.fingerprint(), nil, f.host.Addr(0))
		if !w.opens(p) || w.Now() > rtmfp.Instant(time.Second) {
			t.Errorf("%d: %v after %v", n, p.err, time.Duration(w.Now()))
		}
		if st := f.stats(); st.HellosForwarded != 1 || st.RedirectsSent != 1 {
			t.Errorf("%d: %+v", n, st)
		}
	}
}

func TestRepeatedKeyingAtAnotherShardIsAnsweredFromStore(t *testing.T) {
	w := newWorld(t, 1)
	f := w.addFleet(w.NewHost(at(1, 1935)), 4, nil)
	client := w.add(w.NewHost(at(2, 4000)), forEver)
	client.host.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond})
	w.At(rtmfp.Instant(25*time.Millisecond), func() { client.host.Down().Blackout(3 * time.Second) })
	p := client.dial(f.fingerprint(), nil, f.host.Addr(0))
	if !w.opens(p) {
		t.Fatal(p.err)
	}
	if st := f.stats(); st.IIKeyings != 3 || st.RepeatedKeyings != 2 || st.SessionsAccepted != 1 {
		t.Errorf("%+v", st)
	}
}

func TestRestartedPeerReplacesItsSessionOnAnotherShard(t *testing.T) {
	w := newWorld(t, 1)
	me := options{identity: flash.IdentityConfig{Randomness: []byte("always me")}, config: forEver.config}
	f := w.addFleet(w.NewHost(at(1, 1935)), 4, nil)
	client := w.add(w.NewHost(at(2, 4000)), me)
	for n := range 6 {
		if p := client.dial(f.fingerprint(), nil, f.host.Addr(0)); !w.opens(p) {
			t.Fatal(p.err)
		}
		w.RunFor(time.Second)
		if len(f.accepted) != n+1 || f.stats().Sessions != 1 {
			t.Fatalf("restart %d: %d accepted, %d open", n, len(f.accepted), f.stats().Sessions)
		}
		if n > 0 && !ended(f.accepted[n-1], rtmfp.ErrReplaced) {
			t.Errorf("restart %d: %v", n, f.accepted[n-1].err)
		}
		f.turn++
		client = client.restart(me)
	}
	f.host.Do(func() {
		for _, c := range f.cores {
			c.Close(w.Now())
		}
	})
	w.RunFor(time.Second)
	if st := f.stats(); st.Sessions != 0 || f.NextTimer() != rtmfp.Never {
		t.Errorf("%+v", st)
	}
}

func TestRestartedPeerOfAShardIsNotHandedToAnother(t *testing.T) {
	// Two shards have a session with the same peer, at different addresses.
	w := newWorld(t, 1)
	me := options{identity: flash.IdentityConfig{Randomness: []byte("always me")}, config: forEver.config}
	f := w.addFleet(w.NewHost(at(1, 1935)), 4, nil)
	one, other := w.add(w.NewHost(at(2, 4000)), me), w.add(w.NewHost(at(3, 4000)), me)
	toOne, toOther := f.dial(1, one), f.dial(2, other)
	if !w.opens(toOne) || !w.opens(toOther) {
		t.Fatal(toOne.err, toOther.err)
	}
	f.turn, f.stays = 1, true
	if p := one.restart(me).dial(f.fingerprint(), nil, f.host.Addr(0)); !w.opens(p) {
		t.Fatal(p.err)
	}
	w.RunFor(time.Second)
	if !ended(toOne, rtmfp.ErrReplaced) || toOther.closed || f.stats().Sessions != 2 {
		t.Errorf("%v, %v, %d sessions", toOne.err, toOther.err, f.stats().Sessions)
	}
}

func TestFullMailboxesStopNobodyForGood(t *testing.T) {
	w := newWorld(t, 1)
	f := w.addFleet(w.NewHost(at(1, 1935)), 4, nil)
	server := w.add(w.NewHost(at(2, 1935)), forEver)
	f.full = true
	w.After(10*time.Second, func() { f.full = false })
	p := f.dial(2, server)
	if !w.opens(p) {
		t.Errorf("%v", p.err)
	}
}

func TestCoresAreShardsOnlyByPowersOfTwo(t *testing.T) {
	for _, c := range []rtmfp.CoreConfig{{Shards: 3}, {Shards: 128}, {Shard: 2, Shards: 2}, {Shard: -1, Shards: 2}, {Shards: -1}, {Shard: 1}} {
		c.Crypto, c.Outlet = flash.Profile{}, newWorld(t, 1).NewHost(at(1, 1)).Outlet()
		if core, err := rtmfp.NewCore(c); err == nil || core != nil {
			t.Errorf("shard %d of %d", c.Shard, c.Shards)
		}
	}
	if _, err := rtmfp.NewCore(rtmfp.CoreConfig{Outlet: newWorld(t, 1).NewHost(at(1, 1)).Outlet()}); err == nil {
		t.Error("a core without cryptography")
	}
	if _, err := rtmfp.NewCore(rtmfp.CoreConfig{Crypto: flash.Profile{}}); err == nil {
		t.Error("a core without an outlet")
	}
	broken := errors.New("no randomness")
	if _, err := rtmfp.NewGroup(dry{broken}); !errors.Is(err, broken) {
		t.Errorf("a group without a secret: %v", err)
	}
}

// dry is a source of randomness that has failed.
type dry struct{ err error }

func (d dry) Read([]byte) (int, error) { return 0, d.err }
