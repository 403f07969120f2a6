package redirector

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// Target is a server that does not register.
type Target struct {
	// Addresses are where it is, at most MaxAddresses.
	Addresses []netip.AddrPort

	// Weight is its share of the initiators beside the other targets and registered servers, which have 1 (default 1, at most 1000).
	Weight int
}

// ServerConfig says how a redirector works. Name is required.
type ServerConfig struct {
	// Name is the hostname by which servers find the redirector.
	Name string

	// Users are the passwords of the users who may register servers, by name.
	Users map[string][]byte

	// Open lets servers register without a password. Whoever reaches the redirector can then have all clients sent to itself.
	Open bool

	// Targets are servers that do not register. They are offered in turn with the least loaded of those that do.
	Targets []Target

	// Fallback is offered when there is nobody else (default: no answer, so that clients go on asking).
	Fallback []netip.AddrPort

	// Answers is how many servers are named to an initiator, which takes the first that answers (default 2, at most 8).
	Answers int

	// Identity is the redirector's own (default: a new one with Name as hostname, which demands HMACs and sequence numbers).
	// It must have Name as hostname and not accept ancillary data.
	Identity rtmfp.Identity

	// Limits; see there.
	Limits Limits

	// Log is told of servers that come and go (default: nobody).
	Log *slog.Logger
}

// Server is the policy of an endpoint that is a redirector: [Server.Endpoint] makes it one. It answers no client itself, and no hello for
// another host. Its methods may be called from any goroutine.
type Server struct {
	config   ServerConfig
	stranger []byte // the password of users who do not exist
	fallback []wire.Address

	mu        sync.Mutex
	pool      pool
	addresses map[netip.Addr]int // sessions by block
	pending   int
	stats     Stats
	fullSince time.Time // when the log was told last that a limit is reached
}

// NewServer makes a redirector. It fails if the configuration contradicts itself.
func NewServer(config ServerConfig) (*Server, error) {
	if err := config.setDefaults(); err != nil {
		return nil, err
	}
	s := &Server{
		config: config, stranger: make([]byte, 32),
		addresses: make(map[netip.Addr]int),
	}
	if _, err := rand.Read(s.stranger); err != nil {
		return nil, err
	}
	for _, t := range config.Targets {
		s.pool.add(&place{weight: uint64(t.Weight), settings: settings{addresses: toWire(t.Addresses)}})
	}
	s.fallback = toWire(config.Fallback)
	return s, nil
}

func (c *ServerConfig) setDefaults() error {
	if c.Name == "" {
		return errors.New("redirector: a redirector needs a name")
	}
	if c.Answers == 0 {
		c.Answers = 2
	}
	if c.Answers < 1 || c.Answers > maxAnswers {
		return fmt.Errorf("redirector: %d answers: want 1 to %d", c.Answers, maxAnswers)
	}
	for user, password := range c.Users {
		if len(password) == 0 {
			return fmt.Errorf("redirector: user %q without a password", user)
		}
	}
	c.Targets = slices.Clone(c.Targets)
	for i := range c.Targets {
		if err := c.Targets[i].setDefaults(); err != nil {
			return err
		}
	}
	if err := checkAddresses(c.Fallback); err != nil {
		return fmt.Errorf("redirector: fallback: %w", err)
	}
	c.Limits = c.Limits.withDefaults()
	c.Users = maps.Clone(c.Users)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c.setIdentity()
}

func (c *ServerConfig) setIdentity() (err error) {
	if c.Identity == nil {
		always := flash.Protection{Send: flash.SendAlways, Receive: flash.Require}
		c.Identity, err = flash.NewIdentity(flash.IdentityConfig{Hostname: c.Name, HMAC: always, Sequence: always})
		return err
	}
	if !c.Identity.SelectedBy(byName(c.Name)) || c.Identity.SelectedBy(anyServer()) {
		return fmt.Errorf("redirector: the identity must have %q as hostname and not accept ancillary data", c.Name)
	}
	return nil
}

// byName is the discriminator by which servers look for a redirector; anyServer is one by which clients look for a server.
func byName(name string) []byte { return flash.Discriminator{Hostname: []byte(name)}.Append(nil) }
func anyServer() []byte         { return flash.URI("rtmfp:") }

func (t *Target) setDefaults() error {
	if t.Weight == 0 {
		t.Weight = 1
	}
	if t.Weight < 1 || t.Weight > maxWeight {
		return fmt.Errorf("redirector: target with weight %d: want 1 to %d", t.Weight, maxWeight)
	}
	if len(t.Addresses) == 0 {
		return errors.New("redirector: target without an address")
	}
	if err := checkAddresses(t.Addresses); err != nil {
		return fmt.Errorf("redirector: target: %w", err)
	}
	return nil
}

func checkAddresses(all []netip.AddrPort) error {
	if len(all) > MaxAddresses {
		return fmt.Errorf("%d addresses, more than %d", len(all), MaxAddresses)
	}
	for _, a := range all {
		if !isReachable(a) {
			return fmt.Errorf("nobody can be reached at %v", a)
		}
	}
	return nil
}

// toWire gives addresses of other servers as chunks name them.
func toWire(all []netip.AddrPort) []wire.Address {
	var addresses []wire.Address
	for _, a := range all {
		addresses = append(addresses, wire.Address{AddrPort: netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), Origin: wire.OriginRelay})
	}
	return addresses
}

