package rtmfp

import "time"

const (
	// burstPackets is how many packets with user data go at once where nothing is known of the path (RFC 7016 3.5.2.3).
	burstPackets = 6
	burstBytes   = burstPackets * segmentSize

	// creditSpan is how long credit is collected: a wake that is late by less costs no throughput.
	creditSpan = 2 * time.Millisecond

	// overdraft is what the last packet may spend beyond the credit: the size of the largest one.
	overdraft = 4096

	// wakeInterval is the least time to the next wake for credit: timers are hardly finer.
	wakeInterval = time.Millisecond

	// pacingFloor is the least round trip by which a rate is calculated.
	pacingFloor = time.Millisecond
)

// pace is what a session knows of its path when it asks the pacer.
type pace struct {
	// window is the congestion window, outstanding what is in flight, in bytes of user data.
	window, outstanding int

	// smoothed is the smoothed round trip, timeout the effective retransmission timeout.
	smoothed, timeout time.Duration

	// slowStart means that the window is to double in a round trip.
	slowStart bool
}

// rate gives the bytes in a second: the window in each round trip, and a quarter more, so that it is the window that holds back
// in the end; in slow start twice as much, so that it can double.
func (p pace) rate() int64 {
	window := int64(p.window) * 5 / 4
	if p.slowStart {
		window = int64(p.window) * 2
	}
	roundTrip := max(p.smoothed, pacingFloor)
	return max(window*int64(time.Second/time.Microsecond)/int64(roundTrip/time.Microsecond), 1)
}

// depth gives the credit of a session that has been quiet: what the rate makes of creditSpan, and at least one burst, or the
// window if that is less.
func (p pace) depth(rate int64) int64 {
	return max(rate*int64(creditSpan/time.Microsecond)/microsInSecond, int64(min(burstBytes, p.window)))
}

const microsInSecond = int64(time.Second / time.Microsecond)

// pacer spreads what a congestion window allows over the round trip. It is a credit of bytes that fills at the path's rate and
// is spent by packets; the last packet may overdraw it.
//
// At start, when nothing was in flight for longer than the retransmission timeout, and after a loss the rate means little,
// so no more than six packets go between acknowledgements (RFC 7016 3.5.2.3): at start and after idling until the first
// acknowledgement, after a loss until the first one that comes later than the credit's span.
//
// What this costs media: a video frame of five packets of 1.2 kB every 40 ms needs 150 kB/s. On a session whose window holds what
// such a stream has in flight, the rate is a quarter above that or more, so the credit is full again in less than 40 ms, and a
// full credit is six packets: the frame leaves at once. A frame larger than six packets leaves at the rate of
// the window: in four fifths of a round trip for each windowful.
//
// The zero value is at start.
type pacer struct {
	spent    int64   // credit that is missing
	filledAt Instant // up to when credit was given

	activeAt   Instant // when something was last sent or acknowledged
	carefulEnd Instant // acknowledgements before it do not end the burst limit
	packets    uint8   // with user data since the last acknowledgement
	trusted    bool    // the burst limit does not apply
}

// maySend tells whether a packet with user data may go now. Whether the window allows it is another question.
func (p *pacer) maySend(now Instant, at pace) bool {
	p.idled(now, at)
	if !p.trusted && p.packets >= burstPackets {
		return false
	}
	rate := at.rate()
	depth := at.depth(rate)
	p.fill(now, rate, depth)
	return p.spent < depth
}

// idled tells, once, that nothing was in flight for longer than the retransmission timeout: the window is then to be
// as at first (RFC 7016 3.6.2.6, figure 24), as if the retransmission alarm had fired without a loss.
func (p *pacer) idled(now Instant, at pace) bool {
	if at.outstanding > 0 || now.Sub(p.activeAt) <= at.timeout {
		return false
	}
	p.timeout()
	p.activeAt = now
	return true
}

// fill gives credit for the time that has passed.
func (p *pacer) fill(now Instant, rate, depth int64) {
	p.spent = min(p.spent, depth+overdraft) // of a window that was larger, no debt is left
	elapsed := int64(now.Sub(p.filledAt) / time.Microsecond)
	if elapsed <= 0 {
		return
	}
	if p.spent == 0 || elapsed > p.spent*microsInSecond/rate {
		p.spent, p.filledAt = 0, now
		return
	}
	grant := rate * elapsed / microsInSecond
	if grant == 0 {
		return
	}
	p.spent -= grant
	p.filledAt = p.filledAt.Add(time.Duration((grant*microsInSecond+rate-1)/rate) * time.Microsecond)
}

// sent counts a packet with so many bytes of user data.
func (p *pacer) sent(now Instant, bytes int) {
	p.activeAt = now
	p.spent += int64(bytes)
	if p.packets < burstPackets {
		p.packets++
	}
}

// acknowledged is called for each acknowledgement chunk.
func (p *pacer) acknowledged(now Instant) {
	p.activeAt = now
	p.packets = 0
	if now >= p.carefulEnd {
		p.trusted = true
	}
}

// lost is called when the window was reduced because of a loss.
func (p *pacer) lost(now Instant) {
	p.trusted = false
	p.carefulEnd = now.Add(creditSpan)
}

// timeout is called when the retransmission alarm has fired.
func (p *pacer) timeout() {
	p.trusted = false
	p.packets = 0
	p.carefulEnd = 0
}

// wait gives the time to ask again after maySend has answered no: at least a millisecond on, or Never if only an acknowledgement or
// a timeout can help.
func (p *pacer) wait(now Instant, at pace) Instant {
	if !p.trusted && p.packets >= burstPackets {
		return Never
	}
	rate := at.rate()
	missing := p.spent - at.depth(rate) + 1
	if missing <= 0 {
		return now.Add(wakeInterval)
	}
	ready := p.filledAt.Add(time.Duration((missing*microsInSecond+rate-1)/rate) * time.Microsecond)
	return max(ready, now.Add(wakeInterval))
}
