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

// ended says whether a session has ended for a reason.
func ended(p *peer, reason error) bool { return p.closed && errors.Is(p.err, reason) }

// nothingLeft checks that an end has no session any more, and nothing to wait for.
func nothingLeft(t *testing.T, what string, e *end) {
	t.Helper()
	if st := e.Stats(); st.Sessions != 0 || st.Openings != 0 || !e.Drained() || e.NextTimer() != rtmfp.Never {
		t.Errorf("%s: %d sessions, %d openings, timer %v", what, st.Sessions, st.Openings, e.NextTimer())
	}
}

// restart puts a new core with the same identity on the host of an end.
func (e *end) restart(o options) *end {
	again := &end{}
	e.host.Attach(nil)
	*again = *e.world.add(e.host, o)
	return again
}

func TestRestartedPeerReplacesItsOldSessionWhenItHasProvedItsKeys(t *testing.T) {
	w := newWorld(t, 1)
	client := options{identity: flash.IdentityConfig{Randomness: []byte("always me"), Groups: []flash.Group{flash.Group2}}}
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, client, options{})
	_, old := w.connect(a, b)
	again := a.restart(client)
	w.After(25*time.Millisecond, func() { a.host.Down().Blackout(500 * time.Millisecond) }) // the answer to its keying is lost
	near := again.dial(b.fingerprint(), nil, b.addr())
	w.RunFor(900 * time.Millisecond)
	if len(b.accepted) != 2 || near.opened {
		t.Fatalf("accepted %d, opened %v", len(b.accepted), near.opened)
	}
	if old.closed || b.openSessions() != 2 {
		t.Error("the old session has ended before the new one was proved")
	}
	w.opens(near)
	w.RunFor(100 * time.Millisecond)
	if !ended(old, rtmfp.ErrReplaced) || old.session.IsOpen() || b.openSessions() != 1 || b.accepted[1].closed {
		t.Errorf("old session: %v, %d open", old.err, b.openSessions())
	}
	if b.Peer(again.identity.Certificate().PeerID()) != b.accepted[1].session {
		t.Error("the new session is not found")
	}
}

func TestPeerAtAnotherAddressReplacesNobody(t *testing.T) {
	w := newWorld(t, 1)
	client := options{identity: flash.IdentityConfig{Randomness: []byte("always me")}}
	a, b := w.pair(simnet.Conditions{}, client, options{})
	near, old := w.connect(a, b)
	other := w.add(w.NewHost(at(1, 4001)), client)
	w.connect(other, b)
	w.RunFor(time.Minute)
	if near.closed || old.closed || b.openSessions() != 2 {
		t.Errorf("%v, %v, %d open", near.err, old.err, b.openSessions())
	}
}

func TestOneAddressMayHaveSeveralPeers(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, options{}, options{})
	near, far := w.connect(a, b)
	second, err := flash.NewIdentity(flash.IdentityConfig{Random: w.Random()})
	if err != nil {
		t.Fatal(err)
	}
	a.do(func() { err = a.AddIdentity("second", second, rtmfp.Listener{}) })
	p := a.dialWith(rtmfp.DialConfig{Identity: "second", Discriminator: b.fingerprint(), Paths: []rtmfp.Path{b.path()}})
	if err != nil || !w.opens(p) || near.closed || far.closed || b.openSessions() != 2 {
		t.Fatalf("%v: opened %v, %d open", err, p.opened, b.openSessions())
	}
	got := b.accepted[1].session
	if got.PeerID() != second.Certificate().PeerID() || got.Path() != far.session.Path() || p.session.Identity() != "second" {
		t.Errorf("peer %v at %v", got.PeerID(), got.Path())
	}
}

