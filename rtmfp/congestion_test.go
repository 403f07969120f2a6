package rtmfp

import (
	"testing"
	"time"
)

// acknowledge lets a packet acknowledge bytes of what is outstanding.
func (c *congestion) acknowledge(m manner, outstanding, bytes int) {
	c.begin(outstanding)
	c.acknowledged(bytes)
	c.end(m, 0)
}

// roundOf lets a full window be acknowledged, two packets at a time, and refills it after each acknowledgement.
func (c *congestion) roundOf(m manner) {
	for left := c.window(); left > 0; left -= 2 * segmentSize {
		c.acknowledge(m, c.window(), min(left, 2*segmentSize))
	}
}

// lose lets a packet tell of a loss.
func (c *congestion) lose(m manner, outstanding int, tsn, next uint64) bool {
	c.begin(outstanding)
	c.lost(tsn)
	return c.end(m, next)
}

// avoiding gives the state of congestion avoidance with a window.
func avoiding(window int) congestion {
	return congestion{cwnd: window, threshold: window}
}

func TestWindowBeginsWithThreeSegments(t *testing.T) {
	c := newCongestion()
	if c.window() != 3*1161 || !c.slowStart() || !c.allows(3*1161-1) || c.allows(3*1161) {
		t.Errorf("window %d, slow start %v", c.window(), c.slowStart())
	}
}

func TestSlowStartDoublesTheWindowInARoundTrip(t *testing.T) {
	c := newCongestion()
	for range 10 {
		before := c.window()
		for left := before; left > 0; left -= segmentSize {
			c.acknowledge(mannerBulk, c.window(), segmentSize)
		}
		if c.window() != 2*before {
			t.Fatalf("from %d to %d", before, c.window())
		}
	}
}

func TestSlowStartEndsWithoutALossWhenThereIsEnough(t *testing.T) {
	c := newCongestion()
	c.roundOf(mannerTimeCritical)
	c.enough()
	before := c.window()
	c.roundOf(mannerTimeCritical)
	if grown := c.window() - before; c.slowStart() || grown < gentleStep || grown > (roundSteps+1)*gentleStep {
		t.Errorf("grew by %d in a round trip, slow start %v", grown, c.slowStart())
	}
	c.enough()
	c.roundOf(mannerTimeCritical)
	if c.slowStart() {
		t.Error("slow start again")
	}
}

func TestSlowStartOfTimeCriticalSessionsIsAQuarterAsQuick(t *testing.T) {
	c := newCongestion()
	c.acknowledge(mannerTimeCritical, c.window(), 1001)
	if c.window() != windowFirst+251 {
		t.Errorf("grew by %d for 1001 bytes", c.window()-windowFirst)
	}
}

func TestYieldingSessionsHaveNoSlowStart(t *testing.T) {
	c := newCongestion()
	c.roundOf(mannerYielding)
	if grown := c.window() - windowFirst; grown > 384 {
		t.Errorf("grew by %d in a round trip", grown)
	}
}

func TestGrowthInARoundTrip(t *testing.T) {
	for _, test := range []struct {
		name        string
		manner      manner
		window      int
		least, most int
	}{
		{"bulk, small window", mannerBulk, 40_000, 720, 768},
		{"bulk, large window", mannerBulk, 400_000, 720, 768}, // just after a loss
		{"yielding, small window", mannerYielding, 40_000, 360, 384},
		{"yielding, large window", mannerYielding, 400_000, 1950, 2000},
		{"time-critical, small window", mannerTimeCritical, 30_000, 360, 384},
		{"time-critical, large window", mannerTimeCritical, 400_000, 3900, 4000},
	} {
		c := avoiding(test.window)
		c.roundOf(test.manner)
		if grown := c.window() - test.window; grown < test.least || grown > test.most {
			t.Errorf("%s: grew by %d, want %d to %d", test.name, grown, test.least, test.most)
		}
	}
}

