package udp

import (
	"testing"
	"time"
)

// poller notes the deadlines that it is given.
type poller struct{ deadlines []time.Time }

func (p *poller) SetReadDeadline(t time.Time) error {
	p.deadlines = append(p.deadlines, t)
	return nil
}

func TestPollersDeadlineIsMovedOnlyToComeEarlier(t *testing.T) {
	p := &poller{}
	a := &alarm{file: p}
	start := time.Now().Add(time.Hour)
	moves := []struct {
		want  time.Duration
		moved bool
	}{{10, true}, {20, false}, {10, false}, {9, true}, {9, false}, {30, false}, {8, true}}
	for i, move := range moves {
		before := len(p.deadlines)
		a.want = start.Add(move.want * time.Second)
		if !a.park() {
			t.Fatalf("move %d: it does not wait", i)
		}
		a.unpark()
		if moved := len(p.deadlines) > before; moved != move.moved {
			t.Errorf("move %d: moved %v", i, moved)
		}
	}
	a.want = time.Time{}
	a.park()
	a.unpark()
	if len(p.deadlines) != 3 {
		t.Errorf("the deadline was moved for no deadline: %v", p.deadlines)
	}
}

func TestReaderWhoseTimeHasComeDoesNotTroubleThePoller(t *testing.T) {
	p := &poller{}
	a := &alarm{file: p, want: time.Now()}
	if a.park() || len(p.deadlines) != 0 {
		t.Errorf("it waits, with %v", p.deadlines)
	}
}

func TestDeadlineThatFiredIsTakenAway(t *testing.T) {
	p := &poller{}
	a := &alarm{file: p, fired: true}
	a.admit()
	if len(p.deadlines) != 1 || !p.deadlines[0].IsZero() || a.fired {
		t.Errorf("without a wanted time: %v", p.deadlines)
	}
	a.want, a.fired = time.Now(), true
	a.admit()
	if len(p.deadlines) != 2 || !p.deadlines[1].IsZero() {
		t.Errorf("with one that has come: %v", p.deadlines)
	}
	a.want, a.fired = time.Now().Add(time.Hour), true
	a.admit()
	if len(p.deadlines) != 3 || !p.deadlines[2].Equal(a.want) {
		t.Errorf("with one to come: %v", p.deadlines)
	}
}

func TestOnlyAParkedReaderIsInterrupted(t *testing.T) {
	p := &poller{}
	a := &alarm{file: p}
	a.wake()
	a.wake()
	if len(p.deadlines) != 0 {
		t.Errorf("a running reader was interrupted: %v", p.deadlines)
	}
	if a.park() {
		t.Error("a woken reader waits")
	}
	if !a.unpark() {
		t.Error("the wake got lost")
	}
	if !a.park() {
		t.Error("the reader was woken twice")
	}
	a.wake()
	a.wake()
	if len(p.deadlines) != 1 || !p.deadlines[0].Before(time.Now()) {
		t.Errorf("a parked reader was interrupted by %v", p.deadlines)
	}
	if !a.unpark() || a.unpark() {
		t.Error("a wake is not noticed exactly once")
	}
}
