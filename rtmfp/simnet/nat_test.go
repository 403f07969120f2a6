package simnet

import (
	"net/netip"
	"testing"
	"time"
)

var (
	outer = netip.MustParseAddr("198.51.100.1")
	kinds = []NATKind{FullCone, AddressRestricted, PortRestricted, Symmetric}
)

// scene is alice behind a NAT; bob at two ports of one address and carol at another are outside.
type scene struct {
	*Network
	nat              *NAT
	alice            *probe
	bob, bob2, carol *probe
}

func newScene(settings NATSettings) *scene {
	n := New(11)
	nat := n.NewNAT(outer, settings)
	return &scene{
		Network: n,
		nat:     nat,
		alice:   attach(nat.NewHost(netipPort(1))),
		bob:     attach(n.NewHost(bob)),
		bob2:    attach(n.NewHost(netip.AddrPortFrom(bob.Addr(), 2000))),
		carol:   attach(n.NewHost(netip.MustParseAddrPort("203.0.113.3:1935"))),
	}
}

func (s *scene) reaches(from, to *probe, addr netip.AddrPort) bool {
	before := len(to.got)
	from.send(addr, []byte("?"))
	s.RunFor(0)
	return len(to.got) > before
}

// seen is how to sees alice, who sends to it.
func (s *scene) seen(t *testing.T, to *probe) netip.AddrPort {
	t.Helper()
	s.alice.send(to.host.Addr(0), []byte("!"))
	s.RunFor(0)
	if len(to.got) == 0 {
		t.Fatal("nothing gets out")
	}
	return to.got[len(to.got)-1].from.Addr
}

func TestNATKindsLetInWhomTheyShould(t *testing.T) {
	for _, row := range []struct {
		kind             NATKind
		bob, bob2, carol bool // who gets in by the mapping with which alice sent to bob
		sameForCarol     bool // whether alice has the same address for carol as for bob
	}{
		{FullCone, true, true, true, true},
		{AddressRestricted, true, true, false, true},
		{PortRestricted, true, false, false, true},
		{Symmetric, true, false, false, false},
	} {
		t.Run(row.kind.String(), func(t *testing.T) {
			s := newScene(NATSettings{Kind: row.kind})
			mapped := s.seen(t, s.bob)
			if mapped.Addr() != outer {
				t.Fatalf("seen as %v", mapped)
			}
			for _, who := range []struct {
				name string
				node *probe
				want bool
			}{{"bob", s.bob, row.bob}, {"bob's other port", s.bob2, row.bob2}, {"carol", s.carol, row.carol}} {
				if got := s.reaches(who.node, s.alice, mapped); got != who.want {
					t.Errorf("%s gets in: %v", who.name, got)
				}
			}
			forCarol := s.seen(t, s.carol)
			if (forCarol == mapped) != row.sameForCarol {
				t.Errorf("seen as %v by bob, %v by carol", mapped, forCarol)
			}
			if !s.reaches(s.carol, s.alice, forCarol) {
				t.Error("carol gets in by none of both")
			}
			if got := s.reaches(s.carol, s.alice, mapped); got != row.sameForCarol {
				t.Errorf("carol gets in by bob's mapping: %v", got)
			}
			if known, ok := s.nat.Mapped(netipPort(1), s.carol.host.Addr(0)); !ok || known != forCarol {
				t.Errorf("the mapping is said to be %v, %v", known, ok)
			}
		})
	}
}

func TestNothingGetsInWithoutAMapping(t *testing.T) {
	for _, kind := range kinds {
		s := newScene(NATSettings{Kind: kind})
		var fates []Fate
		s.Tap(func(e Event) { fates = append(fates, e.Fate) })
		if s.reaches(s.bob, s.alice, netip.AddrPortFrom(outer, 1935)) || fates[0] != Filtered {
			t.Errorf("%v: by the inside port: %v", kind, fates)
		}
		if s.reaches(s.bob, s.alice, netipPort(1)) || fates[1] != Unreachable {
			t.Errorf("%v: by the inside address: %v", kind, fates)
		}
	}
}

func TestTwoNATsMeetAsTheTableOfHolePunchingSays(t *testing.T) {
	for _, one := range kinds {
		for _, other := range kinds {
			want := one+other < PortRestricted+Symmetric // the classic table: these two, and two symmetric ones, fail
			if got := punch(one, other); got != want {
				t.Errorf("%v and %v: %v", one, other, got)
			}
		}
	}
}

