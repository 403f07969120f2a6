package rtmfp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"time"

	"afterglow/rtmfp/wire"
)

// liveness is what a session knows of the far end being there.
type liveness struct {
	heard      Instant // when a verified packet came last
	unanswered Instant // since when something waits for a sign of life; Never if nothing does
	ping       Instant // when the next keepalive is due
	flows      Instant // when the session had a flow last
	keyed      Instant // when the initiator's keying was answered last
	closing    Instant

	keepAlive, giveUp time.Duration // Times.KeepAlive and GiveUp, of this session

	probes []func() // told of the next sign of life
}

func (l *liveness) init(now Instant, times *Times) {
	l.keepAlive, l.giveUp = times.KeepAlive, times.GiveUp
	l.heard, l.flows = now, now
	l.unanswered = Never
	l.ping = now
}

// asked notes that something was sent that calls for an answer.
func (s *Session) asked() {
	if s.times.unanswered == Never {
		s.times.unanswered = s.core.now
	}
}

// hear notes a verified packet. After an outage what was lost is sent again at once, not when the backed-off timeout comes.
func (s *Session) hear() {
	s.times.heard = s.core.now
	s.times.unanswered = Never
	if s.times.keepAlive > 0 {
		s.times.ping = s.core.now.Add(s.times.keepAlive)
	}
	if !s.confirmed {
		s.confirm()
	}
	s.out.recover(s)
	if len(s.times.probes) > 0 {
		s.heard()
	}
}

// Probe asks the far end for a sign of life and calls heard once, on the owner, when the next packet of it has come: not if the
// session ends before. An open question counts for Times.GiveUp like that of a keepalive.
func (s *Session) Probe(heard func()) {
	if s.state != stateOpen {
		return
	}
	s.times.probes = append(s.times.probes, heard)
	s.queueControl(wire.Ping{}.Append)
	s.asked()
}

// heard tells those who wait for a sign of life, when the packet that is it has been read.
func (s *Session) heard() {
	probes := s.times.probes
	s.times.probes = nil
	s.Do(func() {
		for _, f := range probes {
			f()
		}
	})
}

// SetKeepAlive changes, for this open session, how long it may hear nothing before it sends an empty Ping (RFC 7016 3.5.4.1), and how
// long it waits for any sign of life after that, or after data that it sent, before it ends with ErrTimeout: see Times.KeepAlive
// and Times.GiveUp. Zero keeps what is set; a negative period sends no Pings, a negative giveUp keeps what is set.
//
// A far end that is gone is noticed giveUp after data was sent to it, and else every and giveUp after it was heard last, at
// the latest. What waits for an answer already waits by the new giveUp, from when it was sent.
func (s *Session) SetKeepAlive(every, giveUp time.Duration) {
	if s.state != stateOpen {
		return
	}
	if every != 0 {
		s.times.keepAlive = every
		s.times.ping = s.times.heard.Add(max(every, 0))
	}
	if giveUp > 0 {
		s.times.giveUp = giveUp
	}
	s.mark()
}

// live does what keeps a session alive or ends it: it gives up on a silent far end, sends keepalives, and closes when nothing
// has used the session for long.
func (s *Session) live() {
	c := s.core
	t := &c.config.Times
	if s.times.unanswered != Never && c.now.Sub(s.times.unanswered) >= s.times.giveUp {
		s.end(ErrTimeout)
		return
	}
	if s.unproved() && c.now.Sub(s.times.keyed) >= provingTime {
		s.end(ErrTimeout)
		return
	}
	if t.Idle > 0 && !s.hasFlows() && c.now.Sub(s.times.flows) >= t.Idle {
		s.Close()
		return
	}
	if c.now >= s.times.ping && (s.times.keepAlive > 0 || s.unproved()) {
		s.keepAlive()
	}
}

// provingTime is how long an accepted session may lack a packet with its keys since we answered its keying last. Initiators that have keyed have something to say, and
// are pinged at once; those that key for no other end than to fill our memory do not stay for long.
const provingTime = 30 * time.Second

// unproved says whether the far end of an accepted session has not shown yet that it has the keys.
func (s *Session) unproved() bool { return s.role == Responder && !s.confirmed }

