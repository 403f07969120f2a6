package rtmp

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var userControlCases = []struct {
	name string
	hex  string
	want UserControl
}{
	{"stream begin", "0000 00000001", UserControl{Event: EventStreamBegin, Value: 1}},
	{"stream eof", "0001 00000001", UserControl{Event: EventStreamEOF, Value: 1}},
	{"stream dry", "0002 00000001", UserControl{Event: EventStreamDry, Value: 1}},
	{"set buffer length", "0003 00000001 00000bb8", UserControl{Event: EventSetBufferLength, Value: 1, Buffer: 3000}},
	{"stream is recorded", "0004 00000001", UserControl{Event: EventStreamIsRecorded, Value: 1}},
	{"ping request", "0006 01020304", UserControl{Event: EventPingRequest, Value: 0x01020304}},
	{"ping response", "0007 01020304", UserControl{Event: EventPingResponse, Value: 0x01020304}},
	{"swf verify request", "001a", UserControl{Event: EventSWFVerifyRequest}},
	{"swf verify response", "001b 0101", UserControl{Event: EventSWFVerifyResponse}},
	{"buffer empty", "001f 00000001", UserControl{Event: EventBufferEmpty, Value: 1}},
	{"buffer ready", "0020 00000001", UserControl{Event: EventBufferReady, Value: 1}},
}

func TestUserControl(t *testing.T) {
	for _, tt := range userControlCases {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			want := tt.want
			want.Data = b[2:]
			got, err := ParseUserControl(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if m := got.Message(); m.Type != TypeUserControl || m.StreamID != 0 || !bytes.Equal(m.Payload, b) {
				t.Errorf("encoded as %x", m.Payload)
			}
			if want.Event == EventSWFVerifyResponse {
				b = b[:2]
			}
			for cut := range b {
				if _, err := ParseUserControl(b[:cut]); !errors.Is(err, ErrShortMessage) {
					t.Errorf("cut at %d: %v", cut, err)
				}
			}
		})
	}
}

