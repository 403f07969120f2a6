package rtmfp

import (
	"fmt"
	"math"
	"time"

	"afterglow/rtmfp/wire"
)

// Priority says which flows of a session go first. Flows of the same priority take turns, packet by packet.
type Priority uint8

// The priorities, lowest first.
const (
	PriorityBackground Priority = iota
	PriorityBulk
	PriorityRoutine
	PriorityVideo
	PriorityAudio
	PriorityData
	PriorityCommand
	PriorityImmediate
	priorities
)

// SendHandler is told what happens to a sending flow, on the owner of its core.
type SendHandler interface {
	// Writable says that the flow could send now and that nothing in its queue waits for that: all is in flight. Messages that Send takes within the call go out at
	// once. It is asked again after each packet as long as it gives something; else not before SendFlow.Wake.
	Writable(*SendFlow)

	// Settled says that a message for which a receipt was asked has been delivered, or was given up. What was given up while
	// all of it was under way may arrive nevertheless.
	Settled(f *SendFlow, id MessageID, delivered bool)

	// Ended is the last call: nil when the far end has everything, an *ExceptionError when it has rejected the flow, else the
	// reason for which the session has ended. The flow takes no messages any more.
	Ended(*SendFlow, error)
}

// FlowConfig says how a sending flow is opened.
type FlowConfig struct {
	// Metadata tells the far end what the flow is for.
	Metadata []byte

	// Return is the receiving flow that this one answers, or nil (RFC 7016 2.3.11.1.2).
	Return *ReceiveFlow

	// Priority among the flows of the session (default PriorityBackground).
	Priority Priority

	// TimeCritical marks packets with this flow's data as real-time (RFC 7016 2.2.4).
	TimeCritical bool

	// Handler is told what happens; nil is nobody.
	Handler SendHandler
}

type sendState uint8

const (
	sendOpen sendState = iota
	sendClosing
	sendClosed
)

// dataHeaders is the most that stands before data in a packet, options aside; leastFragment is the room in bytes that
// a flow's options have to leave for data.
const (
	dataHeaders   = wire.MaxHeaderSize + wire.ChunkHeaderSize + 1 + 3*wire.MaxVLUSize
	leastFragment = 64
)

// maxSpan is how many fragments beyond the first one that the far end lacks are sent: more than any window is good for, and a
// bound to what a far end that never acknowledges that one can make us remember.
const maxSpan = 1 << 15

// initialWindow is the receive window in bytes that a flow assumes before the first acknowledgement (RFC 7016 3.6.2).
const initialWindow = 65536

// SendFlow is a sending flow (RFC 7016 3.6.2). Its methods are for the owner of its core.
type SendFlow struct {
	session      *Session
	handler      SendHandler
	id           uint64
	startup      []byte // STARTUP_OPTIONS
	metadata     []byte
	queue        sendQueue
	final        uint64 // F_FINAL_SN
	outstanding  int
	window       int     // RX_BUFFER_SIZE
	told         uint64  // the last acknowledgement has told of numbers up to this one
	expireAt     Instant // when a message may be past its deadline
	probeAt      Instant
	probeEvery   time.Duration
	counters     SendFlowStats
	exception    *ExceptionError
	state        sendState
	priority     Priority
	timeCritical bool
	ready        bool
	fed          bool // whether the handler may have more
	ended        bool
}

// OpenFlow opens a sending flow. The far end hears of it with its first message (RFC 7016 3.6.2.1).
func (s *Session) OpenFlow(config FlowConfig) (*SendFlow, error) {
	switch {
	case s.state != stateOpen:
		return nil, ErrClosed
	case len(config.Metadata) > s.core.config.Limits.Metadata:
		return nil, ErrMetadataTooLong
	case config.Return != nil && (config.Return.session != s || config.Return.state != receiveOpen):
		return nil, fmt.Errorf("rtmfp: return to a flow that is not open: %w", ErrFlowClosed)
	case config.Priority >= priorities:
		return nil, fmt.Errorf("rtmfp: priority %d: the highest is %d", config.Priority, priorities-1)
	}
	f := &SendFlow{
		session: s, handler: config.Handler, id: s.out.newFlowID(), window: initialWindow,
		priority: config.Priority, timeCritical: config.TimeCritical, probeAt: Never, expireAt: Never, told: math.MaxUint64,
	}
	f.queue.init(&s.out.queued)
	f.startup = wire.AppendOption(nil, wire.OptionMetadata, config.Metadata)
	f.metadata = f.startup[len(f.startup)-len(config.Metadata):]
	if config.Return != nil {
		f.startup = wire.AppendOption(f.startup, wire.OptionReturnAssociation, wire.AppendVLU(nil, config.Return.id))
	}
	if dataHeaders+len(f.startup)+1+leastFragment > s.core.config.Limits.Packet {
		return nil, ErrMetadataTooLong
	}
	s.out.add(f)
	return f, nil
}

