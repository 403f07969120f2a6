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

// outgoing is a message in a flow's queue.
type outgoing struct {
	body              []byte
	startBy, finishBy Instant
	queued            Instant
	first             uint64 // sequence number of its first fragment
	count             uint32 // number of its fragments
	remaining         uint32 // fragments still in the queue
	head              [HeadSize]byte
	headSize          uint8
	receipt           bool
	started           bool
	abandoned         bool
	settled           bool
}

func (m *outgoing) size() int { return int(m.headSize) + len(m.body) }

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

// sendFragment is an entry of the SEND_QUEUE. Its sequence number follows from its place.
type sendFragment struct {
	message MessageID
	tsn     uint64
	offset  uint32
	length  uint16
	size    uint16 // TRANSMIT_SIZE
	control wire.FragmentControl
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

// sendQueue is the SEND_QUEUE of a flow: fragments with contiguous numbers, and the messages that they are parts of.
type sendQueue struct {
	fragments    ring[sendFragment]
	messages     ring[outgoing]
	base         uint64    // sequence number of the first fragment in the queue
	firstMessage MessageID // number of the first message in the queue
	scan         uint64    // no fragment below it is to be sent, abandoned ones aside
	waiting      int       // fragments that are neither in flight nor received
	bytes        int       // of messages in the queue that are not settled
	total        *int      // the same of all flows of the session
}

func (q *sendQueue) init(total *int) {
	q.base, q.firstMessage, q.scan = 1, 1, 1
	q.total = total
}

// nextSequence is NEXT_SN.
func (q *sendQueue) nextSequence() uint64 { return q.base + uint64(q.fragments.len()) }

func (q *sendQueue) fragment(sequence uint64) *sendFragment {
	return q.fragments.at(int(sequence - q.base))
}

func (q *sendQueue) has(sequence uint64) bool {
	return sequence >= q.base && sequence < q.nextSequence()
}

// message gives a message that is in the queue, or nil.
func (q *sendQueue) message(id MessageID) *outgoing {
	if id < q.firstMessage || id >= q.firstMessage+MessageID(q.messages.len()) {
		return nil
	}
	return q.messages.at(int(id - q.firstMessage))
}

// add divides a message into fragments of at most size bytes (RFC 7016 3.6.2.2).
func (q *sendQueue) add(o *Outgoing, size int, now Instant) MessageID {
	id := q.firstMessage + MessageID(q.messages.len())
	m := q.messages.push(outgoing{
		body: o.Body, startBy: o.StartBy, finishBy: o.FinishBy, receipt: o.Receipt, queued: now,
		first: q.nextSequence(), headSize: uint8(len(o.Head)),
	})
	copy(m.head[:], o.Head)
	total := m.size()
	q.bytes += total
	*q.total += total
	for offset := 0; offset < total || offset == 0; offset += size {
		n := min(size, total-offset)
		q.fragments.push(sendFragment{
			message: id, offset: uint32(offset), length: uint16(n), control: controlOf(offset, n, total),
		})
		m.count++
	}
	m.remaining = m.count
	q.waiting += int(m.count)
	return id
}

func controlOf(offset, n, total int) wire.FragmentControl {
	switch {
	case n == total:
		return wire.Whole
	case offset == 0:
		return wire.Begin
	case offset+n == total:
		return wire.End
	}
	return wire.Middle
}

// addFinal appends the abandoned fragment that ends a flow (RFC 7016 3.6.2.11).
func (q *sendQueue) addFinal() {
	id := q.firstMessage + MessageID(q.messages.len())
	q.messages.push(outgoing{first: q.nextSequence(), count: 1, remaining: 1, abandoned: true, settled: true})
	q.fragments.push(sendFragment{message: id, control: wire.Whole, flags: abandoned})
	q.waiting++
}

// forward gives the FSN of what is sent now (RFC 7016 3.6.2.3). The queue is not empty.
func (q *sendQueue) forward() uint64 {
	first := q.fragments.at(0)
	if !first.is(abandoned) || first.is(inFlight) && !first.is(sentAbandoned) {
		return q.base - 1
	}
	return q.base
}

// trim takes from the front what is received, and what is abandoned and not in flight as long as something behind it waits to be
// sent. RFC 7016 3.6.2.3 trims before anything that is behind, in flight or not; but then nothing would be left to tell the
// receiver of the gap with, if what is in flight arrives and no more is queued.
func (q *sendQueue) trim() {
	for q.fragments.len() > 0 {
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

// count takes a fragment that is not in flight off its message, and messages without fragments off the queue.
func (q *sendQueue) count(f *sendFragment) {
	f.flags |= received
	q.waiting--
	m := q.message(f.message)
	m.remaining--
	for q.messages.len() > 0 && q.messages.at(0).remaining == 0 {
		q.messages.pop()
		q.firstMessage++
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
	for n := m.first; n < m.first+uint64(m.count); n++ {
		if q.has(n) && !q.fragment(n).is(received) {
			q.fragment(n).flags |= abandoned
		}
	}
}
