package rtmfp

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"afterglow/rtmfp/wire"
)

// DialConfig says whom to open a session to.
type DialConfig struct {
	// Identity names the one under which we dial.
	Identity string

	// Discriminator says who is sought.
	Discriminator []byte

	// Addresses and Paths are the first addresses to try, those in Addresses by the interface that CoreConfig.Route names;
	// redirects add others.
	Addresses []netip.AddrPort
	Paths     []Path

	// Handler is told what becomes of the session: Opened or Closed comes first.
	Handler SessionHandler
}

// opening is what a session has while it opens as initiator (RFC 7016 3.5.1.1.1).
type opening struct {
	tag           tag
	discriminator []byte
	candidates    []candidate
	deadline      Instant

	// From the RHello that was chosen on.
	cookie        []byte
	far           Certificate
	initiation    Initiation
	keying        []byte // the IIKeying chunk
	repeat        candidate
	working       bool
	cookieChanged bool
	redirected    bool
	refused       error // why the last answer would not do
	early         []earlyPacket
}

// earlyPacket is a packet that came while the answer to the keying was being computed: the responder has had its keys for longer
// and may have sent it with them.
type earlyPacket struct {
	from   Path
	sealed []byte
}

// maxEarly is how many packets are kept for so long: what a responder may send at once.
const maxEarly = 6

// candidate is an address that is tried, with its own back-off.
type candidate struct {
	path     Path
	at       Instant
	interval time.Duration
}

// next moves a candidate's next try on by the back-off of times.
func (n *candidate) next(now Instant, times *Times) {
	if n.interval == 0 {
		n.interval = times.HelloInterval
	} else {
		n.interval += times.HelloBackoff
	}
	n.at = now.Add(n.interval)
}

// failure is what a session ends with that has not opened in time.
func (o *opening) failure() error {
	switch {
	case o.refused != nil:
		return fmt.Errorf("%w that would do: %w", ErrTimeout, o.refused)
	case o.redirected:
		return &UnreachableError{Tried: len(o.candidates)}
	}
	return ErrTimeout
}

func (o *opening) tries(path Path) bool {
	return slices.ContainsFunc(o.candidates, func(n candidate) bool { return n.path == path })
}

// Dial begins to open a session (RFC 7016 3.5.1.1.1). The handler's Opened or Closed tells how it went.
func (c *Core) Dial(d DialConfig) (*Session, error) {
	l := c.identity(d.Identity)
	switch {
	case c.closed:
		return nil, ErrClosed
	case l == nil:
		return nil, fmt.Errorf("%w: %q", ErrNoIdentity, d.Identity)
	case len(c.pathsTo(d)) == 0:
		return nil, ErrNoAddress
	case len(d.Discriminator) > c.config.Limits.Startup-helloOverhead:
		return nil, fmt.Errorf("rtmfp: discriminator of %d bytes does not fit a hello", len(d.Discriminator))
	case c.full():
		return nil, ErrTooManySessions
	case d.Handler == nil:
		return nil, fmt.Errorf("rtmfp: a dialled session needs a handler")
	}
	s := c.newSession(l)
	s.handler = d.Handler
	s.state = stateHelloSent
	s.opening = &opening{discriminator: slices.Clone(d.Discriminator), deadline: c.now.Add(c.config.Times.OpenTimeout)}
	if _, err := io.ReadFull(c.config.Random, s.opening.tag[:]); err != nil {
		return nil, fmt.Errorf("rtmfp: tag: %w", err)
	}
	s.opening.tag[0] = byte(c.config.Shard)
	c.openings[s.opening.tag] = s
	for _, p := range c.pathsTo(d) {
		s.addCandidate(p)
	}
	s.wake(c.now)
	return s, nil
}

// helloOverhead is what an IHello has around its discriminator: the headers of packet and chunk, a length and the tag.
const helloOverhead = wire.MaxHeaderSize + wire.ChunkHeaderSize + 2 + len(tag{})

// pathsTo gives the paths to try first.
func (c *Core) pathsTo(d DialConfig) []Path {
	var paths []Path
	for _, p := range d.Paths {
		p.Addr = netip.AddrPortFrom(p.Addr.Addr().Unmap(), p.Addr.Port())
		if p.Addr.IsValid() && p.Addr.Port() != 0 {
			paths = append(paths, p)
		}
	}
	for _, a := range d.Addresses {
		if path, ok := c.pathTo(a); ok {
			paths = append(paths, path)
		}
	}
	return paths
}

func (s *Session) addCandidate(p Path) {
	o := s.opening
	if len(o.candidates) >= s.core.config.Limits.Candidates || o.tries(p) {
		return
	}
	o.candidates = append(o.candidates, candidate{path: p, at: s.core.now})
	s.core.group.countOpening(p.Addr, s.core.config.Shard, 1)
}

// forgetOpening ends the part of a session's life in which it is found by its tag.
func (c *Core) forgetOpening(s *Session) {
	o := s.opening
	delete(c.openings, o.tag)
	for _, n := range o.candidates {
		c.group.countOpening(n.path.Addr, c.config.Shard, -1)
	}
	if s.receiveID != 0 {
		delete(c.sessions, s.receiveID)
		s.receiveID = 0
		c.keyed--
	}
	s.unlistPeer()
	s.opening = nil
}