func TestUnknownUserControl(t *testing.T) {
	got, err := ParseUserControl(unhex(t, "1234 0102"))
	if err != nil || got.Event != 0x1234 || !bytes.Equal(got.Data, []byte{1, 2}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestProtocolControlMessages(t *testing.T) {
	tests := []struct {
		name string
		m    Message
		typ  MessageType
		hex  string
	}{
		{"set chunk size", SetChunkSize(4096), TypeSetChunkSize, "00001000"},
		{"chunk size below 1", SetChunkSize(0), TypeSetChunkSize, "00000001"},
		{"chunk size above the largest", SetChunkSize(1 << 30), TypeSetChunkSize, "00ffffff"},
		{"abort", Abort(6), TypeAbort, "00000006"},
		{"window", WindowSize(2500000), TypeWindowSize, "002625a0"},
		{"peer bandwidth", PeerBandwidth(2500000, LimitDynamic), TypePeerBandwidth, "002625a0 02"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.m.Type != tt.typ || !bytes.Equal(tt.m.Payload, unhex(t, tt.hex)) {
				t.Errorf("type %d, %x", tt.m.Type, tt.m.Payload)
			}
		})
	}
}

func TestAggregate(t *testing.T) {
	messages := []Message{
		{Type: TypeAudio, Timestamp: 0xfffffff0, StreamID: 1, Payload: filled(3)},
		{Type: TypeVideo, Timestamp: 0xfffffff8, StreamID: 1, Payload: nil},
		{Type: TypeDataAMF0, Timestamp: 8, StreamID: 1, Payload: filled(300)},
	}
	joined := JoinAggregate(messages)
	want := join(
		unhex(t, `08 000003 fffff0 ff 000000`), filled(3), unhex(t, `0000000e`),
		unhex(t, `09 000000 fffff8 ff 000000 0000000b`),
		unhex(t, `12 00012c 000008 00 000000`), filled(300), unhex(t, `00000137`))
	if joined.Type != TypeAggregate || joined.Timestamp != 0xfffffff0 || joined.StreamID != 1 || !bytes.Equal(joined.Payload, want) {
		t.Fatalf("joined: %+v", joined)
	}
	t.Run("comes apart as it was", func(t *testing.T) { checkSplit(t, joined, messages) })
	t.Run("moves in time", func(t *testing.T) {
		moved := joined
		moved.Timestamp = 100
		shifted := append([]Message(nil), messages...)
		for i := range shifted {
			shifted[i].Timestamp += 0x74
		}
		checkSplit(t, moved, shifted)
	})
	t.Run("without the last back pointer", func(t *testing.T) {
		for n := 1; n <= 4; n++ {
			cut := joined
			cut.Payload = cut.Payload[:len(cut.Payload)-n]
			checkSplit(t, cut, messages)
		}
	})
	t.Run("cut at each byte", func(t *testing.T) {
		ends := []int{18, 33, len(want)}
		for cut := range want {
			m := joined
			m.Payload = want[:cut]
			got, err := SplitAggregate(m)
			whole := 0
			for whole < len(ends) && cut >= ends[whole]-4 {
				whole++
			}
			// What is left between the last whole message and the next must be a part of a back pointer or nothing.
			clean := cut == 0 || whole > 0 && cut <= ends[whole-1]
			if len(got) != whole || (err == nil) != clean {
				t.Fatalf("cut at %d: %d messages, %v", cut, len(got), err)
			}
		}
	})
	if got, err := SplitAggregate(JoinAggregate(nil)); len(got) != 0 || err != nil {
		t.Errorf("empty: %v, %v", got, err)
	}
}

func checkSplit(t *testing.T, m Message, want []Message) {
	t.Helper()
	got, err := SplitAggregate(m)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
	for i := range want {
		if flatten(got[i]) != flatten(want[i]) {
			t.Errorf("message %d: %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestAggregateInsideAggregateIsDropped(t *testing.T) {
	inner := JoinAggregate([]Message{{Type: TypeAudio, Payload: []byte{1}}})
	outer := JoinAggregate([]Message{inner, {Type: TypeAudio, Payload: []byte{2}}})
	checkSplit(t, outer, []Message{{Type: TypeAudio, Payload: []byte{2}}})
}

// A chunk size inside an aggregate would leave the two ends in doubt about when it holds.
func TestProtocolControlInsideAggregateIsIgnored(t *testing.T) {
	m := JoinAggregate([]Message{
		SetChunkSize(1),
		{Type: 7, Payload: []byte{1}},
		UserControl{Event: EventPingRequest, Value: 5}.Message(),
		{Type: TypeAudio, Payload: filled(500)},
	})
	data := AppendChunks(nil, &m, ChunkStreamVideo, DefaultChunkSize)
	c := newConn(&scriptConn{Reader: bytes.NewReader(data)}, Limits{}, 0)
	defer c.Close()
	got, err := c.ReadMessage()
	if err != nil || got.Type != TypeAudio || len(got.Payload) != 500 {
		t.Fatalf("got %v", err)
	}
	if c.chunks.chunkSize != DefaultChunkSize {
		t.Errorf("chunk size %d", c.chunks.chunkSize)
	}
	if c.Ignored() != 2 {
		t.Errorf("%d ignored", c.Ignored())
	}
}

// A message kept for long must not keep the megabytes that it came in.
func TestMessagesOfAnAggregateHaveTheirOwnMemory(t *testing.T) {
	m := JoinAggregate([]Message{{Type: TypeDataAMF0, Payload: filled(10)}, {Type: TypeVideo, Payload: filled(100_000)}})
	data := AppendChunks(nil, &m, ChunkStreamVideo, DefaultChunkSize)
	c := newConn(&scriptConn{Reader: bytes.NewReader(data)}, Limits{}, 0)
	defer c.Close()
	got, err := c.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	whole := c.aggregate.rest
	got.Payload[0] ^= 0xFF
	if cap(got.Payload) > 16 {
		t.Errorf("capacity %d", cap(got.Payload))
	}
	if len(whole) == 0 {
		t.Error("the aggregate is gone")
	}
}
