package rtmfp_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// numbered sends a numbered message in each interval until count are sent.
func numbered(t *testing.T, e *end, f *rtmfp.SendFlow, interval time.Duration, count int) {
	for i := range count {
		e.world.At(e.world.Now().Add(time.Duration(i)*interval), func() {
			e.do(func() {
				if _, err := f.Send(rtmfp.Outgoing{Body: binary.BigEndian.AppendUint32(make([]byte, 0, 200), uint32(i))[:200]}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func wantNumbers(t *testing.T, in *inbox, count int) {
	t.Helper()
	if len(in.messages) != count || in.gaps != 0 {
		t.Fatalf("%d messages of %d arrived, %d gaps", len(in.messages), count, in.gaps)
	}
	for i, m := range in.messages {
		if n := binary.BigEndian.Uint32([]byte(m)); n != uint32(i) {
			t.Fatalf("message %d in place of %d", n, i)
		}
	}
}

// eavesdropper sees all datagrams between others and sends them again, from an address of its own or from a stolen one.
type eavesdropper struct {
	host *simnet.Host
	seen int
}

func (*eavesdropper) Poll(rtmfp.Instant)           {}
func (*eavesdropper) NextTimer() rtmfp.Instant     { return rtmfp.Never }
func (e *eavesdropper) from(a netip.AddrPort) bool { return e.host.Addr(0) == a }

func (e *eavesdropper) Receive(rtmfp.Instant, rtmfp.Path, []byte) { e.seen++ }

// replay sends a datagram to a target.
func (e *eavesdropper) replay(datagram []byte, to netip.AddrPort) {
	e.host.Do(func() {
		outlet := e.host.Outlet()
		outlet.Send(copy(outlet.Room(), datagram), rtmfp.Path{Addr: to})
	})
}

func TestNothingIsLostByAThousandMoves(t *testing.T) {
	const moves, interval = 1000, 1200 * time.Millisecond
	w := newWorld(t, 70)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	thief := &eavesdropper{host: w.NewHost(addr("203.0.113.66:1"))}
	thief.host.Attach(thief)
	replayed, fooled := 0, false
	w.Tap(func(e simnet.Event) {
		if e.Fate != simnet.Delivered || thief.from(e.From) || thief.from(e.To) || w.Rand().IntN(4) > 0 {
			return
		}
		datagram, to := slices.Clone(e.Datagram), e.To
		w.At(w.Now(), func() { replayed++; thief.replay(datagram, to) })
	})
	var there, back *rtmfp.SendFlow
	a.do(func() { there = near.open(t, rtmfp.FlowConfig{}) })
	b.do(func() { back = far.open(t, rtmfp.FlowConfig{}) })
	const count = int(moves * interval / (100 * time.Millisecond))
	start := w.Now()
	numbered(t, a, there, 100*time.Millisecond, count)
	numbered(t, b, back, 100*time.Millisecond, count)
	for i := range moves {
		w.At(start.Add(time.Duration(i+1)*interval), func() {
			fooled = fooled || thief.from(far.session.Path().Addr) || thief.from(near.session.Path().Addr)
			a.host.Move(0, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), uint16(2000+i)), nil)
		})
	}
	w.RunFor(moves*interval + 20*time.Second)
	wantNumbers(t, far.inboxes[0], count)
	wantNumbers(t, near.inboxes[0], count)
	st := far.session.Stats()
	if st.Moves != moves || far.moves != moves || b.Stats().Moves != moves || near.session.Stats().Moves != 0 {
		t.Errorf("%d moves, told %d, %d by the core, %d of the other end", st.Moves, far.moves, b.Stats().Moves, near.session.Stats().Moves)
	}
	if far.session.Path().Addr != a.addr() || fooled || near.closed || far.closed {
		t.Errorf("far end at %v, is at %v; fooled %v", far.session.Path(), a.addr(), fooled)
	}
	if replayed < 5000 || b.Stats().DroppedReplay < 1000 {
		t.Errorf("%d packets replayed, %d found", replayed, b.Stats().DroppedReplay)
	}
	t.Logf("%d messages each way, %d moves, %d packets replayed by another, %d fragments sent again", count, st.Moves, replayed,
		near.session.Stats().FragmentsRepeated+st.FragmentsRepeated)
}

// TestReplayWithoutSequenceNumbersMovesNothing has ends that cannot know a packet from its copy. Whoever sends it from elsewhere
// is asked, and cannot answer: neither by the answer of the true far end, nor by one to an earlier question. As long as that goes on,
// a true move may not be noticed: there is one question a second, and those from elsewhere get it.
func TestReplayWithoutSequenceNumbersMovesNothing(t *testing.T) {
	plain := flash.IdentityConfig{
		HMAC:     flash.Protection{Receive: flash.RequestNever},
		Sequence: flash.Protection{Receive: flash.RequestNever},
	}
	w := newWorld(t, 71)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{identity: plain}, options{identity: plain})
	near, far := w.connect(a, b)
	thief := &eavesdropper{host: w.NewHost(addr("203.0.113.66:1"))}
	thief.host.Attach(thief)
	var kept [][]byte
	end := w.Now().Add(30 * time.Second)
	w.Tap(func(e simnet.Event) {
		if e.Fate != simnet.Delivered || thief.from(e.From) || w.Now() > end {
			return
		}
		datagram := slices.Clone(e.Datagram)
		kept = append(kept, datagram)
		w.At(w.Now(), func() {
			thief.replay(datagram, b.addr())
			thief.replay(kept[w.Rand().IntN(len(kept))], b.addr())
		})
	})
	var there *rtmfp.SendFlow
	a.do(func() { there = near.open(t, rtmfp.FlowConfig{}) })
	numbered(t, a, there, 50*time.Millisecond, 400)
	w.At(w.Now().Add(10*time.Second), func() { a.host.Move(0, addr("198.51.100.7:77"), nil) })
	w.RunFor(60 * time.Second)
	wantNumbers(t, far.inboxes[0], 400)
	st := far.session.Stats()
	if st.Moves != 1 || far.session.Path().Addr != a.addr() {
		t.Errorf("%d moves, far end at %v", st.Moves, far.session.Path())
	}
	if thief.seen < 15 || thief.seen > 31 {
		t.Errorf("the other address was asked %d times in 30 s", thief.seen)
	}
}

// TestForgedPacketsFromElsewhereMoveNothing sends what no key has sealed, under the session's own number.
func TestForgedPacketsFromElsewhereMoveNothing(t *testing.T) {
	w := newWorld(t, 72)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	thief := &eavesdropper{host: w.NewHost(addr("203.0.113.66:1"))}
	thief.host.Attach(thief)
	forged := 0
	w.Tap(func(e simnet.Event) {
		if e.Fate != simnet.Delivered || e.To != b.addr() || thief.from(e.From) {
			return
		}
		datagram := slices.Clone(e.Datagram)
		datagram[4+w.Rand().IntN(len(datagram)-4)] ^= 1 << w.Rand().IntN(8)
		w.At(w.Now(), func() { forged++; thief.replay(datagram, b.addr()) })
	})
	f := opened(t, w, a, near, rtmfp.FlowConfig{})
	before := far.session.Stats()
	numbered(t, a, f, 50*time.Millisecond, 100)
	w.RunFor(10 * time.Second)
	st := far.session.Stats()
	if st.Moves != 0 || thief.seen != 0 || forged < 100 || b.Stats().DroppedVerification < uint64(forged)*9/10 {
		t.Errorf("%d moves, %d answers, %d forged, %d found", st.Moves, thief.seen, forged, b.Stats().DroppedVerification)
	}
	if got := st.PacketsReceived - before.PacketsReceived; len(far.inboxes[0].messages) != 101 || got > 220 {
		t.Errorf("%d messages, %d packets taken", len(far.inboxes[0].messages), got)
	}
}

// TestAnswerFromElsewhereOrTooLateDoesNotMove sends answers to the question that a move makes: too late, twice, and from another address.
func TestAnswerFromElsewhereOrTooLateDoesNotMove(t *testing.T) {
	w := newWorld(t, 73)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	w.RunFor(time.Second)
	var question []byte
	rtmfp.Spy(near.session, func(sent bool, plain []byte) {
		for _, chunk := range chunksOf(plain) {
			if !sent && chunk.Type == wire.ChunkPing && len(chunk.Payload) > 0 {
				question = slices.Clone(chunk.Payload)
			}
		}
	})
	home, away := a.addr(), addr("198.51.100.7:77")
	ping := func() { a.do(func() { rtmfp.SendChunks(near.session, wire.Ping{}.Append(nil)) }) }
	answer := func() { a.do(func() { rtmfp.SendChunks(near.session, wire.PingReply{Message: question}.Append(nil)) }) }
	a.host.Move(0, away, nil)
	ping()
	w.RunFor(time.Second)
	if far.session.Path().Addr != away || question == nil {
		t.Fatal("did not move")
	}
	old := question
	a.host.Move(0, home, nil)
	ping()
	w.RunFor(time.Second)
	if far.session.Path().Addr != home || slices.Equal(old, question) {
		t.Fatal("did not move back")
	}
	a.host.Move(0, away, nil)
	question = old
	answer() // of the first time: from the right address, but used
	w.RunFor(50 * time.Millisecond)
	if far.session.Path().Addr != home {
		t.Error("moved by an answer that was used before")
	}
	w.RunFor(2 * time.Second)
	w.RunFor(time.Second)
	moves := far.session.Stats().Moves
	if far.session.Path().Addr != away || moves != 3 {
		t.Fatalf("%d moves, at %v", moves, far.session.Path())
	}

	// A fresh question, whose answer is spoilt, or comes from yet another address.
	for _, spoil := range []func(){
		func() { question[0] ^= 1 },
		func() { question[5] ^= 1 },
		func() { question[len(question)-1] ^= 1 },
		func() { a.host.Move(0, addr("198.51.100.99:99"), nil) },
	} {
		a.host.Move(0, home, nil)
		ping()
		w.RunFor(39 * time.Millisecond) // the question is on its way
		a.host.Up().Set(simnet.Conditions{Delay: 20 * time.Millisecond, Loss: 1})
		w.RunFor(time.Millisecond)
		a.host.Up().Set(simnet.Conditions{Delay: 20 * time.Millisecond})
		spoil()
		answer()
		w.RunFor(25 * time.Millisecond)
		if far.session.Path().Addr != away {
			t.Fatal("moved by a spoilt answer")
		}
		a.host.Move(0, away, nil)
		w.RunFor(5 * time.Second)
	}
}

// TestTransferGoesOnAfterABlackout cuts both ways for half a minute in the middle of a transfer. Then the receiver says something: the
// sender does not wait for its own timer, which is seconds away.
func TestTransferGoesOnAfterABlackout(t *testing.T) {
	const blackout, roundTrip = 30 * time.Second, 40 * time.Millisecond
	for _, sends := range []string{"the one that dialled", "the other"} {
		t.Run(sends, func(t *testing.T) {
			w := newWorld(t, 74)
			a, b := w.pair(simnet.Conditions{Delay: roundTrip / 2, Rate: 20e6, Queue: 100e3}, options{}, options{})
			near, far := w.connect(a, b)
			from, to, sender := near, far, a
			if sends == "the other" {
				from, to, sender = far, near, b
			}
			var sent outbox
			const count = 12000
			sender.do(func() {
				f := from.open(t, rtmfp.FlowConfig{Handler: &sent})
				for i := range count {
					send(t, f, rtmfp.Outgoing{Body: []byte(content(1000, i))})
				}
				f.Close()
			})
			w.RunFor(2 * time.Second)
			before := from.session.Stats()
			a.host.Blackout(blackout)
			w.RunFor(blackout)
			lit := w.Now()
			receiver := map[*end]*end{a: b, b: a}[sender]
			w.At(lit.Add(5*time.Millisecond), func() {
				receiver.do(func() { sendAll(t, to.open(t, rtmfp.FlowConfig{}), []string{"are you there"}) })
			})
			arrived := to.inboxes[0].count
			first := rtmfp.Never
			w.Tap(func(e simnet.Event) {
				if e.Fate == simnet.Delivered {
					first = min(first, e.At)
				}
			})
			w.RunUntil(func() bool { return to.inboxes[0].count > arrived }, time.Minute)
			resumed := w.Now()
			w.RunUntil(func() bool { return to.inboxes[0].count >= arrived+1000 }, time.Minute)
			quick := w.Now()
			if !w.RunUntil(func() bool { return sent.ended }, time.Minute) || sent.delivered != count {
				t.Fatalf("%d of %d delivered", sent.delivered, count)
			}
			t.Logf("first packet %v after the blackout, data %v later, 1 MB %v later; before: %v round trip", first.Sub(lit), resumed.Sub(first),
				quick.Sub(first), before.RTT)
			if took := resumed.Sub(first); took > 2*roundTrip { // what was acknowledged in the dark has to be found out first
				t.Errorf("went on %v after the first packet", took)
			}
			if took := quick.Sub(first); took > 1500*time.Millisecond {
				t.Errorf("1 MB took %v after the first packet", took)
			}
			if first.Sub(lit) > roundTrip {
				t.Errorf("the first packet came %v after the blackout", first.Sub(lit))
			}
			want := make([]string, count)
			for i := range want {
				want[i] = content(1000, i)
			}
			sameMessages(t, to.inboxes[0].messages, want)
			if near.closed || far.closed {
				t.Error("the session has ended")
			}
		})
	}
}

// What was sent to where the far end is no longer goes to where it is when that is known, not when the retransmission timeout comes.
func TestWhatWasUnderWayFollowsAMove(t *testing.T) {
	w := newWorld(t, 74)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var back *rtmfp.SendFlow
	b.do(func() {
		back = far.open(t, rtmfp.FlowConfig{})
		sendAll(t, back, []string{"before"})
	})
	w.RunFor(3 * time.Second)
	a.host.Move(0, addr("198.51.100.77:4000"), nil)
	b.do(func() { sendAll(t, back, []string{"after"}) })
	w.RunFor(50 * time.Millisecond)
	a.do(func() { near.session.Probe(func() {}) })
	w.RunFor(90 * time.Millisecond) // the Ping, the question whether it is there, the answer, and what was lost
	if in := near.inboxes[0]; len(in.messages) != 2 || far.moves != 1 {
		t.Errorf("%d messages, %d moves", len(in.messages), far.moves)
	}
}
