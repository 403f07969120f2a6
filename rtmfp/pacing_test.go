package rtmfp

import (
	"testing"
	"time"
)

const packetBytes = 1150

// sendNow sends as many packets as may go at an instant, most at most, and tells how many that were.
func (p *pacer) sendNow(now Instant, at *pace, most int) int {
	for n := range most {
		if at.outstanding >= at.window || !p.maySend(now, *at) {
			return n
		}
		p.sent(now, packetBytes)
		at.outstanding += packetBytes
	}
	return most
}

// established gives a pacer that has had acknowledgements, and is quiet since an instant.
func established(now Instant) pacer {
	var p pacer
	p.acknowledged(now)
	return p
}

func TestNoMoreThanSixPacketsBeforeTheFirstAcknowledgement(t *testing.T) {
	var p pacer
	at := pace{window: 1_000_000, timeout: 3 * time.Second, slowStart: true}
	if n := p.sendNow(0, &at, 100); n != 6 {
		t.Errorf("%d packets at start", n)
	}
	if p.wait(0, at) != Never {
		t.Error("waits for credit, which is not what is missing")
	}
	now := Instant(100 * time.Millisecond)
	if n := p.sendNow(now, &at, 100); n != 0 {
		t.Errorf("%d packets more without an acknowledgement", n)
	}
	p.acknowledged(now)
	if n := p.sendNow(now, &at, 100); n < 7 {
		t.Errorf("%d packets after it", n)
	}
}

func TestMediaBurstLeavesAtOnce(t *testing.T) {
	for _, roundTrip := range []time.Duration{0, 4 * time.Millisecond, 50 * time.Millisecond, 400 * time.Millisecond} {
		// The window is what the stream has in flight: five packets each 40 ms.
		window := max(5*packetBytes, int(float64(5*packetBytes)*float64(roundTrip)/float64(40*time.Millisecond)))
		p := established(0)
		for frame := range 100 {
			now := Instant(time.Duration(frame+1) * 40 * time.Millisecond)
			at := pace{window: window, smoothed: roundTrip, timeout: 3 * time.Second}
			if n := p.sendNow(now, &at, 5); n != 5 {
				t.Fatalf("round trip %v: %d packets of frame %d", roundTrip, n, frame)
			}
		}
	}
}

func TestRateIsTheWindowInEachRoundTripAndAQuarterMore(t *testing.T) {
	for _, test := range []struct {
		window    int
		roundTrip time.Duration
		slowStart bool
		want      int // bytes in a second
	}{
		{100_000, 50 * time.Millisecond, false, 2_500_000},
		{100_000, 50 * time.Millisecond, true, 4_000_000},
		{1_000_000, 0, false, 1_250_000_000},
		{3483, 300 * time.Millisecond, false, 14_512},
		{2322, 10 * time.Second, false, 290},
	} {
		p := established(0)
		at := pace{window: test.window, smoothed: test.roundTrip, timeout: time.Minute, slowStart: test.slowStart}
		start := Instant(time.Second)
		for p.maySend(start, at) {
			p.sent(start, packetBytes)
		}
		sent, span := 0, 10*time.Second
		for now := start; now < start.Add(span); {
			now = p.wait(now, at)
			for p.maySend(now, at) {
				p.sent(now, packetBytes)
				sent += packetBytes
			}
			p.acknowledged(now)
		}
		rate := sent / int(span/time.Second)
		if rate < test.want*98/100-packetBytes/10 || rate > test.want*102/100+packetBytes/10 {
			t.Errorf("window %d, round trip %v: %d bytes/s, want %d", test.window, test.roundTrip, rate, test.want)
		}
	}
}

func TestRateDoesNotDependOnHowOftenOneAsks(t *testing.T) {
	at := pace{window: 3483, smoothed: 300 * time.Millisecond, timeout: time.Minute} // a byte in 69 microseconds
	for _, interval := range []time.Duration{7 * time.Microsecond, 130 * time.Microsecond} {
		p := established(0)
		sent := 0
		for now := Instant(0); now < Instant(10*time.Second); now = now.Add(interval) {
			if p.maySend(now, at) {
				p.sent(now, packetBytes)
				sent += packetBytes
			}
		}
		if rate := sent / 10; rate < 14_000 || rate > 15_000 {
			t.Errorf("every %v: %d bytes/s, want 14512", interval, rate)
		}
	}
}

func TestQuietSessionHasCreditForTwoMillisecondsOnly(t *testing.T) {
	p := established(0)
	at := pace{window: 1_000_000, smoothed: 10 * time.Millisecond, timeout: time.Minute}
	if n := p.sendNow(Instant(time.Second), &at, 10_000); n != 250_000/packetBytes+1 {
		t.Errorf("%d packets at once, want 2 ms of 125 MB/s", n)
	}
	at.outstanding = 0
	if n := p.sendNow(Instant(time.Second+time.Millisecond), &at, 10_000); n < 108 || n > 109 {
		t.Errorf("%d packets a millisecond later", n)
	}
}

