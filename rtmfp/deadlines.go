package rtmfp

import (
	"cmp"
	"maps"
	"slices"
)

// late says whether a message must not be sent any more.
func (m *outgoing) late(now Instant) bool {
	if m.finishBy != 0 && now > m.finishBy {
		return true
	}
	return !m.started && m.startBy != 0 && now > m.startBy
}

// deadline is the next instant at which the message may become late, or Never.
func (m *outgoing) deadline() Instant {
	next := Never
	if m.finishBy != 0 {
		next = m.finishBy
	}
	if m.startBy != 0 && !m.started {
		next = min(next, m.startBy)
	}
	return next
}

// expect has the flow's deadlines looked at no later than just after a message's.
func (f *SendFlow) expect(m *outgoing) {
	if at := m.deadline(); at != Never {
		f.expireAt = min(f.expireAt, at+1)
		f.session.out.expireAt = min(f.session.out.expireAt, f.expireAt)
	}
}

// expire gives up what waits beyond its deadline. Deadlines are also looked at when a fragment is about to go; this is for flows
// whose turn does not come, because the far end has closed its buffer or the network does not answer.
func (f *SendFlow) expire(now Instant) {
	if f.expireAt > now {
		return
	}
	f.expireAt = Never
	for id, end := f.queue.firstMessage, f.queue.firstMessage+MessageID(f.queue.messages.len()); id < end; id++ {
		m := f.queue.message(id)
		switch {
		case m == nil || m.settled:
		case m.late(now) && f.queue.waits(m):
			f.abandon(id, m)
			f.session.out.wake(f)
		case !m.late(now):
			f.expect(m)
		}
	}
}

// waits says whether some of a message is still to be sent, or to be sent again.
func (q *sendQueue) waits(m *outgoing) bool {
	for n := m.first; n < m.first+uint64(m.count); n++ {
		if q.has(n) && !q.fragment(n).is(inFlight|received) {
			return true
		}
	}
	return false
}

// expireFlows looks at the deadlines of all flows when one of them may have come.
func (o *sender) expireFlows(now Instant) {
	if o.expireAt > now {
		return
	}
	o.expireAt = Never
	inOrder := slices.SortedFunc(maps.Values(o.flows), func(a, b *SendFlow) int { return cmp.Compare(a.id, b.id) })
	for _, f := range inOrder {
		f.expire(now)
		o.expireAt = min(o.expireAt, f.expireAt)
	}
}
