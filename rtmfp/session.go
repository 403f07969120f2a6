package rtmfp

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"afterglow/rtmfp/wire"
)

// Role says which end began a session; it marks the packets (RFC 7016 2.2.4).
type Role uint8

// The roles.
const (
	Initiator Role = 1
	Responder Role = 2
)

type sessionState uint8

// The states of RFC 7016 3.5.
const (
	stateHelloSent sessionState = iota
	stateKeyingSent
	stateOpen
	stateNearClose
	stateFarCloseLinger
	stateClosed
	stateOpenFailed
)

func (s sessionState) String() string {
	return [...]string{"hello sent", "keying sent", "open", "near close", "far close linger", "closed", "open failed"}[s]
}

// The periods of closing (RFC 7016 3.5.5).
const (
	nearCloseRepeat = 5 * time.Second
	nearClosePeriod = 90 * time.Second
	farCloseLinger  = 19 * time.Second
)

// SessionHandler is told what happens to a session, on the owner of its core.
type SessionHandler interface {
	// Opened says that a dialled session is open. It is not called for accepted ones.
	Opened(*Session)

	// Flow is asked about a flow that the far end has opened, and gives what handles it. Nil rejects it, with exception 0 unless
	// the handler has called Reject.
	Flow(*ReceiveFlow) FlowHandler

	// Moved says that the far end has proved to be at another address than before.
	Moved(s *Session, before Path)

	// Closed is the last call. The error tells why: ErrClosed, ErrClosedByPeer, ErrTimeout, ErrReplaced, ErrAbuse, *DuplicateError
	// or one that wraps ErrKeying. All flows have ended before.
	Closed(*Session, error)
}

// Session is the relation to one far end (RFC 7016 3.5). Its methods are for the owner of its core, except for Do.
type Session struct {
	core    *Core
	local   *localIdentity
	handler SessionHandler
	far     Certificate
	cipher  Cipher
	opening *opening
	state   sessionState
	role    Role
	dirty   bool

	receiveID, sendID   uint32
	path                Path
	nearNonce, farNonce [32]byte

	// keyingSum and answer recognise a repeated IIKeying and answer it; replaces is the session that this one takes the place of
	// as soon as the far end has proved that it holds the keys.
	keyingSum        uint64
	answer           []byte
	confirmed        bool
	replaces         *Session
	older, newer     *Session // the next ones with the same peer
	heapIndex        int
	wakeAt, heapTime Instant

	times    liveness
	mobility mobility
	rtt      roundTrip
	out      sender
	in       receiver
	hellos   allowance // FIHellos from the far end that we answer
	forwards allowance // FIHellos that we send to it
	control  []byte
	opened   Instant
	stats    sessionCounters
}

func (c *Core) newSession(l *localIdentity) *Session {
	return &Session{core: c, local: l, heapIndex: -1, wakeAt: Never}
}

// State describes the session's state in RFC 7016's words, for people.
func (s *Session) State() string { return s.state.String() }

// IsOpen says whether flows can be opened.
func (s *Session) IsOpen() bool { return s.state == stateOpen }

// Role says which end began.
func (s *Session) Role() Role { return s.role }

// Core is the core that the session belongs to.
func (s *Session) Core() *Core { return s.core }

// Identity is the name of our identity in this session.
func (s *Session) Identity() string { return s.local.name }

// NearCertificate is our own certificate in this session.
func (s *Session) NearCertificate() Certificate { return s.local.identity.Certificate() }

// FarCertificate is the far end's; nil until a responder is known.
func (s *Session) FarCertificate() Certificate { return s.far }

// PeerID is the far end's peer ID, zero until a responder is known.
func (s *Session) PeerID() PeerID {
	if s.far == nil {
		return PeerID{}
	}
	return s.far.PeerID()
}

// Path is where the far end is.
func (s *Session) Path() Path { return s.path }

// NearAddress is the address of the socket by which we speak to the far end: for one that listens at all addresses of the machine
// the unspecified one with the port. It is zero if the core was not told; see CoreConfig.Interfaces.
func (s *Session) NearAddress() netip.AddrPort {
	if via := int(s.path.Interface); via < len(s.core.config.Interfaces) {
		return s.core.config.Interfaces[via]
	}
	return netip.AddrPort{}
}

