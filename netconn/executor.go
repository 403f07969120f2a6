package netconn

import (
	"sync"
)

// executor runs a connection's affairs one at a time, on whatever goroutine brings them: the transport's with a
// message, or an application's with an answer. While a question is open, messages wait in order and urgent affairs
// such as the answer go first.
type executor struct {
	mu      sync.Mutex
	running bool
	asking  int // questions that are open: messages wait
	urgent  []func()
	waiting []Message
	bytes   int // payloads that wait
	paused  bool
}

// messageOverhead is what a waiting message counts for beside its payload, in bytes.
const messageOverhead = 64

// deliver runs handle(m), now or in its turn. It reports false when more than limit bytes wait: the caller should not
// bring more until resume is called.
func (x *executor) deliver(m Message, limit int, handle func(Message), resume func()) (more bool) {
	x.mu.Lock()
	if x.running || x.asking > 0 || len(x.waiting) > 0 {
		x.waiting = append(x.waiting, m)
		x.bytes += len(m.Payload) + messageOverhead
		if x.bytes > limit {
			x.paused = true
		}
		more = !x.paused
		x.mu.Unlock()
		x.run(handle, resume)
		return more
	}
	x.running = true
	x.mu.Unlock()
	handle(m)
	x.mu.Lock()
	x.running = false
	idle := len(x.urgent) == 0 && len(x.waiting) == 0
	x.mu.Unlock()
	if !idle {
		x.run(handle, resume)
	}
	return true
}

// do runs f among the connection's affairs, ahead of messages that wait.
func (x *executor) do(f func(), handle func(Message), resume func()) {
	x.mu.Lock()
	x.urgent = append(x.urgent, f)
	x.mu.Unlock()
	x.run(handle, resume)
}

// ask makes messages wait until answered is called as often. Both belong to the running affair.
func (x *executor) ask() {
	x.mu.Lock()
	x.asking++
	x.mu.Unlock()
}

func (x *executor) answered() {
	x.mu.Lock()
	x.asking = max(0, x.asking-1)
	x.mu.Unlock()
}

// halt is ask, and has deliver's caller wait at once.
func (x *executor) halt() {
	x.mu.Lock()
	x.asking++
	x.paused = true
	x.mu.Unlock()
}

// discard forgets the messages that wait, and the questions that they wait for.
func (x *executor) discard() {
	x.mu.Lock()
	x.waiting, x.bytes, x.asking = nil, 0, 0
	x.mu.Unlock()
}

// run works through what there is, unless somebody does already.
func (x *executor) run(handle func(Message), resume func()) {
	x.mu.Lock()
	if x.running {
		x.mu.Unlock()
		return
	}
	x.running = true
	for {
		switch {
		case len(x.urgent) > 0:
			f := x.urgent[0]
			x.urgent = x.urgent[1:]
			x.mu.Unlock()
			f()
		case len(x.waiting) > 0 && x.asking == 0:
			m := x.waiting[0]
			x.waiting = x.waiting[1:]
			x.bytes -= len(m.Payload) + messageOverhead
			x.mu.Unlock()
			handle(m)
		default:
			x.running = false
			wake := x.paused && x.asking == 0
			if wake {
				x.paused = false
			}
			if len(x.waiting) == 0 {
				x.waiting = nil
			}
			x.urgent = nil
			x.mu.Unlock()
			if wake {
				resume()
			}
			return
		}
		x.mu.Lock()
	}
}
