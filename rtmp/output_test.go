package rtmp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// queueSource gives prepared chunks in order.
type queueSource struct {
	mu    sync.Mutex
	queue [][]byte
}

func (s *queueSource) Pull(g *Gather) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 && !g.Full() {
		g.Add(s.queue[0])
		s.queue = s.queue[1:]
	}
}

func video(n int) Message { return Message{Type: TypeVideo, StreamID: 1, Payload: filled(n)} }

func data(n int) Message { return Message{Type: TypeDataAMF0, StreamID: 1, Payload: filled(n)} }

func TestSendNeverBlocks(t *testing.T) {
	tests := []struct {
		name string
		pair func(t testing.TB) (net.Conn, net.Conn)
	}{
		{"pipe", func(t testing.TB) (net.Conn, net.Conn) { a, b := net.Pipe(); return a, b }},
		{"TCP", tcpPair},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			near, far := tt.pair(t)
			defer far.Close()
			const limit = 100_000
			c := newConn(near, Limits{PendingBytes: limit}, time.Hour)
			var err error
			for i := 0; err == nil; i++ {
				if i == 100_000 {
					t.Fatal("what nobody reads is accepted without end")
				}
				err = c.Send(data(1000))
				if n := c.Pending(); n > limit+1100 {
					t.Fatalf("%d bytes are waiting", n)
				}
			}
			if !errors.Is(err, ErrSlow) || !errors.Is(c.Err(), ErrSlow) {
				t.Errorf("got %v and %v", err, c.Err())
			}
			if _, err := c.ReadMessage(); !errors.Is(err, ErrSlow) {
				t.Errorf("the reader is told %v", err)
			}
			if err := c.Send(data(1)); !errors.Is(err, ErrSlow) {
				t.Errorf("later: %v", err)
			}
			if _, err := io.Copy(io.Discard, far); err != nil && tt.name == "pipe" {
				t.Errorf("the far end: %v", err)
			}
		})
	}
}

// One message may be larger than what may wait: it was there first.
func TestLargeMessageOnIdleConnection(t *testing.T) {
	for _, write := range []func(*Conn, ...Message) error{(*Conn).Send, (*Conn).WriteMessage} {
		near, far := net.Pipe()
		c := newConn(near, Limits{PendingBytes: 1000}, 0)
		if err := write(c, video(100_000)); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if err := c.Send(WindowSize(1)); err != nil {
				t.Fatalf("behind it: %v", err)
			}
		}
		f := newConn(far, Limits{}, 0)
		if m, err := f.ReadMessage(); err != nil || len(m.Payload) != 100_000 {
			t.Fatalf("%d bytes, %v", len(m.Payload), err)
		}
		c.Close()
		f.Close()
	}
}

