package trace

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"afterglow/rtmfp/wire"
)

// fragmented is a message of three fragments, from sequence number 5 on, of a flow that begins there.
func fragmented() []wire.UserData {
	return []wire.UserData{
		{Sequence: 5, FSN: 4, Fragment: wire.Begin, Data: []byte("be")},
		{Sequence: 6, FSN: 4, Fragment: wire.Middle, Data: []byte("gi")},
		{Sequence: 7, FSN: 4, Fragment: wire.End, Data: []byte("n.")},
	}
}

func newTestFlow(all *sessions, u wire.UserData) *flow {
	return all.flow(all.begin([2]uint32{1, 2}, 0), initiator, u, 0)
}

func TestFragmentsMakeAMessageInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}, {0, 0, 2, 2, 1}} {
		all := newSessions()
		f := newTestFlow(all, fragmented()[0])
		var messages []string
		for _, i := range order {
			if n := f.take(fragmented()[i], 0, all); n.complete {
				messages = append(messages, fmt.Sprintf("%s %d-%d", n.message, n.first, n.last))
			}
		}
		if fmt.Sprint(messages) != "[begin. 5-7]" || all.held != 0 || len(f.parts) != 0 {
			t.Errorf("in the order %v: %q, %d bytes held", order, messages, all.held)
		}
	}
}

func TestMessageOfWhichAPartIsGivenUpIsDropped(t *testing.T) {
	for missing := range 3 {
		all := newSessions()
		f := newTestFlow(all, fragmented()[0])
		for i, u := range fragmented() {
			if i != missing {
				f.take(u, 0, all)
			}
		}
		n := f.take(wire.UserData{Sequence: 9, FSN: 7, Fragment: wire.Whole, Data: []byte("x")}, 0, all)
		want := fmt.Sprintf("#%d given up by the sender", missing+5)
		if !strings.HasPrefix(n.gap, want) || all.held != 0 || f.stats.missing != 1 || f.stats.broken == 0 {
			t.Errorf("without %d: %q, %d bytes held, %+v", missing, n.gap, all.held, f.stats)
		}
	}
}

func TestAbandonedFragmentsBreakTheirMessage(t *testing.T) {
	all := newSessions()
	f := newTestFlow(all, fragmented()[0])
	f.take(fragmented()[0], 0, all)
	f.take(wire.UserData{Sequence: 6, FSN: 6, Abandon: true}, 0, all)
	n := f.take(fragmented()[2], 0, all)
	if n.complete || n.gap != "" || all.held != 0 || f.stats.abandoned != 1 || f.stats.missing != 0 {
		t.Errorf("%+v, %d bytes held, %+v", n, all.held, f.stats)
	}
}

func TestFragmentThatIsAbandonedAfterItCameIsKept(t *testing.T) {
	all := newSessions()
	f := newTestFlow(all, fragmented()[0])
	f.take(fragmented()[0], 0, all)
	f.take(fragmented()[1], 0, all)
	if n := f.take(wire.UserData{Sequence: 5, FSN: 5, Abandon: true}, 0, all); !n.again {
		t.Fatalf("%+v", n)
	}
	f.take(wire.UserData{Sequence: 6, FSN: 6, Abandon: true}, 0, all)
	if n := f.take(fragmented()[2], 0, all); string(n.message) != "begin." {
		t.Errorf("%+v", n)
	}
}

func TestFragmentBehindWhichAnotherIsGivenUpIsNotKept(t *testing.T) {
	all := newSessions()
	f := newTestFlow(all, fragmented()[0])
	f.take(wire.UserData{Sequence: 6, FSN: 4, Abandon: true}, 0, all)
	if f.take(fragmented()[0], 0, all); all.held != 0 || f.stats.broken != 1 {
		t.Errorf("%d bytes held, %+v", all.held, f.stats)
	}
}

func TestForwardNumberOfAcknowledgedFragmentsDropsNothing(t *testing.T) {
	all := newSessions()
	u := fragmented()
	f := newTestFlow(all, u[0])
	u[1].FSN, u[2].FSN = 5, 6
	for i, u := range u {
		if n := f.take(u, 0, all); n.gap != "" || n.complete != (i == 2) {
			t.Errorf("fragment %d: %+v", i, n)
		}
	}
}

func TestFlowThatBeganBeforeTheCaptureIsGuessed(t *testing.T) {
	all := newSessions()
	f := newTestFlow(all, wire.UserData{Sequence: 100, FSN: 98})
	n := f.take(wire.UserData{Sequence: 100, FSN: 98, Data: rtmp(typeControl, 0, event(6, 77))}, 0, all)
	m := f.purpose.message(n.message)
	if !n.complete || m.Type != "control" || m.Text != "ping: time 77" || !strings.Contains(m.Flow, "before") {
		t.Errorf("%+v %+v", n, m)
	}
}

