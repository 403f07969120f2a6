package wire

import "encoding/binary"

// IIKeying is the initiator's half of the keys (RFC 7016 2.3.7). Certificate, component and signature have the forms of the
// cryptography profile.
type IIKeying struct {
	// SessionID is what the responder is to send to.
	SessionID uint32

	// Cookie is the responder's, from its RHello.
	Cookie []byte

	// Certificate is the initiator's.
	Certificate []byte

	// Component is the initiator's part of the key negotiation.
	Component []byte

	// Signature is over the parameters.
	Signature []byte

	// Parameters is what the signature is over: all of the payload before it, as it was received. Append ignores it.
	Parameters []byte
}

// ParseIIKeying parses the payload of a ChunkIIKeying; it aliases it. The error is ErrTruncated or ErrOverflow
// (RFC 7016 2.3.7).
func ParseIIKeying(payload []byte) (IIKeying, error) {
	if len(payload) < 4 {
		return IIKeying{}, ErrTruncated
	}
	k := IIKeying{SessionID: binary.BigEndian.Uint32(payload)}
	rest := payload[4:]
	var err error
	if k.Cookie, rest, err = parseCounted(rest); err != nil {
		return IIKeying{}, err
	}
	if k.Certificate, rest, err = parseCounted(rest); err != nil {
		return IIKeying{}, err
	}
	if k.Component, rest, err = parseCounted(rest); err != nil {
		return IIKeying{}, err
	}
	signed := len(payload) - len(rest)
	k.Parameters = payload[:signed:signed]
	k.Signature = rest
	return k, nil
}

// AppendParameters appends what is to be signed: the payload without the signature (RFC 7016 2.3.7).
func (k IIKeying) AppendParameters(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, k.SessionID)
	b = appendCounted(b, k.Cookie)
	b = appendCounted(b, k.Certificate)
	return appendCounted(b, k.Component)
}

// Append appends the chunk.
func (k IIKeying) Append(b []byte) []byte {
	b, at := BeginChunk(b, ChunkIIKeying)
	b = k.AppendParameters(b)
	b = append(b, k.Signature...)
	EndChunk(b, at)
	return b
}
