package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic returns nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share. The runtime's own
// reading of that clock makes no system call; only where it starts must be asked.
func monotonic() int64 { return clockBase + int64(time.Since(clockStart)) }

var clockStart, clockBase = startClock()

func startClock() (time.Time, int64) {
	var t unix.Timespec
	start := time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return start, 0
	}
	return start, t.Nano()
}
