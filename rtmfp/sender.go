package rtmfp

import (
	"cmp"
	"math"
	"slices"

	"afterglow/rtmfp/wire"
)

// sender is the sending half of an open session.
type sender struct {
	flows        map[uint64]*SendFlow
	lastID       uint64
	ready        [priorities]ring[*SendFlow]
	readyFlows   int
	transmitted  ring[sentRef]
	nextTSN      uint64
	highestAcked uint64
	outstanding  int // S_OUTSTANDING_BYTES
	timeoutAt    Instant
	expireAt     Instant // when a message may be past its deadline
	timeouts     int     // in a row, since the far end was heard
	held         bool    // data waits for the pacer
	queued       int     // bytes in all flows that are not settled
	probing      int     // flows whose receiver has closed its buffer
	cc           congestion
	pace         pacer
	notices      noticesUntil

	// Of the packet that is being made: the bytes of its user data chunks, and whether they are time-critical.
	packetBytes        int
	packetTimeCritical bool

	looked int // fragments at which the packet that is read had us look
}

func (o *sender) init(s *Session) {
	o.flows = make(map[uint64]*SendFlow)
	o.nextTSN = 1
	o.timeoutAt, o.expireAt = Never, Never
	o.cc = newCongestion()
}

func (o *sender) newFlowID() uint64 {
	o.lastID++
	return o.lastID + 1 // 2 is the first, as with the endpoints that there are
}

func (o *sender) add(f *SendFlow) { o.flows[f.id] = f }

func (o *sender) remove(f *SendFlow) {
	f.stopProbing()
	o.unready(f)
	delete(o.flows, f.id)
	f.session.times.flows = f.session.core.now
}

// wake lets a flow take part in the next packets.
func (o *sender) wake(f *SendFlow) {
	if f.state == sendClosed {
		return
	}
	f.session.mark()
	if f.ready {
		return
	}
	f.ready = true
	o.ready[f.priority].push(f)
	o.readyFlows++
}

func (o *sender) unready(f *SendFlow) {
	if !f.ready {
		return
	}
	f.ready = false
	queue := &o.ready[f.priority]
	for n := queue.len(); n > 0; n-- {
		other := *queue.at(0)
		queue.pop()
		if other != f {
			queue.push(other)
		}
	}
	o.readyFlows--
}

// mayTransmit says whether user data may go out now.
func (s *Session) mayTransmit() bool {
	o := &s.out
	o.held = false
	if o.readyFlows == 0 {
		return false
	}
	at := s.paced()
	if o.pace.idled(s.core.now, at) {
		o.cc.timeout(false)
		at = s.paced()
	}
	if !o.cc.allows(o.outstanding) {
		o.cc.blocked(o.outstanding)
		return false
	}
	if !o.pace.maySend(s.core.now, at) {
		o.cc.blocked(o.outstanding)
		o.held = true
		return false
	}
	return true
}

// paced is what the pacer has to know of the session.
func (s *Session) paced() pace {
	o := &s.out
	return pace{
		window: o.cc.window(), outstanding: o.outstanding,
		smoothed: s.rtt.smoothed(), timeout: s.rtt.timeout(), slowStart: o.cc.slowStart(),
	}
}

// appendData fills a packet with fragments, flows of higher priority first (RFC 7016 3.6.2.3).
func (s *Session) appendData(p []byte, limit int) []byte {
	o := &s.out
	o.packetBytes, o.packetTimeCritical = 0, false
	for level := int(priorities) - 1; level >= 0; level-- {
		queue := &o.ready[level]
		for turns := queue.len(); turns > 0 && queue.len() > 0; turns-- {
			f := *queue.at(0)
			queue.pop()
			o.readyFlows--
			f.ready = false
			var more bool
			p, more = f.fill(p, limit)
			if s.state != stateOpen {
				return p
			}
			if more && !f.ready {
				f.ready = true
				queue.push(f)
				o.readyFlows++
			}
			if more {
				return p
			}
		}
	}
	return p
}

// sentData notes a packet with user data.
func (s *Session) sentData() {
	o, c := &s.out, s.core
	if o.packetBytes == 0 {
		return
	}
	o.pace.sent(c.now, o.packetBytes)
	o.timeoutAt = c.now.Add(s.rtt.timeout())
	s.asked()
	if o.packetTimeCritical {
		o.notices.noteSent(c.now)
		c.realTime.sentUntil = o.notices.sent
	}
}

// longAck is from how many bytes on an acknowledgement is taken for one that was cut short to fit its packet (RFC 7016 3.6.3.4.2).
const longAck = 200

// maxLooked is how many fragments the acknowledgements of one packet may have us look at: many times more than one of any use does.
const maxLooked = 4 * maxSpan

// receiveAck takes one acknowledgement; settleAcks follows when the packet's chunks are through.
func (s *Session) receiveAck(a wire.Ack, long bool) {
	f := s.out.flows[a.FlowID]
	if f == nil || s.out.looked > maxLooked {
		return
	}
	f.told = math.MaxUint64
	if long && len(a.Ranges) > 0 {
		f.told = a.Ranges[len(a.Ranges)-1].To
	}
	f.acknowledge(a)
}

func (s *Session) receiveException(x wire.FlowException) error {
	f := s.out.flows[x.FlowID]
	if f == nil {
		return errNoFlow
	}
	f.reject(x.Code)
	return nil
}

