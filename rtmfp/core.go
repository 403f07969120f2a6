package rtmfp

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"

	"afterglow/rtmfp/wire"
)

// Core is an RTMFP endpoint that does no I/O and starts no goroutine. Its owner, one goroutine at a time, hands it datagrams and the
// time, and calls Poll when something was handed in and when NextTimer is due. All callbacks run within these calls, on the
// owner; they may call any method of the core, its sessions and flows except Receive, Poll and Do.
type Core struct {
	config     CoreConfig
	now        Instant
	startup    Cipher
	group      *Group
	cookies    cookieJar
	identities []*localIdentity
	sessions   map[uint32]*Session
	peers      map[peerKey]*Session
	openings   map[tag]*Session
	keyed      int // of the openings: those that are in sessions too
	keying     map[keyingKey]struct{}
	joiner     startupJoiner
	door       allowance // of startup datagrams
	timers     timerHeap
	dirty      []*Session
	realTime   realTime
	questions  ring[*Introduction]
	asked      int
	closed     bool
	room       []byte       // of the outlet, for the packet that is being made
	building   bool         // callbacks run while a packet is being made
	later      []func()     // what they wanted to send
	parsed     []wire.Range // of the acknowledgement that is being read
	chosen     []*SendFlow  // room for the flows whose timers are due
	stats      CoreStats

	lastFragmented uint64
}

// localIdentity is one of our identities with the policy for those who ask for it.
type localIdentity struct {
	name     string
	identity Identity
	listener Listener
}

// peerKey names a session by who its two ends are.
type peerKey struct {
	near, far PeerID
}

// with is the key of sessions with a far end.
func (l *localIdentity) with(far Certificate) peerKey {
	return peerKey{l.identity.Certificate().PeerID(), far.PeerID()}
}

// Listener is the policy of an identity towards initiators. A zero Listener lets nobody in.
type Listener struct {
	// Redirect, if not nil, may answer a hello with other addresses to try instead of our own certificate (RFC 7016
	// 3.5.1.4, 3.5.1.7). No addresses: the hello is answered as usual.
	Redirect func(Hello) []wire.Address

	// Admit, if not nil, may refuse a far end once its cookie is verified, before keying is paid for.
	Admit func(from Path, far Certificate) bool

	// Accept is told of a session that has opened and gives what handles its events; nil refuses the session.
	Accept func(*Session) SessionHandler
}

// Hello is an initiator's request to be answered. Its slices are valid during the call.
type Hello struct {
	// From is where it came from, or what a forwarder saw.
	From Path

	// Discriminator says who is sought.
	Discriminator []byte

	// Forwarded says that it came as a FIHello within a session (RFC 7016 2.3.3).
	Forwarded bool
}

// NewCore makes a core. It fails if Crypto or Outlet are missing or the shard numbers make no sense.
func NewCore(config CoreConfig) (*Core, error) {
	if config.Crypto == nil || config.Outlet == nil {
		return nil, fmt.Errorf("rtmfp: a core needs Crypto and Outlet")
	}
	if config.Shards == 0 {
		config.Shards = 1
	}
	if n := config.Shards; n > 64 || n&(n-1) != 0 || config.Shard < 0 || config.Shard >= n {
		return nil, fmt.Errorf("rtmfp: shard %d of %d: want a power of two up to 64 and a number below it", config.Shard, n)
	}
	if config.Random == nil {
		config.Random = rand.Reader
	}
	if config.Worker == nil {
		config.Worker = atOnce{}
	}
	if config.Post == nil {
		config.Post = func(f func()) bool { f(); return true }
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	config.Times = config.Times.withDefaults()
	config.Limits = config.Limits.withDefaults()
	if config.Group == nil {
		group, err := NewGroup(config.Random)
		if err != nil {
			return nil, err
		}
		config.Group = group
	}
	c := &Core{
		config:   config,
		startup:  config.Crypto.NewDefaultCipher(),
		group:    config.Group,
		cookies:  newCookieJar(config.Group.secret, config.Times.CookieLifetime),
		sessions: make(map[uint32]*Session),
		peers:    make(map[peerKey]*Session),
		openings: make(map[tag]*Session),
		keying:   make(map[keyingKey]struct{}),
		joiner:   startupJoiner{most: config.Limits.Reassemblies, size: config.Limits.Startup},
	}
	return c, nil
}

// atOnce is the worker of those who have none.
type atOnce struct{}

func (atOnce) Do(compute, done func()) bool {
	compute()
	done()
	return true
}

// AddIdentity lets the core answer to an identity, and dial under it, by a name that is ours alone.
func (c *Core) AddIdentity(name string, identity Identity, listener Listener) error {
	if c.closed {
		return ErrClosed
	}
	if c.identity(name) != nil {
		return fmt.Errorf("%w: %q", ErrIdentityExists, name)
	}
	c.identities = append(c.identities, &localIdentity{name, identity, listener})
	return nil
}

// RemoveIdentity closes the sessions of an identity in good order and forgets it.
func (c *Core) RemoveIdentity(name string) error {
	i := slices.IndexFunc(c.identities, func(l *localIdentity) bool { return l.name == name })
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrNoIdentity, name)
	}
	gone := c.identities[i]
	c.identities = slices.Delete(c.identities, i, i+1)
	for _, s := range c.sessionsOf(gone) {
		s.Close()
	}
	return nil
}

