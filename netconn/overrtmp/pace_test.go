package overrtmp

import (
	"runtime"
	"testing"
	"time"

	"afterglow/netconn"
)

func TestPaceSettlesBetweenItsMarks(t *testing.T) {
	for _, test := range []struct {
		name string
		cost float64 // processor time that a round takes, as a part of the time between packets
		wait bool
	}{
		{"idle", 0.01, false},
		{"below the marks", 0.45, false},
		{"above the marks", 0.95, true},
		{"far above", 4, true},
	} {
		p := newPace()
		// Packets come each 10 ms; a round costs the same however many it carries.
		const every = 10 * time.Millisecond
		cost := time.Duration(test.cost * float64(every))
		load := func() float64 { return float64(cost) / float64(max(every, p.interval(), cost)) }
		for range 2000 {
			p.adjust(load())
		}
		if (p.interval() > 0) != test.wait {
			t.Errorf("%s: the interval is %v", test.name, p.interval())
		}
		if l := load(); test.wait && (l > paceHigh || l < paceLow*0.8) {
			t.Errorf("%s: settles at a load of %.2f with %v", test.name, l, p.interval())
		}
	}
}

func TestPaceIsBoundedAndComesBack(t *testing.T) {
	p := newPace()
	for range 1000 {
		p.adjust(1)
	}
	if p.interval() != paceMost {
		t.Errorf("%v at full load", p.interval())
	}
	steps := 0
	for ; p.interval() > 0; steps++ {
		p.adjust(0)
	}
	if steps > 100 {
		t.Errorf("%d windows until nothing waits", steps)
	}
	p.adjust(paceLow + 0.1)
	if p.interval() != 0 {
		t.Errorf("%v between the marks", p.interval())
	}
}

func TestPaceMeasuresOverAWindow(t *testing.T) {
	p := newPace()
	at := p.base
	round := func(busy, idle time.Duration) {
		for range runtime.GOMAXPROCS(0) { // a pump for each processor
			p.passed(at, at.Add(busy))
		}
		at = at.Add(busy + idle)
	}
	for range 4 {
		round(10*time.Millisecond, 0)
	}
	if p.interval() != 0 {
		t.Errorf("adjusted to %v within a window", p.interval())
	}
	for range 100 {
		round(10*time.Millisecond, 0)
	}
	if p.interval() == 0 {
		t.Error("no interval though the processors have no time")
	}
	for range 1000 {
		round(time.Millisecond, 99*time.Millisecond)
	}
	if p.interval() != 0 {
		t.Errorf("%v though the processors have time", p.interval())
	}
}

func TestPumpWaitsByMode(t *testing.T) {
	p := &pump{pace: newPace(), lastRun: time.Now().Add(time.Hour)} // a round in the future makes differences plain
	busy := newPace()
	for range 1000 {
		busy.adjust(1)
	}
	for _, test := range []struct {
		name string
		d    netconn.Delivery
		pace *pace
		want time.Duration
	}{
		{"off", netconn.Delivery{Mode: netconn.WriteOff, Delay: time.Minute}, busy, 0},
		{"fixed", netconn.Delivery{Mode: netconn.WriteFixed, Delay: time.Minute}, p.pace, time.Hour + time.Minute},
		{"adaptive with time", netconn.Delivery{Mode: netconn.WriteAdaptive, Delay: time.Minute}, p.pace, time.Hour},
		{"adaptive without", netconn.Delivery{Mode: netconn.WriteAdaptive, Delay: time.Minute}, busy, time.Hour + paceMost},
		{"adaptive at its ceiling", netconn.Delivery{Mode: netconn.WriteAdaptive, Delay: time.Millisecond}, busy, time.Hour + time.Millisecond},
	} {
		p.key.delivery, p.pace = test.d, test.pace
		if got := p.wait(); got.Round(10*time.Second) != test.want.Round(10*time.Second) || got > test.want {
			t.Errorf("%s: waits %v, want %v", test.name, got, test.want)
		}
	}
}
