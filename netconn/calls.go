package netconn

import (
	"errors"
	"sync"

	"afterglow/amf"
)

// maxPendingCalls bounds how many calls may wait for the far end's answer.
const maxPendingCalls = 1024

// Result is the far end's answer to a call. Err is a Status when the far end answered _error, ErrDisconnected when it
// went away first.
type Result struct {
	Value amf.Value
	Err   error
	// Values are all the values of the answer, command object first.
	Values []amf.Value
}

// Errors of calls.
var (
	ErrDisconnected = errors.New("disconnected")
	ErrTooManyCalls = errors.New("too many calls wait for an answer")
)

// calls are the calls that wait for the far end's answer, by transaction.
type calls struct {
	mu      sync.Mutex
	last    float64
	waiting map[float64]func(Result)
	closed  bool
}

// add returns the transaction for a call; 0, which asks for no answer, when done is nil.
func (c *calls) add(done func(Result)) (float64, error) {
	if done == nil {
		return 0, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, ErrDisconnected
	}
	if len(c.waiting) >= maxPendingCalls {
		return 0, ErrTooManyCalls
	}
	if c.waiting == nil {
		c.waiting = make(map[float64]func(Result))
	}
	c.last++
	c.waiting[c.last] = done
	return c.last, nil
}

// forget takes a call back that was not sent after all.
func (c *calls) forget(transaction float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, transaction)
}

// answer hands a _result or _error to whoever waits for it.
func (c *calls) answer(cmd *command) bool {
	c.mu.Lock()
	done, ok := c.waiting[cmd.transaction]
	delete(c.waiting, cmd.transaction)
	c.mu.Unlock()
	if !ok {
		return false
	}
	r := Result{Value: cmd.arg(0), Values: append([]amf.Value{cmd.object}, cmd.args...)}
	if cmd.name == "_error" {
		r.Err = parseStatus(r.Value)
	}
	done(r)
	return true
}

// close answers everybody who waits.
func (c *calls) close() {
	c.mu.Lock()
	waiting := c.waiting
	c.waiting, c.closed = nil, true
	c.mu.Unlock()
	for _, done := range waiting {
		done(Result{Err: ErrDisconnected})
	}
}
