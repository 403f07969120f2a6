package bench

import (
	"errors"
	"fmt"
	"io"

	"afterglow/amf"
	"afterglow/rtmfp"
)

// script is what all players of a stream over RTMFP say.
type script struct {
	*lines
	play []byte
}

func newScript(l *lines, name string) (*script, error) {
	play, err := amf.Append0(nil, "play", 0.0, nil, name, -2000.0)
	if err != nil {
		return nil, err
	}
	return &script{lines: l, play: tcCommand(play)}, nil
}

// rtmfpPlayer is one session that plays. Its seat's shard calls it, and holds the seat's lock meanwhile.
type rtmfpPlayer struct {
	viewer
	dialogue
	seat    *seat
	script  *script
	session *rtmfp.Session
}

// Opened implements rtmfp.SessionHandler.
func (p *rtmfpPlayer) Opened(s *rtmfp.Session) {
	p.seat.mu.Lock()
	defer p.seat.mu.Unlock()
	p.session, p.phase = s, phaseCommanding
	if err := p.begin(s, rtmfp.SendFuncs{OnEnded: p.hungUp}); err != nil {
		p.end(err)
	}
}

// hungUp ends the player with its control flow.
func (p *rtmfpPlayer) hungUp(_ *rtmfp.SendFlow, err error) {
	p.seat.mu.Lock()
	defer p.seat.mu.Unlock()
	p.end(err)
}

// Flow implements rtmfp.SessionHandler.
func (p *rtmfpPlayer) Flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	p.seat.mu.Lock()
	defer p.seat.mu.Unlock()
	stream, ok := p.admits(f)
	if !ok {
		return nil
	}
	if stream != 0 && p.role == neverRead {
		f.Pause()
	}
	return p
}

// Moved implements rtmfp.SessionHandler.
func (p *rtmfpPlayer) Moved(*rtmfp.Session, rtmfp.Path) {}

// Closed implements rtmfp.SessionHandler.
func (p *rtmfpPlayer) Closed(_ *rtmfp.Session, err error) { p.hungUp(nil, err) }

// Message implements rtmfp.FlowHandler.
func (p *rtmfpPlayer) Message(f *rtmfp.ReceiveFlow, m rtmfp.Message) {
	p.seat.mu.Lock()
	defer p.seat.mu.Unlock()
	if p.phase == phaseEnded {
		return
	}
	p.crowd.now = monotonic()
	p.received += uint64(len(m.Data))
	if m.Gap {
		p.givenUp()
	}
	if err := p.message(m.Data); err != nil {
		p.end(err)
	}
}

// Ended implements rtmfp.FlowHandler: the end of the server's control flow is that of the connection, others come and go.
func (p *rtmfpPlayer) Ended(f *rtmfp.ReceiveFlow, err error) {
	p.seat.mu.Lock()
	defer p.seat.mu.Unlock()
	if f == p.far {
		p.end(err)
	}
}

// message takes one message apart. What is not media and no command is the business of players that show something; messages of
// types that have no place here are to be ignored (RFC 7425 5.1).
func (p *rtmfpPlayer) message(b []byte) error {
	kind, _, payload, ok := parseTC(b)
	if !ok {
		return nil
	}
	switch kind {
	case typeAudio, typeVideo:
		p.media(kind, len(payload), payload)
	case typeCommand, typeCommand3:
		c, err := readCommand(kind, payload)
		if err != nil {
			return err
		}
		return p.command(c)
	}
	return nil
}

func (p *rtmfpPlayer) command(c command) error {
	id, ok, err := p.answer(c)
	if err != nil || !ok || p.phase != phaseCommanding {
		return err
	}
	flow, err := p.stream(id, rtmfp.PriorityCommand, nil)
	if err != nil {
		return err
	}
	if _, err := flow.Send(rtmfp.Outgoing{Body: p.script.play}); err != nil {
		return err
	}
	p.playing()
	return nil
}

// end ends the player for the given reason, once. The session is closed later: that calls back.
func (p *rtmfpPlayer) end(reason error) {
	if p.phase == phaseEnded || p.seat.closing {
		return
	}
	var rejected *rtmfp.ExceptionError
	switch {
	case reason == nil:
		reason = io.EOF
	case errors.As(reason, &rejected):
		reason = fmt.Errorf("server has rejected the control flow with code %d", rejected.Code)
	}
	p.phase, p.reason = phaseEnded, reason
	p.seat.gone(&p.viewer)
	if s := p.session; s != nil {
		s.Do(s.Close)
	}
}
