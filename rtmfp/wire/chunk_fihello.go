package wire

// FIHello is an IHello that a forwarder passes on inside a session (RFC 7016 2.3.3).
type FIHello struct {
	// Discriminator is the initiator's.
	Discriminator []byte

	// ReplyAddress is where the forwarder saw the initiator.
	ReplyAddress Address

	// Tag is the initiator's.
	Tag []byte
}

// ParseFIHello parses the payload of a ChunkFIHello; it aliases it. The error is ErrTruncated or ErrOverflow
// (RFC 7016 2.3.3).
func ParseFIHello(payload []byte) (FIHello, error) {
	discriminator, rest, err := parseCounted(payload)
	if err != nil {
		return FIHello{}, err
	}
	address, n, err := ParseAddress(rest)
	if err != nil {
		return FIHello{}, err
	}
	return FIHello{Discriminator: discriminator, ReplyAddress: address, Tag: rest[n:]}, nil
}

// Append appends the chunk.
func (h FIHello) Append(b []byte) []byte {
	b, at := BeginChunk(b, ChunkFIHello)
	b = appendCounted(b, h.Discriminator)
	b = h.ReplyAddress.Append(b)
	b = append(b, h.Tag...)
	EndChunk(b, at)
	return b
}