// Session is the session of the flow.
func (f *SendFlow) Session() *Session { return f.session }

// ID is the flow's number in its session.
func (f *SendFlow) ID() uint64 { return f.id }

// Metadata is what the flow was opened with. Not to be changed.
func (f *SendFlow) Metadata() []byte { return f.metadata }

// Queued is the number of bytes that are neither delivered nor abandoned.
func (f *SendFlow) Queued() int { return f.queue.bytes }

// Oldest says when the oldest of the messages that are neither delivered nor abandoned was queued; false if there is none.
func (f *SendFlow) Oldest() (Instant, bool) {
	if m := f.queue.oldest(); m != nil {
		return m.queued, true
	}
	return 0, false
}

// Started says whether anything of a message has been sent. Of one that is not in the queue any more it says true.
func (f *SendFlow) Started(id MessageID) bool {
	m := f.queue.message(id)
	return m == nil || m.started
}

// Stats gives the flow's figures.
func (f *SendFlow) Stats() SendFlowStats { return f.counters }

// IsOpen says whether the flow takes messages.
func (f *SendFlow) IsOpen() bool { return f.state == sendOpen }

// SetPriority changes the flow's priority from the next packet on.
func (f *SendFlow) SetPriority(p Priority) {
	out := &f.session.out
	ready := f.ready
	out.unready(f)
	f.priority = min(p, priorities-1)
	if ready {
		out.wake(f)
	}
}

// Send queues a message. It fails with ErrFlowClosed, ErrMessageTooLong or ErrQueueFull.
func (f *SendFlow) Send(o Outgoing) (MessageID, error) {
	limits := &f.session.core.config.Limits
	size := len(o.Head) + len(o.Body)
	switch {
	case f.state != sendOpen || f.exception != nil:
		return 0, ErrFlowClosed
	case len(o.Head) > HeadSize || size > limits.Message:
		return 0, ErrMessageTooLong
	case f.queue.bytes > 0 && f.queue.bytes+size > limits.SendQueue:
		return 0, ErrQueueFull
	}
	id := f.queue.add(&o, f.fragmentSize(), f.session.core.now)
	f.expect(f.queue.message(id))
	f.probe()
	f.session.out.wake(f)
	return id, nil
}

// fragmentSize is the most data that surely fits a packet with all headers and the startup options (RFC 7016 3.6.2.2). Once a flow
// was acknowledged there are none, and the size follows from the session's packets alone: from Limits.Packet, and over IPv6 from what
// the cipher adds. So all sessions for which these are the same divide a message of the same size at the same places, however
// they fare.
func (f *SendFlow) fragmentSize() int {
	size := f.session.packetLimit() - dataHeaders
	if f.startup != nil {
		size -= len(f.startup) + 1
	}
	return max(size, leastFragment)
}

// Abandon gives a message up: what was not sent is not sent any more (RFC 7016 3.6.2.7).
func (f *SendFlow) Abandon(id MessageID) {
	if m := f.queue.message(id); m != nil {
		f.abandon(id, m)
		f.session.out.wake(f)
	}
}

func (f *SendFlow) abandon(id MessageID, m *outgoing) {
	if m.abandoned || m.remaining == 0 {
		return
	}
	f.queue.abandon(m)
	f.session.stats.messagesAbandoned++
	f.counters.MessagesAbandoned++
	f.settle(id, m, false)
}

func (f *SendFlow) settle(id MessageID, m *outgoing, delivered bool) {
	receipt := m.receipt
	if f.queue.settle(m) && receipt && f.handler != nil {
		f.handler.Settled(f, id, delivered)
	}
}

// Wake has the handler's Writable asked again.
func (f *SendFlow) Wake() {
	f.fed = f.handler != nil
	f.session.out.wake(f)
}

// Close ends the flow once everything in its queue is delivered or abandoned (RFC 7016 3.6.2.11).
func (f *SendFlow) Close() {
	if f.state != sendOpen {
		return
	}
	f.state = sendClosing
	if f.queue.lastUnsent() {
		f.final = f.queue.next - 1
	} else {
		f.final = f.queue.next
		f.queue.addFinal()
	}
	f.queue.scan = min(f.queue.scan, f.final)
	f.session.out.wake(f)
}

// Cancel ends the flow and abandons everything in its queue.
func (f *SendFlow) Cancel() {
	f.abandonAll()
	f.Close()
}

