package wire

// CookieChange answers an IIKeying whose cookie belongs to another address or is too old (RFC 7016 2.3.6).
type CookieChange struct {
	// Old is the cookie of the IIKeying.
	Old []byte

	// New is the cookie to send, and to sign, in its place; the sizes may differ.
	New []byte
}

// ParseCookieChange parses the payload of a ChunkCookieChange; it aliases it. The error is ErrTruncated or ErrOverflow
// (RFC 7016 2.3.6).
func ParseCookieChange(payload []byte) (CookieChange, error) {
	old, replacement, err := parseCounted(payload)
	if err != nil {
		return CookieChange{}, err
	}
	return CookieChange{Old: old, New: replacement}, nil
}

// Append appends the chunk.
func (c CookieChange) Append(b []byte) []byte {
	b, at := BeginChunk(b, ChunkCookieChange)
	b = appendCounted(b, c.Old)
	b = append(b, c.New...)
	EndChunk(b, at)
	return b
}
