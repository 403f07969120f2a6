package rtmfp

import "time"

// Numbers of RFC 7016 3.5.2.2.
const (
	timestampTick    = 4 * time.Millisecond
	echoLifetime     = 128 * time.Second
	ertoFirst        = 3 * time.Second
	ertoLeast        = 250 * time.Millisecond
	ertoCap          = 10 * time.Second
	delayedAckMargin = 200 * time.Millisecond
	maxRTTTicks      = 32767

	// The back-off factor is 1.4142.
	backoffNumerator, backoffDenominator = 14142, 10000
)

// minimumWindow is the length of each of the two periods over which the least round trip is kept.
const minimumWindow = 30 * time.Second

// micros is a short time in microseconds, half the size of a Duration: there is one roundTrip for each session.
type micros uint32

func (m micros) duration() time.Duration { return time.Duration(m) * time.Microsecond }

// noMicros stands for a time that was not measured.
const noMicros micros = 1<<32 - 1

// roundTrip measures the way to the far end and back by timestamps and their echoes, and derives the effective retransmission
// timeout (ERTO) from it (RFC 7016 3.5.2.2). The clock is that of Instant in ticks of 4 ms. Its zero value has measured nothing.
//
// A measurement is a whole number of ticks, so on a way shorter than a tick the smoothed value is what those ticks are on
// average.
type roundTrip struct {
	receivedAt Instant // TS_RX_TIME
	answeredAt Instant // when answered came

	received uint16 // TS_RX
	echoed   uint16 // TS_ECHO_TX
	answered uint16 // TS_ECHO_RX

	hasReceived, hasEchoed, hasAnswered bool
	measured                            bool // smooth, varies and retry have values

	smooth micros // SRTT
	varies micros // RTTVAR
	retry  micros // MRTO
	erto   micros // ERTO; 0: as at first

	// The least of the current period and of the one before.
	minimumSince      Instant
	least, leastPrior micros
}

// tick gives the clock of timestamps, which is in every packet. RFC 7016 3.5.2.2 asks for it only where it has gone on, but librtmfp
// takes no packet without; one that repeats it is no measurement.
func tick(now Instant) uint16 { return uint16(now / Instant(timestampTick)) }

// receivedTimestamp takes the timestamp of a packet that arrives.
func (r *roundTrip) receivedTimestamp(now Instant, timestamp uint16) {
	if r.hasReceived && timestamp == r.received {
		return
	}
	r.hasReceived, r.received, r.receivedAt = true, timestamp, now
}

// receivedEcho takes the timestamp echo of a packet that arrives. It tells whether it was a measurement. An echo that is older than
// the last one is none: its packet was overtaken, or is a copy that somebody has kept for long.
func (r *roundTrip) receivedEcho(now Instant, echo uint16) bool {
	if r.hasAnswered && int16(echo-r.answered) <= 0 && now.Sub(r.answeredAt) < echoLifetime {
		return false
	}
	r.hasAnswered, r.answered, r.answeredAt = true, echo, now
	ticks := tick(now) - echo
	if ticks > maxRTTTicks {
		return false
	}
	r.measure(now, micros(ticks)*micros(timestampTick/time.Microsecond))
	return true
}

func (r *roundTrip) measure(now Instant, rtt micros) {
	if r.measured {
		delta := max(r.smooth, rtt) - min(r.smooth, rtt)
		r.varies = (3*r.varies + delta) / 4
		r.smooth = (7*r.smooth + rtt) / 8
	} else {
		r.measured, r.smooth, r.varies = true, rtt, rtt/2
		r.minimumSince, r.least, r.leastPrior = now, noMicros, noMicros
	}
	r.retry = r.smooth + 4*r.varies + micros(delayedAckMargin/time.Microsecond)
	r.erto = max(r.retry, micros(ertoLeast/time.Microsecond))
	r.keepMinimum(now, rtt)
}

func (r *roundTrip) keepMinimum(now Instant, rtt micros) {
	if age := now.Sub(r.minimumSince); age >= minimumWindow {
		r.leastPrior = r.least
		if age >= 2*minimumWindow {
			r.leastPrior = noMicros
		}
		r.minimumSince, r.least = now, noMicros
	}
	r.least = min(r.least, rtt)
}

// echo gives the timestamp echo for a packet that is about to be sent, or false if there is nothing new to say.
func (r *roundTrip) echo(now Instant) (value uint16, ok bool) {
	if !r.hasReceived {
		return 0, false
	}
	elapsed := now.Sub(r.receivedAt)
	if elapsed > echoLifetime {
		r.hasReceived, r.hasEchoed = false, false
		return 0, false
	}
	value = r.received + uint16(elapsed/timestampTick)
	if r.hasEchoed && value == r.echoed {
		return 0, false
	}
	r.hasEchoed, r.echoed = true, value
	return value, true
}

// backoff prolongs the retransmission timeout by the square root of two, to at most 10 s or what the round trip demands,
// until the next measurement.
func (r *roundTrip) backoff() {
	longer := r.timeout() * backoffNumerator / backoffDenominator
	r.erto = max(micros(min(longer, ertoCap)/time.Microsecond), r.retry)
}

// forgive takes back what backoff has done, now that the far end is heard again.
func (r *roundTrip) forgive() {
	r.erto = 0
	if r.measured {
		r.erto = max(r.retry, micros(ertoLeast/time.Microsecond))
	}
}

// timeout gives the effective retransmission timeout (ERTO): 3 s as long as nothing was measured and nothing timed out.
func (r *roundTrip) timeout() time.Duration {
	if r.erto == 0 {
		return ertoFirst
	}
	return r.erto.duration()
}

// smoothed gives the smoothed round trip (SRTT): 0 before the first measurement, but also on a way much shorter than a tick.
func (r *roundTrip) smoothed() time.Duration { return r.smooth.duration() }

// variance gives the round trip's mean deviation (RTTVAR).
func (r *roundTrip) variance() time.Duration { return r.varies.duration() }

// minimum gives the least round trip that was measured in the last 30 to 60 seconds in which anything was; false before
// the first measurement.
func (r *roundTrip) minimum() (time.Duration, bool) {
	if !r.measured {
		return 0, false
	}
	return min(r.least, r.leastPrior).duration(), true
}

// muchQueued is what a round trip takes beyond twice the least one when it is taken for granted that packets wait on the way: more
// than the varying delays of radio links and of delayed acknowledgements.
const muchQueued = 100 * time.Millisecond

// queued says whether packets wait on the way for longer than the way takes.
func (r *roundTrip) queued() bool {
	least, ok := r.minimum()
	return ok && r.smoothed() > 2*least+muchQueued
}
