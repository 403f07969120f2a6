package netconn

import (
	"fmt"

	"afterglow/amf"
)

// Encoding is the object encoding of a connection (Errata section 8.1.1).
type Encoding uint8

// The object encodings.
const (
	AMF0 Encoding = 0
	AMF3 Encoding = 3
)

// command is a decoded command message (RTMP 1.0 section 7.1.1).
type command struct {
	name        string
	transaction float64
	object      amf.Value
	args        []amf.Value
	streamID    uint32
	message     Message // as it came
}

// decodeOptions bound what one command or data message costs to decode.
var decodeOptions = &amf.Options{Limits: amf.Limits{MaxDepth: 64, MaxElements: 1 << 16}}

func decodeValues(m Message) ([]amf.Value, error) {
	if m.Type == TypeCommandAMF3 || m.Type == TypeDataAMF3 {
		return amf.DecodeExtended(m.Payload, decodeOptions)
	}
	return amf.Decode0(m.Payload, decodeOptions)
}

func parseCommand(m Message) (*command, error) {
	values, err := decodeValues(m)
	if err != nil {
		return nil, fmt.Errorf("%w: command: %w", ErrProtocol, err)
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("%w: empty command", ErrProtocol)
	}
	name, ok := values[0].(string)
	if !ok {
		return nil, fmt.Errorf("%w: the name of a command is %s", ErrProtocol, amf.Format(values[0]))
	}
	c := &command{name: name, streamID: m.StreamID, message: m}
	if len(values) > 1 {
		c.transaction, _ = values[1].(float64)
	}
	if len(values) > 2 {
		c.object = values[2]
		c.args = values[3:]
	}
	if isArgument(c.object) {
		c.object, c.args = nil, values[2:]
	}
	return c, nil
}

// isArgument says whether what stands in the place of the command object is the first argument: librtmfp leaves the null out
// that other clients send.
func isArgument(v amf.Value) bool {
	switch v.(type) {
	case string, float64, bool:
		return true
	}
	return false
}

// arg returns an argument, Undefined when it is not there.
func (c *command) arg(i int) amf.Value {
	if i < len(c.args) {
		return c.args[i]
	}
	return amf.Undefined
}

func (c *command) stringArg(i int) string {
	s, _ := c.arg(i).(string)
	return s
}

func (c *command) numberArg(i int, otherwise float64) float64 {
	if v, ok := c.arg(i).(float64); ok {
		return v
	}
	return otherwise
}

// truth is a Boolean argument; numbers count as ActionScript has it.
func truth(v amf.Value, otherwise bool) bool {
	switch v := v.(type) {
	case bool:
		return v
	case float64:
		return v != 0
	}
	return otherwise
}

// commandMessage encodes a command in the connection's encoding: AMF3 values are used only where the far end has said
// that it knows them (Errata section 7.2).
func commandMessage(e Encoding, streamID uint32, name string, transaction float64, values ...amf.Value) (Message, error) {
	m := Message{Type: TypeCommandAMF0, StreamID: streamID}
	all := append([]amf.Value{name, transaction}, values...)
	var err error
	if e == AMF3 {
		m.Type = TypeCommandAMF3
		m.Payload, err = amf.AppendExtended(nil, all...)
	} else {
		m.Payload, err = amf.Append0(nil, all...)
	}
	if err != nil {
		return Message{}, fmt.Errorf("encoding %s: %w", name, err)
	}
	return m, nil
}

// dataMessage encodes a data message. AMF0 is understood by everybody.
func dataMessage(streamID, timestamp uint32, values ...amf.Value) (Message, error) {
	payload, err := amf.Append0(nil, values...)
	return Message{Type: TypeDataAMF0, StreamID: streamID, Timestamp: timestamp, Payload: payload}, err
}

// userControl encodes a user control event with one 32-bit field (RTMP 1.0 section 7.1.7).
func userControl(event uint16, value uint32) Message {
	return Message{Type: TypeUserControl, Payload: []byte{
		byte(event >> 8), byte(event), byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}}
}

// The user control events that this package sends or reads.
const (
	eventStreamBegin     = 0
	eventStreamEOF       = 1
	eventSetBufferLength = 3
	eventPingRequest     = 6
	eventPingResponse    = 7
)
