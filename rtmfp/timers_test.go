package rtmfp

import (
	"math/rand/v2"
	"testing"
)

func TestTimersFireInOrderAndNeverLate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h timerHeap
	sessions := make([]*Session, 200)
	for i := range sessions {
		sessions[i] = &Session{heapIndex: -1, wakeAt: Never}
	}
	want := make(map[*Session]Instant) // when each has to be looked at
	now := Instant(0)
	fired := 0
	for range 50000 {
		s := sessions[random.IntN(len(sessions))]
		switch random.IntN(10) {
		case 0:
			h.remove(s)
			s.wakeAt = Never
			delete(want, s)
		case 1:
			h.set(s, Never)
			delete(want, s)
		case 2, 3, 4:
			now += Instant(random.IntN(50))
			for s := h.due(now); s != nil; s = h.due(now) {
				fired++
				at, set := want[s]
				if !set || at > now {
					t.Fatalf("fired at %d what was set to %d (%v)", now, at, set)
				}
				delete(want, s)
			}
			for s, at := range want {
				if at <= now {
					t.Fatalf("did not fire at %d what was set to %d: in the heap at %d", now, at, s.heapTime)
				}
			}
		default:
			at := now + 1 + Instant(random.IntN(1000))
			h.set(s, at)
			want[s] = at
		}
		checkTimers(t, &h, want)
	}
	if fired < 5000 {
		t.Errorf("only %d fired", fired)
	}
}

// checkTimers checks the order of the heap, and that it wakes no later than it has to.
func checkTimers(t *testing.T, h *timerHeap, want map[*Session]Instant) {
	t.Helper()
	earliest := Never
	for _, at := range want {
		earliest = min(earliest, at)
	}
	if h.next() > earliest {
		t.Fatalf("next at %d, want %d at the latest", h.next(), earliest)
	}
	for i, s := range h.sessions {
		if s.heapIndex != i || i > 0 && h.sessions[(i-1)/4].heapTime > s.heapTime {
			t.Fatalf("out of order at %d", i)
		}
	}
}

func TestTimerThatMovesAwayIsNotMovedInTheHeap(t *testing.T) {
	var h timerHeap
	s := &Session{heapIndex: -1, wakeAt: Never}
	h.set(s, 10)
	for at := Instant(20); at < 1000; at += 10 {
		h.set(s, at)
	}
	if h.next() != 10 || s.wakeAt != 990 {
		t.Errorf("next at %d, set to %d", h.next(), s.wakeAt)
	}
	if h.due(10) != nil || h.next() != 990 || h.due(989) != nil || h.due(990) != s || h.next() != Never {
		t.Error("did not fire when it was set to last")
	}
}
