package rtmfp

import (
	"afterglow/rtmfp/wire"
)

// turn is a fragment whose turn to be sent has come, with its number and what it is a part of. It is good until a handler is called.
type turn struct {
	*sendFragment
	n uint64
	m *outgoing
}

// next finds the fragment to send, giving up what is past its deadline (RFC 7016 3.6.2.3).
func (f *SendFlow) next(now Instant) (t turn, ok bool) {
	q := &f.queue
	for {
		q.trim()
		if q.empty() {
			return t, false
		}
		if t.n, ok = f.eligible(); !ok {
			return t, false
		}
		t.sendFragment = q.fragment(t.n)
		t.m = q.messageOf(t.sendFragment)
		if t.is(abandoned) || !t.m.late(now) {
			return t, true
		}
		f.abandon(q.idOf(t.sendFragment), t.m)
	}
}

// eligible finds the first entry that may be sent: one that is not in flight and not abandoned, or the first of all, or the final one.
func (f *SendFlow) eligible() (uint64, bool) {
	q := &f.queue
	if first := q.fragments.at(0); !first.is(inFlight | received) {
		return q.base, true
	}
	end := min(q.next, q.base+maxSpan)
	for q.scan = max(q.scan, q.base); q.scan < end; q.scan++ {
		if q.scan == q.entered() {
			q.enter()
		}
		fragment := q.fragment(q.scan)
		if fragment.is(inFlight|received) || fragment.is(abandoned) && q.scan != f.final {
			continue
		}
		return q.scan, true
	}
	return 0, false
}

// blocked says whether the receiver's buffer holds the flow back (RFC 7016 3.6.2.9).
func (f *SendFlow) blocked() bool { return f.exception == nil && f.outstanding >= f.window }

// suspended says whether the receiver has closed its buffer, so that only a probe can find out when it opens.
func (f *SendFlow) suspended() bool {
	return f.exception == nil && f.window == 0 && !f.queue.empty()
}

// fill appends fragments to a packet while there is room, and tells whether the flow has more to send.
func (f *SendFlow) fill(p []byte, limit int) (packet []byte, more bool) {
	s := f.session
	var last uint64
	fed := false
	for {
		if f.blocked() {
			return p, false
		}
		t, ok := f.next(s.core.now)
		if !ok {
			if fed { // all that it gave was late already, which is as good as nothing
				f.fed = false
				return p, false
			}
			if !f.feed() {
				return p, false
			}
			fed = true
			continue
		}
		fed = false
		before := len(p)
		if p, ok = f.appendFragment(p, limit, t, last); !ok {
			return p, true
		}
		f.sent(t, len(p)-before)
		last = t.n
	}
}

// feed asks the handler for messages.
func (f *SendFlow) feed() bool {
	if !f.fed || f.state != sendOpen || f.queue.next-f.queue.base >= maxSpan {
		return false
	}
	before := f.queue.next
	f.fed = false
	f.handler.Writable(f)
	given := f.queue.next != before
	f.fed = given // a Wake within the call asks for what the call is for
	return given && f.session.state == stateOpen
}

// appendFragment appends a chunk with a fragment if it fits. last is the flow's fragment before it in the packet, or zero.
func (f *SendFlow) appendFragment(p []byte, limit int, t turn, last uint64) ([]byte, bool) {
	u := wire.UserData{
		FlowID: f.id, Sequence: t.n, FSN: f.queue.forward(), Fragment: t.m.control(t.n),
		Abandon: t.is(abandoned), Final: t.n == f.final,
	}
	if last == 0 && f.startup != nil {
		u.HasOptions, u.Options = true, f.startup
	}
	offset, length := t.m.part(t.n)
	if u.Abandon {
		length = 0
	}
	if last != 0 && t.n == last+1 {
		if len(p)+u.NextHeaderSize()+length > limit {
			return p, false
		}
		p = u.AppendNextHeader(p, length)
	} else {
		if len(p)+u.HeaderSize()+length > limit {
			return p, false
		}
		p = u.AppendHeader(p, length)
	}
	if length == 0 {
		return p, true
	}
	return t.m.append(p, offset, length), true
}

// sent notes that a fragment is in flight (RFC 7016 3.6.2.3 steps 12 to 16).
func (f *SendFlow) sent(t turn, size int) {
	out := &f.session.out
	f.queue.waiting--
	if t.is(everSent) {
		f.session.stats.fragmentsRepeated++
		f.counters.FragmentsRepeated++
	}
	f.session.stats.fragmentsSent++
	f.counters.FragmentsSent++
	t.flags |= inFlight | everSent
	t.flags &^= sentAbandoned
	if t.is(abandoned) {
		t.flags |= sentAbandoned
	}
	t.naks = 0
	t.size = uint16(size)
	t.tsn = out.nextTSN
	out.nextTSN++
	out.transmitted.push(sentRef{f, t.n, t.tsn})
	f.outstanding += size
	out.outstanding += size
	out.packetBytes += size
	out.packetTimeCritical = out.packetTimeCritical || f.timeCritical
	t.m.started = true
}
