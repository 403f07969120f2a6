package simnet

import (
	"time"

	"afterglow/rtmfp"
)

// DefaultWorkerLimit is how many jobs may wait for a host's worker unless [Host.SetWorker] says otherwise.
const DefaultWorkerLimit = 256

// worker computes at once, for virtual time does not pass by it, and is done later.
type worker struct {
	host    *Host
	delay   time.Duration
	limit   int
	waiting int
	idle    rtmfp.Instant // when the last job is done
}

// Worker is the host's one worker, which does its jobs one after the other. Their done is called as by [Host.Do].
func (h *Host) Worker() rtmfp.Worker { return &h.worker }

// SetWorker says how long each job lasts (zero at first), and how many may be unfinished ([DefaultWorkerLimit] at first).
func (h *Host) SetWorker(delay time.Duration, limit int) {
	h.worker.delay, h.worker.limit = delay, limit
}

// Do implements [rtmfp.Worker].
func (w *worker) Do(compute func(), done func()) bool {
	if w.waiting >= w.limit {
		return false
	}
	w.waiting++
	compute()
	n := w.host.network
	w.idle = max(w.idle, n.now).Add(max(w.delay, 0))
	n.At(w.idle, func() {
		w.waiting--
		w.host.Do(done)
	})
	return true
}
