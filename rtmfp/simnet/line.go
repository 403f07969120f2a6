package simnet

import "afterglow/rtmfp"

// line sends datagrams one after the other at a rate. It keeps the time of each as exactly as the rate can be kept: the part of
// a nanosecond that one does not use is the next one's.
type line struct {
	idle    rtmfp.Instant // when the last datagram is sent
	carry   int64         // what that is too early, in nanoseconds / rate
	waiting []waiting     // in order; those before head are sent
	head    int
	bytes   int // of those that wait
}

type waiting struct {
	sent rtmfp.Instant
	size int
}

// add says when the datagram is sent that comes now, or that it does not fit into the queue.
func (q *line) add(now rtmfp.Instant, size int, c Conditions) (sent rtmfp.Instant, fits bool) {
	q.drain(now)
	limit := c.Queue
	if limit <= 0 {
		limit = DefaultQueue
	}
	if q.bytes > 0 && q.bytes+size > limit {
		return 0, false
	}
	if q.idle < now {
		q.idle, q.carry = now, 0
	}
	const nanosecondBits = 8 * 1e9
	work := int64(size)*nanosecondBits + q.carry%c.Rate // the rate may be another than before
	q.idle += rtmfp.Instant(work / c.Rate)
	q.carry = work % c.Rate
	q.waiting = append(q.waiting, waiting{sent: q.idle, size: size})
	q.bytes += size
	return q.idle, true
}

// drain forgets what is sent by now.
func (q *line) drain(now rtmfp.Instant) {
	for q.head < len(q.waiting) && q.waiting[q.head].sent <= now {
		q.bytes -= q.waiting[q.head].size
		q.head++
	}
	if q.head*2 >= len(q.waiting) {
		rest := copy(q.waiting, q.waiting[q.head:])
		q.waiting, q.head = q.waiting[:rest], 0
	}
}
