package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/rtmp"
)

const (
	innocentProfile = "sd"
	pictureInterval = time.Second / 30
)

// innocents are a stream and its players, who must not notice what happens beside them.
type innocents struct {
	publisher *publisher
	sent      *sentFrames
	players   []*innocentPlayer
	cancel    context.CancelFunc
	running   sync.WaitGroup
}

// sentFrames notes what a publisher has sent.
type sentFrames struct {
	frameWriter
	last [2]atomic.Uint64 // sequence number after the newest frame, by track
}

func (s *sentFrames) write(kind byte, keyframe bool, timestamp uint32, payload []byte) error {
	err := s.frameWriter.write(kind, keyframe, timestamp, payload)
	if stamp, ok := findStamp(kind, payload); ok && err == nil {
		s.last[track(kind)].Store(stamp.Sequence + 1)
	}
	return err
}

// dialFunc opens a connection; nil is the ordinary way.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// newInnocents publishes a stream and waits until all players have a picture.
func newInnocents(ctx context.Context, t target, name string, players int, dial dialFunc) (*innocents, error) {
	w, err := publishWith(ctx, t, name, dial)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	in := &innocents{sent: &sentFrames{frameWriter: w}, cancel: cancel}
	in.publisher = &publisher{
		name: name, source: &generator{gop: newGOP(profiles[innocentProfile])}, out: in.sent, window: new(atomic.Pointer[window]),
	}
	in.running.Go(func() { in.publisher.run(running) })
	for range players {
		p, err := newInnocentPlayer(ctx, t, name, dial)
		if err != nil {
			in.stop()
			return nil, err
		}
		in.players = append(in.players, p)
		in.running.Go(p.read)
	}
	ctx, cancelWait := context.WithTimeout(ctx, publishTimeout)
	defer cancelWait()
	for _, p := range in.players {
		if err := p.await(ctx, [2]uint64{1, 0}); err != nil {
			in.stop()
			return nil, fmt.Errorf("no picture: %w", err)
		}
	}
	return in, nil
}

// publishWith is publishRTMP over a connection of another kind.
func publishWith(ctx context.Context, t target, name string, dial dialFunc) (frameWriter, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	c, err := (&rtmp.Dialer{NetDial: dial}).Dial(ctx, "rtmp://"+t.address+"/"+t.app)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	w := &rtmpWriter{conn: c, done: make(chan error, 1)}
	if err := w.publish(t, name); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("publish %s: %w", name, err)
	}
	go func() {
		for {
			if _, err := c.ReadMessage(); err != nil {
				w.done <- err
				return
			}
		}
	}()
	return w, nil
}

func (in *innocents) stop() {
	in.cancel()
	for _, p := range in.players {
		_ = p.conn.Close()
	}
	in.running.Wait()
}

// begin starts a measurement.
func (in *innocents) begin() {
	for _, p := range in.players {
		p.begin(monotonic())
	}
}

// end waits, within a limit, for everything that was sent so far and returns what the players had of it.
func (in *innocents) end(ctx context.Context) Innocents {
	last := [2]uint64{in.sent.last[videoTrack].Load(), in.sent.last[audioTrack].Load()}
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	out := Innocents{Players: len(in.players)}
	if err := in.publisher.failure(); err != nil {
		out.Lost = append(out.Lost, err.Error())
	}
	for i, p := range in.players {
		_ = p.await(ctx, last)
		s := p.end(last, monotonic())
		out.Gaps += s.gaps
		out.Repeats += s.repeats
		out.LongestStall = max(out.LongestStall, milliseconds(s.stall))
		if i == 0 || s.fps < out.FPS {
			out.FPS = s.fps
		}
		if err := p.ended(); err != nil {
			out.Lost = append(out.Lost, fmt.Sprintf("player: %v", err))
		}
	}
	return out
}

// innocentPlayer plays a stream and keeps book of its frames.
type innocentPlayer struct {
	conn    *rtmp.Conn
	arrived chan struct{}

	mu     sync.Mutex
	next   [2]uint64 // the frame that is due, by track
	known  [2]bool
	err    error
	counts innocentCounts
}

