package rtmfp

import (
	"time"

	"afterglow/rtmfp/wire"
)

// FlowHandler is told what comes in on a receiving flow, on the owner of its core.
type FlowHandler interface {
	// Message takes a message.
	Message(*ReceiveFlow, Message)

	// Ended is the last call: nil when all messages have been delivered, else the reason for which the session has ended. A flow
	// that we rejected ends without it. For a flow whose session ended within [SessionHandler].Flow it is the only call, and
	// comes after that session's Closed.
	Ended(*ReceiveFlow, error)
}

// Message is a message that has arrived.
type Message struct {
	// Data is valid until Message returns.
	Data []byte

	// Sequence is the number of the message's first fragment. In network order it tells which of two messages was sent first.
	Sequence uint64

	// Gap says that the sender has given up messages between the one before and this one.
	Gap bool
}

type receiveState uint8

const (
	receiveOpen receiveState = iota
	receiveRejected
	receiveLingering
	receiveClosed
)

// The periods of receiving (RFC 7016 3.6.3.4.4, 3.6.3.8).
const (
	delayedAck    = 200 * time.Millisecond
	receiveLinger = 120 * time.Second
)

// ReceiveFlow is a receiving flow (RFC 7016 3.6.3). Its methods are for the owner of its core.
type ReceiveFlow struct {
	session    *Session
	handler    FlowHandler
	associated *SendFlow
	metadata   []byte
	id         uint64
	sequences  sequenceSet
	buffer     reassembly
	capacity   int // BUFFER_CAPACITY
	final      uint64
	window     uint64 // PREV_RWND
	hasWindow  bool
	exception  uint64
	state      receiveState
	shouldAck  bool
	rejected   bool
	paused     bool
	delivering bool
	ended      bool
}

// Session is the session of the flow.
func (f *ReceiveFlow) Session() *Session { return f.session }

// ID is the far end's number of the flow.
func (f *ReceiveFlow) ID() uint64 { return f.id }

// Metadata is what the far end says the flow is for. Not to be changed.
func (f *ReceiveFlow) Metadata() []byte { return f.metadata }

// Associated is our own flow that this one answers, or nil (RFC 7016 2.3.11.1.2).
func (f *ReceiveFlow) Associated() *SendFlow { return f.associated }

// IsOpen says whether messages may still come.
func (f *ReceiveFlow) IsOpen() bool { return f.state == receiveOpen }

// Buffered is what the flow holds in bytes, with an overhead for each fragment.
func (f *ReceiveFlow) Buffered() int { return f.buffer.size() }

// CaughtUp says whether nothing is missing of what the far end is known to have sent on the flow: all numbers up to the highest that has
// come, or that the far end has told of, have come or were given up, and no message is incomplete or held back. Of what was sent
// behind that and lost nothing is known. A flow that has ended or was rejected is waited for no more: it has caught up.
//
// Within [FlowHandler].Message the message itself counts as delivered.
func (f *ReceiveFlow) CaughtUp() bool {
	return f.ended || !f.sequences.gaps() && f.buffer.size() == 0
}

// SetNetworkOrder has messages delivered as soon as they are complete, whatever is missing before them. The default is the sender's order.
func (f *ReceiveFlow) SetNetworkOrder(on bool) { f.buffer.networkOrder = on }

// SetCapacity sets how many bytes the flow may buffer, from the next acknowledgement on. Zero stops the far end: some (librtmfp)
// then close their session.
func (f *ReceiveFlow) SetCapacity(bytes int) {
	f.capacity = max(bytes, 0)
	f.acknowledgeNow()
}

// SetMessageLimit sets the largest message in bytes that the flow takes from now on, at most Limits.Message; a far end that sends
// a longer one has the flow rejected.
func (f *ReceiveFlow) SetMessageLimit(bytes int) {
	f.buffer.limit = min(max(bytes, 1), f.session.core.config.Limits.Message)
}

// Pause holds messages back; the far end may go on until the buffer is full.
func (f *ReceiveFlow) Pause() { f.paused = true }

