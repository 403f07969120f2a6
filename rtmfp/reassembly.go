package rtmfp

import (
	"slices"

	"afterglow/rtmfp/wire"
)

const (
	// fragmentOverhead is what a fragment counts for beyond its bytes, so that many tiny ones fill a buffer too.
	fragmentOverhead = 64

	// What a reassembly keeps for later messages: one buffer of at most keptLarge bytes for a message that comes in order, pieces
	// of at most smallPiece bytes that make up keptSmall together, and some segments.
	keptLarge    = 64 << 10
	smallPiece   = 4 << 10
	keptSmall    = 32 << 10
	keptSegments = 32

	// spareTries is how many spare pieces are looked at for one that is not much too large.
	spareTries = 8
)

// reassembly is the RECV_BUFFER of a receiving flow (RFC 7016 3.6.3.3): it joins fragments to messages. Its zero value is empty
// and delivers in the sender's order.
//
// Whole messages that come in order and find it empty need not go through it: the flow then delivers them itself and calls
// passed. The fragments of a message that come in order are appended to one buffer, which is the message in the end. All
// others are pieces that are joined when the message is complete. The memory that it holds is bounded by a small multiple of
// size, the message that was delivered last and what it keeps for later messages: at most 100 kB.
type reassembly struct {
	// limit is the largest message in bytes; 0 means no limit.
	limit int

	// networkOrder delivers messages when they are complete, not when all before them are.
	networkOrder bool

	waiting segmentList // complete ones only in the sender's order
	held    int         // bytes and overheads in waiting and in ready

	ready, readyLast *segment // complete, in the order in which they became so

	delivered uint64 // the last number of the message that was delivered last
	discarded bool   // something was, since then

	out *piece // the message that the flow has now

	large      *piece // kept for the next message that begins
	lent       *piece // the one that is in use; never both
	small      *piece
	smallBytes int // what the pieces of small hold, and their overheads

	spareSegments *segment
	spareCount    int
}

// assembled is a message that is delivered.
type assembled struct {
	// data is the message. It is valid until the next call of any method of the reassembly.
	data []byte

	// first and last are the numbers of its first and its last fragment.
	first, last uint64

	// gap means that messages were given up between the one delivered before and this one. In network order it is known
	// only if some of their fragments had come.
	gap bool
}

// size gives BUFFERED_SIZE in bytes: what has not been delivered, with an overhead for each fragment.
func (r *reassembly) size() int { return r.held }

// inProgress gives the part of size that is the message of which the next fragment, behind cumulative, is awaited.
func (r *reassembly) inProgress(cumulative uint64) int {
	s := r.waiting.first()
	if s == nil || !s.begins || s.ends || s.last != cumulative {
		return 0
	}
	return s.bytes + s.fragments()*fragmentOverhead
}

// passed notes that the flow itself delivered a whole message, and tells whether messages were given up before it.
func (r *reassembly) passed(sequence uint64) (gap bool) {
	gap = r.gapBefore(sequence)
	r.delivered, r.discarded = sequence, false
	return gap
}

func (r *reassembly) gapBefore(first uint64) bool {
	return r.discarded || (!r.networkOrder && first != r.delivered+1)
}

// insert takes a copy of a fragment whose number did not come before. The error is ErrMessageTooLong: the fragment was not taken,
// and the flow is to be rejected.
func (r *reassembly) insert(sequence uint64, control wire.FragmentControl, data []byte) error {
	r.recycleOut()
	begins := control == wire.Whole || control == wire.Begin
	ends := control == wire.Whole || control == wire.End
	place := r.waiting.before(sequence)
	before, behind := r.neighbours(place, sequence)
	if begins {
		before = nil
	}
	if ends {
		behind = nil
	}
	if r.tooLong(before, behind, len(data)) {
		return ErrMessageTooLong
	}
	r.held += len(data) + fragmentOverhead
	s := before
	switch {
	case before != nil:
		s.append(sequence, ends, data)
		if behind != nil {
			r.waiting.remove(r.waiting.after(place))
			r.join(s, behind)
		}
	case behind != nil:
		s = behind
		s.prepend(sequence, begins, r.newPiece(control, data))
	default:
		s = r.newSegment(sequence, r.newPiece(control, data))
		s.begins, s.ends = begins, ends
		r.waiting.insertAfter(place, s)
	}
	if r.networkOrder && s.complete() {
		r.waiting.remove(r.waiting.before(s.first))
		r.queue(s)
	}
	return nil
}

// neighbours gives the segment that goes on with a fragment, and the one that the fragment goes on with, or nil; place is that of
// the last segment before the fragment.
func (r *reassembly) neighbours(place segmentPlace, sequence uint64) (before, behind *segment) {
	before, behind = r.waiting.at(place), r.waiting.at(r.waiting.after(place))
	if before != nil && (before.ends || before.last != sequence-1) {
		before = nil
	}
	if behind != nil && (behind.begins || behind.first != sequence+1) {
		behind = nil
	}
	return before, behind
}

// tooLong tells whether a message would be beyond the limit with length more bytes between two segments, either of which may be nil.
func (r *reassembly) tooLong(before, behind *segment, length int) bool {
	if r.limit == 0 {
		return false
	}
	if before != nil {
		length += before.bytes
	}
	if behind != nil {
		length += behind.bytes
	}
	return length > r.limit
}

