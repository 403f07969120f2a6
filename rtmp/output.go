package rtmp

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrSlow is returned when the far end takes bytes so slowly that what waits for it exceeds Limits.PendingBytes, or
// none at all for the write timeout.
var ErrSlow = errors.New("the far end does not read")

// writeBudget is how many bytes one write may carry.
const writeBudget = 256 << 10

// output is the sending half of a connection. Whoever has something to send writes it without blocking; only when
// the socket is full, or cannot say so, a goroutine waits for it and ends when all is sent.
type output struct {
	// What every round looks at comes first, to be found in few cache lines.
	mu       sync.Mutex
	draining bool // a goroutine owns the socket
	err      error
	raw      rawSocket // nil where writes can only block
	source   Source
	control  []byte   // chunks of messages that were queued, ahead of media
	rest     [][]byte // what a write left over; goes first
	restSize int
	writing  int // bytes of queued messages among what is being written, at most
	sent     atomic.Uint64

	nc        net.Conn
	chunkSize int
	window    uint32
	limit     int
	timeout   time.Duration
	bulk      int // bytes waiting that may exceed the limit
	finishing func()
	room      chan struct{} // closed and renewed when a drain ends; nil when nobody waits
}

func (o *output) init(nc net.Conn, limit int, timeout time.Duration) {
	o.nc, o.limit, o.timeout = nc, limit, timeout
	o.chunkSize = DefaultChunkSize
	o.raw = newRawSocket(nc)
	if o.timeout <= 0 {
		o.timeout = 20 * time.Second
	}
}

// patience begins when the handshake's deadline no longer rules.
func (o *output) patience() {
	if p := patientBelow(o.nc); p != nil {
		p.timeout.Store(int64(o.timeout))
	}
}

// windowNews remembers the window that we announce and says whether v is another one.
func (o *output) windowNews(v uint32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.window == v {
		return false
	}
	o.window = v
	return true
}

var gathers = sync.Pool{New: func() any { return new(Gather) }}

func getGather() *Gather { return gathers.Get().(*Gather) }

// putGather keeps g for others, but nobody's chunks with it.
func putGather(g *Gather) {
	g.reset(0)
	gathers.Put(g)
}

// SetSource makes s the place where media comes from. nil takes it away.
func (c *Conn) SetSource(s Source) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.source = s
}

// Send queues messages and writes them if the socket can take them. It never blocks. When more than
// Limits.PendingBytes would wait behind others, it returns ErrSlow and the connection is closed.
func (c *Conn) Send(messages ...Message) error {
	return c.send(messages, bounded)
}

// admission says whether messages count against Limits.PendingBytes.
type admission int

const (
	bounded admission = iota
	bulk              // admitted while there was room, however large
)

func (c *Conn) send(messages []Message, how admission) error {
	g := getGather()
	defer putGather(g)
	o := &c.out
	o.mu.Lock()
	err := o.queue(messages, how)
	if err == nil {
		o.flush(g)
		err = o.err
	}
	o.mu.Unlock()
	if errors.Is(err, ErrSlow) {
		_ = c.Close()
	}
	return err
}

// queue encodes messages behind those that wait. What comes first, and what was admitted in bulk, may be larger than
// the limit. The caller holds mu.
func (o *output) queue(messages []Message, how admission) error {
	if o.err != nil {
		return o.err
	}
	waiting := o.waiting()
	o.bulk = min(o.bulk, waiting)
	for i := range messages {
		m := &messages[i]
		if len(m.Payload) > MaxMessageSize {
			return fmt.Errorf("message of %d bytes: %w", len(m.Payload), ErrLimit)
		}
		o.control = AppendChunks(o.control, m, ChunkStreamFor(m.Type), o.chunkSize)
		if m.Type == TypeSetChunkSize && len(m.Payload) == 4 {
			v, _ := control(m.Payload)
			o.chunkSize = max(1, int(v&(1<<31-1)))
		}
		if m.Type == TypeWindowSize && len(m.Payload) == 4 {
			o.window, _ = control(m.Payload)
		}
	}
	if how == bulk || waiting == 0 {
		o.bulk += o.waiting() - waiting
	}
	if n := o.waiting(); n-o.bulk > o.limit {
		o.fail(fmt.Errorf("%w: %d bytes are waiting", ErrSlow, n))
		return o.err
	}
	return nil
}

// waiting is how many bytes of queued messages have not been written.
func (o *output) waiting() int { return len(o.control) + o.writing }

// SetChunkSize announces and uses a new chunk size, between 1 and 16,777,215 bytes (RTMP 1.0 section 5.4.1).
func (c *Conn) SetChunkSize(n int) error {
	return c.Send(SetChunkSize(n))
}

