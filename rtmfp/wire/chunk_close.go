package wire

// AppendClose appends the chunk that asks to close the session (RFC 7016 2.3.17).
func AppendClose(b []byte) []byte { return appendChunkHeader(b, ChunkClose, 0) }

// AppendCloseAck appends the chunk that confirms that the session is closed (RFC 7016 2.3.18).
func AppendCloseAck(b []byte) []byte { return appendChunkHeader(b, ChunkCloseAck, 0) }
