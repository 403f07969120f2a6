package rtmfp_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// bystanders are two ends whose session carries messages while one of them, the server, is attacked.
type bystanders struct {
	*world
	client, server *end
	near, far      *peer
	work           *keyCounter
	flow           *rtmfp.SendFlow
	out            outbox
	sent           int
	held           int
}

func newBystanders(t *testing.T, o options) *bystanders {
	t.Helper()
	b := &bystanders{world: newWorld(t, 11)}
	hostA, hostB := b.NewHost(at(200, 4001)), b.NewHost(at(201, 1935))
	hostA.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond})
	b.work = &keyCounter{Worker: hostB.Worker()}
	o.config.Worker = b.work
	o.config.Times.Idle = -1
	b.client, b.server = b.add(hostA, forEver), b.add(hostB, o)
	b.near, b.far = b.connect(b.client, b.server)
	b.client.do(func() { b.flow = b.near.open(t, rtmfp.FlowConfig{Metadata: []byte("m"), Handler: &b.out}) })
	b.RunFor(5 * time.Second)
	b.work.jobs = 0
	b.held = rtmfp.Held(b.server.Core)
	b.speak()
	return b
}

// speak has a message sent each 10 ms.
func (b *bystanders) speak() {
	b.client.do(func() {
		if _, err := b.flow.Send(rtmfp.Outgoing{Body: []byte("still here"), Receipt: true}); err == nil {
			b.sent++
		}
	})
	b.After(10*time.Millisecond, b.speak)
}

// unharmed checks that the session has lost nothing, has not been touched, and was not slowed.
func (b *bystanders) unharmed() {
	b.t.Helper()
	if b.near.closed || b.far.closed || b.far.moves+b.near.moves != 0 || b.server.openSessions() < 1 {
		b.t.Fatalf("the session was touched: %v, %v, moved %d", b.near.err, b.far.err, b.far.moves)
	}
	near, far := b.near.session.Stats(), b.far.session.Stats()
	if in := b.far.inboxes[0]; in.count < b.sent-2 || b.out.delivered < b.sent-25 || near.FragmentsLost != 0 || near.Timeouts != 0 {
		b.t.Errorf("%d sent, %d received, %d delivered, %d lost", b.sent, in.count, b.out.delivered, near.FragmentsLost)
	}
	if far.RTT > 30*time.Millisecond || b.near.session.Path() != b.server.path() || b.far.session.Path() != b.client.path() {
		b.t.Errorf("RTT %v, at %v", far.RTT, b.far.session.Path())
	}
}

// nothingKept checks that the server remembers as much as before the attack.
func (b *bystanders) nothingKept() {
	b.t.Helper()
	if held := rtmfp.Held(b.server.Core); held > b.held {
		b.t.Errorf("the server holds %d things, and held %d before", held, b.held)
	}
}

// templates are startup packets of all kinds that are right in form.
func (b *bystanders) templates() [][]byte {
	tag, cookie := []byte("0123456789abcdef"), make([]byte, 64)
	certificate := b.client.identity.Certificate().Bytes()
	hello := wire.IHello{Discriminator: b.server.fingerprint(), Tag: tag}.Append(nil)
	return [][]byte{
		hello,
		wire.IHello{Discriminator: b.client.fingerprint(), Tag: tag}.Append(nil),
		wire.RHello{TagEcho: tag, Cookie: cookie, Certificate: certificate}.Append(nil),
		wire.Redirect{TagEcho: tag, Destinations: []wire.Address{observed(at(1, 1)), observed(at(2, 2))}}.Append(nil),
		wire.IIKeying{SessionID: 5, Cookie: cookie, Certificate: certificate, Component: make([]byte, 140), Signature: []byte("X")}.Append(nil),
		wire.RIKeying{SessionID: 6, Component: make([]byte, 140), Signature: []byte("X")}.Append(nil),
		wire.CookieChange{Old: cookie, New: cookie}.Append(nil),
		wire.Fragment{PacketID: 9, More: true, Data: hello}.Append(nil),
		wire.FIHello{Discriminator: b.server.fingerprint(), ReplyAddress: observed(at(1, 1)), Tag: tag}.Append(nil),
		wire.AppendClose(nil), wire.AppendCloseAck(nil), wire.Ping{Message: []byte("x")}.Append(nil),
	}
}