// openingTimer sends what is due and says when to come again.
func (s *Session) openingTimer() {
	o, c := s.opening, s.core
	if c.now >= o.deadline {
		s.end(o.failure())
		return
	}
	next := o.deadline
	if s.state == stateHelloSent && o.far == nil {
		for i := range o.candidates {
			n := &o.candidates[i]
			if n.at <= c.now {
				c.sendIHello(o, n.path)
				n.next(c.now, &c.config.Times)
			}
			next = min(next, n.at)
		}
	}
	if s.state == stateKeyingSent && !o.working {
		if o.repeat.at <= c.now {
			s.sendKeying()
		}
		next = min(next, o.repeat.at)
	}
	s.wake(next)
}

func (c *Core) sendIHello(o *opening, to Path) {
	c.stats.IHellosSent++
	c.sendStartup(0, to, func(b []byte) []byte {
		return wire.IHello{Discriminator: o.discriminator, Tag: o.tag[:]}.Append(b)
	})
}

func (s *Session) sendKeying() {
	o := s.opening
	s.core.stats.IIKeyingsSent++
	s.core.sendStartup(0, s.path, func(b []byte) []byte { return append(b, o.keying...) })
	o.repeat.next(s.core.now, &s.core.config.Times)
	s.wake(min(o.repeat.at, o.deadline))
}

// receiveRedirect adds addresses to those that an opening session tries.
func (c *Core) receiveRedirect(from Path, payload []byte) error {
	r, err := wire.ParseRedirect(payload)
	if err != nil {
		return err
	}
	c.stats.Redirects++
	if len(r.TagEcho) != len(tag{}) {
		return nil
	}
	s := c.openings[tag(r.TagEcho)]
	if s == nil {
		c.handStartup(r.TagEcho, from, wire.ChunkRedirect, payload)
		return nil
	}
	if s.state != stateHelloSent || s.opening.far != nil {
		return nil
	}
	if len(r.Destinations) == 0 {
		s.addCandidate(from)
	}
	s.opening.redirected = true
	for _, a := range r.Destinations {
		if path, ok := c.toldPath(from, a.AddrPort); ok {
			s.addCandidate(path)
		}
	}
	s.wake(c.now)
	return nil
}

// handStartup gives a chunk to the core whose tag it echoes.
func (c *Core) handStartup(echo []byte, from Path, kind wire.ChunkType, payload []byte) {
	if int(echo[0]) == c.config.Shard || int(echo[0]) >= c.config.Shards {
		return
	}
	own := slices.Clone(payload)
	c.group.send(int(echo[0]), func(other *Core) {
		other.receiveStartupChunk(from, wire.Chunk{Type: kind, Payload: own})
	})
}

// receiveRHello chooses the first responder that is the one sought (RFC 7016 3.5.1.1.1) and begins to key with it.
func (c *Core) receiveRHello(from Path, payload []byte) error {
	r, err := wire.ParseRHello(payload)
	if err != nil {
		return err
	}
	c.stats.RHellos++
	if len(r.TagEcho) != len(tag{}) {
		return nil
	}
	s := c.openings[tag(r.TagEcho)]
	if s == nil {
		c.handStartup(r.TagEcho, from, wire.ChunkRHello, payload)
		return nil
	}
	if s.state != stateHelloSent || s.opening.far != nil || len(r.Cookie) > maxCookie {
		c.stats.IgnoredChunks++
		return nil
	}
	far, err := c.config.Crypto.ParseCertificate(r.Certificate)
	if err != nil {
		return err
	}
	if !far.SelectedBy(s.opening.discriminator) {
		c.stats.RefusedKeyings++
		return nil
	}
	if other := s.duplicate(far); other != nil {
		s.end(&DuplicateError{other})
		return nil
	}
	s.opening.cookie = slices.Clone(r.Cookie)
	s.opening.far = far
	s.path = from
	s.initiate()
	return nil
}

// maxCookie is the longest cookie in bytes that is taken from a responder.
const maxCookie = 512

// duplicate finds another session with the far end that is open or about to be.
func (s *Session) duplicate(far Certificate) *Session {
	for other := s.core.peers[peerKey{s.near(), far.PeerID()}]; other != nil; other = other.older {
		if other != s && (other.state == stateKeyingSent || other.state == stateOpen) {
			return other
		}
	}
	return nil
}

// initiate computes our keying component on the worker and sends the IIKeying.
func (s *Session) initiate() {
	o, c := s.opening, s.core
	var initiation Initiation
	var err error
	o.working = true
	started := c.config.Worker.Do(
		func() { initiation, err = s.local.identity.Initiate(c.config.Random, o.far) },
		func() {
			o.working = false
			if s.opening != o || s.state != stateHelloSent {
				return
			}
			if err != nil {
				c.stats.FailedKeyings++
				s.end(fmt.Errorf("rtmfp: keying: %w", err))
				return
			}
			if other := s.duplicate(o.far); other != nil { // it has come while we computed
				s.end(&DuplicateError{other})
				return
			}
			s.startKeying(initiation)
		})
	if !started {
		// Another RHello, or a repetition, will find the worker less busy.
		c.stats.RefusedBusy++
		o.working, o.far = false, nil
	}
}

