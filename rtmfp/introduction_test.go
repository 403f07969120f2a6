package rtmfp_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// at is an address of the simulated internet.
func at(last byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, last}), port)
}

// observed is an address as redirects name it.
func observed(a netip.AddrPort) wire.Address {
	return wire.Address{AddrPort: a, Origin: wire.OriginObserved}
}

// introducing is an introducer that is a function.
type introducing func(*rtmfp.Introduction)

func (f introducing) Introduce(i *rtmfp.Introduction) { f(i) }

// opens waits until a dialled session is open, and proved on both sides, or has failed.
func (w *world) opens(p *peer) bool {
	w.RunUntil(func() bool { return p.closed || p.opened && received(p) }, 100*time.Second)
	return p.opened && !p.closed && received(p)
}

// swerve sends what goes to an address by another interface from a certain number of datagrams on.
type swerve struct {
	rtmfp.Outlet
	to    netip.AddrPort
	after int
	via   uint8
}

func (s *swerve) Send(n int, to rtmfp.Path) {
	if to.Addr == s.to {
		if s.after == 0 {
			to.Interface = s.via
		} else {
			s.after--
		}
	}
	s.Outlet.Send(n, to)
}

func TestCookieChangesWhenKeyingComesFromAnotherInterface(t *testing.T) {
	w := newWorld(t, 1)
	b := w.add(w.NewHost(at(1, 1935)), options{})
	host := w.NewHost(at(2, 50000), at(3, 50001))
	a := w.addBehind(&swerve{Outlet: host.Outlet(), to: b.addr(), after: 1, via: 1}, host, options{})
	p := a.dial(b.fingerprint(), nil, b.addr())
	if !w.opens(p) {
		t.Fatalf("did not open: %v", p.err)
	}
	st := b.Stats()
	if st.CookieChanges != 1 || st.IIKeyings != 2 || st.SessionsAccepted != 1 || st.DroppedCookie != 0 {
		t.Errorf("%+v", st)
	}
	if got := b.accepted[0].session.Path().Addr; got != at(3, 50001) {
		t.Errorf("the far end is at %v", got)
	}
}

// addBehind is world.add with another outlet than the host's.
func (w *world) addBehind(outlet rtmfp.Outlet, host *simnet.Host, o options) *end {
	w.t.Helper()
	o.config.Outlet = outlet
	return w.add(host, o)
}

func TestCookieChangesWhenNATIsBoundAnew(t *testing.T) {
	for _, kind := range []simnet.NATKind{simnet.FullCone, simnet.AddressRestricted, simnet.PortRestricted, simnet.Symmetric} {
		w := newWorld(t, 1)
		nat := w.NewNAT(at(9, 0).Addr(), simnet.NATSettings{Kind: kind})
		a := w.add(nat.NewHost(netip.MustParseAddrPort("192.168.0.2:4000")), options{})
		b := w.add(w.NewHost(at(1, 1935)), options{})
		a.host.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond})
		a.host.SetWorker(30*time.Millisecond, 10)
		w.After(40*time.Millisecond, nat.Rebind) // after the RHello, while keys are computed
		p := a.dial(b.fingerprint(), nil, b.addr())
		if !w.opens(p) {
			t.Errorf("%v: did not open: %v", kind, p.err)
			continue
		}
		public, _ := nat.Mapped(a.addr(), b.addr())
		if st := b.Stats(); st.CookieChanges != 1 || b.accepted[0].session.Path().Addr != public {
			t.Errorf("%v: far end at %v, %+v", kind, b.accepted[0].session.Path(), st)
		}
	}
}

