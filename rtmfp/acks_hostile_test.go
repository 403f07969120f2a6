package rtmfp_test

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// deaf has nothing reach the rogue's own core while f happens.
func (s *siege) deaf(f func()) {
	s.rogue.host.Down().Set(simnet.Conditions{Loss: 1})
	f()
	s.rogue.host.Down().Set(simnet.Conditions{Delay: 5 * time.Millisecond})
}

func TestAcknowledgementsOfWhatWasNeverSentCountForNothing(t *testing.T) {
	s := newSiege(t, 111, rtmfp.Limits{})
	var sent outbox
	f := opened(t, s.world, s.victim, s.far, rtmfp.FlowConfig{Handler: &sent})
	large := content(100000, 1)
	s.deaf(func() {
		s.victim.do(func() { sendAll(t, f, []string{large}) })
		before := s.far.session.Stats()
		s.inSession(wire.Ack{FlowID: f.ID(), BufferBlocks: math.MaxUint64, Cumulative: 1,
			Ranges: []wire.Range{{From: 50, To: math.MaxUint64 - 1}}}.AppendRange(nil, 1150))
		s.inSession(wire.Ack{FlowID: 4711, BufferBlocks: 64, Cumulative: math.MaxUint64}.AppendRange(nil, 1150))
		if after := s.far.session.Stats(); sent.delivered != 0 || after.Outstanding != before.Outstanding || after.Queued != 100000 {
			t.Errorf("%d delivered, %d outstanding, %d before", sent.delivered, after.Outstanding, before.Outstanding)
		}
	})
	s.RunFor(20 * time.Second)
	sameMessages(t, s.near.inboxes[0].messages, []string{"0", large})
	s.lift(true)
}

func TestAcknowledgementsWithThousandsOfRanges(t *testing.T) {
	s := newSiege(t, 116, rtmfp.Limits{})
	var sent outbox
	var f *rtmfp.SendFlow
	s.deaf(func() {
		s.victim.do(func() {
			f = s.far.open(t, rtmfp.FlowConfig{Handler: &sent})
			sendAll(t, f, []string{content(100000, 1)})
		})
		many := wire.Ack{FlowID: f.ID(), BufferBlocks: 64}
		for i := range uint64(3000) {
			many.Ranges = append(many.Ranges, wire.Range{From: 2*i + 2, To: 2*i + 2})
		}
		for range 20 {
			s.inSession(many.AppendRange(nil, 1150))
			many.Ranges = many.Ranges[1:]
		}
		bitmap := many.AppendBitmap(nil, 500)
		s.inSession(bitmap, bitmap)
		s.inSession(wire.Chunk{Type: wire.ChunkRangeAck, Payload: []byte{2, 0x80}}.Append(nil), wire.Chunk{Type: wire.ChunkBitmapAck}.Append(nil))
	})
	s.RunFor(10 * time.Second) // what the rogue's own core has never seen begin is rejected there
	wantException(t, &sent, 0)
	if st := s.far.session.Stats(); f.Queued() != 0 || st.Outstanding != 0 || st.SendFlows != 0 {
		t.Errorf("%d bytes queued, %+v", f.Queued(), st)
	}
	s.lift(true)
}

// TestLossIsFoundByThreeNegativeAcknowledgements acknowledges what was sent behind a fragment, packet by packet (RFC 7016 3.6.2.5).
func TestLossIsFoundByThreeNegativeAcknowledgements(t *testing.T) {
	s := newSiege(t, 117, rtmfp.Limits{})
	f := opened(t, s.world, s.victim, s.far, rtmfp.FlowConfig{})
	s.deaf(func() {
		for range 5 {
			s.victim.do(func() { sendAll(t, f, []string{"x"}) })
		}
		for i, lost := range []uint64{0, 0, 1, 1} {
			s.inSession(wire.Ack{FlowID: f.ID(), BufferBlocks: 64, Cumulative: 1, Ranges: []wire.Range{{From: 3, To: uint64(3 + min(i, 2))}}}.AppendRange(nil, 1150))
			if st := s.far.session.Stats(); st.FragmentsLost != lost || st.FragmentsRepeated != lost {
				t.Errorf("after %d acknowledgements: %d lost, %d sent again", i+1, st.FragmentsLost, st.FragmentsRepeated)
			}
		}
	})
	s.RunFor(5 * time.Second)
	s.lift(true)
}

