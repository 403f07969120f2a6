package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"afterglow/rtmp"
)

// seen is a message as a sink was given it.
type seen struct {
	Kind     byte
	StreamID uint32
	Length   int
	Head     string
}

type recorder struct{ messages []seen }

func (r *recorder) message(kind byte, streamID uint32, length int, head []byte) error {
	r.messages = append(r.messages, seen{kind, streamID, length, string(head)})
	return nil
}

// feedPieces gives wire to a framing in pieces and carries over what it leaves, as a player does.
func feedPieces(f framing, wire []byte, cuts ...int) ([]seen, error) {
	var r recorder
	var stash []byte
	last := 0
	for _, cut := range append(cuts, len(wire)) {
		b := slices.Concat(stash, wire[last:cut])
		last = cut
		rest, err := f.feed(b, &r)
		if err != nil {
			return r.messages, err
		}
		if rest >= maxChunkHeader {
			return nil, fmt.Errorf("%d bytes are left, %d fit", rest, maxChunkHeader-1)
		}
		stash = slices.Clone(b[len(b)-rest:])
	}
	return r.messages, nil
}

func payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31 + n)
	}
	return b
}

// wireOf returns messages of all header forms that AppendChunks makes, and what a sink must be given for them.
func wireOf(chunkSize int) (wire []byte, want []seen) {
	set := rtmp.SetChunkSize(chunkSize)
	wire = rtmp.AppendChunks(wire, &set, 2, rtmp.DefaultChunkSize)
	for i, m := range []rtmp.Message{
		{Type: rtmp.TypeVideo, StreamID: 1, Payload: payload(700)},
		{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: 23, Payload: payload(chunkSize)},
		{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: 46},
		{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: 0xFFFFFF, Payload: payload(3*chunkSize + 1)},
		{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: 0xFFFFFFFF, Payload: payload(chunkSize + 2)},
		{Type: rtmp.TypeCommandAMF0, StreamID: 70000, Payload: payload(300)},
		{Type: rtmp.TypeUserControl, Payload: payload(6)},
	} {
		id := []uint32{6, 63, 64, 319, 320, 65599, 2}[i]
		wire = rtmp.AppendChunks(wire, &m, id, chunkSize)
		head := m.Payload[:min(len(m.Payload), keep(byte(m.Type)))]
		want = append(want, seen{byte(m.Type), m.StreamID, len(m.Payload), string(head)})
	}
	return wire, want
}