// Endpoint completes the configuration of an endpoint so that it is this redirector: cryptography, identity, listener and introducer, and
// such limits and times as are zero and matter.
func (s *Server) Endpoint(config rtmfp.Config) rtmfp.Config {
	if config.Crypto == nil {
		config.Crypto = flash.Profile{}
	}
	config.Identity, config.Listener, config.Introducer = s.Identity(), s.Listener(), s
	if config.Times.Idle == 0 {
		config.Times.Idle = 30 * time.Second
	}
	limits := &config.Limits
	set := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	set(&limits.Message, MaxMessage)
	set(&limits.Sessions, 2*(s.config.Limits.Registrations+s.config.Limits.Pending))
	set(&limits.ReceiveFlows, 8)
	set(&limits.ReceiveBuffer, 4*MaxMessage)
	set(&limits.SessionBuffer, 8*MaxMessage)
	set(&limits.SendQueue, 4*MaxMessage)
	set(&limits.ForwardedHellos, 1024)
	return config
}

// Identity is the redirector's own.
func (s *Server) Identity() rtmfp.Identity { return s.config.Identity }

// Listener lets servers in.
func (s *Server) Listener() rtmfp.Listener {
	return rtmfp.Listener{Admit: s.admit, Accept: s.accept}
}

// Introduce implements [rtmfp.Introducer]: it redirects who asks for any server by a URI, or for a registered one by its fingerprint, and
// has the servers that it names send to them.
func (s *Server) Introduce(i *rtmfp.Introduction) {
	d, err := flash.ParseDiscriminator(i.Discriminator)
	if err != nil || d.Fingerprint == nil && d.Ancillary == nil {
		i.Ignore()
		return
	}
	var room [maxAnswers]*place
	var sessions [maxAnswers]*rtmfp.Session
	to, forward := s.answer(d.Fingerprint, i.From.Addr, room[:0], sessions[:0])
	if len(to) == 0 {
		i.Ignore()
		return
	}
	// The redirect goes first: what the initiator sends because of it opens its own NAT for the servers' answers.
	i.Redirect(to...)
	for _, session := range forward {
		i.Forward(session)
	}
}

// answer gives the addresses for an initiator, and the sessions by which to tell of it.
func (s *Server) answer(
	fingerprint *rtmfp.PeerID, from netip.AddrPort, places []*place, sessions []*rtmfp.Session,
) ([]wire.Address, []*rtmfp.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Hellos++
	if fingerprint == nil {
		places = s.pool.pick(time.Now(), s.config.Answers, places)
	} else if e := s.pool.named(*fingerprint); e != nil {
		places = append(places, e)
	}
	var to []wire.Address
	for _, e := range places {
		to = e.appendAddresses(to)
		// Who offers nothing of the initiator's family would send to one that has no hole for it: firewalls hold that against both.
		if e.session != nil && e.hasFamilyOf(from) {
			sessions = append(sessions, e.session)
		}
	}
	if len(places) == 0 && fingerprint == nil {
		to = append(to, s.fallback...)
	}
	s.count(len(to), len(sessions))
	return to, sessions
}

func (s *Server) count(addresses, forwards int) {
	if addresses == 0 {
		s.stats.Unanswered++
		return
	}
	s.stats.Redirects++
	s.stats.Forwards += uint64(forwards)
}

// admit refuses who comes when there is no room, before keying is paid for.
func (s *Server) admit(from rtmfp.Path, _ rtmfp.Certificate) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hasRoom(from.Addr)
}

// hasRoom says whether one more session is within the limits, and counts and logs if it is not.
func (s *Server) hasRoom(from netip.AddrPort) bool {
	var what string
	switch {
	case s.pending >= s.config.Limits.Pending:
		what = "too many sessions that have not registered"
	case s.addresses[block(from.Addr())] >= s.config.Limits.PerAddress:
		what = "too many sessions of one address"
	default:
		return true
	}
	s.stats.RefusedFull++
	s.logFull(what, from)
	return false
}

// logFull says at most once in a while that there is no room: anybody can cause it.
func (s *Server) logFull(what string, from netip.AddrPort) {
	now := time.Now()
	if !s.fullSince.IsZero() && now.Sub(s.fullSince) < quiet {
		return
	}
	s.fullSince = now
	s.config.Log.Warn("redirector is full", "reason", what, "address", from, "refused", s.stats.RefusedFull)
}

// accept takes a session that may become a registration.
func (s *Server) accept(session *rtmfp.Session) rtmfp.SessionHandler {
	g := &guest{server: s, session: session, block: block(session.Path().Addr.Addr()), authenticated: s.config.Open}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasRoom(session.Path().Addr) {
		return nil
	}
	s.addresses[g.block]++
	s.pending++
	third := s.config.Limits.Vanished / 3
	session.SetKeepAlive(third, s.config.Limits.Vanished-third)
	g.after(s.config.Limits.Patience, g.giveUp)
	return g
}

// forget ends a guest's part in the limits.
func (s *Server) forget(g *guest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addresses[g.block]--; s.addresses[g.block] == 0 {
		delete(s.addresses, g.block)
	}
	if g.place == nil {
		s.pending--
	}
}

// password gives that of a user, or one that nobody knows, in about the same time.
func (s *Server) password(user []byte) []byte {
	if password, ok := s.config.Users[string(user)]; ok {
		return password
	}
	return s.stranger
}
