package rtmfp

import (
	"fmt"

	"afterglow/rtmfp/wire"
)

// What follows is for tests outside of the package: to look at what a session holds, to see its packets in plain, to have one without a
// handshake, and to send with valid keys what no session sends.

// Check says what is inconsistent in a core that nobody is calling.
func Check(c *Core) error {
	for id, s := range c.sessions {
		if err := s.check(); err != nil {
			return fmt.Errorf("session %08x: %w", id, err)
		}
	}
	for i, s := range c.timers.sessions {
		if s.heapIndex != i || i > 0 && c.timers.sessions[(i-1)/4].heapTime > s.heapTime {
			return fmt.Errorf("timer heap is out of order at %d", i)
		}
	}
	return nil
}

func (s *Session) check() error {
	if s.state != stateOpen {
		return nil
	}
	if err := s.out.check(); err != nil {
		return err
	}
	if err := s.in.check(); err != nil {
		return err
	}
	due := min(s.out.timeoutAt, s.out.expireAt, s.in.next(), s.nextLive(), s.out.nextProbe())
	switch {
	case s.dirty || s.out.packetBytes > 0 && s.core.building:
		return fmt.Errorf("left in the middle of something")
	case due != Never && (s.heapIndex < 0 || s.heapTime > due || s.wakeAt > due):
		return fmt.Errorf("timer at %d and %d, want %d", s.heapTime, s.wakeAt, due)
	case s.out.outstanding > 0 && s.out.timeoutAt == Never:
		return fmt.Errorf("%d bytes outstanding without a timeout", s.out.outstanding)
	case s.out.held && s.wakeAt == Never:
		return fmt.Errorf("data waits for the pacer without a timer")
	}
	return nil
}

func (o *sender) check() error {
	outstanding, ready, probing := 0, 0, 0
	for id, f := range o.flows {
		if err := f.check(); err != nil {
			return fmt.Errorf("sending flow %d: %w", id, err)
		}
		outstanding += f.outstanding
		if f.ready {
			ready++
		}
		if f.probeAt != Never {
			probing++
		}
	}
	queued := 0
	for level := range o.ready {
		queue := &o.ready[level]
		for i := range queue.len() {
			if f := *queue.at(i); !f.ready || int(f.priority) != level {
				return fmt.Errorf("flow %d is in the queue of priority %d", f.id, level)
			}
		}
		queued += queue.len()
	}
	switch {
	case outstanding != o.outstanding:
		return fmt.Errorf("%d bytes outstanding, flows have %d", o.outstanding, outstanding)
	case ready != o.readyFlows || queued != ready:
		return fmt.Errorf("%d flows ready, %d queued, %d counted", ready, queued, o.readyFlows)
	case probing != o.probing:
		return fmt.Errorf("%d flows probe, %d counted", probing, o.probing)
	case o.cc.cwnd < windowTimedOut:
		return fmt.Errorf("window of %d bytes", o.cc.cwnd)
	}
	return nil
}

func (f *SendFlow) check() error {
	q := &f.queue
	if q.entered() > q.next || q.scan > q.entered() {
		return fmt.Errorf("entries up to %d, looked at up to %d, of fragments up to %d", q.entered(), q.scan, q.next)
	}
	outstanding, waiting := 0, int(q.next-q.entered())
	remaining := make(map[MessageID]uint32)
	for n := q.base; n < q.entered(); n++ {
		fragment := q.fragment(n)
		switch {
		case fragment.is(inFlight) && fragment.is(received):
			return fmt.Errorf("fragment %d is received and in flight", n)
		case fragment.is(inFlight) && !f.session.out.remembers(f, n, fragment.tsn):
			return fmt.Errorf("fragment %d is in flight and would not be missed", n)
		case fragment.is(inFlight):
			outstanding += int(fragment.size)
		case !fragment.is(received):
			waiting++
			if n < q.scan && !fragment.is(abandoned) && n != q.base {
				return fmt.Errorf("fragment %d waits where nobody looks, below %d", n, q.scan)
			}
		}
		if !fragment.is(received) {
			id := q.idOf(fragment)
			if m := q.message(id); m == nil || n < m.first || n >= m.end() {
				return fmt.Errorf("fragment %d is listed as one of message %d", n, id)
			}
			remaining[id]++
		}
	}
	bytes := 0
	for id := q.firstMessage; id < q.firstMessage+MessageID(q.messages.len()); id++ {
		m := q.message(id)
		if from := max(m.first, q.entered()); from < m.end() {
			remaining[id] += uint32(m.end() - from)
		}
		if m.remaining != remaining[id] {
			return fmt.Errorf("message %d has %d fragments, counted %d", id, remaining[id], m.remaining)
		}
		if !m.settled {
			bytes += m.size()
		}
	}
	switch {
	case outstanding != f.outstanding:
		return fmt.Errorf("%d bytes outstanding, counted %d", outstanding, f.outstanding)
	case waiting != q.waiting:
		return fmt.Errorf("%d fragments wait, counted %d", waiting, q.waiting)
	case bytes != q.bytes:
		return fmt.Errorf("%d bytes queued, counted %d", bytes, q.bytes)
	}
	return nil
}

