package bench

import (
	"os/exec"
	"time"
)

// What other loads need of this one.

// Monotonic returns nanoseconds of the clock that all processes of a machine share.
func Monotonic() int64 { return monotonic() }

// StartPinned starts a process that is bound to a core from its first instruction on, or to none if cpu is negative.
func StartPinned(command *exec.Cmd, cpu int) error { return startPinned(command, cpu) }

// CoreBusy returns how long a core has worked for anybody, to within 10 ms; 0 for no core.
func CoreBusy(cpu int) time.Duration { return coreBusy(cpu) }

// ResidentSelf returns the memory in bytes that this process occupies, 0 if that is unknown.
func ResidentSelf() int64 { return resident("/proc/self") }

// RaiseFileLimit asks for as many descriptors as may be had and returns how many that is.
func RaiseFileLimit() int { return raiseFileLimit() }

// KernelRelease is the kernel's version.
func KernelRelease() string { return kernelRelease() }

// SpreadOf returns the quantiles of a histogram.
func SpreadOf(h *Histogram) Spread { return spread(h) }
