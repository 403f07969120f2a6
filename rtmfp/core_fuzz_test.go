package rtmfp_test

import (
	"errors"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// The ways in which FuzzCoreReceive hands its input to a core.
const (
	asDatagram byte = iota // as it is
	asStartup              // a plain packet, for session ID 0
	asKeying               // a plain packet of startup, for the session that waits for an answer to its keying
	asSession              // chunks for the open session, from its far end
	asGarbage              // a packet for the open session that its far end has not sealed
	ways
)

// target is a core with an open session, one that waits for its responder, one that waits for its keying, and a question.
type target struct {
	*world
	end, friend *end
	near, far   *peer
	keyingID    uint32
}

func newTarget(t *testing.T) *target {
	w := newWorld(t, 1)
	o := options{
		identity: flash.IdentityConfig{Groups: []flash.Group{flash.Group2}, Randomness: []byte("the target"), AcceptsAncillary: true},
		config: rtmfp.CoreConfig{
			Introducer: introducing(func(*rtmfp.Introduction) {}), Limits: rtmfp.Limits{Introductions: 4, Reassemblies: 4},
		},
	}
	g := &target{world: w}
	g.end = w.add(w.NewHost(at(1, 1935)), o)
	o.identity.Randomness = []byte("the friend")
	g.friend = w.add(w.NewHost(at(2, 1935)), o)
	g.near, g.far = &peer{}, &peer{}
	g.end.do(func() {
		g.near.session, g.far.session = rtmfp.Join(g.end.Core, g.friend.Core, g.end.path(), g.friend.path(), g.near, g.far)
	})
	g.end.dial(append([]byte{0x21, 0x0f}, make([]byte, 32)...), nil, at(3, 1935))
	g.awaitKeying(o)
	return g
}

// awaitKeying dials somebody who gives a certificate and no answer to the keying.
func (g *target) awaitKeying(o options) {
	o.identity.Randomness = []byte("the silent one")
	identity, err := flash.NewIdentity(o.identity)
	if err != nil {
		g.t.Fatal(err)
	}
	silent := g.addProber(g.NewHost(at(4, 1935)))
	silent.answer = func(got probed) {
		switch got.kind {
		case wire.ChunkIHello:
			hello, _ := wire.ParseIHello(got.payload)
			r := wire.RHello{TagEcho: hello.Tag, Cookie: []byte("cookie"), Certificate: identity.Certificate().Bytes()}
			silent.send(got.from, 0, r.Append(nil))
		case wire.ChunkIIKeying:
			k, _ := wire.ParseIIKeying(got.payload)
			g.keyingID = k.SessionID
		}
	}
	g.end.dial(identity.Certificate().CanonicalDiscriminator(), nil, silent.host.Addr(0))
	g.RunFor(50 * time.Millisecond)
	if g.keyingID == 0 {
		g.t.Fatal("no keying")
	}
}

// hit hands over the input.
func (g *target) hit(way byte, input []byte) {
	cipher := flash.Profile{}.NewDefaultCipher()
	from := g.friend.addr()
	switch way % ways {
	case asDatagram:
		g.end.inject(from, append([]byte(nil), input...))
	case asStartup:
		g.end.inject(from, startupDatagram(cipher, 0, input))
	case asKeying:
		g.end.inject(from, startupDatagram(cipher, g.keyingID, input))
	case asSession:
		g.friend.do(func() {
			if g.far.session.IsOpen() {
				rtmfp.SendChunks(g.far.session, input)
			}
		})
	case asGarbage:
		datagram := append(make([]byte, wire.SessionIDSize), input...)
		wire.PutSessionID(datagram, g.near.session.ReceiveID())
		g.end.inject(from, datagram)
	}
}

// consistent says what is wrong with the core.
func (g *target) consistent() error {
	g.end.host.Touch()
	return errors.Join(rtmfp.Check(g.end.Core), rtmfp.CheckGroup(g.end.Core), g.Err())
}

func FuzzCoreReceive(f *testing.F) {
	for way := range ways {
		for _, input := range fuzzSeeds(way) {
			f.Add(way, input)
		}
	}
	f.Fuzz(func(t *testing.T, way byte, input []byte) {
		if len(input) > 4000 {
			return
		}
		g := newTarget(t)
		before := rtmfp.Held(g.end.Core)
		g.hit(way, input)
		g.RunFor(time.Second)
		g.hit(way, input) // once more, for what remembers
		if err := g.consistent(); err != nil {
			t.Fatal(err)
		}
		// A packet has at most some hundreds of chunks, and of what it starts almost everything is bounded by four.
		if held := rtmfp.Held(g.end.Core); held > before+30 {
			t.Fatalf("holds %d things, and held %d before", held, before)
		}
		g.RunFor(5 * time.Minute)
		if err := g.consistent(); err != nil {
			t.Fatal(err)
		}
		if way%ways != asSession && way%ways != asGarbage && g.near.closed && !errors.Is(g.near.err, rtmfp.ErrClosed) {
			t.Fatalf("the open session was touched: %v", g.near.err)
		}
	})
}

// fuzzSeeds are inputs that are right in form.
func fuzzSeeds(way byte) (seeds [][]byte) {
	tag, body := []byte("0123456789abcdef"), make([]byte, 140)
	startup := [][]byte{
		wire.IHello{Discriminator: []byte{0x02, 0x0a, 'x'}, Tag: tag}.Append(nil),
		wire.RHello{TagEcho: tag, Cookie: tag, Certificate: []byte{0x02, 0x15, 0x02}}.Append(nil),
		wire.Redirect{TagEcho: tag, Destinations: []wire.Address{observed(at(1, 1)), observed(at(2, 2))}}.Append(nil),
		wire.IIKeying{SessionID: 5, Cookie: body[:64], Certificate: []byte{0x02, 0x15, 0x02}, Component: body, Signature: tag}.Append(nil),
		wire.Fragment{PacketID: 9, More: true, Data: body}.Append(nil),
	}
	switch way {
	case asStartup:
		seeds = startup
	case asKeying:
		seeds = [][]byte{
			wire.RIKeying{SessionID: 6, Component: body, Signature: tag}.Append(nil),
			wire.CookieChange{Old: []byte("cookie"), New: tag}.Append(nil),
			wire.Fragment{PacketID: 9, Data: body}.Append(nil),
		}
	case asSession:
		seeds = [][]byte{
			wire.FIHello{Discriminator: []byte{0x02, 0x0a, 'x'}, ReplyAddress: observed(at(1, 1)), Tag: tag}.Append(nil),
			wire.Ping{Message: tag}.Append(nil), wire.PingReply{Message: tag}.Append(nil),
			append(wire.UserData{
				FlowID: 2, Sequence: 1, HasOptions: true, Options: []byte{0x02, 0x00, 'm'}, Fragment: wire.Whole,
			}.AppendHeader(nil, len(tag)), tag...),
			wire.FlowException{FlowID: 2, Code: 1}.Append(nil), wire.BufferProbe{FlowID: 2}.Append(nil),
			wire.AppendClose(nil), wire.AppendCloseAck(nil),
		}
		return seeds
	case asGarbage:
		return [][]byte{{byte(wire.ModeResponder), 0x01, 0, 0}, {0x4d}, nil}
	case asDatagram:
		for _, chunk := range startup {
			seeds = append(seeds, startupPacket(flash.Profile{}.NewDefaultCipher(), 0, chunk))
		}
		return append(seeds, nil, []byte{1, 2, 3}, make([]byte, 36))
	}
	for i := range seeds {
		seeds[i] = append([]byte{byte(wire.ModeStartup)}, seeds[i]...)
	}
	return seeds
}

func TestSessionsOfTheTargetAreAsDescribed(t *testing.T) {
	g := newTarget(t)
	if st := g.end.Stats(); st.Sessions != 1 || st.Openings != 2 || g.near.session.PeerID() != g.friend.identity.Certificate().PeerID() {
		t.Errorf("%+v", st)
	}
	g.hit(asSession, wire.Ping{Message: []byte("there?")}.Append(nil))
	g.RunFor(time.Second)
	if g.far.session.Stats().PacketsReceived == 0 || g.near.session.Stats().PacketsReceived == 0 {
		t.Error("the open session is not alive")
	}
}
