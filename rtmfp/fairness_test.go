package rtmfp_test

import (
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

func TestFlowsOfOnePriorityShareASession(t *testing.T) {
	w := newWorld(t, 90)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond, Rate: 10e6}, options{}, options{flow: counting})
	near, far := w.join(a, b)
	for range 3 {
		bulk(t, a, near, rtmfp.FlowConfig{Priority: rtmfp.PriorityBulk})
	}
	bulk(t, a, near, rtmfp.FlowConfig{Priority: rtmfp.PriorityBackground})
	w.RunFor(20 * time.Second)
	got := []int{far.received(0), far.received(1), far.received(2)}
	if least, most := slices.Min(got), slices.Max(got); most-least > most/10 || len(far.inboxes) > 3 {
		t.Errorf("flows of one priority got %d bytes; %d flows came", got, len(far.inboxes))
	}
	t.Logf("three flows got %d bytes", got)
	near.session.Abort(rtmfp.ErrClosed)
}

// TestSessionsShareABottleneck has one server send to two clients by one link, the second from some time later on.
func TestSessionsShareABottleneck(t *testing.T) {
	for _, c := range []struct {
		name      string
		rate      int64
		roundTrip time.Duration
		queue     int
		later     time.Duration
		length    time.Duration
	}{
		{"10 Mbit/s", 10e6, 40 * time.Millisecond, 100e3, 0, soaking(20*time.Second, 40*time.Second)},
		{"20 Mbit/s, one is first", 20e6, 40 * time.Millisecond, 200e3, 5 * time.Second, 20 * time.Second},
		{"5 Mbit/s, one is first", 5e6, 100 * time.Millisecond, 64e3, 5 * time.Second, soaking(50*time.Second, 100*time.Second)},
		{"50 Mbit/s, one is first", 50e6, 20 * time.Millisecond, 125e3, 2 * time.Second, soaking(0, 10*time.Second)},
	} {
		if c.length == 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 91)
			server := w.add(w.NewHost(addr("192.0.2.1:1935")), options{})
			server.host.SetLinks(simnet.Conditions{Delay: c.roundTrip / 2, Jitter: time.Millisecond, Rate: c.rate, Queue: c.queue})
			x := w.add(w.NewHost(addr("192.0.2.2:1")), options{flow: counting})
			y := w.add(w.NewHost(addr("192.0.2.3:1")), options{flow: counting})
			near1, far1 := w.join(server, x)
			near2, far2 := w.join(server, y)
			bulk(t, server, near1, rtmfp.FlowConfig{})
			w.RunFor(c.later)
			bulk(t, server, near2, rtmfp.FlowConfig{})
			w.RunFor(10 * time.Second) // until they have found their shares
			before1, before2 := far1.received(0), far2.received(0)
			w.RunFor(c.length)
			got1, got2 := far1.received(0)-before1, far2.received(0)-before2
			ratio := float64(max(got1, got2)) / float64(min(got1, got2))
			used := float64(8*(got1+got2)) / c.length.Seconds() / float64(c.rate)
			t.Logf("%.1f and %.1f Mbit/s, %.2f to 1, %.1f %% of the link; windows %d and %d", 8e-6*float64(got1)/c.length.Seconds(),
				8e-6*float64(got2)/c.length.Seconds(), ratio, 100*used, near1.session.Stats().Window, near2.session.Stats().Window)
			if ratio > 2 || used < 0.85 {
				t.Errorf("%.2f to 1, %.1f %% of the link", ratio, 100*used)
			}
			near1.session.Abort(rtmfp.ErrClosed)
			near2.session.Abort(rtmfp.ErrClosed)
		})
	}
}

