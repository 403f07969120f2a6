package main

import "golang.org/x/sys/unix"

// limitAddressSpace has the kernel refuse memory far beyond what a worker may have, which a single allocation can ask for faster
// than the server looks. Memory that Go has reserved, and what threads have for their stacks, counts, so that it is no close limit.
func limitAddressSpace(most int64) {
	const besides = 1 << 30
	limit := uint64(most)*2 + besides
	var old unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_DATA, &old) == nil {
		_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: min(limit, old.Max), Max: old.Max})
	}
}
