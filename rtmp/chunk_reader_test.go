package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// readerCases are bytes behind the handshake and the messages in them.
var readerCases = []struct {
	name  string
	bytes func(t testing.TB) []byte
	want  []flat
}{
	{"all four header types", func(t testing.TB) []byte {
		return unhex(t, `
			03 0003e8 000003 08 39300000 aabbcc
			43 000014 000002 12 ddee
			83 000005 ff00
			c3 1122`)
	}, []flat{
		{TypeAudio, 1000, 12345, "\xaa\xbb\xcc"},
		{TypeDataAMF0, 1020, 12345, "\xdd\xee"},
		{TypeDataAMF0, 1025, 12345, "\xff\x00"},
		{TypeDataAMF0, 1030, 12345, "\x11\x22"},
	}},
	{"type 3 after type 0 repeats the timestamp as a delta", func(t testing.TB) []byte {
		return unhex(t, `04 000064 000001 08 01000000 aa c4 bb c4 cc`)
	}, []flat{{TypeAudio, 100, 1, "\xaa"}, {TypeAudio, 200, 1, "\xbb"}, {TypeAudio, 300, 1, "\xcc"}}},
	{"a chunk stream that begins with type 1", func(t testing.TB) []byte {
		return unhex(t, `44 000064 000001 08 aa`)
	}, []flat{{TypeAudio, 100, 0, "\xaa"}}},
	{"chunk stream ids of one, two and three bytes", func(t testing.TB) []byte {
		return unhex(t, `
			02 000001 000001 14 00000000 01
			3f 000002 000001 14 00000000 02
			0000 000003 000001 14 00000000 03
			00ff 000004 000001 14 00000000 04
			010001 000005 000001 14 00000000 05
			01ffff 000006 000001 14 00000000 06
			c2 11 ff 12 c000 13 c0ff 14 c10001 15 c1ffff 16`)
	}, []flat{
		{TypeCommandAMF0, 1, 0, "\x01"}, {TypeCommandAMF0, 2, 0, "\x02"}, {TypeCommandAMF0, 3, 0, "\x03"},
		{TypeCommandAMF0, 4, 0, "\x04"}, {TypeCommandAMF0, 5, 0, "\x05"}, {TypeCommandAMF0, 6, 0, "\x06"},
		{TypeCommandAMF0, 2, 0, "\x11"}, {TypeCommandAMF0, 4, 0, "\x12"}, {TypeCommandAMF0, 6, 0, "\x13"},
		{TypeCommandAMF0, 8, 0, "\x14"}, {TypeCommandAMF0, 10, 0, "\x15"}, {TypeCommandAMF0, 12, 0, "\x16"},
	}},
	{"the longer form of a chunk stream id", func(t testing.TB) []byte {
		return unhex(t, `0000 000003 000001 14 00000000 03 c10000 04`)
	}, []flat{{TypeCommandAMF0, 3, 0, "\x03"}, {TypeCommandAMF0, 6, 0, "\x04"}}},
	{"extended timestamps in types 0, 1, 2 and 3", func(t testing.TB) []byte {
		return unhex(t, `
			04 ffffff 000001 08 01000000 01000000 aa
			44 ffffff 000001 09 00ffffff bb
			84 ffffff 01000002 cc
			c4 01000002 dd
			84 000001 ee`)
	}, []flat{
		{TypeAudio, 0x01000000, 1, "\xaa"},
		{TypeVideo, 0x01ffffff, 1, "\xbb"},
		{TypeVideo, 0x03000001, 1, "\xcc"},
		{TypeVideo, 0x04000003, 1, "\xdd"},
		{TypeVideo, 0x04000004, 1, "\xee"},
	}},
	{"extended timestamp of exactly 0xffffff", func(t testing.TB) []byte {
		return unhex(t, `04 ffffff 000001 08 01000000 00ffffff aa`)
	}, []flat{{TypeAudio, 0xffffff, 1, "\xaa"}}},
	{"timestamps wrap at 2^32", func(t testing.TB) []byte {
		return unhex(t, `04 ffffff 000001 08 01000000 fffffff0 aa 84 000020 bb`)
	}, []flat{{TypeAudio, 0xfffffff0, 1, "\xaa"}, {TypeAudio, 0x10, 1, "\xbb"}}},
	{"extended timestamp in the chunks of one message", func(t testing.TB) []byte {
		p := filled(300)
		return join(unhex(t, `06 ffffff 00012c 09 01000000 01234567`), p[:128],
			unhex(t, `c6 01234567`), p[128:256], unhex(t, `c6 01234567`), p[256:])
	}, []flat{{TypeVideo, 0x01234567, 1, string(filled(300))}}},
	{"extended timestamp left out of type 3", func(t testing.TB) []byte {
		p := filled(300)
		return join(unhex(t, `06 ffffff 00012c 09 01000000 01234567`), p[:128],
			unhex(t, `c6`), p[128:256], unhex(t, `c6`), p[256:])
	}, []flat{{TypeVideo, 0x01234567, 1, string(filled(300))}}},
	{"extended timestamp left out of a last chunk of one byte", func(t testing.TB) []byte {
		p := filled(129)
		return join(unhex(t, `06 ffffff 000081 09 01000000 01234567`), p[:128], unhex(t, `c6`), p[128:])
	}, []flat{{TypeVideo, 0x01234567, 1, string(filled(129))}}},
	{"extended delta, and the absolute time in type 3", func(t testing.TB) []byte {
		p := filled(130)
		return join(unhex(t, `06 000010 000001 09 01000000 aa`),
			unhex(t, `46 ffffff 000082 09 01000000`), p[:128], unhex(t, `c6 01000010`), p[128:])
	}, []flat{{TypeVideo, 0x10, 1, "\xaa"}, {TypeVideo, 0x01000010, 1, string(filled(130))}}},
	{"zero-length messages", func(t testing.TB) []byte {
		return unhex(t, `04 000001 000000 08 01000000 c4 44 000001 000000 09 03 000000 000001 14 00000000 aa`)
	}, []flat{{TypeAudio, 1, 1, ""}, {TypeAudio, 2, 1, ""}, {TypeVideo, 3, 1, ""}, {TypeCommandAMF0, 0, 0, "\xaa"}}},
	{"messages interleaved on two chunk streams", func(t testing.TB) []byte {
		p := filled(200)
		return join(unhex(t, `06 000001 0000c8 09 01000000`), p[:128],
			unhex(t, `04 000002 000001 08 01000000 aa`), unhex(t, `c6`), p[128:])
	}, []flat{{TypeAudio, 2, 1, "\xaa"}, {TypeVideo, 1, 1, string(filled(200))}}},
	{"chunk size changes in mid-message", func(t testing.TB) []byte {
		p := filled(400)
		return join(unhex(t, `06 000001 000190 09 01000000`), p[:128],
			unhex(t, `02 000000 000004 01 00000000 00000001`), // to 1 byte
			unhex(t, `c6`), p[128:129],
			unhex(t, `02 000000 000004 01 00000000`), []byte{0}, []byte{0xC2, 0}, []byte{0xC2, 4}, []byte{0xC2, 0}, // to 1,024
			unhex(t, `c6`), p[129:])
	}, []flat{{TypeVideo, 1, 1, string(filled(400))}}},
	{"abort discards the message and keeps its timestamp", func(t testing.TB) []byte {
		p := filled(200)
		return join(unhex(t, `06 000064 0000c8 09 01000000`), p[:128],
			unhex(t, `02 000000 000004 02 00000000 00000006`),
			unhex(t, `46 000001 000001 09 aa`))
	}, []flat{{TypeVideo, 101, 1, "\xaa"}}},
	{"abort of chunk streams that have no message", func(t testing.TB) []byte {
		return unhex(t, `02 000000 000004 02 00000000 00000006 82 000000 0001ffff 82 000000 ffffffff 82 000000 00000000
			04 000001 000001 08 01000000 aa`)
	}, []flat{{TypeAudio, 1, 1, "\xaa"}}},
	{"abort of a high chunk stream", func(t testing.TB) []byte {
		return join(unhex(t, `0000 000064 0000c8 09 01000000`), filled(128),
			unhex(t, `02 000000 000004 02 00000000 00000040 8000 000000`), filled(128), unhex(t, `c000`), filled(72))
	}, []flat{{TypeVideo, 100, 1, string(filled(128)) + string(filled(72))}}},
	{"aggregate", func(t testing.TB) []byte {
		return unhex(t, `
			06 0003e8 000031 16 07000000
			08 000001 000064 00 ffffff aa 0000000c
			02 000001 000064 00 000000 bb 00000000
			09 000002 000078 00 000000 ccdd 12345678`)
	}, []flat{{TypeAudio, 1000, 7, "\xaa"}, {TypeVideo, 1020, 7, "\xcc\xdd"}}},
	{"unknown types are skipped", func(t testing.TB) []byte {
		return unhex(t, `05 000000 000002 07 00000000 0102 45 000000 000001 ff 00 45 000000 000000 00 45 000000 000001 14 aa`)
	}, []flat{{TypeCommandAMF0, 0, 0, "\xaa"}}},
	{"what is passed up", func(t testing.TB) []byte {
		return unhex(t, `05 000000 000001 08 00000000 08 45 000000 000001 09 09 45 000000 000001 0f 0f 45 000000 000001 10 10
			45 000000 000001 11 11 45 000000 000001 12 12 45 000000 000001 13 13 45 000000 000001 14 14
			45 000000 000006 04 0007 01020304`)
	}, []flat{
		{8, 0, 0, "\x08"}, {9, 0, 0, "\x09"}, {15, 0, 0, "\x0f"}, {16, 0, 0, "\x10"},
		{17, 0, 0, "\x11"}, {18, 0, 0, "\x12"}, {19, 0, 0, "\x13"}, {20, 0, 0, "\x14"},
		{4, 0, 0, "\x00\x07\x01\x02\x03\x04"},
	}},
}

