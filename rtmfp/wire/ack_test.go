package wire

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// everyOther acknowledges count numbers of which every second one is missing: dear as ranges, cheap as a bitmap.
func everyOther(count int) Ack {
	a := Ack{FlowID: 1, BufferBlocks: 100, Cumulative: 10}
	for i := range uint64(count) {
		a.Ranges = append(a.Ranges, Range{12 + 2*i, 12 + 2*i})
	}
	return a
}

func TestAckTakesTheSmallerForm(t *testing.T) {
	far := Ack{FlowID: 1, Cumulative: 10, Ranges: []Range{{12, 12}, {1 << 60, math.MaxUint64 - 1}}}
	tests := []struct {
		name string
		ack  Ack
		want ChunkType
	}{
		{"no ranges", Ack{FlowID: 1, Cumulative: 10}, ChunkRangeAck},
		{"one near range", Ack{FlowID: 1, Cumulative: 10, Ranges: []Range{{12, 12}}}, ChunkBitmapAck},
		{"alike", Ack{FlowID: 1, Cumulative: 10, Ranges: []Range{{12, 27}}}, ChunkRangeAck},
		{"every other", everyOther(100), ChunkBitmapAck},
		{"a gap of half of all numbers", far, ChunkRangeAck},
		{"none that rises", Ack{FlowID: 1, Cumulative: 10, Ranges: []Range{{5, 6}}}, ChunkRangeAck},
	}
	for _, test := range tests {
		if chunk, _, ok := NextChunk(test.ack.Append(nil, 1200)); !ok || chunk.Type != test.want {
			t.Errorf("%s: %s", test.name, chunk.Type)
		}
	}
}

// A gap costs nothing, however large; what lies behind one that a bitmap cannot bridge is left out.
func TestBitmapStopsBeforeAGapThatDoesNotFit(t *testing.T) {
	for _, far := range []uint64{12 + 8*1200, 1 << 40, math.MaxUint64} {
		a := Ack{FlowID: 1, Cumulative: 10, Ranges: []Range{{12, 13}, {far, far}}}
		want := bytesOf(t, "50 0004 01 00 0a 03")
		if got := a.AppendBitmap(nil, 1200); !bytes.Equal(got, want) {
			t.Errorf("gap up to %d: got %x", far, got)
		}
	}
}

// A run may go on beyond the end of a bitmap: what fits is acknowledged.
func TestBitmapCutsARunThatDoesNotFit(t *testing.T) {
	a := Ack{FlowID: 1, Cumulative: 10, Ranges: []Range{{12, math.MaxUint64}}}
	want := bytesOf(t, "ab 50 0006 01 00 0a ff ff ff")
	if got := a.AppendBitmap([]byte{0xab}, len(want)); !bytes.Equal(got, want) {
		t.Errorf("got %x", got)
	}
	got := a.AppendBitmap(nil, math.MaxInt)
	if chunk, rest, ok := NextChunk(got); !ok || len(rest) != 0 || len(chunk.Payload) != MaxChunkPayload {
		t.Errorf("without limit: %d bytes", len(got))
	}
}

func TestAcksKeepToTheLimit(t *testing.T) {
	prefix := []byte{1, 2, 3}
	whole := everyOther(300)
	whole.Ranges = append(whole.Ranges, Range{5000, 100000}, Range{1 << 50, 1 << 51})
	for limit := -1; limit < 900; limit++ {
		for name, appendAck := range map[string]func([]byte, int) []byte{
			"range": whole.AppendRange, "bitmap": whole.AppendBitmap, "either": whole.Append,
		} {
			got := appendAck(slices.Clone(prefix), limit)
			if !bytes.HasPrefix(got, prefix) {
				t.Fatalf("%s: what was there before is lost", name)
			}
			if room := limit - len(prefix); room < 6 {
				if len(got) != len(prefix) {
					t.Errorf("%s, limit %d: %d bytes where not even the head fits", name, limit, len(got))
				}
				continue
			}
			if len(got) > limit {
				t.Errorf("%s, limit %d: %d bytes", name, limit, len(got))
			}
			testSomeRanges(t, whole, got[len(prefix):])
		}
	}
}

// testSomeRanges wants a well formed chunk that acknowledges the first of the numbers and nothing else.
func testSomeRanges(t *testing.T, whole Ack, b []byte) {
	t.Helper()
	got := parseAck(t, b)
	if got.FlowID != whole.FlowID || got.BufferBlocks != whole.BufferBlocks || got.Cumulative != whole.Cumulative {
		t.Fatalf("head: %v", got)
	}
	for i, r := range got.Ranges {
		last := i == len(got.Ranges)-1
		if want := whole.Ranges[i]; r.From != want.From || r.To > want.To || (r.To < want.To && !last) {
			t.Fatalf("range %d: got %v, want %v", i, r, want)
		}
	}
}

