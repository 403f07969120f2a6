package rtmfp_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// siege is a rogue far end with valid keys, a victim, and another session of the victim's that has to notice nothing.
type siege struct {
	*world
	rogue, victim, bystander *end
	near, far                *peer // the rogue's session and the victim's side of it
	other, otherFar          *peer
	steady                   *rtmfp.SendFlow
	steadyCount              int
}

func newSiege(t *testing.T, seed uint64, limits rtmfp.Limits) *siege {
	t.Helper()
	w := newWorld(t, seed)
	s := &siege{world: w}
	s.rogue, s.victim = w.pair(simnet.Conditions{Delay: 5 * time.Millisecond}, options{}, options{config: rtmfp.CoreConfig{Limits: limits}})
	s.bystander = w.add(w.NewHost(addr("192.0.2.3:1")), options{})
	s.near, s.far = w.connect(s.rogue, s.victim)
	s.other, s.otherFar = w.connect(s.bystander, s.victim)
	s.bystander.do(func() { s.steady = s.other.open(t, rtmfp.FlowConfig{}) })
	w.RunFor(time.Second)
	s.passBy()
	return s
}

// passBy has the other session do something.
func (s *siege) passBy() {
	s.bystander.do(func() { sendAll(s.t, s.steady, []string{content(3000, s.steadyCount)}) })
	s.steadyCount++
}

// send sends the chunks in one packet of the rogue's session.
func (s *siege) send(chunks ...[]byte) {
	s.rogue.do(func() { rtmfp.SendChunks(s.near.session, slices.Concat(chunks...)) })
}

// inSession sends the chunks, lets everything happen, and looks at what the victim holds.
func (s *siege) inSession(chunks ...[]byte) {
	s.t.Helper()
	s.send(chunks...)
	s.RunFor(20 * time.Millisecond)
	if err := rtmfp.Check(s.victim.Core); err != nil {
		s.t.Fatal(err)
	}
}

// lift ends the siege: the rogue's session works, if it may, and the other has lost nothing.
func (s *siege) lift(alive bool) {
	s.t.Helper()
	s.passBy()
	s.RunFor(time.Second)
	if in := s.otherFar.inboxes[0]; in.count != s.steadyCount || in.gaps != 0 || s.otherFar.closed {
		s.t.Errorf("another session: %d of %d messages, closed %v", in.count, s.steadyCount, s.otherFar.closed)
	}
	if s.far.closed == alive {
		s.t.Fatalf("the session is closed: %v, %v", s.far.closed, s.far.err)
	}
	if !alive {
		return
	}
	before := len(s.far.inboxes)
	s.send(fragment(wire.UserData{FlowID: 99999, Sequence: 1, HasOptions: true, Options: metadata("after"), Data: []byte("fine")}))
	s.RunFor(time.Second)
	if len(s.far.inboxes) != before+1 || s.far.inboxes[before].count != 1 {
		s.t.Error("the session does not work any more")
	}
}

// begin opens a flow of the rogue's with a whole message.
func (s *siege) begin(flow uint64) *inbox {
	s.t.Helper()
	s.inSession(fragment(wire.UserData{FlowID: flow, Sequence: 1, HasOptions: true, Options: metadata("m"), Data: []byte("1")}))
	return s.far.inboxes[len(s.far.inboxes)-1]
}

