package rtmfp

import (
	"afterglow/rtmfp/wire"
)

// MessageID numbers the messages of a sending flow from 1 on.
type MessageID uint64

// HeadSize is the largest Head of a message in bytes.
const HeadSize = 16

// Outgoing is a message to send.
type Outgoing struct {
	// Head is the beginning of the message, at most HeadSize bytes, which are copied. It lets many sessions share one Body
	// behind beginnings of their own.
	Head []byte

	// Body is the rest. It is not copied and may be shared by any number of messages: it must not change until the message is settled,
	// which only a Receipt tells; best is never.
	Body []byte

	// StartBy and FinishBy are deadlines: a message of which nothing was sent until StartBy, or whose last fragment was not
	// acknowledged until FinishBy and has to be sent (again) then, is abandoned. Zero, which no clock shows for long: none.
	StartBy, FinishBy Instant

	// Receipt asks for a call of the handler's Settled.
	Receipt bool
}

// outgoing is a message in a flow's queue. How it is divided follows from its size, the flow's fragment size and the place of
// a fragment in it, and is kept nowhere: messages of the same size on flows with the same fragment size are divided alike.
type outgoing struct {
	body              []byte
	startBy, finishBy Instant
	queued            Instant
	first             uint64 // sequence number of its first fragment
	count             uint32 // number of its fragments
	remaining         uint32 // fragments still in the queue
	head              [HeadSize]byte
	headSize          uint8
	unit              uint16 // bytes in each of its fragments but the last
	receipt           bool
	started           bool
	abandoned         bool
	settled           bool
}

func (m *outgoing) size() int { return int(m.headSize) + len(m.body) }

// part gives where in the message the bytes of fragment n begin, and how many they are.
func (m *outgoing) part(n uint64) (offset, length int) {
	offset = int(n-m.first) * int(m.unit)
	return offset, min(int(m.unit), m.size()-offset)
}

// control gives the place of fragment n in the message (RFC 7016 2.3.11).
func (m *outgoing) control(n uint64) wire.FragmentControl {
	switch n {
	case m.end() - 1:
		if m.count == 1 {
			return wire.Whole
		}
		return wire.End
	case m.first:
		return wire.Begin
	}
	return wire.Middle
}

// end gives the sequence number behind the last fragment's.
func (m *outgoing) end() uint64 { return m.first + uint64(m.count) }

// append appends n bytes of the message from offset on.
func (m *outgoing) append(b []byte, offset, n int) []byte {
	head := int(m.headSize)
	if offset < head {
		part := min(n, head-offset)
		b = append(b, m.head[offset:offset+part]...)
		offset, n = offset+part, n-part
	}
	if n == 0 {
		return b
	}
	return append(b, m.body[offset-head:offset-head+n]...)
}

// What is known of a fragment (RFC 7016 3.6.2).
const (
	inFlight uint8 = 1 << iota
	everSent
	abandoned
	sentAbandoned
	received // acknowledged, or trimmed
)

// sendFragment is an entry of the SEND_QUEUE: what happens to a fragment on the way to this far end, and nothing of what is
// in it. Its sequence number follows from its place.
type sendFragment struct {
	tsn     uint64
	message uint32 // the lower half of the MessageID, of which no two in a queue are the same
	size    uint16 // TRANSMIT_SIZE
	flags   uint8
	naks    uint8
}

func (f *sendFragment) is(flags uint8) bool { return f.flags&flags != 0 }

// sentRef remembers a transmission, in the order of transmission sequence numbers (RFC 7016 3.6.2.5).
type sentRef struct {
	flow     *SendFlow
	sequence uint64
	tsn      uint64
}

// sendQueue is the SEND_QUEUE of a flow: fragments with contiguous numbers, and the messages that they are parts of. A fragment has
// an entry from when its turn to be sent comes; before, it costs nothing.
type sendQueue struct {
	fragments    ring[sendFragment] // those that have entries, the first in the queue among them
	messages     ring[outgoing]
	base         uint64    // sequence number of the first fragment in the queue
	next         uint64    // NEXT_SN: that of the next fragment to be queued
	firstMessage MessageID // number of the first message in the queue
	entering     MessageID // that of the first fragment without an entry
	unsettled    MessageID // no message below it is unsettled
	scan         uint64    // no fragment below it is to be sent, abandoned ones aside
	waiting      int       // fragments that are neither in flight nor received
	bytes        int       // of messages in the queue that are not settled
	total        *int      // the same of all flows of the session
}

func (q *sendQueue) init(total *int) {
	q.base, q.next, q.scan = 1, 1, 1
	q.firstMessage, q.entering, q.unsettled = 1, 1, 1
	q.total = total
}

// empty says whether every fragment is received or given up.
func (q *sendQueue) empty() bool { return q.base == q.next }

// entered is the sequence number of the first fragment that has no entry yet, if there is one.
func (q *sendQueue) entered() uint64 { return q.base + uint64(q.fragments.len()) }

// enter makes the entry of that fragment. The caller knows that there is one.
func (q *sendQueue) enter() {
	n, m := q.entered(), q.message(q.entering)
	f := sendFragment{message: uint32(q.entering)}
	if m.abandoned {
		f.flags = abandoned
	}
	q.fragments.push(f)
	if n+1 == m.end() {
		q.entering++
	}
}

func (q *sendQueue) fragment(sequence uint64) *sendFragment {
	return q.fragments.at(int(sequence - q.base))
}

