package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"afterglow/rtmfp"
)

// client sends on some flows and compares what comes back. All but done belongs to the session's shard.
type client struct {
	plan      plan
	body      []byte // all messages end with it
	exchanges []*exchange
	session   *rtmfp.Session
	closed    error // why the session ended
	began     time.Time
	took      time.Duration
	done      chan struct{}
}

func newClient(p plan) *client {
	c := &client{plan: p, body: make([]byte, max(p.size-headSize, 0)), done: make(chan struct{})}
	for i := range c.body {
		c.body[i] = byte(i * 7)
	}
	return c
}

func (c *client) handler() rtmfp.SessionHandler {
	return rtmfp.SessionFuncs{OnFlow: c.flow, OnClosed: c.sessionClosed}
}

// run opens the flows and waits until everything has been sent and has come back, the session or ctx has ended.
func (c *client) run(ctx context.Context, session *rtmfp.Session) error {
	opened := make(chan error, 1)
	if !session.Do(func() { opened <- c.open(session) }) {
		return rtmfp.ErrClosed
	}
	if err := <-opened; err != nil {
		return err
	}
	if c.plan.every > 0 {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go c.tick(ctx, session)
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *client) open(session *rtmfp.Session) error {
	if c.closed != nil {
		return c.closed
	}
	c.session, c.began = session, time.Now()
	for number := range c.plan.flows {
		e := &exchange{client: c}
		flow, err := session.OpenFlow(rtmfp.FlowConfig{
			Metadata: fmt.Appendf(nil, "echo %d", number),
			Priority: rtmfp.PriorityRoutine,
			Handler:  rtmfp.SendFuncs{OnWritable: e.writable, OnSettled: e.settled, OnEnded: e.ended},
		})
		if err != nil {
			return err
		}
		e.flow = flow
		c.exchanges = append(c.exchanges, e)
		if c.plan.every == 0 {
			flow.Wake()
		}
	}
	return nil
}

// tick has a message sent on each flow every now and then.
func (c *client) tick(ctx context.Context, session *rtmfp.Session) {
	ticker := time.NewTicker(c.plan.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		session.Do(func() {
			for _, e := range c.exchanges {
				e.send()
			}
		})
	}
}

// flow takes the server's flows that answer ours.
func (c *client) flow(answer *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	for _, e := range c.exchanges {
		if !c.plan.oneWay && answer.Associated() == e.flow {
			return e.answer()
		}
	}
	return nil
}

func (c *client) sessionClosed(_ *rtmfp.Session, err error) {
	c.closed = err
	c.finish()
}

// finish notes that everything is over, if it is.
func (c *client) finish() {
	if c.took > 0 {
		return
	}
	for _, e := range c.exchanges {
		if c.closed == nil && !e.finished() {
			return
		}
	}
	c.took = max(time.Since(c.began), 1)
	close(c.done)
}

// report writes what became of the messages; its error says what was not as it should be.
func (c *client) report(session *rtmfp.Session, out io.Writer) error {
	result := make(chan error, 1)
	if !session.Do(func() { result <- c.summary(session, out) }) {
		return rtmfp.ErrClosed
	}
	return <-result
}

func (c *client) summary(session *rtmfp.Session, out io.Writer) error {
	var all tally
	for _, e := range c.exchanges {
		all.add(e.tally)
		fmt.Fprintf(out, "flow %d: %s%s\n", e.flow.ID(), e.tally, e.outcome())
	}
	took := c.took
	if took == 0 {
		took = time.Since(c.began)
	}
	stats := session.Stats()
	fmt.Fprintf(out, "session: %d packets sent, %d received, %d fragments sent, %d of them again, %d lost, RTT %v\n",
		stats.PacketsSent, stats.PacketsReceived, stats.FragmentsSent, stats.FragmentsRepeated, stats.FragmentsLost, stats.RTT)
	want := c.plan.flows * c.plan.messages
	fmt.Fprintf(out, "%d of %d messages delivered, %d returned, %d bytes of them, in %v: %.1f Mbit/s\n", all.delivered, want,
		all.returned, all.bytes, took.Round(10*time.Microsecond), float64(all.delivered)*float64(c.plan.size)*8/1e6/took.Seconds())
	return errors.Join(c.closed, c.judge(all, want))
}

// judge says what is wrong with what became of the messages.
func (c *client) judge(all tally, want int) error {
	deadlines := c.plan.startBy > 0 || c.plan.finishBy > 0
	switch {
	case all.wrong > 0:
		return fmt.Errorf("%d messages came back changed", all.wrong)
	case deadlines:
		return nil
	case all.delivered < want:
		return fmt.Errorf("%d messages were not delivered", want-all.delivered)
	case !c.plan.oneWay && all.returned < want:
		return fmt.Errorf("%d messages did not come back", want-all.returned)
	}
	return nil
}
