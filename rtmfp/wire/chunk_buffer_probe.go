package wire

// BufferProbe asks the receiver of a flow for an acknowledgement, to learn its free buffer (RFC 7016 2.3.15).
type BufferProbe struct {
	// FlowID is the sender's number of the flow.
	FlowID uint64
}

// ParseBufferProbe parses the payload of a ChunkBufferProbe. The error is ErrTruncated or ErrOverflow (RFC 7016 2.3.15).
func ParseBufferProbe(payload []byte) (BufferProbe, error) {
	id, _, err := ParseVLU(payload)
	if err != nil {
		return BufferProbe{}, err
	}
	return BufferProbe{FlowID: id}, nil
}

// Append appends the chunk.
func (p BufferProbe) Append(b []byte) []byte {
	b = appendChunkHeader(b, ChunkBufferProbe, SizeVLU(p.FlowID))
	return AppendVLU(b, p.FlowID)
}
