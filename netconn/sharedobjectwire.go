package netconn

import (
	"encoding/binary"
	"fmt"

	"afterglow/amf"
)

// The body of a shared object message (RTMP 1.0 section 7.1.3, server-side-api 3.8): name, version, persistence, a reserved number,
// and the events, each with its type and length. In AMF3 a zero stands before it, and values may be AMF3 behind the marker that
// AMF0 has for it.

// sharedObjectLimits bound what one message may be.
type sharedObjectLimits struct {
	bytes    int // of the payload
	events   int
	name     int // bytes of the object's name
	property int // bytes of the name of a property or handler
}

var (
	// clientsSharedObjects is what clients may send.
	clientsSharedObjects = sharedObjectLimits{bytes: 1 << 20, events: 4096, name: 1024, property: 4096}
	// serversSharedObjects is what servers may send: all the properties of an object can be in one message.
	serversSharedObjects = sharedObjectLimits{bytes: 1 << 24, events: 1 << 18, name: 1 << 16, property: 1 << 16}
)

// persistentFlag is the persistence of persistent objects. Other bits mean nothing: there are clients that always set 16.
const persistentFlag = 2

// ParseSharedObject reads a message of type 16 or 19 as a server may send it. Events of unknown type are left out. A change of several
// properties becomes several events. Errors are or wrap ErrProtocol or ErrLimit.
func ParseSharedObject(m Message) (*SharedObjectMessage, error) {
	return parseSharedObject(m, serversSharedObjects)
}

func parseSharedObject(m Message, limits sharedObjectLimits) (*SharedObjectMessage, error) {
	if len(m.Payload) > limits.bytes {
		return nil, fmt.Errorf("%w: a shared object message of %d bytes", ErrLimit, len(m.Payload))
	}
	r := &sharedObjectReader{rest: m.Payload, limits: limits}
	if m.Type == TypeSharedObjectAMF3 {
		if selector := r.take(1); r.err == nil && selector[0] != 0 {
			r.fail("unknown format %d", selector[0])
		}
	}
	r.header()
	for r.err == nil && len(r.rest) > 0 {
		r.event()
	}
	if r.err != nil {
		return nil, r.err
	}
	return &r.message, nil
}

// sharedObjectReader takes a message apart. After an error it stays where it is.
type sharedObjectReader struct {
	rest    []byte
	limits  sharedObjectLimits
	message SharedObjectMessage
	err     error
}

func (r *sharedObjectReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: shared object message: %w", ErrProtocol, fmt.Errorf(format, args...))
	}
}

