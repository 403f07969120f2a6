package overrtmfp

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/netconn"
	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// Config is what a Server does with its connections. A zero field means its default.
type Config struct {
	NetConn netconn.Config
	Limits  Limits
	// KeepAlive is what clients are advised, NATKeepAlive what those behind a NAT are (RFC 7425 5.3.4): defaults 20 s and 20 s,
	// and 15 s and 10 s.
	KeepAlive, NATKeepAlive KeepAlive
	// Silence is how long a client may be silent before it is asked whether it is there, GiveUp how long it then has to answer,
	// of sessions that come from now on. Zero is what the endpoint has.
	Silence, GiveUp time.Duration
	// Sessions is the most sessions in all. Default: no limit but the endpoint's.
	Sessions int
	// SessionsPerAddress is the most sessions from one IP address, for IPv6 from one /64 network. Default: no limit.
	SessionsPerAddress int
	// Introductions is how many wishes for an introduction a client may have in a second. Default 20.
	Introductions int
	// Redirect has the servers to which new clients are sent while RedirectAbove sessions or more are open here: all are named to
	// them, and they take the one that answers first.
	Redirect      []netip.AddrPort
	RedirectAbove int
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&c.KeepAlive.Server, 20*time.Second)
	set(&c.KeepAlive.Peers, 20*time.Second)
	set(&c.NATKeepAlive.Server, 15*time.Second)
	set(&c.NATKeepAlive.Peers, 10*time.Second)
	if c.Introductions <= 0 {
		c.Introductions = 20
	}
	c.Limits = c.Limits.withDefaults()
	return c
}

// Server turns the sessions of an rtmfp.Endpoint into NetConnections: [Server.Listener] is the policy of the endpoint's identity,
// and the Server itself its Introducer. Its methods may be called from any goroutine.
type Server struct {
	handler netconn.Handler
	config  atomic.Pointer[Config]
	station *station
	log     *slog.Logger

	mu       sync.Mutex
	clients  map[*client]struct{}
	byPeer   index[rtmfp.PeerID]
	byAddr   index[netip.AddrPort]
	sessions map[netip.Addr]int // by network
	sweeper  *time.Timer
	draining bool
	live     sync.WaitGroup

	strangers wishes // those of who is not connected; guarded by mu
}

// client is a session of a Server and the NetConnection on it.
type client struct {
	carrier
	server  *Server
	peer    rtmfp.PeerID
	network netip.Addr
	since   time.Time
	link    *link // the NetConnection, nil before there is one; set once
	conn    *netconn.Conn
	asked   wishes // guarded by the server
	addr    netip.AddrPort
}

// NewServer makes a Server that asks handler. A nil log is slog.Default.
func NewServer(handler netconn.Handler, config Config, log *slog.Logger) *Server {
	s := &Server{
		handler: handler, station: newStation(config.Limits, log),
		clients: make(map[*client]struct{}), byPeer: make(index[rtmfp.PeerID]), byAddr: make(index[netip.AddrPort]),
		sessions: make(map[netip.Addr]int),
	}
	s.log = s.station.log
	s.SetConfig(config)
	return s
}

// SetConfig changes what holds from now on; NetConn for connections that come from now on.
func (s *Server) SetConfig(config Config) {
	c := config.withDefaults()
	s.config.Store(&c)
	s.station.setLimits(c.Limits)
}

// Config returns what SetConfig was given, with its defaults.
func (s *Server) Config() Config { return *s.config.Load() }

// Stats returns the server's counters, which go on counting.
func (s *Server) Stats() *Stats { return &s.station.stats }

// Sessions returns how many sessions are open.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

// Listener is the policy of the identity by which clients find the server.
func (s *Server) Listener() rtmfp.Listener {
	return rtmfp.Listener{Redirect: s.redirect, Admit: s.admit, Accept: s.accept}
}

// redirect sends clients to other servers if the configuration says so (RFC 7016 3.5.1.4).
func (s *Server) redirect(h rtmfp.Hello) []wire.Address {
	c := s.config.Load()
	if len(c.Redirect) == 0 || h.Forwarded || c.RedirectAbove > 0 && s.Sessions() < c.RedirectAbove {
		return nil
	}
	s.station.stats.Redirected.Add(1)
	var to []wire.Address
	for _, a := range c.Redirect {
		to = append(to, wire.Address{AddrPort: a, Origin: wire.OriginRelay})
	}
	return to
}

// admit refuses far ends beyond the limit for their address, before keying is paid for.
func (s *Server) admit(from rtmfp.Path, _ rtmfp.Certificate) bool {
	config := s.config.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining || config.Sessions > 0 && len(s.clients) >= config.Sessions {
		return false
	}
	most := config.SessionsPerAddress
	return most <= 0 || s.sessions[networkOf(from.Addr.Addr())] < most
}