func TestNumberOfAFlowIsUsedAgain(t *testing.T) {
	options := func(metadata string) []byte {
		return append([]byte{byte(1 + len(metadata)), wire.OptionMetadata}, metadata...)
	}
	all := newSessions()
	s := all.begin([2]uint32{1, 2}, 0)
	first := wire.UserData{FlowID: 2, Sequence: 1, HasOptions: true, Final: true, Options: options("one")}
	f := all.flow(s, initiator, first, 0)
	if n := f.take(first, time.Minute, all); !n.ended || !n.began || n.complete {
		t.Fatalf("%+v", n)
	}
	if all.flow(s, initiator, first, time.Minute+time.Second) != f {
		t.Error("a retransmission is a new flow")
	}
	other := first
	other.Options = options("two")
	if g := all.flow(s, initiator, other, time.Second); g == f || !g.take(other, 0, all).began || string(g.metadata) != "two" {
		t.Error("other metadata are the same flow")
	}
	if all.flow(s, initiator, other, time.Hour) == f || len(s.ends[initiator].order) != 3 {
		t.Errorf("%d flows", len(s.ends[initiator].order))
	}
}

func TestSequencesAgreeWithASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var s sequences
		set := map[uint64]bool{}
		given := uint64(0)
		for range 300 {
			n := random.Uint64N(200) + 1
			if random.IntN(10) == 0 {
				n = max(n/4, given)
				_, count := s.advance(n)
				want := uint64(0)
				for i := uint64(1); i <= n; i++ {
					if !set[i] {
						set[i] = true
						want++
					}
				}
				if given = n; count != want {
					t.Fatalf("%d missing up to %d, not %d", count, n, want)
				}
				continue
			}
			if fresh := s.add(n); fresh == set[n] {
				t.Fatalf("%d is new: %v", n, fresh)
			}
			set[n] = true
		}
	}
}