func (c *Core) identity(name string) *localIdentity {
	for _, l := range c.identities {
		if l.name == name {
			return l
		}
	}
	return nil
}

func (c *Core) sessionsOf(l *localIdentity) []*Session {
	return slices.DeleteFunc(c.everySession(), func(s *Session) bool { return s.local != l })
}

// Sessions calls f for every session that is open, until f returns false.
func (c *Core) Sessions(f func(*Session) bool) {
	for _, s := range c.everySession() {
		if s.state == stateOpen && !f(s) {
			return
		}
	}
}

// Peer gives the newest open session with a far end, whatever our identity in it, or nil.
func (c *Core) Peer(id PeerID) *Session {
	for _, l := range c.identities {
		for s := c.peers[peerKey{l.identity.Certificate().PeerID(), id}]; s != nil; s = s.older {
			if s.state == stateOpen {
				return s
			}
		}
	}
	return nil
}

// shardOfPeer finds another core that has a session with a far end, whatever our identity in it.
func (c *Core) shardOfPeer(far PeerID) (int, bool) {
	for _, l := range c.identities {
		key := peerKey{l.identity.Certificate().PeerID(), far}
		if shard, ok := c.group.shardOfPeer(key, c.config.Shard); ok {
			return shard, true
		}
	}
	return 0, false
}

// Now is the time of the call that the core is in, or was in last. Within callbacks, and within what Session.Do runs, it is what
// StartBy and FinishBy are counted from.
func (c *Core) Now() Instant { return c.now }

// Receive takes one datagram, which the core changes in place and does not keep.
func (c *Core) Receive(now Instant, from Path, datagram []byte) {
	c.advance(now)
	c.stats.DatagramsReceived++
	c.stats.BytesReceived += uint64(len(datagram))
	id, ok := wire.SessionID(datagram)
	if !ok {
		c.stats.DroppedShort++
		return
	}
	sealed := datagram[wire.SessionIDSize:]
	if id == 0 {
		if c.door.take(c.now, c.config.Limits.StartupRate/10+1, c.config.Limits.StartupRate) {
			c.receiveStartup(from, sealed)
			return
		}
		c.stats.DroppedStartup++
		return
	}
	s := c.sessions[id]
	if s == nil {
		c.stats.DroppedUnknownSession++
		return
	}
	s.receive(from, sealed)
}

// Poll runs what is due, and sends what there is to send.
func (c *Core) Poll(now Instant) {
	c.advance(now)
	for {
		s := c.timers.due(c.now)
		if s == nil {
			break
		}
		s.timer()
	}
	c.flush()
	c.joiner.expire(c.now)
}

// Do runs f on behalf of an owner who is not in a callback, and then sends what there is to send.
func (c *Core) Do(now Instant, f func()) {
	c.advance(now)
	f()
	c.flush()
}

// Post is [Session.Do] for what concerns no session, and as safe.
func (c *Core) Post(f func()) bool { return c.config.Post(f) }

// NextTimer says when Poll has to be called next if nothing else happens, or Never.
func (c *Core) NextTimer() Instant { return c.timers.next() }

// Close ends all sessions at once, telling each far end with one packet (RFC 7016 3.5.5), and the core with them.
func (c *Core) Close(now Instant) {
	c.advance(now)
	c.closed = true
	for _, s := range c.everySession() {
		s.Abort(ErrClosed)
	}
	c.identities = nil
}

// Shutdown closes all sessions in good order; the core is done when Drained says so, and takes nobody in any more.
func (c *Core) Shutdown(now Instant) {
	c.advance(now)
	c.closed = true
	for _, s := range c.everySession() {
		s.Close()
	}
	c.flush()
}

// Drained says whether no session waits for the far end's word any more.
func (c *Core) Drained() bool {
	for _, s := range c.sessions {
		if s.state == stateOpen || s.state == stateNearClose {
			return false
		}
	}
	return true
}