// Resume delivers what was held back, and what comes.
func (f *ReceiveFlow) Resume() {
	if !f.paused {
		return
	}
	f.paused = false
	f.deliver()
	f.acknowledgeNow()
}

// Reject tells the far end to close the flow, with a code that the application defines (RFC 7016 3.6.3.7).
func (f *ReceiveFlow) Reject(code uint64) {
	if f.state == receiveLingering && !f.ended { // too late for the far end, but what is held back is not wanted
		f.session.in.buffered -= f.buffer.size()
		f.buffer.clear()
		f.ended = true
		return
	}
	if f.state != receiveOpen {
		return
	}
	f.state = receiveRejected
	f.rejected, f.exception = true, code
	f.session.in.buffered -= f.buffer.size()
	f.buffer.clear()
	f.ended = true
	f.acknowledgeNow()
}

// rejectFor rejects a flow on our own account, and says so to its handler.
func (f *ReceiveFlow) rejectFor(err error) {
	handler := f.handler
	f.Reject(0)
	handler.Ended(f, err)
}

func (f *ReceiveFlow) acknowledgeNow() {
	if f.session.state != stateOpen || f.state == receiveClosed {
		return
	}
	f.session.in.ack(f)
	f.session.in.ackNow = true
	f.session.mark()
}

// take follows RFC 7016 3.6.3.2 for one fragment.
func (f *ReceiveFlow) take(u *wire.UserData) {
	in := &f.session.in
	in.ack(f)
	known := f.sequences.contains(u.Sequence)
	if f.state != receiveOpen || f.hasWindow && f.window < 2 || u.Abandon || known || f.sequences.gaps() {
		in.ackNow = true
	}
	if !known && !f.admit(u) {
		f.session.stats.fragmentsDropped++
		in.ackNow = true
		f.forward(u.FSN) // which may make room for it the next time
		f.deliver()
		f.complete()
		return
	}
	if u.Final && !known && f.final == 0 {
		f.final = u.Sequence
		in.ackNow = true
	}
	if f.direct(u, known) {
		f.complete()
		return
	}
	if !known && !u.Abandon && f.state == receiveOpen {
		before := f.buffer.size()
		err := f.buffer.insert(u.Sequence, u.Fragment, u.Data)
		in.buffered += f.buffer.size() - before
		if err != nil {
			f.session.stats.messagesTooLong++
			f.rejectFor(err)
		}
		in.shed(2 * f.session.core.config.Limits.SessionBuffer)
	}
	f.forward(u.FSN)
	f.add(u.Sequence)
	if f.sequences.gaps() || f.capacity-f.held() < wire.BufferBlock {
		in.ackNow = true
	}
	f.deliver()
	f.complete()
}

// forward and add note numbers, and keep count of the session's ranges of them.
func (f *ReceiveFlow) forward(fsn uint64) {
	before := len(f.sequences.ranges())
	f.sequences.forward(fsn)
	f.session.in.ranges += len(f.sequences.ranges()) - before
}

func (f *ReceiveFlow) add(sequence uint64) {
	before := len(f.sequences.ranges())
	f.sequences.add(sequence)
	f.session.in.ranges += len(f.sequences.ranges()) - before
}

// direct delivers a whole message that comes in order without a detour.
func (f *ReceiveFlow) direct(u *wire.UserData, known bool) bool {
	if known || u.Abandon || u.Fragment != wire.Whole || f.state != receiveOpen || f.paused || f.delivering || f.buffer.size() > 0 {
		return false
	}
	f.forward(u.FSN)
	if f.sequences.cumulative()+1 != u.Sequence {
		return false
	}
	f.add(u.Sequence)
	f.delivering = true
	f.handler.Message(f, Message{Data: u.Data, Sequence: u.Sequence, Gap: f.buffer.passed(u.Sequence)})
	f.delivering = false
	f.deliver() // what came meanwhile: nothing, unless the handler had us paused and resumed
	return true
}