// networkOf is what counts as one address: IPv6 hosts have a /64 network to themselves.
func networkOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// accept takes a session.
func (s *Server) accept(session *rtmfp.Session) rtmfp.SessionHandler {
	c := &client{server: s, peer: session.PeerID(), since: time.Now(), addr: session.Path().Addr}
	c.network = networkOf(c.addr.Addr())
	c.carrier = carrier{owner: c, session: session}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return nil
	}
	config := s.config.Load()
	session.SetKeepAlive(config.Silence, config.GiveUp)
	s.clients[c] = struct{}{}
	s.byPeer.add(c.peer, c)
	s.byAddr.add(c.addr, c)
	s.sessions[c.network]++
	s.live.Add(1)
	if s.sweeper == nil {
		s.sweeper = time.AfterFunc(sweepPeriod, s.sweep)
	}
	return &c.carrier
}

// begin makes the NetConnection when the client opens its control flow (RFC 7425 5.3.1). There is one on a session, and a server
// has no direct streams.
func (c *client) begin(_ *carrier, m metadata) *link {
	if m.streamID != 0 || c.link != nil {
		return nil
	}
	l := newLink(c.server.station, c.session, 0)
	c.add(l)
	t := &clientTransport{link: l, client: c}
	conn := netconn.NewConn(t, c.server.handler, c.server.config.Load().NetConn)
	l.end = conn
	c.server.mu.Lock()
	c.link, c.conn = l, conn
	c.server.mu.Unlock()
	return l
}

// linkEnded closes the session with the NetConnection.
func (c *client) linkEnded(_ *carrier, l *link) {
	ordinary := l.counts.count(l.reason)
	level := slog.LevelWarn
	if ordinary || errors.Is(l.reason, rtmfp.ErrAbuse) { // of which the endpoint has warned
		level = slog.LevelDebug
	}
	c.server.log.Log(context.Background(), level, "connection ended", "client", c.conn.ID(), "remote", l.Far().Address, "protocol", "rtmfp",
		"rtt", time.Duration(l.rtt.Load()), "missed_audio", l.missed[laneAudio], "missed_video", l.missed[laneVideo], "reason", l.reason)
	c.session.Close()
}

func (c *client) stats() *Stats { return &c.server.station.stats }

// moved keeps the index of addresses, and tells the application.
func (c *client) moved(*carrier) {
	s := c.server
	to := c.session.Path().Addr
	s.mu.Lock()
	s.byAddr.remove(c.addr, c)
	s.leaveNetwork(c.network)
	c.addr, c.network = to, networkOf(to.Addr())
	s.byAddr.add(to, c)
	s.sessions[c.network]++
	s.mu.Unlock()
	if c.link != nil {
		c.conn.Moved(c.link.moved())
	}
}

// leaveNetwork counts a session less. The caller holds mu.
func (s *Server) leaveNetwork(network netip.Addr) {
	if s.sessions[network]--; s.sessions[network] <= 0 {
		delete(s.sessions, network)
	}
}

// closed forgets the session.
func (c *client) closed(*carrier, error) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	s.byPeer.remove(c.peer, c)
	s.byAddr.remove(c.addr, c)
	s.leaveNetwork(c.network)
	if len(s.clients) == 0 && s.sweeper != nil {
		s.sweeper.Stop()
		s.sweeper = nil
	}
	s.live.Done()
}

// sweepPeriod is how often slow clients, and those that do not connect, are looked for.
const sweepPeriod = time.Second

var errNoConnect = errors.New("no connect command in time")

// sweep has every session look at its times, on its shard.
func (s *Server) sweep() {
	s.mu.Lock()
	if s.sweeper == nil {
		s.mu.Unlock()
		return
	}
	s.sweeper.Reset(sweepPeriod)
	all := s.list()
	s.mu.Unlock()
	for _, c := range all {
		c.session.Do(c.check)
	}
}

// list returns all clients. The caller holds mu.
func (s *Server) list() []*client {
	all := make([]*client, 0, len(s.clients))
	for c := range s.clients {
		all = append(all, c)
	}
	return all
}

func (c *client) check() {
	l := c.link
	late := time.Since(c.since) > c.server.config.Load().Limits.ConnectTime
	switch {
	case l == nil && late:
		c.session.Close()
	case l == nil:
	case late && c.conn.Request() == nil:
		l.abort(errNoConnect)
	default:
		l.checkTime()
	}
}

// Tell sends every client that is there a status and ends its connection after it.
func (s *Server) Tell(status netconn.Status) {
	s.mu.Lock()
	all := s.list()
	s.mu.Unlock()
	for _, c := range all {
		c.session.Do(func() {
			if c.link == nil {
				c.session.Close()
				return
			}
			c.conn.Disconnect(status)
		})
	}
}

// Close lets nobody in any more.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
}

// Wait waits until all sessions have ended, or ctx has.
func (s *Server) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		s.live.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Clients returns the NetConnections of all sessions that have one.
func (s *Server) Clients() []*netconn.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*netconn.Conn
	for c := range s.clients {
		if c.conn != nil {
			out = append(out, c.conn)
		}
	}
	return slices.Clip(out)
}
