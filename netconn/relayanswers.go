package netconn

import (
	"encoding/binary"
	"math"
	"slices"

	"afterglow/media"
)

// The markers of AMF0 that head a command.
const (
	markerNumber = 0x00
	markerString = 0x02
)

func numberAt(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }

// ConnectAnswered says whether a message answers a connect command that nothing else was sent before or behind. It returns a
// rejection as a [Status].
func ConnectAnswered(m Message) (answered bool, err error) {
	if m.StreamID != 0 || m.Type != TypeCommandAMF0 && m.Type != TypeCommandAMF3 {
		return false, nil
	}
	cmd, err := parseCommand(m)
	if err != nil {
		return false, err
	}
	switch cmd.name {
	case "_result":
		return true, nil
	case "_error":
		return true, parseStatus(cmd.arg(0))
	}
	return false, nil
}

// Deliver sends the client what comes from the other end. It waits while the client takes no more media: whoever calls it then
// brings no more either, so that the other end finds out.
func (r *Relayed) Deliver(m Message) {
	r.conn.counts.out.Add(1)
	if m.Type == TypeUserControl {
		r.deliverEvent(m)
		return
	}
	if m.StreamID == 0 {
		if m.Type == TypeCommandAMF0 || m.Type == TypeCommandAMF3 {
			r.answered(m)
		}
		r.conn.transport.Send(m, Treatment{Class: ClassControl})
		return
	}
	r.deliverOn(m.StreamID, m)
}

// deliverEvent sends a user control event, in its place among the media of the stream that it is about.
func (r *Relayed) deliverEvent(m Message) {
	if len(m.Payload) < 6 {
		return
	}
	about := binary.BigEndian.Uint32(m.Payload[2:])
	switch binary.BigEndian.Uint16(m.Payload) {
	case eventStreamBegin, eventStreamEOF, eventStreamDry, eventStreamIsRecorded, eventBufferEmpty, eventBufferReady:
		if about == 0 {
			return // the client's own transport has said it
		}
		r.deliverOn(about, m)
	default:
		r.conn.transport.Send(m, Treatment{Class: ClassControl})
	}
}

// The user control events that are about a stream and that others read.
const (
	eventStreamDry        = 2
	eventStreamIsRecorded = 4
	eventBufferEmpty      = 31
	eventBufferReady      = 32
)

// deliverOn sends a message on a stream, unless the client has deleted it. From its first media on everything on a stream goes in
// one order.
func (r *Relayed) deliverOn(id uint32, m Message) {
	r.mu.Lock()
	s := r.streams[id]
	if s == nil || r.ended {
		r.mu.Unlock()
		return
	}
	packet, isMedia := media.FromMessage(m.Type, m.Timestamp, m.Payload)
	if isMedia && s.source == nil {
		d := r.delivery
		d.Lifetimes = s.lifetimes
		s.source = newRelayedSource()
		s.source.waker = r.conn.transport.Attach(id, s.source, d)
	}
	source := s.source
	r.mu.Unlock()
	out := Out{Packet: packet}
	if !isMedia {
		out = Out{Message: &m, InPlace: r.told(id, m)}
	}
	if source == nil {
		r.conn.transport.Send(m, Treatment{Class: ClassControl})
		return
	}
	source.push(out, r.gone)
}

// answered looks for the answer to a createStream command, and opens the stream.
func (r *Relayed) answered(m Message) {
	r.mu.Lock()
	waiting := len(r.creates) > 0
	r.mu.Unlock()
	if !waiting {
		return
	}
	name, transaction, err := commandHead(m)
	if err != nil || name != "_result" && name != "_error" {
		return
	}
	r.mu.Lock()
	at := slices.Index(r.creates, transaction)
	if at >= 0 {
		r.creates = slices.Delete(r.creates, at, at+1)
	}
	r.mu.Unlock()
	if at < 0 || name == "_error" {
		return
	}
	cmd, err := parseCommand(m)
	if err != nil {
		return
	}
	id, ok := streamID(cmd.arg(0))
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.streams[id] != nil {
		return
	}
	r.streams[id] = &relayedStream{lifetimes: r.delivery.Lifetimes}
	r.conn.transport.StreamOpened(id)
}

// told follows what a stream is told about its publishing. It says whether a message must keep its place among the media: that it has
// ended, or is another publisher's from there on.
func (r *Relayed) told(id uint32, m Message) (inPlace bool) {
	if m.Type == TypeUserControl {
		return binary.BigEndian.Uint16(m.Payload) == eventStreamEOF
	}
	if m.Type != TypeCommandAMF0 && m.Type != TypeCommandAMF3 {
		return false
	}
	if name, _, err := commandHead(m); err != nil || name != "onStatus" {
		return false
	}
	cmd, err := parseCommand(m)
	if err != nil {
		return false
	}
	switch s := parseStatus(cmd.arg(0)); {
	case s.Code == PlayPublishNotify || s.Code == PlayUnpublishNotify:
		return true
	case s.Code == PublishStart:
		r.publishes(id, true)
	case s.Code == UnpublishSuccess || s.Level == LevelError:
		r.publishes(id, false)
	}
	return false
}
