package simnet

import "afterglow/rtmfp"

// event is a datagram that comes to the end of a link, or a call.
type event struct {
	at     rtmfp.Instant
	seq    uint64 // orders events of the same instant as they were set
	packet *packet
	call   func() // nil for a packet
}

func (e *event) before(other *event) bool {
	return e.at < other.at || e.at == other.at && e.seq < other.seq
}

// eventHeap has the next event first. It is of four children each: flatter than a binary one, and quicker to sift.
type eventHeap []event

func (h *eventHeap) push(e event) {
	*h = append(*h, e)
	s := *h
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&s[parent]) {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = e
}

func (h *eventHeap) pop() event {
	s := *h
	top, last := s[0], s[len(s)-1]
	s[len(s)-1] = event{}
	s = s[:len(s)-1]
	*h = s
	if len(s) > 0 {
		s.sink(last)
	}
	return top
}

// sink puts e at the top, which is vacant, and lets it down to its place.
func (h eventHeap) sink(e event) {
	i := 0
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for child := first + 1; child < min(first+4, len(h)); child++ {
			if h[child].before(&h[least]) {
				least = child
			}
		}
		if !h[least].before(&e) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

// timerHeap has every host, that with the next timer first. A host is moved when its timer changes, so that no stale timers
// gather, as they would among the events.
type timerHeap []*Host

func (h timerHeap) before(i, j int) bool {
	a, b := h[i], h[j]
	return a.due < b.due || a.due == b.due && a.dueSeq < b.dueSeq
}

func (h timerHeap) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *timerHeap) push(host *Host) {
	host.place = len(*h)
	*h = append(*h, host)
	h.fix(host.place)
}

// fix restores the order after the timer of the host at place i changed.
func (h timerHeap) fix(i int) {
	for i > 0 && h.before(i, (i-1)/2) {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		least := 2*i + 1
		if least >= len(h) {
			return
		}
		if least+1 < len(h) && h.before(least+1, least) {
			least++
		}
		if !h.before(least, i) {
			return
		}
		h.swap(i, least)
		i = least
	}
}
