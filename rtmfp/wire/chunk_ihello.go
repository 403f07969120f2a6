package wire

// IHello is the initiator's first message, which looks for an endpoint (RFC 7016 2.3.2).
type IHello struct {
	// Discriminator selects the identity that the initiator wants, in the form of the cryptography profile.
	Discriminator []byte

	// Tag comes back in the answer.
	Tag []byte
}

// ParseIHello parses the payload of a ChunkIHello; it aliases it. The error is ErrTruncated or ErrOverflow (RFC 7016 2.3.2).
func ParseIHello(payload []byte) (IHello, error) {
	discriminator, tag, err := parseCounted(payload)
	if err != nil {
		return IHello{}, err
	}
	return IHello{Discriminator: discriminator, Tag: tag}, nil
}

// Append appends the chunk.
func (h IHello) Append(b []byte) []byte {
	b, at := BeginChunk(b, ChunkIHello)
	b = appendCounted(b, h.Discriminator)
	b = append(b, h.Tag...)
	EndChunk(b, at)
	return b
}