// counted is how many datagrams and chunks a core has thrown away, or taken for a chunk of startup.
func counted(s rtmfp.CoreStats) uint64 {
	dropped := s.DroppedShort + s.DroppedUnknownSession + s.DroppedVerification + s.DroppedReplay + s.DroppedTooLong + s.DroppedSyntax
	return dropped + s.DroppedCookie + s.IgnoredChunks + s.IHellos + s.RHellos + s.Redirects + s.IIKeyings
}

func TestMutatedStartupPacketsAreDropped(t *testing.T) {
	b := newBystanders(t, options{config: rtmfp.CoreConfig{Introducer: rtmfp.IntroduceAll{}}})
	cipher, random := flash.Profile{}.NewDefaultCipher(), b.Rand()
	templates := b.templates()
	for n := range 20000 {
		chunk := slices.Clone(templates[random.IntN(len(templates))])
		for range 1 + random.IntN(4) {
			chunk[random.IntN(len(chunk))] = byte(random.Uint32())
		}
		if random.IntN(3) == 0 {
			chunk = chunk[:random.IntN(len(chunk)+1)]
		}
		session, header := uint32(0), []byte{byte(wire.ModeStartup)}
		if random.IntN(8) == 0 {
			header = []byte{byte(random.Uint32())}
		}
		datagram := startupDatagram(cipher, session, header, chunk)
		from := spoofed(n)
		if n%3 == 0 {
			from = b.client.addr()
		}
		b.server.inject(from, datagram)
		b.RunFor(100 * time.Microsecond)
	}
	b.RunFor(5 * time.Second)
	b.unharmed()
	b.nothingKept()
	if b.work.jobs != 0 || len(b.server.accepted) != 1 {
		t.Errorf("%d keys computed, %d accepted", b.work.jobs, len(b.server.accepted))
	}
	t.Logf("%+v", b.server.Stats())
}

func TestRandomDatagramsAreDroppedAndCounted(t *testing.T) {
	b := newBystanders(t, options{})
	random := b.Rand()
	session := b.far.session
	var ids []uint32
	b.Tap(func(e simnet.Event) { // whatever the ID of the session is, it is hit
		if id, ok := wire.SessionID(e.Datagram); ok && e.To == b.server.addr() && len(ids) == 0 {
			ids = append(ids, id)
		}
	})
	b.RunFor(time.Second)
	before := b.server.Stats()
	const many = 20000
	for n := range many {
		datagram := make([]byte, random.IntN(200))
		for i := range datagram {
			datagram[i] = byte(random.Uint32())
		}
		if n%2 == 0 && len(datagram) >= wire.SessionIDSize {
			wire.PutSessionID(datagram, [2]uint32{0, ids[0]}[n/2%2])
		}
		b.server.inject([2]netip.AddrPort{spoofed(n), b.client.addr()}[n%2], datagram)
		b.RunFor(50 * time.Microsecond)
	}
	for _, id := range []uint32{0, ids[0]} {
		huge := make([]byte, 65000)
		wire.PutSessionID(huge, id)
		b.server.inject(spoofed(1), huge)
	}
	b.RunFor(time.Second)
	b.unharmed()
	b.nothingKept()
	after := b.server.Stats()
	if got := counted(after) - counted(before); got < many || !session.IsOpen() {
		t.Errorf("%d counted of %d", got, many)
	}
	if after.DroppedShort == 0 || after.DroppedUnknownSession == 0 || after.DroppedVerification < many/4 || after.DroppedTooLong != 1 {
		t.Errorf("%+v", after)
	}
}