// keepAlive sends an empty Ping (RFC 7016 3.5.4.1), unless data in flight asks the same question.
func (s *Session) keepAlive() {
	c := s.core
	if s.out.outstanding == 0 {
		if s.times.unanswered != Never {
			s.rtt.backoff()
		}
		s.queueControl(wire.Ping{}.Append)
		s.asked()
	}
	s.times.ping = c.now.Add(s.rtt.timeout())
}

// nextLive says when live has to run.
func (s *Session) nextLive() Instant {
	t := &s.core.config.Times
	next := Never
	if s.times.unanswered != Never {
		next = s.times.unanswered.Add(s.times.giveUp)
	}
	if s.times.keepAlive > 0 || s.unproved() {
		next = min(next, s.times.ping)
	}
	if s.unproved() {
		next = min(next, s.times.keyed.Add(provingTime))
	}
	if t.Idle > 0 && !s.hasFlows() {
		next = min(next, s.times.flows.Add(t.Idle))
	}
	return next
}

func (s *Session) hasFlows() bool { return len(s.out.flows) > 0 || s.in.open > 0 || s.in.buffered > 0 }

// queueControl adds a chunk to what goes out with the next packet. More than two packets full are not kept: they would be
// answers to a far end that asks faster than it listens.
func (s *Session) queueControl(chunk func([]byte) []byte) {
	before := len(s.control)
	if before > s.core.config.Limits.Packet {
		s.stats.controlDropped++
		return
	}
	s.control = chunk(s.control)
	if len(s.control)-before > s.packetLimit()-wire.MaxHeaderSize { // no packet would hold it
		s.control = s.control[:before]
		s.stats.controlDropped++
	}
	s.mark()
}

// The Ping that asks whether the far end is where a packet came from: a mark, the time, and a proof over both and the address
// (RFC 7016 3.5.4.2).
const (
	mobilityMark   = 'M'
	mobilitySize   = 1 + 8 + 16
	mobilityPeriod = time.Second
	mobilityLife   = 120 * time.Second
)

type mobility struct {
	secret    [16]byte
	hasSecret bool
	asked     Instant
	answered  Instant
}

// checkMoved asks a new address, at most once a second.
func (s *Session) checkMoved(from Path) {
	c := s.core
	m := &s.mobility
	if s.state != stateOpen || from == s.path || m.hasSecret && c.now.Sub(m.asked) < mobilityPeriod {
		return
	}
	if !m.hasSecret {
		if _, err := io.ReadFull(c.config.Random, m.secret[:]); err != nil {
			return
		}
		m.hasSecret = true
		m.answered = -1
	}
	m.asked = c.now
	var message [mobilitySize]byte
	message[0] = mobilityMark
	binary.BigEndian.PutUint64(message[1:], uint64(c.now))
	m.prove(message[9:], message[:9], from)
	s.stats.mobilityChecks++
	s.sendTo(from, wire.Ping{Message: message[:]}.Append(s.begin()))
}

// receivePingReply moves the session if the reply is to a mobility check and comes from the address that was asked.
func (s *Session) receivePingReply(from Path, message []byte) {
	m := &s.mobility
	if len(message) != mobilitySize || message[0] != mobilityMark || !m.hasSecret || from == s.path {
		return
	}
	asked := Instant(binary.BigEndian.Uint64(message[1:]))
	if asked <= m.answered || s.core.now.Sub(asked) > mobilityLife {
		return
	}
	var proof [16]byte
	m.prove(proof[:], message[:9], from)
	if !hmac.Equal(proof[:], message[9:]) {
		return
	}
	m.answered = asked
	s.move(from)
}

func (s *Session) move(to Path) {
	before := s.path
	s.path = to
	s.stats.moves++
	s.core.stats.Moves++
	s.core.config.Log.Info("peer moved", "peer", s.PeerID(), "from", before, "to", to)
	s.out.timeouts = 0
	s.out.sendAgain(s) // what is in flight is on its way to where the far end is not
	s.handler.Moved(s, before)
}

func (m *mobility) prove(into, message []byte, from Path) {
	mac := hmac.New(sha256.New, m.secret[:])
	mac.Write(message)
	ip := from.Addr.Addr().As16()
	mac.Write(ip[:])
	mac.Write([]byte{byte(from.Addr.Port() >> 8), byte(from.Addr.Port()), from.Interface})
	var sum [sha256.Size]byte
	copy(into, mac.Sum(sum[:0]))
}