func TestCertificateWithTheSameFingerprintAndOtherBytesIsIgnored(t *testing.T) {
	w := newWorld(t, 1)
	_, b := w.pair(simnet.Conditions{}, options{}, options{})
	i := w.stranger(w.addProber(w.NewHost(at(1, 4000))), b)
	i.hello()
	i.keying(1)
	w.RunFor(time.Second)
	k, err := wire.ParseIIKeying(i.chunk(2)[wire.ChunkHeaderSize:])
	if err != nil {
		t.Fatal(err)
	}
	k.Certificate = append(k.Certificate[:len(k.Certificate):len(k.Certificate)], 0, 2, 0x0e, 1) // behind a marker
	i.send(b.path(), 0, k.Append(nil))
	w.RunFor(time.Second)
	if st := b.Stats(); st.RefusedKeyings != 1 || len(b.accepted) != 1 || b.accepted[0].closed {
		t.Errorf("accepted %d, %+v", len(b.accepted), st)
	}
}

// duplicateOf gives the session that a dial was given up for.
func duplicateOf(p *peer) *rtmfp.Session {
	var duplicate *rtmfp.DuplicateError
	if !errors.As(p.err, &duplicate) {
		return nil
	}
	return duplicate.Session
}

func TestSecondDialIsADuplicate(t *testing.T) {
	for _, work := range []time.Duration{0, 50 * time.Millisecond} {
		for _, later := range []time.Duration{0, 25 * time.Millisecond, 45 * time.Millisecond, 80 * time.Millisecond, time.Minute} {
			what := fmt.Sprintf("work %v, later %v", work, later)
			w := newWorld(t, 1)
			hostA := w.NewHost(at(1, 4000))
			hostA.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond})
			hostA.SetWorker(work, 10)
			keys := &keyCounter{Worker: hostA.Worker()}
			a := w.add(hostA, options{config: rtmfp.CoreConfig{Worker: keys}})
			b := w.add(w.NewHost(at(2, 1935)), options{})
			first := a.dial(b.fingerprint(), nil, b.addr())
			w.RunFor(later)
			second := a.dial(b.fingerprint(), nil, b.addr())
			w.RunFor(30 * time.Second)
			if !first.opened || first.closed || duplicateOf(second) != first.session || second.opened {
				t.Errorf("%s: %v and %v", what, first.err, second.err)
			}
			if len(b.accepted) != 1 || a.openSessions() != 1 || a.Stats().Openings != 0 {
				t.Errorf("%s: %d sessions accepted", what, len(b.accepted))
			}
			if later > work+40*time.Millisecond && keys.jobs != 2 {
				t.Errorf("%s: keys were computed for a duplicate", what)
			}
		}
	}
}

func TestDialAfterCloseIsNoDuplicate(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	first, far := w.connect(a, b)
	a.do(first.session.Close) // not yet acknowledged
	second := a.dial(b.fingerprint(), nil, b.addr())
	if !w.opens(second) {
		t.Fatalf("after our close: %v", second.err)
	}
	b.do(b.accepted[1].session.Close)
	w.RunFor(50 * time.Millisecond)
	if !ended(far, rtmfp.ErrClosedByPeer) || !ended(second, rtmfp.ErrClosedByPeer) || second.session.State() != "far close linger" {
		t.Fatalf("%v, %v, %s", far.err, second.err, second.session.State())
	}
	third := a.dial(b.fingerprint(), nil, b.addr())
	if !w.opens(third) {
		t.Errorf("while the far end's close lingers: %v", third.err)
	}
	w.RunFor(time.Minute)
	if third.closed || a.openSessions() != 1 || b.openSessions() != 1 || a.Peer(third.session.PeerID()) != third.session {
		t.Errorf("%v, %d and %d sessions", third.err, a.openSessions(), b.openSessions())
	}
}

