package rtmfp

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"afterglow/rtmfp/wire"
)

// tag matches answers to the opening session that they are for (RFC 7016 2.3.2). Its first byte is the shard of the core that waits.
type tag [16]byte

// keyingKey names an IIKeying that is being answered.
type keyingKey struct {
	from Path
	id   uint32
	sum  uint64
}

// seed makes sums of keying components, which only tell repetitions from news.
var seed = maphash.MakeSeed()

func (c *Core) receiveStartup(from Path, sealed []byte) {
	if len(sealed) > c.config.Limits.Startup+64 {
		c.stats.DroppedTooLong++
		return
	}
	plain, err := c.startup.Open(sealed)
	if err != nil {
		c.stats.DroppedVerification++
		return
	}
	c.receiveStartupPacket(from, plain)
}

// receiveStartupPacket takes a plain packet of the startup pseudo-session.
func (c *Core) receiveStartupPacket(from Path, plain []byte) {
	header, chunks, err := wire.ParseHeader(plain)
	if err != nil || header.Mode != wire.ModeStartup {
		c.stats.DroppedSyntax++
		return
	}
	for {
		chunk, rest, ok := wire.NextChunk(chunks)
		if !ok {
			return
		}
		chunks = rest
		c.receiveStartupChunk(from, chunk)
	}
}

func (c *Core) receiveStartupChunk(from Path, chunk wire.Chunk) {
	var err error
	switch chunk.Type {
	case wire.ChunkIHello:
		err = c.receiveIHello(from, chunk.Payload)
	case wire.ChunkRHello:
		err = c.receiveRHello(from, chunk.Payload)
	case wire.ChunkRedirect:
		err = c.receiveRedirect(from, chunk.Payload)
	case wire.ChunkIIKeying:
		err = c.receiveIIKeying(from, chunk.Payload)
	case wire.ChunkFragment:
		err = c.joinFragment(from, 0, chunk.Payload, func(whole wire.Chunk) { c.receiveStartupChunk(from, whole) })
	default:
		c.stats.IgnoredChunks++
	}
	if err != nil {
		c.stats.DroppedSyntax++
	}
}

func (c *Core) receiveIHello(from Path, payload []byte) error {
	hello, err := wire.ParseIHello(payload)
	if err != nil {
		return err
	}
	c.stats.IHellos++
	c.answerHello(Hello{From: from, Discriminator: hello.Discriminator}, hello.Tag)
	return nil
}

// answerHello gives our certificate, or other addresses, to who asks for one of our identities (RFC 7016 3.5.1.1.2), and asks
// the introducer about all others. Nothing is kept of a hello that is answered.
func (c *Core) answerHello(hello Hello, tag []byte) {
	for _, l := range c.identities {
		if l.listener.Accept == nil || !l.identity.SelectedBy(hello.Discriminator) {
			continue
		}
		if l.listener.Redirect != nil {
			if to := l.listener.Redirect(hello); len(to) > 0 {
				c.sendRedirect(hello.From, tag, to)
				return
			}
		}
		c.sendRHello(l, hello.From, tag)
		return
	}
	if !hello.Forwarded {
		c.introduce(hello, tag)
	}
}

func (c *Core) sendRHello(l *localIdentity, to Path, tag []byte) {
	if c.closed || c.full() {
		c.stats.RefusedFull++
		return
	}
	certificate := l.identity.Certificate()
	cookie := c.cookies.make(c.now, certificate.PeerID(), to)
	c.stats.RHellosSent++
	c.sendStartup(0, to, func(b []byte) []byte {
		return wire.RHello{TagEcho: tag, Cookie: cookie[:], Certificate: certificate.Bytes()}.Append(b)
	})
}

func (c *Core) sendRedirect(to Path, tag []byte, destinations []wire.Address) {
	c.stats.RedirectsSent++
	destinations = destinations[:min(len(destinations), wire.MaxDestinations)]
	c.sendStartup(0, to, func(b []byte) []byte {
		return wire.Redirect{TagEcho: tag, Destinations: destinations}.Append(b)
	})
}

// receiveIIKeying begins to answer an initiator whose cookie proves that it is where it says (RFC 7016 3.5.1.1.2).
func (c *Core) receiveIIKeying(from Path, payload []byte) error {
	k, err := wire.ParseIIKeying(payload)
	if err != nil {
		return err
	}
	c.stats.IIKeyings++
	if k.SessionID == 0 {
		c.stats.IgnoredChunks++
		return nil
	}
	prefix, verdict := c.cookies.check(c.now, k.Cookie, from)
	if verdict == cookieForged || verdict == cookieExpired {
		c.stats.DroppedCookie++
		return nil
	}
	l := c.identityOf(prefix)
	if l == nil || l.listener.Accept == nil || c.closed {
		c.stats.DroppedCookie++
		return nil
	}
	if verdict == cookieMoved {
		c.changeCookie(l, from, k)
		return nil
	}
	far, err := c.config.Crypto.ParseCertificate(k.Certificate)
	if err != nil {
		return err
	}
	if shard, ok := c.shardConcerned(from.Addr, l.with(far)); ok {
		own := slices.Clone(payload)
		if c.group.send(shard, func(other *Core) { other.receiveHandedKeying(from, own) }) {
			return nil
		}
	}
	c.respond(l, from, far, k)
	return nil
}

