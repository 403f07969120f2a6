package rtmfp

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// keyWorkers are the goroutines that key for all shards of an endpoint. What waits for them is bounded: under a flood of keyings
// the next one is refused at once, and whoever asked asks again.
type keyWorkers struct {
	jobs    chan keyJob
	quit    chan struct{}
	refused atomic.Uint64
	done    atomic.Uint64
	busy    atomic.Int64 // nanoseconds
}

// keyJob is one keying, and the mailbox of the shard that asked.
type keyJob struct {
	compute, done func()
	mail          *mailbox
}

func newKeyWorkers(waiting int) *keyWorkers {
	return &keyWorkers{jobs: make(chan keyJob, waiting), quit: make(chan struct{})}
}

// start has goroutines work until stop.
func (k *keyWorkers) start(goroutines int, running *sync.WaitGroup) {
	for range goroutines {
		running.Go(k.work)
	}
}

// stop ends the goroutines once they are done with what they compute; what still waits is dropped.
func (k *keyWorkers) stop() { close(k.quit) }

func (k *keyWorkers) work() {
	for {
		select {
		case <-k.quit:
			return
		case job := <-k.jobs:
			began := time.Now()
			job.compute()
			k.busy.Add(int64(time.Since(began)))
			k.done.Add(1)
			job.mail.put(job.done)
			runtime.Gosched() // a shard that shares our processor comes first
		}
	}
}

// shardWorker is the Worker of one shard.
type shardWorker struct {
	*keyWorkers
	mail *mailbox
}

// Do implements Worker.
func (w shardWorker) Do(compute func(), done func()) bool {
	select {
	case w.jobs <- keyJob{compute, done, w.mail}:
		return true
	default:
		w.refused.Add(1)
		return false
	}
}

// KeyingStats tells how busy the goroutines are that key.
type KeyingStats struct {
	// Waiting is how many keyings wait now.
	Waiting int

	// Done is how many were computed, Refused how many found the queue full.
	Done, Refused uint64

	// Busy is the time that was spent on them, of all goroutines together.
	Busy time.Duration
}

func (k *keyWorkers) stats() KeyingStats {
	return KeyingStats{
		Waiting: len(k.jobs), Done: k.done.Load(), Refused: k.refused.Load(), Busy: time.Duration(k.busy.Load()),
	}
}
