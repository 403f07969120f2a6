package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MessageType is the message type ID of RTMP 1.0 section 6.1.1.
type MessageType uint8

// The message types (RTMP 1.0 sections 5.4, 6.2 and 7.1).
const (
	TypeSetChunkSize     MessageType = 1
	TypeAbort            MessageType = 2
	TypeAcknowledgement  MessageType = 3
	TypeUserControl      MessageType = 4
	TypeWindowSize       MessageType = 5
	TypePeerBandwidth    MessageType = 6
	TypeAudio            MessageType = 8
	TypeVideo            MessageType = 9
	TypeDataAMF3         MessageType = 15
	TypeSharedObjectAMF3 MessageType = 16
	TypeCommandAMF3      MessageType = 17
	TypeDataAMF0         MessageType = 18
	TypeSharedObjectAMF0 MessageType = 19
	TypeCommandAMF0      MessageType = 20
	TypeAggregate        MessageType = 22
)

// chunkControl says that the message concerns the chunk stream itself (RTMP 1.0 section 5.4).
func (t MessageType) chunkControl() bool {
	switch t {
	case TypeSetChunkSize, TypeAbort, TypeAcknowledgement, TypeWindowSize, TypePeerBandwidth:
		return true
	}
	return false
}

// MaxMessageSize is the largest payload, in bytes, that a chunk header can announce (RTMP 1.0 section 5.3.1.2).
const MaxMessageSize = 1<<24 - 1

// Message is one RTMP message. Its payload belongs to whoever holds the message: the package keeps no reference.
type Message struct {
	Type      MessageType
	Timestamp uint32 // milliseconds, modulo 2^32
	StreamID  uint32 // message stream ID, 0 for the connection itself
	Payload   []byte
}

// Event is the type of a user control message (RTMP 1.0 section 7.1.7).
type Event uint16

// The user control events. BufferEmpty and BufferReady are sent by Adobe's servers only; SWFVerify is the
// verification handshake of Flash Player.
const (
	EventStreamBegin       Event = 0
	EventStreamEOF         Event = 1
	EventStreamDry         Event = 2
	EventSetBufferLength   Event = 3
	EventStreamIsRecorded  Event = 4
	EventPingRequest       Event = 6
	EventPingResponse      Event = 7
	EventSWFVerifyRequest  Event = 26
	EventSWFVerifyResponse Event = 27
	EventBufferEmpty       Event = 31
	EventBufferReady       Event = 32
)

// UserControl is a decoded user control message. Value is the message stream ID, or the time in milliseconds of
// a ping. Buffer is the buffer length in milliseconds of EventSetBufferLength.
type UserControl struct {
	Event  Event
	Value  uint32
	Buffer uint32
	Data   []byte // what follows the event type, whatever it is
}

// ErrShortMessage is returned for a protocol or user control message that lacks bytes.
var ErrShortMessage = errors.New("message too short")

// ParseUserControl decodes the payload of a user control message (RTMP 1.0 section 6.2). Unknown events decode
// to their number and data. It returns ErrShortMessage when fields of a known event are missing.
func ParseUserControl(payload []byte) (UserControl, error) {
	if len(payload) < 2 {
		return UserControl{}, fmt.Errorf("user control: %w", ErrShortMessage)
	}
	u := UserControl{Event: Event(binary.BigEndian.Uint16(payload)), Data: payload[2:]}
	switch u.Event {
	case EventStreamBegin, EventStreamEOF, EventStreamDry, EventStreamIsRecorded,
		EventPingRequest, EventPingResponse, EventBufferEmpty, EventBufferReady:
		if len(u.Data) < 4 {
			return u, fmt.Errorf("user control event %d: %w", u.Event, ErrShortMessage)
		}
		u.Value = binary.BigEndian.Uint32(u.Data)
	case EventSetBufferLength:
		if len(u.Data) < 8 {
			return u, fmt.Errorf("user control event %d: %w", u.Event, ErrShortMessage)
		}
		u.Value = binary.BigEndian.Uint32(u.Data)
		u.Buffer = binary.BigEndian.Uint32(u.Data[4:])
	}
	return u, nil
}

// Message encodes the event. Data is sent only for events that have no fields of their own.
func (u UserControl) Message() Message {
	b := binary.BigEndian.AppendUint16(nil, uint16(u.Event))
	switch u.Event {
	case EventSWFVerifyRequest:
	case EventSWFVerifyResponse:
		b = append(b, u.Data...)
	case EventSetBufferLength:
		b = binary.BigEndian.AppendUint32(b, u.Value)
		b = binary.BigEndian.AppendUint32(b, u.Buffer)
	default:
		b = binary.BigEndian.AppendUint32(b, u.Value)
	}
	return Message{Type: TypeUserControl, Payload: b}
}

// LimitType says how a peer bandwidth is meant (RTMP 1.0 section 5.4.5).
type LimitType uint8

// The limit types of a Set Peer Bandwidth message.
const (
	LimitHard    LimitType = 0
	LimitSoft    LimitType = 1
	LimitDynamic LimitType = 2
)

func uint32Message(t MessageType, v uint32) Message {
	return Message{Type: t, Payload: binary.BigEndian.AppendUint32(nil, v)}
}

// WindowSize makes a Window Acknowledgement Size message, in bytes (RTMP 1.0 section 5.4.4).
func WindowSize(n uint32) Message { return uint32Message(TypeWindowSize, n) }

// PeerBandwidth makes a Set Peer Bandwidth message, in bytes (RTMP 1.0 section 5.4.5).
func PeerBandwidth(n uint32, limit LimitType) Message {
	m := uint32Message(TypePeerBandwidth, n)
	m.Payload = append(m.Payload, byte(limit))
	return m
}

// Abort makes an Abort message for a chunk stream (RTMP 1.0 section 5.4.2).
func Abort(chunkStreamID uint32) Message { return uint32Message(TypeAbort, chunkStreamID) }

func control(payload []byte) (uint32, error) {
	if len(payload) < 4 {
		return 0, ErrShortMessage
	}
	return binary.BigEndian.Uint32(payload), nil
}
