package wire

// RHello is the responder's answer to an IHello (RFC 7016 2.3.4).
type RHello struct {
	// TagEcho is the tag of the IHello.
	TagEcho []byte

	// Cookie is to come back in the IIKeying.
	Cookie []byte

	// Certificate is the responder's, in the form of the cryptography profile.
	Certificate []byte
}

// ParseRHello parses the payload of a ChunkRHello; it aliases it. The error is ErrTruncated or ErrOverflow (RFC 7016 2.3.4).
func ParseRHello(payload []byte) (RHello, error) {
	tag, rest, err := parseCounted(payload)
	if err != nil {
		return RHello{}, err
	}
	cookie, certificate, err := parseCounted(rest)
	if err != nil {
		return RHello{}, err
	}
	return RHello{TagEcho: tag, Cookie: cookie, Certificate: certificate}, nil
}

// Append appends the chunk.
func (h RHello) Append(b []byte) []byte {
	b, at := BeginChunk(b, ChunkRHello)
	b = appendCounted(b, h.TagEcho)
	b = appendCounted(b, h.Cookie)
	b = append(b, h.Certificate...)
	EndChunk(b, at)
	return b
}