func TestHelloFloodLeavesNothingBehind(t *testing.T) {
	b := newBystanders(t, options{config: rtmfp.CoreConfig{Introducer: rtmfp.IntroduceAll{}}})
	cipher := flash.Profile{}.NewDefaultCipher()
	before := b.server.Stats().RHellosSent
	const many = 30000
	for n := range many {
		hello := wire.IHello{Discriminator: b.server.fingerprint(), Tag: []byte{byte(n), byte(n >> 8)}}.Append(nil)
		b.server.inject(spoofed(n), startupPacket(cipher, 0, hello))
		if n%10 == 0 {
			b.RunFor(time.Millisecond)
		}
	}
	b.nothingKept()
	b.RunFor(time.Second)
	b.unharmed()
	if got := b.server.Stats().RHellosSent - before; got != many || b.work.jobs != 0 {
		t.Errorf("%d answers, %d keys computed", got, b.work.jobs)
	}
}

func TestForgedCookiesCostNothing(t *testing.T) {
	b := newBystanders(t, options{})
	cipher := flash.Profile{}.NewDefaultCipher()
	i := b.stranger(b.addProber(b.NewHost(at(1, 4000))), b.server)
	i.hello()
	good := i.cookie
	before := b.server.Stats()
	const many = 5000
	for n := range many {
		i.cookie = slices.Clone(good)
		i.cookie[n%len(good)] ^= byte(1 + n%255)
		if n%5 == 0 {
			i.cookie = make([]byte, n%70)
		}
		from := spoofed(n)
		if n%2 == 0 {
			from = at(1, 4000)
		}
		b.server.inject(from, startupPacket(cipher, 0, i.chunk(uint32(n+1))))
		b.RunFor(100 * time.Microsecond)
	}
	b.RunFor(time.Second)
	b.unharmed()
	b.nothingKept()
	after := b.server.Stats()
	changed, dropped := after.CookieChanges-before.CookieChanges, after.DroppedCookie-before.DroppedCookie
	// A cookie of which only the last part is wrong was made by us for another address.
	if b.work.jobs != 0 || len(b.server.accepted) != 1 || changed+dropped != many || dropped < many/2 {
		t.Errorf("%d keys computed, %d accepted, %d dropped, %d changed", b.work.jobs, len(b.server.accepted), dropped, changed)
	}
}

func TestStolenCookiesCostAnAnswerThatIsSmallerThanTheQuestion(t *testing.T) {
	b := newBystanders(t, options{})
	cipher := flash.Profile{}.NewDefaultCipher()
	i := b.stranger(b.addProber(b.NewHost(at(1, 4000))), b.server)
	i.hello()
	before := b.server.Stats()
	for n := range 5000 {
		b.server.inject(spoofed(n), startupPacket(cipher, 0, i.chunk(uint32(n+1))))
		b.RunFor(100 * time.Microsecond)
	}
	b.unharmed()
	b.nothingKept()
	after := b.server.Stats()
	if b.work.jobs != 0 || after.CookieChanges-before.CookieChanges != 5000 || after.SessionsAccepted != 1 {
		t.Errorf("%d keys computed, %+v", b.work.jobs, after)
	}
	if sent, got := after.BytesSent-before.BytesSent, after.BytesReceived-before.BytesReceived; sent > got {
		t.Errorf("%d bytes in, %d out", got, sent)
	}
}

func TestCookiesExpire(t *testing.T) {
	for _, c := range []struct {
		age   time.Duration
		opens bool
	}{{94 * time.Second, true}, {96 * time.Second, false}} {
		b := newBystanders(t, options{})
		i := b.stranger(b.addProber(b.NewHost(at(1, 4000))), b.server)
		i.hello()
		b.RunFor(c.age - time.Second)
		i.keying(5)
		b.RunFor(time.Second)
		opened, dropped := len(b.server.accepted) == 2, b.server.Stats().DroppedCookie
		if opened != c.opens || b.work.jobs > 0 != c.opens || dropped > 0 == c.opens {
			t.Errorf("after %v: opened %v, %d keys computed, %d dropped", c.age, opened, b.work.jobs, dropped)
		}
	}
}

