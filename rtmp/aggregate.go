package rtmp

import (
	"encoding/binary"
	"fmt"
)

// aggregateReader takes an aggregate message apart, one message at a time (RTMP 1.0 section 7.1.6).
type aggregateReader struct {
	rest     []byte
	shift    uint32 // added to the times inside
	streamID uint32
}

func newAggregateReader(m Message) aggregateReader {
	a := aggregateReader{rest: m.Payload, streamID: m.StreamID}
	if len(a.rest) >= aggregateHeader {
		a.shift = m.Timestamp - aggregateTime(a.rest)
	}
	return a
}

const aggregateHeader = 11

func aggregateTime(b []byte) uint32 {
	return uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6]) | uint32(b[7])<<24
}

// next returns the next message, whose payload shares the aggregate's memory, and false behind the last.
func (a *aggregateReader) next() (m Message, ok bool, err error) {
	b := a.rest
	if len(b) == 0 {
		return Message{}, false, nil
	}
	a.rest = nil
	if len(b) < aggregateHeader {
		return Message{}, false, fmt.Errorf("aggregate: %w", ErrShortMessage)
	}
	size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	if len(b)-aggregateHeader < size {
		return Message{}, false, fmt.Errorf("aggregate: message of %d bytes: %w", size, ErrShortMessage)
	}
	end := aggregateHeader + size
	m = Message{Type: MessageType(b[0]), Timestamp: aggregateTime(b) + a.shift, StreamID: a.streamID, Payload: b[aggregateHeader:end:end]}
	// Some encoders leave out the last back pointer.
	if len(b)-end >= 4 {
		a.rest = b[end+4:]
	}
	return m, true, nil
}

// SplitAggregate returns the messages inside an aggregate message (RTMP 1.0 section 7.1.6). Their payloads share
// its memory, their message stream ID is the aggregate's, and their times are moved so that the first one has the
// aggregate's own. A wrong back pointer is ignored; an aggregate inside an aggregate is dropped. The messages that
// precede a damaged one are returned beside the error.
func SplitAggregate(m Message) ([]Message, error) {
	var out []Message
	a := newAggregateReader(m)
	for {
		sub, ok, err := a.next()
		if !ok {
			return out, err
		}
		if sub.Type != TypeAggregate {
			out = append(out, sub)
		}
	}
}

// JoinAggregate makes one aggregate message of several that belong to one message stream (RTMP 1.0 section 7.1.6).
func JoinAggregate(messages []Message) Message {
	if len(messages) == 0 {
		return Message{Type: TypeAggregate}
	}
	out := Message{Type: TypeAggregate, Timestamp: messages[0].Timestamp, StreamID: messages[0].StreamID}
	for _, m := range messages {
		n, ts := len(m.Payload), m.Timestamp
		out.Payload = append(out.Payload, byte(m.Type), byte(n>>16), byte(n>>8), byte(n),
			byte(ts>>16), byte(ts>>8), byte(ts), byte(ts>>24), 0, 0, 0)
		out.Payload = append(out.Payload, m.Payload...)
		out.Payload = binary.BigEndian.AppendUint32(out.Payload, uint32(n+aggregateHeader))
	}
	return out
}