// Media that a source gave does not count as messages that wait.
func TestLargeMediaDoesNotMakeSendFail(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := newConn(near, Limits{PendingBytes: 1000}, 0)
	defer c.Close()
	c.SetSource(&queueSource{queue: [][]byte{make([]byte, 2<<20)}})
	c.Flush(new(Gather))
	if n := c.Pending(); n != 2<<20 {
		t.Errorf("%d bytes pending", n)
	}
	for range 10 {
		if err := c.Send(WindowSize(1)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSendRefusesTooLargeMessages(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := newConn(near, Limits{}, 0)
	defer c.Close()
	if err := c.Send(Message{Type: TypeVideo, Payload: make([]byte, MaxMessageSize+1)}); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func TestOneByteReaderGetsEverything(t *testing.T) {
	near, far := net.Pipe()
	c := newConn(near, Limits{}, 0)
	defer c.Close()
	c.SetSource(&queueSource{queue: [][]byte{filled(1000), filled(10)}})
	want := AppendChunks(nil, ptr(data(3000)), ChunkStreamData, DefaultChunkSize)
	if err := c.Send(data(3000)); err != nil {
		t.Fatal(err)
	}
	want = join(want, filled(1000), filled(10))
	one := make([]byte, 1)
	for i := range want {
		if _, err := far.Read(one); err != nil || one[0] != want[i] {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
}

func TestFlushOrder(t *testing.T) {
	o := &output{
		rest:    [][]byte{[]byte("left"), []byte("over")},
		control: []byte("control"),
		source:  &queueSource{queue: [][]byte{[]byte("media")}},
	}
	g := new(Gather)
	if !o.gather(g) {
		t.Fatal("nothing gathered")
	}
	if got := string(join(g.bufs...)); got != "leftovercontrolmedia" {
		t.Errorf("got %q", got)
	}
	if o.control != nil || o.waiting() != len("control") {
		t.Errorf("%d bytes counted as waiting", o.waiting())
	}
}

func TestFullGatherLeavesMediaWithTheSource(t *testing.T) {
	source := &queueSource{queue: [][]byte{[]byte("media")}}
	o := &output{rest: [][]byte{make([]byte, writeBudget)}, source: source}
	o.gather(new(Gather))
	if len(source.queue) != 1 {
		t.Error("media was pulled although the write was full")
	}
}

// countingPair sends over TCP while the far end stops reading now and then, so that writes are cut at odd places.
func TestPartialWritesKeepTheStreamWhole(t *testing.T) {
	near, far := tcpPair(t)
	_ = near.(*net.TCPConn).SetWriteBuffer(8192)
	_ = far.(*net.TCPConn).SetReadBuffer(8192)
	c := newConn(near, Limits{PendingBytes: 64 << 20}, 0)
	defer c.Close()
	const count = 400
	source := new(queueSource)
	for i := range count {
		m := Message{Type: TypeVideo, Timestamp: uint32(i), StreamID: 1, Payload: filled(5000 + i)}
		source.queue = append(source.queue, AppendChunks(nil, &m, ChunkStreamVideo, DefaultChunkSize))
	}
	c.SetSource(source)
	go func() {
		g := new(Gather)
		for i := range count {
			_ = c.Send(Message{Type: TypeDataAMF0, Timestamp: uint32(i), Payload: filled(700)})
			c.Flush(g)
		}
	}()
	f := newConn(far, Limits{}, 0)
	defer f.Close()
	var next [256]uint32
	for range 2 * count {
		m, err := f.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if m.Timestamp != next[m.Type] || !bytes.Equal(m.Payload, filled(len(m.Payload))) {
			t.Fatalf("type %d: message %d instead of %d", m.Type, m.Timestamp, next[m.Type])
		}
		next[m.Type]++
	}
	if c.BytesSent() == 0 {
		t.Error("no bytes counted")
	}
}

func TestCloseAfterFlushDeliversEverything(t *testing.T) {
	near, far := tcpPair(t)
	c := newConn(near, Limits{PendingBytes: 64 << 20}, 0)
	// Input that nobody has read makes a plain close a reset.
	if _, err := far.Write(AppendChunks(nil, ptr(data(50_000)), ChunkStreamData, DefaultChunkSize)); err != nil {
		t.Fatal(err)
	}
	var want []byte
	for range 8 {
		m := video(1 << 20)
		want = AppendChunks(want, &m, ChunkStreamVideo, DefaultChunkSize)
		if err := c.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	c.CloseAfterFlush()
	c.CloseAfterFlush()
	done := make(chan error, 1)
	go func() {
		m, err := c.ReadMessage()
		if err == nil {
			t.Errorf("a message of type %d was passed up", m.Type)
		}
		c.Close()
		done <- err
	}()
	got, err := io.ReadAll(far)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d of %d bytes, %v", len(got), len(want), err)
	}
	far.Close()
	if err := <-done; err == nil {
		t.Error("no end")
	}
	if err := c.Send(data(1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestCloseAfterFlushTakesNoMoreMedia(t *testing.T) {
	near, far := tcpPair(t)
	c := newConn(near, Limits{}, 0)
	defer c.Close()
	c.SetSource(&queueSource{queue: [][]byte{filled(100)}})
	c.CloseAfterFlush()
	if got, err := io.ReadAll(far); err != nil || len(got) > 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestCloseAfterFlushWaitsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := newConn(near, Limits{}, 0)
		defer c.Close()
		start := time.Now()
		c.CloseAfterFlush()
		_, err := c.ReadMessage()
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// deadlines remembers the last write deadline.
type deadlines struct {
	net.Conn
	last atomic.Pointer[time.Time]
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.last.Store(&t)
	return d.Conn.SetWriteDeadline(t)
}

// A deadline that outlives its write fails the first write after it has passed.
func TestNoDeadlineStaysBehind(t *testing.T) {
	near, far := tcpPair(t)
	c := newConn(near, Limits{PendingBytes: 64 << 20}, time.Hour)
	defer c.Close()
	d := &deadlines{Conn: near}
	c.out.nc = d
	m := Message{Type: TypeVideo, Payload: make([]byte, MaxMessageSize)}
	if err := c.Send(m, m); err != nil {
		t.Fatal(err)
	}
	f := newConn(far, Limits{}, 0)
	for range 2 {
		if _, err := f.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	for {
		c.out.mu.Lock()
		busy := c.out.draining
		c.out.mu.Unlock()
		if !busy {
			break
		}
		runtime.Gosched()
	}
	last := d.last.Load()
	if last == nil {
		t.Fatal("nothing was written with a deadline")
	}
	if !last.IsZero() {
		t.Errorf("the deadline is %v", last)
	}
	if c.Pending() != 0 {
		t.Errorf("%d bytes pending", c.Pending())
	}
}

func TestWriteMessageHoldsBack(t *testing.T) {
	near, far := net.Pipe()
	const limit = 10_000
	c := newConn(near, Limits{PendingBytes: limit}, 0)
	defer c.Close()
	const count = 200
	failed := make(chan error, 1)
	go func() {
		for range count {
			if err := c.WriteMessage(data(1000)); err != nil {
				failed <- err
				return
			}
			if n := c.Pending(); n > limit {
				failed <- errors.New("too much is waiting")
				return
			}
		}
		failed <- nil
	}()
	f := newConn(far, Limits{}, 0)
	defer f.Close()
	for i := range count {
		if m, err := f.ReadMessage(); err != nil || len(m.Payload) != 1000 {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

// endless always has media.
type endless struct{}

var endlessChunk = make([]byte, 1000)

func (endless) Pull(g *Gather) {
	for !g.Full() {
		g.Add(endlessChunk)
	}
}

func TestWriteMessageIsNotStarvedByMedia(t *testing.T) {
	near, far := net.Pipe()
	c := newConn(near, Limits{PendingBytes: 10_000}, 0)
	c.SetSource(endless{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, far)
	}()
	for range 10 {
		if err := c.WriteMessage(data(6000)); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	<-done
}

func TestCloseReleasesWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := newConn(near, Limits{PendingBytes: 1000}, 0)
		errs := make(chan error)
		go func() {
			for {
				if err := c.WriteMessage(data(600)); err != nil {
					errs <- err
					return
				}
			}
		}()
		synctest.Wait()
		c.Close()
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestSetChunkSizeIsFollowed(t *testing.T) {
	near, far := tcpPair(t)
	c := newConn(near, Limits{}, 0)
	defer c.Close()
	if err := c.Send(data(200), SetChunkSize(50), data(200)); err != nil {
		t.Fatal(err)
	}
	if err := c.SetChunkSize(4096); err != nil || c.ChunkSize() != 4096 {
		t.Fatalf("chunk size %d, %v", c.ChunkSize(), err)
	}
	if err := c.Send(data(200)); err != nil {
		t.Fatal(err)
	}
	var want []byte
	want = AppendChunks(want, ptr(data(200)), ChunkStreamData, 128)
	want = AppendChunks(want, ptr(SetChunkSize(50)), ChunkStreamControl, 128)
	want = AppendChunks(want, ptr(data(200)), ChunkStreamData, 50)
	want = AppendChunks(want, ptr(SetChunkSize(4096)), ChunkStreamControl, 50)
	want = AppendChunks(want, ptr(data(200)), ChunkStreamData, 4096)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the chunks differ, %v", err)
	}
}

func TestFlushAllocatesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux writes without a goroutine here")
	}
	near, far := tcpPair(t)
	c := newConn(near, Limits{}, 0)
	defer c.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, far)
	}()
	s := &burst{}
	for range 30 {
		s.pieces = append(s.pieces, make([]byte, 20))
	}
	c.SetSource(s)
	g := new(Gather)
	flush := func() {
		s.arm(c)
		for s.armed(c) {
			c.Flush(g)
		}
	}
	flush()
	if n := testing.AllocsPerRun(200, flush); n > 0 {
		t.Errorf("%v allocations for each flush of %d pieces", n, len(s.pieces))
	}
	c.Close()
	<-done
}

// burst gives the same pieces once for each time that it is ready.
type burst struct {
	pieces [][]byte
	ready  bool
}

func (s *burst) Pull(g *Gather) {
	if !s.ready {
		return
	}
	s.ready = false
	for _, p := range s.pieces {
		g.Add(p)
	}
}

func (s *burst) arm(c *Conn) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	s.ready = true
}

// armed says that nobody has pulled the pieces, since a goroutine waits for the socket.
func (s *burst) armed(c *Conn) bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return s.ready
}