func (f *SendFlow) abandonAll() {
	// Not those that a handler sends while it hears of the others.
	for id, end := f.queue.firstMessage, f.queue.behind(); id < end; id++ {
		f.abandon(id, f.queue.message(id))
	}
}

// reject takes a Flow Exception Report (RFC 7016 3.6.2.10).
func (f *SendFlow) reject(code uint64) {
	if f.exception != nil {
		return
	}
	f.exception = &ExceptionError{code}
	f.abandonAll()
	f.Close()
	f.tell(f.exception)
	f.session.out.wake(f)
}

// tell gives the handler the last word, once.
func (f *SendFlow) tell(err error) {
	if f.ended {
		return
	}
	f.ended = true
	if f.handler != nil {
		f.handler.Ended(f, err)
	}
}

// land takes a fragment out of flight.
func (f *SendFlow) land(fragment *sendFragment) {
	if fragment.is(inFlight) {
		fragment.flags &^= inFlight
		f.queue.waiting++
		f.outstanding -= int(fragment.size)
		f.session.out.outstanding -= int(fragment.size)
	}
}

// lose has a fragment sent again, or given up.
func (f *SendFlow) lose(n uint64) {
	fragment := f.queue.fragment(n)
	f.land(fragment)
	f.queue.scan = min(f.queue.scan, n)
	f.session.stats.fragmentsLost++
	f.counters.FragmentsLost++
	if f.queue.messageOf(fragment).late(f.session.core.now) {
		f.expireAt = f.session.core.now
		f.session.out.expireAt = min(f.session.out.expireAt, f.expireAt)
	}
	f.session.out.wake(f)
}

// acknowledge takes an acknowledgement (RFC 7016 3.6.2.4).
func (f *SendFlow) acknowledge(a wire.Ack) {
	f.startup = nil
	f.window = int(min(a.BufferBlocks, math.MaxInt32/wire.BufferBlock)) * wire.BufferBlock
	f.receivedRange(f.queue.base, a.Cumulative)
	for _, r := range a.Ranges {
		f.receivedRange(r.From, r.To)
	}
	if f.session.state != stateOpen {
		return
	}
	f.queue.trim()
	f.probe()
	if f.state == sendClosing && f.queue.empty() {
		f.complete()
		return
	}
	if f.fed || f.queue.waiting > 0 {
		f.session.out.wake(f)
	}
}

func (f *SendFlow) receivedRange(from, to uint64) {
	q := &f.queue
	from = max(from, q.base)
	end := q.entered()
	if to < end {
		end = to + 1
	}
	out := &f.session.out
	out.looked += int(max(end, from) - from)
	for n := from; n < end && f.session.state == stateOpen; n++ { // a handler may end the session
		fragment := q.fragment(n)
		if fragment.is(received) || !fragment.is(everSent) {
			continue
		}
		if fragment.is(inFlight) {
			out.cc.acknowledged(int(fragment.size))
		}
		f.land(fragment)
		out.highestAcked = max(out.highestAcked, fragment.tsn)
		f.deliver(fragment)
	}
}

// deliver counts a fragment that the far end has. The handler comes last: it may send, which moves the queue in memory.
func (f *SendFlow) deliver(fragment *sendFragment) {
	q := &f.queue
	id, m := q.idOf(fragment), q.messageOf(fragment)
	size, receipt := m.size(), m.receipt
	whole := m.remaining == 1 && !m.abandoned && q.settle(m)
	if whole {
		f.counters.MessagesDelivered++
		f.counters.BytesDelivered += uint64(size)
	}
	tell := whole && receipt && f.handler != nil
	q.count(fragment)
	if tell {
		f.handler.Settled(f, id, true)
	}
}

// complete is the end of a flow of which the far end has everything, or has rejected.
func (f *SendFlow) complete() {
	f.state = sendClosed
	f.session.out.remove(f)
	f.tell(nil)
}

// probe arms or disarms the Buffer Probe (RFC 7016 3.6.2.9.1).
func (f *SendFlow) probe() {
	switch {
	case !f.suspended():
		f.stopProbing()
	case f.probeAt == Never:
		f.session.out.probing++
		f.probeEvery = max(time.Second, f.session.rtt.timeout())
		f.probeAt = f.session.core.now.Add(f.probeEvery)
	}
}

func (f *SendFlow) stopProbing() {
	if f.probeAt != Never {
		f.probeAt = Never
		f.session.out.probing--
	}
}

// probeTimer sends a probe, which is due.
func (f *SendFlow) probeTimer(now Instant) {
	f.session.queueControl(wire.BufferProbe{FlowID: f.id}.Append)
	f.session.asked()
	f.probeEvery = min(f.probeEvery*3/2, max(time.Minute, f.session.rtt.timeout()))
	f.probeAt = now.Add(f.probeEvery)
}