// receiveHandedKeying takes an IIKeying from another core of the group, which has checked its cookie.
func (c *Core) receiveHandedKeying(from Path, payload []byte) {
	k, err := wire.ParseIIKeying(payload)
	if err != nil {
		return
	}
	prefix, verdict := c.cookies.check(c.now, k.Cookie, from)
	l := c.identityOf(prefix)
	far, err := c.config.Crypto.ParseCertificate(k.Certificate)
	if verdict != cookieGood || l == nil || l.listener.Accept == nil || err != nil || c.closed {
		c.stats.DroppedCookie++
		return
	}
	c.respond(l, from, far, k)
}

// shardConcerned finds another core that has a session with the peer, or opens one to its address.
func (c *Core) shardConcerned(from netip.AddrPort, peer peerKey) (int, bool) {
	if c.config.Shards == 1 {
		return 0, false
	}
	if shard, ok := c.group.shardOpening(from, c.config.Shard); ok {
		return shard, true
	}
	return c.group.shardOfPeer(peer, c.config.Shard)
}

func (c *Core) identityOf(prefix [8]byte) *localIdentity {
	for _, l := range c.identities {
		id := l.identity.Certificate().PeerID()
		if bytes.Equal(id[:len(prefix)], prefix[:]) {
			return l
		}
	}
	return nil
}

// changeCookie answers a cookie of ours that was made for another address (RFC 7016 3.5.1.2).
func (c *Core) changeCookie(l *localIdentity, from Path, k wire.IIKeying) {
	fresh := c.cookies.make(c.now, l.identity.Certificate().PeerID(), from)
	c.stats.CookieChanges++
	c.sendStartup(k.SessionID, from, func(b []byte) []byte {
		return wire.CookieChange{Old: k.Cookie, New: fresh[:]}.Append(b)
	})
}

// respond answers an IIKeying whose cookie is good, unless it repeats one or loses in glare.
func (c *Core) respond(l *localIdentity, from Path, far Certificate, k wire.IIKeying) {
	key := keyingKey{from, k.SessionID, maphash.Bytes(seed, k.Component)}
	if _, working := c.keying[key]; working {
		c.stats.RepeatedKeyings++
		return
	}
	if !c.mayOpen(l, from, far, key) {
		return
	}
	if !far.Verify(k.Parameters, k.Signature) || l.listener.Admit != nil && !l.listener.Admit(from, far) {
		c.stats.RefusedKeyings++
		return
	}
	component := slices.Clone(k.Component)
	var answer []byte
	var keying Keying
	var err error
	forget := c.noteKeying(key, l.with(far))
	started := c.config.Worker.Do(
		func() { answer, keying, err = l.identity.Respond(c.config.Random, far, component) },
		func() {
			forget()
			if err != nil {
				c.stats.FailedKeyings++
				c.config.Log.Debug("keying refused", "from", from, "peer", far.PeerID(), "error", err)
				return
			}
			c.accept(l, far, key, component, answer, keying)
		})
	if !started {
		forget()
		c.stats.RefusedBusy++
	}
}

// noteKeying has repetitions of an IIKeying come to us, and found to be some, until it is forgotten.
func (c *Core) noteKeying(key keyingKey, peer peerKey) (forget func()) {
	c.keying[key] = struct{}{}
	c.group.countPeer(peer, c.config.Shard, 1)
	return func() {
		delete(c.keying, key)
		c.group.countPeer(peer, c.config.Shard, -1)
	}
}