// innocentCounts is what one player saw in a measurement.
type innocentCounts struct {
	pictures       uint64
	gaps, repeats  uint64
	first, last    int64 // when the first and last picture counted were sent
	seen, seenSent int64 // when the newest picture came, and when it was sent
	stall          time.Duration
	fps            float64
}

func newInnocentPlayer(ctx context.Context, t target, name string, dial dialFunc) (*innocentPlayer, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	c, err := (&rtmp.Dialer{NetDial: dial}).Dial(ctx, "rtmp://"+t.address+"/"+t.app)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	if err := startPlaying(&rtmpWriter{conn: c}, t, name); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("play %s: %w", name, err)
	}
	return &innocentPlayer{conn: c, arrived: make(chan struct{}, 1)}, nil
}

func startPlaying(w *rtmpWriter, t target, name string) error {
	if err := w.command(0, "connect", 1.0, connectProperties(t)); err != nil {
		return err
	}
	if _, err := w.result(1); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := w.command(0, "createStream", 2.0, nil); err != nil {
		return err
	}
	id, err := w.result(2)
	if err != nil {
		return fmt.Errorf("createStream: %w", err)
	}
	return w.command(id, "play", 0.0, nil, name)
}

func (p *innocentPlayer) read() {
	for {
		m, err := p.conn.ReadMessage()
		if err != nil {
			p.mu.Lock()
			p.err = err
			p.mu.Unlock()
		} else if stamp, ok := findStamp(byte(m.Type), m.Payload); ok {
			p.count(track(byte(m.Type)), stamp, monotonic())
		}
		select {
		case p.arrived <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (p *innocentPlayer) count(track int, stamp Stamp, now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.counts
	switch due := p.next[track]; {
	case !p.known[track]:
		p.known[track] = true
	case stamp.Sequence > due:
		c.gaps += stamp.Sequence - due
	case stamp.Sequence < due:
		c.repeats++
		return
	}
	p.next[track] = stamp.Sequence + 1
	if track == audioTrack {
		return
	}
	if c.pictures++; c.pictures == 1 {
		c.first = stamp.Sent
	}
	c.last = stamp.Sent
	c.still(now, stamp.Sent)
	c.seen, c.seenSent = now, stamp.Sent
}

// still counts a picture that stood until now. What the publisher itself was late is not the server's fault.
func (c *innocentCounts) still(now, sent int64) {
	late := max(0, sent-c.seenSent-int64(pictureInterval))
	c.stall = max(c.stall, time.Duration(now-c.seen-late))
}

func (p *innocentPlayer) begin(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = innocentCounts{seen: now, seenSent: now}
}

func (p *innocentPlayer) end(last [2]uint64, now int64) innocentCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	for track, due := range p.next {
		if p.known[track] && last[track] > due {
			c.gaps += last[track] - due
		}
	}
	if p.next[videoTrack] < last[videoTrack] {
		c.stall = max(c.stall, time.Duration(now-c.seen))
	}
	if length := time.Duration(c.last - c.first); length > 0 {
		c.fps = float64(c.pictures-1) / length.Seconds()
	}
	return c
}

func (p *innocentPlayer) ended() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// await waits until the player has all frames before those of the given numbers.
func (p *innocentPlayer) await(ctx context.Context, last [2]uint64) error {
	for {
		p.mu.Lock()
		has := p.known[videoTrack] && p.next[videoTrack] >= last[videoTrack] && p.next[audioTrack] >= last[audioTrack]
		err := p.err
		p.mu.Unlock()
		switch {
		case has:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-p.arrived:
		case <-ctx.Done():
			return errors.New("not in time")
		}
	}
}

// judge says what the innocent had to suffer.
func (in *Innocents) judge() []string {
	var reasons []string
	add := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	for _, l := range in.Lost {
		add("lost %s", l)
	}
	if in.Gaps > 0 {
		add("innocent players missed %d frames", in.Gaps)
	}
	if in.Repeats > 0 {
		add("innocent players got %d frames twice", in.Repeats)
	}
	if in.LongestStall > milliseconds(stallLimit) {
		add("an innocent player's picture stood for %.0f ms", in.LongestStall)
	}
	return reasons
}