func (s *Session) startKeying(initiation Initiation) {
	o, c := s.opening, s.core
	id, err := c.newSessionID()
	if err != nil {
		s.end(err)
		return
	}
	o.initiation = initiation
	s.receiveID = id
	s.state = stateKeyingSent
	c.sessions[id] = s
	c.keyed++
	s.far = o.far
	s.listPeer()
	s.signKeying()
	s.sendKeying()
}

func (s *Session) signKeying() {
	o := s.opening
	k := wire.IIKeying{
		SessionID:   s.receiveID,
		Cookie:      o.cookie,
		Certificate: s.local.identity.Certificate().Bytes(),
		Component:   o.initiation.Component(),
	}
	k.Signature = s.local.identity.Sign(k.AppendParameters(nil))
	o.keying = k.Append(nil)
}

// receiveKeyingAnswer takes a packet for a session that has sent its IIKeying: RIKeying or cookie change, under the Default Session Key.
func (s *Session) receiveKeyingAnswer(from Path, sealed []byte) {
	c := s.core
	if s.opening.working {
		s.keepEarly(from, sealed)
		return
	}
	plain, err := c.startup.Open(sealed)
	if err != nil {
		c.stats.DroppedVerification++
		return
	}
	header, chunks, err := wire.ParseHeader(plain)
	if err != nil || header.Mode != wire.ModeStartup {
		c.stats.DroppedSyntax++
		return
	}
	for s.state == stateKeyingSent {
		chunk, rest, ok := wire.NextChunk(chunks)
		if !ok {
			return
		}
		chunks = rest
		s.receiveKeyingChunk(from, chunk)
	}
}

func (s *Session) keepEarly(from Path, sealed []byte) {
	o, c := s.opening, s.core
	if len(o.early) >= maxEarly || len(sealed) > c.config.Limits.Packet+64 {
		c.stats.DroppedVerification++
		return
	}
	o.early = append(o.early, earlyPacket{from, slices.Clone(sealed)})
}

func (s *Session) receiveKeyingChunk(from Path, chunk wire.Chunk) {
	c := s.core
	var err error
	switch {
	case s.state != stateKeyingSent: // a chunk before it was enough
	case chunk.Type == wire.ChunkRIKeying:
		s.receiveRIKeying(chunk.Payload)
	case chunk.Type == wire.ChunkCookieChange:
		s.receiveCookieChange(from, chunk.Payload)
	case chunk.Type == wire.ChunkFragment:
		err = c.joinFragment(from, s.receiveID, chunk.Payload, func(whole wire.Chunk) { s.receiveKeyingChunk(from, whole) })
	default:
		c.stats.IgnoredChunks++
	}
	if err != nil {
		c.stats.DroppedSyntax++
	}
}

// receiveCookieChange adopts a new cookie, once (RFC 7016 3.5.1.2).
func (s *Session) receiveCookieChange(from Path, payload []byte) {
	change, err := wire.ParseCookieChange(payload)
	o := s.opening
	if err != nil || o.cookieChanged || string(change.Old) != string(o.cookie) || len(change.New) > maxCookie {
		s.core.stats.IgnoredChunks++
		return
	}
	o.cookieChanged = true
	o.cookie = slices.Clone(change.New)
	s.path = from
	s.signKeying()
	s.sendKeying()
}

func (s *Session) receiveRIKeying(payload []byte) {
	o, c := s.opening, s.core
	k, err := wire.ParseRIKeying(payload)
	if err != nil || o.working || k.SessionID == 0 {
		c.stats.IgnoredChunks++
		return
	}
	signed := append(slices.Clone(k.Parameters), o.initiation.Component()...)
	if !o.far.Verify(signed, k.Signature) {
		c.stats.RefusedKeyings++
		return
	}
	component := slices.Clone(k.Component)
	var keying Keying
	o.working = true
	started := c.config.Worker.Do(
		func() { keying, err = o.initiation.Complete(component) },
		func() {
			o.working = false
			if s.opening != o || s.state != stateKeyingSent {
				return
			}
			if err != nil {
				c.stats.FailedKeyings++
				c.config.Log.Debug("answer to keying refused", "peer", o.far.PeerID(), "error", err)
				o.refused, o.early = err, nil
				s.wake(c.now)
				return
			}
			s.completeOpening(k.SessionID, keying)
		})
	if !started {
		c.stats.RefusedBusy++
		o.working = false
	}
}

// completeOpening makes the initiator's session open.
func (s *Session) completeOpening(sendID uint32, keying Keying) {
	id, far, early := s.receiveID, s.opening.far, s.opening.early
	s.core.forgetOpening(s)
	s.role = Initiator
	s.receiveID, s.sendID = id, sendID
	s.open(far, keying)
	s.core.stats.SessionsOpened++
	s.handler.Opened(s)
	for _, p := range early {
		if s.state == stateClosed {
			return
		}
		s.receive(p.from, p.sealed)
	}
}
