package trace

import (
	"time"

	"afterglow/rtmfp/wire"
)

// tick is the unit of timestamps (RFC 7016 2.2.4).
const tick = 4 * time.Millisecond

// clock relates the timestamps of an end to the time of the capture, and keeps the least time that an answer took.
type clock struct {
	ticks uint16
	at    time.Duration
	known bool

	least    time.Duration // from this end's packets being captured to answers being captured
	measured bool
}

// maxRoundTrip is what no answer takes longer.
const maxRoundTrip = time.Minute

// takeTimes looks at the times of a packet, of which an echo is the time of the other end's clock: how long ago that was is the time
// from the place of the capture to the sender and back, within a tick or two.
func (s *session) takeTimes(from role, h wire.Header, now time.Duration) {
	if h.HasTimestamp {
		mine := &s.ends[from].clock
		mine.ticks, mine.at, mine.known = h.Timestamp, now, true
	}
	far := &s.ends[from.other()].clock
	if !h.HasTimestampEcho || !far.known {
		return
	}
	sent := far.at + time.Duration(int16(h.TimestampEcho-far.ticks))*tick
	took := max(now-sent, 0)
	if took < maxRoundTrip && (!far.measured || took < far.least) {
		far.least, far.measured = took, true
	}
}

// roundTrip is the least round trip between the ends: both ways from the place of the capture.
func (s *session) roundTrip() (time.Duration, bool) {
	a, b := s.ends[initiator].clock, s.ends[responder].clock
	return a.least + b.least, a.measured && b.measured
}
