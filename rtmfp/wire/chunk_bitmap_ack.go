package wire

import (
	"math"
	"math/bits"
)

// ParseBitmapAck parses the payload of a ChunkBitmapAck (RFC 7016 2.3.13). The ranges go to the beginning of into, which
// grows if it must. They end, without an error, where numbers pass 64 bits, or at MaxRanges. The error, ErrTruncated or
// ErrOverflow, is of what precedes them.
func ParseBitmapAck(payload []byte, into []Range) (Ack, error) {
	a, bitmap, err := parseAckHead(payload)
	if err != nil {
		return Ack{}, err
	}
	a.Ranges = into[:0]
	for i, eight := range bitmap {
		// The number behind the cumulative one is missing by definition and has no bit.
		offset := 2 + 8*uint64(i)
		if offset > math.MaxUint64-a.Cumulative {
			break
		}
		if !a.addBits(a.Cumulative+offset, eight) {
			break
		}
	}
	return a, nil
}

// addBits adds the runs of set bits of a byte, of which the least is the first number. It is false if no more can be added.
func (a *Ack) addBits(first uint64, eight byte) bool {
	for eight != 0 {
		skip := bits.TrailingZeros8(eight)
		end := skip + bits.TrailingZeros8(^(eight >> skip))
		from, to := first+uint64(skip), first+uint64(end-1)
		if from < first || to < first || !a.addRun(from, to) {
			return false
		}
		eight = eight >> end << end
	}
	return true
}

// addRun adds a run, or lengthens the last range if the run touches it. It is false if there are MaxRanges already.
func (a *Ack) addRun(from, to uint64) bool {
	if n := len(a.Ranges); n > 0 && a.Ranges[n-1].To == from-1 {
		a.Ranges[n-1].To = to
		return true
	}
	if len(a.Ranges) == MaxRanges {
		return false
	}
	a.Ranges = append(a.Ranges, Range{From: from, To: to})
	return true
}

// AppendBitmap appends the acknowledgement as a ChunkBitmapAck and makes no more than limit bytes of b: it leaves out the
// last numbers, or all of the chunk, if need be (RFC 7016 2.3.13). A range that does not rise above the one before, with a
// hole between, is left out with all behind it.
func (a Ack) AppendBitmap(b []byte, limit int) []byte {
	limit = min(limit, len(b)+ChunkHeaderSize+MaxChunkPayload)
	b, at, ok := a.appendHead(b, ChunkBitmapAck, limit)
	if !ok {
		return b
	}
	bitmap := len(b)
	room := uint64(limit - bitmap)
	last := a.Cumulative
	for _, r := range a.Ranges {
		if !r.after(last) || bitmapByte(a.Cumulative, r.From) >= room {
			break
		}
		b = setBits(b, bitmap, r.From-a.Cumulative-2, min(r.To-a.Cumulative-2, 8*room-1))
		last = r.To
	}
	EndChunk(b, at)
	return b
}

// bitmapByte gives the index of the byte in which the bit of a number is.
func bitmapByte(cumulative, number uint64) uint64 { return (number - cumulative - 2) / 8 }

// setBits sets the bits from first to last of the bitmap at the given place of b, and makes it as long as they need.
func setBits(b []byte, bitmap int, first, last uint64) []byte {
	for len(b)-bitmap <= int(last/8) {
		b = append(b, 0)
	}
	for bit := first; bit <= last; {
		low, high := bit%8, min(7, bit%8+last-bit)
		b[bitmap+int(bit/8)] |= 0xff << low & (0xff >> (7 - high))
		bit += high - low + 1
	}
	return b
}
