package wire

// Ping asks for a PingReply at once (RFC 7016 2.3.9).
type Ping struct {
	// Message comes back in the reply; it may be empty.
	Message []byte
}

// ParsePing gives the payload of a ChunkPing as a message. There is never an error (RFC 7016 2.3.9).
func ParsePing(payload []byte) (Ping, error) { return Ping{Message: payload}, nil }

// Append appends the chunk.
func (p Ping) Append(b []byte) []byte {
	return Chunk{Type: ChunkPing, Payload: p.Message}.Append(b)
}

// PingReply answers a Ping (RFC 7016 2.3.10).
type PingReply struct {
	// Message is that of the Ping. Some endpoints leave it empty.
	Message []byte
}

// ParsePingReply gives the payload of a ChunkPingReply as a message. There is never an error (RFC 7016 2.3.10).
func ParsePingReply(payload []byte) (PingReply, error) { return PingReply{Message: payload}, nil }

// Append appends the chunk.
func (p PingReply) Append(b []byte) []byte {
	return Chunk{Type: ChunkPingReply, Payload: p.Message}.Append(b)
}
