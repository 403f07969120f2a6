package trace

import "afterglow/rtmfp/wire"

// Offloading (UDP_SEGMENT and UDP_GRO on Linux) has a capture show several datagrams as one, with no word of where they
// begin. They are all of one size except for the last, and as a rule of one session.
const (
	minSegment = 20 // session ID and a block
	maxSegment = 9000
)

// segmentSize gives the size of the datagrams that a payload really was: the least at which the same session ID, of 32 bits, begins
// again and again. It is that of the payload if it was one datagram.
func segmentSize(payload []byte) int {
	id, _ := wire.SessionID(payload)
	for size := minSegment; size <= maxSegment && size+minSegment <= len(payload); size++ {
		if repeats(payload, size, id) {
			return size
		}
	}
	return len(payload)
}

// repeats says whether each datagram has the ID.
func repeats(payload []byte, size int, id uint32) bool {
	for at := size; at < len(payload); at += size {
		if len(payload)-at < minSegment {
			return false
		}
		if found, _ := wire.SessionID(payload[at:]); found != id {
			return false
		}
	}
	return true
}
