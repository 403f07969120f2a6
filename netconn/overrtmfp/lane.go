package overrtmfp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/rtmfp"
)

// laneKind tells the sending flows of a stream apart.
type laneKind uint8

const (
	laneData  laneKind = iota // commands, user control and data; of stream 0 all there is
	laneAudio                 // goes first among media: sound that stops is noticed more than a picture that does
	laneVideo
	laneKinds
)

// lane is a sending flow of a stream. It opens with its first message. Everything on it asks for a receipt.
type lane struct {
	stream  *outStream
	kind    laneKind
	flow    *rtmfp.SendFlow
	refused bool // the far end does not want it
	ended   bool

	// What waits for its receipt. A flow numbers its messages one after the other, so that the place tells the number.
	pending []pendingMessage
	first   rtmfp.MessageID // number of pending[0]
}

// pendingMessage is a message that is neither delivered nor given up.
type pendingMessage struct {
	size    uint32
	group   uint32 // of video: the group of pictures
	kind    pendingKind
	settled bool
	own     bool // netconn's own, counted in link.required
	config  bool // of a decoder, which is nothing without it
	handle  *handle
}

// pendingKind says what the loss of a message means.
type pendingKind uint8

const (
	required   pendingKind = iota // is never given up by itself
	single                        // nothing depends on it: sound, and frames that no other refers to
	groupFrame                    // what follows it in its group depends on it
)

// priorities of the flows. Commands of the connection go before those of its streams.
var lanePriorities = [laneKinds]rtmfp.Priority{rtmfp.PriorityData, rtmfp.PriorityAudio, rtmfp.PriorityVideo}

func (l *lane) priority() rtmfp.Priority {
	if l.stream.id == 0 {
		return rtmfp.PriorityCommand
	}
	return lanePriorities[l.kind]
}

// open opens the flow if need be, as an answer to the far end's control flow (RFC 7425 5.3.5).
func (l *lane) open() bool {
	if l.flow != nil || l.refused {
		return !l.refused && !l.ended
	}
	link := l.stream.link
	config := rtmfp.FlowConfig{
		Metadata: metadata{streamID: l.stream.id}.append(nil), Priority: l.priority(), TimeCritical: l.kind != laneData, Handler: l,
	}
	if link.control != nil {
		config.Return = link.control.flow
	}
	flow, err := link.session.OpenFlow(config)
	if err != nil {
		l.refused = true
		return false
	}
	l.flow, l.first = flow, 1
	return true
}

// wireMessage is a message on its way into a flow.
type wireMessage struct {
	messageType uint8
	timestamp   uint32
	payload     []byte
	startBy     rtmfp.Instant // zero: never given up
	finishBy    rtmfp.Instant
	note        pendingMessage
}

// send queues a message. One on a flow that has ended is dropped: the far end does not want it, or the end of the session tells. One
// that must arrive and that the flow refuses, for its size or for all that waits already, ends the connection.
func (l *lane) send(m *wireMessage) bool {
	if !l.open() {
		return false
	}
	var head [headSize]byte
	head[0] = m.messageType
	binary.BigEndian.PutUint32(head[1:], m.timestamp)
	_, err := l.flow.Send(rtmfp.Outgoing{Head: head[:], Body: m.payload, StartBy: m.startBy, FinishBy: m.finishBy, Receipt: true})
	if err != nil {
		if m.note.kind == required && !errors.Is(err, rtmfp.ErrFlowClosed) {
			l.stream.link.post(func() { l.stream.link.abort(fmt.Errorf("%w: %w", ErrSlow, err)) })
		}
		return false
	}
	m.note.size = uint32(len(m.payload))
	l.pending = append(l.pending, m.note)
	l.stream.unsettled++
	l.stream.link.unsettled++
	return true
}

// at gives a message by its number.
func (l *lane) at(id rtmfp.MessageID) *pendingMessage {
	if id < l.first || id >= l.first+rtmfp.MessageID(len(l.pending)) {
		return nil
	}
	return &l.pending[id-l.first]
}

// Writable is not used: what a lane sends is pulled from elsewhere.
func (l *lane) Writable(*rtmfp.SendFlow) {}

// Settled notes that a message is delivered or given up.
func (l *lane) Settled(_ *rtmfp.SendFlow, id rtmfp.MessageID, delivered bool) {
	m := l.at(id)
	if m == nil || m.settled {
		return
	}
	m.settled = true
	note := *m
	l.shrink()
	if note.handle != nil {
		note.handle.delivered.Store(delivered)
	}
	l.stream.settled(l, id, note, delivered)
}

// shrink forgets settled messages at the front.
func (l *lane) shrink() {
	n := 0
	for n < len(l.pending) && l.pending[n].settled {
		n++
	}
	l.first += rtmfp.MessageID(n)
	if rest := len(l.pending) - n; rest <= n {
		// Moving what is left to the front costs no more than what went, and keeps the memory.
		copy(l.pending, l.pending[n:])
		clear(l.pending[rest:])
		l.pending = l.pending[:rest]
		return
	}
	clear(l.pending[:n])
	l.pending = l.pending[n:]
}

// Ended notes that the far end has everything, or has rejected the flow, which closes the connection if it is the control flow
// (RFC 7425 5.3.6).
func (l *lane) Ended(_ *rtmfp.SendFlow, err error) {
	l.ended = true
	link := l.stream.link
	link.flowEnded(l, err)
}

// mustArrive says whether the oldest message under way is one without which the far end cannot go on.
func (l *lane) mustArrive() bool {
	return l.kind == laneData || len(l.pending) > 0 && l.pending[0].config
}

// close ends the flow behind what is queued.
func (l *lane) close() {
	if l.flow != nil && !l.ended {
		l.flow.Close()
	}
}

// over says whether nothing of the lane is under way.
func (l *lane) over() bool { return l.flow == nil || l.ended }

// handle is a message under way, for whoever has sent it.
type handle struct {
	link      *link
	abandon   func()
	abandoned atomic.Bool
	delivered atomic.Bool
}

// Abandon gives the message up if it is not gone yet.
func (h *handle) Abandon() {
	if !h.abandoned.Swap(true) {
		h.link.post(func() {
			if h.abandon != nil {
				h.abandon()
			}
		})
	}
}

// Delivered says whether the far end has it.
func (h *handle) Delivered() bool { return h.delivered.Load() }

// laneOf says by which flow of its stream a message goes: media of stream 0 does not exist.
func laneOf(m *netconn.Message) laneKind {
	switch {
	case m.StreamID == 0:
		return laneData
	case m.Type == uint8(media.KindAudio):
		return laneAudio
	case m.Type == uint8(media.KindVideo):
		return laneVideo
	}
	return laneData
}
