package bench

import "time"

// stats is what one worker counts; it alone touches it, and hands it over at the end of a measurement.
type stats struct {
	window *window

	bytes        uint64 // payload of media received within the window, whenever it was sent
	messages     uint64
	sentBytes    uint64 // payload of stamped frames that were sent within the window
	sentMessages uint64
	gaps         [2]uint64 // frames missing, by track
	abandoned    uint64    // of these: where the sender has said that it gave something up
	joiningGaps  uint64    // frames missing before the window
	repeats      uint64
	stalls       uint64
	worstStall   time.Duration
	latency      Histogram
	slices       [latencySlices]mean

	join    Histogram // connect to first keyframe
	picture Histogram // play to first keyframe
}

const latencySlices = 8

type mean struct {
	sum   time.Duration
	count uint64
}

func (m mean) value() time.Duration {
	if m.count == 0 {
		return 0
	}
	return m.sum / time.Duration(m.count)
}

// begin starts counting for a window. Joins, and what was missing before, are kept.
func (s *stats) begin(w *window) {
	*s = stats{window: w, joiningGaps: s.joiningGaps, join: s.join, picture: s.picture}
}

// count counts a media message for the rate.
func (s *stats) count(now int64, length int) {
	if s.window.holds(now) {
		s.bytes += uint64(length)
		s.messages++
	}
}

// arrived counts a stamped frame.
func (s *stats) arrived(now int64, stamp Stamp, length int) {
	if !s.window.holds(stamp.Sent) {
		return
	}
	s.sentBytes += uint64(length)
	s.sentMessages++
	d := time.Duration(now - stamp.Sent)
	s.latency.Add(d)
	slice := &s.slices[(stamp.Sent-s.window.from)*latencySlices/(s.window.to-s.window.from)]
	slice.sum += d
	slice.count++
}

// gap counts missing frames before a stamped one. Given says that the sender has told of something that it gave up there.
func (s *stats) gap(track int, stamp Stamp, missing uint64, given bool) {
	if s.window == nil || stamp.Sent < s.window.from {
		s.joiningGaps += missing
		return
	}
	s.gaps[track] += missing
	if given {
		s.abandoned += missing
	}
}

func (s *stats) repeated(stamp Stamp) {
	if s.window.holds(stamp.Sent) {
		s.repeats++
	}
}

// silence counts a stall if there was no picture for too long between two times, as far as they lie in the window.
func (s *stats) silence(from, to int64) {
	if s.window == nil {
		return
	}
	d := time.Duration(min(to, s.window.to) - max(from, s.window.from))
	if d <= stallLimit {
		return
	}
	s.stalls++
	s.worstStall = max(s.worstStall, d)
}

// merge adds another worker's counts.
func (s *stats) merge(o *stats) {
	s.bytes += o.bytes
	s.messages += o.messages
	s.sentBytes += o.sentBytes
	s.sentMessages += o.sentMessages
	s.abandoned += o.abandoned
	s.joiningGaps += o.joiningGaps
	s.repeats += o.repeats
	s.stalls += o.stalls
	s.worstStall = max(s.worstStall, o.worstStall)
	for i := range s.gaps {
		s.gaps[i] += o.gaps[i]
	}
	for i := range s.slices {
		s.slices[i].sum += o.slices[i].sum
		s.slices[i].count += o.slices[i].count
	}
	s.latency.Merge(&o.latency)
	s.join.Merge(&o.join)
	s.picture.Merge(&o.picture)
}