// Nonces gives the secrets that only the two ends know (RFC 7425 4.6.5).
func (s *Session) Nonces() (near, far [32]byte) { return s.nearNonce, s.farNonce }

// Queued is the number of bytes in all sending flows that are neither delivered nor abandoned.
func (s *Session) Queued() int { return s.out.queued }

// Handler is what the session's events go to.
func (s *Session) Handler() SessionHandler { return s.handler }

// Do has f run on the owner of the session's core, where the methods of the session and its flows may be called. It may be
// called from any goroutine, callbacks included, and waits for nothing: f runs soon, on an idle shard within microseconds, after what
// the same goroutine has given to Do before, and whether the session is still open or not. It is false if f will not run because
// the endpoint has ended. How many calls wait is not limited: who has much to send is asked for it by [SendHandler].Writable.
func (s *Session) Do(f func()) bool { return s.core.config.Post(f) }

func (s *Session) near() PeerID { return s.local.identity.Certificate().PeerID() }

// open starts the open state with the keys of the session.
func (s *Session) open(far Certificate, keying Keying) {
	c := s.core
	s.far, s.cipher = far, keying.Cipher
	s.nearNonce, s.farNonce = keying.NearNonce, keying.FarNonce
	s.state = stateOpen
	s.opened = c.now
	c.sessions[s.receiveID] = s
	s.replaces = c.stale(s)
	s.listPeer()
	s.out.init(s)
	s.times.init(c.now, &c.config.Times)
	if c.config.KeyLog != nil && keying.KeyLog != "" {
		c.config.KeyLog(fmt.Sprintf("session near=%08x far=%08x role=%d %s", s.receiveID, s.sendID, s.role, keying.KeyLog))
	}
	c.config.Log.Debug("session open", "peer", far.PeerID(), "address", s.path, "identity", s.local.name, "role", s.role)
	s.mark()
}

// stale finds the open session whose place a new one takes: the same far end's, at the same address.
func (c *Core) stale(fresh *Session) *Session {
	for old := c.peers[peerKey{fresh.near(), fresh.far.PeerID()}]; old != nil; old = old.older {
		if old.state == stateOpen && old.path == fresh.path && bytes.Equal(old.far.Bytes(), fresh.far.Bytes()) {
			return old
		}
	}
	return nil
}

// listPeer makes the session the newest with its peer.
func (s *Session) listPeer() {
	c := s.core
	key := peerKey{s.near(), s.far.PeerID()}
	if s.older = c.peers[key]; s.older != nil {
		s.older.newer = s
	}
	c.peers[key] = s
	c.group.countPeer(key, c.config.Shard, 1)
}

func (s *Session) unlistPeer() {
	if s.far == nil {
		return
	}
	c := s.core
	key := peerKey{s.near(), s.far.PeerID()}
	c.group.countPeer(key, c.config.Shard, -1)
	if s.older != nil {
		s.older.newer = s.newer
	}
	switch {
	case s.newer != nil:
		s.newer.older = s.older
	case s.older != nil:
		c.peers[key] = s.older
	default:
		delete(c.peers, key)
	}
	s.far, s.older, s.newer = nil, nil, nil
}

// repeatAnswer sends the RIKeying, again if the initiator asks again.
func (s *Session) repeatAnswer(to Path) {
	if s.answer == nil {
		return
	}
	s.core.stats.RIKeyingsSent++
	s.times.keyed = s.core.now
	s.core.sendStartup(s.sendID, to, func(b []byte) []byte { return append(b, s.answer...) })
}

// confirm notes that the far end holds the session's keys.
func (s *Session) confirm() {
	s.confirmed = true
	s.answer = nil
	old := s.replaces
	s.replaces = nil
	for old != nil { // one that was never confirmed has not ended the one before it
		before := old.replaces
		if old.state == stateOpen {
			old.end(ErrReplaced)
		}
		old = before
	}
}