func TestDialRefusesWhatCannotBe(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, options{config: rtmfp.CoreConfig{Limits: rtmfp.Limits{Sessions: 1}}}, options{})
	good := rtmfp.DialConfig{Identity: name, Discriminator: b.fingerprint(), Paths: []rtmfp.Path{b.path()}, Handler: &peer{}}
	try := func(change func(*rtmfp.DialConfig)) (err error) {
		d := good
		change(&d)
		a.do(func() { _, err = a.Dial(d) })
		return err
	}
	if err := try(func(d *rtmfp.DialConfig) { d.Identity = "nobody" }); !errors.Is(err, rtmfp.ErrNoIdentity) {
		t.Error(err)
	}
	if err := try(func(d *rtmfp.DialConfig) { d.Paths = nil }); !errors.Is(err, rtmfp.ErrNoAddress) {
		t.Error(err)
	}
	nowhere := []rtmfp.Path{{}, {Addr: netip.AddrPortFrom(b.addr().Addr(), 0)}}
	if err := try(func(d *rtmfp.DialConfig) { d.Paths = nowhere }); !errors.Is(err, rtmfp.ErrNoAddress) {
		t.Error(err)
	}
	if err := try(func(d *rtmfp.DialConfig) { d.Discriminator = make([]byte, 70000) }); err == nil {
		t.Error("a discriminator larger than a packet")
	}
	if err := try(func(*rtmfp.DialConfig) {}); err != nil {
		t.Error(err)
	}
	if err := try(func(*rtmfp.DialConfig) {}); !errors.Is(err, rtmfp.ErrTooManySessions) {
		t.Error(err)
	}
	a.do(func() { a.Close(w.Now()) })
	if err := try(func(*rtmfp.DialConfig) {}); !errors.Is(err, rtmfp.ErrClosed) {
		t.Error(err)
	}
}

func TestIdentitiesAreChosenByWhatIsAsked(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	var accepted []*peer
	listener := rtmfp.Listener{Accept: func(s *rtmfp.Session) rtmfp.SessionHandler {
		p := &peer{session: s, opened: true}
		accepted = append(accepted, p)
		return p
	}}
	identities := make(map[string]*flash.Identity)
	add := func(called string, c flash.IdentityConfig) {
		c.Random = w.Random()
		identity, err := flash.NewIdentity(c)
		if err != nil {
			t.Fatal(err)
		}
		identities[called] = identity
		b.do(func() { err = b.AddIdentity(called, identity, listener) })
		if err != nil {
			t.Fatal(err)
		}
	}
	add("by fingerprint", flash.IdentityConfig{})
	add("by hostname", flash.IdentityConfig{Hostname: "host.example"})
	add("by path", flash.IdentityConfig{AcceptsAncillary: true, AcceptAncillary: func(b []byte) bool { return string(b) == "live" }})
	add("by URI", flash.IdentityConfig{AcceptsAncillary: true})
	if err := b.AddIdentity("by URI", identities["by URI"], listener); !errors.Is(err, rtmfp.ErrIdentityExists) {
		t.Errorf("second of a name: %v", err)
	}
	discriminators := map[string]flash.Discriminator{
		"by fingerprint": {Fingerprint: ptr(identities["by fingerprint"].Certificate().PeerID())},
		"by hostname":    {Hostname: []byte("host.example")},
		"by path":        {Ancillary: []byte("live")},
		"by URI":         {Ancillary: []byte("rtmfp://host.example/vod")},
	}
	dials := make(map[string]*peer)
	for called, d := range discriminators {
		p := a.dial(d.Append(nil), nil, b.addr())
		if !w.opens(p) || p.session.PeerID() != identities[called].Certificate().PeerID() {
			t.Fatalf("%s: opened %v, %v", called, p.opened, p.err)
		}
		if got := accepted[len(accepted)-1].session.Identity(); got != called {
			t.Errorf("%s: accepted by %s", called, got)
		}
		dials[called] = p
	}
	p := a.dial(flash.Discriminator{Hostname: []byte("elsewhere.example")}.Append(nil), nil, b.addr())
	if w.opens(p); !errors.Is(p.err, rtmfp.ErrTimeout) {
		t.Errorf("a name that nobody has: %v", p.err)
	}

	b.do(func() {
		if err := b.RemoveIdentity("by hostname"); err != nil {
			t.Error(err)
		}
		if err := b.RemoveIdentity("by hostname"); !errors.Is(err, rtmfp.ErrNoIdentity) {
			t.Error(err)
		}
	})
	w.RunFor(time.Second)
	for called, p := range dials {
		if gone := called == "by hostname"; p.closed != gone || gone && !errors.Is(p.err, rtmfp.ErrClosedByPeer) {
			t.Errorf("%s: closed %v, %v", called, p.closed, p.err)
		}
	}
	p = a.dial(discriminators["by hostname"].Append(nil), nil, b.addr())
	if w.opens(p); !errors.Is(p.err, rtmfp.ErrTimeout) {
		t.Errorf("a removed identity: %v", p.err)
	}
}

