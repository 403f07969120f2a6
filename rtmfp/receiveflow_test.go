package rtmfp_test

import (
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// seen is a packet that an end has sent.
type seen struct {
	at     rtmfp.Instant
	acks   []wire.Ack
	probes []uint64
	data   []wire.UserData
}

// watch collects the packets that an end sends in a session.
func (w *world) watch(p *peer) *[]seen {
	all := new([]seen)
	rtmfp.Spy(p.session, func(sent bool, plain []byte) {
		if !sent {
			return
		}
		s := seen{at: w.Now(), acks: acks(plain), data: userData(plain)}
		for i := range s.data {
			s.data[i].Data = slices.Clone(s.data[i].Data)
		}
		for _, chunk := range chunksOf(plain) {
			if chunk.Type == wire.ChunkBufferProbe {
				probe, _ := wire.ParseBufferProbe(chunk.Payload)
				s.probes = append(s.probes, probe.FlowID)
			}
		}
		*all = append(*all, s)
	})
	return all
}

// keep opens a flow that keeps a session from being idle.
func (p *peer) keep(t *testing.T, e *end) (f *rtmfp.SendFlow) {
	e.do(func() {
		f = p.open(t, rtmfp.FlowConfig{Metadata: []byte("keep")})
		sendAll(t, f, []string{""})
	})
	e.world.RunFor(time.Second)
	return f
}

// ackTimes says how long after start the packets with acknowledgements were sent.
func ackTimes(packets []seen, start rtmfp.Instant) (times []time.Duration) {
	for _, p := range packets {
		if len(p.acks) > 0 {
			times = append(times, p.at.Sub(start))
		}
	}
	return times
}

func TestAcknowledgementsAreDelayedOrForEverySecondPacket(t *testing.T) {
	const ms = time.Millisecond
	w := newWorld(t, 30)
	a, b := w.pair(simnet.Conditions{Delay: 5 * ms}, options{}, options{})
	near, far := w.connect(a, b)
	var f *rtmfp.SendFlow
	a.do(func() {
		f = near.open(t, rtmfp.FlowConfig{})
		sendAll(t, f, []string{"the first is acknowledged at once"})
	})
	w.RunFor(time.Second)
	packets := w.watch(far)
	for _, c := range []struct {
		name string
		at   []time.Duration // when packets are sent
		want []time.Duration // when acknowledgements are
	}{
		{"one", []time.Duration{0}, []time.Duration{205 * ms}},
		{"two", []time.Duration{0, 30 * ms}, []time.Duration{35 * ms}},
		{"three", []time.Duration{0, 30 * ms, 60 * ms}, []time.Duration{35 * ms, 265 * ms}},
		{"four", []time.Duration{0, 1 * ms, 2 * ms, 3 * ms}, []time.Duration{6 * ms, 8 * ms}},
	} {
		*packets = nil
		start := w.Now()
		for _, at := range c.at {
			w.At(start.Add(at), func() { a.do(func() { sendAll(t, f, []string{"x"}) }) })
		}
		w.RunFor(time.Second)
		if got := ackTimes(*packets, start); !slices.Equal(got, c.want) {
			t.Errorf("%s: acknowledged after %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAcknowledgementRidesWithData(t *testing.T) {
	w := newWorld(t, 31)
	a, b := w.pair(simnet.Conditions{Delay: 5 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var there, back *rtmfp.SendFlow
	a.do(func() {
		there = near.open(t, rtmfp.FlowConfig{})
		sendAll(t, there, []string{"x"})
	})
	w.RunFor(time.Second)
	b.do(func() {
		back = far.open(t, rtmfp.FlowConfig{})
		sendAll(t, back, []string{"x"})
	})
	w.RunFor(time.Second)
	packets := w.watch(far)
	a.do(func() { sendAll(t, there, []string{"y"}) })
	w.RunFor(50 * time.Millisecond)
	if len(*packets) != 0 {
		t.Fatal("acknowledged at once")
	}
	b.do(func() { sendAll(t, back, []string{content(3000, 1)}) })
	if p := *packets; len(p) < 2 || len(p[0].data) == 0 || len(p[0].acks) != 1 || len(p[1].acks) != 0 {
		t.Errorf("the acknowledgement did not come along: %d packets", len(p))
	}
	w.RunFor(time.Second)
	if near.session.Stats().FragmentsRepeated+far.session.Stats().FragmentsRepeated > 0 {
		t.Error("something was sent again")
	}
}

// TestAcknowledgementOfDataDoesNotHastenAnother has packets with data and acknowledgements cross: those with the one must not
// call for the other.
func TestAcknowledgementDoesNotHastenAnother(t *testing.T) {
	w := newWorld(t, 32)
	a, b := w.pair(simnet.Conditions{Delay: 5 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var there, back *rtmfp.SendFlow
	a.do(func() {
		there = near.open(t, rtmfp.FlowConfig{})
		sendAll(t, there, []string{"x"})
	})
	b.do(func() {
		back = far.open(t, rtmfp.FlowConfig{})
		sendAll(t, back, []string{"x"})
	})
	w.RunFor(time.Second)
	packets := w.watch(far)
	start := w.Now()
	b.do(func() { sendAll(t, back, []string{"x"}) })
	w.RunFor(50 * time.Millisecond)
	a.do(func() { sendAll(t, there, []string{"x"}) }) // carries the acknowledgement of back
	w.RunFor(time.Second)
	if got := ackTimes(*packets, start); !slices.Equal(got, []time.Duration{255 * time.Millisecond}) {
		t.Errorf("acknowledged after %v", got)
	}
}

func TestHolesDuplicatesAndTheFinalFragmentAreAcknowledgedAtOnce(t *testing.T) {
	w := newWorld(t, 33)
	a, b := w.pair(simnet.Conditions{Delay: 5 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	send := func(chunks []byte) { a.do(func() { rtmfp.SendChunks(near.session, chunks) }) }
	send(fragment(wire.UserData{FlowID: 7, Sequence: 1, HasOptions: true, Options: metadata("m"), Data: []byte("1")}))
	w.RunFor(time.Second)
	packets := w.watch(far)
	for _, c := range []struct {
		name string
		u    wire.UserData
		cum  uint64
		rest []wire.Range
	}{
		{"hole", wire.UserData{FlowID: 7, Sequence: 3, Data: []byte("3")}, 1, []wire.Range{{From: 3, To: 3}}},
		{"behind a hole", wire.UserData{FlowID: 7, Sequence: 4, Data: []byte("4")}, 1, []wire.Range{{From: 3, To: 4}}},
		{"filling it", wire.UserData{FlowID: 7, Sequence: 2, Data: []byte("2")}, 4, nil},
		{"duplicate", wire.UserData{FlowID: 7, Sequence: 2, Data: []byte("2")}, 4, nil},
		{"abandoned", wire.UserData{FlowID: 7, Sequence: 6, FSN: 6, Abandon: true}, 6, nil},
		{"final", wire.UserData{FlowID: 7, Sequence: 7, FSN: 6, Final: true, Data: []byte("7")}, 7, nil},
		{"complete", wire.UserData{FlowID: 7, Sequence: 3, Data: []byte("3")}, 7, nil},
	} {
		*packets = nil
		start := w.Now()
		send(fragment(c.u))
		w.RunFor(time.Second)
		p := *packets
		if got := ackTimes(p, start); !slices.Equal(got, []time.Duration{5 * time.Millisecond}) {
			t.Errorf("%s: acknowledged after %v", c.name, got)
			continue
		}
		if a := p[0].acks[0]; a.FlowID != 7 || a.Cumulative != c.cum || !slices.Equal(a.Ranges, c.rest) {
			t.Errorf("%s: acknowledged up to %d and %v, want %d and %v", c.name, a.Cumulative, a.Ranges, c.cum, c.rest)
		}
	}
	in := far.inboxes[0]
	sameMessages(t, in.messages, []string{"1", "2", "3", "4", "7"})
	if !in.ended || in.gaps != 1 {
		t.Errorf("ended %v, %d gaps", in.ended, in.gaps)
	}
}

// fragment is a chunk of user data; its FSN is 0 if not told.
func fragment(u wire.UserData) []byte { return append(u.AppendHeader(nil, len(u.Data)), u.Data...) }

func metadata(m string) []byte { return wire.AppendOption(nil, wire.OptionMetadata, []byte(m)) }

// TestCompleteFlowLingers sends the final fragment again: for two minutes it belongs to the flow that has ended, then to a new one.
func TestCompleteFlowLingers(t *testing.T) {
	w := newWorld(t, 34)
	a, b := w.pair(simnet.Conditions{Delay: 5 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	keep := near.keep(t, a) // else the session is idle
	final := fragment(wire.UserData{FlowID: 9, Sequence: 1, HasOptions: true, Options: metadata("m"), Final: true, Data: []byte("1")})
	send := func() { a.do(func() { rtmfp.SendChunks(near.session, final) }) }
	packets := w.watch(far)
	send()
	w.RunFor(time.Second)
	for range 2 {
		*packets = nil
		w.RunFor(59 * time.Second)
		*packets = nil
		start := w.Now()
		send()
		w.RunFor(10 * time.Millisecond)
		if got := ackTimes(*packets, start); len(got) != 1 || (*packets)[0].acks[0].Cumulative != 1 {
			t.Errorf("the duplicate was acknowledged after %v", got)
		}
		if len(far.inboxes) != 2 || far.inboxes[1].count != 1 || !far.inboxes[1].ended {
			t.Fatalf("%d flows, the second has %d messages", len(far.inboxes), far.inboxes[1].count)
		}
	}
	w.RunFor(5 * time.Second) // 124 s after its end
	send()
	w.RunFor(time.Second)
	if len(far.inboxes) != 3 || far.inboxes[2].count != 1 {
		t.Errorf("%d flows after two minutes", len(far.inboxes))
	}
	if !keep.IsOpen() || near.closed {
		t.Error("the session has ended")
	}
}

// TestPausedFlowClosesItsWindow follows RFC 7016 3.6.2.9.1: the sender of a flow whose buffer is full asks after 1 s, then less and
// less often.
func TestPausedFlowClosesItsWindow(t *testing.T) {
	w := newWorld(t, 35)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{
		flow: func(f *rtmfp.ReceiveFlow, _ *inbox) { f.SetCapacity(50000); f.Pause() },
	})
	near, far := w.connect(a, b)
	sentPackets, heard := w.watch(near), w.watch(far)
	var sent outbox
	var f *rtmfp.SendFlow
	var messages []string
	for i := range 100 {
		messages = append(messages, content(2000, i))
	}
	a.do(func() {
		f = near.open(t, rtmfp.FlowConfig{Handler: &sent})
		sendAll(t, f, messages)
	})
	w.RunFor(900 * time.Millisecond)
	flow := far.inboxes[0].flow
	if n := flow.Buffered(); n < 50000 || n > 55000 || far.inboxes[0].count != 0 {
		t.Fatalf("%d bytes of 50000 buffered, %d delivered", n, far.inboxes[0].count)
	}
	last := (*heard)[len(*heard)-1]
	if last.acks[0].BufferBlocks != 0 {
		t.Fatalf("a full buffer is advertised as %d blocks", last.acks[0].BufferBlocks)
	}
	closedAt := last.at.Add(10 * time.Millisecond)
	*sentPackets, *heard = nil, nil
	w.RunFor(40 * time.Second)
	var probes []time.Duration
	for _, p := range *sentPackets {
		if len(p.data) > 0 {
			t.Error("data was sent into a closed window")
		}
		if len(p.probes) > 0 && p.probes[0] == f.ID() {
			probes = append(probes, p.at.Sub(closedAt))
		}
	}
	want := []time.Duration{1000 * time.Millisecond, 2500 * time.Millisecond, 4750 * time.Millisecond, 8125 * time.Millisecond,
		13187500 * time.Microsecond, 20781250 * time.Microsecond, 32171875 * time.Microsecond}
	if !slices.Equal(probes, want) {
		t.Errorf("probes after %v, want %v", probes, want)
	}
	answers := slices.DeleteFunc(*heard, func(p seen) bool { return len(p.acks) == 0 })
	for i, p := range answers {
		if len(p.acks) != 1 || p.acks[0].BufferBlocks != 0 || p.at.Sub(closedAt) != want[i]+10*time.Millisecond {
			t.Errorf("answer %d at %v: %v", i, p.at.Sub(closedAt), p.acks)
		}
	}
	resumed := w.Now()
	b.do(flow.Resume)
	w.RunUntil(func() bool { return sent.delivered == 100 }, 10*time.Second)
	sameMessages(t, far.inboxes[0].messages, messages)
	if took := w.Now().Sub(resumed); took > 500*time.Millisecond {
		t.Errorf("it took %v to go on after Resume", took)
	}
	*sentPackets = nil
	w.RunFor(2 * time.Minute)
	for _, p := range *sentPackets {
		if len(p.probes) > 0 {
			t.Error("probes go on")
		}
	}
}

// TestProbeFindsAWindowWhoseOpeningWasLost loses the acknowledgement that Resume sends, with and without data in the queue before.
func TestProbeFindsAWindowWhoseOpeningWasLost(t *testing.T) {
	for _, before := range []bool{true, false} {
		w := newWorld(t, 36)
		a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{
			flow: func(f *rtmfp.ReceiveFlow, _ *inbox) { f.SetCapacity(0) },
		})
		near, far := w.connect(a, b)
		var sent outbox
		var f *rtmfp.SendFlow
		a.do(func() {
			f = near.open(t, rtmfp.FlowConfig{Handler: &sent})
			sendAll(t, f, []string{"1"})
		})
		w.RunFor(time.Second)
		if before {
			a.do(func() { sendAll(t, f, []string{"2"}) })
			w.RunFor(30 * time.Second)
		}
		if far.inboxes[0].count != 1 {
			t.Fatalf("%d messages came through a closed window", far.inboxes[0].count)
		}
		a.host.Down().Blackout(time.Second)
		b.do(func() { far.inboxes[0].flow.SetCapacity(1 << 16) })
		w.RunFor(2 * time.Second)
		if !before {
			a.do(func() { sendAll(t, f, []string{"2"}) })
		}
		w.RunFor(time.Minute)
		if far.inboxes[0].count != 2 {
			t.Errorf("data queued before %v: the window was never found open", before)
		}
	}
}

// TestMessageLargerThanTheBufferArrives has several of them, with loss, so that holes and half messages fill the buffer.
func TestMessageLargerThanTheBufferArrives(t *testing.T) {
	for _, network := range []bool{false, true} {
		w := newWorld(t, 37)
		a, b := w.pair(simnet.Conditions{Delay: 5 * time.Millisecond, Loss: 0.05}, options{}, options{
			flow: func(f *rtmfp.ReceiveFlow, _ *inbox) { f.SetCapacity(3000); f.SetNetworkOrder(network) },
		})
		near, far := w.connect(a, b)
		var sent outbox
		messages := []string{content(50000, 1), "small", content(100000, 2), content(4000, 3)}
		a.do(func() { sendAll(t, near.open(t, rtmfp.FlowConfig{Handler: &sent}), messages) })
		w.RunUntil(func() bool { return sent.delivered == 4 }, 5*time.Minute)
		got := slices.Clone(far.inboxes[0].messages)
		if network {
			slices.Sort(got)
			slices.Sort(messages)
		}
		sameMessages(t, got, messages)
		w.RunFor(time.Second)
	}
}

func TestPausedFlowThatIsCompleteEndsWhenResumed(t *testing.T) {
	w := newWorld(t, 38)
	a, b := w.pair(simnet.Conditions{Delay: 5 * time.Millisecond}, options{}, options{
		flow: func(f *rtmfp.ReceiveFlow, _ *inbox) {
			if len(f.Metadata()) == 0 {
				f.Pause()
			}
		},
	})
	near, far := w.connect(a, b)
	keep := near.keep(t, a)
	var sent outbox
	a.do(func() {
		f := near.open(t, rtmfp.FlowConfig{Handler: &sent})
		sendAll(t, f, []string{"1", content(5000, 2)})
		f.Close()
	})
	w.RunFor(10 * time.Minute)
	in := far.inboxes[1]
	if !sent.ended || sent.delivered != 2 || in.count != 0 || in.ended {
		t.Fatalf("sender ended %v, %d messages delivered to a paused flow, ended %v", sent.ended, in.count, in.ended)
	}
	b.do(in.flow.Resume)
	sameMessages(t, in.messages, []string{"1", content(5000, 2)})
	if !in.ended || in.err != nil || in.flow.Buffered() != 0 {
		t.Errorf("ended %v, %v", in.ended, in.err)
	}
	w.RunFor(10 * time.Minute)
	if !keep.IsOpen() {
		t.Error("the session has ended")
	}
}

func TestPausedFlowEndsWithItsSession(t *testing.T) {
	w := newWorld(t, 39)
	a, b := w.pair(simnet.Conditions{Delay: 5 * time.Millisecond}, options{}, options{
		flow: func(f *rtmfp.ReceiveFlow, _ *inbox) {
			if len(f.Metadata()) == 0 {
				f.Pause()
			}
		},
	})
	near, far := w.connect(a, b)
	near.keep(t, a)
	a.do(func() {
		f := near.open(t, rtmfp.FlowConfig{})
		sendAll(t, f, []string{"1"})
		f.Close()
	})
	w.RunFor(10 * time.Minute)
	a.do(near.session.Close)
	w.RunFor(time.Second)
	if in := far.inboxes[1]; !in.ended || in.err != rtmfp.ErrClosedByPeer {
		t.Errorf("ended %v with %v", in.ended, in.err)
	}
}

// TestAcknowledgementsOfSeveralFlowsShareAPacket has three flows with holes and little room: no acknowledgement is cut short for another's sake.
func TestAcknowledgementsOfSeveralFlowsShareAPacket(t *testing.T) {
	w := newWorld(t, 40)
	a, b := w.pair(simnet.Conditions{Delay: 5 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	const holes = 300
	var chunks []byte
	for i := range uint64(holes) {
		for id := range uint64(3) {
			chunks = append(chunks, fragment(wire.UserData{FlowID: id + 5, Sequence: 2*i + 2, HasOptions: i == 0, Options: metadata("m")})...)
		}
		if len(chunks) > 1000 {
			a.do(func() { rtmfp.SendChunks(near.session, chunks) })
			chunks = nil
		}
	}
	w.RunFor(time.Second)
	packets := w.watch(far)
	a.do(func() {
		for id := range uint64(3) {
			chunks = append(chunks, wire.BufferProbe{FlowID: id + 5}.Append(nil)...)
		}
		rtmfp.SendChunks(near.session, chunks)
	})
	w.RunFor(50 * time.Millisecond)
	ranges := make(map[uint64]int)
	for _, p := range *packets {
		for _, a := range p.acks {
			ranges[a.FlowID] = len(a.Ranges)
		}
	}
	if len(*packets) < 2 || ranges[5] < 250 || ranges[6] != ranges[5] || ranges[7] != ranges[5] {
		t.Errorf("%d packets, ranges of flows: %v", len(*packets), ranges)
	}
}
