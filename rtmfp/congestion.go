package rtmfp

import (
	"math"
	"time"
)

// Numbers of RFC 7016 appendix A, and of what lives on the networks where they differ.
const (
	// segmentSize is SMSS: the user data of a full packet in bytes.
	segmentSize = 1161

	windowFirst    = 3 * segmentSize // CWND_INIT, also the least that is left by losses
	windowTimedOut = 2 * segmentSize // CWND_TIMEDOUT

	// largeWindow is what has to be in flight for a loss to cost less than half of it, and for growth to quicken.
	largeWindow = 67200

	// roundSteps is in how many steps the growth of a round trip comes, bulkStep and gentleStep are how many bytes each adds.
	roundSteps = 16
	bulkStep   = 48
	gentleStep = 24

	// quickenAfter is how many round trips without a loss let a large window grow quicker, by quickening bytes in each step for
	// each further one. What it has grown by then keeps that below a twenty-fifth of the window in a round trip.
	quickenAfter = 16
	quickening   = bulkStep / 4

	// noThreshold is a slow start threshold that was never reached.
	noThreshold = math.MaxInt
)

// noticeLifetime is how long a time-critical notice counts after it was sent or received (RFC 7016 3.5.2.1).
const noticeLifetime = 800 * time.Millisecond

// manner is how a session is to compete for its path (RFC 7016 A.2).
type manner uint8

const (
	// mannerBulk competes as TCP does: FASTGROW_ALLOWED.
	mannerBulk manner = iota

	// mannerYielding leaves room to the time-critical data of others: neither FASTGROW_ALLOWED nor TC_SENT.
	mannerYielding

	// mannerTimeCritical is for sessions that send time-critical data themselves: TC_SENT, so not FASTGROW_ALLOWED.
	mannerTimeCritical
)

// noticesUntil remembers until when time-critical notices count. The zero value has had none.
type noticesUntil struct {
	sent, received Instant
}

// noteSent is called when a packet with the time-critical forward flag is sent.
func (n *noticesUntil) noteSent(now Instant) { n.sent = now.Add(noticeLifetime) }

// noteReceived is called when a packet with the time-critical reverse flag arrives.
func (n *noticesUntil) noteReceived(now Instant) { n.received = now.Add(noticeLifetime) }

// manner gives the session's manner; anywhere is until when a notice counts that any session has sent.
func (n *noticesUntil) manner(now, anywhere Instant) manner {
	switch {
	case now < n.sent:
		return mannerTimeCritical
	case now < n.received || now < anywhere:
		return mannerYielding
	}
	return mannerBulk
}

// congestion keeps the congestion window of a session (RFC 7016 appendix A). Bytes are those of user data that count as
// outstanding. For each packet that arrives the session calls begin, then acknowledged, negative and lost as its chunks demand,
// then end. When data waits after it has sent what it may, it calls blocked.
//
// It differs from A.2 in these points:
//
// What it takes to grow. A.2 lets the window grow if outstanding data filled it before the packet came. That holds for a sender
// that answers each acknowledgement at once. Where acknowledgements are processed in batches the window is full before the
// first of them only, and where pacing calculates with a longer round trip than there is, never. So what counts is whether
// the window, or the pacing that follows from it, held data back when the acknowledged bytes were in flight: a full window,
// or a call of blocked, opens a credit of as many bytes as are outstanding, and acknowledgements make the window grow
// as far as the credit goes. A session that has nothing to send gets no credit, and its window does not grow (RFC 7661).
// Losses likewise reduce what was in flight at the height of the round, not what a batch of acknowledgements has left of it.
//
// How much it grows: by the bytes acknowledged, whether they come two packets or a whole flight at a time. That at most doubles
// the window in a round trip; pacing keeps a large step from becoming a burst.
//
// Bulk in large windows. A.2 adds 1 % in a round trip and takes an eighth for a loss, and half below 67,200 bytes. When all
// senders at a bottleneck lose something at once, as at a full queue, that keeps a large window large and a small one small
// for ever: four to one was measured. Here a loss takes three tenths, as that of CUBIC (RFC 9438), and half of 67,200 bytes at
// least. Growth quickens by the number of round trips since the last loss, which is the same for all who share the queue, and
// not by the window. So they approach each other, and growth is slower than 1 % only right after a loss.
//
// The loss that ends slow start takes half of bulk: slow start has doubled the window since the last that was known to fit.
//
// Slow start of real-time data ends when packets begin to wait on the way (call of enough), as that of RFC 9406 does. It would go on
// until the queue there is full, and an eighth for a loss would leave it full: of a queue of a second, sound was a second late.
type congestion struct {
	cwnd      int
	threshold int // SSTHRESH
	collected int // ACKED_BYTES_ACCUMULATOR
	bulkSteps int // of growth since the last loss

	flight     int // what was outstanding at the height of this round
	flightLeft int // how much of it has not been acknowledged
	credit     int // acknowledged bytes that may make the window grow

	recovery uint64 // losses of what was sent before this number are of a flight that has been paid for

	// Of the packet that is being processed.
	ackedNow        int
	lossNow, nakNow bool
}