func TestCookieIsChangedOnlyOnce(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, options{}, options{})
	p := w.addProber(w.NewHost(at(1, 1935)))
	p.answer = func(got probed) {
		switch got.kind {
		case wire.ChunkIHello:
			hello, _ := wire.ParseIHello(got.payload)
			p.send(got.from, 0, wire.RHello{TagEcho: hello.Tag, Cookie: []byte("first"), Certificate: b.identity.Certificate().Bytes()}.Append(nil))
		case wire.ChunkIIKeying:
			k, _ := wire.ParseIIKeying(got.payload)
			p.send(got.from, k.SessionID, wire.CookieChange{Old: []byte("not the first"), New: []byte("wrong")}.Append(nil))
			p.send(got.from, k.SessionID, wire.CookieChange{Old: k.Cookie, New: append(k.Cookie, '!')}.Append(nil))
		}
	}
	a.dial(b.fingerprint(), nil, p.host.Addr(0))
	w.RunFor(30 * time.Second)
	cookies := make(map[string]int)
	keyings := make(map[string]bool)
	for _, got := range p.got {
		if got.kind == wire.ChunkIIKeying {
			k, _ := wire.ParseIIKeying(got.payload)
			cookies[string(k.Cookie)]++
			keyings[string(k.Component)] = true
		}
	}
	if cookies["first"] != 1 || cookies["first!"] < 3 || len(cookies) != 2 || len(keyings) != 1 {
		t.Errorf("cookies %v, %d components", cookies, len(keyings))
	}
}

func TestRedirectThroughTwoHops(t *testing.T) {
	w := newWorld(t, 1)
	server := w.add(w.NewHost(at(3, 1935)), options{})
	chain := func(last byte, to netip.AddrPort) *end {
		return w.add(w.NewHost(at(last, 1935)), options{config: rtmfp.CoreConfig{
			Introducer: introducing(func(i *rtmfp.Introduction) { i.Redirect(observed(to)) }),
		}})
	}
	second := chain(2, server.addr())
	first := chain(1, second.addr())
	client := w.add(w.NewHost(at(4, 4000)), options{})
	client.host.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond})
	p := client.dial(server.fingerprint(), nil, first.addr())
	if !w.opens(p) {
		t.Fatalf("did not open: %v", p.err)
	}
	if p.session.Path() != server.path() || first.Stats().RedirectsSent != 1 || second.Stats().RedirectsSent != 1 {
		t.Errorf("far end at %v", p.session.Path())
	}
	if now := time.Duration(w.Now()); now > 100*time.Millisecond { // five round trips, the last one of them with the keys
		t.Errorf("took %v", now)
	}
}

func TestRedirectNamesAtMostSoManyAddresses(t *testing.T) {
	w := newWorld(t, 1)
	many := make([]wire.Address, 10000)
	for i := range many {
		many[i] = observed(spoofed(i))
	}
	server := w.add(w.NewHost(at(3, 1935)), options{config: rtmfp.CoreConfig{
		Introducer: introducing(func(i *rtmfp.Introduction) { i.Redirect(many...) }),
	}})
	p := w.addProber(w.NewHost(at(4, 4000)))
	p.send(server.path(), 0, wire.IHello{Discriminator: []byte{0x21, 0x0f}, Tag: []byte("tag")}.Append(nil))
	w.RunFor(time.Second)
	r, err := wire.ParseRedirect(p.last(wire.ChunkRedirect).payload)
	if err != nil || string(r.TagEcho) != "tag" || len(r.Destinations) != wire.MaxDestinations {
		t.Errorf("%d addresses, %v", len(r.Destinations), err)
	}
}

