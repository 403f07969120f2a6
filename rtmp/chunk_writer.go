package rtmp

import "encoding/binary"

// Chunk stream limits (RTMP 1.0 sections 5.3.1.1 and 5.4.1).
const (
	// MaxChunkStreamID is the largest chunk stream ID that a basic header can carry.
	MaxChunkStreamID = 65599
	// DefaultChunkSize is the chunk size, in bytes, before any Set Chunk Size message.
	DefaultChunkSize = 128

	extendedTimestamp = 0xFFFFFF
)

// Chunk stream IDs that messages are sent on: 2 is reserved for protocol control (RTMP 1.0 section 5.3.1.1), the
// others are what Adobe's servers use.
const (
	ChunkStreamControl = 2
	ChunkStreamCommand = 3
	ChunkStreamAudio   = 4
	ChunkStreamData    = 5
	ChunkStreamVideo   = 6
)

// ChunkStreamFor returns the chunk stream ID that a message of type t is usually sent on.
func ChunkStreamFor(t MessageType) uint32 {
	switch t {
	case TypeSetChunkSize, TypeAbort, TypeAcknowledgement, TypeUserControl, TypeWindowSize, TypePeerBandwidth:
		return ChunkStreamControl
	case TypeAudio:
		return ChunkStreamAudio
	case TypeVideo, TypeAggregate:
		return ChunkStreamVideo
	case TypeDataAMF0, TypeDataAMF3:
		return ChunkStreamData
	}
	return ChunkStreamCommand
}

// AppendChunks appends m to dst as chunks of at most chunkSize payload bytes on the given chunk stream: a header of
// type 0 with the absolute timestamp, then type 3 (RTMP 1.0 section 5.3.1). The result depends on nothing that was
// sent before, so that many connections can share it. The payload must not exceed MaxMessageSize, the chunk stream ID
// must be between 2 and MaxChunkStreamID, and a chunk size below 1 counts as 1.
func AppendChunks(dst []byte, m *Message, chunkStreamID uint32, chunkSize int) []byte {
	chunkSize = max(chunkSize, 1)
	extended := m.Timestamp >= extendedTimestamp
	field := min(m.Timestamp, extendedTimestamp)
	n := len(m.Payload)
	dst = appendBasicHeader(dst, 0, chunkStreamID)
	dst = append(dst, byte(field>>16), byte(field>>8), byte(field), byte(n>>16), byte(n>>8), byte(n), byte(m.Type))
	dst = binary.LittleEndian.AppendUint32(dst, m.StreamID)
	if extended {
		dst = binary.BigEndian.AppendUint32(dst, m.Timestamp)
	}
	part := min(n, chunkSize)
	dst = append(dst, m.Payload[:part]...)
	for done := part; done < n; done += part {
		dst = appendBasicHeader(dst, 3, chunkStreamID)
		if extended {
			dst = binary.BigEndian.AppendUint32(dst, m.Timestamp)
		}
		part = min(n-done, chunkSize)
		dst = append(dst, m.Payload[done:done+part]...)
	}
	return dst
}

// ChunkedSize returns the largest number of bytes that AppendChunks may append for a payload of n bytes.
func ChunkedSize(n, chunkSize int) int {
	const first, next = 3 + 11 + 4, 3 + 4
	return first + n + next*(n/max(chunkSize, 1))
}

func appendBasicHeader(dst []byte, format byte, chunkStreamID uint32) []byte {
	switch {
	case chunkStreamID < 64:
		return append(dst, format<<6|byte(chunkStreamID))
	case chunkStreamID < 64+256:
		return append(dst, format<<6, byte(chunkStreamID-64))
	}
	id := chunkStreamID - 64
	return append(dst, format<<6|1, byte(id), byte(id>>8))
}
