package netconn

import (
	"sync"
	"sync/atomic"
	"time"
)

// Bandwidth limits what a connection carries, in bytes a second; 0 is no limit (server-side-api 2.3).
type Bandwidth struct {
	// ToClient holds for the media that the client plays. What is said to it by calls, statuses and shared objects goes ahead.
	ToClient int
	// ToServer holds for everything that the client sends: the transport takes no more until it may.
	ToServer int
}

// throttle keeps a connection within a Bandwidth.
type throttle struct {
	limit atomic.Pointer[Bandwidth]
	out   atomic.Pointer[bucket] // nil without a limit
	in    atomic.Pointer[bucket]

	mu         sync.Mutex
	holding    bool        // no message is taken
	waking     bool        // players wait
	free, wake *time.Timer // end these
	stopped    bool
}

// SetBandwidth limits what the connection carries from now on.
func (c *Conn) SetBandwidth(b Bandwidth) {
	b = Bandwidth{max(b.ToClient, 0), max(b.ToServer, 0)}
	t := &c.throttle
	t.limit.Store(&b)
	t.out.Store(newBucket(b.ToClient))
	t.in.Store(newBucket(b.ToServer))
	c.transport.Pull() // who waited for the old limit may not have to wait for the new one
	c.unthrottle()
}

// Bandwidth returns what SetBandwidth has set.
func (c *Conn) Bandwidth() Bandwidth {
	if b := c.throttle.limit.Load(); b != nil {
		return *b
	}
	return Bandwidth{}
}

// mayPull says whether players may take more. If not the transport is told to ask again when they may.
func (c *Conn) mayPull() bool {
	b := c.throttle.out.Load()
	if b == nil {
		return true
	}
	wait := b.wait()
	if wait <= 0 {
		return true
	}
	t := &c.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.waking {
		t.waking = true
		t.later(&t.wake, wait, c.wakePlayers)
	}
	return false
}

// wakePlayers has players go on that have waited.
func (c *Conn) wakePlayers() {
	c.throttle.mu.Lock()
	c.throttle.waking = false
	c.throttle.mu.Unlock()
	c.transport.Pull()
}

// pulled counts media that a player has taken.
func (c *Conn) pulled(bytes int) {
	if b := c.throttle.out.Load(); b != nil {
		b.spend(bytes)
	}
}

// throttled counts what has come. It reports false when the client has sent more than it may: messages wait until it has not.
func (c *Conn) throttled(bytes int) (more bool) {
	b := c.throttle.in.Load()
	if b == nil {
		return true
	}
	b.spend(bytes + messageOverhead)
	wait := b.wait()
	if wait <= 0 {
		return true
	}
	t := &c.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.holding {
		t.holding = true
		c.exec.halt()
		t.later(&t.free, wait, c.unthrottle)
	}
	return false
}

// unthrottle has messages taken again.
func (c *Conn) unthrottle() {
	c.throttle.mu.Lock()
	held := c.throttle.holding
	c.throttle.holding = false
	c.throttle.mu.Unlock()
	if held {
		c.Release()
	}
}

// later has f run after d, unless the connection ends first. The caller holds mu.
func (t *throttle) later(timer **time.Timer, d time.Duration, f func()) {
	if t.stopped {
		return
	}
	*timer = time.AfterFunc(d, f)
}

func (t *throttle) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	for _, timer := range []*time.Timer{t.wake, t.free} {
		if timer != nil {
			timer.Stop()
		}
	}
}

// bucket is a token bucket: it fills at a rate, holds half a second of it, and may be overdrawn by one message.
type bucket struct {
	rate float64 // bytes a second

	mu     sync.Mutex
	tokens float64
	filled time.Time
}

// newBucket makes a full bucket, none for the rate 0.
func newBucket(rate int) *bucket {
	if rate <= 0 {
		return nil
	}
	return &bucket{rate: float64(rate), tokens: float64(rate) / 2, filled: time.Now()}
}

func (b *bucket) fill() {
	now := time.Now()
	b.tokens = min(b.tokens+b.rate*now.Sub(b.filled).Seconds(), b.rate/2)
	b.filled = now
}

func (b *bucket) spend(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill()
	b.tokens -= float64(bytes)
}

// wait returns how long the bucket is empty.
func (b *bucket) wait() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill()
	if b.tokens >= 0 {
		return 0
	}
	return max(time.Duration(-b.tokens/b.rate*float64(time.Second)), time.Millisecond)
}
