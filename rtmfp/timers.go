package rtmfp

// timerHeap orders sessions by when they have to be looked at. A session whose time moves away stays where it is and
// is put back when its old time comes: most timers are moved far more often than they fire.
type timerHeap struct {
	sessions []*Session
}

// next gives the earliest time in the heap.
func (h *timerHeap) next() Instant {
	if len(h.sessions) == 0 {
		return Never
	}
	return h.sessions[0].heapTime
}

// due takes out one session whose time has come.
func (h *timerHeap) due(now Instant) *Session {
	for len(h.sessions) > 0 {
		s := h.sessions[0]
		if s.heapTime > now {
			return nil
		}
		if s.wakeAt > now {
			h.lift(s)
			continue
		}
		h.remove(s)
		return s
	}
	return nil
}

// lift puts the first session where its own time belongs.
func (h *timerHeap) lift(s *Session) {
	if s.wakeAt == Never {
		h.remove(s)
		return
	}
	s.heapTime = s.wakeAt
	h.down(s.heapIndex)
}

// set makes sure that a session is looked at no later than at.
func (h *timerHeap) set(s *Session, at Instant) {
	s.wakeAt = at
	if at == Never {
		return
	}
	if s.heapIndex < 0 {
		s.heapIndex = len(h.sessions)
		s.heapTime = at
		h.sessions = append(h.sessions, s)
		h.up(s.heapIndex)
		return
	}
	if at < s.heapTime {
		s.heapTime = at
		h.up(s.heapIndex)
	}
}

func (h *timerHeap) remove(s *Session) {
	i := s.heapIndex
	if i < 0 {
		return
	}
	last := len(h.sessions) - 1
	h.swap(i, last)
	h.sessions[last] = nil
	h.sessions = h.sessions[:last]
	s.heapIndex = -1
	if i < last {
		h.down(i)
		h.up(i)
	}
}

func (h *timerHeap) swap(i, j int) {
	h.sessions[i], h.sessions[j] = h.sessions[j], h.sessions[i]
	h.sessions[i].heapIndex = i
	h.sessions[j].heapIndex = j
}

func (h *timerHeap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 4
		if h.sessions[parent].heapTime <= h.sessions[i].heapTime {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *timerHeap) down(i int) {
	for {
		first := 4*i + 1
		if first >= len(h.sessions) {
			return
		}
		least := first
		for j := first + 1; j < min(first+4, len(h.sessions)); j++ {
			if h.sessions[j].heapTime < h.sessions[least].heapTime {
				least = j
			}
		}
		if h.sessions[i].heapTime <= h.sessions[least].heapTime {
			return
		}
		h.swap(i, least)
		i = least
	}
}
