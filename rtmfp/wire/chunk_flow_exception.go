package wire

// FlowException asks the sender of a flow to close it (RFC 7016 2.3.16).
type FlowException struct {
	// FlowID is the number of the flow, given by its sender.
	FlowID uint64

	// Code is the application's reason, 0 if the endpoint itself rejects the flow.
	Code uint64
}

// ParseFlowException parses the payload of a ChunkFlowException. The error is ErrTruncated or ErrOverflow (RFC 7016 2.3.16).
func ParseFlowException(payload []byte) (FlowException, error) {
	id, n, err := ParseVLU(payload)
	if err != nil {
		return FlowException{}, err
	}
	code, _, err := ParseVLU(payload[n:])
	if err != nil {
		return FlowException{}, err
	}
	return FlowException{FlowID: id, Code: code}, nil
}

// Append appends the chunk.
func (e FlowException) Append(b []byte) []byte {
	b = appendChunkHeader(b, ChunkFlowException, SizeVLU(e.FlowID)+SizeVLU(e.Code))
	b = AppendVLU(b, e.FlowID)
	return AppendVLU(b, e.Code)
}
