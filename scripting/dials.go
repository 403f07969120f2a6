package scripting

import (
	"errors"
	"sync"
	"sync/atomic"
)

// Limits on the connections that scripts open to other servers, or to this one.
const (
	mostConnections            = 1000 // of one instance
	mostApplicationConnections = 2000 // of all instances of one application: one that connects to itself makes more of them
)

var errTooManyConnections = errors.New("the application has too many connections to other servers")

// dials counts the connections of an application's scripts, those under way included. Nil counts nothing.
type dials struct{ open atomic.Int32 }

// begin counts one more. done, which may be called from any goroutine and again, counts it no longer. It reports false when there
// are too many.
func (d *dials) begin() (done func(), ok bool) {
	if d == nil {
		return func() {}, true
	}
	if d.open.Add(1) > mostApplicationConnections {
		d.open.Add(-1)
		return nil, false
	}
	return sync.OnceFunc(func() { d.open.Add(-1) }), true
}