func TestMutatedAndReplayedPacketsTouchNothing(t *testing.T) {
	w := newWorld(t, 100)
	a, b := w.pair(simnet.Conditions{Delay: 5 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	f := opened(t, w, a, near, rtmfp.FlowConfig{})
	var kept [][]byte
	w.Tap(func(e simnet.Event) {
		if e.Fate == simnet.Delivered && e.To == b.addr() {
			kept = append(kept, slices.Clone(e.Datagram))
		}
	})
	numbered(t, a, f, 10*time.Millisecond, 50)
	w.RunFor(time.Second)
	b.do(func() {}) // so that it knows what time it is
	before, stats := far.session.Stats(), b.Stats()
	from := rtmfp.Path{Addr: a.addr()}
	replays, mutants := uint64(0), uint64(0)
	for range 20 {
		for _, datagram := range kept {
			b.host.Do(func() { b.Receive(w.Now(), from, slices.Clone(datagram)) })
			replays++
			mutant := slices.Clone(datagram)
			for range 1 + w.Rand().IntN(3) {
				mutant[4+w.Rand().IntN(len(mutant)-4)] ^= byte(1 + w.Rand().IntN(255))
			}
			if w.Rand().IntN(4) == 0 {
				mutant = mutant[:4+w.Rand().IntN(len(mutant)-4)]
			}
			b.host.Do(func() { b.Receive(w.Now(), from, mutant) })
			mutants++
		}
	}
	after := b.Stats()
	if n := after.DroppedReplay - stats.DroppedReplay; n != replays {
		t.Errorf("%d of %d replays dropped", n, replays)
	}
	// The number of the session is mixed with the first bytes that are sealed.
	elsewhere := after.DroppedUnknownSession - stats.DroppedUnknownSession
	if n := after.DroppedVerification - stats.DroppedVerification; n+elsewhere != mutants || n < mutants*8/10 {
		t.Errorf("%d and %d of %d mutants dropped", n, elsewhere, mutants)
	}
	if got := far.session.Stats(); got != before || len(far.inboxes[0].messages) != 51 {
		t.Errorf("the session is\n%+v, was\n%+v", got, before)
	}
	w.RunFor(time.Second)
}

func TestOpeningOfAFlowIsChecked(t *testing.T) {
	returns := func(id uint64) []byte { return wire.AppendReturnAssociation(nil, id) }
	for _, c := range []struct {
		name     string
		options  []byte
		has      bool
		accepted bool
		ignored  bool // the chunk as a whole
	}{
		{"good", metadata("m"), true, true, false},
		{"empty metadata", metadata(""), true, true, false},
		{"no options", nil, false, false, false},
		{"no metadata", wire.AppendOption(nil, 9000, []byte("x")), true, false, false},
		{"an unknown option to be ignored", wire.AppendOption(metadata("m"), 8192, []byte("x")), true, true, false},
		{"an unknown option not to be ignored", wire.AppendOption(metadata("m"), 8191, []byte("x")), true, false, false},
		{"return to a flow that is not there", append(metadata("m"), returns(1234)...), true, false, false},
		{"return to two flows", slices.Concat(metadata("m"), returns(2), returns(2)), true, false, false},
		{"return to what is no number", wire.AppendOption(metadata("m"), wire.OptionReturnAssociation, nil), true, false, false},
		{"long metadata", metadata(content(513, 1)), true, false, false},
		{"truncated options", []byte{200, 1, 2}, true, false, true},
		{"an option without a type", []byte{1, 0x80}, true, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSiege(t, 101, rtmfp.Limits{})
			s.victim.do(func() { sendAll(t, s.far.open(t, rtmfp.FlowConfig{}), []string{"flow 2"}) })
			var reports []wire.FlowException
			rtmfp.Spy(s.near.session, func(sent bool, plain []byte) {
				for _, chunk := range chunksOf(plain) {
					if !sent && chunk.Type == wire.ChunkFlowException {
						x, _ := wire.ParseFlowException(chunk.Payload)
						reports = append(reports, x)
					}
				}
			})
			before := s.victim.Stats().IgnoredChunks
			s.inSession(fragment(wire.UserData{FlowID: 70, Sequence: 1, HasOptions: c.has, Options: c.options, Data: []byte("x")}))
			st := s.far.session.Stats()
			rejected := len(reports) == 1 && reports[0] == wire.FlowException{FlowID: 70}
			if accepted := len(s.far.inboxes) == 1; accepted != c.accepted || rejected != (!c.accepted && !c.ignored) {
				t.Errorf("accepted %v, reports %v", accepted, reports)
			}
			if rejected != (st.FlowsRejected == 1) || (s.victim.Stats().IgnoredChunks > before) != c.ignored {
				t.Errorf("%d flows rejected, %d chunks ignored", st.FlowsRejected, s.victim.Stats().IgnoredChunks-before)
			}
			s.lift(true)
		})
	}
}

func TestOptionThatIsNotUnderstoodRejectsAnOpenFlow(t *testing.T) {
	for _, number := range []uint64{2, 3} { // with all before it, and without
		s := newSiege(t, 102, rtmfp.Limits{})
		in := s.begin(5)
		s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: number, HasOptions: true, Options: wire.AppendOption(nil, 9999, nil), Data: []byte("2")}))
		if in.ended {
			t.Error("rejected for an option that may be ignored")
		}
		s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: number + 1, HasOptions: true, Options: wire.AppendOption(nil, 77, nil), Data: []byte("3")}))
		if !in.ended || in.err == nil || slices.Contains(in.messages, "3") {
			t.Errorf("ended %v, %v", in.ended, in.err)
		}
		s.lift(true)
	}
}