func ptr[T any](v T) *T { return &v }

func TestIdentityThatGoesWhileItKeysOpensNothing(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	b.host.SetWorker(time.Second, 10)
	w.After(500*time.Millisecond, func() { b.do(func() { b.RemoveIdentity(name) }) })
	p := a.dial(b.fingerprint(), nil, b.addr())
	w.opens(p)
	if !errors.Is(p.err, rtmfp.ErrTimeout) || len(b.accepted) != 0 || b.Stats().SessionsAccepted != 0 {
		t.Errorf("%v, %d accepted", p.err, len(b.accepted))
	}
	a.host.SetWorker(time.Second, 10)
	p = b.world.add(w.NewHost(at(1, 1)), options{}).dial(a.fingerprint(), nil, a.addr())
	own := a.dial([]byte{0x0a, 1, 'x'}, nil, b.addr())
	w.RunFor(500 * time.Millisecond)
	a.do(func() { a.RemoveIdentity(name) })
	if !ended(own, rtmfp.ErrClosed) {
		t.Errorf("a dial of a removed identity: %v", own.err)
	}
	w.RunFor(2 * time.Minute)
	if len(a.accepted) != 0 || !errors.Is(p.err, rtmfp.ErrTimeout) {
		t.Errorf("%v, %d accepted", p.err, len(a.accepted))
	}
	nothingLeft(t, "without identities", a)
}

func TestWhoIsNotAdmittedCostsNoKeying(t *testing.T) {
	w := newWorld(t, 1)
	var asked []rtmfp.PeerID
	admit := func(from rtmfp.Path, far rtmfp.Certificate) bool {
		asked = append(asked, far.PeerID())
		return false
	}
	host := w.NewHost(at(1, 1935))
	work := &keyCounter{Worker: host.Worker()}
	b := w.add(host, options{config: rtmfp.CoreConfig{Worker: work}, listener: rtmfp.Listener{Admit: admit}})
	a := w.add(w.NewHost(at(2, 4000)), options{})
	p := a.dial(b.fingerprint(), nil, b.addr())
	w.opens(p)
	if !errors.Is(p.err, rtmfp.ErrTimeout) || work.jobs != 0 || len(asked) != 12 || asked[0] != a.identity.Certificate().PeerID() {
		t.Errorf("%v, %d jobs, asked %d times", p.err, work.jobs, len(asked))
	}
	if st := b.Stats(); st.RefusedKeyings != 12 || st.SessionsAccepted != 0 {
		t.Errorf("%+v", st)
	}
}

func TestRefusedSessionIsClosedInGoodOrder(t *testing.T) {
	for _, work := range []time.Duration{0, 30 * time.Millisecond} { // with which the far end has no keys when it is told first
		w := newWorld(t, 1)
		refuse := rtmfp.Listener{Accept: func(*rtmfp.Session) rtmfp.SessionHandler { return nil }}
		a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{listener: refuse})
		a.host.SetWorker(work, 10)
		p := a.dial(b.fingerprint(), nil, b.addr())
		w.RunFor(200 * time.Millisecond)
		if !p.opened || !ended(p, rtmfp.ErrClosedByPeer) {
			t.Errorf("opened %v, %v", p.opened, p.err)
		}
		nothingLeft(t, "who refused", b)
		w.RunFor(time.Minute)
		nothingLeft(t, "who was refused", a)
	}
}