// SetChunkSize makes a Set Chunk Size message; Conn follows the ones that it sends.
func SetChunkSize(n int) Message {
	return uint32Message(TypeSetChunkSize, uint32(min(max(n, 1), MaxMessageSize)))
}

// ChunkSize returns the chunk size, in bytes, of what is sent.
func (c *Conn) ChunkSize() int {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.chunkSize
}

// WriteMessage is Send for bulk: it waits, before queueing, until less than Limits.PendingBytes wait.
func (c *Conn) WriteMessage(messages ...Message) error {
	o := &c.out
	for {
		o.mu.Lock()
		if o.err != nil || o.waiting() < o.limit/2 {
			o.mu.Unlock()
			return c.send(messages, bulk)
		}
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		<-room
	}
}

// Pending returns how many bytes wait for the socket, media that the source still holds not counted.
func (c *Conn) Pending() int {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return len(c.out.control) + c.out.restSize
}

// Flush pulls from the source and writes what the socket can take, using g as working space. It never blocks.
func (c *Conn) Flush(g *Gather) {
	c.out.mu.Lock()
	c.out.flush(g)
	c.out.mu.Unlock()
}

// flush writes until nothing is left or the socket is full. The caller holds mu.
func (o *output) flush(g *Gather) {
	for !o.draining && o.err == nil {
		if !o.gather(g) {
			o.finished()
			return
		}
		n := 0
		if o.raw != nil {
			var err error
			if n, err = g.writeTo(o.raw); err != nil {
				o.fail(err)
				return
			}
			o.sent.Add(uint64(n))
		}
		if n < g.size {
			o.keep(g, n)
			o.draining = true
			go o.drain()
			return
		}
		o.restSize, o.rest, o.writing = 0, nil, 0
		if !g.Full() {
			o.finished()
			return // what was to be had is written
		}
	}
}

// gather collects the next write: leftovers, control messages, media.
func (o *output) gather(g *Gather) bool {
	g.reset(writeBudget)
	for _, b := range o.rest {
		g.Add(b)
	}
	g.Add(o.control)
	o.writing += len(o.control)
	o.control = nil
	if o.source != nil && !g.Full() {
		o.source.Pull(g)
	}
	return g.size > 0
}

// keep remembers what a write of n bytes left over.
func (o *output) keep(g *Gather, n int) {
	bufs := g.bufs
	g.consume(n)
	o.rest = append([][]byte(nil), g.bufs...)
	o.restSize = g.size
	g.bufs = bufs
}

// drain writes with blocking calls until nothing is left. Progress, however small, keeps the connection alive.
func (o *output) drain() {
	g := getGather()
	defer putGather(g)
	for {
		o.mu.Lock()
		if o.err != nil || !o.gather(g) {
			o.endDrain()
			o.mu.Unlock()
			return
		}
		o.rest, o.restSize = nil, g.size
		o.mu.Unlock()
		err := o.writeAll(g.bufs)
		o.mu.Lock()
		o.restSize, o.writing = 0, 0
		if err != nil {
			o.fail(err)
		}
		o.releaseWriters()
		o.mu.Unlock()
	}
}

func (o *output) endDrain() {
	// A deadline left behind would make the next write fail that does not wait.
	_ = o.nc.SetWriteDeadline(time.Time{})
	o.draining, o.rest, o.restSize, o.writing = false, nil, 0, 0
	o.releaseWriters()
	if o.err == nil {
		o.finished()
	}
}

func (o *output) releaseWriters() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

func (o *output) writeAll(bufs [][]byte) error {
	for _, b := range bufs {
		n, err := o.writeOne(b)
		o.sent.Add(uint64(n))
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *output) writeOne(b []byte) (int, error) {
	if patientBelow(o.nc) != nil {
		return o.nc.Write(b)
	}
	return writePatiently(o.nc, b, o.timeout)
}

// fail ends the output. Closing the socket wakes the reader, which reports the reason that Err gives. The caller
// holds mu.
func (o *output) fail(err error) {
	if o.err != nil {
		return
	}
	o.err = err
	o.control, o.rest, o.source = nil, nil, nil
	o.releaseWriters()
	_ = hangUp(o.nc)
}

func (o *output) close(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
	}
	o.control, o.rest, o.source = nil, nil, nil
	o.releaseWriters()
	return hangUp(o.nc)
}

// finish calls done when everything queued has been written. Media is not pulled any more.
func (o *output) finish(done func()) {
	g := getGather()
	defer putGather(g)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.source, o.finishing = nil, done
	o.flush(g)
}

func (o *output) finished() {
	if o.finishing != nil {
		done := o.finishing
		o.finishing = nil
		o.err = net.ErrClosed
		// Ending a TLS connection's sending direction may wait for a far end that does not read.
		go done()
	}
}

// Err returns why sending stopped: ErrSlow, an error of the network, or nil while it works.
func (c *Conn) Err() error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.err
}