func TestLargeWindowsGrowQuickerLongAfterALoss(t *testing.T) {
	small, large := avoiding(20_000), avoiding(400_000)
	var smallGrowth, largeGrowth []int
	for range 60 {
		before := [2]int{small.window(), large.window()}
		small.roundOf(mannerBulk)
		large.roundOf(mannerBulk)
		smallGrowth = append(smallGrowth, small.window()-before[0])
		largeGrowth = append(largeGrowth, large.window()-before[1])
	}
	if largeGrowth[14] > 768 || smallGrowth[55] > 768 {
		t.Errorf("growth %d early in a large window, %d late in a small one", largeGrowth[14], smallGrowth[55])
	}
	if largeGrowth[30] < 3000 || largeGrowth[59] < 2*largeGrowth[30] || largeGrowth[59] > large.window()/25 {
		t.Errorf("growth %d in round 30 and %d in round 59 of a window of %d", largeGrowth[30], largeGrowth[59], large.window())
	}
	large.lose(mannerBulk, large.window(), 0, 1)
	before := large.window()
	large.roundOf(mannerBulk)
	if grown := large.window() - before; grown > 768 {
		t.Errorf("grew by %d after a loss", grown)
	}
}

func TestGrowthIsNeverMoreThanATwentyFifthInARoundTrip(t *testing.T) {
	c := avoiding(80_000)
	for range 1000 {
		c.cwnd = 80_000 // a round costs as many steps as there are packets in the window
		c.roundOf(mannerTimeCritical)
	}
	c.cwnd = 80_000
	for range 120 {
		before := c.window()
		c.roundOf(mannerBulk)
		if grown := c.window() - before; grown > before/25 {
			t.Fatalf("grew by %d from %d", grown, before)
		}
	}
}

func TestLossTakesItsShareOfTheWindow(t *testing.T) {
	for _, test := range []struct {
		name         string
		manner       manner
		window, left int
	}{
		{"bulk, small", mannerBulk, 40_000, 20_000},
		{"bulk, large", mannerBulk, 100_000, 100_000 - 33_600},
		{"bulk, very large", mannerBulk, 800_000, 560_000},
		{"yielding, large", mannerYielding, 800_000, 400_000},
		{"time-critical, small", mannerTimeCritical, 40_000, 35_000},
		{"time-critical, large", mannerTimeCritical, 800_000, 700_000},
		{"least", mannerBulk, 4000, windowFirst},
	} {
		c := avoiding(test.window)
		if !c.lose(test.manner, test.window, 5, 9) || c.window() != test.left || c.slowStart() {
			t.Errorf("%s: %d left of %d, want %d", test.name, c.window(), test.window, test.left)
		}
	}
}

func TestLossThatEndsSlowStartTakesHalf(t *testing.T) {
	c := congestion{cwnd: 800_000, threshold: noThreshold}
	c.lose(mannerBulk, 800_000, 5, 9)
	if c.window() != 400_000 || c.slowStart() {
		t.Errorf("%d left of 800000, slow start %v", c.window(), c.slowStart())
	}
	c = congestion{cwnd: 800_000, threshold: noThreshold}
	c.lose(mannerTimeCritical, 800_000, 5, 9)
	if c.window() != 700_000 {
		t.Errorf("time-critical: %d left of 800000", c.window())
	}
}

func TestAFlightIsPaidForOnce(t *testing.T) {
	c := avoiding(800_000)
	if !c.lose(mannerBulk, 800_000, 100, 700) {
		t.Fatal("the first loss did not count")
	}
	if c.lose(mannerBulk, 550_000, 699, 800) || c.window() != 560_000 {
		t.Errorf("a loss of the same flight counted: %d", c.window())
	}
	if !c.lose(mannerBulk, 550_000, 700, 900) || c.window() >= 560_000 {
		t.Errorf("a loss of the next flight did not count: %d", c.window())
	}
}

func TestLossReducesWhatWasInFlight(t *testing.T) {
	c := avoiding(800_000)
	c.lose(mannerBulk, 100_000, 5, 9) // far from full
	if c.window() != 100_000-33_600 {
		t.Errorf("%d left of a flight of 100000", c.window())
	}
	c = avoiding(800_000)
	for outstanding := 800_000; outstanding > 400_000; outstanding -= 2000 {
		c.acknowledge(mannerYielding, outstanding, 2000) // a batch, with nothing sent in between
	}
	c.lose(mannerTimeCritical, 400_000, 5, 9)
	if c.window() != 700_000 {
		t.Errorf("%d left of 800000 that were in flight when the batch began", c.window())
	}
}

