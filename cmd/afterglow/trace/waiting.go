package trace

import (
	"bytes"
	"slices"
	"time"
)

// The limits of what waits for keys: in all, and for one session ID.
const (
	maxWaiting      = 4096
	maxWaitingBytes = 8 << 20
	maxWaitingEach  = 256
)

// waitingRoom has datagrams that wait for a key, oldest first. Its zero value is empty.
type waitingRoom struct {
	queue []waiter
	bytes int
	each  map[uint32]int
}

type waiter struct {
	marked
	until time.Duration
}

// add takes a copy of a datagram. It gives those for which there is no more room, possibly the same.
func (w *waitingRoom) add(m marked, until time.Duration) (out []marked) {
	if w.each == nil {
		w.each = make(map[uint32]int)
	}
	if w.each[m.id] >= maxWaitingEach {
		out = append(out, w.remove(slices.IndexFunc(w.queue, func(q waiter) bool { return q.id == m.id })))
	}
	for len(w.queue) > 0 && (len(w.queue) >= maxWaiting || w.bytes+len(m.payload) > maxWaitingBytes) {
		out = append(out, w.remove(0))
	}
	m.payload = bytes.Clone(m.payload)
	w.bytes += len(m.payload)
	w.each[m.id]++
	w.queue = append(w.queue, waiter{m, until})
	return out
}

func (w *waitingRoom) remove(i int) marked {
	m := w.queue[i].marked
	w.queue = slices.Delete(w.queue, i, i+1)
	w.left(m)
	return m
}

func (w *waitingRoom) left(m marked) {
	w.bytes -= len(m.payload)
	if w.each[m.id]--; w.each[m.id] == 0 {
		delete(w.each, m.id)
	}
}

// due gives those that have waited long enough.
func (w *waitingRoom) due(now time.Duration) (out []marked) {
	n := 0
	for n < len(w.queue) && w.queue[n].until <= now {
		w.left(w.queue[n].marked)
		out = append(out, w.queue[n].marked)
		n++
	}
	if n > 0 {
		w.queue = slices.Delete(w.queue, 0, n)
	}
	return out
}

// take gives those with one of the session IDs.
func (w *waitingRoom) take(ids []uint32) (out []marked) {
	w.queue = slices.DeleteFunc(w.queue, func(q waiter) bool {
		if !slices.Contains(ids, q.id) {
			return false
		}
		w.left(q.marked)
		out = append(out, q.marked)
		return true
	})
	return out
}
