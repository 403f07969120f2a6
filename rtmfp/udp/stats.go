package udp

import "sync/atomic"

// Stats is what a socket has counted since it was opened, and what the system granted it.
type Stats struct {
	// Received is the number of datagrams that Read gave, ReceivedBytes their size without headers.
	Received, ReceivedBytes uint64
	// ReceiveCalls is the number of system calls for that, those that found nothing included.
	ReceiveCalls uint64
	// ReceivedTruncated is the number of datagrams that were dropped because they were larger than any buffer.
	ReceivedTruncated uint64
	// ReceiveErrors is the number of errors that Read passed over.
	ReceiveErrors uint64
	// ReceiveOverflows is the number of datagrams that the system dropped because its receive buffer was full, or because of
	// a bad checksum; Linux only, and it may wrap at 2^32.
	ReceiveOverflows uint64

	// Sent is the number of datagrams that the system took, SentBytes their size without headers.
	Sent, SentBytes uint64
	// SendCalls is the number of system calls for that, those that failed included.
	SendCalls uint64
	// SentSegmented is how many messages with more than one datagram the system took (UDP_SEGMENT).
	SentSegmented uint64
	// SegmentRefusals is how many such messages it refused, so that their datagrams were sent one by one.
	SegmentRefusals uint64

	// DroppedBlocked counts datagrams dropped because the send buffer was full (EAGAIN), DroppedNoBuffers because there was no
	// memory or the interface's queue was full (ENOBUFS, ENOMEM), DroppedTooLong because they were too long for the path
	// (EMSGSIZE), and DroppedOther for all other reasons: no route, not permitted, an address of a foreign family.
	DroppedBlocked, DroppedNoBuffers, DroppedTooLong, DroppedOther uint64

	// ReceiveBuffer and SendBuffer are the sizes in bytes that the system granted; zero is unknown.
	ReceiveBuffer, SendBuffer int
	// SegmentOffload and ReceiveOffload tell whether UDP_SEGMENT and UDP_GRO are in use at the moment.
	SegmentOffload, ReceiveOffload bool
}

// Dropped is the number of datagrams that were given to Send and not sent.
func (s Stats) Dropped() uint64 {
	return s.DroppedBlocked + s.DroppedNoBuffers + s.DroppedTooLong + s.DroppedOther
}

// counters are the running values of Stats. They are added to once for a batch.
type counters struct {
	received, receivedBytes, receiveCalls, receivedTruncated, receiveErrors atomic.Uint64
	sent, sentBytes, sendCalls, sentSegmented, segmentRefusals              atomic.Uint64
	droppedBlocked, droppedNoBuffers, droppedTooLong, droppedOther          atomic.Uint64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Received:          c.received.Load(),
		ReceivedBytes:     c.receivedBytes.Load(),
		ReceiveCalls:      c.receiveCalls.Load(),
		ReceivedTruncated: c.receivedTruncated.Load(),
		ReceiveErrors:     c.receiveErrors.Load(),
		Sent:              c.sent.Load(),
		SentBytes:         c.sentBytes.Load(),
		SendCalls:         c.sendCalls.Load(),
		SentSegmented:     c.sentSegmented.Load(),
		SegmentRefusals:   c.segmentRefusals.Load(),
		DroppedBlocked:    c.droppedBlocked.Load(),
		DroppedNoBuffers:  c.droppedNoBuffers.Load(),
		DroppedTooLong:    c.droppedTooLong.Load(),
		DroppedOther:      c.droppedOther.Load(),
	}
}
