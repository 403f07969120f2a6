package rtmfp_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// dialWith is end.dial for everything that can be asked of a dial.
func (e *end) dialWith(d rtmfp.DialConfig) *peer {
	e.world.t.Helper()
	p := &peer{}
	if d.Handler == nil {
		d.Handler = p
	}
	if d.Identity == "" {
		d.Identity = name
	}
	e.do(func() {
		var err error
		if p.session, err = e.Dial(d); err != nil {
			e.world.t.Fatal(err)
		}
	})
	return p
}

// path is the way to an end by the first interface of whoever uses it.
func (e *end) path() rtmfp.Path { return rtmfp.Path{Addr: e.addr()} }

// openSessions counts the open sessions of an end.
func (e *end) openSessions() int { return e.Stats().Sessions }

// side is one end of a handshake as the combinations make it.
type side struct {
	static         bool
	hmac, sequence flash.Protection
}

// combination is the i-th of 4 * 12^4, in an order in which every 144 have all pairs of one kind of protection.
func combination(i int) (near, far side) {
	near.static, far.static = i%2 == 1, i/2%2 == 1
	pair := i / 4
	near.hmac, far.hmac = protection(pair), protection(pair/12)
	pair = pair*5 + pair/144
	near.sequence, far.sequence = protection(pair), protection(pair/12)
	return near, far
}

func protection(i int) flash.Protection {
	return flash.Protection{Send: flash.SendPolicy(i % 3), Receive: flash.ReceivePolicy(i / 3 % 4)}
}

// outcome is what RFC 7425 4.6.4 and 4.6.6 make of the policies of initiator and responder.
func outcome(near, far flash.Protection) (nearSends, farSends, nearAgrees, farAgrees bool) {
	nearRequests := near.Receive != flash.RequestNever
	farRequests := far.Receive >= flash.Request || far.Receive == flash.RequestMutually && nearRequests
	nearSends = near.Send == flash.SendAlways || near.Send == flash.SendOnRequest && farRequests
	farSends = far.Send == flash.SendAlways || far.Send == flash.SendOnRequest && nearRequests
	return nearSends, farSends, near.Receive != flash.Require || farSends, far.Receive != flash.Require || nearSends
}

// keyLogged collects the lines of an end's key log.
func keyLogged(lines *[]string) func(string) {
	return func(line string) { *lines = append(*lines, line) }
}

// matrix makes handshakes between two ends whose identities come and go.
type matrix struct {
	*world
	a, b       *end
	logA, logB []string
	keys       map[flash.Group][2]*flash.PrivateKey
}

func newMatrix(t *testing.T) *matrix {
	m := &matrix{world: newWorld(t, 7), keys: craftedKeys(t)}
	m.a, m.b = m.pair(simnet.Conditions{Delay: 5 * time.Millisecond},
		options{config: rtmfp.CoreConfig{KeyLog: keyLogged(&m.logA)}}, options{config: rtmfp.CoreConfig{KeyLog: keyLogged(&m.logB)}})
	return m
}

// craftedKeys reads the pairs whose shared secrets begin with zero bytes.
func craftedKeys(t *testing.T) map[flash.Group][2]*flash.PrivateKey {
	t.Helper()
	text, err := os.ReadFile("flash/testdata/short-secrets.txt")
	if err != nil {
		t.Fatal(err)
	}
	pairs := make(map[flash.Group][2]*flash.PrivateKey)
	var group flash.Group
	for line := range strings.Lines(string(text)) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		pair := pairs[group]
		switch field {
		case "group":
			fmt.Sscan(value, &group)
		case "one", "other":
			key, err := flash.ParsePrivateKey(fmt.Sprintf("modp%d:%s", group, value))
			if err != nil {
				t.Fatal(err)
			}
			if pair[0] == nil {
				pair[0] = key
			} else {
				pair[1] = key
			}
			pairs[group] = pair
		}
	}
	return pairs
}