// punch lets two hosts behind NATs learn from a server how it sees them, and try to reach each other there, answering where
// something comes from.
func punch(one, other NATKind) bool {
	n := New(5)
	server := attach(n.NewHost(bob))
	a := attach(n.NewNAT(netip.MustParseAddr("198.51.100.1"), NATSettings{Kind: one}).NewHost(netipPort(1)))
	b := attach(n.NewNAT(netip.MustParseAddr("198.51.100.2"), NATSettings{Kind: other}).NewHost(netipPort(1)))
	a.send(bob, []byte("a"))
	b.send(bob, []byte("b"))
	n.RunFor(time.Second)
	seenA, seenB := server.got[0].from.Addr, server.got[1].from.Addr
	for range 5 {
		a.send(seenB, []byte("a"))
		b.send(seenA, []byte("b"))
		n.RunFor(time.Second)
		for _, p := range []*probe{a, b} {
			for _, got := range p.got {
				p.send(got.from.Addr, []byte("answer"))
			}
		}
		n.RunFor(time.Second)
	}
	return len(a.got) > 0 && len(b.got) > 0
}

func TestMappingExpiresUnlessSomethingIsSent(t *testing.T) {
	for _, kind := range kinds {
		s := newScene(NATSettings{Kind: kind, Timeout: 30 * time.Second})
		mapped := s.seen(t, s.bob)
		for range 3 {
			s.RunFor(30*time.Second - 1)
			if again := s.seen(t, s.bob); again != mapped {
				t.Fatalf("%v: mapped anew as %v, was %v", kind, again, mapped)
			}
		}
		s.RunFor(30*time.Second - 1)
		if !s.reaches(s.bob, s.alice, mapped) {
			t.Fatalf("%v: bob does not get in", kind)
		}
		s.RunFor(1) // what came in refreshes nothing
		if s.reaches(s.bob, s.alice, mapped) {
			t.Errorf("%v: bob gets in by an expired mapping", kind)
		}
		if _, ok := s.nat.Mapped(netipPort(1), bob); ok {
			t.Errorf("%v: an expired mapping is told of", kind)
		}
		if again := s.seen(t, s.bob); again == mapped || !s.reaches(s.bob, s.alice, again) {
			t.Errorf("%v: mapped anew as %v, was %v", kind, again, mapped)
		}
	}
}

func TestRightToSendExpiresByItself(t *testing.T) {
	s := newScene(NATSettings{Kind: PortRestricted, Timeout: 30 * time.Second})
	mapped := s.seen(t, s.bob)
	s.RunFor(20 * time.Second)
	s.seen(t, s.carol)
	s.RunFor(20 * time.Second)
	if s.reaches(s.bob, s.alice, mapped) || !s.reaches(s.carol, s.alice, mapped) {
		t.Error("bob must not get in, carol must")
	}
}

func TestRebindingChangesTheAddressOfEveryoneBehind(t *testing.T) {
	for _, kind := range kinds {
		s := newScene(NATSettings{Kind: kind})
		dave := attach(s.nat.NewHost(netipPort(2)))
		dave.send(bob, []byte("!"))
		before := s.seen(t, s.bob)
		s.nat.Rebind()
		if s.reaches(s.bob, s.alice, before) || s.reaches(s.bob, dave, s.bob.got[0].from.Addr) {
			t.Errorf("%v: the old mapping lives", kind)
		}
		after := s.seen(t, s.bob)
		if after == before || after.Addr() != outer || !s.reaches(s.bob, s.alice, after) {
			t.Errorf("%v: before %v, after %v", kind, before, after)
		}
	}
}

func TestRenumberingChangesThePublicAddress(t *testing.T) {
	s := newScene(NATSettings{})
	before := s.seen(t, s.bob)
	s.bob.host.Up().Set(Conditions{Delay: time.Second})
	s.nat.Down().Set(Conditions{Delay: time.Second})
	s.bob.send(before, []byte("under way"))
	s.RunFor(1500 * time.Millisecond)
	moved := netip.MustParseAddr("198.51.100.77")
	s.nat.Renumber(moved)
	s.carol.send(netip.AddrPortFrom(moved, before.Port()), []byte("by the old mapping"))
	after := s.seen(t, s.bob)
	s.RunFor(time.Minute)
	if len(s.alice.got) != 0 || after.Addr() != moved || s.nat.Public() != moved {
		t.Fatalf("after %v, %d came", after, len(s.alice.got))
	}
	s.bob.send(after, []byte("anew"))
	s.RunFor(time.Minute)
	if len(s.alice.got) != 1 {
		t.Errorf("%d came", len(s.alice.got))
	}
	s.NewNAT(before.Addr(), NATSettings{}) // is free again
}

