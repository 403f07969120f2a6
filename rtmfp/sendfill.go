package rtmfp

import (
	"afterglow/rtmfp/wire"
)

// next finds the fragment to send, giving up what is past its deadline (RFC 7016 3.6.2.3).
func (f *SendFlow) next(now Instant) (uint64, bool) {
	q := &f.queue
	for {
		q.trim()
		if q.fragments.len() == 0 {
			return 0, false
		}
		n, ok := f.eligible()
		if !ok {
			return 0, false
		}
		fragment := q.fragment(n)
		m := q.message(fragment.message)
		if fragment.is(abandoned) || !m.late(now) {
			return n, true
		}
		f.abandon(fragment.message, m)
	}
}

// eligible finds the first entry that may be sent: one that is not in flight and not abandoned, or the first of all, or the final one.
func (f *SendFlow) eligible() (uint64, bool) {
	q := &f.queue
	if first := q.fragments.at(0); !first.is(inFlight | received) {
		return q.base, true
	}
	end := min(q.nextSequence(), q.base+maxSpan)
	for q.scan = max(q.scan, q.base); q.scan < end; q.scan++ {
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
	return f.exception == nil && f.window == 0 && f.queue.fragments.len() > 0
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
		n, ok := f.next(s.core.now)
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
		if p, ok = f.appendFragment(p, limit, n, last != 0 && n == last+1, last == 0); !ok {
			return p, true
		}
		f.sent(n, len(p)-before)
		last = n
	}
}

// feed asks the handler for messages.
func (f *SendFlow) feed() bool {
	if !f.fed || f.state != sendOpen || f.queue.fragments.len() >= maxSpan {
		return false
	}
	before := f.queue.nextSequence()
	f.fed = false
	f.handler.Writable(f)
	given := f.queue.nextSequence() != before
	f.fed = given // a Wake within the call asks for what the call is for
	return given && f.session.state == stateOpen
}

// appendFragment appends a chunk with a fragment if it fits.
func (f *SendFlow) appendFragment(p []byte, limit int, n uint64, follows, first bool) ([]byte, bool) {
	q := &f.queue
	fragment := q.fragment(n)
	u := wire.UserData{
		FlowID: f.id, Sequence: n, FSN: q.forward(), Fragment: fragment.control,
		Abandon: fragment.is(abandoned), Final: n == f.final,
	}
	if first && f.startup != nil {
		u.HasOptions, u.Options = true, f.startup
	}
	length := int(fragment.length)
	if u.Abandon {
		length = 0
	}
	if follows {
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
	return q.message(fragment.message).append(p, int(fragment.offset), length), true
}

// sent notes that a fragment is in flight (RFC 7016 3.6.2.3 steps 12 to 16).
func (f *SendFlow) sent(n uint64, size int) {
	out := &f.session.out
	fragment := f.queue.fragment(n)
	f.queue.waiting--
	if fragment.is(everSent) {
		f.session.stats.fragmentsRepeated++
		f.counters.FragmentsRepeated++
	}
	f.session.stats.fragmentsSent++
	f.counters.FragmentsSent++
	fragment.flags |= inFlight | everSent
	fragment.flags &^= sentAbandoned
	if fragment.is(abandoned) {
		fragment.flags |= sentAbandoned
	}
	fragment.naks = 0
	fragment.size = uint16(size)
	fragment.tsn = out.nextTSN
	out.nextTSN++
	out.transmitted.push(sentRef{f, n, fragment.tsn})
	f.outstanding += size
	out.outstanding += size
	out.packetBytes += size
	out.packetTimeCritical = out.packetTimeCritical || f.timeCritical
	f.queue.message(fragment.message).started = true
}
