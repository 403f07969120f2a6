package wire

// fragmentMore is the flag of all fragments but the last.
const fragmentMore = 0x80

// Fragment is a piece of a plain packet that does not fit the path (RFC 7016 2.3.1).
type Fragment struct {
	// More is false in the last fragment of a packet.
	More bool

	// PacketID is the same in all fragments of a packet.
	PacketID uint64

	// Number counts the fragments of a packet from zero.
	Number uint64

	// Data is never empty.
	Data []byte
}

// ParseFragment parses the payload of a ChunkFragment; it aliases it. The error is ErrTruncated, ErrOverflow, or ErrEmpty
// without data (RFC 7016 2.3.1).
func ParseFragment(payload []byte) (Fragment, error) {
	if len(payload) == 0 {
		return Fragment{}, ErrTruncated
	}
	f := Fragment{More: payload[0]&fragmentMore != 0}
	payload = payload[1:]
	var n int
	var err error
	if f.PacketID, n, err = ParseVLU(payload); err != nil {
		return Fragment{}, err
	}
	payload = payload[n:]
	if f.Number, n, err = ParseVLU(payload); err != nil {
		return Fragment{}, err
	}
	f.Data = payload[n:]
	if len(f.Data) == 0 {
		return Fragment{}, ErrEmpty
	}
	return f, nil
}

// Append appends the chunk.
func (f Fragment) Append(b []byte) []byte {
	b, at := BeginChunk(b, ChunkFragment)
	var flags byte
	if f.More {
		flags = fragmentMore
	}
	b = append(b, flags)
	b = AppendVLU(b, f.PacketID)
	b = AppendVLU(b, f.Number)
	b = append(b, f.Data...)
	EndChunk(b, at)
	return b
}
