package simnet

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
)

func netipAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

// netipPort is one of many inside addresses.
func netipPort(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1935)
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func TestNodeIsPolledAfterEachDatagramAndItsTimerArmed(t *testing.T) {
	n, a, b := pair(Conditions{Delay: time.Second})
	b.onPoll = func(now rtmfp.Instant) {
		if len(b.polled) == 1 {
			b.timer = now.Add(5 * time.Second)
		}
	}
	a.burst(bob, 1, 4)
	n.RunFor(time.Minute)
	if !slices.Equal(b.polled, []rtmfp.Instant{at(time.Second), at(6 * time.Second)}) {
		t.Fatal(b.polled)
	}
}

func TestDoPollsAfterItsCall(t *testing.T) {
	n := New(1)
	p := attach(n.NewHost(alice))
	n.RunFor(time.Second)
	p.host.Do(func() {
		if len(p.polled) != 0 {
			t.Error("polled before the call")
		}
		p.timer = at(3 * time.Second)
	})
	p.host.Touch()
	n.RunFor(time.Minute)
	if !slices.Equal(p.polled, []rtmfp.Instant{at(time.Second), at(time.Second), at(3 * time.Second)}) {
		t.Fatal(p.polled)
	}
}

func TestDoFromWithinANodePollsItLater(t *testing.T) {
	n := New(1)
	p := attach(n.NewHost(alice))
	inside := false
	p.onPoll = func(rtmfp.Instant) {
		if inside {
			t.Fatal("polled within its poll")
		}
		if len(p.polled) > 1 {
			return
		}
		inside = true
		p.host.Do(func() {})
		inside = false
	}
	p.host.Touch()
	n.RunFor(time.Second)
	if len(p.polled) != 2 || p.polled[1] != 0 {
		t.Fatalf("polled at %v", p.polled)
	}
}

func TestKeptDatagramIsWiped(t *testing.T) {
	n, a, b := pair(Conditions{})
	k := &keeper{probe: b}
	b.host.Attach(k)
	a.send(bob, []byte("something"))
	n.RunFor(0)
	if len(k.kept) != 9 || cap(k.kept) != 9 || slices.Max(k.kept) != 0 {
		t.Fatalf("%q, capacity %d", k.kept, cap(k.kept))
	}
}

type keeper struct {
	*probe
	kept []byte
}

func (k *keeper) Receive(_ rtmfp.Instant, _ rtmfp.Path, datagram []byte) { k.kept = datagram }

func TestHostWithTwoFamiliesSaysByWhichInterface(t *testing.T) {
	n := New(1)
	a, b := attach(n.NewHost(alice, alice6)), attach(n.NewHost(bob6, bob))
	b.echo = true
	a.sendBy(0, bob, []byte("four"))
	a.sendBy(1, bob6, []byte("six"))
	n.RunFor(0)
	if len(b.got) != 2 || b.got[0].from != (rtmfp.Path{Interface: 1, Addr: alice}) ||
		b.got[1].from != (rtmfp.Path{Interface: 0, Addr: alice6}) {
		t.Fatalf("%+v", b.got)
	}
	if len(a.got) != 2 || a.got[0].from != (rtmfp.Path{Interface: 0, Addr: bob}) || a.got[1].from != (rtmfp.Path{Interface: 1, Addr: bob6}) {
		t.Fatalf("%+v", a.got)
	}
}

func TestSplitInterfaceFailsAlone(t *testing.T) {
	n := New(1)
	a, b := attach(n.NewHost(alice, alice6)), attach(n.NewHost(bob, bob6))
	up, down := a.host.Split(1)
	up.Blackout(time.Hour)
	down.Set(Conditions{Delay: time.Second})
	a.sendBy(0, bob, []byte("four"))
	a.sendBy(1, bob6, []byte("six"))
	b.sendBy(0, alice, []byte("four"))
	b.sendBy(1, alice6, []byte("six"))
	n.RunFor(time.Minute)
	if len(b.got) != 1 || b.got[0].from.Addr != alice {
		t.Errorf("%+v", b.got)
	}
	if len(a.got) != 2 || a.got[0].at != 0 || a.got[1].at != at(time.Second) {
		t.Errorf("%+v", a.got)
	}
}

func TestWhatCannotBeReachedIsReported(t *testing.T) {
	n := New(1)
	a := attach(n.NewHost(alice))
	deaf := n.NewHost(bob)
	n.NewHost(bob6).Attach(a)
	gone := attach(n.NewHost(netipPort(2)))
	gone.host.Attach(nil)
	var fates []Fate
	n.Tap(func(e Event) { fates = append(fates, e.Fate) })
	a.send(netipPort(1), []byte("nobody has the address"))
	a.send(deaf.Addr(0), []byte("no node yet"))
	a.send(gone.host.Addr(0), []byte("no node any more"))
	a.send(bob6, []byte("another family"))
	a.send(netip.AddrPortFrom(netip.AddrFrom16(bob.Addr().As16()), 1935), []byte("mapped"))
	a.send(netip.AddrPort{}, []byte("nothing"))
	a.sendBy(1, bob, []byte("no such interface"))
	n.RunFor(0)
	if want := slices.Repeat([]Fate{Unreachable}, 7); !slices.Equal(fates, want) {
		t.Fatal(fates)
	}
}

