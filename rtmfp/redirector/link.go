package redirector

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"afterglow/rtmfp"
)

// link handles one session of a registrar with its redirector. It belongs to the session's owner, except for what mu guards.
type link struct {
	config   *RegistrarConfig
	settings settings
	session  *rtmfp.Session
	flow     *rtmfp.SendFlow
	back     bool
	news     chan struct{} // there is something to look at

	mu        sync.Mutex
	path      netip.AddrPort
	reflexive netip.AddrPort
	ended     bool
	err       error
}

// look gives what the session has come to.
func (l *link) look() (status Status, ended bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Status{State: Registered, Redirector: l.path, Reflexive: l.reflexive}, l.ended, l.err
}

// tell notes news.
func (l *link) tell(change func()) {
	l.mu.Lock()
	change()
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// end notes why the session has come to its end; the first reason counts.
func (l *link) end(err error) {
	l.tell(func() {
		if !l.ended {
			l.ended, l.err = true, err
		}
	})
}

// begin registers. All of it goes out in one packet: a server that drains is not offered in between.
func (l *link) begin(now announcement) {
	flow, err := l.session.OpenFlow(rtmfp.FlowConfig{
		Metadata: []byte(Metadata), Priority: rtmfp.PriorityCommand, Handler: rtmfp.SendFuncs{OnEnded: l.flowEnded},
	})
	if err != nil { // the session has ended meanwhile
		l.end(err)
		return
	}
	l.flow = flow
	l.session.SetKeepAlive(l.config.KeepAlive, l.config.GiveUp)
	_, nonce := l.session.Nonces()
	for _, c := range l.config.Credentials {
		l.send(appendAuthentication(nil, c.User, c.Password, nonce))
	}
	l.send(appendLoad(nil, now.load))
	l.send(l.settings.append(nil))
	if now.draining {
		l.sendDraining(true)
	}
}

func (l *link) sendDraining(draining bool) {
	if draining {
		l.send([]byte{commandDraining})
		return
	}
	l.send(l.settings.append(nil))
}

func (l *link) send(message []byte) {
	if l.flow == nil || !l.flow.IsOpen() {
		return
	}
	if _, err := l.flow.Send(rtmfp.Outgoing{Body: message}); err != nil {
		l.end(fmt.Errorf("redirector: %w", err))
		l.session.Close()
	}
}

// flowEnded ends the session when the redirector has rejected the registration.
func (l *link) flowEnded(_ *rtmfp.SendFlow, err error) {
	var exception *rtmfp.ExceptionError
	if !errors.As(err, &exception) {
		return // the session has ended, and says so
	}
	if exception.Code == exceptionBadAuthentication {
		err = ErrRefused
	}
	l.end(err)
	l.session.Do(l.session.Close) // not within the callback: it would lose what acknowledges the rejection
}

// Opened implements rtmfp.SessionHandler: begin follows.
func (l *link) Opened(s *rtmfp.Session) { l.Moved(s, s.Path()) }

// Moved implements rtmfp.SessionHandler.
func (l *link) Moved(s *rtmfp.Session, _ rtmfp.Path) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.path = s.Path().Addr
}

// Closed implements rtmfp.SessionHandler.
func (l *link) Closed(_ *rtmfp.Session, err error) { l.end(err) }

// Flow takes the redirector's return flow.
func (l *link) Flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	if l.back || l.flow == nil || f.Associated() != l.flow || !isMetadata(f.Metadata()) {
		return nil
	}
	l.back = true
	return rtmfp.FlowFuncs{OnMessage: l.message}
}

func (l *link) message(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
	if len(m.Data) == 0 || m.Data[0] != commandReflexive {
		return
	}
	reflexive, err := parseReflexive(m.Data[1:])
	if err != nil {
		return
	}
	l.tell(func() { l.reflexive = reflexive })
}