func TestReadMessage(t *testing.T) {
	readers := []struct {
		name string
		wrap func(io.Reader) io.Reader
	}{
		{"at once", func(r io.Reader) io.Reader { return r }},
		{"1-byte reads", iotest.OneByteReader},
		{"half reads", iotest.HalfReader},
		{"data with the error", iotest.DataErrReader},
	}
	for _, tt := range readerCases {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range readers {
				got, err := readAll(r.wrap(bytes.NewReader(tt.bytes(t))), Limits{})
				if err != nil {
					t.Errorf("%s: %v", r.name, err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", r.name, diff)
				}
			}
		})
	}
}

// A stream cut anywhere gives the messages before the cut and, inside a message, io.ErrUnexpectedEOF.
func TestReadMessageCutAtEachByte(t *testing.T) {
	for _, tt := range readerCases {
		t.Run(tt.name, func(t *testing.T) {
			data := tt.bytes(t)
			seen := 0
			for cut := range data {
				c := newConn(&scriptConn{Reader: bytes.NewReader(data[:cut])}, Limits{}, 0)
				n := 0
				var err error
				for err == nil {
					var m Message
					if m, err = c.ReadMessage(); err != nil {
						break
					}
					if n >= len(tt.want) || flatten(m) != tt.want[n] {
						t.Fatalf("cut at %d: message %d is %+v", cut, n, m)
					}
					n++
				}
				if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				if err == io.EOF && (c.chunks.held > 0 || c.in.buffered() > 0) {
					t.Fatalf("cut at %d, inside a message: io.EOF", cut)
				}
				if n < seen {
					t.Fatalf("cut at %d: %d messages, %d with a byte less", cut, n, seen)
				}
				seen = n
				c.Close()
			}
		})
	}
}