func TestListenerSpreadsItsLoad(t *testing.T) {
	// Of three addresses one is dead and one is slow; hellos that were sent here by somebody already are answered.
	w := newWorld(t, 1)
	shared := flash.IdentityConfig{Randomness: []byte("the pool"), AcceptsAncillary: true}
	slow, quick := w.add(w.NewHost(at(1, 1935)), options{identity: shared}), w.add(w.NewHost(at(2, 1935)), options{identity: shared})
	slow.host.SetLinks(simnet.Conditions{Delay: 80 * time.Millisecond})
	var asked []rtmfp.Hello
	redirect := func(h rtmfp.Hello) []wire.Address {
		asked = append(asked, h)
		if string(h.Discriminator[2:]) == "stay" {
			return nil
		}
		return []wire.Address{observed(at(99, 1935)), observed(slow.addr()), observed(quick.addr())}
	}
	entry := w.add(w.NewHost(at(3, 1935)), options{identity: shared, listener: rtmfp.Listener{Redirect: redirect}})
	client := w.add(w.NewHost(at(4, 4000)), options{})
	client.host.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond})
	p := client.dial(flash.Discriminator{Ancillary: []byte("live")}.Append(nil), nil, entry.addr())
	if !w.opens(p) || p.session.Path() != quick.path() {
		t.Fatalf("far end at %v, %v", p.session.Path(), p.err)
	}
	if len(asked) != 1 || asked[0].From != client.path() || asked[0].Forwarded {
		t.Errorf("the listener was asked %+v", asked)
	}
	w.RunFor(time.Minute)
	if slow.Stats().SessionsAccepted != 0 || entry.Stats().SessionsAccepted != 0 || quick.Stats().SessionsAccepted != 1 {
		t.Error("more than one session")
	}
	second := w.add(w.NewHost(at(5, 4000)), options{})
	p = second.dial(flash.Discriminator{Ancillary: []byte("stay")}.Append(nil), nil, entry.addr())
	if !w.opens(p) || p.session.Path() != entry.path() {
		t.Errorf("far end at %v, %v", p.session.Path(), p.err)
	}
}

func TestImpliedRedirectAddsWhereItCameFrom(t *testing.T) {
	w := newWorld(t, 1)
	client := w.add(w.NewHost(at(4, 4000)), options{})
	server := w.add(w.NewHost(at(3, 1935)), options{})
	p := w.addProber(w.NewHost(at(1, 1935), at(2, 1935)))
	p.answer = func(got probed) {
		hello, _ := wire.ParseIHello(got.payload)
		to := got.from
		if to.Interface == 0 {
			to.Interface = 1
			p.send(to, 0, wire.Redirect{TagEcho: hello.Tag}.Append(nil))
			return
		}
		// Addresses that are none are passed over: this is how some say that a peer is gone.
		destinations := []wire.Address{{}, observed(netip.MustParseAddrPort("224.0.0.1:1935")), observed(server.addr())}
		p.send(to, 0, wire.Redirect{TagEcho: hello.Tag, Destinations: destinations}.Append(nil))
	}
	to := client.dial(server.fingerprint(), nil, p.host.Addr(0))
	if !w.opens(to) || to.session.Path() != server.path() {
		t.Fatalf("far end at %v, %v", to.session.Path(), to.err)
	}
	if got := p.got; len(got) != 2 || got[0].from.Interface != 0 || got[1].from.Interface != 1 {
		t.Errorf("hellos %v", got)
	}
	if st := client.Stats(); st.IHellosSent != 3 {
		t.Errorf("%d hellos", st.IHellosSent)
	}
}

func TestNewCandidatesHaveTheirOwnSchedule(t *testing.T) {
	w := newWorld(t, 1)
	late, dead := at(7, 1935), at(8, 1935)
	server := w.add(w.NewHost(at(1, 1935)), options{config: rtmfp.CoreConfig{Introducer: introducing(func(i *rtmfp.Introduction) {
		w.After(10*time.Second, func() { i.Redirect(observed(late)) })
	})}})
	client := w.add(w.NewHost(at(4, 4000)), options{})
	sent := make(map[netip.AddrPort][]time.Duration)
	w.Tap(func(e simnet.Event) { sent[e.To] = append(sent[e.To], time.Duration(e.Sent)) })
	client.dial(append([]byte{0x21, 0x0f}, make([]byte, 32)...), nil, dead, server.addr())
	w.RunFor(19 * time.Second)
	var shifted []time.Duration
	for _, at := range schedule(9 * time.Second) {
		shifted = append(shifted, at+10*time.Second)
	}
	if fmt.Sprint(sent[late]) != fmt.Sprint(shifted) || fmt.Sprint(sent[dead]) != fmt.Sprint(schedule(19*time.Second)) {
		t.Errorf("sent %v", sent)
	}
}

// neighbourhood is a server that introduces, and two peers each behind a NAT of some kind, or behind none.
type neighbourhood struct {
	*world
	server, initiator, responder *end
	registered                   *peer
}

const noNAT = simnet.NATKind(255)

