package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// The limits of what is kept about sessions.
const (
	maxSessions = 4096
	maxFlows    = 1 << 14 // of all sessions
	maxHeld     = 64 << 20
)

// sessions are those that are known, by handshake or by key.
type sessions struct {
	byNumber map[int]*session
	byKey    map[*sessionKey]*session
	byID     map[uint32][]*session
	begun    int

	// flows is how many flows there are, held how many bytes of incomplete messages.
	flows, held int

	// leave is called with a session that is forgotten to make room.
	leave func(*session)
}

func newSessions() *sessions {
	return &sessions{byNumber: make(map[int]*session), byKey: make(map[*sessionKey]*session), byID: make(map[uint32][]*session)}
}

// session is what is known about one session.
type session struct {
	number      int
	key         *sessionKey
	ids         [2]uint32 // that the packets to an end bear
	ends        [2]end
	began, last time.Duration
	closed      string
	replayed    int
}

// end is one end of a session: what it sent.
type end struct {
	address        netip.AddrPort
	peer           string
	packets, bytes int
	flows          map[uint64]*flow // those that go on, by number
	order          []*flow          // all, in the order of their beginning
	clock          clock
}

// begin makes a session that was not known.
func (l *sessions) begin(ids [2]uint32, at time.Duration) *session {
	if len(l.byNumber) >= maxSessions {
		l.forgetIdle(nil)
	}
	l.begun++
	s := &session{number: l.begun, ids: ids, began: at, last: at}
	l.byNumber[s.number] = s
	for _, id := range s.distinctIDs() {
		l.byID[id] = append(l.byID[id], s)
	}
	return s
}

func (s *session) distinctIDs() []uint32 {
	if s.ids[0] == s.ids[1] {
		return s.ids[:1]
	}
	return s.ids[:]
}

// between gives the youngest session without a key that has the IDs.
func (l *sessions) between(ids [2]uint32) *session {
	for _, s := range slices.Backward(l.byID[ids[0]]) {
		if s.ids == ids {
			return s
		}
	}
	return nil
}

// forKey gives the session that has a key; it may be one that a handshake has told of.
func (l *sessions) forKey(key *sessionKey, at time.Duration) (s *session, fresh bool) {
	if s := l.byKey[key]; s != nil {
		return s, false
	}
	s = l.between(key.name.ids)
	if s == nil || s.key != nil {
		s, fresh = l.begin(key.name.ids, at), true
	}
	s.key = key
	l.byKey[key] = s
	return s, fresh
}

// guess gives the youngest session that has the ID at the address.
func (l *sessions) guess(id uint32, to netip.AddrPort) *session {
	for _, s := range slices.Backward(l.byID[id]) {
		if s.ends[s.roleOf(id, to)].address == to {
			return s
		}
	}
	return nil
}

// roleOf gives the end to which packets with an ID go.
func (s *session) roleOf(id uint32, to netip.AddrPort) role {
	if s.ids[initiator] == id && (s.ids[responder] != id || s.ends[initiator].address == to) {
		return initiator
	}
	return responder
}

// forgetIdle forgets the session for which nothing came for longest, except for one. It is false if there is none.
func (l *sessions) forgetIdle(but *session) bool {
	var idle *session
	for _, s := range l.byNumber {
		if s != but && (idle == nil || s.last < idle.last || s.last == idle.last && s.number < idle.number) {
			idle = s
		}
	}
	if idle == nil {
		return false
	}
	l.forget(idle)
	return true
}

func (l *sessions) forget(s *session) {
	if l.leave != nil {
		l.leave(s)
	}
	delete(l.byNumber, s.number)
	delete(l.byKey, s.key)
	for _, id := range s.distinctIDs() {
		l.byID[id] = slices.DeleteFunc(l.byID[id], func(other *session) bool { return other == s })
		if len(l.byID[id]) == 0 {
			delete(l.byID, id)
		}
	}
	for i := range s.ends {
		l.flows -= len(s.ends[i].order)
		for _, f := range s.ends[i].order {
			l.held -= f.held
		}
	}
}

// ordered gives the sessions in the order of their beginning.
func (l *sessions) ordered() []*session {
	var all []*session
	for _, s := range l.byNumber {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *session) int { return a.number - b.number })
	return all
}

// count counts a datagram that an end sent.
func (s *session) count(m marked, from role) {
	s.last = max(s.last, m.since)
	s.ends[from].packets++
	s.ends[from].bytes += len(m.payload)
	s.ends[from].address, s.ends[from.other()].address = m.from, m.to
}

// sessionPacket shows a packet that a key has opened.
func (t *Tracer) sessionPacket(m marked, key *sessionKey, packet opened) {
	t.counts.decoded++
	t.speakers.add(m)
	s, fresh := t.sessions.forKey(key, m.since)
	from := packet.to.other()
	s.count(m, from)
	if fresh {
		t.announce(s, m)
	}
	t.show(m, s, from, packet)
}

// announce tells of a session when it is first seen.
func (t *Tracer) announce(s *session, m marked) {
	e := t.event(KindSession, m)
	e.Session = s.number
	e.Text = fmt.Sprintf("%s and %s", s.describe(initiator), s.describe(responder))
	if !t.keys.has(s.ids) {
		e.Text += "; no key yet"
	}
	t.print(e)
}

// describe names an end in words, with the beginning of its peer ID if the handshake was seen.
func (s *session) describe(r role) string {
	text := fmt.Sprintf("%s %s, ID %08x", r, s.ends[r].address, s.ids[r])
	if s.ends[r].peer != "" {
		text += ", peer " + s.ends[r].peer[:8] + "…"
	}
	return text
}
