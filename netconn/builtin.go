package netconn

import (
	"errors"
	"fmt"
	"time"

	"afterglow/amf"
)

// builtins are the methods that encoders and players call whether or not the application has them. An application's
// own method of the name comes first.
var builtins map[string]func(*Conn, *command) error

func init() {
	builtins = map[string]func(*Conn, *command) error{
		"releaseStream":   (*Conn).acknowledgeCall,
		"FCPublish":       (*Conn).fcPublish,
		"FCUnpublish":     (*Conn).fcUnpublish,
		"FCSubscribe":     (*Conn).fcSubscribe,
		"FCUnsubscribe":   (*Conn).fcUnsubscribe,
		"getStreamLength": (*Conn).streamLength,
		"checkBandwidth":  (*Conn).checkBandwidth,
		"_checkbw":        (*Conn).checkBandwidth,
	}
}

// call asks the application for a method.
func (c *Conn) call(cmd *command) error {
	reply := NewReply(func(a CallAnswer) {
		c.do(func() { c.called(cmd, a) })
	})
	c.handler.Call(c, CallRequest{Method: cmd.name, Args: cmd.args, WantsAnswer: cmd.transaction != 0}, reply)
	return nil
}

func (c *Conn) called(cmd *command, a CallAnswer) {
	if c.gone || c.closing {
		return
	}
	var err error
	switch run := builtins[cmd.name]; {
	case a.Err == nil:
		err = c.result(cmd, nil, a.Value)
	case !errors.Is(a.Err, ErrNoMethod):
		err = c.refuse(cmd, statusOf(a.Err, CallFailed, ""))
	case run != nil:
		err = run(c, cmd)
	default:
		err = c.refuse(cmd, Status{Code: CallFailed, Description: "Method not found (" + cmd.name + ")."})
	}
	if err != nil {
		_ = c.refuse(cmd, Status{Code: CallFailed, Description: err.Error()})
	}
}

func (c *Conn) acknowledgeCall(cmd *command) error {
	return c.result(cmd, nil, amf.Undefined)
}

// fcNotice answers one of the FC calls and calls back, as content delivery networks do and encoders wait for.
func (c *Conn) fcNotice(cmd *command, method string, code Code) error {
	if err := c.acknowledgeCall(cmd); err != nil {
		return err
	}
	return c.send(0, method, 0, nil, amf.NewObject(
		amf.Property{Name: "level", Value: LevelStatus},
		amf.Property{Name: "code", Value: string(code)},
		amf.Property{Name: "description", Value: cmd.stringArg(0)},
	))
}

func (c *Conn) fcPublish(cmd *command) error { return c.fcNotice(cmd, "onFCPublish", PublishStart) }

func (c *Conn) fcUnpublish(cmd *command) error {
	return c.fcNotice(cmd, "onFCUnpublish", UnpublishSuccess)
}

func (c *Conn) fcSubscribe(cmd *command) error { return c.fcNotice(cmd, "onFCSubscribe", PlayStart) }

func (c *Conn) fcUnsubscribe(cmd *command) error {
	return c.fcNotice(cmd, "onFCUnsubscribe", PlayStop)
}

// streamLength is zero for a live stream.
func (c *Conn) streamLength(cmd *command) error { return c.result(cmd, nil, 0.0) }

// Bandwidth detection: payloads that grow by bandwidthUnit are called until bandwidthTime is over.
const (
	bandwidthUnit = 16 << 10 // bytes
	bandwidthTime = 2 * time.Second
	bandwidthMost = 16 // payloads, so that a fast link costs 2 MB
)

// bandwidthCheck measures how fast a client takes data.
type bandwidthCheck struct {
	call, done string // methods of the client
	begun      time.Time
	sentAt     time.Time
	latency    time.Duration
	bytes      int
	rounds     int
}

// checkBandwidth sends calls with growing payloads and tells the client the rate at which it answered them.
func (c *Conn) checkBandwidth(cmd *command) error {
	if err := c.acknowledgeCall(cmd); err != nil {
		return err
	}
	if c.bandwidth != nil {
		return nil
	}
	b := &bandwidthCheck{call: "onBWCheck", done: "onBWDone"}
	if cmd.name == "_checkbw" {
		b.call, b.done = "_onbwcheck", "_onbwdone"
	}
	c.bandwidth = b
	return c.bandwidthRound(nil)
}

// bandwidthRound calls with the next payload; the first is empty and gives the latency.
func (c *Conn) bandwidthRound(payload amf.Value) error {
	b := c.bandwidth
	b.sentAt = time.Now()
	return c.Call(b.call, func(Result) { c.bandwidthAnswer() }, payload)
}

func (c *Conn) bandwidthAnswer() {
	b := c.bandwidth
	if b == nil || c.gone || c.closing {
		return
	}
	now := time.Now()
	if b.rounds == 0 {
		b.latency = now.Sub(b.sentAt)
		b.begun = now
	}
	if now.Sub(b.begun) >= bandwidthTime || b.rounds >= bandwidthMost {
		c.bandwidthDone(now)
		return
	}
	b.rounds++
	size := b.rounds * bandwidthUnit
	b.bytes += size
	if err := c.bandwidthRound(string(make([]byte, size))); err != nil {
		c.bandwidthDone(now)
	}
}

func (c *Conn) bandwidthDone(now time.Time) {
	b := c.bandwidth
	c.bandwidth = nil
	latency := min(max(b.latency, 10*time.Millisecond), 800*time.Millisecond)
	elapsed := now.Sub(b.begun)
	net := max(elapsed-time.Duration(b.rounds)*b.latency, time.Millisecond)
	kbits := float64(b.bytes) * 8 / 1000
	kbps := max(100, float64(int(kbits/net.Seconds())))
	_ = c.send(0, b.done, 0, nil, kbps, kbits, elapsed.Seconds(), float64(latency.Milliseconds()))
}

// CheckBandwidth measures the client's bandwidth; the client gets onBWDone.
func (c *Conn) CheckBandwidth() error {
	if c.request.Load() == nil {
		return fmt.Errorf("%w: not connected", ErrProtocol)
	}
	c.do(func() {
		if c.accepted.Load() {
			_ = c.checkBandwidth(&command{name: "checkBandwidth"})
		}
	})
	return nil
}
