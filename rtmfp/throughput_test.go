package rtmfp_test

import (
	"fmt"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// bulk opens a flow that always has more to send, in messages of 20 kB.
func bulk(t *testing.T, e *end, p *peer, c rtmfp.FlowConfig) *rtmfp.SendFlow {
	t.Helper()
	body := []byte(content(20000, 1))
	c.Handler = &outbox{writable: func(f *rtmfp.SendFlow) {
		if _, err := f.Send(rtmfp.Outgoing{Body: body}); err != nil {
			t.Error(err)
		}
	}}
	var f *rtmfp.SendFlow
	e.do(func() {
		f = p.open(t, c)
		f.Wake()
	})
	return f
}

// counting lets inboxes count what comes, not keep it.
func counting(_ *rtmfp.ReceiveFlow, in *inbox) { in.forget = true }

// received is how many bytes of messages have come to a peer on its flow i.
func (p *peer) received(i int) int {
	if i >= len(p.inboxes) {
		return 0
	}
	return p.inboxes[i].bytes
}

// bitsPerSecond measures what comes on a peer's first flow in the time d.
func (w *world) bitsPerSecond(p *peer, d time.Duration) float64 {
	before := p.received(0)
	w.RunFor(d)
	return float64(8*(p.received(0)-before)) / d.Seconds()
}

func TestRoundTripIsMeasured(t *testing.T) {
	for _, roundTrip := range []time.Duration{time.Millisecond, 40 * time.Millisecond, 300 * time.Millisecond} {
		w := newWorld(t, 80)
		a, b := w.pair(simnet.Conditions{Delay: roundTrip / 2}, options{}, options{})
		near, far := w.connect(a, b)
		var f *rtmfp.SendFlow
		a.do(func() { f = near.open(t, rtmfp.FlowConfig{}) })
		numbered(t, a, f, 17*time.Millisecond, 600)
		w.RunFor(12 * time.Second)
		for _, p := range []*peer{near, far} {
			st := p.session.Stats()
			if off := st.RTT - roundTrip; off > 4*time.Millisecond || off < -4*time.Millisecond {
				t.Errorf("a round trip of %v is measured as %v", roundTrip, st.RTT)
			}
			if st.MinRTT > st.RTT || st.MinRTT < roundTrip-4*time.Millisecond || st.RTTVariance > 4*time.Millisecond {
				t.Errorf("round trip %v: least %v, variance %v", roundTrip, st.MinRTT, st.RTTVariance)
			}
			if st.Timeout < st.RTT+200*time.Millisecond || st.Timeout > st.RTT+220*time.Millisecond && st.Timeout > 250*time.Millisecond {
				t.Errorf("round trip %v: timeout %v", roundTrip, st.Timeout)
			}
			if st.FragmentsRepeated+st.Timeouts > 0 {
				t.Errorf("round trip %v: %d fragments sent again, %d timeouts", roundTrip, st.FragmentsRepeated, st.Timeouts)
			}
		}
	}
}

// packetsUntilAck counts the packets with data that an end sends at once, however little is in each.
func packetsUntilAck(t *testing.T, w *world, e *end, f *rtmfp.SendFlow, packets *[]seen) int {
	*packets = nil
	for range 20 {
		e.do(func() { sendAll(t, f, []string{"x"}) })
	}
	w.RunFor(30 * time.Millisecond) // of a round trip of 40 ms
	count := 0
	for _, p := range *packets {
		if len(p.data) > 0 {
			count++
		}
	}
	w.RunFor(5 * time.Second)
	return count
}

func TestBurstsAreLimitedAtStartAndAfterIdling(t *testing.T) {
	w := newWorld(t, 81)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	packets := w.watch(near)
	var f *rtmfp.SendFlow
	a.do(func() { f = near.open(t, rtmfp.FlowConfig{}) })
	if n := packetsUntilAck(t, w, a, f, packets); n != 6 {
		t.Errorf("at start: %d packets before the first acknowledgement", n)
	}
	if n := packetsUntilAck(t, w, a, f, packets); n != 6 {
		t.Errorf("after idling: %d packets before the first acknowledgement", n)
	}

	// A large window is not left for a burst either.
	a.do(func() { sendAll(t, f, []string{content(2<<20, 1)}) })
	w.RunFor(500 * time.Millisecond)
	grown := near.session.Stats().Window
	w.RunFor(10 * time.Second)
	*packets = nil
	a.do(func() { sendAll(t, f, []string{content(1<<20, 1)}) })
	w.RunFor(30 * time.Millisecond)
	if n := len(*packets); grown < 50000 || n > 6 {
		t.Errorf("after idling with a window of %d: %d packets before the first acknowledgement", grown, n)
	}
	if window := near.session.Stats().Window; window != 3*fragmentSize {
		t.Errorf("after idling the window is %d", window)
	}
	w.RunFor(5 * time.Second)

	if far.inboxes[0].bytes != 40+3<<20 {
		t.Errorf("%d bytes arrived", far.inboxes[0].bytes)
	}
}

func TestWindowDoublesInARoundTripAndIsHalvedByALoss(t *testing.T) {
	const roundTrip = 100 * time.Millisecond
	w := newWorld(t, 82)
	a, b := w.pair(simnet.Conditions{Delay: roundTrip / 2}, options{}, options{flow: counting})
	near, _ := w.join(a, b)
	bulk(t, a, near, rtmfp.FlowConfig{})
	w.RunFor(roundTrip + roundTrip/4)
	var windows []int
	for range 6 {
		windows = append(windows, near.session.Stats().Window)
		w.RunFor(roundTrip)
	}
	for i := 1; i < len(windows); i++ {
		if factor := float64(windows[i]) / float64(windows[i-1]); factor > 2.05 || factor < 1.6 {
			t.Errorf("windows %d", windows)
			break
		}
	}
	before := near.session.Stats()
	usual := a.host.Up().Conditions()
	dark := usual
	dark.Loss = 1
	a.host.Up().Set(dark)
	w.RunFor(roundTrip / 50)
	a.host.Up().Set(usual)
	after := before
	w.RunUntil(func() bool {
		before, after = after, near.session.Stats()
		return after.Reductions > 0
	}, time.Second)
	if share := float64(after.Window) / float64(before.Window); share < 0.45 || share > 0.5 {
		t.Errorf("a loss made the window %d of %d, %d were in flight", after.Window, before.Window, before.Outstanding)
	}
	w.RunFor(3 * roundTrip)
	if st := near.session.Stats(); st.Reductions != 1 || st.Timeouts != 0 {
		t.Errorf("one loss reduced the window %d times, %d timeouts", st.Reductions, st.Timeouts)
	}
	t.Logf("windows after each round trip: %d; %d before a loss, %d after it", windows, before.Window, after.Window)
	w.RunFor(3 * roundTrip)
	near.session.Close()
}

func TestBulkFillsItsLink(t *testing.T) {
	for _, c := range []struct {
		rate      int64
		roundTrip time.Duration
		queue     int
		settle    time.Duration
		measure   time.Duration
	}{
		{100e6, 40 * time.Millisecond, 500e3, 2 * time.Second, 2 * time.Second},
		{100e6, 40 * time.Millisecond, 125e3, 2 * time.Second, soaking(time.Second, 2*time.Second)},
		{1e9, 10 * time.Millisecond, 1250e3, soaking(200*time.Millisecond, 500*time.Millisecond), 300 * time.Millisecond},
		{10e6, 100 * time.Millisecond, 64e3, 10 * time.Second, 10 * time.Second},
		{1e6, 20 * time.Millisecond, 16e3, 10 * time.Second, 10 * time.Second},
	} {
		t.Run(fmt.Sprintf("%g Mbit,%v", float64(c.rate)/1e6, c.roundTrip), func(t *testing.T) {
			w := newWorld(t, 83)
			a, b := w.pair(simnet.Conditions{Delay: c.roundTrip / 2, Rate: c.rate, Queue: c.queue}, options{}, options{
				flow: func(f *rtmfp.ReceiveFlow, in *inbox) { f.SetCapacity(8 << 20); in.forget = true },
			})
			near, far := w.join(a, b)
			bulk(t, a, near, rtmfp.FlowConfig{})
			w.RunFor(c.settle)
			first := float64(8*far.received(0)) / c.settle.Seconds()
			got := w.bitsPerSecond(far, c.measure)
			share := got / float64(c.rate)
			st := near.session.Stats()
			t.Logf("%.1f %% of the link, %.1f %% in the first %v; window %d, round trip %v, %d of %d fragments lost, %d reductions, %d timeouts",
				100*share, 100*first/float64(c.rate), c.settle, st.Window, st.RTT, st.FragmentsLost, st.FragmentsSent, st.Reductions, st.Timeouts)
			dropped := a.host.Up().Counters().QueueFull + far.session.Stats().FragmentsDropped
			if st.FragmentsLost > dropped*11/10+10 {
				t.Errorf("%d fragments were taken for lost, %d packets were", st.FragmentsLost, dropped)
			}
			if share < 0.85 {
				t.Errorf("%.1f %% of the link", 100*share)
			}
			near.session.Abort(rtmfp.ErrClosed)
		})
	}
}