func TestHostsBehindOneNATHaveMappingsOfTheirOwn(t *testing.T) {
	s := newScene(NATSettings{Kind: FullCone})
	dave := attach(s.nat.NewHost(netipPort(2)))
	ofAlice := s.seen(t, s.bob)
	dave.send(bob, []byte("!"))
	s.RunFor(0)
	ofDave := s.bob.got[len(s.bob.got)-1].from.Addr
	if ofAlice == ofDave || !s.reaches(s.bob, s.alice, ofAlice) || !s.reaches(s.bob, dave, ofDave) || len(s.alice.got) != 1 {
		t.Fatalf("alice %v, dave %v", ofAlice, ofDave)
	}
	s.nat.SetLinks(Conditions{Loss: 1})
	if !s.reaches(s.alice, dave, netipPort(2)) || dave.got[1].from.Addr != netipPort(1) {
		t.Error("neighbours do not reach each other by their inside addresses, without the NAT's links")
	}
}

func TestHairpin(t *testing.T) {
	for _, kind := range kinds {
		for _, hairpin := range []bool{false, true} {
			s := newScene(NATSettings{Kind: kind, Hairpin: hairpin})
			dave := attach(s.nat.NewHost(netipPort(2)))
			dave.send(bob, []byte("!"))
			s.RunFor(0)
			ofDave, ofAlice := s.bob.got[0].from.Addr, s.seen(t, s.bob)
			s.nat.SetLinks(Conditions{Loss: 1}) // hairpins do not use them
			s.reaches(dave, s.alice, ofAlice)   // gives alice the right to answer
			reached := s.reaches(s.alice, dave, ofDave)
			if want := hairpin && kind != Symmetric; reached != want {
				t.Errorf("%v, hairpin %v: %v", kind, hairpin, reached)
			}
			if reached && dave.got[0].from.Addr != ofAlice {
				t.Errorf("%v: from %v instead of %v", kind, dave.got[0].from, ofAlice)
			}
		}
	}
}

func TestNATsLinksLieBetweenItAndTheInternet(t *testing.T) {
	s := newScene(NATSettings{})
	s.nat.Up().Set(Conditions{Delay: time.Second})
	s.nat.Down().Set(Conditions{Delay: 2 * time.Second})
	s.alice.host.SetLinks(Conditions{Delay: time.Millisecond})
	s.bob.echo = true
	s.alice.send(bob, []byte("!"))
	s.RunFor(time.Minute)
	if len(s.alice.got) != 1 || s.alice.got[0].at != at(3002*time.Millisecond) {
		t.Fatalf("%+v", s.alice.got)
	}
	balanced(t, s.nat.Up())
	balanced(t, s.nat.Down())
}

func TestHostMovesOutOfANATAndBehindAnother(t *testing.T) {
	s := newScene(NATSettings{})
	mapped := s.seen(t, s.bob)
	s.alice.host.Move(0, alice, nil)
	if s.reaches(s.bob, s.alice, mapped) {
		t.Error("reached by the mapping of the NAT that it left")
	}
	if direct := s.seen(t, s.bob); direct != alice || !s.reaches(s.bob, s.alice, alice) {
		t.Errorf("seen as %v", direct)
	}
	other := s.NewNAT(netip.MustParseAddr("198.51.100.2"), NATSettings{})
	s.alice.host.Move(0, netipPort(1), other)
	if behind := s.seen(t, s.bob); behind.Addr() != other.Public() || !s.reaches(s.bob, s.alice, behind) {
		t.Errorf("seen as %v", behind)
	}
}

func TestNATWithoutFreePortsFiltersAndReclaimsExpiredOnes(t *testing.T) {
	s := newScene(NATSettings{Kind: Symmetric, Timeout: time.Minute})
	far := func(i int) netip.AddrPort { return netip.AddrPortFrom(carolAddr, uint16(i)) }
	filtered := 0
	s.Tap(func(e Event) {
		if e.Fate == Filtered {
			filtered++
		}
	})
	const ports = 1<<16 - 1024
	for i := range ports + 5 {
		s.alice.send(far(i), nil)
	}
	if filtered != 5 {
		t.Fatalf("%d filtered; the ports from 1024 on should do for all but 5", filtered)
	}
	s.RunFor(time.Minute)
	if !s.reaches(s.alice, s.bob, bob) {
		t.Error("expired mappings keep their ports")
	}
}

var carolAddr = netip.MustParseAddr("203.0.113.200")
