package udp

import (
	"sync/atomic"
	"time"
)

// deadliner is a file of the runtime's poller.
type deadliner interface {
	SetReadDeadline(t time.Time) error
}

// longAgo is a deadline that has passed on any clock.
var longAgo = time.Unix(1, 0)

// What a reader is at, or what it has been told since.
const (
	running uint32 = iota // it will look at the state before it waits
	parked                // it waits, or is about to; whoever wakes it must end its wait
	woken                 // it was woken and has not noticed yet
)

// alarm keeps when a reader shall stop waiting, and wakes it from other goroutines. All methods but wake belong to the reader.
//
// Moving a poller's deadline is dear, so that it is moved only to come earlier: a reader that finds itself too early waits on.
// A waker's deadline in the past can come late, when the reader is no longer parked. The next wait then ends at
// once, and the reader, which finds no reason for it, waits on. It cannot get lost, for a reader sets a deadline only
// before it parks, and a waker only after that.
type alarm struct {
	file  deadliner
	state atomic.Uint32
	want  time.Time // when the owner wants to go on; zero is never
	armed time.Time // the poller's deadline, as this side set it last; zero is never
	fired bool      // the poller's deadline has passed, so that it lets nobody wait
}

// wake ends the wait of the reader, or keeps it from the next one.
func (a *alarm) wake() {
	if a.state.Swap(woken) == parked {
		_ = a.file.SetReadDeadline(longAgo) // fails for a closed file, whose reader ends anyway
	}
}

// due tells whether the wanted time has come.
func (a *alarm) due() bool {
	return !a.want.IsZero() && !time.Now().Before(a.want)
}

// set moves the poller's deadline.
func (a *alarm) set(deadline time.Time) {
	a.armed, a.fired = deadline, false
	_ = a.file.SetReadDeadline(deadline) // fails for a closed file alone
}

// admit takes away a deadline that has passed: with it the poller refuses even a look without waiting.
func (a *alarm) admit() {
	if !a.fired {
		return
	}
	if a.due() {
		a.set(time.Time{})
		return
	}
	a.set(a.want)
}

// park tells whether the reader may wait now. If so, the poller will end the wait in time.
func (a *alarm) park() bool {
	if a.state.Load() == parked {
		return true // ready for nothing: it goes on waiting
	}
	if a.due() {
		return false
	}
	a.admit()
	if !a.want.IsZero() && (a.armed.IsZero() || a.want.Before(a.armed)) {
		a.set(a.want)
	}
	return a.state.CompareAndSwap(running, parked)
}

// unpark is the end of a wait, or of none. It tells whether the reader was woken.
func (a *alarm) unpark() bool {
	return a.state.Swap(running) == woken
}