func newNeighbourhood(t *testing.T, initiator, responder simnet.NATKind, introducer rtmfp.Introducer) *neighbourhood {
	w := newWorld(t, uint64(initiator)*10+uint64(responder))
	n := &neighbourhood{world: w}
	n.server = w.add(w.NewHost(at(1, 1935)), options{config: rtmfp.CoreConfig{Introducer: introducer}})
	n.initiator = w.add(n.home(2, initiator), options{})
	n.responder = w.add(n.home(3, responder), options{})
	n.registered, _ = w.connect(n.responder, n.server)
	return n
}

// home is a host on the internet or behind a NAT.
func (n *neighbourhood) home(number byte, kind simnet.NATKind) *simnet.Host {
	var host *simnet.Host
	if kind == noNAT {
		host = n.NewHost(at(number, 4000))
	} else {
		nat := n.NewNAT(at(number, 0).Addr(), simnet.NATSettings{Kind: kind, Timeout: 30 * time.Second})
		host = nat.NewHost(netip.MustParseAddrPort("192.168.0.2:4000"))
	}
	host.SetLinks(simnet.Conditions{Delay: time.Duration(number) * 10 * time.Millisecond})
	return host
}

// meet has the initiator seek the responder at the server.
func (n *neighbourhood) meet() *peer {
	p := n.initiator.dial(n.responder.fingerprint(), nil, n.server.addr())
	n.opens(p)
	return p
}

func kindName(k simnet.NATKind) string {
	if k == noNAT {
		return "no NAT"
	}
	return k.String()
}

func TestIntroductionThroughNATs(t *testing.T) {
	kinds := []simnet.NATKind{noNAT, simnet.FullCone, simnet.AddressRestricted, simnet.PortRestricted, simnet.Symmetric}
	strict := func(k simnet.NATKind) bool { return k == simnet.PortRestricted || k == simnet.Symmetric }
	for _, one := range kinds {
		for _, other := range kinds {
			what := kindName(one) + " to " + kindName(other)
			impossible := one == simnet.Symmetric && strict(other) || other == simnet.Symmetric && strict(one)
			n := newNeighbourhood(t, one, other, rtmfp.IntroduceAll{})
			began := n.Now()
			p := n.meet()
			took := n.Now().Sub(began)
			if impossible {
				var unreachable *rtmfp.UnreachableError
				if !errors.Is(p.err, rtmfp.ErrTimeout) || !errors.As(p.err, &unreachable) || took != 95*time.Second {
					t.Errorf("%s: %v after %v", what, p.err, took)
				}
				continue
			}
			if !p.opened || p.session.PeerID() != n.responder.identity.Certificate().PeerID() || len(n.responder.accepted) != 1 {
				t.Errorf("%s: opened %v, %v", what, p.opened, p.err)
				continue
			}
			if took > 5*time.Second {
				t.Errorf("%s: took %v", what, took)
			}
			n.RunFor(time.Minute) // the NATs forget what is not kept alive
			if p.closed || n.registered.closed || n.responder.accepted[0].closed || p.session.Stats().Silence > 11*time.Second {
				t.Errorf("%s: closed %v, silence %v", what, p.err, p.session.Stats().Silence)
			}
		}
	}
}

func TestGlareThroughNATs(t *testing.T) {
	for _, kind := range []simnet.NATKind{noNAT, simnet.FullCone, simnet.AddressRestricted, simnet.PortRestricted} {
		n := newNeighbourhood(t, kind, kind, rtmfp.IntroduceAll{})
		n.connect(n.initiator, n.server)
		one := n.initiator.dial(n.responder.fingerprint(), nil, n.server.addr())
		other := n.responder.dial(n.initiator.fingerprint(), nil, n.server.addr())
		n.RunFor(20 * time.Second)
		if n.initiator.openSessions() != 2 || n.responder.openSessions() != 2 || one.closed && one.opened || other.closed && other.opened {
			t.Errorf("%v: %d and %d sessions, %v, %v", kindName(kind), n.initiator.openSessions(), n.responder.openSessions(), one.err, other.err)
		}
		a, b := n.initiator.Peer(n.responder.identity.Certificate().PeerID()), n.responder.Peer(n.initiator.identity.Certificate().PeerID())
		if a == nil || b == nil || !has(one, a) || !has(other, b) {
			t.Errorf("%v: dialled %v %v and %v %v", kindName(kind), one.opened, one.err, other.opened, other.err)
			continue
		}
		sameSession(t, kindName(kind), n.world, a, b)
	}
}

