package netconn

import (
	"fmt"
	"time"

	"afterglow/amf"
)

// BandwidthProbe is how a client's bandwidth is measured (server-side-api 3.7): it is called with payloads that grow by Unit until Time
// is over. A zero field means its default.
type BandwidthProbe struct {
	// Unit is the size of the first payload and by how much each is larger than the one before, in bytes. Default 16,384.
	Unit int
	// Time is how long payloads are sent, and how long one may be without an answer. Default 2 s.
	Time time.Duration
	// Most is how many payloads are sent at most. Default 16, so that a fast link costs 2 MB.
	Most int
}

// maxProbe bounds the payloads of a measurement, in bytes.
const maxProbe = 8 << 20

func (p BandwidthProbe) withDefaults() BandwidthProbe {
	if p.Unit <= 0 {
		p.Unit = 16 << 10
	}
	if p.Time <= 0 {
		p.Time = 2 * time.Second
	}
	if p.Most <= 0 {
		p.Most = 16
	}
	return p
}

// bandwidthCheck measures how fast a client takes data.
type bandwidthCheck struct {
	call, done string // methods of the client
	begun      time.Time
	sentAt     time.Time
	latency    time.Duration
	size       int // of the payload under way, bytes
	bytes      int // of the payloads that were answered
	sent       int // calls
	answered   int
	patience   *time.Timer
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
	b.patience = time.AfterFunc(c.config.BandwidthProbe.Time, func() {
		c.do(func() { c.bandwidthDone(b) })
	})
	return c.bandwidthRound(b, nil)
}

// bandwidthRound calls with the next payload; the first is empty and gives the latency.
func (c *Conn) bandwidthRound(b *bandwidthCheck, payload amf.Value) error {
	b.sentAt = time.Now()
	b.sent++
	b.patience.Reset(c.config.BandwidthProbe.Time)
	return c.Call(b.call, func(Result) { c.bandwidthAnswer(b) }, payload)
}

// bandwidthAnswer goes on with the next payload. That the client does not know the method is an answer, too.
func (c *Conn) bandwidthAnswer(b *bandwidthCheck) {
	if c.bandwidth != b || c.gone || c.closing {
		return
	}
	probe := c.config.BandwidthProbe
	now := time.Now()
	if b.answered == 0 {
		b.latency = now.Sub(b.sentAt)
		b.begun = now
	}
	b.answered++
	b.bytes += b.size
	if now.Sub(b.begun) >= probe.Time || b.sent > probe.Most {
		c.bandwidthDone(b)
		return
	}
	b.size = min(b.sent*probe.Unit, maxProbe)
	if err := c.bandwidthRound(b, string(make([]byte, b.size))); err != nil {
		c.bandwidthDone(b)
	}
}

// bandwidthDone tells the client what was measured: by the payloads that it has answered, if there is one that it does not answer.
func (c *Conn) bandwidthDone(b *bandwidthCheck) {
	b.patience.Stop()
	if c.bandwidth != b {
		return
	}
	c.bandwidth = nil
	if c.gone || c.closing {
		return
	}
	now := time.Now()
	if b.answered == 0 {
		b.begun, b.latency = b.sentAt, now.Sub(b.sentAt)
	}
	latency := min(max(b.latency, 10*time.Millisecond), 800*time.Millisecond)
	elapsed := now.Sub(b.begun)
	net := max(elapsed-time.Duration(b.sent-1)*b.latency, time.Millisecond)
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