func TestFragmentsThatNeverCompleteAreBounded(t *testing.T) {
	const capacity = 1 << 20
	s := newSiege(t, 103, rtmfp.Limits{})
	chunk := []byte(content(1100, 1))
	for _, c := range []struct {
		name string
		make func(n uint64) wire.UserData
		data []byte
	}{
		{"beginnings", func(n uint64) wire.UserData { return wire.UserData{Sequence: n, Fragment: wire.Begin} }, chunk},
		{"middles", func(n uint64) wire.UserData { return wire.UserData{Sequence: n, Fragment: wire.Middle} }, chunk},
		{"behind a hole", func(n uint64) wire.UserData { return wire.UserData{Sequence: n + 2, Fragment: wire.Middle} }, chunk},
		{"whole behind a hole", func(n uint64) wire.UserData { return wire.UserData{Sequence: n + 2} }, chunk},
		{"every other", func(n uint64) wire.UserData { return wire.UserData{Sequence: 2 * n, Fragment: wire.Begin} }, chunk},
		{"empty behind a hole", func(n uint64) wire.UserData { return wire.UserData{Sequence: n + 2, Fragment: wire.Middle} }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			id := uint64(1000 + len(s.far.inboxes))
			most := 0
			for n := uint64(2); n < 6000; n++ {
				u := c.make(n)
				u.FlowID, u.HasOptions, u.Options, u.Data = id, true, metadata("m"), c.data
				s.send(fragment(u))
				if n%500 == 0 {
					s.RunFor(20 * time.Millisecond)
					s.passBy()
					most = max(most, s.far.session.Stats().Buffered)
				}
			}
			s.RunFor(20 * time.Millisecond)
			if err := rtmfp.Check(s.victim.Core); err != nil {
				t.Error(err)
			}
			if most > 5*capacity/2 {
				t.Errorf("%d bytes buffered", most)
			}
			t.Logf("at most %d bytes buffered, %d fragments dropped", most, s.far.session.Stats().FragmentsDropped)
			in := s.far.inboxes[len(s.far.inboxes)-1]
			s.victim.do(func() { in.flow.Reject(1) })
			if st := s.far.session.Stats(); st.Buffered != 0 {
				t.Errorf("%d bytes buffered after all flows were rejected", st.Buffered)
			}
		})
	}
	s.t = t
	s.lift(true)
}