func TestReplayedKeyingIsAnsweredWithoutComputing(t *testing.T) {
	b := newBystanders(t, options{})
	cipher := flash.Profile{}.NewDefaultCipher()
	p := b.addProber(b.NewHost(at(1, 4000)))
	i := b.stranger(p, b.server)
	i.hello()
	b.server.host.SetWorker(50*time.Millisecond, 10) // within which repetitions come too
	for range 1000 {
		b.server.inject(at(1, 4000), startupPacket(cipher, 0, i.chunk(5)))
		b.RunFor(time.Millisecond)
	}
	b.RunFor(time.Second)
	b.unharmed()
	if b.work.jobs != 1 || len(b.server.accepted) != 2 || p.count(wire.ChunkRIKeying) < 940 {
		t.Errorf("%d keys computed, %d accepted, %d answers", b.work.jobs, len(b.server.accepted), p.count(wire.ChunkRIKeying))
	}
}

func TestKeyingFloodIsRefusedEarly(t *testing.T) {
	b := newBystanders(t, options{})
	b.server.host.SetWorker(10*time.Millisecond, 16)
	cipher := flash.Profile{}.NewDefaultCipher()
	i := b.stranger(b.addProber(b.NewHost(at(1, 4000))), b.server)
	i.hello()
	const many = 2000
	for n := range many {
		b.server.inject(at(1, 4000), startupPacket(cipher, 0, i.chunk(uint32(n+1))))
		b.RunFor(100 * time.Microsecond)
	}
	b.RunFor(time.Second)
	b.unharmed()
	st := b.server.Stats()
	// In 200 ms a key takes 10 ms, and 16 may wait.
	if b.work.jobs > 20+16+1 || st.RefusedBusy != uint64(many-b.work.jobs) || len(b.server.accepted) != 1+b.work.jobs {
		t.Errorf("%d keys computed, %d accepted, %d refused", b.work.jobs, len(b.server.accepted), st.RefusedBusy)
	}
	b.RunFor(2 * time.Minute) // none of them has proved its keys
	b.unharmed()
	b.nothingKept()
	if open := b.server.openSessions(); open != 1 {
		t.Errorf("%d sessions are open", open)
	}
}

func TestFullServerAnswersNobodyNew(t *testing.T) {
	b := newBystanders(t, options{config: rtmfp.CoreConfig{Limits: rtmfp.Limits{Sessions: 3}}})
	p := b.addProber(b.NewHost(at(1, 4000)))
	var strangers []*stranger
	for range 3 {
		s := b.stranger(p, b.server)
		s.hello()
		strangers = append(strangers, s)
	}
	for n, s := range strangers {
		s.keying(uint32(n + 1))
		b.RunFor(time.Millisecond)
	}
	b.RunFor(time.Second)
	before := b.server.Stats()
	if before.SessionsAccepted != 3 || before.RefusedFull != 1 || b.work.jobs != 2 {
		t.Errorf("%d keys computed, %+v", b.work.jobs, before)
	}
	p.send(b.server.path(), 0, wire.IHello{Discriminator: b.server.fingerprint(), Tag: []byte("tag")}.Append(nil))
	b.RunFor(time.Second)
	if after := b.server.Stats(); after.RHellosSent != before.RHellosSent || after.RefusedFull != 2 {
		t.Errorf("%+v", after)
	}
	b.RunFor(2 * time.Minute)
	b.unharmed()
	strangers[2].hello() // there is room again
}

func TestStartupFragmentsThatNeverCompleteAreBounded(t *testing.T) {
	b := newBystanders(t, options{})
	cipher := flash.Profile{}.NewDefaultCipher()
	most := 0
	for n := range 20000 {
		f := wire.Fragment{More: true, PacketID: uint64(n % 1000), Number: uint64(n / 1000), Data: make([]byte, 1100)}
		b.server.inject(spoofed(n%200), startupPacket(cipher, 0, f.Append(nil)))
		most = max(most, rtmfp.HeldFragments(b.server.Core))
		b.RunFor(200 * time.Microsecond)
	}
	if most > 64*4256 || most < 64*1000 {
		t.Errorf("held up to %d bytes", most)
	}
	b.RunFor(2 * time.Second)
	b.unharmed()
	b.nothingKept()
}