// everySession gives them in an order that is the same each time.
func (c *Core) everySession() []*Session {
	all := make([]*Session, 0, len(c.sessions)+len(c.openings))
	for _, s := range c.sessions {
		all = append(all, s)
	}
	for _, s := range c.openings {
		if s.state == stateHelloSent {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, (*Session).compare)
	return all
}

// compare orders sessions by their IDs; the first ones have none yet.
func (s *Session) compare(other *Session) int {
	if s.receiveID != 0 || other.receiveID != 0 {
		return cmp.Compare(s.receiveID, other.receiveID)
	}
	return bytes.Compare(s.opening.tag[:], other.opening.tag[:])
}

// pathTo finds the interface by which an address is reached.
func (c *Core) pathTo(addr netip.AddrPort) (Path, bool) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if !addr.IsValid() || addr.Port() == 0 || addr.Addr().IsUnspecified() || addr.Addr().IsMulticast() {
		return Path{}, false
	}
	if c.config.Route == nil {
		return Path{Addr: addr}, true
	}
	via, ok := c.config.Route(addr.Addr())
	return Path{Interface: via, Addr: addr}, ok
}

// toldPath is pathTo for an address that another endpoint has told of. Loopback means something else to those who are not on this
// machine: they would have us speak to what is none of theirs.
func (c *Core) toldPath(from Path, addr netip.AddrPort) (Path, bool) {
	if addr.Addr().Unmap().IsLoopback() && !from.Addr.Addr().IsLoopback() {
		return Path{}, false
	}
	return c.pathTo(addr)
}

// advance moves the core's clock, which never goes back.
func (c *Core) advance(now Instant) { c.now = max(c.now, now) }

func (c *Core) flush() {
	// Sessions may be added while others are flushed: a callback of one can send on another.
	for i := 0; i < len(c.dirty); i++ {
		s := c.dirty[i]
		s.dirty = false
		s.flush()
		c.sendLater()
	}
	clear(c.dirty)
	c.dirty = c.dirty[:0]
}

// sendLater sends what callbacks wanted to send while the outlet's room was taken.
func (c *Core) sendLater() {
	for len(c.later) > 0 {
		f := c.later[0]
		c.later = c.later[1:]
		f()
	}
}

// newSessionID chooses an ID for packets to us: random, not taken, with our shard as its remainder.
func (c *Core) newSessionID() (uint32, error) {
	mask := uint32(c.config.Shards - 1)
	for {
		var b [4]byte
		if _, err := io.ReadFull(c.config.Random, b[:]); err != nil {
			return 0, fmt.Errorf("rtmfp: session ID: %w", err)
		}
		id := binary.BigEndian.Uint32(b[:])&^mask | uint32(c.config.Shard)
		if id == 0 || c.sessions[id] != nil {
			continue
		}
		return id, nil
	}
}

// full says whether another session would exceed the limit.
func (c *Core) full() bool {
	return len(c.sessions)+len(c.openings)-c.keyed >= c.config.Limits.Sessions
}

// sendStartup sends a plain packet with the Default Session Key. chunk appends to the packet that it is given.
func (c *Core) sendStartup(id uint32, to Path, chunk func(b []byte) []byte) {
	if c.building {
		c.later = append(c.later, func() { c.sendStartup(id, to, chunk) })
		return
	}
	room := c.config.Outlet.Room()
	at := wire.SessionIDSize + c.startup.Front()
	plain := chunk(c.startupHeader(room[at:at]))
	if len(plain) > c.config.Limits.Startup {
		c.stats.DroppedTooLong++
		return
	}
	if c.config.FragmentStartup && len(plain) > c.config.Limits.Packet {
		c.sendFragments(id, to, slices.Clone(plain))
		return
	}
	c.sealStartup(id, to, room, len(plain))
}

// startupHeader begins a startup packet. Nobody measures by its timestamp, but see tick.
func (c *Core) startupHeader(b []byte) []byte {
	return wire.Header{Mode: wire.ModeStartup, HasTimestamp: true, Timestamp: tick(c.now)}.Append(b)
}

func (c *Core) sealStartup(id uint32, to Path, room []byte, n int) {
	front := c.startup.Front()
	sealed := c.startup.Seal(room[wire.SessionIDSize : wire.SessionIDSize+front+n])
	size := wire.SessionIDSize + len(sealed)
	wire.PutSessionID(room[:size], id)
	c.send(size, to)
}

func (c *Core) send(n int, to Path) {
	c.stats.DatagramsSent++
	c.stats.BytesSent += uint64(n)
	c.config.Outlet.Send(n, to)
}
