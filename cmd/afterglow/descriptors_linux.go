package main

import "golang.org/x/sys/unix"

// raiseDescriptors lets the process open as many files as its hard limit permits, and returns that number.
func raiseDescriptors() (uint64, error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, err
	}
	if l.Cur == l.Max {
		return l.Cur, nil
	}
	l.Cur = l.Max
	return l.Cur, unix.Setrlimit(unix.RLIMIT_NOFILE, &l)
}