func TestHugeAnswersAreRefusedAndTheRightOneIsTaken(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 50 * time.Millisecond}, options{}, options{})
	p := w.addProber(w.NewHost(at(1, 1935)))
	certificate := b.identity.Certificate().Bytes()
	var tag []byte
	p.answer = func(got probed) {
		hello, _ := wire.ParseIHello(got.payload)
		tag = hello.Tag
		for _, r := range []wire.RHello{
			{TagEcho: tag, Cookie: make([]byte, 513), Certificate: certificate},
			{TagEcho: tag, Cookie: make([]byte, 64), Certificate: slices.Concat(certificate, make([]byte, 3900))},
			{TagEcho: tag, Cookie: make([]byte, 64), Certificate: a.identity.Certificate().Bytes()},
			{TagEcho: tag, Cookie: make([]byte, 64)},
			{TagEcho: tag[:15], Cookie: make([]byte, 64), Certificate: certificate},
		} {
			p.send(got.from, 0, r.Append(nil))
		}
	}
	dial := a.dial(b.fingerprint(), nil, p.host.Addr(0))
	w.RunFor(500 * time.Millisecond)
	st := a.Stats()
	if dial.opened || dial.closed || st.IIKeyingsSent != 0 || st.RHellos != 5 || st.IgnoredChunks+st.DroppedSyntax+st.RefusedKeyings < 4 {
		t.Errorf("opened %v, %v, %+v", dial.opened, dial.err, st)
	}
	p.send(a.path(), 0, wire.Redirect{TagEcho: tag, Destinations: []wire.Address{observed(b.addr())}}.Append(nil))
	if !w.opens(dial) {
		t.Error(dial.err)
	}
}

func TestAnswersToKeyingMustBeRight(t *testing.T) {
	// Somebody who knows the session ID answers before the responder does, with all that is wrong.
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 50 * time.Millisecond}, options{}, options{})
	p := w.addProber(w.NewHost(at(1, 1935)))
	var id uint32
	w.Tap(func(e simnet.Event) {
		if e.To != b.addr() || id != 0 {
			return
		}
		plain, err := flash.Profile{}.NewDefaultCipher().Open(slices.Clone(e.Datagram[wire.SessionIDSize:]))
		if err != nil {
			return
		}
		_, chunks, _ := wire.ParseHeader(plain)
		if chunk, _, _ := wire.NextChunk(chunks); chunk.Type == wire.ChunkIIKeying {
			k, _ := wire.ParseIIKeying(chunk.Payload)
			id = k.SessionID
		}
	})
	dial := a.dial(b.fingerprint(), nil, b.addr())
	b.host.SetWorker(5*time.Second, 4)
	w.RunFor(300 * time.Millisecond)
	if id == 0 {
		t.Fatal("no keying")
	}
	for _, chunk := range [][]byte{
		wire.RIKeying{SessionID: 0, Component: make([]byte, 140), Signature: []byte("X")}.Append(nil),
		wire.RIKeying{SessionID: 9, Component: make([]byte, 140), Signature: []byte("X")}.Append(nil),
		wire.RIKeying{SessionID: 9}.Append(nil),
		wire.CookieChange{Old: make([]byte, 64), New: make([]byte, 64)}.Append(nil),
		wire.IHello{Discriminator: a.fingerprint(), Tag: []byte("x")}.Append(nil),
		{0x78, 0, 1, 0x80}, {0x79, 0, 1, 0x80}, {0x7f, 0, 0},
	} {
		p.send(a.path(), id, chunk)
		w.RunFor(20 * time.Millisecond)
	}
	w.RunFor(time.Second)
	if st := a.Stats(); dial.opened || dial.closed || st.FailedKeyings != 2 || st.IgnoredChunks != 5 || st.DroppedSyntax != 1 {
		t.Errorf("opened %v, %v, %+v", dial.opened, dial.err, st)
	}
	if !w.opens(dial) || !errors.Is(dial.err, nil) {
		t.Error(dial.err)
	}
}
