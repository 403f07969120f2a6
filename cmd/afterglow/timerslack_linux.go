package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// timerSlack is how late the system may end a sleep of the server's, so that it ends several at a time. Go's runtime watches over its
// threads from one that sleeps for 20 microseconds at a time as long as there is work now and then, as with live video there
// always is: a tenth of the processor time of a busy server goes into waking it. Nothing in the server counts on less than a
// millisecond.
const timerSlack = time.Millisecond

// relaxTimers sets the slack of all threads that there are; later ones inherit it. It takes the right to change other threads
// (CAP_SYS_NICE), which root has; systemd does the same for anybody with TimerSlackNSec=1ms.
func relaxTimers() error {
	threads, err := filepath.Glob("/proc/self/task/[0-9]*")
	if err != nil {
		return err
	}
	value := []byte(strconv.FormatInt(timerSlack.Nanoseconds(), 10))
	for _, t := range threads {
		if err := os.WriteFile(filepath.Join("/proc", filepath.Base(t), "timerslack_ns"), value, 0); err != nil {
			return fmt.Errorf("%w: TimerSlackNSec=1ms in a systemd unit does the same", err)
		}
	}
	return nil
}