// identity gives an end another identity.
func (m *matrix) identity(e *end, called string, s side, group flash.Group, key *flash.PrivateKey) *flash.Identity {
	config := flash.IdentityConfig{HMAC: s.hmac, Sequence: s.sequence, Random: m.Random()}
	if s.static {
		config.Keys = []*flash.PrivateKey{key}
		config.Hostname = called // the same key shall be a different identity each time
	} else {
		config.Groups = []flash.Group{group}
	}
	identity, err := flash.NewIdentity(config)
	if err != nil {
		m.t.Fatal(err)
	}
	accept := func(s *rtmfp.Session) rtmfp.SessionHandler {
		p := &peer{session: s, opened: true}
		e.accepted = append(e.accepted, p)
		return p
	}
	e.do(func() { err = e.AddIdentity(called, identity, rtmfp.Listener{Accept: accept}) })
	if err != nil {
		m.t.Fatal(err)
	}
	return identity
}

// shake makes one handshake, checks its outcome on both sides, and says whether there was a session.
func (m *matrix) shake(i int, group flash.Group) bool {
	near, far := combination(i)
	called := fmt.Sprintf("it %d", i)
	keys := m.keys[group]
	m.identity(m.a, called, near, group, keys[0])
	responder := m.identity(m.b, called, far, group, keys[1])
	m.logA, m.logB = nil, nil
	before := len(m.b.accepted)
	p := m.a.dialWith(rtmfp.DialConfig{
		Identity: called, Discriminator: responder.Certificate().CanonicalDiscriminator(), Paths: []rtmfp.Path{m.b.path()},
	})
	m.RunUntil(func() bool {
		return p.closed || p.opened && received(p) && len(m.b.accepted) > before && received(m.b.accepted[before])
	},
		100*time.Second)
	m.check(fmt.Sprintf("group %d, %+v with %+v", group, near, far), near, far, p)
	m.a.do(func() { m.a.RemoveIdentity(called) })
	m.b.do(func() { m.b.RemoveIdentity(called) })
	m.RunFor(time.Second)
	return p.opened
}

// received says whether packets of the session have come that were verified with its keys.
func received(p *peer) bool { return p.session.Stats().PacketsReceived > 0 }

func (m *matrix) check(what string, near, far side, p *peer) {
	t := m.t
	nearHMAC, farHMAC, ok1, ok2 := outcome(near.hmac, far.hmac)
	nearSequence, farSequence, ok3, ok4 := outcome(near.sequence, far.sequence)
	if !ok2 || !ok4 || !ok1 || !ok3 {
		if !errors.Is(p.err, rtmfp.ErrTimeout) || p.opened || (!ok1 || !ok3) && ok2 && ok4 && !errors.Is(p.err, rtmfp.ErrKeying) {
			t.Errorf("%s: an end whose demand was not met has %v", what, p.err)
		}
		return
	}
	if !p.opened || p.closed || !received(p) {
		t.Errorf("%s: did not open: %v", what, p.err)
		return
	}
	other := m.b.accepted[len(m.b.accepted)-1]
	n1, f1 := p.session.Nonces()
	if n2, f2 := other.session.Nonces(); n1 != f2 || n2 != f1 || n1 == f1 {
		t.Errorf("%s: nonces do not match", what)
	}
	terms := fmt.Sprintf("hmac-send=%d hmac-receive=%d sequence-send=%t sequence-receive=%t",
		length(nearHMAC), length(farHMAC), nearSequence, farSequence)
	if len(m.logA) != 1 || len(m.logB) != 1 || !strings.HasSuffix(m.logA[0], terms) {
		t.Fatalf("%s: key log\n%s\nwants %s", what, m.logA, terms)
	}
	secret := field(m.logA[0], "secret")
	if secret != field(m.logB[0], "secret") || strings.HasPrefix(secret, "00") {
		t.Errorf("%s: secrets %s and %s", what, secret, field(m.logB[0], "secret"))
	}
}

// length is that of an HMAC.
func length(on bool) int {
	if on {
		return 16
	}
	return 0
}

// field gives a field of a line of a key log.
func field(line, called string) string {
	for f := range strings.FieldsSeq(line) {
		if value, ok := strings.CutPrefix(f, called+"="); ok {
			return value
		}
	}
	return ""
}