// mayOpen settles what an IIKeying means for the sessions that there are: a repetition is answered again, glare is
// decided (RFC 7016 3.5.1.3), and whoever claims an open session's address must be its peer.
func (c *Core) mayOpen(l *localIdentity, from Path, far Certificate, key keyingKey) bool {
	sessions := 0
	var unproved *Session
	for s := c.peers[l.with(far)]; s != nil; s = s.older {
		sessions++
		if s.state == stateOpen && s.unproved() {
			unproved = s // of several the oldest
		}
		if s.role == Responder && s.sendID == key.id && s.keyingSum == key.sum {
			c.stats.RepeatedKeyings++
			s.repeatAnswer(from)
			return false
		}
		if s.state == stateOpen && s.path == from && !bytes.Equal(s.far.Bytes(), far.Bytes()) {
			c.stats.RefusedKeyings++
			return false
		}
		if s.lateGlare(from, far) {
			c.stats.Glares++
			return false
		}
	}
	if s := c.glare(l, from, far); s != nil && l.identity.Prevails(far) {
		c.stats.Glares++
		return false
	}
	if sessions >= c.config.Limits.SessionsPerPeer && unproved != nil && !c.full() {
		// Anybody can copy a certificate: who never showed its keys must not keep out whom it belongs to.
		unproved.end(ErrTimeout)
		return true
	}
	if sessions >= c.config.Limits.SessionsPerPeer || c.full() {
		c.stats.RefusedFull++
		return false
	}
	return true
}

// glareTail is how long an IIKeying may be late: one that is repeated comes again after that.
const glareTail = 2 * time.Second

// lateGlare says whether an IIKeying was on its way when the far end answered ours: the far end has given it up since. Shards hand
// startup packets over, so that it may come behind the answer.
func (s *Session) lateGlare(from Path, far Certificate) bool {
	return s.role == Initiator && s.state == stateOpen && s.path == from &&
		s.core.now.Sub(s.opened) < glareTail && s.local.identity.Prevails(far)
}

// glare finds our own opening session to the far end that has just sent an IIKeying. Of several it is the one that has got
// furthest, for the others will find out that they are duplicates.
func (c *Core) glare(l *localIdentity, from Path, far Certificate) (found *Session) {
	for _, s := range c.openings {
		if s.local == l && s.seeks(from, far) && (found == nil || s.furtherThan(found)) {
			found = s
		}
	}
	return found
}

// seeks says whether an opening session may have the far end at from as its responder.
func (s *Session) seeks(from Path, far Certificate) bool {
	o := s.opening
	if o.far != nil {
		return (s.path == from || o.tries(from)) && bytes.Equal(o.far.Bytes(), far.Bytes())
	}
	return o.tries(from) && far.SelectedBy(o.discriminator)
}

// furtherThan orders opening sessions by their progress, and else in any way that is the same each time.
func (s *Session) furtherThan(other *Session) bool {
	if s.state != other.state {
		return s.state == stateKeyingSent
	}
	return s.compare(other) < 0
}

// accept opens the responder's side of a session. When we were opening one to the same far end, and it prevails,
// that one becomes the new session, so that whoever dialled has it.
func (c *Core) accept(l *localIdentity, far Certificate, key keyingKey, component, answer []byte, keying Keying) {
	if c.closed || !slices.Contains(c.identities, l) || !c.mayOpen(l, key.from, far, key) {
		return
	}
	id, err := c.newSessionID()
	if err != nil {
		c.config.Log.Error("no session ID", "error", err)
		return
	}
	s := c.glare(l, key.from, far)
	dialled := s != nil
	if dialled {
		c.stats.Glares++
		c.forgetOpening(s)
	} else {
		s = c.newSession(l)
	}
	s.role = Responder
	s.receiveID, s.sendID, s.keyingSum = id, key.id, key.sum
	s.answer = signedAnswer(l.identity, id, answer, component)
	s.path = key.from
	s.open(far, keying)
	s.repeatAnswer(key.from)
	c.stats.SessionsAccepted++
	if dialled {
		s.handler.Opened(s)
		return
	}
	s.offer(l.listener.Accept)
}

// offer gives an accepted session the handler that the listener wants for it.
func (s *Session) offer(accept func(*Session) SessionHandler) {
	meanwhile := new(undecided)
	s.handler = meanwhile
	handler := accept(s)
	if handler == nil {
		s.Close()
		return
	}
	s.handler = handler
	if meanwhile.closed {
		handler.Closed(s, meanwhile.reason)
	}
}

// signedAnswer makes the payload of a RIKeying (RFC 7016 2.3.8) with its header.
func signedAnswer(identity Identity, id uint32, component, initiatorComponent []byte) []byte {
	k := wire.RIKeying{SessionID: id, Component: component}
	signed := append(k.AppendParameters(nil), initiatorComponent...)
	k.Signature = identity.Sign(signed)
	return k.Append(nil)
}

// refused handles a session that nobody wants.
type refused struct{}

func (refused) Opened(*Session)               {}
func (refused) Flow(*ReceiveFlow) FlowHandler { return nil }
func (refused) Moved(*Session, Path)          {}
func (refused) Closed(*Session, error)        {}

// undecided handles a session while the listener is asked, which may close it then and there.
type undecided struct {
	refused
	closed bool
	reason error
}

func (u *undecided) Closed(_ *Session, reason error) { u.closed, u.reason = true, reason }
