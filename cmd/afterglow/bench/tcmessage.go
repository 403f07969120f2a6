package bench

import (
	"encoding/binary"

	"afterglow/rtmfp/wire"
	"afterglow/rtmp"
)

// Messages in RTMFP flows (RFC 7425 5.1).
const (
	tcHeader      = 5 // type, timestamp
	tcSignature   = "TC"
	tcHasStreamID = 0x04
)

// tcHead is what stands before a message's payload (RFC 7425 5.1.2).
func tcHead(kind byte, timestamp uint32) (head [tcHeader]byte) {
	head[0] = kind
	binary.BigEndian.PutUint32(head[1:], timestamp)
	return head
}

// tcCommand is a whole command message.
func tcCommand(body []byte) []byte {
	head := tcHead(byte(rtmp.TypeCommandAMF0), 0)
	return append(head[:], body...)
}

// parseTC takes a message apart; false if it is too short to be one.
func parseTC(b []byte) (kind byte, timestamp uint32, payload []byte, ok bool) {
	if len(b) < tcHeader {
		return 0, 0, nil, false
	}
	return b[0], binary.BigEndian.Uint32(b[1:]), b[tcHeader:], true
}

// tcMetadata is that of a flow of a stream, in the sender's order (RFC 7425 5.1.1).
func tcMetadata(streamID uint32) []byte {
	return wire.AppendVLU(append([]byte(tcSignature), tcHasStreamID), uint64(streamID))
}

// parseTCMetadata gives the stream of a flow; false if the flow is none of ours, or says no stream.
func parseTCMetadata(b []byte) (streamID uint32, ok bool) {
	if len(b) < len(tcSignature)+1 || string(b[:len(tcSignature)]) != tcSignature || b[len(tcSignature)]&tcHasStreamID == 0 {
		return 0, false
	}
	id, _, err := wire.ParseVLU(b[len(tcSignature)+1:])
	if err != nil || id > 1<<32-1 {
		return 0, false
	}
	return uint32(id), true
}
