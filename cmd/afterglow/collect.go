package main

import (
	"context"
	"runtime/debug"
	"time"
)

// idleCollection is how long the server goes without collecting garbage.
const idleCollection = 10 * time.Second

// collectWhenIdle collects garbage, and gives back what is free, whenever the runtime has not collected for the interval,
// until ctx ends. The runtime waits until as much as was in use is allocated again: after a peak, such as one of large
// messages that were never completed, a server with little to do would keep the peak's memory for minutes.
func collectWhenIdle(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var stats debug.GCStats
	for collected := int64(0); ; collected = stats.NumGC {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		debug.ReadGCStats(&stats)
		if stats.NumGC == collected {
			debug.FreeOSMemory()
			debug.ReadGCStats(&stats)
		}
	}
}