// TestMessagesThatNeverEndOnManyFlowsAreBounded goes on with the fragment that is awaited, which has to be taken, on each of many flows.
func TestMessagesThatNeverEndOnManyFlowsAreBounded(t *testing.T) {
	s := newSiege(t, 104, rtmfp.Limits{SessionBuffer: 1 << 20, Message: 1 << 19})
	const flows = 50
	chunk, most := []byte(content(1150, 1)), 0
	for n := uint64(1); n < 300; n++ {
		for flow := range uint64(flows) {
			u := wire.UserData{FlowID: 100 + flow, Sequence: n, Fragment: wire.Middle, HasOptions: n == 1, Options: metadata("m"), Data: chunk}
			if n == 1 {
				u.Fragment = wire.Begin
			}
			s.send(fragment(u))
		}
		s.RunFor(10 * time.Millisecond)
		most = max(most, s.far.session.Stats().Buffered)
	}
	if err := rtmfp.Check(s.victim.Core); err != nil {
		t.Error(err)
	}
	ended, open := 0, 0
	for _, in := range s.far.inboxes {
		if in.ended {
			ended++
		} else {
			open++
		}
	}
	if most > 2<<20+1<<16 || ended == 0 {
		t.Errorf("%d bytes buffered, %d flows rejected", most, ended)
	}
	t.Logf("at most %d bytes buffered of %d that are meant to be, %d flows rejected, %d go on", most, 1<<20, ended, open)
	s.lift(true)
}

// TestPausedFlowTakesNoMoreThanItsBuffer has a rogue go on with whole messages in order although nothing is delivered.
func TestPausedFlowTakesNoMoreThanItsBuffer(t *testing.T) {
	s := newSiege(t, 105, rtmfp.Limits{})
	in := s.begin(5)
	s.victim.do(in.flow.Pause)
	for n := uint64(2); n < 10000; n++ {
		s.send(fragment(wire.UserData{FlowID: 5, Sequence: n, Data: []byte(content(1000, int(n)))}))
		if n%500 == 0 {
			s.inSession()
		}
	}
	buffered := in.flow.Buffered()
	if buffered > 5<<19 || s.far.session.Stats().FragmentsDropped == 0 {
		t.Errorf("%d bytes buffered", buffered)
	}
	s.victim.do(in.flow.Resume)
	for i, m := range in.messages[1:] {
		if m != content(1000, i+2) {
			t.Fatalf("message %d is another", i)
		}
	}
	s.lift(true)
}

func TestMessageBeyondTheLimitRejectsItsFlow(t *testing.T) {
	for _, order := range []string{"forwards", "backwards"} {
		s := newSiege(t, 106, rtmfp.Limits{Message: 20000})
		in := s.begin(5)
		for i := range uint64(25) {
			u := wire.UserData{FlowID: 5, Sequence: 2 + i, Fragment: wire.Middle, Data: []byte(content(1000, 1))}
			if order == "backwards" {
				u.Sequence = 30 - i
			} else if i == 0 {
				u.Fragment = wire.Begin
			}
			s.inSession(fragment(u))
		}
		if !in.ended || !errors.Is(in.err, rtmfp.ErrMessageTooLong) || s.far.session.Stats().Buffered != 0 {
			t.Errorf("%s: ended %v with %v, %d bytes buffered", order, in.ended, in.err, s.far.session.Stats().Buffered)
		}
		s.lift(true)
	}
}

func TestSequenceNumbersNearTheEndAndHugeForwardNumbers(t *testing.T) {
	const end = math.MaxUint64
	s := newSiege(t, 107, rtmfp.Limits{})
	in := s.begin(5)
	for _, n := range []uint64{end, end - 1, end - 3, 1 << 63, 1<<63 - 1, 3} {
		s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: n, Fragment: wire.Middle, Data: []byte("x")}))
	}
	if in.count != 1 || in.flow.Ranges() != 4 {
		t.Errorf("%d messages, %d ranges", in.count, in.flow.Ranges())
	}
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: 4, FSN: 3, Data: []byte("4")}))
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: 1 << 62, FSN: 1<<62 - 1, Data: []byte("62")}))
	if !slices.Equal(in.messages, []string{"1", "4", "62"}) || in.gaps != 2 {
		t.Errorf("%q, %d gaps", in.messages, in.gaps)
	}
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: end, FSN: end - 1, Data: []byte("seen before")}))
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: end, FSN: end, Abandon: true}))
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: 7, Data: []byte("long past")}))
	if in.count != 3 || in.flow.Ranges() != 0 || in.flow.Buffered() != 0 {
		t.Errorf("%q, %d ranges, %d bytes", in.messages, in.flow.Ranges(), in.flow.Buffered())
	}
	// The one behind the last number, in one packet with it.
	before := s.victim.Stats().IgnoredChunks
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: end, FSN: 1, Data: []byte("x")}), nextFragment("y"))
	if s.victim.Stats().IgnoredChunks != before+1 {
		t.Error("a number beyond the last was taken")
	}
	s.lift(true)
}