// admit says whether a fragment may be held. What has to come next always may, else nothing could go on, unless it only would be held
// back. There is nothing behind the final fragment, and numbers with too many holes between them are not taken, be it in a flow or in
// all of the session.
func (f *ReceiveFlow) admit(u *wire.UserData) bool {
	if f.final != 0 && u.Sequence > f.final || !f.sequences.takes(u.Sequence) {
		return false
	}
	if f.session.in.ranges >= maxSessionRanges && !f.sequences.extends(u.Sequence) {
		return false
	}
	if f.state != receiveOpen || u.Abandon || !f.paused && u.Sequence == max(f.sequences.cumulative(), u.FSN)+1 {
		return true
	}
	size := len(u.Data) + fragmentOverhead
	return f.held()+size <= 2*f.capacity+initialWindow && f.session.in.buffered+size <= f.session.core.config.Limits.SessionBuffer
}

// held is what counts against the flow's capacity: all that it buffers but the message that comes in just now. That one has to be held
// until it is whole, whatever its size.
func (f *ReceiveFlow) held() int {
	return f.buffer.size() - f.buffer.inProgress(f.sequences.cumulative())
}

// deliver gives the handler what is complete (RFC 7016 3.6.3.3).
func (f *ReceiveFlow) deliver() {
	if f.delivering {
		return
	}
	f.delivering = true
	in := &f.session.in
	for f.state == receiveOpen || f.state == receiveLingering {
		if f.paused || f.ended || f.session.state != stateOpen {
			break
		}
		before := f.buffer.size()
		m, ok := f.buffer.next(f.sequences.cumulative())
		in.buffered += f.buffer.size() - before
		if !ok {
			break
		}
		f.handler.Message(f, Message{Data: m.data, Sequence: m.first, Gap: m.gap})
	}
	f.buffer.recycleOut() // which may be large, and the next message be long in coming
	f.delivering = false
	f.finish()
}

// complete notes that everything has come (RFC 7016 3.6.3.8).
func (f *ReceiveFlow) complete() {
	if f.final == 0 || f.sequences.cumulative() < f.final || f.state >= receiveLingering || f.session.state != stateOpen {
		return
	}
	f.session.in.linger(f)
	f.acknowledgeNow()
	f.finish()
}

// finish tells the handler that all messages of a complete flow are delivered.
func (f *ReceiveFlow) finish() {
	if f.state != receiveLingering || f.ended || f.buffer.size() > 0 || f.delivering {
		return
	}
	f.session.times.flows = f.session.core.now
	f.tell(nil)
}

func (f *ReceiveFlow) tell(err error) {
	if f.ended {
		return
	}
	f.ended = true
	f.buffer.clear()
	f.handler.Ended(f, err)
}

// advertise is the receive window in blocks (RFC 7016 3.6.3.5).
func (f *ReceiveFlow) advertise() uint64 {
	free := min(f.capacity-f.held(), f.session.core.config.Limits.SessionBuffer-f.session.in.buffered)
	blocks := (max(free, 0) + wire.BufferBlock - 1) / wire.BufferBlock
	if blocks == 0 && f.capacity > 0 && !f.paused {
		blocks = 1
	}
	return uint64(blocks)
}

// appendAck appends the flow's acknowledgement, with an exception report before it if it was rejected (RFC 7016 3.6.3.4.3), or nothing
// if that does not fit. Only one that is first in its packet may be truncated. A flow that was rejected reports so even when it is
// complete: its only message may have been its last.
func (f *ReceiveFlow) appendAck(p []byte, limit int, first bool) ([]byte, bool) {
	begin := len(p)
	if f.rejected {
		p = wire.FlowException{FlowID: f.id, Code: f.exception}.Append(p)
	}
	blocks := f.advertise()
	ack := wire.Ack{FlowID: f.id, BufferBlocks: blocks, Cumulative: f.sequences.cumulative(), Ranges: f.sequences.ranges()}
	at := len(p)
	p = ack.AppendRange(p, limit)
	if len(p) == at || !first && len(ack.Ranges) > 0 && limit-len(p) < 2*wire.MaxVLUSize {
		return p[:begin], false
	}
	f.window, f.hasWindow = blocks, true
	f.shouldAck = false
	return p, true
}