// has says whether a fragment has an entry.
func (q *sendQueue) has(sequence uint64) bool {
	return sequence >= q.base && sequence < q.entered()
}

// message gives a message that is in the queue, or nil.
func (q *sendQueue) message(id MessageID) *outgoing {
	if id < q.firstMessage || id >= q.behind() {
		return nil
	}
	return q.messages.at(int(id - q.firstMessage))
}

// idOf gives the message that a fragment, which is not received, is a part of.
func (q *sendQueue) idOf(f *sendFragment) MessageID {
	return q.firstMessage + MessageID(f.message-uint32(q.firstMessage))
}

func (q *sendQueue) messageOf(f *sendFragment) *outgoing {
	return q.messages.at(int(f.message - uint32(q.firstMessage)))
}

// behind is the number that the next message gets.
func (q *sendQueue) behind() MessageID { return q.firstMessage + MessageID(q.messages.len()) }

// add queues a message, which is divided into fragments of at most unit bytes (RFC 7016 3.6.2.2).
func (q *sendQueue) add(o *Outgoing, unit int, now Instant) MessageID {
	total := len(o.Head) + len(o.Body)
	count := uint32(max(1, (total+unit-1)/unit))
	id := q.behind()
	m := q.messages.push(outgoing{
		body: o.Body, startBy: o.StartBy, finishBy: o.FinishBy, receipt: o.Receipt, queued: now,
		first: q.next, count: count, remaining: count, unit: uint16(unit), headSize: uint8(len(o.Head)),
	})
	copy(m.head[:], o.Head)
	q.bytes += total
	*q.total += total
	q.next += uint64(count)
	q.waiting += int(count)
	return id
}

// lastUnsent says whether there is a last fragment and nothing of it was sent, so that it can be the one that ends the flow.
func (q *sendQueue) lastUnsent() bool {
	return !q.empty() && (q.next > q.entered() || !q.fragment(q.next-1).is(everSent))
}

// addFinal appends the abandoned fragment that ends a flow (RFC 7016 3.6.2.11).
func (q *sendQueue) addFinal() {
	q.messages.push(outgoing{first: q.next, count: 1, remaining: 1, abandoned: true, settled: true})
	q.next++
	q.waiting++
}

// forward gives the FSN of what is sent now (RFC 7016 3.6.2.3). The first fragment has an entry.
func (q *sendQueue) forward() uint64 {
	first := q.fragments.at(0)
	if !first.is(abandoned) || first.is(inFlight) && !first.is(sentAbandoned) {
		return q.base - 1
	}
	return q.base
}

// trim takes from the front what is received, and what is abandoned and not in flight as long as something behind it waits to be
// sent. RFC 7016 3.6.2.3 trims before anything that is behind, in flight or not; but then nothing would be left to tell the
// receiver of the gap with, if what is in flight arrives and no more is queued. What is left in front has an entry.
func (q *sendQueue) trim() {
	for !q.empty() {
		if q.fragments.len() == 0 {
			q.skip()
			q.enter()
		}
		first := q.fragments.at(0)
		if !first.is(received) && (q.waiting < 2 || !first.is(abandoned) || first.is(inFlight)) {
			return
		}
		if !first.is(received) {
			q.count(first)
		}
		q.fragments.pop()
		q.base++
	}
}

// skip trims whole messages that were given up before any fragment in the queue got an entry.
func (q *sendQueue) skip() {
	for m := q.messages.at(0); m.abandoned && q.waiting > int(m.remaining); m = q.messages.at(0) {
		q.waiting -= int(m.remaining)
		q.base = m.end()
		q.entering++
		m.remaining = 0
		q.popMessages()
	}
}

// count takes a fragment that is not in flight off its message, and messages without fragments off the queue.
func (q *sendQueue) count(f *sendFragment) {
	f.flags |= received
	q.waiting--
	m := q.messageOf(f)
	m.remaining--
	if m.remaining == 0 {
		q.popMessages()
	}
}

func (q *sendQueue) popMessages() {
	for q.messages.len() > 0 && q.messages.at(0).remaining == 0 {
		q.messages.pop()
		q.firstMessage++
	}
}

// oldest gives the first message that is neither delivered nor abandoned, or nil.
func (q *sendQueue) oldest() *outgoing {
	for q.unsettled = max(q.unsettled, q.firstMessage); ; q.unsettled++ {
		if m := q.message(q.unsettled); m == nil || !m.settled {
			return m
		}
	}
}

// settle frees what a message held, once; false if that was done.
func (q *sendQueue) settle(m *outgoing) bool {
	if m.settled {
		return false
	}
	m.settled = true
	q.bytes -= m.size()
	*q.total -= m.size()
	m.body = nil
	return true
}

// abandon marks all fragments of a message (RFC 7016 3.6.2.7).
func (q *sendQueue) abandon(m *outgoing) {
	m.abandoned = true
	for n, end := max(m.first, q.base), min(m.end(), q.entered()); n < end; n++ {
		if f := q.fragment(n); !f.is(received) {
			f.flags |= abandoned
		}
	}
}

// waits says whether some of a message is still to be sent, or to be sent again.
func (q *sendQueue) waits(m *outgoing) bool {
	if m.end() > q.entered() {
		return true
	}
	for n := max(m.first, q.base); n < m.end(); n++ {
		if !q.fragment(n).is(inFlight | received) {
			return true
		}
	}
	return false
}