func TestSequencesAreLimited(t *testing.T) {
	var s sequences
	for n := uint64(2); n < 10000; n += 2 {
		s.add(n)
	}
	if len(s.ranges) > maxRanges {
		t.Errorf("%d ranges", len(s.ranges))
	}
	s.add(math.MaxUint64)
	s.add(math.MaxUint64 - 1)
	s.advance(math.MaxUint64)
	if s.add(math.MaxUint64) || s.through != math.MaxUint64 || len(s.ranges) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestFlowsAndSessionsAreLimited(t *testing.T) {
	all := newSessions()
	left := 0
	all.leave = func(*session) { left++ }
	for i := range uint32(maxSessions + 10) {
		s := all.begin([2]uint32{i, i + 1}, time.Duration(i))
		for id := range uint64(5) {
			u := wire.UserData{FlowID: id, Sequence: 1, Fragment: wire.Begin, Data: []byte("held")}
			if f := all.flow(s, responder, u, 0); f != nil {
				f.take(u, 0, all)
			}
		}
	}
	if len(all.byNumber) > maxSessions || all.flows > maxFlows || all.held != 4*all.flows || left == 0 {
		t.Errorf("%d sessions, %d flows, %d bytes, %d have left", len(all.byNumber), all.flows, all.held, left)
	}
	s := all.ordered()[len(all.byNumber)-1]
	for id := range uint64(2 * maxFlows) {
		all.flow(s, initiator, wire.UserData{FlowID: id, Sequence: 1}, 0)
	}
	if len(all.byNumber) != 1 || all.flows != maxFlows || len(all.byID) != 2 {
		t.Errorf("%d sessions, %d flows, %d IDs", len(all.byNumber), all.flows, len(all.byID))
	}
}

func TestSessionThatIsIdleLongestIsForgotten(t *testing.T) {
	all := newSessions()
	for i := range uint32(50) {
		all.begin([2]uint32{i, i}, time.Second)
	}
	busy := all.byNumber[1]
	busy.last = time.Minute
	for number := 2; all.forgetIdle(nil); number++ {
		if number <= 50 && (all.byNumber[number] != nil || len(all.byNumber) != 51-number) {
			t.Fatalf("session %d is still there", number)
		}
	}
}

func TestKeysAreLimited(t *testing.T) {
	r := newKeyring()
	for i := range uint32(maxKeys + 100) {
		r.add(&sessionKey{name: keyName{ids: [2]uint32{i, 7}}})
	}
	if len(r.order) != maxKeys || len(r.names) != maxKeys || len(r.byID[7]) != maxKeys || r.byID[0] != nil {
		t.Errorf("%d keys", len(r.order))
	}
}

func TestMessagesInWords(t *testing.T) {
	group := parsePurpose([]byte{'G', 'R', 0x1c})
	for _, c := range []struct {
		purpose purpose
		message []byte
		want    string
	}{
		{parsePurpose(tc(1)), rtmp(typeAudio, 5, []byte{0xaf, 0, 0x12, 0x10}), "TC stream 1|audio|AAC, configuration"},
		{parsePurpose(tc(1)), rtmp(typeAudio, 5, nil), "TC stream 1|audio|silence"},
		{parsePurpose(tc(1)), rtmp(typeVideo, 5, []byte{0x17, 2, 0, 0, 0}), "TC stream 1|video|H.264, end of sequence"},
		{parsePurpose(tc(1)), rtmp(typeVideo, 5, []byte{0x27}), "TC stream 1|video|H.264, [media: AVC packet type: truncated]"},
		{parsePurpose(tc(0)), rtmp(typeControl, 0, event(41, 1, 2)), "TC stream 0|control|keepalive periods: server ms 1, peers ms 2"},
		{parsePurpose(tc(0)), rtmp(typeControl, 0, event(41, 1)), "TC stream 0|control|event 41: 00000001"},
		{parsePurpose(tc(0)), rtmp(typeControl, 0, event(3, 1, 500)), "TC stream 0|control|set buffer length: stream 1, ms 500"},
		{parsePurpose(tc(0)), rtmp(typeControl, 0, []byte{0}), "TC stream 0|control|no event: 00"},
		{parsePurpose(tc(0)), rtmp(typeCommand, 0, []byte{2, 0, 1, 'f', 9}), "TC stream 0|command|f() ["},
		{parsePurpose(tc(0)), rtmp(typeCommand, 0, []byte{5}), "TC stream 0|command|null"},
		{parsePurpose(tc(0)), rtmp(typeCommand3, 0, []byte{0, 2, 0, 1, 'f', 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0x11, 4, 7}),
			"TC stream 0|command (AMF3)|f(7)"},
		{parsePurpose(tc(0)), rtmp(typeData, 0, []byte{2, 0, 1, 'x', 1, 1}), `TC stream 0|data|"x", true`},
		{parsePurpose(tc(0)), rtmp(typeWindow, 0, []byte{1}), "TC stream 0|window size|has no meaning in RTMFP: 01"},
		{parsePurpose(tc(0)), rtmp(77, 0, []byte("abc")), `TC stream 0|type 77|616263 "abc"`},
		{parsePurpose(tc(0)), []byte{8, 0}, "TC stream 0|too short for RTMP|0800"},
		{parsePurpose([]byte("GC")), []byte{1, 2}, "GC group control|join group|0102"},
		{group, []byte{0x0a}, "GR group|group report|0a"},
		{group, nil, "GR group|empty group message|"},
		{parsePurpose([]byte("echo")), []byte{1}, `"echo"|message|01`},
		{parsePurpose([]byte{'T', 'C', 0, 1}), []byte{1}, "metadata 54430001|message|01"},
	} {
		m := c.purpose.message(c.message)
		if got := m.Flow + "|" + m.Type + "|" + m.Text; !strings.HasPrefix(got, c.want) {
			t.Errorf("%x: %s, not %s", c.message, got, c.want)
		}
	}
}

func TestStartupPacketsInFragmentsAreJoined(t *testing.T) {
	packet := wire.Header{Mode: wire.ModeStartup}.Append(nil)
	packet = wire.IHello{Discriminator: []byte("\x06\x0aa:b/c"), Tag: []byte("tag")}.Append(packet)
	var j pieceJoiner
	half := len(packet) / 2
	if j.add(marked{}, wire.Fragment{PacketID: 1, Number: 1, Data: packet[half:]}) != nil {
		t.Fatal("half is a whole")
	}
	if got := j.add(marked{}, wire.Fragment{PacketID: 1, Number: 0, More: true, Data: packet[:half]}); string(got) != string(packet) {
		t.Errorf("%q", got)
	}
	for id := range uint64(1000) {
		j.add(marked{}, wire.Fragment{PacketID: id, Number: id % 100, More: true, Data: make([]byte, 1000)})
	}
	if len(j.packets.values) > maxJoined {
		t.Errorf("%d packets", len(j.packets.values))
	}
}