// settleAcks draws the conclusions from a packet with acknowledgements: negative ones, losses, the window, the timer
// (RFC 7016 3.6.2.5, 3.6.2.6, A.2).
func (s *Session) settleAcks() {
	o, c := &s.out, s.core
	o.pace.acknowledged(c.now)
	s.countNegative()
	m := o.notices.manner(c.now, c.realTime.sentUntil)
	if m == mannerTimeCritical && s.rtt.queued() {
		o.cc.enough()
	}
	if o.cc.end(m, o.nextTSN) {
		o.pace.lost(c.now)
		s.stats.reductions++
	}
	o.timeoutAt = Never
	if o.outstanding > 0 {
		o.timeoutAt = c.now.Add(s.rtt.timeout())
	}
	s.mark()
}

// lossAfter is how many negative acknowledgements make a loss.
const lossAfter = 3

// countNegative gives everything in flight that was sent before the latest acknowledged fragment a negative acknowledgement, except
// for numbers of which the flow's acknowledgement may have had no room to tell.
func (s *Session) countNegative() {
	o := &s.out
	for i := 0; i < o.transmitted.len(); i++ {
		ref := *o.transmitted.at(i)
		if ref.tsn >= o.highestAcked {
			break
		}
		fragment := ref.fragment()
		if fragment == nil || ref.sequence > ref.flow.told {
			continue
		}
		fragment.naks++
		o.cc.negative()
		if fragment.naks >= lossAfter {
			o.cc.lost(ref.tsn)
			ref.flow.lose(ref.sequence)
		}
	}
	o.dropSettled()
}

// fragment gives what was sent if it is still in flight from that transmission.
func (r sentRef) fragment() *sendFragment {
	q := &r.flow.queue
	if !q.has(r.sequence) {
		return nil
	}
	if f := q.fragment(r.sequence); f.tsn == r.tsn && f.is(inFlight) {
		return f
	}
	return nil
}

// dropSettled takes from the front of the transmissions what is not in flight any more.
func (o *sender) dropSettled() {
	for o.transmitted.len() > 0 && o.transmitted.at(0).fragment() == nil {
		o.transmitted.pop()
	}
}

// dataTimeout takes everything in flight for lost (RFC 7016 3.6.2.6).
func (s *Session) dataTimeout() {
	o := &s.out
	wasLoss := o.loseAll()
	if wasLoss {
		s.rtt.backoff()
		s.stats.timeouts++
		o.timeouts++
	}
	o.cc.timeout(wasLoss)
	o.pace.timeout()
	o.timeoutAt = Never
}

func (o *sender) loseAll() (any bool) {
	for o.transmitted.len() > 0 {
		ref := *o.transmitted.at(0)
		o.transmitted.pop()
		if ref.fragment() != nil {
			ref.flow.lose(ref.sequence)
			any = true
		}
	}
	return any
}

// recover ends a series of timeouts, now that the far end is heard: the retransmission timeout is as before, and what was sent
// last is sent again at once. After a single timeout that would be too early: it was sent just now.
func (o *sender) recover(s *Session) {
	series := o.timeouts > 1
	o.timeouts = 0
	if series {
		o.sendAgain(s)
	}
}

// sendAgain has what is in flight sent again at once, as it is known not to arrive.
func (o *sender) sendAgain(s *Session) {
	s.rtt.forgive()
	o.loseAll()
	o.pace.timeout()
	o.timeoutAt = Never
	s.mark()
}

// probeFlows sends what probes are due, and nextProbe says when the next is.
func (s *Session) probeFlows() {
	if s.out.probing == 0 {
		return
	}
	now := s.core.now
	s.eachFlow(func(f *SendFlow) bool { return f.probeAt <= now }, func(f *SendFlow) { f.probeTimer(now) })
}

// eachFlow calls do for the sending flows that are due, in the order in which they were opened.
func (s *Session) eachFlow(due func(*SendFlow) bool, do func(*SendFlow)) {
	chosen := s.core.chosen[:0]
	for _, f := range s.out.flows {
		if due(f) {
			chosen = append(chosen, f)
		}
	}
	slices.SortFunc(chosen, func(a, b *SendFlow) int { return cmp.Compare(a.id, b.id) })
	for _, f := range chosen {
		do(f)
	}
	clear(chosen)
	s.core.chosen = chosen[:0]
}

func (o *sender) nextProbe() Instant {
	next := Never
	if o.probing == 0 {
		return next
	}
	for _, f := range o.flows {
		next = min(next, f.probeAt)
	}
	return next
}

// realTime is what a core knows of real-time data on all its sessions (RFC 7016 3.5.2.1, A.2).
type realTime struct {
	sentUntil Instant // until when it counts that some session has sent any
	received  [2]struct {
		session *Session
		until   Instant
	}
}

// receive notes a packet with the Time Critical flag. Two sessions are enough to know of each one whether another had one.
func (r *realTime) receive(s *Session, now Instant) {
	if r.received[0].session != s {
		r.received[1] = r.received[0]
		r.received[0].session = s
	}
	r.received[0].until = now.Add(noticeLifetime)
}

// elsewhere says whether a session other than s receives real-time data.
func (r *realTime) elsewhere(s *Session, now Instant) bool {
	for i := range r.received {
		if other := r.received[i].session; other != nil && other != s && now < r.received[i].until {
			return true
		}
	}
	return false
}

// forget drops a session that has ended.
func (r *realTime) forget(s *Session) {
	for i := range r.received {
		if r.received[i].session == s {
			r.received[i].session = nil
		}
	}
}