func parseAck(t testing.TB, b []byte) Ack {
	t.Helper()
	chunk, rest, ok := NextChunk(b)
	if !ok || len(rest) != 0 {
		t.Fatalf("no chunk, or %d bytes behind it", len(rest))
	}
	parse := ParseRangeAck
	if chunk.Type == ChunkBitmapAck {
		parse = ParseBitmapAck
	}
	a, err := parse(chunk.Payload, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRangesThatDoNotRiseAreLeftOut(t *testing.T) {
	for name, ranges := range map[string][]Range{
		"touching the range before":    {{12, 13}, {14, 15}, {20, 21}},
		"the same":                     {{12, 13}, {12, 13}},
		"ending before it begins":      {{12, 13}, {20, 19}, {30, 31}},
		"falling":                      {{12, 13}, {1, 2}},
		"ending at zero":               {{12, 13}, {20, 0}},
		"behind the number of no room": {{12, 13}, {0, math.MaxUint64}},
	} {
		a := Ack{FlowID: 1, Cumulative: 10, Ranges: ranges}
		want := []Range{{12, 13}}
		for _, b := range [][]byte{a.AppendRange(nil, 100), a.AppendBitmap(nil, 100), a.Append(nil, 100)} {
			if got := parseAck(t, b); !reflect.DeepEqual(got.Ranges, want) {
				t.Errorf("%s, %v: got %v", name, ChunkType(b[0]), got.Ranges)
			}
		}
	}
	touching := Ack{FlowID: 1, Cumulative: 10, Ranges: []Range{{11, 12}}}
	if got := parseAck(t, touching.AppendRange(nil, 100)); len(got.Ranges) != 0 {
		t.Errorf("touching the cumulative number: got %v", got.Ranges)
	}
}

func TestAcksEndAtTheLargestNumberOfRanges(t *testing.T) {
	a := everyOther(MaxRanges + 10)
	for _, b := range [][]byte{a.AppendRange(nil, math.MaxInt), a.AppendBitmap(nil, math.MaxInt)} {
		got := parseAck(t, b)
		if !reflect.DeepEqual(got.Ranges, a.Ranges[:MaxRanges]) {
			t.Errorf("%v: %d ranges", ChunkType(b[0]), len(got.Ranges))
		}
	}
}

func TestAcksFitAChunkWithoutALimit(t *testing.T) {
	a := everyOther(300000) // two bytes each as ranges, a quarter as bitmap
	for _, b := range [][]byte{a.AppendRange([]byte{1}, math.MaxInt), a.AppendBitmap([]byte{1}, math.MaxInt)} {
		if _, rest, ok := NextChunk(b[1:]); !ok || len(rest) != 0 || len(b) < MaxChunkPayload {
			t.Errorf("%v: %d bytes, %d too many", ChunkType(b[1]), len(b), len(rest))
		}
	}
}

func TestAckParsersReplaceWhatTheRangesHeld(t *testing.T) {
	into := []Range{{1, 2}, {3, 4}, {5, 6}}
	for _, text := range []string{"05 7f 10 00 00 01 03", "05 7f 10 79"} {
		parse := ParseRangeAck
		if len(bytesOf(t, text)) == 4 {
			parse = ParseBitmapAck
		}
		got, err := parse(bytesOf(t, text), into)
		if err != nil || !reflect.DeepEqual(got.Ranges, []Range{{18, 18}, {21, 24}}) {
			t.Errorf("got %v, %v", got, err)
		}
		if &got.Ranges[0] != &into[0] {
			t.Error("the slice was not used")
		}
	}
}

// The RFC's procedures for parsing, number by number, agree with ours for random bytes.
func TestAckParsersFollowTheProceduresOfTheRFC(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		payload := []byte{1, 1, byte(random.IntN(100))}
		for range random.IntN(20) {
			payload = append(payload, byte(random.Uint32()&random.Uint32())&0x7f)
		}
		ranges, err := ParseRangeAck(payload, nil)
		if err != nil || !reflect.DeepEqual(numbers(ranges), numbersOfRanges(payload)) {
			t.Fatalf("ranges %x: got %v, %v", payload, ranges, err)
		}
		for i := range payload[3:] {
			payload[3+i] |= byte(random.Uint32() | random.Uint32())
		}
		bitmap, err := ParseBitmapAck(payload, nil)
		if err != nil || !reflect.DeepEqual(numbers(bitmap), numbersOfBitmap(payload)) {
			t.Fatalf("bitmap %x: got %v, %v", payload, bitmap, err)
		}
		testFormsAgree(t, bitmap)
	}
}

// testFormsAgree wants all forms to parse as the acknowledgement, and Append to choose the smallest.
func testFormsAgree(t *testing.T, a Ack) {
	t.Helper()
	ranges, bitmap, either := a.AppendRange(nil, math.MaxInt), a.AppendBitmap(nil, math.MaxInt), a.Append(nil, math.MaxInt)
	for _, b := range [][]byte{ranges, bitmap, either} {
		if got := parseAck(t, b); got.String() != a.String() {
			t.Fatalf("%v: got %v, want %v", ChunkType(b[0]), got, a)
		}
	}
	if len(either) != min(len(ranges), len(bitmap)) {
		t.Fatalf("%d bytes; %d as ranges, %d as bitmap", len(either), len(ranges), len(bitmap))
	}
}

func numbers(a Ack) map[uint64]bool {
	set := map[uint64]bool{}
	for _, r := range a.Ranges {
		for n := r.From; n <= r.To; n++ {
			set[n] = true
		}
	}
	return set
}

// numbersOfRanges is the procedure of 2.3.14 for numbers of a byte.
func numbersOfRanges(payload []byte) map[uint64]bool {
	set := map[uint64]bool{}
	cursor := uint64(payload[2])
	for payload = payload[3:]; len(payload) >= 2; payload = payload[2:] {
		cursor++
		from := cursor + uint64(payload[0]) + 1
		to := from + uint64(payload[1])
		for n := from; n <= to; n++ {
			set[n] = true
		}
		cursor = to
	}
	return set
}

// numbersOfBitmap is the procedure of 2.3.13 for numbers of a byte.
func numbersOfBitmap(payload []byte) map[uint64]bool {
	set := map[uint64]bool{}
	cursor := uint64(payload[2]) + 1
	for _, eight := range payload[3:] {
		for position := 8; position > 0; position-- {
			if eight&0x80 != 0 {
				set[cursor+uint64(position)] = true
			}
			eight <<= 1
		}
		cursor += 8
	}
	return set
}
