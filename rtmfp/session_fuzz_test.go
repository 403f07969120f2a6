package rtmfp_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// FuzzSession gives a session with flows both ways up to 20 packets of arbitrary chunks as from its far end. The first two bytes of each
// say how long it is.
func FuzzSession(f *testing.F) {
	data := func(u wire.UserData) []byte { return fragment(u) }
	packet := func(chunks ...[]byte) []byte {
		all := slices.Concat(chunks...)
		return append([]byte{byte(len(all) >> 8), byte(len(all))}, all...)
	}
	f.Add(packet(data(wire.UserData{FlowID: 7, Sequence: 1, HasOptions: true, Options: metadata("m"), Data: []byte("x")}), nextFragment("y")))
	f.Add(packet(data(wire.UserData{FlowID: 2, Sequence: 9, FSN: 8, Fragment: wire.Begin, Data: []byte("x")}), nextFragment("y")))
	f.Add(packet(data(wire.UserData{FlowID: 2, Sequence: math.MaxUint64, FSN: math.MaxUint64, Abandon: true, Final: true})))
	f.Add(slices.Concat(packet(ackFrom(2, 3, 9)), packet(ackFrom(2, 3, 10)), packet(ackFrom(2, 3, 11), ackFrom(3, 1, 99))))
	f.Add(packet(wire.Ack{FlowID: 2, Cumulative: 5}.AppendRange(nil, 99), wire.FlowException{FlowID: 3, Code: 1}.Append(nil)))
	f.Add(packet(wire.Ack{FlowID: 3, Cumulative: 1, Ranges: []wire.Range{{From: 3, To: 9}}}.AppendBitmap(nil, 99)))
	f.Add(packet(wire.Ping{Message: []byte("p")}.Append(nil), wire.BufferProbe{FlowID: 2}.Append(nil), wire.AppendClose(nil)))
	f.Add(packet(wire.FIHello{Discriminator: []byte{1}, Tag: []byte{2}}.Append(nil), wire.AppendCloseAck(nil)))
	f.Fuzz(func(t *testing.T, input []byte) {
		s := newFuzzed(t)
		for range 20 {
			if len(input) < 2 || s.far.closed {
				break
			}
			n := min(int(input[0])<<8|int(input[1]), len(input)-2, 1190)
			chunks := input[2 : 2+n]
			input = input[2+n:]
			s.a.do(func() { rtmfp.SendChunks(s.near.session, chunks) })
			s.RunFor(3 * time.Millisecond)
			if err := rtmfp.Check(s.b.Core); err != nil {
				t.Fatal(err)
			}
		}
		s.RunFor(3 * time.Minute)
		if err := rtmfp.Check(s.b.Core); err != nil {
			t.Fatal(err)
		}
		if st := s.far.session.Stats(); st.Buffered > 4<<20 || st.Outstanding < 0 || st.Queued < 0 {
			t.Fatalf("%+v", st)
		}
	})
}

// fuzzed is a session in the middle of things: the far side sends on two flows, one message is given up, and receives on two, one paused.
type fuzzed struct {
	*world
	a, b      *end
	near, far *peer
}

func newFuzzed(t *testing.T) *fuzzed {
	w := newWorld(t, 120)
	a, b := w.pair(simnet.Conditions{Delay: time.Millisecond}, options{}, options{flow: func(f *rtmfp.ReceiveFlow, _ *inbox) {
		if string(f.Metadata()) == "paused" {
			f.Pause()
		}
	}})
	s := &fuzzed{world: w, a: a, b: b}
	s.near, s.far = w.join(a, b)
	a.do(func() {
		sendAll(t, s.near.open(t, rtmfp.FlowConfig{}), []string{"1", content(5000, 1)})
		sendAll(t, s.near.open(t, rtmfp.FlowConfig{Metadata: []byte("paused")}), []string{"1", content(5000, 1)})
	})
	w.RunFor(10 * time.Millisecond)
	b.do(func() {
		f := s.far.open(t, rtmfp.FlowConfig{Handler: &outbox{}, Priority: rtmfp.PriorityData})
		sendAll(t, f, []string{content(20000, 1), content(3000, 2), content(3000, 3)})
		f.Abandon(2)
		sendAll(t, s.far.open(t, rtmfp.FlowConfig{Handler: &outbox{}, Return: s.far.inboxes[0].flow}), []string{content(3000, 4)})
	})
	return s
}
