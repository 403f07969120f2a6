package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"afterglow/amf"
	"afterglow/rtmp"
)

const (
	attackerTimeout = 10 * time.Second // for an answer, or for the server to take bytes
	attackerChunk   = 1 << 16
	attackersAtOnce = 64
	attackerBuffer  = 64 << 10
)

// assault is one attack under way: where it goes, how much of it, and the connections that it made.
type assault struct {
	target   target
	scale    float64       // share of the full counts
	patience time.Duration // how long the server may take to end what it must end

	mu        sync.Mutex
	attackers []*attacker
	failures  int // connections that could not be opened
	firstFail error
}

// n scales a count.
func (a *assault) n(full int) int { return max(1, int(float64(full)*a.scale+0.5)) }

// each runs f for 0 to n-1, some at a time, and returns the first error that is not a connection's own end.
func (a *assault) each(ctx context.Context, n int, f func(i int) error) error {
	var wg sync.WaitGroup
	var next atomic.Int64
	var first error
	var once sync.Once
	for range min(n, attackersAtOnce) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil && !ended(err) {
					once.Do(func() { first = err })
				}
			}
		})
	}
	wg.Wait()
	if first == nil {
		first = ctx.Err()
	}
	return first
}

// errEnded marks what fails because the server ended, or never took, an attacker's connection: that is its right.
var errEnded = errors.New("the server ended the connection")

func ended(err error) bool { return errors.Is(err, errEnded) }

// attacker is one connection of an attack.
type attacker struct {
	assault  *assault
	nc       *net.TCPConn
	local    string
	conn     *rtmp.Conn // set by shake; used until drain
	streamID uint32
	opened   time.Time

	ours atomic.Bool // closed from this end
	once sync.Once   // starts drain
	done chan struct{}
	how  string // how it ended; valid once done is closed, as is took
	took time.Duration
}

// dial opens a connection and no more.
func (a *assault) dial(ctx context.Context) (*attacker, error) {
	nc, err := (&net.Dialer{Timeout: attackerTimeout}).DialContext(ctx, "tcp", a.target.address)
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.failures++
		if a.firstFail == nil {
			a.firstFail = err
		}
		return nil, fmt.Errorf("%w: %w", errEnded, err)
	}
	x := &attacker{assault: a, nc: nc.(*net.TCPConn), local: nc.LocalAddr().String(), opened: time.Now(), done: make(chan struct{})}
	// Who does not read shall not need megabytes for that.
	_ = x.nc.SetReadBuffer(attackerBuffer)
	// Without it thousands of local ports would be left waiting.
	_ = x.nc.SetLinger(0)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attackers = append(a.attackers, x)
	return x, nil
}

// shake opens a connection and does the handshake.
func (a *assault) shake(ctx context.Context) (*attacker, error) {
	x, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, attackerTimeout)
	defer cancel()
	d := rtmp.Dialer{Handshake: rtmp.HandshakePlain, WriteTimeout: attackerTimeout}
	if x.conn, err = d.NewConn(ctx, x.nc); err != nil {
		x.drain()
		return nil, fmt.Errorf("%w: %w", errEnded, err)
	}
	return x, x.fate(x.conn.SetChunkSize(attackerChunk))
}

// connect goes on to where a client may ask for streams.
func (a *assault) connect(ctx context.Context, properties ...amf.Property) (*attacker, error) {
	x, err := a.shake(ctx)
	if err != nil {
		return nil, err
	}
	o := connectProperties(a.target)
	for _, p := range properties {
		o.Set(p.Name, p.Value)
	}
	w := x.dialog()
	if err := w.command(0, "connect", 1.0, o); err != nil {
		return nil, x.fate(err)
	}
	if _, err := w.result(1); err != nil {
		return nil, x.fate(fmt.Errorf("connect: %w", err))
	}
	return x, nil
}

// stream goes on to a stream of its own.
func (a *assault) stream(ctx context.Context, properties ...amf.Property) (*attacker, error) {
	x, err := a.connect(ctx, properties...)
	if err != nil {
		return nil, err
	}
	w := x.dialog()
	if err := w.command(0, "createStream", 4.0, nil); err != nil {
		return nil, x.fate(err)
	}
	if x.streamID, err = w.result(4); err != nil {
		return nil, x.fate(fmt.Errorf("createStream: %w", err))
	}
	return x, nil
}

// publish goes on to publishing. Servers differ in what they say to an attacker, so that no answer is an end.
func (a *assault) publish(ctx context.Context, name string, properties ...amf.Property) (*attacker, error) {
	x, err := a.stream(ctx, properties...)
	if err != nil {
		return nil, err
	}
	w := x.dialog()
	if err := w.command(x.streamID, "publish", 5.0, nil, name, "live"); err != nil {
		return nil, x.fate(err)
	}
	if err := w.started(); err != nil {
		return nil, x.fate(fmt.Errorf("publish: %w", err))
	}
	return x, nil
}

// play goes on to playing, and does not wait for it.
func (a *assault) play(ctx context.Context, name string) (*attacker, error) {
	x, err := a.stream(ctx)
	if err != nil {
		return nil, err
	}
	return x, x.fate(x.dialog().command(x.streamID, "play", 0.0, nil, name))
}

