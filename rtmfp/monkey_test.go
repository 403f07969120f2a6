package rtmfp_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
)

// addEnd puts a host with a core of random limits on the network.
func (m *monkey) addEnd() {
	n := len(m.ends)
	e := &monkeyEnd{monkey: m, port: 2000}
	e.host = m.NewHost(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n + 1)}), e.port))
	if m.chance(0.5) {
		e.host.SetWorker(time.Duration(m.rng.IntN(60))*time.Millisecond, 1+m.rng.IntN(5))
	}
	e.config.Times = rtmfp.Times{OpenTimeout: 20 * time.Second, GiveUp: 25 * time.Second, Idle: 40 * time.Second}
	if m.chance(0.3) {
		e.config.Limits = rtmfp.Limits{ReceiveFlows: 20, SessionBuffer: 40000, ReceiveBuffer: 20000}
	}
	if m.chance(0.2) {
		e.config.Limits.Sessions = 6
	}
	if m.chance(0.2) {
		e.config.Limits.Packet = 256 + m.rng.IntN(1500)
	}
	e.config.FragmentStartup = m.chance(0.2)
	e.host.SetLinks(m.conditions())
	m.ends = append(m.ends, e)
	e.newCore([]*flash.Identity{m.identities[n]})
}

// newCore gives the end a new core with some identities.
func (e *monkeyEnd) newCore(identities []*flash.Identity) {
	config := e.config
	config.Crypto, config.Introducer = flash.Profile{}, rtmfp.IntroduceAll{}
	config.Outlet, config.Random, config.Worker = e.host.Outlet(), e.Random(), e.host.Worker()
	core, err := rtmfp.NewCore(config)
	if err != nil {
		e.t.Fatal(err)
	}
	e.core, e.names, e.identity = core, nil, make(map[string]*flash.Identity)
	for _, id := range identities {
		e.addIdentity(id)
	}
	e.host.Attach(core)
}

func (e *monkeyEnd) do(f func()) {
	e.host.Do(func() { e.core.Do(e.Now(), f) })
}

// restart gives the end a new core. The old one ends with a word to all far ends or with none.
func (e *monkeyEnd) restart() {
	if e.chance(0.5) {
		e.do(func() { e.core.Close(e.Now()) })
		for _, h := range e.sessions {
			e.check(h.core != e.core || h.closed == 1, "session not closed with its core: opened %d times, %s", h.opened, h.session.State())
		}
	} else {
		e.sessions, e.inboxes, e.outboxes = nil, nil, nil
	}
	var identities []*flash.Identity
	for _, name := range e.names {
		identities = append(identities, e.identity[name])
	}
	e.newCore(identities)
}

// step does something to the network or to one end.
func (m *monkey) step() {
	e := m.ends[m.rng.IntN(len(m.ends))]
	switch x := m.rng.IntN(1000); {
	case x < 8:
		e.host.SetLinks(m.conditions())
	case x < 11:
		e.host.Blackout(time.Duration(m.rng.IntN(40_000)) * time.Millisecond)
	case x < 15:
		e.port++
		e.host.Move(0, netip.AddrPortFrom(e.host.Addr(0).Addr(), e.port), nil)
	case x < 17:
		e.restart()
	case m.hostile && x < 400:
		e.attack()
	default:
		e.do(func() { m.act(e, nil) })
	}
	m.RunFor(time.Duration(m.rng.ExpFloat64() * float64(200*time.Millisecond)))
}

func (m *monkey) consistent() {
	for _, e := range m.ends {
		if err := rtmfp.Check(e.core); err != nil {
			m.check(false, "%v: %v", e.host.Addr(0), err)
		}
		if err := rtmfp.CheckGroup(e.core); err != nil {
			m.check(false, "%v: %v", e.host.Addr(0), err)
		}
	}
}

// calmDown ends all that is random, and gives everything that is on its way the time to arrive.
func (m *monkey) calmDown() {
	m.calm = true
	for _, e := range m.ends {
		e.host.Blackout(0)
		e.host.SetLinks(simnet.Conditions{Delay: 20 * time.Millisecond})
	}
	for range 2 { // for flows that begin meanwhile too
		for _, e := range m.ends {
			e.do(func() {
				for _, i := range e.inboxes {
					i.flow.SetCapacity(1 << 20)
					i.flow.Resume()
				}
			})
		}
		m.RunFor(200 * time.Second)
	}
	m.consistent()
}

// finish closes all flows, waits until the idle sessions have gone, and looks at what is left.
func (m *monkey) finish() {
	for _, e := range m.ends {
		for _, o := range e.outboxes {
			stalled := o.session.session.IsOpen() && (o.flow.Queued() > 0 || len(o.receipts) > 0)
			m.check(m.hostile || !stalled, "flow %d is stalled: %d bytes queued, %d receipts", o.flow.ID(), o.flow.Queued(), len(o.receipts))
			e.do(o.flow.Close)
		}
		if m.hostile {
			e.do(func() { e.core.Sessions(func(s *rtmfp.Session) bool { s.Close(); return true }) })
		}
	}
	m.RunFor(500 * time.Second)
	for _, e := range m.ends {
		if err := rtmfp.Remains(e.core); err != nil {
			m.check(false, "%v: %v", e.host.Addr(0), err)
		}
		for _, h := range e.sessions {
			m.check(h.closed == 1, "session closed %d times, opened %d times: %s", h.closed, h.opened, h.session.State())
		}
		for _, i := range e.inboxes {
			m.check(i.over(), "receiving flow ended %d times, rejected %v", i.ended, i.rejected)
		}
	}
}

// TestAnythingGoes has many runs where AFTERGLOW_SOAK asks for it.
func TestAnythingGoes(t *testing.T) {
	seeds, steps := 3, 400
	if soak() {
		seeds, steps = 300, 1500
	}
	for seed := range uint64(seeds) {
		for _, hostile := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed %d hostile %v", seed, hostile), func(t *testing.T) {
				m := newMonkey(t, seed, hostile)
				for range 2 + m.rng.IntN(3) {
					m.addEnd()
				}
				for range steps {
					m.step()
					if m.consistent(); t.Failed() {
						return
					}
				}
				m.calmDown()
				m.finish()
			})
		}
	}
}