func TestIntroducerMayAnswerLater(t *testing.T) {
	var n *neighbourhood
	var asked []*rtmfp.Introduction
	introducer := introducing(func(i *rtmfp.Introduction) { asked = append(asked, i) })
	n = newNeighbourhood(t, simnet.PortRestricted, simnet.PortRestricted, introducer)
	began := n.Now()
	p := n.initiator.dial(n.responder.fingerprint(), nil, n.server.addr())
	n.RunFor(2500 * time.Millisecond)
	if len(asked) != 2 || p.opened || n.server.Stats().RedirectsSent != 0 {
		t.Fatalf("asked %d times", len(asked))
	}
	public := asked[0].From
	if asked[1].From != public || string(asked[0].Discriminator) != string(n.responder.fingerprint()) ||
		string(asked[0].Tag()) != string(asked[1].Tag()) || len(asked[0].Tag()) != 16 || asked[0].Core() != n.server.Core {
		t.Errorf("asked %+v and %+v", asked[0], asked[1])
	}
	n.server.do(func() {
		asked[1].To(n.responder.identity.Certificate().PeerID())
		asked[1].To(n.responder.identity.Certificate().PeerID()) // once is enough
		asked[0].Ignore()
		asked[0].Redirect(observed(at(77, 1)))
	})
	if !n.opens(p) || n.Now().Sub(began) > 4*time.Second {
		t.Errorf("opened %v after %v, %v", p.opened, n.Now().Sub(began), p.err)
	}
	if st := n.server.Stats(); st.RedirectsSent != 1 || st.HellosForwarded != 1 || st.Introductions != 2 {
		t.Errorf("%+v", st)
	}
}

func TestIntroductionsEndWithTheTimeOfTheInitiator(t *testing.T) {
	var asked []*rtmfp.Introduction
	n := newNeighbourhood(t, noNAT, noNAT, introducing(func(i *rtmfp.Introduction) { asked = append(asked, i) }))
	n.initiator.dial(n.responder.fingerprint(), nil, n.server.addr())
	n.RunFor(96 * time.Second)
	late, inTime := asked[0], asked[len(asked)-1]
	n.server.do(func() { late.Redirect(observed(at(8, 1))) })
	if sent := n.server.Stats().RedirectsSent; sent != 0 {
		t.Errorf("%d redirects", sent)
	}
	n.server.do(func() { inTime.Redirect(observed(at(8, 1))) })
	if sent := n.server.Stats().RedirectsSent; sent != 1 {
		t.Errorf("%d redirects", sent)
	}
}

func TestPeersBehindOneNATMeetByReportedAddresses(t *testing.T) {
	w := newWorld(t, 1)
	nat := w.NewNAT(at(9, 0).Addr(), simnet.NATSettings{Kind: simnet.PortRestricted})
	local := netip.MustParseAddrPort("192.168.0.3:4000")
	var server *end
	introducer := introducing(func(i *rtmfp.Introduction) {
		peer, _ := flash.Profile{}.PeerNamed(i.Discriminator)
		i.To(peer, wire.Address{AddrPort: local, Origin: wire.OriginLocal})
	})
	server = w.add(w.NewHost(at(1, 1935)), options{config: rtmfp.CoreConfig{Introducer: introducer}})
	one := w.add(nat.NewHost(netip.MustParseAddrPort("192.168.0.2:4000")), options{})
	other := w.add(nat.NewHost(local), options{})
	w.connect(other, server)
	p := one.dial(other.fingerprint(), nil, server.addr())
	if !w.opens(p) || p.session.Path().Addr != local {
		t.Errorf("far end at %v, %v", p.session.Path(), p.err)
	}
}

