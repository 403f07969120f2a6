package rtmfp

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

// Hasten gives a message that waits an earlier StartBy: if nothing of it was sent until then, it is abandoned, as if it had been queued
// with that deadline. So a sender of video gives up what a new keyframe has made worthless, but not at once what may still be
// in time. A message whose deadline is past is not sent any more, and abandoned as soon as the core is polled, not within the call.
//
// A deadline is never put off: nothing happens if the message has an earlier one, and nothing if it has been started or
// settled, if the flow does not know it, or if startBy is zero, which is none.
func (f *SendFlow) Hasten(id MessageID, startBy Instant) {
	m := f.queue.message(id)
	if m == nil || m.started || m.settled || startBy == 0 || m.startBy != 0 && m.startBy <= startBy {
		return
	}
	m.startBy = startBy
	f.expect(m)
	f.session.out.wake(f)
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
	for id, end := f.queue.firstMessage, f.queue.behind(); id < end; id++ {
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

// expireFlows looks at the deadlines of all flows of which one may have come.
func (s *Session) expireFlows() {
	o, now := &s.out, s.core.now
	if o.expireAt > now {
		return
	}
	s.eachFlow(func(f *SendFlow) bool { return f.expireAt <= now }, func(f *SendFlow) { f.expire(now) })
	o.expireAt = Never
	for _, f := range o.flows {
		o.expireAt = min(o.expireAt, f.expireAt)
	}
}