func TestHostThatMovesLosesWhatIsUnderWayToTheOldAddress(t *testing.T) {
	n, a, b := pair(Conditions{Delay: time.Second})
	b.host.SetLinks(Conditions{Delay: time.Second})
	elsewhere := netip.MustParseAddrPort("203.0.113.9:4000")
	b.send(alice, []byte("from the old address"))
	a.send(bob, []byte("on the first link"))
	n.RunFor(500 * time.Millisecond)
	b.host.Move(0, elsewhere, nil)
	a.send(bob, []byte("to nobody"))
	a.send(elsewhere, []byte("to the new address"))
	b.send(alice, []byte("from the new address"))
	n.RunFor(time.Minute)
	if len(b.got) != 1 || string(b.got[0].data) != "to the new address" {
		t.Errorf("%+v", b.got)
	}
	if len(a.got) != 2 || a.got[0].from.Addr != bob || a.got[1].from.Addr != elsewhere {
		t.Errorf("%+v", a.got)
	}
	b.got = nil
	a.send(elsewhere, []byte("on the last link"))
	n.RunFor(1500 * time.Millisecond)
	b.host.Move(0, bob, nil)
	n.RunFor(time.Minute)
	if len(b.got) != 0 {
		t.Errorf("%+v", b.got)
	}
}

func TestAddressesAreCheckedWhenTheyAreGiven(t *testing.T) {
	n := New(1)
	n.NewHost(alice)
	nat := n.NewNAT(netipAddr("198.51.100.1"), NATSettings{})
	inside := nat.NewHost(netipPort(1))
	mustPanic(t, "taken", func() { n.NewHost(alice) })
	mustPanic(t, "taken behind the NAT", func() { nat.NewHost(netipPort(1)) })
	mustPanic(t, "none", func() { n.NewHost(netip.AddrPort{}) })
	mustPanic(t, "mapped", func() { n.NewHost(netip.AddrPortFrom(netip.AddrFrom16(bob.Addr().As16()), 1)) })
	mustPanic(t, "family", func() { nat.NewHost(bob6) })
	mustPanic(t, "move to a taken one", func() { inside.Move(0, alice, nil) })
	mustPanic(t, "another NAT's", func() { n.NewNAT(nat.Public(), NATSettings{}) })
	n.NewNAT(netipAddr("198.51.100.2"), NATSettings{}).NewHost(netipPort(1)) // another NAT, another net
}

func TestOutletWantsRoomBeforeSend(t *testing.T) {
	_, a, _ := pair(Conditions{})
	to := rtmfp.Path{Addr: bob}
	mustPanic(t, "no room", func() { a.outlet.Send(1, to) })
	if len(a.outlet.Room()) < rtmfp.MaxDatagram {
		t.Errorf("room for %d bytes", len(a.outlet.Room()))
	}
	mustPanic(t, "too long", func() { a.outlet.Send(rtmfp.MaxDatagram+1, to) })
}

// chatter answers each datagram and asks for a timer, without noting anything.
type chatter struct {
	outlet rtmfp.Outlet
	timer  rtmfp.Instant
}

func (c *chatter) Receive(now rtmfp.Instant, from rtmfp.Path, datagram []byte) {
	c.outlet.Send(copy(c.outlet.Room(), datagram), from)
	c.timer = now.Add(time.Second)
}
func (c *chatter) Poll(rtmfp.Instant)       {}
func (c *chatter) NextTimer() rtmfp.Instant { return c.timer }

func chatters(conditions Conditions, underWay, size int) *Network {
	n := New(1)
	a, b := n.NewHost(alice), n.NewHost(bob)
	a.SetLinks(conditions)
	b.SetLinks(conditions)
	x, y := &chatter{outlet: a.Outlet(), timer: rtmfp.Never}, &chatter{outlet: b.Outlet(), timer: rtmfp.Never}
	a.Attach(x)
	b.Attach(y)
	for range underWay {
		x.outlet.Room()
		x.outlet.Send(size, rtmfp.Path{Addr: bob})
	}
	return n
}

func TestDatagramsAllocateNothing(t *testing.T) {
	n := chatters(Conditions{Delay: time.Millisecond, Jitter: time.Millisecond, Rate: 100_000_000}, 20, 1000)
	n.RunFor(time.Second)
	if got := testing.AllocsPerRun(100, func() { n.RunFor(10 * time.Millisecond) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkDatagrams(b *testing.B) {
	for _, underWay := range []int{10, 1000} {
		b.Run(fmt.Sprint(underWay), func(b *testing.B) {
			n := chatters(Conditions{Delay: time.Millisecond, Jitter: time.Millisecond}, underWay, 1200)
			n.RunFor(100 * time.Millisecond)
			down := n.public[bob].down
			before := down.Counters().Passed
			for b.Loop() {
				for want := down.Counters().Passed + 1; down.counters.Passed < want; {
					n.step(rtmfp.Never)
				}
			}
			b.ReportMetric(2*float64(down.Counters().Passed-before)/b.Elapsed().Seconds(), "datagrams/s")
		})
	}
}