func TestRefusalThatIsLostIsHeardWithTheRepeatedAnswer(t *testing.T) {
	w := newWorld(t, 1)
	refuse := rtmfp.Listener{Accept: func(*rtmfp.Session) rtmfp.SessionHandler { return nil }}
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{listener: refuse})
	w.After(25*time.Millisecond, func() { a.host.Down().Blackout(500 * time.Millisecond) })
	p := a.dial(b.fingerprint(), nil, b.addr())
	w.RunFor(1200 * time.Millisecond)
	if !p.opened || !ended(p, rtmfp.ErrClosedByPeer) || b.Stats().SessionsAccepted != 1 {
		t.Errorf("opened %v, %v, accepted %d", p.opened, p.err, b.Stats().SessionsAccepted)
	}
}

func TestListenerMayCloseWhatItAccepts(t *testing.T) {
	gone := errors.New("not you")
	ends := map[string]func(*rtmfp.Session){"close": (*rtmfp.Session).Close, "abort": func(s *rtmfp.Session) { s.Abort(gone) }}
	reasons := map[string]error{"close": rtmfp.ErrClosed, "abort": gone}
	for what, end := range ends {
		for _, handled := range []bool{false, true} {
			w := newWorld(t, 1)
			told := &peer{}
			accept := func(s *rtmfp.Session) rtmfp.SessionHandler {
				end(s)
				if !handled {
					return nil
				}
				return told
			}
			a, b := w.pair(simnet.Conditions{}, options{}, options{listener: rtmfp.Listener{Accept: accept}})
			p := a.dial(b.fingerprint(), nil, b.addr())
			w.RunFor(time.Second)
			if !p.opened || told.closed != handled || handled && !errors.Is(told.err, reasons[what]) {
				t.Errorf("%s: opened %v, told %v %v", what, p.opened, told.closed, told.err)
			}
			nothingLeft(t, what, b)
		}
	}
}

func TestHandlersMayCloseOtherSessions(t *testing.T) {
	// A handler that is asked for data, which is while a packet is made, closes another session and answers a question.
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	third := w.add(w.NewHost(at(1, 1935)), options{})
	near, far := w.connect(a, b)
	other, _ := w.connect(a, third)
	w.RunFor(time.Second)
	asked := 0
	out := &outbox{writable: func(f *rtmfp.SendFlow) {
		if asked++; asked == 1 {
			other.session.Close()
			if _, err := f.Send(rtmfp.Outgoing{Body: []byte("here it is"), Receipt: true}); err != nil {
				t.Error(err)
			}
		}
	}}
	a.do(func() { near.open(t, rtmfp.FlowConfig{Metadata: []byte("m"), Handler: out}).Wake() })
	w.RunFor(time.Second)
	if out.delivered != 1 || len(far.inboxes) != 1 || len(far.inboxes[0].messages) != 1 || !ended(third.accepted[0], rtmfp.ErrClosedByPeer) {
		t.Errorf("asked %d times, delivered %d, %v", asked, out.delivered, third.accepted[0].err)
	}
	for _, e := range []*end{a, b, third} {
		if st := e.Stats(); st.DroppedVerification+st.DroppedSyntax+st.DroppedUnknownSession != 0 {
			t.Errorf("%v: %+v", e.addr(), st)
		}
	}
}

func TestWhatTheResponderSendsAtOnceIsNotLost(t *testing.T) {
	w := newWorld(t, 1)
	accept := func(s *rtmfp.Session) rtmfp.SessionHandler {
		f, err := s.OpenFlow(rtmfp.FlowConfig{Metadata: []byte("m")})
		if err != nil {
			t.Error(err)
			return nil
		}
		for i := range 3 {
			f.Send(rtmfp.Outgoing{Body: make([]byte, 1000+i)})
		}
		return &peer{}
	}
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{listener: rtmfp.Listener{Accept: accept}})
	a.host.SetWorker(5*time.Millisecond, 10)
	p := a.dial(b.fingerprint(), nil, b.addr())
	w.RunFor(60 * time.Millisecond)
	if !p.opened || len(p.inboxes) != 1 || p.inboxes[0].count != 3 {
		t.Fatalf("opened %v, %d flows", p.opened, len(p.inboxes))
	}
	if st := a.Stats(); st.DroppedVerification != 0 {
		t.Errorf("%+v", st)
	}
}