func TestNoGrowthWithNegativeAcknowledgements(t *testing.T) {
	c := newCongestion()
	c.begin(c.window())
	c.acknowledged(segmentSize)
	c.negative()
	c.end(mannerBulk, 0)
	if c.window() != windowFirst {
		t.Errorf("%d", c.window())
	}
	c.begin(c.window())
	c.acknowledged(segmentSize)
	c.end(mannerBulk, 0)
	if c.window() != windowFirst+segmentSize {
		t.Errorf("no growth by the packet after: %d", c.window())
	}
}

func TestNoGrowthOfAWindowThatNothingFills(t *testing.T) {
	c := congestion{cwnd: 100_000, threshold: noThreshold}
	for range 1000 {
		c.acknowledge(mannerBulk, 6000, 2000)
	}
	if c.window() != 100_000 {
		t.Errorf("grew to %d", c.window())
	}
}

func TestBatchOfAcknowledgementsGrowsAsManyThatComeOneByOne(t *testing.T) {
	c := congestion{cwnd: 80_000, threshold: noThreshold}
	for outstanding := 80_000; outstanding > 0; outstanding -= 2000 {
		c.acknowledge(mannerBulk, outstanding, 2000)
	}
	if c.window() != 160_000 {
		t.Errorf("grew to %d", c.window())
	}
	c.acknowledge(mannerBulk, 4000, 4000) // sent when the window was not full
	if c.window() != 160_000 {
		t.Errorf("grew to %d by what did not fill the window", c.window())
	}
}

func TestWindowThatThePacerHoldsBackGrows(t *testing.T) {
	c := congestion{cwnd: 80_000, threshold: noThreshold}
	c.blocked(5000)
	c.acknowledge(mannerBulk, 5000, 4000)
	c.acknowledge(mannerBulk, 1000, 1000)
	c.acknowledge(mannerBulk, 1000, 1000)
	if c.window() != 85_000 {
		t.Errorf("grew to %d by 5000 bytes that were in flight", c.window())
	}
}

func TestTimeoutLeavesTwoSegments(t *testing.T) {
	c := avoiding(100_000)
	c.timeout(true)
	if c.window() != 2*1161 || c.threshold != 100_000 || !c.slowStart() {
		t.Errorf("window %d, threshold %d", c.window(), c.threshold)
	}
	c = congestion{cwnd: 100_000, threshold: 50_000}
	c.timeout(false)
	if c.window() != 3*1161 || c.threshold != 75_000 {
		t.Errorf("after idling: window %d, threshold %d", c.window(), c.threshold)
	}
	c = newCongestion()
	c.timeout(true)
	c.acknowledge(mannerBulk, c.window(), 1)
	if c.window() != 3*1161 || c.threshold != noThreshold {
		t.Errorf("after the first acknowledgement: window %d, threshold %d", c.window(), c.threshold)
	}
}

func TestMannerFollowsTheNotices(t *testing.T) {
	var n noticesUntil
	now := Instant(time.Second)
	if n.manner(0, 0) != mannerBulk {
		t.Error("not bulk without any notice")
	}
	n.noteReceived(now)
	if n.manner(now.Add(799*time.Millisecond), 0) != mannerYielding || n.manner(now.Add(800*time.Millisecond), 0) != mannerBulk {
		t.Error("a reverse notice does not count for 800 ms")
	}
	n.noteSent(now)
	if n.manner(now.Add(799*time.Millisecond), 0) != mannerTimeCritical || n.manner(now.Add(800*time.Millisecond), 0) != mannerBulk {
		t.Error("a forward notice does not count for 800 ms")
	}
	if n.manner(now.Add(time.Minute), now.Add(time.Minute+1)) != mannerYielding || n.manner(now, now.Add(1)) != mannerTimeCritical {
		t.Error("a notice that another session sent counts wrongly")
	}
}
