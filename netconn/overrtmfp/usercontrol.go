package overrtmfp

import (
	"encoding/binary"
	"time"

	"afterglow/netconn"
)

// The user control events that matter to this package (RTMP 1.0 7.1.7, RFC 7425 5.2 and 5.3.4).
const (
	eventPingRequest  = 6
	eventPingResponse = 7
	eventFlowSync     = 34
	eventKeepAlive    = 41
)

// twoFields is the size of a user control event with two 32-bit fields.
const twoFields = 2 + 4 + 4

// event returns the kind of a user control message and its fields, which are zero where they are missing.
func event(payload []byte) (kind uint16, first, second uint32) {
	if len(payload) < 2 {
		return 0xFFFF, 0, 0
	}
	kind = binary.BigEndian.Uint16(payload)
	if len(payload) >= 6 {
		first = binary.BigEndian.Uint32(payload[2:])
	}
	if len(payload) >= twoFields {
		second = binary.BigEndian.Uint32(payload[6:])
	}
	return kind, first, second
}

// KeepAlive are the keepalive periods that a server advises its clients to use: between it and them, and among them (RFC
// 7425 5.3.4). Each is at least 5 s.
type KeepAlive struct{ Server, Peers time.Duration }

// leastKeepAlive is the shortest period that a client sets, whatever the server says (RFC 7425 5.3.4).
const leastKeepAlive = 5 * time.Second

func (k KeepAlive) message() netconn.Message {
	payload := binary.BigEndian.AppendUint16(nil, eventKeepAlive)
	payload = binary.BigEndian.AppendUint32(payload, uint32(k.Server.Milliseconds()))
	payload = binary.BigEndian.AppendUint32(payload, uint32(k.Peers.Milliseconds()))
	return netconn.Message{Type: netconn.TypeUserControl, Payload: payload}
}
