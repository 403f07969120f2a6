package netconn

import (
	"errors"
	"sync/atomic"
	"time"
)

// errNothing is the answer of an application that permits without saying what.
var errNothing = errors.New("the application's answer has no stream")

// Reply takes the answer to a question once, from any goroutine.
type Reply[T any] struct {
	given atomic.Bool
	give  func(T)
	timer atomic.Pointer[time.Timer]
}

// NewReply makes a Reply that hands its answer to give.
func NewReply[T any](give func(T)) *Reply[T] { return &Reply[T]{give: give} }

// Give answers. It reports false when an answer was there already, such as the no of a timeout or of a client that
// has gone.
func (r *Reply[T]) Give(v T) bool {
	if r.given.Swap(true) {
		return false
	}
	if t := r.timer.Load(); t != nil {
		t.Stop()
	}
	r.give(v)
	return true
}

// Given says whether the question is answered.
func (r *Reply[T]) Given() bool { return r.given.Load() }

// otherwise answers with v when nobody has after d.
func (r *Reply[T]) otherwise(d time.Duration, v T) {
	r.expire(d, func() T { return v })
}

// expire answers with what v returns then when nobody has after d.
func (r *Reply[T]) expire(d time.Duration, v func() T) {
	if d > 0 {
		t := time.AfterFunc(d, func() { r.Give(v()) })
		if r.timer.Store(t); r.Given() {
			t.Stop()
		}
	}
}
