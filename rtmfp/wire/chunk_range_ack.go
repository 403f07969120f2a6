package wire

import "math"

// ParseRangeAck parses the payload of a ChunkRangeAck (RFC 7016 2.3.14). The ranges go to the beginning of into, which grows
// if it must. They end, without an error, where a range is truncated, where numbers pass 64 bits, or at MaxRanges. The error,
// ErrTruncated or ErrOverflow, is of what precedes them.
func ParseRangeAck(payload []byte, into []Range) (Ack, error) {
	a, rest, err := parseAckHead(payload)
	if err != nil {
		return Ack{}, err
	}
	a.Ranges = into[:0]
	last := a.Cumulative
	for len(rest) > 0 && len(a.Ranges) < MaxRanges {
		r, n, ok := parseRange(rest, last)
		if !ok {
			break
		}
		a.Ranges = append(a.Ranges, r)
		last = r.To
		rest = rest[n:]
	}
	return a, nil
}

// parseRange parses the range behind the last number received: its holes less one, and its numbers less one.
func parseRange(b []byte, last uint64) (r Range, n int, ok bool) {
	holes, n, err := ParseVLU(b)
	if err != nil {
		return Range{}, 0, false
	}
	received, m, err := ParseVLU(b[n:])
	if err != nil {
		return Range{}, 0, false
	}
	room := math.MaxUint64 - last
	if room < 2 || holes > room-2 || received > room-2-holes {
		return Range{}, 0, false
	}
	from := last + 2 + holes
	return Range{From: from, To: from + received}, n + m, true
}

// AppendRange appends the acknowledgement as a ChunkRangeAck and makes no more than limit bytes of b: it leaves out the last
// ranges, or all of the chunk, if need be (RFC 7016 2.3.14). A range that does not rise above the one before, with a hole
// between, is left out with all behind it.
func (a Ack) AppendRange(b []byte, limit int) []byte {
	limit = min(limit, len(b)+ChunkHeaderSize+MaxChunkPayload)
	b, at, ok := a.appendHead(b, ChunkRangeAck, limit)
	if !ok {
		return b
	}
	last := a.Cumulative
	for _, r := range a.Ranges {
		if !r.after(last) {
			break
		}
		holes, received := r.From-last-2, r.To-r.From
		if len(b)+SizeVLU(holes)+SizeVLU(received) > limit {
			break
		}
		b = AppendVLU(b, holes)
		b = AppendVLU(b, received)
		last = r.To
	}
	EndChunk(b, at)
	return b
}