// TestForwardNumberMakesRoomInAFullBuffer abandons what a full buffer waits for, in a fragment that finds no room itself.
func TestForwardNumberMakesRoomInAFullBuffer(t *testing.T) {
	s := newSiege(t, 118, rtmfp.Limits{ReceiveBuffer: 10000})
	in := s.begin(5)
	n := uint64(3)
	for ; s.far.session.Stats().FragmentsDropped == 0; n++ {
		s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: n, Data: []byte(content(1000, int(n)))}))
	}
	if in.count != 1 || in.flow.Buffered() < 10000 {
		t.Fatalf("%d messages, %d bytes buffered", in.count, in.flow.Buffered())
	}
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: n + 5, FSN: 2, Data: []byte(content(1000, 1))}))
	if in.count != int(n)-3 || in.flow.Buffered() > 2000 || in.gaps != 1 {
		t.Errorf("%d messages of %d, %d gaps, %d bytes buffered", in.count, n-3, in.gaps, in.flow.Buffered())
	}
	s.lift(true)
}

// TestFullBufferWithAHoleAdvertisesABlock: without it nobody could fill the hole (RFC 7016 3.6.3.5).
func TestFullBufferWithAHoleAdvertisesABlock(t *testing.T) {
	s := newSiege(t, 119, rtmfp.Limits{ReceiveBuffer: 2048})
	in := s.begin(5)
	var blocks []uint64
	rtmfp.Spy(s.near.session, func(sent bool, plain []byte) {
		for _, a := range acks(plain) {
			if !sent {
				blocks = append(blocks, a.BufferBlocks)
			}
		}
	})
	for n := uint64(3); n < 6; n++ {
		s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: n, Data: []byte(content(1000, int(n)))}))
	}
	s.victim.do(in.flow.Pause)
	s.inSession(wire.BufferProbe{FlowID: 5}.Append(nil))
	s.victim.do(in.flow.Resume)
	s.inSession(fragment(wire.UserData{FlowID: 5, Sequence: 2, Data: []byte("2")}))
	if want := []uint64{1, 1, 1, 0, 1, 2}; !slices.Equal(blocks, want) || in.count != 5 {
		t.Errorf("advertised %d blocks, want %d; %d messages", blocks, want, in.count)
	}
	s.lift(true)
}

func TestAMillionFlowsEndTheSession(t *testing.T) {
	s := newSiege(t, 112, rtmfp.Limits{})
	const packed = 60
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	packet := make([]byte, 0, 1200)
	closed := -1
	for id := uint64(0); id < 1_000_000; id += packed {
		packet = packet[:0]
		for i := range uint64(packed) {
			u := wire.UserData{FlowID: 1000 + id + i, Sequence: 1, HasOptions: true, Options: metadata("m")}
			packet = u.AppendHeader(packet, 0)
		}
		s.send(packet)
		if id%(100*packed) == 0 {
			s.RunFor(6 * time.Millisecond)
		}
		if s.far.closed && closed < 0 {
			closed = int(id)
			runtime.ReadMemStats(&after)
		}
		if s.near.closed {
			break
		}
	}
	s.RunFor(time.Second)
	if !errors.Is(s.far.err, rtmfp.ErrAbuse) || len(s.far.inboxes) > 4096 || s.victim.Stats().Abused != 1 {
		t.Errorf("ended with %v after %d flows, %d for abuse", s.far.err, len(s.far.inboxes), s.victim.Stats().Abused)
	}
	for _, in := range s.far.inboxes {
		if !in.ended || !errors.Is(in.err, rtmfp.ErrAbuse) {
			t.Fatalf("a flow ended %v with %v", in.ended, in.err)
		}
	}
	if grown := int(after.HeapAlloc) - int(before.HeapAlloc); closed < 0 || grown > 16<<20 {
		t.Errorf("%d bytes of memory for %d flows", grown, closed)
	}
	if s.near.err != rtmfp.ErrClosedByPeer {
		t.Errorf("the rogue was told %v", s.near.err)
	}
	s.lift(false)
}