func TestParserGivesTheSameWhereverTheStreamIsCut(t *testing.T) {
	for _, size := range []int{1, 128, 500} {
		wire, want := wireOf(size)
		for cut := range wire {
			p := newChunkParser()
			got, err := feedPieces(&p, wire, cut)
			if err != nil {
				t.Fatalf("chunk size %d, cut at %d: %v", size, cut, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("chunk size %d, cut at %d:\n%s", size, cut, diff)
			}
		}
		p := newChunkParser()
		every := make([]int, len(wire))
		for i := range every {
			every[i] = i
		}
		got, err := feedPieces(&p, wire, every...)
		if err != nil || !cmp.Equal(want, got) {
			t.Fatalf("chunk size %d, byte by byte: %v\n%s", size, err, cmp.Diff(want, got))
		}
	}
}

func TestParserFollowsAllHeaderTypes(t *testing.T) {
	first := []byte{0x04, 0, 0, 10, 0, 0, 3, 8, 1, 0, 0, 0, 'a', 'b', 'c'}
	audio := func(s string) seen { return seen{typeAudio, 1, len(s), s} }
	for _, test := range []struct {
		name string
		wire string
		want []seen
	}{
		{"type 1 changes the length", "\x44\x00\x00\x05\x00\x00\x01\x08x", []seen{audio("x")}},
		{"type 2 keeps length and type", "\x84\x00\x00\x05xyz", []seen{audio("xyz")}},
		{"type 3 starts a message", "\xc4xyz", []seen{audio("xyz")}},
		{"extended delta in type 2 is repeated in type 3", "\x84\xff\xff\xff\x01\x00\x00\x00xyz\xc4\x01\x00\x00\x00uvw",
			[]seen{audio("xyz"), audio("uvw")}},
		{"type 1 opens a chunk stream", "\x45\x00\x00\x05\x00\x00\x01\x08x", []seen{{typeAudio, 0, 1, "x"}}},
		{"abort drops what came", "\x06\x00\x00\x00\x00\x00\xc8\x08\x01\x00\x00\x00" + strings.Repeat("q", 128) +
			"\x02\x00\x00\x00\x00\x00\x04\x02\x00\x00\x00\x00\x00\x00\x00\x06" +
			"\x06\x00\x00\x00\x00\x00\x01\x08\x01\x00\x00\x00x", []seen{audio("x")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newChunkParser()
			got, err := feedPieces(&p, slices.Concat(first, []byte(test.wire)))
			if want := append([]seen{audio("abc")}, test.want...); err != nil || !cmp.Equal(want, got) {
				t.Errorf("%v\n%s", err, cmp.Diff(want, got))
			}
		})
	}
}

// TestParserTakesExtendedTimestampsThatAreNotRepeated reads what old encoders send: type 3 without the extension.
func TestParserTakesExtendedTimestampsThatAreNotRepeated(t *testing.T) {
	for _, size := range []int{257, 258, 259, 260, 300} {
		body := payload(size)
		wire := slices.Concat([]byte{6, 0xff, 0xff, 0xff, 0, byte(size >> 8), byte(size), 9, 1, 0, 0, 0, 2, 0, 0, 0},
			body[:128], []byte{0xc6}, body[128:256], []byte{0xc6}, body[256:])
		for cut := range wire {
			p := newChunkParser()
			got, err := feedPieces(&p, wire, cut)
			if want := []seen{{typeVideo, 1, size, string(body[:stampReach])}}; err != nil || !cmp.Equal(want, got) {
				t.Fatalf("%d bytes cut at %d: %v\n%s", size, cut, err, cmp.Diff(want, got))
			}
		}
	}
}

func TestParserRefusesWhatNoServerMaySend(t *testing.T) {
	many := []byte{}
	for id := range uint32(maxChunkStreams + 1) {
		m := rtmp.Message{Type: rtmp.TypeAudio}
		many = rtmp.AppendChunks(many, &m, id+2, 128)
	}
	for name, wire := range map[string]string{
		"first header of type 3":      "\xc4abc",
		"first header of type 2":      "\x84\x00\x00\x00abc",
		"chunk size 0":                "\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\x00\x00\x00\x00",
		"short Set Chunk Size":        "\x02\x00\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00",
		"new header within a message": "\x06\x00\x00\x00\x00\x00\xc8\x08\x01\x00\x00\x00" + strings.Repeat("q", 128) + "\x06\x00\x00\x00\x00\x00\x01\x08\x01\x00\x00\x00x",
		"too many chunk streams":      string(many),
	} {
		p := newChunkParser()
		if _, err := feedPieces(&p, []byte(wire)); !errors.Is(err, errProtocol) {
			t.Errorf("%s: %v, want a protocol error", name, err)
		}
	}
}

func TestRawParserGivesTheSameWhereverTheStreamIsCut(t *testing.T) {
	var wire []byte
	var want []seen
	for i, n := range []int{0, 1, 200, 0, 7} {
		b := payload(n)
		wire = appendRaw(wire, typeVideo, i == 1, uint32(i), b)
		want = append(want, seen{typeVideo, 1, n, string(b[:min(n, stampReach)])})
	}
	for cut := range wire {
		got, err := feedPieces(&rawParser{}, wire, cut)
		if err != nil || !cmp.Equal(want, got) {
			t.Fatalf("cut at %d: %v\n%s", cut, err, cmp.Diff(want, got))
		}
	}
	huge := binary.BigEndian.AppendUint32(nil, 1<<24)
	if _, err := feedPieces(&rawParser{}, append(huge, make([]byte, 8)...)); !errors.Is(err, errProtocol) {
		t.Errorf("frame of 16 MiB: %v, want a protocol error", err)
	}
}

func FuzzChunkParser(f *testing.F) {
	for _, size := range []int{1, 128} {
		wire, _ := wireOf(size)
		f.Add(wire, len(wire)/2)
	}
	f.Add([]byte("\x06\xff\xff\xff\x00\x01\x2c\x09\x01\x00\x00\x00\x02\x00\x00\x00"), 3)
	f.Fuzz(func(t *testing.T, wire []byte, cut int) {
		p := newChunkParser()
		whole, err := feedPieces(&p, wire)
		q := newChunkParser()
		pieces, err2 := feedPieces(&q, wire, min(max(cut, 0), len(wire)))
		if fmt.Sprint(err) != fmt.Sprint(err2) || !cmp.Equal(whole, pieces) {
			t.Errorf("cut at %d: %v and %v\n%s", cut, err, err2, cmp.Diff(whole, pieces))
		}
		for _, m := range whole {
			if len(m.Head) > max(maxCommand, stampReach) {
				t.Errorf("%d bytes of a message were kept", len(m.Head))
			}
		}
	})
}
