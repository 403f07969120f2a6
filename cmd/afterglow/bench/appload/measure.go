package appload

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"afterglow/cmd/afterglow/bench"
)

// counts counts what happens while it is on.
type counts struct {
	mu      sync.Mutex
	on      bool
	done    uint64
	latency bench.Histogram
}

// asked counts something that somebody has asked for.
func (k *counts) asked() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.on {
		k.done++
	}
}

// add counts that it has come about.
func (k *counts) add(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.on {
		k.latency.Add(d)
	}
}

func (k *counts) set(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.on = on
}

// measure runs a load, and counts after the warm-up.
func measure(ctx context.Context, o *Options, r *Report, c *crowd, load func(context.Context) error, k *counts) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- load(ctx) }()
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the load has ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := wait(o.Warmup); err != nil {
		return err
	}
	before, begin := processTime(o.Pid), time.Now()
	k.set(true)
	err := wait(o.Duration)
	k.set(false)
	r.Seconds = time.Since(begin).Seconds()
	if before >= 0 {
		r.CPU = (processTime(o.Pid) - before).Seconds() / r.Seconds
	}
	cancel()
	if last := <-ended; err == nil {
		err = last
	}
	if err == nil {
		err = c.lost()
	}
	r.take(k)
	return err
}

// processTime is how long a process has worked, to within 10 ms; negative if that is unknown.
func processTime(pid int) time.Duration {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return -1
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name before can have anything in it but is the only one in brackets
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return -1
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100)
}