func TestPingsAtLineRateHaveBoundedAnswers(t *testing.T) {
	s := newSiege(t, 113, rtmfp.Limits{})
	sent := s.far.session.Stats()
	var chunks []byte
	for len(chunks) < 1100 {
		chunks = wire.Ping{Message: []byte("x")}.Append(chunks)
	}
	long := wire.Ping{Message: make([]byte, 1150)}.Append(nil)
	const packets = 3000
	bytes := 0
	for i := range packets {
		if i%2 == 0 {
			s.send(chunks)
			bytes += len(chunks)
		} else {
			s.send(long)
			bytes += len(long)
		}
	}
	s.RunFor(time.Second)
	after := s.far.session.Stats()
	if n := after.PacketsSent - sent.PacketsSent; n > packets+10 || n < packets/2 {
		t.Errorf("%d packets answer %d", n, packets)
	}
	if n := after.BytesSent - sent.BytesSent; int(n) > bytes*11/10 {
		t.Errorf("%d bytes answer %d", n, bytes)
	}
	// In one batch of datagrams, before the owner polls, two packets full are kept.
	var batch [][]byte
	s.Tap(func(e simnet.Event) {
		if e.From == s.rogue.addr() && e.Fate == simnet.Lost {
			batch = append(batch, slices.Clone(e.Datagram))
		}
	})
	s.rogue.host.Up().Set(simnet.Conditions{Loss: 1})
	for range 100 {
		s.send(chunks)
	}
	s.rogue.host.Up().Set(simnet.Conditions{})
	sent = s.far.session.Stats()
	s.victim.host.Do(func() {
		for _, datagram := range batch {
			s.victim.Receive(s.Now(), rtmfp.Path{Addr: s.rogue.addr()}, datagram)
		}
	})
	s.RunFor(0)
	after = s.far.session.Stats()
	if received, answered := after.PacketsReceived-sent.PacketsReceived, after.PacketsSent-sent.PacketsSent; received != 100 || answered > 3 {
		t.Errorf("%d packets answer a batch of %d", answered, received)
	}
	s.lift(true)
}

func TestProbesAndReportsForUnknownFlowsAreIgnored(t *testing.T) {
	s := newSiege(t, 114, rtmfp.Limits{})
	var sent outbox
	s.victim.do(func() { sendAll(t, s.far.open(t, rtmfp.FlowConfig{Handler: &sent}), []string{"x"}) })
	s.RunFor(time.Second)
	before, stats := s.victim.Stats(), s.far.session.Stats()
	for i := range uint64(300) {
		s.inSession(wire.BufferProbe{FlowID: 100 + i}.Append(nil), wire.FlowException{FlowID: 100 + i, Code: i}.Append(nil))
	}
	s.inSession(wire.BufferProbe{FlowID: math.MaxUint64}.Append(nil), wire.Chunk{Type: wire.ChunkBufferProbe}.Append(nil),
		wire.Chunk{Type: wire.ChunkFlowException, Payload: []byte{2}}.Append(nil))
	if n := s.victim.Stats().IgnoredChunks - before.IgnoredChunks; n != 603 {
		t.Errorf("%d chunks ignored", n)
	}
	if st := s.far.session.Stats(); st.PacketsSent-stats.PacketsSent > 2 || sent.ended || st.ReceiveFlows != 0 {
		t.Errorf("%d packets answer, %d flows", st.PacketsSent-stats.PacketsSent, st.ReceiveFlows)
	}
	s.inSession(wire.FlowException{FlowID: 2, Code: 5}.Append(nil), wire.FlowException{FlowID: 2, Code: 6}.Append(nil))
	wantException(t, &sent, 5)
	s.lift(true)
}

// TestUnknownChunksAndPaddingAreIgnored has what private extensions send, and what follows is taken.
func TestUnknownChunksAndPaddingAreIgnored(t *testing.T) {
	s := newSiege(t, 115, rtmfp.Limits{})
	in := s.begin(5)
	two := fragment(wire.UserData{FlowID: 5, Sequence: 2, FSN: 1, Data: []byte("2")})
	three := fragment(wire.UserData{FlowID: 5, Sequence: 3, FSN: 2, Data: []byte("3")})
	s.inSession(wire.Chunk{Type: 0x4d, Payload: []byte{1, 2, 3}}.Append(nil), two, wire.Chunk{Type: 0xec}.Append(nil), three, []byte{0x10, 0xff})
	if !slices.Equal(in.messages, []string{"1", "2", "3"}) {
		t.Errorf("%q", in.messages)
	}
	s.inSession(wire.IHello{Discriminator: []byte{1}, Tag: []byte{2}}.Append(nil))
	s.lift(true)
}
