package bench

import (
	"context"
	"fmt"
	"io"
	"slices"

	"afterglow/amf"
	"afterglow/rtmfp"
)

// rtmfpWriter publishes over RTMFP, with a flow for each kind of message and without deadlines: everything is to arrive.
type rtmfpWriter struct {
	endpoint *rtmfp.Endpoint
	session  *rtmfp.Session
	started  chan struct{} // closed when the stream may start
	done     chan error

	// What follows belongs to the shard. Flows do not change once the stream may start.
	dialogue
	publish  []byte
	commands *rtmfp.SendFlow
	media    [2]*rtmfp.SendFlow // by track
	ended    bool
}

// publishRTMFP connects and publishes; it returns when the server has said that the stream may start.
func publishRTMFP(ctx context.Context, o *Options, t target, name string) (frameWriter, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	w, err := newRTMFPWriter(t, name)
	if err != nil {
		return nil, err
	}
	d, err := newRTMFPDialer(o, t)
	if err != nil {
		return nil, err
	}
	if w.endpoint, err = d.listen(rtmfp.Times{}); err != nil {
		return nil, err
	}
	if err := w.start(ctx, d); err != nil {
		_ = w.endpoint.Close()
		return nil, fmt.Errorf("publish %s: %w", name, err)
	}
	return w, nil
}

func newRTMFPWriter(t target, name string) (*rtmfpWriter, error) {
	l, err := newLines(t)
	if err != nil {
		return nil, err
	}
	publish, err := amf.Append0(nil, "publish", 0.0, nil, name, "live")
	if err != nil {
		return nil, err
	}
	return &rtmfpWriter{
		dialogue: dialogue{lines: l}, publish: tcCommand(publish), started: make(chan struct{}), done: make(chan error, 1),
	}, nil
}

// start opens the session and waits for the stream to start.
func (w *rtmfpWriter) start(ctx context.Context, d *rtmfpDialer) (err error) {
	if w.session, err = d.dial(ctx, w.endpoint, 0, w); err != nil {
		return err
	}
	select {
	case <-w.started:
		return nil
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Opened implements rtmfp.SessionHandler.
func (w *rtmfpWriter) Opened(s *rtmfp.Session) {
	w.check(w.begin(s, rtmfp.SendFuncs{OnEnded: w.hungUp}))
}

// Flow implements rtmfp.SessionHandler.
func (w *rtmfpWriter) Flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	if _, ok := w.admits(f); !ok {
		return nil
	}
	return w
}

// Moved implements rtmfp.SessionHandler.
func (w *rtmfpWriter) Moved(*rtmfp.Session, rtmfp.Path) {}

// Closed implements rtmfp.SessionHandler.
func (w *rtmfpWriter) Closed(_ *rtmfp.Session, err error) { w.check(err) }

// Message implements rtmfp.FlowHandler.
func (w *rtmfpWriter) Message(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
	kind, _, payload, ok := parseTC(m.Data)
	if !ok || kind != typeCommand && kind != typeCommand3 {
		return
	}
	c, err := readCommand(kind, payload)
	if err == nil {
		err = w.command(c)
	}
	w.check(err)
}

// Ended implements rtmfp.FlowHandler.
func (w *rtmfpWriter) Ended(f *rtmfp.ReceiveFlow, err error) {
	if f == w.far {
		w.hungUp(nil, err)
	}
}

func (w *rtmfpWriter) hungUp(_ *rtmfp.SendFlow, err error) {
	if err == nil {
		err = io.EOF
	}
	w.check(err)
}

func (w *rtmfpWriter) command(c command) error {
	if c.code == "NetStream.Publish.Start" && w.commands != nil {
		select {
		case <-w.started:
		default:
			close(w.started)
		}
		return nil
	}
	id, ok, err := w.answer(c)
	if err != nil || !ok || w.commands != nil {
		return err
	}
	return w.openFlows(id)
}

func (w *rtmfpWriter) openFlows(id uint32) (err error) {
	for _, f := range []struct {
		flow     **rtmfp.SendFlow
		priority rtmfp.Priority
	}{
		{&w.commands, rtmfp.PriorityCommand}, {&w.media[videoTrack], rtmfp.PriorityVideo}, {&w.media[audioTrack], rtmfp.PriorityAudio},
	} {
		if *f.flow, err = w.stream(id, f.priority, rtmfp.SendFuncs{OnEnded: w.hungUp}); err != nil {
			return err
		}
	}
	_, err = w.commands.Send(rtmfp.Outgoing{Body: w.publish})
	return err
}

// check ends the publisher with an error, once.
func (w *rtmfpWriter) check(err error) {
	if err != nil && !w.ended {
		w.ended = true
		w.done <- err
	}
}

// write implements frameWriter. The shard sends later, so it gets a copy.
func (w *rtmfpWriter) write(kind byte, _ bool, timestamp uint32, payload []byte) error {
	flow := w.commands
	if kind == typeVideo || kind == typeAudio {
		flow = w.media[track(kind)]
	}
	head, body := tcHead(kind, timestamp), slices.Clone(payload)
	sent := w.session.Do(func() {
		_, err := flow.Send(rtmfp.Outgoing{Head: head[:], Body: body})
		w.check(err)
	})
	if !sent {
		return rtmfp.ErrClosed
	}
	return nil
}

func (w *rtmfpWriter) closed() <-chan error { return w.done }

func (w *rtmfpWriter) close() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = w.endpoint.Shutdown(ctx) // a server that does not answer has been told
}
