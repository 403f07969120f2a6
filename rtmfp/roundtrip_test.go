package rtmfp

import (
	"testing"
	"time"
)

func at(d time.Duration) Instant { return Instant(d) }

func TestTimestampIsTheClockInTicks(t *testing.T) {
	for now, want := range map[time.Duration]uint16{
		0: 0, 3999 * time.Microsecond: 0, 4 * time.Millisecond: 1, 65536*4*time.Millisecond + 8*time.Millisecond: 2,
	} {
		if got := tick(at(now)); got != want {
			t.Errorf("after %v: %d, want %d", now, got, want)
		}
	}
}

func TestEchoGoesOnWithTheTimeSinceTheTimestampCame(t *testing.T) {
	var r roundTrip
	if _, ok := r.echo(0); ok {
		t.Error("echo of nothing")
	}
	r.receivedTimestamp(at(time.Second), 65530)
	if v, ok := r.echo(at(time.Second)); !ok || v != 65530 {
		t.Errorf("at once: %d %v", v, ok)
	}
	if _, ok := r.echo(at(time.Second + 3*time.Millisecond)); ok {
		t.Error("same echo twice")
	}
	r.receivedTimestamp(at(time.Second+30*time.Millisecond), 65530) // the same one again does not count
	if v, ok := r.echo(at(time.Second + 40*time.Millisecond)); !ok || v != 4 {
		t.Errorf("ten ticks later: %d %v, want 4", v, ok)
	}
}

func TestEchoEndsAfter128Seconds(t *testing.T) {
	var r roundTrip
	r.receivedTimestamp(0, 7)
	if _, ok := r.echo(at(128 * time.Second)); !ok {
		t.Error("no echo after 128 s")
	}
	if _, ok := r.echo(at(128*time.Second + 4*time.Millisecond)); ok {
		t.Error("echo after more than 128 s")
	}
	r.receivedTimestamp(at(200*time.Second), 7)
	if v, ok := r.echo(at(200 * time.Second)); !ok || v != 7 {
		t.Errorf("a new timestamp: %d %v", v, ok)
	}
}

func TestRoundTripIsSmoothedAsTheRFCSays(t *testing.T) {
	var r roundTrip
	if r.timeout() != 3*time.Second || r.smoothed() != 0 {
		t.Errorf("at first: timeout %v, round trip %v", r.timeout(), r.smoothed())
	}
	now := at(10 * time.Second)
	if !r.receivedEcho(now, tick(now)-20) { // 80 ms
		t.Fatal("not a measurement")
	}
	if r.smoothed() != 80*time.Millisecond || r.variance() != 40*time.Millisecond || r.timeout() != 440*time.Millisecond {
		t.Errorf("first: %v %v %v", r.smoothed(), r.variance(), r.timeout())
	}
	now = now.Add(time.Second)
	r.receivedEcho(now, tick(now)-40) // 160 ms
	if r.smoothed() != 90*time.Millisecond || r.variance() != 50*time.Millisecond || r.timeout() != 490*time.Millisecond {
		t.Errorf("second: %v %v %v", r.smoothed(), r.variance(), r.timeout())
	}
	now = now.Add(time.Second)
	r.receivedEcho(now, tick(now)-2) // 8 ms, less than the smoothed one
	if r.smoothed() != 79750*time.Microsecond || r.variance() != 58*time.Millisecond {
		t.Errorf("third: %v %v", r.smoothed(), r.variance())
	}
}

func TestEchoThatTellsNothingIsNotMeasured(t *testing.T) {
	var r roundTrip
	now := at(time.Second)
	r.receivedEcho(now, tick(now)-20)
	if r.receivedEcho(now.Add(time.Second), tick(now)-20) {
		t.Error("the same echo was measured twice")
	}
	if r.receivedEcho(now, tick(now)+1) {
		t.Error("an echo from the future was measured")
	}
	if r.receivedEcho(now, tick(now)-32768) {
		t.Error("a round trip of 32768 ticks was measured")
	}
	if !r.receivedEcho(now, tick(now)-32767) {
		t.Error("a round trip of 32767 ticks was not measured")
	}
}

func TestTimeoutIsAtLeast250Milliseconds(t *testing.T) {
	var r roundTrip
	for i := range 100 {
		now := at(time.Duration(i+1) * time.Second)
		r.receivedEcho(now, tick(now))
	}
	if r.timeout() != 250*time.Millisecond {
		t.Errorf("%v on a path without delay", r.timeout())
	}
}

func TestTimeoutBacksOffToTenSeconds(t *testing.T) {
	var r roundTrip
	r.backoff()
	if got := r.timeout(); got != 4242600*time.Microsecond {
		t.Errorf("first back-off: %v", got)
	}
	for range 20 {
		r.backoff()
	}
	if r.timeout() != 10*time.Second {
		t.Errorf("cap: %v", r.timeout())
	}
	r.forgive()
	if r.timeout() != 3*time.Second {
		t.Errorf("forgiven before any measurement: %v", r.timeout())
	}
	r.backoff()
	now := at(time.Minute)
	r.receivedEcho(now, tick(now)-20)
	if r.timeout() != 440*time.Millisecond {
		t.Errorf("a measurement did not end the back-off: %v", r.timeout())
	}
	r.backoff()
	r.forgive()
	if r.timeout() != 440*time.Millisecond {
		t.Errorf("forgiven: %v", r.timeout())
	}
}

func TestTimeoutIsNeverLessThanTheRoundTripDemands(t *testing.T) {
	var r roundTrip
	now := at(time.Minute)
	r.receivedEcho(now, tick(now)-5000) // 20 s
	want := 20*time.Second + 4*10*time.Second + 200*time.Millisecond
	r.backoff()
	if r.timeout() != want {
		t.Errorf("%v, want %v", r.timeout(), want)
	}
}

func TestMinimumRoundTripForgetsOldOnes(t *testing.T) {
	var r roundTrip
	if _, ok := r.minimum(); ok {
		t.Error("a minimum of nothing")
	}
	measure := func(second, ticks int) time.Duration {
		now := at(time.Duration(second) * time.Second)
		r.receivedEcho(now, tick(now)-uint16(ticks))
		least, _ := r.minimum()
		return least
	}
	for _, step := range []struct {
		second, ticks int
		want          time.Duration
	}{
		{10, 5, 20 * time.Millisecond},
		{11, 10, 20 * time.Millisecond},
		{45, 10, 20 * time.Millisecond}, // the first period is over and counts once more
		{74, 9, 20 * time.Millisecond},
		{76, 12, 36 * time.Millisecond},  // now it does not
		{300, 20, 80 * time.Millisecond}, // nothing was measured for two periods
	} {
		if got := measure(step.second, step.ticks); got != step.want {
			t.Errorf("after %d s: %v, want %v", step.second, got, step.want)
		}
	}
}

func TestPacketsWaitOnTheWayWhenTheRoundTripHasGrown(t *testing.T) {
	var r roundTrip
	if r.queued() {
		t.Error("before anything was measured")
	}
	measured := func(rtt time.Duration) bool {
		for range 40 { // until the smoothed one is there
			r.measure(0, micros(rtt/time.Microsecond))
		}
		return r.queued()
	}
	for _, c := range []struct {
		rtt  time.Duration
		want bool
	}{{40 * time.Millisecond, false}, {170 * time.Millisecond, false}, {190 * time.Millisecond, true}, {40 * time.Millisecond, false}} {
		if got := measured(c.rtt); got != c.want {
			t.Errorf("round trip %v: %v", c.rtt, got)
		}
	}
}