// newCongestion gives the state of a session that opens.
func newCongestion() congestion {
	return congestion{cwnd: windowFirst, threshold: noThreshold}
}

// window gives the congestion window in bytes: data may be sent while less than that is outstanding (RFC 7016 3.5.2).
func (c *congestion) window() int { return c.cwnd }

// allows tells whether more may be sent while so much is outstanding.
func (c *congestion) allows(outstanding int) bool { return outstanding < c.cwnd }

// slowStart tells whether the window is below the slow start threshold.
func (c *congestion) slowStart() bool { return c.cwnd < c.threshold }

// blocked says that data waits which the window or the pacer holds back.
func (c *congestion) blocked(outstanding int) {
	c.credit = max(c.credit, outstanding)
	c.noteFlight(outstanding)
}

// noteFlight keeps the height of the present round.
func (c *congestion) noteFlight(outstanding int) {
	if outstanding >= c.flight || c.flightLeft <= 0 {
		c.flight, c.flightLeft = outstanding, outstanding
	}
}

// begin is called before the chunks of a packet are processed.
func (c *congestion) begin(outstanding int) {
	c.ackedNow, c.lossNow, c.nakNow = 0, false, false
	c.noteFlight(outstanding)
	if !c.allows(outstanding) {
		c.credit = max(c.credit, outstanding)
	}
}

// acknowledged counts bytes that were outstanding (RFC 7016 3.6.2.4).
func (c *congestion) acknowledged(bytes int) { c.ackedNow += bytes }

// negative notes a negative acknowledgement (RFC 7016 3.6.2.5): the window does not grow by this packet.
func (c *congestion) negative() { c.nakNow = true }

// lost notes the loss of a fragment that was sent with a transmission sequence number. A flight is paid for once, however much of
// it is lost.
func (c *congestion) lost(tsn uint64) {
	c.nakNow = true
	if tsn >= c.recovery {
		c.lossNow = true
	}
}

// end adjusts the window after a packet (RFC 7016 figure 25). nextTSN is the number that the next fragment will be sent with. It tells
// whether the window was reduced.
func (c *congestion) end(m manner, nextTSN uint64) (reduced bool) {
	grown := min(c.ackedNow, c.credit)
	c.credit -= grown
	flight := c.flight
	c.flightLeft -= c.ackedNow
	if c.lossNow {
		c.reduce(m, flight)
		c.recovery = nextTSN
		return true
	}
	if grown > 0 && !c.nakNow {
		c.grow(m, grown)
	}
	return false
}

// enough ends slow start without a loss.
func (c *congestion) enough() { c.threshold = min(c.threshold, c.cwnd) }

func (c *congestion) reduce(m manner, flight int) {
	c.threshold = max(c.remainder(m, min(c.cwnd, flight)), windowFirst)
	c.cwnd = c.threshold
	c.collected, c.bulkSteps, c.credit = 0, 0, 0
}

// remainder gives what a loss leaves of a flight.
func (c *congestion) remainder(m manner, flight int) int {
	switch {
	case m == mannerTimeCritical:
		return flight - flight/8
	case m == mannerBulk && !c.slowStart() && flight > largeWindow:
		return flight - max(flight*3/10, largeWindow/2)
	}
	return flight / 2
}

func (c *congestion) grow(m manner, bytes int) {
	increase := 0
	switch {
	case m == mannerBulk && c.slowStart():
		increase = bytes
	case m == mannerBulk:
		steps := c.stepsFor(bytes, math.MaxInt)
		c.bulkSteps += steps
		increase = steps * c.bulkStep()
	case m == mannerTimeCritical && c.slowStart():
		increase = (bytes + 3) / 4
	case m == mannerTimeCritical:
		increase = c.stepsFor(bytes, 2400) * gentleStep
	default:
		increase = c.stepsFor(bytes, 4800) * gentleStep
	}
	c.cwnd = max(c.cwnd+increase, windowFirst)
}

// stepsFor gives the steps of congestion avoidance that acknowledged bytes make: one for each sixteenth of the window, or for
// each most bytes, if that is less.
func (c *congestion) stepsFor(bytes, most int) int {
	c.collected += bytes
	portion := min(max(c.cwnd/roundSteps, 64), most)
	steps := c.collected / portion
	c.collected %= portion
	return steps
}

// bulkStep gives what a step of bulk adds.
func (c *congestion) bulkStep() int {
	rounds := c.bulkSteps / roundSteps
	if c.cwnd <= largeWindow || rounds <= quickenAfter {
		return bulkStep
	}
	return bulkStep + (rounds-quickenAfter)*quickening
}

// timeout is called when the retransmission alarm has fired; wasLoss tells whether anything was in flight (RFC 7016 figure 24).
func (c *congestion) timeout(wasLoss bool) {
	c.threshold = max(c.threshold, c.cwnd/4*3)
	c.collected, c.bulkSteps, c.credit, c.flight, c.flightLeft = 0, 0, 0, 0, 0
	c.cwnd = windowFirst
	if wasLoss {
		c.cwnd = windowTimedOut
	}
}