// Close ends the session in good order: the far end is told until it answers, for at most 90 seconds (RFC 7016 3.5.5). Flows end
// at once; what they had queued is lost.
func (s *Session) Close() {
	switch s.state {
	case stateHelloSent, stateKeyingSent:
		s.end(ErrClosed)
	case stateOpen:
		s.leave(stateNearClose, ErrClosed)
		if s.state != stateNearClose { // a handler has aborted it
			return
		}
		s.times.closing = s.core.now
		s.sendClosing(wire.AppendClose)
		s.wake(s.core.now.Add(nearCloseRepeat))
	}
}

// Abort ends the session at once, telling the far end with one packet (RFC 7016 3.5.5).
func (s *Session) Abort(reason error) {
	if s.state == stateOpen || s.state == stateNearClose || s.state == stateFarCloseLinger {
		s.sendClosing(wire.AppendCloseAck)
	}
	s.end(reason)
}

// abuse ends a session whose far end has verifiably broken a limit.
func (s *Session) abuse(what string) {
	if s.state != stateOpen {
		return
	}
	s.core.stats.Abused++
	s.core.config.Log.Warn("session ended for abuse", "peer", s.PeerID(), "address", s.path, "what", what)
	s.Abort(fmt.Errorf("%w: %s", ErrAbuse, what))
}

// leave takes the session out of the open state: flows only exist in there.
func (s *Session) leave(to sessionState, reason error) {
	was := s.state
	s.state = to
	if was == stateOpen {
		s.endFlows(reason)
		s.handler.Closed(s, reason)
		s.core.config.Log.Debug("session closed", "peer", s.PeerID(), "address", s.path, "reason", reason)
	}
}

// end forgets the session.
func (s *Session) end(reason error) {
	c := s.core
	switch s.state {
	case stateClosed, stateOpenFailed:
		return
	case stateHelloSent, stateKeyingSent:
		c.forgetOpening(s)
		s.state = stateOpenFailed
		c.stats.OpeningsFailed++
		s.handler.Closed(s, reason)
	default:
		s.leave(stateClosed, reason)
		delete(c.sessions, s.receiveID)
		far := s.far
		s.unlistPeer()
		s.far = far
		c.stats.SessionsClosed++
	}
	c.timers.remove(s)
	s.wakeAt = Never
	s.opening, s.answer, s.control, s.replaces = nil, nil, nil, nil
}

func (s *Session) sendClosing(chunk func([]byte) []byte) {
	if c := s.core; c.building {
		c.later = append(c.later, func() { s.sendClosing(chunk) })
		return
	}
	p := s.begin()
	s.finish(chunk(p))
}

// mark has the session looked at before the core's owner is done with what it is doing.
func (s *Session) mark() {
	if !s.dirty {
		s.dirty = true
		s.core.dirty = append(s.core.dirty, s)
	}
}

// wake sets the session's timer.
func (s *Session) wake(at Instant) { s.core.timers.set(s, at) }

// timer runs when the session's time has come.
func (s *Session) timer() {
	switch s.state {
	case stateHelloSent, stateKeyingSent:
		s.openingTimer()
	case stateOpen:
		s.openTimer()
	case stateNearClose:
		s.nearCloseTimer()
	case stateFarCloseLinger:
		s.end(ErrClosedByPeer)
	}
}

func (s *Session) nearCloseTimer() {
	if s.core.now.Sub(s.times.closing) >= nearClosePeriod {
		s.end(ErrClosed)
		return
	}
	s.sendClosing(wire.AppendClose)
	s.wake(s.core.now.Add(nearCloseRepeat))
}

// receiveClose and receiveCloseAck follow RFC 7016 3.5.5.
func (s *Session) receiveClose() {
	s.sendClosing(wire.AppendCloseAck)
	if s.state != stateOpen {
		return
	}
	s.leave(stateFarCloseLinger, ErrClosedByPeer)
	if s.state == stateFarCloseLinger { // and no handler has aborted it
		s.wake(s.core.now.Add(farCloseLinger))
	}
}

func (s *Session) receiveCloseAck() {
	if s.state == stateNearClose {
		s.end(ErrClosed)
		return
	}
	s.end(ErrClosedByPeer)
}
