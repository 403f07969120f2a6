package wire

import "encoding/binary"

// RIKeying is the responder's half of the keys (RFC 7016 2.3.8). Component and signature have the forms of the cryptography
// profile.
type RIKeying struct {
	// SessionID is what the initiator is to send to.
	SessionID uint32

	// Component is the responder's part of the key negotiation.
	Component []byte

	// Signature is over the parameters with the component of the IIKeying behind them.
	Signature []byte

	// Parameters is the payload before the signature, as it was received. Append ignores it.
	Parameters []byte
}

// ParseRIKeying parses the payload of a ChunkRIKeying; it aliases it. The error is ErrTruncated or ErrOverflow
// (RFC 7016 2.3.8).
func ParseRIKeying(payload []byte) (RIKeying, error) {
	if len(payload) < 4 {
		return RIKeying{}, ErrTruncated
	}
	component, signature, err := parseCounted(payload[4:])
	if err != nil {
		return RIKeying{}, err
	}
	signed := len(payload) - len(signature)
	return RIKeying{
		SessionID:  binary.BigEndian.Uint32(payload),
		Component:  component,
		Signature:  signature,
		Parameters: payload[:signed:signed],
	}, nil
}

// AppendParameters appends the payload without the signature, which is what is to be signed once the component of the
// IIKeying is appended to it (RFC 7016 2.3.8).
func (k RIKeying) AppendParameters(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, k.SessionID)
	return appendCounted(b, k.Component)
}

// Append appends the chunk.
func (k RIKeying) Append(b []byte) []byte {
	b, at := BeginChunk(b, ChunkRIKeying)
	b = k.AppendParameters(b)
	b = append(b, k.Signature...)
	EndChunk(b, at)
	return b
}