// An encoder that leaves the extended timestamp out of type 3 and then falls silent has still sent its message.
func TestMissingExtendedTimestampDoesNotWait(t *testing.T) {
	near, far := tcpPair(t)
	c := newConn(near, Limits{}, 0)
	defer c.Close()
	p := filled(130)
	if _, err := far.Write(join(unhex(t, `06 ffffff 000082 09 01000000 01234567`), p[:128], []byte{0xC6}, p[128:])); err != nil {
		t.Fatal(err)
	}
	_ = near.SetReadDeadline(time.Now().Add(20 * time.Second))
	m, err := c.ReadMessage()
	if err != nil || !bytes.Equal(m.Payload, p) {
		t.Fatalf("got %d bytes, %v", len(m.Payload), err)
	}
}

func TestReadMessageRefuses(t *testing.T) {
	tests := []struct {
		name   string
		hex    string
		limits Limits
		want   error
	}{
		{"chunk size 0", `02 000000 000004 01 00000000 00000000`, Limits{}, ErrProtocol},
		{"chunk size 2^31", `02 000000 000004 01 00000000 80000000`, Limits{}, ErrProtocol},
		{"chunk size of 3 bytes", `02 000000 000003 01 00000000 000001`, Limits{}, ErrProtocol},
		{"short abort", `02 000000 000003 02 00000000 000001`, Limits{}, ErrProtocol},
		{"short window", `02 000000 000001 05 00000000 00`, Limits{}, ErrProtocol},
		{"short peer bandwidth", `02 000000 000000 06 00000000`, Limits{}, ErrProtocol},
		{"short user control", `02 000000 000001 04 00000000 00`, Limits{}, ErrProtocol},
		{"short ping", `02 000000 000005 04 00000000 0006000000`, Limits{}, ErrProtocol},
		{"type 2 first", `84 000000`, Limits{}, ErrProtocol},
		{"type 3 first", `c4`, Limits{}, ErrProtocol},
		{"type 0 inside a message", `04 000000 0000ff 08 00000000 ` + fmt.Sprintf("%x", make([]byte, 128)) + ` 04 000000 000001 08 00000000 00`, Limits{}, ErrProtocol},
		{"damaged aggregate", `04 000000 00000c 16 00000000 08 0000ff 000000 00 000000 00`, Limits{}, ErrProtocol},
		{"message size", `04 000000 000011 08 00000000`, Limits{MessageSize: 16}, ErrLimit},
		{"chunk streams", `03 000000 000000 08 00000000 04 000000 000000 08 00000000 05 000000 000000 08 00000000`, Limits{ChunkStreams: 2}, ErrLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := readAll(bytes.NewReader(unhex(t, tt.hex)), tt.limits); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestChunkSizeUpToTheLargest(t *testing.T) {
	p := filled(70_000)
	data := join(unhex(t, `02 000000 000004 01 00000000 7fffffff 06 000000 011170 09 01000000`), p)
	got, err := readAll(bytes.NewReader(data), Limits{})
	if err != nil || len(got) != 1 || got[0].Payload != string(p) {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
}

func TestSixtyThousandChunkStreamsAreRefused(t *testing.T) {
	var data []byte
	for id := uint32(2); id < 60_002; id++ {
		data = AppendChunks(data, &Message{Type: TypeAudio}, id, 128)
	}
	got, err := readAll(bytes.NewReader(data), Limits{})
	if !errors.Is(err, ErrLimit) || len(got) != 64 {
		t.Fatalf("%d messages, %v; want 64 and ErrLimit", len(got), err)
	}
}

func TestPartialBytesAreLimited(t *testing.T) {
	var data []byte
	for id := byte(3); id < 13; id++ {
		data = append(data, join([]byte{id}, unhex(t, `000000 ffffff 09 00000000`), filled(128))...)
	}
	if _, err := readAll(bytes.NewReader(data), Limits{PartialBytes: 1280}); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := readAll(bytes.NewReader(data), Limits{PartialBytes: 1279}); !errors.Is(err, ErrLimit) {
		t.Errorf("over the limit: %v", err)
	}
	aborted := join(data[:140], unhex(t, `02 000000 000004 02 00000000 00000003`), data[140:])
	if _, err := readAll(bytes.NewReader(aborted), Limits{PartialBytes: 1156}); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an aborted message still counts: %v", err)
	}
}

// claims is 16 MB announced on many chunk streams, of which one byte each is sent, and padding that fills the reader's
// buffer.
func claims(t testing.TB) []byte {
	data := unhex(t, `02 000000 000004 01 00000000 00000001`)
	for id := uint32(3); id < 66; id++ {
		data = append(appendBasicHeader(data, 0, id), unhex(t, `000000 ffffff 09 00000000 00`)...)
	}
	return data
}

func TestClaimedSizesTakeNoMemory(t *testing.T) {
	// Messages of no length and no known type make the read buffer large, and so do continuations behind the claims.
	data := bytes.Repeat(unhex(t, `03 000000 000000 07 00000000`), 20_000)
	data = append(data, claims(t)...)
	for range 50_000 {
		data = append(data, 0xC3, 0)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c := newConn(&scriptConn{Reader: bytes.NewReader(data)}, Limits{}, 0)
	_, err := c.ReadMessage()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("got %v", err)
	}
	// 340 kB came in; 63 claims are 1 GB.
	if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
	if held, bound := c.chunks.reserved, 2*c.chunks.held+readAhead; held > bound {
		t.Errorf("%d bytes are held, more than %d", held, bound)
	}
	c.Close()
}

func TestReadingAllocatesOnlyPayloads(t *testing.T) {
	m := Message{Type: TypeVideo, StreamID: 1, Payload: filled(1000)}
	one := AppendChunks(nil, &m, ChunkStreamVideo, DefaultChunkSize)
	c := newConn(&scriptConn{Reader: &repeat{data: one}}, Limits{}, 0)
	defer c.Close()
	read := func() {
		if _, err := c.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		read()
	}
	if n := testing.AllocsPerRun(1000, read); n > 2 {
		t.Errorf("%v allocations for each message", n)
	}
}

// repeat reads the same bytes again and again.
type repeat struct {
	data []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		k := copy(p[n:], r.data[r.at:])
		n, r.at = n+k, (r.at+k)%len(r.data)
	}
	return n, nil
}

func TestAppendChunks(t *testing.T) {
	p := filled(300)
	tests := []struct {
		name string
		m    Message
		id   uint32
		size int
		want []byte
	}{
		{"one chunk", Message{Type: TypeAudio, Timestamp: 1000, StreamID: 12345, Payload: p[:3]}, 3, 128,
			join(unhex(t, `03 0003e8 000003 08 39300000`), p[:3])},
		{"no payload", Message{Type: TypeAudio}, 4, 128, unhex(t, `04 000000 000000 08 00000000`)},
		{"three chunks", Message{Type: TypeVideo, Timestamp: 1, StreamID: 1, Payload: p}, 6, 128,
			join(unhex(t, `06 000001 00012c 09 01000000`), p[:128], []byte{0xC6}, p[128:256], []byte{0xC6}, p[256:])},
		{"exactly two chunks", Message{Type: TypeVideo, Payload: p[:256]}, 63, 128,
			join(unhex(t, `3f 000000 000100 09 00000000`), p[:128], []byte{0xFF}, p[128:256])},
		{"two-byte chunk stream id", Message{Type: TypeVideo, Payload: p[:129]}, 319, 128,
			join(unhex(t, `00ff 000000 000081 09 00000000`), p[:128], unhex(t, `c0ff`), p[128:129])},
		{"three-byte chunk stream id", Message{Type: TypeVideo, Payload: p[:129]}, 65599, 128,
			join(unhex(t, `01ffff 000000 000081 09 00000000`), p[:128], unhex(t, `c1ffff`), p[128:129])},
		{"last timestamp without extension", Message{Type: TypeVideo, Timestamp: 0xfffffe, Payload: p[:1]}, 6, 128,
			join(unhex(t, `06 fffffe 000001 09 00000000`), p[:1])},
		{"extended timestamp in each chunk", Message{Type: TypeVideo, Timestamp: 0xffffff, Payload: p[:3]}, 6, 2,
			join(unhex(t, `06 ffffff 000003 09 00000000 00ffffff`), p[:2], unhex(t, `c6 00ffffff`), p[2:3])},
		{"a chunk size of zero counts as one", Message{Type: TypeVideo, Payload: p[:2]}, 6, 0,
			join(unhex(t, `06 000000 000002 09 00000000`), p[:1], []byte{0xC6}, p[1:2])},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := AppendChunks(nil, &tt.m, tt.id, tt.size)
			if !bytes.Equal(got, tt.want) {
				t.Errorf("got  %x\nwant %x", got, tt.want)
			}
			if most := ChunkedSize(len(tt.m.Payload), tt.size); len(got) > most {
				t.Errorf("%d bytes, ChunkedSize says %d", len(got), most)
			}
		})
	}
}