func (x *attacker) dialog() *rtmpWriter {
	_ = x.nc.SetReadDeadline(time.Now().Add(attackerTimeout))
	return &rtmpWriter{conn: x.conn, streamID: x.streamID}
}

// fate turns an error of the connection into its end, which is then recorded.
func (x *attacker) fate(err error) error {
	if err == nil {
		return nil
	}
	x.drain()
	return fmt.Errorf("%w: %w", errEnded, err)
}

// write sends bytes as they are. From the first one on nothing else may write or read.
func (x *attacker) write(b []byte) error {
	_ = x.nc.SetWriteDeadline(time.Now().Add(attackerTimeout))
	_, err := x.nc.Write(b)
	return x.fate(err)
}

// writeUnread sends without ever reading what comes back, until the server takes no more or ends it.
func (x *attacker) writeUnread(b []byte, patience time.Duration) error {
	_ = x.nc.SetWriteDeadline(time.Now().Add(patience))
	_, err := x.nc.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errStuck
	}
	return x.fate(err)
}

var errStuck = fmt.Errorf("%w, or reads nothing more", errEnded)

// send sends messages as an honest client's chunks.
func (x *attacker) send(messages ...rtmp.Message) error {
	return x.write(encode(attackerChunk, messages...))
}

// command sends a command on the attacker's stream without waiting for an answer.
func (x *attacker) command(streamID uint32, values ...amf.Value) error {
	return x.send(commandMessage(streamID, values...))
}

func encode(chunkSize int, messages ...rtmp.Message) []byte {
	var b []byte
	for i := range messages {
		b = rtmp.AppendChunks(b, &messages[i], rtmp.ChunkStreamFor(messages[i].Type), chunkSize)
	}
	return b
}

func commandMessage(streamID uint32, values ...amf.Value) rtmp.Message {
	// The values are all of this package, and have a form in AMF0.
	b, _ := amf.Append0(nil, values...)
	return rtmp.Message{Type: rtmp.TypeCommandAMF0, StreamID: streamID, Payload: b}
}

// drain reads and forgets what the server sends, and records how the connection ends.
func (x *attacker) drain() {
	x.once.Do(func() {
		_ = x.nc.SetReadDeadline(time.Time{})
		go func() {
			defer close(x.done)
			var b [2048]byte
			for {
				if _, err := x.nc.Read(b[:]); err != nil {
					x.took = time.Since(x.opened)
					x.how = x.ending(err)
					_ = x.nc.Close()
					return
				}
			}
		}()
	})
}

// The ways in which an attacker's connection ends.
const (
	endedByServer = "closed by the server"
	endedByReset  = "reset by the server"
	endedByUs     = "hung up by the attacker"
	endedUnopened = "could not connect"
)

func (x *attacker) ending(err error) string {
	switch {
	case x.ours.Load():
		return endedByUs
	case errors.Is(err, io.EOF):
		return endedByServer
	case errors.Is(err, syscall.ECONNRESET):
		return endedByReset
	}
	return err.Error()
}

// abandon resets the connection from this end. What the server has not read is lost.
func (x *attacker) abandon() {
	x.ours.Store(true)
	_ = x.nc.Close()
	x.drain()
}

// hangUp ends the sending direction, so that the server reads everything first, and waits until it has.
func (x *attacker) hangUp(ctx context.Context) {
	x.drain()
	select {
	case <-x.done:
		return
	default:
	}
	x.ours.Store(true)
	_ = x.nc.CloseWrite()
	select {
	case <-x.done:
	case <-ctx.Done():
		x.abandon()
	}
}

// hangUp ends all connections that are left.
func (a *assault) hangUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, attackerTimeout)
	defer cancel()
	for _, x := range a.drainAll() {
		select {
		case <-x.done:
		default:
			x.ours.Store(true)
			_ = x.nc.CloseWrite()
		}
	}
	for _, x := range a.drainAll() {
		x.hangUp(ctx)
	}
}

// drainAll begins to read on every connection that nobody reads.
func (a *assault) drainAll() []*attacker {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, x := range a.attackers {
		x.drain()
	}
	return a.attackers
}

// awaitEnds waits until the server has ended every connection, which it must do for as little as was sent on them.
func (a *assault) awaitEnds(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	open := 0
	for _, x := range a.drainAll() {
		select {
		case <-x.done:
		default:
			select {
			case <-x.done:
			case <-ctx.Done():
				open++
			}
		}
	}
	if open > 0 {
		return fmt.Errorf("%d of these connections are still open after %v", open, a.patience)
	}
	return nil
}

// endings returns how the connections ended.
func (a *assault) endings() Endings {
	all := a.drainAll()
	e := Endings{Connections: len(all) + a.failures, How: map[string]int{}}
	if a.failures > 0 {
		e.How[endedUnopened] = a.failures
	}
	for _, x := range all {
		<-x.done
		e.How[x.how]++
		if x.how != endedByUs {
			e.Longest = max(e.Longest, milliseconds(x.took))
		}
	}
	return e
}

// seeded returns random bytes that are the same in each run.
func seeded(i int) *rand.Rand { return rand.New(rand.NewPCG(uint64(i), 1935)) }

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