// join puts the segment that follows at the end of another one. Nothing is copied yet.
func (r *reassembly) join(s, behind *segment) {
	s.last, s.ends = behind.last, behind.ends
	s.bytes += behind.bytes
	s.tail.next = behind.head
	s.tail = behind.tail
	r.freeSegment(behind)
}

// queue puts a complete segment behind those that are ready.
func (r *reassembly) queue(s *segment) {
	if r.ready == nil {
		r.ready = s
	} else {
		r.readyLast.next = s
	}
	r.readyLast = s
}

// next gives the next message, or false if there is none to deliver now, and discards what will never be complete. In the
// sender's order it is the next one of those whose numbers are not above cumulative; in network order any that is complete,
// each once. It is the method of RFC 7016 3.6.3.3.
func (r *reassembly) next(cumulative uint64) (assembled, bool) {
	r.recycleOut()
	if s := r.ready; s != nil {
		r.ready = s.next
		s.next = nil
		return r.deliver(s), true
	}
	for {
		s := r.waiting.first()
		if s == nil || s.first > cumulative {
			return assembled{}, false
		}
		if s.begins && !s.ends && s.last >= cumulative {
			return assembled{}, false // in progress
		}
		r.waiting.remove(segmentPlace{})
		if s.complete() {
			return r.deliver(s), true
		}
		r.discard(s)
	}
}

// deliver makes the message of a complete segment that is in no list any more.
func (r *reassembly) deliver(s *segment) assembled {
	r.held -= s.bytes + s.fragments()*fragmentOverhead
	p := s.head
	if p.next != nil {
		p.reserve(s.bytes)
	}
	for rest := p.next; rest != nil; {
		p.data = append(p.data, rest.data...)
		rest = r.freePiece(rest)
	}
	p.next = nil
	r.out = p
	a := assembled{data: p.data, first: s.first, last: s.last, gap: r.gapBefore(s.first)}
	r.delivered, r.discarded = s.last, false
	r.freeSegment(s)
	return a
}

// discard frees a segment that is in no list any more.
func (r *reassembly) discard(s *segment) {
	r.held -= s.bytes + s.fragments()*fragmentOverhead
	r.discarded = true
	for p := s.head; p != nil; {
		p = r.freePiece(p)
	}
	r.freeSegment(s)
}

// clear discards everything and gives all memory back. What was delivered stays known.
func (r *reassembly) clear() {
	*r = reassembly{limit: r.limit, networkOrder: r.networkOrder, delivered: r.delivered, discarded: r.discarded || r.held > 0}
}

// trim gives back the memory that is kept for later messages.
func (r *reassembly) trim() {
	r.out, r.large, r.lent, r.small, r.smallBytes, r.spareSegments, r.spareCount = nil, nil, nil, nil, 0, nil, 0
	if r.waiting.first() == nil {
		r.waiting = segmentList{}
	}
}

// recycleOut takes back the memory of the message that was delivered last.
func (r *reassembly) recycleOut() {
	if r.out != nil {
		r.freePiece(r.out)
		r.out = nil
	}
}

func (r *reassembly) newSegment(sequence uint64, p *piece) *segment {
	s := r.spareSegments
	if s == nil {
		s = new(segment)
	} else {
		r.spareSegments = s.next
		r.spareCount--
	}
	*s = segment{first: sequence, last: sequence, bytes: len(p.data), head: p, tail: p}
	return s
}

func (r *reassembly) freeSegment(s *segment) {
	*s = segment{}
	if r.spareCount >= keptSegments {
		return
	}
	s.next = r.spareSegments
	r.spareSegments = s
	r.spareCount++
}

// newPiece makes a piece with a copy of data. The large buffer is for one message at a time: what is buffered must not hold
// much more memory than it counts for.
func (r *reassembly) newPiece(control wire.FragmentControl, data []byte) *piece {
	if control == wire.Begin && r.large != nil {
		r.lent, r.large = r.large, nil
		r.lent.data = append(r.lent.data[:0], data...)
		return r.lent
	}
	p := r.takeSmall(len(data))
	if p == nil {
		return &piece{data: slices.Clone(data)}
	}
	p.data = append(p.data[:0], data...)
	return p
}

// takeSmall takes out a spare piece that is large enough, and not much too large, or gives nil.
func (r *reassembly) takeSmall(length int) *piece {
	link := &r.small
	for range spareTries {
		p := *link
		if p == nil {
			return nil
		}
		if cap(p.data) >= length && cap(p.data) <= 2*length+fragmentOverhead {
			*link = p.next
			p.next = nil
			r.smallBytes -= cap(p.data) + fragmentOverhead
			return p
		}
		link = &p.next
	}
	return nil
}

// freePiece keeps a piece for later if there is use for it, and gives the one that followed it.
func (r *reassembly) freePiece(p *piece) *piece {
	following := p.next
	p.next = nil
	if p == r.lent {
		r.lent = nil
	}
	size := cap(p.data)
	if size > smallPiece {
		if size <= keptLarge && r.large == nil && r.lent == nil {
			r.large = p
		}
		return following
	}
	if r.smallBytes+size+fragmentOverhead <= keptSmall {
		r.smallBytes += size + fragmentOverhead
		p.next = r.small
		r.small = p
	}
	return following
}