func TestChunksReadBack(t *testing.T) {
	ids := []uint32{2, 3, 63, 64, 319, 320, 65599}
	times := []uint32{0, 1, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff}
	for _, size := range []int{1, 127, 128, 4096, 65536, 1<<31 - 1} {
		var data []byte
		var want []flat
		data = AppendChunks(data, ptr(uint32Message(TypeSetChunkSize, uint32(size))), ChunkStreamControl, DefaultChunkSize)
		for i, id := range ids {
			for j, ts := range times {
				m := Message{Type: TypeVideo, Timestamp: ts, StreamID: uint32(i), Payload: filled(j * 100)}
				data = AppendChunks(data, &m, id, size)
				want = append(want, flatten(m))
			}
		}
		got, err := readAll(bytes.NewReader(data), Limits{})
		if err != nil {
			t.Fatalf("chunk size %d: %v", size, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("chunk size %d (-want +got):\n%s", size, diff)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestChunkStreamFor(t *testing.T) {
	want := map[MessageType]uint32{
		TypeSetChunkSize: 2, TypeAbort: 2, TypeAcknowledgement: 2, TypeUserControl: 2, TypeWindowSize: 2, TypePeerBandwidth: 2,
		TypeAudio: 4, TypeVideo: 6, TypeAggregate: 6, TypeDataAMF0: 5, TypeDataAMF3: 5,
		TypeCommandAMF0: 3, TypeCommandAMF3: 3, TypeSharedObjectAMF0: 3, TypeSharedObjectAMF3: 3,
	}
	for typ, id := range want {
		if got := ChunkStreamFor(typ); got != id {
			t.Errorf("type %d: chunk stream %d, want %d", typ, got, id)
		}
	}
}

// The extended timestamp that a type 3 header of a new message carries is the delta.
func TestReaderKeepsTimeOverManyExtendedMessages(t *testing.T) {
	var data []byte
	data = append(data, unhex(t, `06 ffffff 000001 09 01000000 01000000 aa`)...)
	ts := uint32(0x01000000)
	var want []flat
	want = append(want, flat{TypeVideo, ts, 1, "\xaa"})
	for range 20 {
		data = binary.BigEndian.AppendUint32(append(data, 0xC6), 0x01000000)
		data = append(data, 0xBB)
		ts += 0x01000000
		want = append(want, flat{TypeVideo, ts, 1, "\xbb"})
	}
	got, err := readAll(bytes.NewReader(data), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