func TestNobodyIsIntroducedToWhoIsNotThere(t *testing.T) {
	n := newNeighbourhood(t, noNAT, noNAT, rtmfp.IntroduceAll{})
	n.server.do(n.server.accepted[0].session.Close)
	n.RunFor(time.Second)
	p := n.meet()
	st := n.server.Stats()
	if !errors.Is(p.err, rtmfp.ErrTimeout) || st.RedirectsSent != 0 || st.HellosForwarded != 0 || st.Introductions != st.IHellos-1 {
		t.Errorf("%v, %+v", p.err, st)
	}
	// What names nobody is no question for IntroduceAll either, and nothing at all without an introducer.
	p = n.initiator.dial([]byte{0x0a, 1}, nil, n.server.addr())
	n.opens(p)
	if st := n.server.Stats(); !errors.Is(p.err, rtmfp.ErrTimeout) || st.RedirectsSent != 0 || st.UnknownHellos != 0 {
		t.Errorf("%v, %+v", p.err, st)
	}
	p = n.initiator.dial([]byte{0x0a, 1}, nil, n.responder.addr())
	n.opens(p)
	if st := n.responder.Stats(); !errors.Is(p.err, rtmfp.ErrTimeout) || st.UnknownHellos != 12 || st.RHellosSent != 0 {
		t.Errorf("%v, %+v", p.err, st)
	}
}

func TestSessionsByIPv4AndIPv6(t *testing.T) {
	w := newWorld(t, 1)
	six := func(last byte) netip.AddrPort {
		ip := netip.MustParseAddr("2001:db8::").As16()
		ip[15] = last
		return netip.AddrPortFrom(netip.AddrFrom16(ip), 1935)
	}
	route := func(a netip.Addr) (uint8, bool) {
		if a.Is6() {
			return 1, true
		}
		return 0, true
	}
	both := options{config: rtmfp.CoreConfig{Route: route}}
	a, b := w.add(w.NewHost(at(1, 1935), six(1)), both), w.add(w.NewHost(at(2, 1935), six(2)), both)
	for _, to := range []rtmfp.Path{{Addr: at(2, 1935)}, {Interface: 1, Addr: six(2)}} {
		before := len(b.accepted)
		p := a.dialWith(rtmfp.DialConfig{Discriminator: b.fingerprint(), Paths: []rtmfp.Path{to}})
		if !w.opens(p) || p.session.Path() != to || b.accepted[before].session.Path().Interface != to.Interface {
			t.Errorf("%v: far end at %v, %v", to, p.session.Path(), p.err)
		}
		a.do(p.session.Close)
		w.RunFor(20 * time.Second)
	}
	// A redirect from IPv4 leads to IPv6 by the right interface, and nowhere if there is none.
	redirector := w.add(w.NewHost(at(3, 1935)), options{config: rtmfp.CoreConfig{
		Introducer: introducing(func(i *rtmfp.Introduction) { i.Redirect(observed(six(2))) }),
	}})
	p := a.dial(b.fingerprint(), nil, redirector.addr())
	if !w.opens(p) || p.session.Path() != (rtmfp.Path{Interface: 1, Addr: six(2)}) {
		t.Errorf("far end at %v, %v", p.session.Path(), p.err)
	}
	four := options{config: rtmfp.CoreConfig{Route: func(a netip.Addr) (uint8, bool) { return 0, a.Is4() }}}
	old := w.add(w.NewHost(at(4, 1935)), four)
	p = old.dial(b.fingerprint(), nil, redirector.addr())
	w.RunFor(49 * time.Second)
	if st := old.Stats(); p.opened || st.Redirects == 0 || st.IHellosSent != uint64(len(schedule(49*time.Second))) {
		t.Errorf("opened %v, %+v", p.opened, st)
	}
}

func TestMappedAddressesAreThoseOfIPv4(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, options{}, options{})
	mapped := netip.AddrPortFrom(netip.AddrFrom16(b.addr().Addr().As16()), b.addr().Port())
	p := a.dial(b.fingerprint(), nil, mapped, b.addr())
	if !w.opens(p) || p.session.Path() != b.path() || a.Stats().IHellosSent != 1 {
		t.Errorf("far end at %v, %v, %d hellos", p.session.Path(), p.err, a.Stats().IHellosSent)
	}
}
