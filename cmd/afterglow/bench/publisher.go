package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/amf"
	"afterglow/rtmp"
)

const (
	publishChunkSize = 60_000
	publishTimeout   = 10 * time.Second
)

// window is the interval that is measured, in nanoseconds of the monotonic clock: what is sent within it must arrive.
type window struct{ from, to int64 }

func (w *window) holds(t int64) bool { return w != nil && t >= w.from && t < w.to }

// frameWriter carries a publisher's messages to the server.
type frameWriter interface {
	write(kind byte, keyframe bool, timestamp uint32, payload []byte) error
	// closed is given the reason when the server ends the connection.
	closed() <-chan error
	close()
}

// publisher sends one stream in real time.
type publisher struct {
	name   string
	source mediaSource
	out    frameWriter
	phase  time.Duration // by which its keyframes come later than the first publisher's
	window *atomic.Pointer[window]

	bytes       atomic.Uint64 // payload sent in all
	windowBytes atomic.Uint64 // payload of stamped frames sent in the window
	sequence    [2]uint64

	mu   sync.Mutex
	late Histogram // how much later than due frames went out in the window
	err  error
}

// run sends until ctx ends or the connection fails.
func (p *publisher) run(ctx context.Context) {
	err := p.send(ctx)
	p.out.close()
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	p.err = fmt.Errorf("publisher of %s: %w", p.name, err)
	p.mu.Unlock()
}

