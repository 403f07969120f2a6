package wire

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"testing"
)

// What parses as a packet is written and parsed again to the same values, and nothing panics.
func FuzzPacket(f *testing.F) {
	for _, session := range captures(f) {
		for _, c := range session {
			f.Add(c.packet)
		}
	}
	for _, g := range goldens {
		if !isChunk(g.value) {
			continue
		}
		packet := Header{Mode: ModeInitiator}.Append(nil)
		if n, ok := g.value.(next); ok {
			packet = previousOf(n).AppendHeader(packet, 0)
		}
		f.Add(append(packet, bytesOf(f, g.hex)...))
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		Describe(packet)
		header, chunks, err := ParseHeader(packet)
		if err != nil {
			return
		}
		again, rest, err := ParseHeader(append(header.Append(nil), chunks...))
		if err != nil || again != header || !bytes.Equal(rest, chunks) {
			t.Fatalf("header: got %v, %v, want %v", again, err, header)
		}
		fuzzChunks(t, chunks)
	})
}

func fuzzChunks(t *testing.T, chunks []byte) {
	var previous UserData
	for chunk, rest, ok := NextChunk(chunks); ok; chunk, rest, ok = NextChunk(rest) {
		value, err := parseChunk(chunk, previous)
		if err != nil {
			continue
		}
		written := appendValue(nil, value)
		second, left, ok := NextChunk(written)
		if !ok || len(left) != 0 || second.Type != chunk.Type || len(second.Payload) > len(chunk.Payload) {
			t.Fatalf("%s %x: written as %x", chunk.Type, chunk.Payload, written)
		}
		again, err := parseChunk(second, previous)
		if err != nil || !reflect.DeepEqual(unsigned(again), unsigned(value)) {
			t.Fatalf("%s %x: got %#v, %v, want %#v", chunk.Type, chunk.Payload, again, err, value)
		}
		previous = userDataOf(value, previous)
	}
}

// unsigned leaves out what depends on how numbers were written.
func unsigned(value any) any {
	switch v := value.(type) {
	case IIKeying:
		v.Parameters = nil
		return v
	case RIKeying:
		v.Parameters = nil
		return v
	}
	return value
}

func FuzzVLU(f *testing.F) {
	for _, g := range goldens {
		if _, ok := g.value.(uint64); ok {
			f.Add(bytesOf(f, g.hex))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, n, err := ParseVLU(b)
		if err != nil {
			return
		}
		if n > len(b) || n > MaxVLUSize || b[n-1] >= 0x80 {
			t.Fatalf("%x: %d bytes", b, n)
		}
		if written := AppendVLU(nil, v); len(written) != SizeVLU(v) || !bytes.HasSuffix(b[:n], written) {
			t.Fatalf("%x: %d is written as %x", b, v, written)
		}
	})
}

func FuzzOption(f *testing.F) {
	for _, g := range goldens {
		if _, ok := g.value.(Option); ok {
			f.Add(bytesOf(f, g.hex))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, n, err := ParseOption(b)
		if err != nil {
			return
		}
		if n < 1 || n > len(b) || o.Marker && (o.Type != 0 || o.Value != nil) {
			t.Fatalf("%x: %d bytes, %v", b, n, o)
		}
		written := appendValue(nil, o)
		again, m, err := ParseOption(written)
		if err != nil || m != len(written) || m > n || !reflect.DeepEqual(again, o) {
			t.Fatalf("%x: got %v, %v, want %v", b, again, err, o)
		}
	})
}

// Any acknowledgement that a receiver can have fits the limit and tells nothing but the truth.
func FuzzAck(f *testing.F) {
	f.Add(uint64(5), uint64(127), uint64(16), 100, []byte{0, 0, 1, 3})
	f.Add(uint64(1), uint64(0), uint64(math.MaxUint64-9), 20, []byte{0, 0, 1, 3})
	f.Add(uint64(1), uint64(1<<40), uint64(0), 30, bytes.Repeat([]byte{0, 0, 200, 200}, 40))
	f.Fuzz(func(t *testing.T, flowID, blocks, cumulative uint64, limit int, steps []byte) {
		limit %= 2000
		whole := Ack{FlowID: flowID, BufferBlocks: blocks, Cumulative: cumulative, Ranges: fuzzRanges(cumulative, steps)}
		for _, b := range [][]byte{whole.AppendRange(nil, limit), whole.AppendBitmap(nil, limit), whole.Append(nil, limit)} {
			if len(b) == 0 {
				continue
			}
			if len(b) > limit {
				t.Fatalf("%d bytes", len(b))
			}
			testSomeRanges(t, whole, b)
		}
	})
}

// fuzzRanges makes ranges of pairs of steps; a large step is made huge.
func fuzzRanges(last uint64, steps []byte) []Range {
	var ranges []Range
	for ; len(steps) >= 2 && len(ranges) < MaxRanges; steps = steps[2:] {
		hole, run := uint64(steps[0]), uint64(steps[1])
		if hole > 192 {
			hole = 1 << (hole - 192)
		}
		if run > 192 {
			run = 1 << (run - 192)
		}
		r := Range{From: last + 2 + hole, To: last + 2 + hole + run}
		if r.From <= last || r.To < r.From {
			break
		}
		ranges = append(ranges, r)
		last = r.To
	}
	return ranges
}

func FuzzUserData(f *testing.F) {
	for _, g := range goldens {
		switch g.value.(type) {
		case UserData, next:
			payload := bytesOf(f, g.hex)[ChunkHeaderSize:]
			f.Add(payload, binary.BigEndian.AppendUint16(nil, 0x8000))
			f.Add(bytesOf(f, "00 02 05 03 00"), payload)
		}
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		u, err := ParseUserData(first)
		if err != nil {
			return
		}
		if u.Sequence == 0 || u.FSN > u.Sequence || u.FSN == u.Sequence && !u.Abandon {
			t.Fatalf("%x: %v", first, u)
		}
		testHeader(t, u, u, u.AppendHeader(nil, len(u.Data)), u.HeaderSize())
		n, err := ParseNextUserData(second, u)
		if err != nil {
			return
		}
		if n.FlowID != u.FlowID || n.Sequence != u.Sequence+1 || n.FSN != u.FSN {
			t.Fatalf("%x: %v behind %v", second, n, u)
		}
		testHeader(t, n, u, n.AppendNextHeader(nil, len(n.Data)), n.NextHeaderSize())
	})
}

// testHeader wants a header to have its size, and with its data to be parsed as what it was.
func testHeader(t *testing.T, u, previous UserData, header []byte, size int) {
	t.Helper()
	if len(header) != size {
		t.Fatalf("%v: %d bytes, not %d", u, len(header), size)
	}
	chunk, rest, ok := NextChunk(append(header, u.Data...))
	if !ok || len(rest) != 0 {
		t.Fatalf("%v: no chunk, or %d bytes behind it", u, len(rest))
	}
	parse := ParseUserData
	if chunk.Type == ChunkNextUserData {
		parse = func(payload []byte) (UserData, error) { return ParseNextUserData(payload, previous) }
	}
	if again, err := parse(chunk.Payload); err != nil || !reflect.DeepEqual(again, u) {
		t.Fatalf("got %#v, %v, want %#v", again, err, u)
	}
}