// take returns the next n bytes, nil if there are fewer.
func (r *sharedObjectReader) take(n uint32) []byte {
	if r.err == nil && uint64(n) > uint64(len(r.rest)) {
		r.fail("%w", amf.ErrTruncated)
	}
	if r.err != nil {
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *sharedObjectReader) number() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// text reads a string behind its length in 16 bits.
func (r *sharedObjectReader) text(most int) string {
	b := r.take(2)
	if b == nil {
		return ""
	}
	n := binary.BigEndian.Uint16(b)
	if int(n) > most {
		r.err = fmt.Errorf("%w: a name of %d bytes in a shared object message", ErrLimit, n)
	}
	return string(r.take(uint32(n)))
}

func (r *sharedObjectReader) header() {
	r.message.Name = r.text(r.limits.name)
	r.message.Version = r.number()
	r.message.Persistent = r.number()&persistentFlag != 0
	r.number()
	if r.message.Name == "" {
		r.fail("an object without a name")
	}
}

// event reads one event of the wire, whose payload the fields must fill.
func (r *sharedObjectReader) event() {
	kind := r.take(1)
	payload := r.take(r.number())
	if r.err != nil {
		return
	}
	if len(r.message.Events) >= r.limits.events {
		r.err = fmt.Errorf("%w: more than %d events in a shared object message", ErrLimit, r.limits.events)
		return
	}
	behind := r.rest
	r.rest = payload
	r.events(SharedObjectEventType(kind[0]))
	r.rest = behind
}

// events reads what the payload of an event has: several changes, or several names, can share one. An event that has nothing where it
// should says nothing.
func (r *sharedObjectReader) events(kind SharedObjectEventType) {
	switch kind {
	case SOUse, SORelease, SOClear, SOUseSuccess:
		r.add(SharedObjectEvent{Type: kind})
	case SORequestChange, SOChange:
		for r.err == nil && len(r.rest) > 0 {
			name := r.text(r.limits.property)
			r.add(SharedObjectEvent{Type: kind, Name: name, Value: r.value()})
		}
	case SOSuccess, SORemove, SORequestRemove:
		for r.err == nil && len(r.rest) > 0 {
			r.add(SharedObjectEvent{Type: kind, Name: r.text(r.limits.property)})
		}
	case SOSend:
		if len(r.rest) > 0 {
			r.call()
		}
	case SOStatus:
		if len(r.rest) == 0 {
			return
		}
		code := r.text(r.limits.property)
		r.add(SharedObjectEvent{Type: kind, Name: code, Level: r.text(r.limits.property)})
	}
}

func (r *sharedObjectReader) add(e SharedObjectEvent) {
	if r.err == nil && len(r.message.Events) >= r.limits.events {
		r.err = fmt.Errorf("%w: more than %d events in a shared object message", ErrLimit, r.limits.events)
	}
	if r.err == nil {
		r.message.Events = append(r.message.Events, e)
	}
}

// value reads one value; each stands for itself, without references to those before it.
func (r *sharedObjectReader) value() amf.Value {
	if r.err != nil {
		return nil
	}
	d := amf.NewDecoder0(r.rest, decodeOptions)
	v, err := d.Decode()
	if err != nil {
		r.fail("%w", err)
		return nil
	}
	r.rest = d.Remaining()
	return v
}

// call reads a handler's name and what it is called with.
func (r *sharedObjectReader) call() {
	values, err := amf.Decode0(r.rest, decodeOptions)
	if err != nil {
		r.fail("%w", err)
		return
	}
	name, ok := values[0].(string)
	if !ok {
		r.fail("the name of a handler is %s", amf.Format(values[0]))
		return
	}
	if len(name) > r.limits.property {
		r.err = fmt.Errorf("%w: a name of %d bytes in a shared object message", ErrLimit, len(name))
		return
	}
	r.add(SharedObjectEvent{Type: SOSend, Name: name, Args: values[1:]})
}

// sharedObjectPart is from how many bytes of events on a message goes out in parts; one event is never divided.
const sharedObjectPart = 1 << 20

// maxSharedObjectEvent is the greatest event that a message can carry, in bytes; RTMP messages have lengths of 24 bits.
const maxSharedObjectEvent = 1<<24 - 1<<17

// encodeSharedObject makes the messages of an update, one as a rule.
func encodeSharedObject(m *SharedObjectMessage, e Encoding) []Message {
	var all []Message
	head := sharedObjectHead(m, e)
	payload := append([]byte(nil), head...)
	for i := range m.Events {
		event := sharedObjectEvent(&m.Events[i], e)
		if len(payload) > len(head) && len(payload)+len(event) > sharedObjectPart {
			all = append(all, sharedObjectPayload(e, payload))
			payload = append([]byte(nil), head...)
		}
		payload = append(payload, event...)
	}
	return append(all, sharedObjectPayload(e, payload))
}

func sharedObjectPayload(e Encoding, payload []byte) Message {
	if e == AMF3 {
		return Message{Type: TypeSharedObjectAMF3, Payload: payload}
	}
	return Message{Type: TypeSharedObjectAMF0, Payload: payload}
}

func sharedObjectHead(m *SharedObjectMessage, e Encoding) []byte {
	var b []byte
	if e == AMF3 {
		b = append(b, 0)
	}
	b = appendName(b, m.Name)
	b = binary.BigEndian.AppendUint32(b, m.Version)
	var persistence uint32
	if m.Persistent {
		persistence = persistentFlag
	}
	b = binary.BigEndian.AppendUint32(b, persistence)
	return binary.BigEndian.AppendUint32(b, 0)
}

// appendName appends a string behind its length in 16 bits; what is longer is cut.
func appendName(b []byte, s string) []byte {
	s = s[:min(len(s), 1<<16-1)]
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// sharedObjectEvent makes one event with its type and length. Its values go out as undefined if they are too large together.
func sharedObjectEvent(event *SharedObjectEvent, e Encoding) []byte {
	b := appendSharedObjectEvent([]byte{byte(event.Type), 0, 0, 0, 0}, event, e)
	if len(b) > maxSharedObjectEvent {
		small := SharedObjectEvent{Type: event.Type, Name: event.Name, Value: amf.Undefined}
		b = appendSharedObjectEvent(b[:5:5], &small, e)
	}
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-5))
	return b
}

func appendSharedObjectEvent(b []byte, event *SharedObjectEvent, e Encoding) []byte {
	switch event.Type {
	case SORequestChange, SOChange:
		return appendValue(appendName(b, event.Name), event.Value, e)
	case SOSuccess, SORemove, SORequestRemove:
		return appendName(b, event.Name)
	case SOSend:
		b = amf.AppendString0(b, event.Name)
		for _, v := range event.Args {
			b = appendValue(b, v, e)
		}
	case SOStatus:
		return appendName(appendName(b, event.Name), event.Level)
	}
	return b
}

// appendValue appends a value that stands for itself, undefined if the encoding has no word for it.
func appendValue(b []byte, v amf.Value, e Encoding) []byte {
	if e != AMF3 {
		out, err := amf.Append0(b, v)
		if err != nil {
			out, _ = amf.Append0(b, amf.Undefined)
		}
		return out
	}
	out, err := amf.AppendExtended(nil, v)
	if err != nil {
		return appendValue(b, v, AMF0)
	}
	return append(b, out[1:]...) // without the format selector, which the message has already
}