// nextFragment is a chunk of user data that follows another one in its packet.
func nextFragment(data string) []byte {
	return append(wire.UserData{}.AppendNextHeader(nil, len(data)), data...)
}

func TestNextUserDataNeedsUserDataBefore(t *testing.T) {
	s := newSiege(t, 108, rtmfp.Limits{})
	in := s.begin(5)
	good := fragment(wire.UserData{FlowID: 5, Sequence: 2, FSN: 1, Data: []byte("2")})
	broken := wire.Chunk{Type: wire.ChunkUserData, Payload: []byte{0, 5, 0x80}}.Append(nil)
	before := s.victim.Stats().IgnoredChunks
	s.inSession(nextFragment("alone"))
	s.inSession(broken, nextFragment("behind a broken one"))
	s.inSession(wire.Ping{}.Append(nil), nextFragment("behind another chunk"))
	if ignored := s.victim.Stats().IgnoredChunks - before; ignored != 4 || in.count != 1 {
		t.Errorf("%d chunks ignored, %q", ignored, in.messages)
	}
	s.inSession(good, wire.Ping{}.Append(nil), nextFragment("3"), nextFragment("4"))
	if !slices.Equal(in.messages, []string{"1", "2", "3", "4"}) {
		t.Errorf("%q", in.messages)
	}
	s.lift(true)
}

func TestFinalNumberStaysWhereItWas(t *testing.T) {
	s := newSiege(t, 109, rtmfp.Limits{})
	in := s.begin(5)
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: 4, Final: true, Data: []byte("4")}))
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: 2, Final: true, Data: []byte("2")}))
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: 9, Final: true, Data: []byte("9")}))
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: 5, Data: []byte("5")}))
	if in.ended || in.count != 2 || s.far.session.Stats().FragmentsDropped != 2 {
		t.Errorf("ended %v, %q, %d fragments dropped", in.ended, in.messages, s.far.session.Stats().FragmentsDropped)
	}
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: 3, Data: []byte("3")}))
	if !in.ended || in.err != nil || !slices.Equal(in.messages, []string{"1", "2", "3", "4"}) {
		t.Errorf("ended %v, %q", in.ended, in.messages)
	}
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: 5, Data: []byte("data after the final one")}))
	if in.count != 4 {
		t.Error("data after the final fragment was delivered")
	}
	s.lift(true)
}

func TestAlternatingHolesAreBounded(t *testing.T) {
	s := newSiege(t, 110, rtmfp.Limits{})
	in := s.begin(5)
	const holes = 2000
	var chunks []byte
	flush := func(least int) {
		if len(chunks) > least {
			s.inSession(chunks)
			chunks = nil
		}
	}
	for i := range uint64(holes) {
		chunks = append(chunks, fragment(wire.UserData{FlowID: 5, Sequence: 2*i + 3, Data: []byte{byte(i)}})...)
		flush(1000)
	}
	flush(0)
	if n := in.flow.Ranges(); n > 1024 || in.count != 1 || s.far.session.Stats().FragmentsDropped == 0 {
		t.Errorf("%d ranges, %d messages", n, in.count)
	}
	// As an honest sender does: what was not acknowledged is sent again.
	for n := uint64(2); n < 2*holes+2; n++ {
		chunks = append(chunks, fragment(wire.UserData{FlowID: 5, Sequence: n, Data: []byte{byte((n - 3) / 2)}})...)
		flush(1000)
	}
	flush(0)
	if in.count != 2*holes+1 || in.gaps != 0 || in.flow.Ranges() != 0 {
		t.Errorf("%d messages, %d gaps, %d ranges", in.count, in.gaps, in.flow.Ranges())
	}
	s.lift(true)
}
