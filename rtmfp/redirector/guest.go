package redirector

import (
	"crypto/hmac"
	"errors"
	"net/netip"
	"time"

	"afterglow/rtmfp"
)

// guest handles a session whose far end is to register. It belongs to the session's owner, place and its fields to the server's lock as
// well: the owner alone changes them, with the lock.
type guest struct {
	server        *Server
	session       *rtmfp.Session
	block         netip.Addr
	flow          *rtmfp.ReceiveFlow
	back          *rtmfp.SendFlow
	place         *place // nil until settings came
	load          uint64
	draining      bool
	authenticated bool
	attempts      int
	refused       bool
	closed        bool
	timer         *time.Timer
}

// after has f run on the owner later, in place of what was to run so.
func (g *guest) after(d time.Duration, f func()) {
	if g.timer != nil {
		g.timer.Stop()
	}
	if g.closed {
		return
	}
	g.timer = time.AfterFunc(d, func() { g.session.Do(f) })
}

// Opened is never called: the far end dials.
func (g *guest) Opened(*rtmfp.Session) {}

// Flow takes the one flow of a registration.
func (g *guest) Flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	if g.flow != nil || g.refused || !isMetadata(f.Metadata()) {
		return nil
	}
	if !g.session.FarCertificate().SelectedBy(anyServer()) {
		g.refuse("its certificate does not accept a URI: clients would not take it for a server")
		return nil
	}
	g.flow = f
	return g
}

// Moved tells the far end of its new address, and clients from now on.
func (g *guest) Moved(s *rtmfp.Session, before rtmfp.Path) {
	g.report()
	if g.place == nil {
		return
	}
	g.server.update(g, func(p *place) { p.observed = s.Path().Addr })
	g.log().Info("registered server moved", g.about("from", before)...)
}

// Closed ends the registration.
func (g *guest) Closed(_ *rtmfp.Session, err error) {
	g.leave(err)
	g.closed = true
	g.timer.Stop()
	g.server.forget(g)
}

// Ended says that the far end has closed its flow: it does not want to be registered any more.
func (g *guest) Ended(_ *rtmfp.ReceiveFlow, err error) {
	g.leave(err)
	g.refused = true
	g.after(farewell, g.session.Close)
}

// Message takes a command.
func (g *guest) Message(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
	if len(m.Data) == 0 || g.refused {
		return
	}
	command, payload := m.Data[0], m.Data[1:]
	if command != commandAuthenticate && !g.authenticated {
		g.refuseUnknown()
		return
	}
	if err := g.obey(command, payload); err != nil {
		g.refuse(err.Error())
	}
}

func (g *guest) obey(command byte, payload []byte) error {
	switch command {
	case commandAuthenticate:
		return g.authenticate(payload)
	case commandSettings:
		return g.register(payload)
	case commandDraining:
		g.setDraining(true)
	case commandLoad:
		return g.setLoad(payload)
	case commandUserData:
		g.answer()
	default:
		g.server.note(func(s *Stats) { s.Ignored++ })
	}
	return nil
}

// authenticate notes a proof of a password. A wrong one may be followed by a right one: each user is tried.
func (g *guest) authenticate(payload []byte) error {
	sum, user, err := parseAuthentication(payload)
	if err != nil {
		return err
	}
	if g.attempts++; g.attempts > maxAttempts {
		return errors.New("too many proofs of a password")
	}
	near, _ := g.session.Nonces()
	if hmac.Equal(sum, proof(g.server.password(user), near)) {
		g.authenticated = true
	}
	return nil
}

// register takes settings, the first ones of which make a registration, and all of which end draining.
func (g *guest) register(payload []byte) error {
	wanted, err := parseSettings(payload)
	if err != nil {
		return err
	}
	g.draining = false
	if g.place != nil {
		g.server.update(g, func(p *place) { p.settings, p.draining = wanted, false })
		g.log().Info("server registered again", g.about("observed", wanted.observed, "listed", wanted.addresses)...)
		return nil
	}
	if !g.server.admitPlace(g, wanted) {
		return errors.New("too many registered servers")
	}
	g.log().Info("server registered", g.about("observed", wanted.observed, "listed", wanted.addresses, "load", g.load)...)
	g.answer()
	return nil
}

func (g *guest) setDraining(draining bool) {
	if g.draining == draining {
		return
	}
	g.draining = draining
	if g.place != nil {
		g.server.update(g, func(p *place) { p.draining = draining })
	}
	g.log().Info("server draining", g.about()...)
	g.answer()
}

func (g *guest) setLoad(payload []byte) error {
	load, err := parseLoad(payload)
	if err != nil {
		return err
	}
	g.load = load
	if g.place != nil {
		g.server.update(g, func(p *place) { p.report(load) })
	}
	g.log().Debug("server load", g.about("load", load)...)
	return nil
}

// answer opens the return flow at the first command, and reports the address.
func (g *guest) answer() {
	if g.back != nil {
		return
	}
	back, err := g.session.OpenFlow(rtmfp.FlowConfig{Metadata: []byte(Metadata), Return: g.flow, Priority: rtmfp.PriorityCommand})
	if err != nil {
		g.log().Debug("no return flow", g.about("error", err)...)
		return
	}
	g.back = back
	g.report()
}

func (g *guest) report() {
	if g.back == nil {
		return
	}
	body := appendReflexive(nil, g.session.Path().Addr)
	if _, err := g.back.Send(rtmfp.Outgoing{Body: body}); err != nil {
		g.log().Debug("address not reported", g.about("error", err)...)
	}
}

// refuseUnknown rejects who has proved no password, but not at once: guessing shall be slow.
func (g *guest) refuseUnknown() {
	g.refused = true
	g.log().Warn("registration refused", g.about("reason", "no right user and password")...)
	g.server.note(func(s *Stats) { s.RefusedPassword++ })
	g.after(authDelay, func() {
		g.flow.Reject(exceptionBadAuthentication)
		g.after(farewell, g.session.Close)
	})
}

// refuse ends a registration, or what was to become one.
func (g *guest) refuse(why string) {
	g.refused = true
	g.log().Warn("registration refused", g.about("reason", why)...)
	g.server.note(func(s *Stats) { s.RefusedMessage++ })
	g.leave(errors.New(why))
	if g.flow != nil {
		g.flow.Reject(0)
	}
	if g.back != nil {
		g.back.Close()
	}
	g.after(farewell, g.session.Close)
}

// giveUp closes a session that has not registered in time.
func (g *guest) giveUp() {
	if g.place != nil || g.refused {
		return
	}
	g.refused = true
	g.log().Warn("registration refused", g.about("reason", "it sent none in time")...)
	g.server.note(func(s *Stats) { s.RefusedMessage++ })
	g.session.Close()
}

// leave ends the registration, if there is one.
func (g *guest) leave(why error) {
	if !g.server.dropPlace(g) {
		return
	}
	g.log().Info("server gone", g.about("reason", why)...)
}
