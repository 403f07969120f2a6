package wire

// MaxDestinations is the number of addresses that ParseRedirect takes from one chunk; it ignores what follows them.
const MaxDestinations = 64

// Redirect answers an IHello with other addresses to try (RFC 7016 2.3.5).
type Redirect struct {
	// TagEcho is the tag of the IHello.
	TagEcho []byte

	// Destinations are the addresses to try. Without any, the address that the chunk came from is meant.
	Destinations []Address
}

// ParseRedirect parses the payload of a ChunkRedirect, of which TagEcho aliases a part. It ignores all behind
// MaxDestinations addresses. The error is ErrTruncated or ErrOverflow (RFC 7016 2.3.5).
func ParseRedirect(payload []byte) (Redirect, error) {
	tag, rest, err := parseCounted(payload)
	if err != nil {
		return Redirect{}, err
	}
	r := Redirect{TagEcho: tag}
	for len(rest) > 0 && len(r.Destinations) < MaxDestinations {
		address, n, err := ParseAddress(rest)
		if err != nil {
			return Redirect{}, err
		}
		r.Destinations = append(r.Destinations, address)
		rest = rest[n:]
	}
	return r, nil
}

// Append appends the chunk.
func (r Redirect) Append(b []byte) []byte {
	b, at := BeginChunk(b, ChunkRedirect)
	b = appendCounted(b, r.TagEcho)
	for _, destination := range r.Destinations {
		b = destination.Append(b)
	}
	EndChunk(b, at)
	return b
}