func TestHandshakesInEveryCombination(t *testing.T) {
	m := newMatrix(t)
	shakes := map[flash.Group]int{flash.Group2: 2000, flash.Group5: 20, flash.Group14: 20, flash.Group16: 20}
	for _, group := range []flash.Group{flash.Group2, flash.Group5, flash.Group14, flash.Group16} {
		refused := 0
		for opened := 0; opened < shakes[group]; {
			if m.shake(opened+refused, group) {
				opened++
			} else {
				refused++
			}
			if t.Failed() {
				return
			}
		}
		short := m.shortSecret(group)
		if short == 0 {
			t.Errorf("group %d: the crafted keys had no secret that begins with a zero byte", group)
		}
		t.Logf("group %d: %d sessions, %d refused; the crafted secret has %d bytes", group, shakes[group], refused, short)
	}
}

// shortSecret keys two crafted identities and gives the length of their secret if that is less than the group's.
func (m *matrix) shortSecret(group flash.Group) int {
	m.shake(3, group) // static with static
	near, far := combination(3)
	if !near.static || !far.static || len(m.logA) == 0 {
		return 0
	}
	secret, _ := hex.DecodeString(field(m.logA[0], "secret"))
	if size := map[flash.Group]int{2: 128, 5: 192, 14: 256, 16: 512}[group]; len(secret) < size {
		return len(secret)
	}
	return 0
}

func TestStartupSurvivesHeavyLoss(t *testing.T) {
	opened := 0
	const tries = 60
	for seed := range uint64(tries) {
		w := newWorld(t, seed)
		a, b := w.pair(simnet.Conditions{Delay: 30 * time.Millisecond, Loss: 0.3}, options{}, options{})
		near := a.dial(b.fingerprint(), nil, b.addr())
		w.RunUntil(func() bool {
			return near.closed || near.opened && len(b.accepted) == 1 && received(b.accepted[0]) && received(near)
		},
			130*time.Second)
		if near.opened && len(b.accepted) == 1 && !b.accepted[0].closed {
			opened++
		}
	}
	// Each step has a chance of 0.49 to succeed at once, so that one session in 200 is not there after all repetitions.
	if opened < tries-2 {
		t.Errorf("%d of %d sessions opened", opened, tries)
	}
}

func TestEveryDatagramTwiceOpensOneSession(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.pair(simnet.Conditions{Delay: 30 * time.Millisecond, Duplicate: 1}, options{}, options{})
	w.connect(a, b)
	w.RunFor(10 * time.Second)
	if a.openSessions() != 1 || b.openSessions() != 1 || len(b.accepted) != 1 {
		t.Errorf("%d and %d sessions, %d accepted", a.openSessions(), b.openSessions(), len(b.accepted))
	}
}

// schedule is when hellos, or keyings, are sent: at 0 and after 1 s, and then in intervals that grow by 1.5 s.
func schedule(until time.Duration) (at []time.Duration) {
	interval := time.Second
	for now := time.Duration(0); now < until; interval += 1500 * time.Millisecond {
		at = append(at, now)
		now += interval
	}
	return at
}

func TestHellosFollowTheirSchedule(t *testing.T) {
	w := newWorld(t, 1)
	a, _ := w.pair(simnet.Conditions{}, options{}, options{})
	dead := netip.MustParseAddrPort("192.0.2.99:1935")
	var sent []time.Duration
	w.Tap(func(e simnet.Event) {
		if e.To == dead {
			sent = append(sent, time.Duration(e.Sent))
		}
	})
	p := a.dial([]byte{0x0a, 1, 'x'}, nil, dead)
	w.RunUntil(func() bool { return p.closed }, time.Hour)
	if !errors.Is(p.err, rtmfp.ErrTimeout) || w.Now() != rtmfp.Instant(95*time.Second) {
		t.Errorf("ended at %v with %v", time.Duration(w.Now()), p.err)
	}
	w.RunFor(time.Hour)
	want := []time.Duration{0, 1000, 3500, 7500, 13000, 20000, 28500, 38500, 50000, 63000, 77500, 93500}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if fmt.Sprint(sent) != fmt.Sprint(want) || fmt.Sprint(sent) != fmt.Sprint(schedule(95*time.Second)) {
		t.Errorf("sent at %v", sent)
	}
	if st := a.Stats(); st.OpeningsFailed != 1 || st.Openings != 0 || a.NextTimer() != rtmfp.Never {
		t.Errorf("something is left: %+v", st)
	}
}