// TestBulkYieldsToTimeCriticalData has two servers send to one client by its link: one bulk, the other media that take two thirds
// of it. The client tells the first of the time-critical data of the second.
func TestBulkYieldsToTimeCriticalData(t *testing.T) {
	const rate, length = mediaRate * 3 / 2, 40 * time.Second
	type outcome struct {
		late, audio int
		shown       int
		bulk        float64 // of the link
		told        int     // packets that told the bulk sender
		growth      int     // of its window in a second, at most
	}
	run := func(timeCritical bool) (o outcome) {
		w := newWorld(t, 92)
		sink := &mediaSink{world: w, groups: make(map[int][]int), lastGroup: -1}
		client := w.add(w.NewHost(addr("192.0.2.1:1")), options{flow: func(f *rtmfp.ReceiveFlow, in *inbox) {
			in.forget = true
			sink.flow(f, in)
		}})
		client.host.SetLinks(simnet.Conditions{Delay: 20 * time.Millisecond, Rate: rate, Queue: 48 << 10})
		media := w.add(w.NewHost(addr("192.0.2.2:1935")), options{})
		other := w.add(w.NewHost(addr("192.0.2.3:1935")), options{})
		near1, _ := w.join(media, client)
		near2, far2 := w.join(other, client)
		rtmfp.Spy(near2.session, func(sent bool, plain []byte) {
			if !sent && plain[0]&0x40 != 0 {
				o.told++
			}
		})
		source := newMediaSource(t, media, near1, timeCritical)
		source.run(length)
		w.RunFor(time.Second)
		bulk(t, other, near2, rtmfp.FlowConfig{})
		for range int((length - 2*time.Second) / time.Second) {
			before := near2.session.Stats()
			w.RunFor(time.Second)
			after := near2.session.Stats()
			rounds := int(time.Second/max(after.RTT, 40*time.Millisecond)) + 1
			if after.Reductions == before.Reductions {
				o.growth = max(o.growth, (after.Window-before.Window)/rounds)
			}
		}
		o.bulk = float64(8*far2.received(0)) / (length - 2*time.Second).Seconds() / float64(rate)
		w.RunFor(2 * time.Second)
		for _, d := range sink.delays {
			if d > 500*time.Millisecond {
				o.late++
			}
		}
		for _, frames := range sink.groups {
			o.shown += len(frames)
		}
		o.audio = sink.audio
		near2.session.Abort(rtmfp.ErrClosed)
		near1.session.Abort(rtmfp.ErrClosed)
		return o
	}
	plain, critical := run(false), run(true)
	t.Logf("without: %+v", plain)
	t.Logf("time critical: %+v", critical)
	if plain.told > 0 || critical.told < 100 {
		t.Errorf("the bulk sender was told %d and %d times", plain.told, critical.told)
	}
	if critical.growth > 400 || plain.growth < 500 {
		t.Errorf("the bulk window grew by %d bytes in a round trip without, by %d with notice", plain.growth, critical.growth)
	}
	if critical.shown < 950*9/10 || critical.shown <= plain.shown || critical.bulk > 0.5 || critical.bulk < 0.05 {
		t.Errorf("%d frames of 1000 shown, without time-critical data %d; bulk got %.0f %%", critical.shown, plain.shown, 100*critical.bulk)
	}
}

// TestBulkBothWaysDoesNotStarveAcknowledgements compares one way alone with both at once, on links of the same rate both ways.
func TestBulkBothWaysDoesNotStarveAcknowledgements(t *testing.T) {
	for _, rate := range []int64{2e6, 20e6} {
		w := newWorld(t, 93)
		roomy := func(f *rtmfp.ReceiveFlow, in *inbox) { f.SetCapacity(4 << 20); in.forget = true }
		a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond, Rate: rate, Queue: int(rate / 100)}, options{}, options{flow: roomy})
		near, far := w.join(a, b)
		near.onFlow = roomy
		length := 5 * time.Second
		if rate < 10e6 {
			length = 20 * time.Second
		}
		bulk(t, a, near, rtmfp.FlowConfig{})
		w.RunFor(length)
		alone := w.bitsPerSecond(far, length)
		bulk(t, b, far, rtmfp.FlowConfig{})
		w.RunFor(length)
		before := near.received(0)
		there := w.bitsPerSecond(far, length)
		back := float64(8*(near.received(0)-before)) / length.Seconds()
		t.Logf("%g Mbit/s: %.2f alone, %.2f and %.2f both ways; timeouts %d and %d", float64(rate)/1e6, alone/1e6, there/1e6, back/1e6,
			near.session.Stats().Timeouts, far.session.Stats().Timeouts)
		if there < 0.85*alone || back < 0.85*alone {
			t.Errorf("%g bit/s: %.0f and %.0f of %.0f", float64(rate), there, back, alone)
		}
		if n := near.session.Stats().Timeouts + far.session.Stats().Timeouts; n > 0 {
			t.Errorf("%d timeouts", n)
		}
		near.session.Abort(rtmfp.ErrClosed)
		far.session.Abort(rtmfp.ErrClosed)
	}
}

// TestSmallMessagesGoBesideBulk has commands of high priority cross a link that bulk of the same session fills.
func TestSmallMessagesGoBesideBulk(t *testing.T) {
	w := newWorld(t, 94)
	const queue = 50e3
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond, Rate: 10e6, Queue: queue}, options{}, options{flow: func(f *rtmfp.ReceiveFlow, in *inbox) {
		in.forget = len(f.Metadata()) == 0
	}})
	near, far := w.join(a, b)
	bulk(t, a, near, rtmfp.FlowConfig{})
	w.RunFor(2 * time.Second)
	var commands *rtmfp.SendFlow
	a.do(func() {
		commands = near.open(t, rtmfp.FlowConfig{Metadata: []byte("commands"), Priority: rtmfp.PriorityCommand})
	})
	var worst time.Duration
	for i := range 100 {
		asked := w.Now()
		a.do(func() { sendAll(t, commands, []string{"command"}) })
		w.RunUntil(func() bool { return len(far.inboxes) > 1 && far.inboxes[1].count > i }, 5*time.Second)
		worst = max(worst, w.Now().Sub(asked))
		w.RunFor(33 * time.Millisecond)
	}
	t.Logf("the slowest command took %v", worst)
	if worst > 500*time.Millisecond || far.inboxes[1].count != 100 {
		t.Errorf("the slowest of %d commands took %v", far.inboxes[1].count, worst)
	}
	near.session.Abort(rtmfp.ErrClosed)
}
