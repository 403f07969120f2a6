package wire

// MaxRanges is the number of ranges that are taken from one acknowledgement; what follows them is ignored.
const MaxRanges = 2048

// BufferBlock is the number of bytes in which the free buffer of a receiver is counted.
const BufferBlock = 1024

// Range is a run of sequence numbers, both ends included.
type Range struct {
	From, To uint64
}

// after says whether the range can follow, with a hole between, what was received up to the given number.
func (r Range) after(received uint64) bool {
	return r.From > received && r.From-received >= 2 && r.To >= r.From
}

// Ack is what a receiver says of a flow: all the fragments that it has, and its free buffer (RFC 7016 2.3.13, 2.3.14).
type Ack struct {
	// FlowID is the number of the flow that is acknowledged, given by the flow's sender.
	FlowID uint64

	// BufferBlocks is the receiver's free buffer in blocks of BufferBlock bytes.
	BufferBlocks uint64

	// Cumulative acknowledges all sequence numbers up to it.
	Cumulative uint64

	// Ranges are further sequence numbers, rising, with at least one hole before each.
	Ranges []Range
}

// Append appends the acknowledgement in the form that is smaller in full, with ranges if both are alike
// (RFC 7016 2.3.13), and makes no more than limit bytes of b: see AppendRange and AppendBitmap. There are endpoints that
// do not look at the bits of a bitmap; AppendRange is understood by all.
func (a Ack) Append(b []byte, limit int) []byte {
	if a.bitmapSmaller() {
		return a.AppendBitmap(b, limit)
	}
	return a.AppendRange(b, limit)
}

// bitmapSmaller compares the two forms by the bytes behind their heads.
func (a Ack) bitmapSmaller() bool {
	var size uint64
	last := a.Cumulative
	for _, r := range a.Ranges {
		if !r.after(last) {
			break
		}
		size += uint64(SizeVLU(r.From-last-2) + SizeVLU(r.To-r.From))
		last = r.To
	}
	return last != a.Cumulative && bitmapByte(a.Cumulative, last)+1 < size
}

// appendHead appends the parts that both forms have, or nothing if they are more than limit bytes.
func (a Ack) appendHead(b []byte, t ChunkType, limit int) (begun []byte, at int, ok bool) {
	size := ChunkHeaderSize + SizeVLU(a.FlowID) + SizeVLU(a.BufferBlocks) + SizeVLU(a.Cumulative)
	if limit-len(b) < size {
		return b, 0, false
	}
	b, at = BeginChunk(b, t)
	b = AppendVLU(b, a.FlowID)
	b = AppendVLU(b, a.BufferBlocks)
	return AppendVLU(b, a.Cumulative), at, true
}

// parseAckHead parses the parts that both forms have.
func parseAckHead(payload []byte) (a Ack, rest []byte, err error) {
	a.FlowID, a.BufferBlocks, a.Cumulative, rest, err = parseVLUs(payload)
	if err != nil {
		return Ack{}, nil, err
	}
	return a, rest, nil
}