func TestKeyingsFollowTheirScheduleWithinTheTimeOfTheOpening(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, options{}, options{})
	var sent []time.Duration
	var began rtmfp.Instant
	w.Tap(func(e simnet.Event) {
		switch {
		case e.To == b.addr() && began > 0:
			sent = append(sent, e.Sent.Sub(began))
		case e.To == a.addr() && began == 0: // the RHello: nothing gets through after it
			b.host.Attach(nil)
			began = e.At
		}
	})
	w.RunFor(2 * time.Second)
	a.host.SetLinks(simnet.Conditions{Delay: 2 * time.Second})
	p := a.dial(b.fingerprint(), nil, b.addr())
	w.RunUntil(func() bool { return p.closed }, time.Hour)
	if !errors.Is(p.err, rtmfp.ErrTimeout) || w.Now() != rtmfp.Instant(97*time.Second) || a.Stats().Openings != 0 || a.Stats().Sessions != 0 {
		t.Errorf("ended at %v with %v", time.Duration(w.Now()), p.err)
	}
	w.RunFor(time.Minute)
	var keyings []time.Duration
	for _, at := range sent { // hellos were on their way when the RHello came
		if at >= 0 {
			keyings = append(keyings, at)
		}
	}
	if want := schedule(91 * time.Second); fmt.Sprint(keyings) != fmt.Sprint(want) {
		t.Errorf("sent at %v, want %v", keyings, want)
	}
}

func TestKeyingThatBeginsLateEndsInTime(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 400 * time.Millisecond}, options{}, options{})
	b.host.Attach(nil)
	w.After(90*time.Second, func() { b.host.Attach(b.Core) }) // for the last hello
	w.After(94*time.Second, func() { b.host.Attach(nil) })
	p := a.dial(b.fingerprint(), nil, b.addr())
	w.RunUntil(func() bool { return p.closed }, time.Hour)
	if st := a.Stats(); st.IIKeyingsSent != 1 || !errors.Is(p.err, rtmfp.ErrTimeout) || w.Now() != rtmfp.Instant(95*time.Second) {
		t.Errorf("%d keyings, ended at %v with %v", st.IIKeyingsSent, time.Duration(w.Now()), p.err)
	}
}

// keyCounter counts the jobs of a worker.
type keyCounter struct {
	rtmfp.Worker
	jobs, refused int
}

func (c *keyCounter) Do(compute, done func()) bool {
	if !c.Worker.Do(compute, done) {
		c.refused++
		return false
	}
	c.jobs++
	return true
}

func TestRepeatedKeyingIsAnsweredFromStore(t *testing.T) {
	w := newWorld(t, 1)
	hostA := w.NewHost(netip.MustParseAddrPort("192.0.2.1:4001"))
	hostB := w.NewHost(netip.MustParseAddrPort("192.0.2.2:1935"))
	hostA.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond})
	work := &keyCounter{Worker: hostB.Worker()}
	a, b := w.add(hostA, options{}), w.add(hostB, options{config: rtmfp.CoreConfig{Worker: work}})
	w.At(rtmfp.Instant(25*time.Millisecond), func() { hostA.Down().Blackout(8 * time.Second) }) // from after the RHello on
	near := a.dial(b.fingerprint(), nil, b.addr())
	w.RunFor(7 * time.Second)
	if near.opened || len(b.accepted) != 1 {
		t.Fatalf("opened %v, accepted %d", near.opened, len(b.accepted))
	}
	before := w.Now()
	w.RunUntil(func() bool { return near.opened }, time.Minute)
	st := b.Stats()
	// Keyings go out at 0.02, 1.02, 3.52 and 7.52 s, and 13.02 s; the last one is answered to somebody who hears.
	if at := w.Now().Sub(before); at != 6040*time.Millisecond {
		t.Errorf("opened after %v", at)
	}
	if work.jobs != 1 || st.IIKeyings != 5 || st.RepeatedKeyings != 4 || st.RIKeyingsSent != 5 || st.SessionsAccepted != 1 {
		t.Errorf("%d jobs, %+v", work.jobs, st)
	}
	w.RunFor(time.Minute)
	if near.closed || b.accepted[0].closed || len(b.accepted) != 1 || b.openSessions() != 1 {
		t.Errorf("closed %v %v, accepted %d", near.closed, b.accepted[0].closed, len(b.accepted))
	}
}

