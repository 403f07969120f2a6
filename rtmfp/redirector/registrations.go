package redirector

import (
	"log/slog"
	"net/netip"

	"afterglow/rtmfp"
)

// admitPlace makes a guest a registered server; false if there are too many.
func (s *Server) admitPlace(g *guest, wanted settings) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stats.Servers >= s.config.Limits.Registrations {
		s.stats.RefusedFull++
		return false
	}
	g.place = &place{
		session: g.session, peer: g.session.PeerID(), observed: g.session.Path().Addr,
		settings: wanted, load: g.load, weight: 1,
	}
	s.pool.add(g.place)
	s.pending--
	s.stats.Servers++
	s.stats.Registrations++
	return true
}

// dropPlace ends the registration of a guest; false if it had none. The guest is one of those then that have not registered.
func (s *Server) dropPlace(g *guest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.place == nil {
		return false
	}
	s.pool.remove(g.place)
	g.place = nil
	s.pending++
	s.stats.Servers--
	s.stats.Gone++
	return true
}

// update changes a registration.
func (s *Server) update(g *guest, change func(*place)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(g.place)
}

// note changes the figures.
func (s *Server) note(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}

func (g *guest) log() *slog.Logger { return g.server.config.Log }

// about begins the attributes of a line in the log with who it is about.
func (g *guest) about(more ...any) []any {
	return append([]any{"peer", g.session.PeerID(), "address", g.session.Path()}, more...)
}

// Stats is what a redirector has counted since it was made.
type Stats struct {
	// Hellos are the questions of initiators, Redirects those that were answered, Unanswered those for which there was nobody.
	// Forwards counts the servers that were told of an initiator.
	Hellos, Redirects, Unanswered, Forwards uint64

	// Registrations counts servers that came, Gone those that went.
	Registrations, Gone uint64

	// RefusedPassword counts registrations without a right password, RefusedFull what was beyond a limit, RefusedMessage malformed
	// messages and what else is no registration. Ignored counts commands that are unknown.
	RefusedPassword, RefusedFull, RefusedMessage, Ignored uint64

	// Servers is how many are registered now, Draining those of them, and Pending the sessions that have not registered.
	Servers, Draining, Pending int
}

// Stats gives the figures.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Pending = s.pending
	for _, p := range s.pool.places {
		if p.session != nil && p.draining {
			stats.Draining++
		}
	}
	return stats
}

// Registration describes a registered server.
type Registration struct {
	// Peer is who it is.
	Peer rtmfp.PeerID

	// Observed is where its packets come from; Offered are the addresses that clients are given.
	Observed netip.AddrPort
	Offered  []netip.AddrPort

	// Load is what it reported last, Draining whether it takes nobody new.
	Load     uint64
	Draining bool
}

// Registrations gives the registered servers, in the order in which they came.
func (s *Server) Registrations() []Registration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Registration
	for _, p := range s.pool.places {
		if p.session == nil {
			continue
		}
		r := Registration{Peer: p.peer, Observed: p.observed, Load: p.load, Draining: p.draining}
		for _, a := range p.appendAddresses(nil) {
			r.Offered = append(r.Offered, a.AddrPort)
		}
		all = append(all, r)
	}
	return all
}