// failure returns why the publisher stopped before its time.
func (p *publisher) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *publisher) send(ctx context.Context) error {
	for _, f := range p.source.preamble() {
		if err := p.out.write(f.kind, false, 0, f.append(nil, Stamp{})); err != nil {
			return err
		}
	}
	start := monotonic() + int64(p.phase)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var scratch []byte
	for {
		f, err := p.source.next()
		if err != nil {
			return err
		}
		due := start + int64(f.at)
		if wait := due - monotonic(); wait > 0 {
			timer.Reset(time.Duration(wait))
			select {
			case <-timer.C:
			case err := <-p.out.closed():
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if scratch, err = p.frame(f, due, scratch[:0]); err != nil {
			return err
		}
	}
}

func (p *publisher) frame(f *frame, due int64, scratch []byte) ([]byte, error) {
	s := Stamp{Sequence: p.sequence[track(f.kind)], Sent: monotonic()}
	if !f.plain {
		p.sequence[track(f.kind)]++
	}
	scratch = f.append(scratch, s)
	if p.window.Load().holds(s.Sent) {
		if !f.plain {
			p.windowBytes.Add(uint64(len(scratch)))
		}
		p.mu.Lock()
		p.late.Add(time.Duration(s.Sent - due))
		p.mu.Unlock()
	}
	p.bytes.Add(uint64(len(scratch)))
	return scratch, p.out.write(f.kind, f.keyframe, uint32(f.at/time.Millisecond), scratch)
}

// takeLate returns how late frames were since the last call.
func (p *publisher) takeLate() Histogram {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.late
	p.late = Histogram{}
	return h
}

const (
	videoTrack = 0
	audioTrack = 1
)

func track(kind byte) int {
	if kind == typeAudio {
		return audioTrack
	}
	return videoTrack
}

// rtmpWriter publishes over RTMP.
type rtmpWriter struct {
	conn     *rtmp.Conn
	streamID uint32
	done     chan error
}

func connectProperties(t target) *amf.Object {
	o := amf.NewObject(
		amf.Property{Name: "app", Value: t.app},
		amf.Property{Name: "flashVer", Value: "LNX 9,0,124,2"},
		amf.Property{Name: "tcUrl", Value: t.tcURL},
		amf.Property{Name: "fpad", Value: false},
		amf.Property{Name: "capabilities", Value: 15.0},
		amf.Property{Name: "audioCodecs", Value: 4071.0},
		amf.Property{Name: "videoCodecs", Value: 252.0},
		amf.Property{Name: "videoFunction", Value: 1.0},
	)
	if t.enhanced {
		o.Set("fourCcList", amf.NewArray("*"))
	}
	return o
}

// publishRTMP connects and publishes; it returns when the server has said that the stream may start.
func publishRTMP(ctx context.Context, t target, name string) (frameWriter, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	c, err := new(rtmp.Dialer).Dial(ctx, "rtmp://"+t.address+"/"+t.app)
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

func (w *rtmpWriter) publish(t target, name string) error {
	if err := w.conn.SetChunkSize(publishChunkSize); err != nil {
		return err
	}
	if err := w.command(0, "connect", 1.0, connectProperties(t)); err != nil {
		return err
	}
	if _, err := w.result(1); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := w.command(0, "releaseStream", 2.0, nil, name); err != nil {
		return err
	}
	if err := w.command(0, "FCPublish", 3.0, nil, name); err != nil {
		return err
	}
	if err := w.command(0, "createStream", 4.0, nil); err != nil {
		return err
	}
	id, err := w.result(4)
	if err != nil {
		return fmt.Errorf("createStream: %w", err)
	}
	w.streamID = id
	if err := w.command(id, "publish", 5.0, nil, name, "live"); err != nil {
		return err
	}
	return w.started()
}

func (w *rtmpWriter) command(streamID uint32, values ...amf.Value) error {
	b, err := amf.Append0(nil, values...)
	if err != nil {
		return err
	}
	return w.conn.WriteMessage(rtmp.Message{Type: rtmp.TypeCommandAMF0, StreamID: streamID, Payload: b})
}

// result waits for the answer to a transaction and returns its number, a stream ID if it is one.
func (w *rtmpWriter) result(transaction float64) (uint32, error) {
	for {
		values, err := w.nextCommand()
		if err != nil {
			return 0, err
		}
		c := parseCommand(values)
		if c.transaction != transaction {
			continue
		}
		switch c.name {
		case "_result":
			return uint32(c.number), nil
		case "_error":
			return 0, errors.New(c.status())
		}
	}
}

func (w *rtmpWriter) started() error {
	for {
		values, err := w.nextCommand()
		if err != nil {
			return err
		}
		c := parseCommand(values)
		if c.name != "onStatus" {
			continue
		}
		if c.code == "NetStream.Publish.Start" {
			return nil
		}
		if c.level == "error" {
			return errors.New(c.status())
		}
	}
}

func (w *rtmpWriter) nextCommand() ([]amf.Value, error) {
	for {
		m, err := w.conn.ReadMessage()
		if err != nil {
			return nil, err
		}
		if m.Type == rtmp.TypeCommandAMF0 {
			return amf.Decode0(m.Payload, nil)
		}
	}
}

func (w *rtmpWriter) write(kind byte, _ bool, timestamp uint32, payload []byte) error {
	return w.conn.WriteMessage(rtmp.Message{
		Type: rtmp.MessageType(kind), Timestamp: timestamp, StreamID: w.streamID, Payload: payload,
	})
}

func (w *rtmpWriter) closed() <-chan error { return w.done }
func (w *rtmpWriter) close()               { _ = w.conn.Close() }

// command is what matters of a command message.
type command struct {
	name        string
	transaction float64
	number      float64 // the answer, when it is a number
	level       string
	code        string
	description string
}

func (c command) status() string {
	if c.description == "" {
		return c.code
	}
	return c.code + ": " + c.description
}

// readCommand reads a command message of a server. It fails for one by which the server refuses something or says farewell.
func readCommand(kind byte, body []byte) (command, error) {
	if kind == typeCommand3 && len(body) > 0 {
		body = body[1:]
	}
	values, err := amf.Decode0(body, nil)
	if err != nil {
		return command{}, fmt.Errorf("command: %w", err)
	}
	c := parseCommand(values)
	if c.name == "_error" || c.level == "error" || c.name == "close" {
		return command{}, fmt.Errorf("server: %s %s", c.name, c.status())
	}
	return c, nil
}

func parseCommand(values []amf.Value) command {
	var c command
	if len(values) > 1 {
		c.name, _ = values[0].(string)
		c.transaction, _ = values[1].(float64)
	}
	if len(values) > 3 {
		c.number, _ = values[3].(float64)
		if info, ok := values[3].(interface{ String(string) string }); ok {
			c.level, c.code, c.description = info.String("level"), info.String("code"), info.String("description")
		}
	}
	return c
}