func TestRepeatedKeyingFindsAnOlderSessionOfTheSamePeer(t *testing.T) {
	// Two clients share an identity. The answer to the first one is lost, and the second one comes in between.
	w := newWorld(t, 1)
	shared := flash.IdentityConfig{Randomness: []byte("both of us"), Groups: []flash.Group{flash.Group2}}
	hostB := w.NewHost(netip.MustParseAddrPort("192.0.2.2:1935"))
	work := &keyCounter{Worker: hostB.Worker()}
	b := w.add(hostB, options{config: rtmfp.CoreConfig{Worker: work}})
	var clients []*peer
	for i := range 2 {
		host := w.NewHost(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(4001+i)))
		host.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond})
		a := w.add(host, options{identity: shared})
		clients = append(clients, a.dial(b.fingerprint(), nil, b.addr()))
		w.RunFor(25 * time.Millisecond)
		host.Down().Blackout(500 * time.Millisecond)
	}
	w.RunUntil(func() bool { return clients[0].opened && clients[1].opened }, time.Minute)
	w.RunFor(time.Second)
	if work.jobs != 2 || len(b.accepted) != 2 || b.openSessions() != 2 {
		t.Errorf("%d jobs, %d accepted, %d open", work.jobs, len(b.accepted), b.openSessions())
	}
	peer := clients[0].session.NearCertificate().PeerID()
	for range 2 { // the newer one first
		s := b.Peer(peer)
		if s == nil {
			t.Fatal("no session with the peer")
		}
		b.do(s.Close)
		if b.Peer(peer) == s {
			t.Error("a session that is being closed is found")
		}
		w.RunFor(time.Second)
	}
	if b.Peer(peer) != nil {
		t.Error("closed sessions are found")
	}
}

func TestLostAnswerIsRepeatedUntilTheOtherEndHasProvedItsKeys(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	var keying []byte
	w.Tap(func(e simnet.Event) {
		if e.To == b.addr() && len(e.Datagram) > 150 && keying == nil { // the only large one
			keying = append(keying, e.Datagram...)
		}
	})
	w.connect(a, b)
	w.RunFor(time.Second)
	sent := b.Stats().RIKeyingsSent
	b.inject(a.addr(), keying)
	w.RunFor(time.Second)
	if st := b.Stats(); st.RepeatedKeyings != 1 || st.RIKeyingsSent != sent || st.SessionsAccepted != 1 {
		t.Errorf("%+v", st)
	}
}

func TestKeyingWithoutSessionIDIsIgnored(t *testing.T) {
	w := newWorld(t, 1)
	_, b := w.pair(simnet.Conditions{}, options{}, options{})
	p := w.addProber(w.NewHost(netip.MustParseAddrPort("192.0.2.3:5000")))
	i := w.stranger(p, b)
	i.hello()
	i.keying(0)
	w.RunFor(time.Second)
	if len(b.accepted) != 0 || p.count(wire.ChunkRIKeying) != 0 {
		t.Error("a session with ID 0")
	}
	i.keying(77)
	w.RunFor(time.Second)
	if len(b.accepted) != 1 || p.last(wire.ChunkRIKeying).session != 77 {
		t.Error("no session with ID 77")
	}
}