func (o *sender) remembers(f *SendFlow, sequence, tsn uint64) bool {
	for i := range o.transmitted.len() {
		if *o.transmitted.at(i) == (sentRef{f, sequence, tsn}) {
			return true
		}
	}
	return false
}

func (in *receiver) check() error {
	buffered, open, should, ranges := 0, 0, 0, 0
	for id, f := range in.flows {
		if f.id != id {
			return fmt.Errorf("receiving flow %d is listed as %d", f.id, id)
		}
		if held := f.buffer.recount(); held != f.buffer.size() {
			return fmt.Errorf("receiving flow %d holds %d bytes, counted %d", id, held, f.buffer.size())
		}
		buffered += f.buffer.size()
		ranges += len(f.sequences.ranges())
		if f.state == receiveOpen || f.state == receiveRejected {
			open++
		}
		if f.shouldAck {
			should++
		}
	}
	switch {
	case buffered != in.buffered:
		return fmt.Errorf("%d bytes buffered, counted %d", buffered, in.buffered)
	case ranges != in.ranges:
		return fmt.Errorf("%d ranges of numbers, counted %d", ranges, in.ranges)
	case open != in.open:
		return fmt.Errorf("%d receiving flows open, counted %d", open, in.open)
	case should > len(in.pending):
		return fmt.Errorf("%d flows have something to acknowledge, %d listed", should, len(in.pending))
	case should > 0 && in.ackAt == 0 || in.ackNow:
		return fmt.Errorf("acknowledgements wait without a timer")
	}
	return nil
}

func (r *reassembly) recount() int {
	held := 0
	count := func(s *segment) {
		held += s.bytes + s.fragments()*fragmentOverhead
		for p := s.head; p != nil; p = p.next {
			held += len(p.data)
		}
		held -= s.bytes
	}
	for _, block := range r.waiting.blocks {
		for _, s := range block {
			count(s)
		}
	}
	for s := r.ready; s != nil; s = s.next {
		count(s)
	}
	return held
}

// Kept is the memory in bytes that a receiving flow keeps beyond what it counts: the message that was delivered last, and what is
// for later ones.
func (f *ReceiveFlow) Kept() int {
	kept := f.buffer.smallBytes
	for _, p := range []*piece{f.buffer.out, f.buffer.large, f.buffer.lent} {
		if p != nil {
			kept += cap(p.data)
		}
	}
	return kept
}

// SendChunks sends a packet of a session with chunks of the caller's making.
func SendChunks(s *Session, chunks []byte) { s.finish(append(s.begin(), chunks...)) }

// Retained is how many fragments and messages a sending flow remembers, and how many ranges of numbers a receiving one.
func (f *SendFlow) Retained() (fragments, messages int) {
	return int(f.queue.next - f.queue.base), f.queue.messages.len()
}

// Ranges is how many ranges of numbers above the first hole a receiving flow remembers.
func (f *ReceiveFlow) Ranges() int { return len(f.sequences.ranges()) }

// Looked is how many fragments the packet that came last had a session look at.
func Looked(s *Session) int { return s.out.looked }

// Spy calls f with the plain packets of a session, sent and received. They are valid during the call.
func Spy(s *Session, f func(sent bool, plain []byte)) { s.cipher = &spy{s.cipher, f} }

type spy struct {
	Cipher
	f func(sent bool, plain []byte)
}

func (s *spy) Seal(buffer []byte) []byte {
	s.f(true, buffer[s.Front():])
	return s.Cipher.Seal(buffer)
}

func (s *spy) Open(sealed []byte) ([]byte, error) {
	plain, err := s.Cipher.Open(sealed)
	if err == nil {
		s.f(false, plain)
	}
	return plain, err
}

// Join makes an open session between two cores without a handshake and without encryption.
func Join(a, b *Core, toA, toB Path, handlerA, handlerB SessionHandler) (near, far *Session) {
	near, far = a.newSession(a.identities[0]), b.newSession(b.identities[0])
	near.handler, far.handler = handlerA, handlerB
	near.role, far.role = Initiator, Responder
	near.receiveID, _ = a.newSessionID()
	far.receiveID, _ = b.newSessionID()
	near.sendID, far.sendID = far.receiveID, near.receiveID
	near.path, far.path = toB, toA
	near.open(far.NearCertificate(), Keying{Cipher: noCipher{}})
	far.open(near.NearCertificate(), Keying{Cipher: noCipher{}})
	return near, far
}

// noCipher takes everything for true that has a header.
type noCipher struct{}

func (noCipher) Front() int                { return 0 }
func (noCipher) Back() int                 { return 0 }
func (noCipher) Seal(buffer []byte) []byte { return buffer }

func (noCipher) Open(sealed []byte) ([]byte, error) {
	if _, _, err := wire.ParseHeader(sealed); err != nil {
		return nil, ErrVerification
	}
	return sealed, nil
}