func TestWaitIsForAMillisecondOrUntilThereIsCredit(t *testing.T) {
	p := established(0)
	now := Instant(time.Second)
	quick := pace{window: 1_000_000, smoothed: 10 * time.Millisecond, timeout: time.Minute}
	p.sendNow(now, &quick, 10_000)
	if got := p.wait(now, quick); got != now.Add(time.Millisecond) {
		t.Errorf("quick: %v", got.Sub(now))
	}
	p = established(0)
	slow := pace{window: 20_000, smoothed: time.Second, timeout: time.Minute} // 25 bytes in a millisecond
	p.sendNow(now, &slow, 10_000)
	ready := p.wait(now, slow)
	if ready.Sub(now) < 5*time.Millisecond || ready.Sub(now) > 50*time.Millisecond {
		t.Errorf("slow: %v", ready.Sub(now))
	}
	if p.maySend(ready.Add(-time.Millisecond), slow) || !p.maySend(ready, slow) {
		t.Errorf("credit is not there when it was promised, after %v", ready.Sub(now))
	}
}

func TestBurstLimitAppliesAfterIdling(t *testing.T) {
	p := established(0)
	at := pace{window: 1_000_000, smoothed: 10 * time.Millisecond, timeout: 250 * time.Millisecond}
	now := Instant(250 * time.Millisecond)
	if p.idled(now, at) {
		t.Error("idle after no more than the timeout")
	}
	at.outstanding = 1
	now++
	if p.idled(now, at) {
		t.Error("idle with something in flight")
	}
	at.outstanding = 0
	if n := p.sendNow(now, &at, 100); n != 6 {
		t.Errorf("%d packets after idling", n)
	}
	p.acknowledged(now)
	if n := p.sendNow(now.Add(time.Millisecond), &at, 100); n < 7 {
		t.Errorf("%d packets after an acknowledgement", n)
	}
	at.outstanding = 0
	later := now.Add(time.Second)
	if !p.idled(later, at) || p.idled(later, at) {
		t.Error("idling is not told once")
	}
}

func TestBurstLimitAppliesAfterLoss(t *testing.T) {
	p := established(0)
	at := pace{window: 1_000_000, smoothed: 10 * time.Millisecond, timeout: time.Second, outstanding: 1}
	now := Instant(100 * time.Millisecond)
	p.acknowledged(now)
	p.lost(now)
	if n := p.sendNow(now, &at, 100); n != 6 {
		t.Errorf("%d packets with the acknowledgement that told of a loss", n)
	}
	now = now.Add(time.Millisecond)
	p.acknowledged(now)
	if n := p.sendNow(now, &at, 100); n != 6 {
		t.Errorf("%d packets with the next one", n)
	}
	now = now.Add(time.Millisecond)
	p.acknowledged(now)
	if n := p.sendNow(now, &at, 100); n < 7 {
		t.Errorf("%d packets with one that comes later", n)
	}
}

func TestBurstLimitAppliesAfterTimeout(t *testing.T) {
	p := established(0)
	at := pace{window: 1_000_000, smoothed: 10 * time.Millisecond, timeout: time.Second, outstanding: 1}
	now := Instant(100 * time.Millisecond)
	p.timeout()
	if n := p.sendNow(now, &at, 100); n != 6 {
		t.Errorf("%d packets", n)
	}
	p.timeout()
	if n := p.sendNow(now, &at, 100); n != 6 {
		t.Errorf("%d packets after the next timeout", n)
	}
}

func TestNoDebtIsLeftOfALargerWindow(t *testing.T) {
	p := established(0)
	now := Instant(time.Second)
	large := pace{window: 10_000_000, smoothed: 10 * time.Millisecond, timeout: time.Minute}
	p.sendNow(now, &large, 10_000)
	small := pace{window: 20_000, smoothed: 10 * time.Millisecond, timeout: time.Minute}
	p.maySend(now, small)
	if wait := p.wait(now, small).Sub(now); wait > 2*time.Millisecond {
		t.Errorf("waits %v", wait)
	}
}

func TestPacingAllocatesNothing(t *testing.T) {
	p := established(0)
	c := newCongestion()
	var r roundTrip
	now := Instant(time.Second)
	if allocs := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		r.receivedTimestamp(now, tick(now))
		r.receivedEcho(now, tick(now)-3)
		c.begin(c.window())
		c.acknowledged(1000)
		p.acknowledged(now)
		c.end(mannerBulk, 1)
		at := pace{window: c.window(), smoothed: r.smoothed(), timeout: r.timeout(), slowStart: c.slowStart()}
		for p.maySend(now, at) {
			p.sent(now, packetBytes)
		}
		p.wait(now, at)
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
