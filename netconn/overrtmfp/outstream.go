package overrtmfp

import (
	"time"

	"afterglow/netconn"
	"afterglow/rtmfp"
)

// outStream is what goes out on one stream: its flows, and what plays on it.
type outStream struct {
	link      *link
	id        uint32
	lanes     [laneKinds]lane
	unsettled int // messages of all lanes that are neither delivered nor given up
	playing   *playing
	stats     deliveryCounters

	// barred has what waits until everything before it is settled; nil when there is no barrier.
	barred  []barredMessage
	barrier bool
	moved   rtmfp.Instant   // when the first of them came, or something was settled after that
	behind  bool            // what waits is to be settled in its turn before more is sent
	flushed []chan struct{} // closed when nothing is unsettled
}

// barredMessage is a message behind a barrier.
type barredMessage struct {
	message   netconn.Message
	treatment netconn.Treatment
	handle    *handle
}

func newOutStream(l *link, id uint32) *outStream {
	s := &outStream{link: l, id: id}
	for k := range s.lanes {
		s.lanes[k] = lane{stream: s, kind: laneKind(k)}
	}
	return s
}

// send queues a message of netconn's own, behind the barrier if there is one.
func (s *outStream) send(m netconn.Message, t netconn.Treatment, h *handle) {
	now := s.link.session.Core().Now()
	if s.barrier {
		if len(s.barred) == 0 {
			s.moved = now
		}
		s.barred = append(s.barred, barredMessage{m, t, h})
		s.link.requires(&m)
		return
	}
	l := &s.lanes[laneOf(&m)]
	w := wireMessage{messageType: m.Type, timestamp: m.Timestamp, payload: m.Payload, note: pendingMessage{handle: h, own: true}}
	if t.StartBy > 0 {
		w.startBy = now.Add(t.StartBy)
	}
	if t.FinishBy > 0 {
		w.finishBy = now.Add(t.FinishBy)
	}
	if !l.send(&w) {
		return
	}
	if h != nil {
		id := l.first + rtmfp.MessageID(len(l.pending)) - 1
		h.abandon = func() { l.flow.Abandon(id) }
	}
	s.link.requires(&m)
}

// bar keeps what is sent later behind what was sent before. Flows have no order among them, and a far end need not know the
// barriers of RFC 7425 5.2 (librtmfp does not), so what comes later waits here until all that came before is delivered or given
// up.
func (s *outStream) bar() { s.barrier = s.unsettled > 0 }

// notice sends what belongs between packets, such as the beginning or the end of publishing: behind those before it, and before those
// after it even if it is lost at first.
func (s *outStream) notice(m netconn.Message) {
	s.bar()
	s.send(m, netconn.Treatment{Class: netconn.ClassControl}, nil)
	s.behind = s.barrier
	s.bar()
}

// settled takes a receipt.
func (s *outStream) settled(l *lane, id rtmfp.MessageID, note pendingMessage, delivered bool) {
	s.unsettled--
	s.link.unsettled--
	s.moved = s.link.session.Core().Now()
	if note.own {
		s.link.required -= int(note.size) + messageOverhead
	}
	s.stats.count(l.kind, note, delivered)
	if p := s.playing; p != nil && !delivered {
		p.lost(l, id, note)
	}
	if s.unsettled == 0 {
		s.emptied()
	}
	s.link.progressed()
}

// emptied lets go what waited for everything to be settled.
func (s *outStream) emptied() {
	for _, c := range s.flushed {
		close(c)
	}
	s.flushed = nil
	if !s.barrier {
		return
	}
	behind := s.behind
	s.behind = false
	s.unbar()
	if behind {
		s.bar()
	}
	if s.playing != nil {
		s.playing.pull()
	}
}

// unbar sends what waits behind the barrier.
func (s *outStream) unbar() {
	s.barrier = false
	barred := s.barred
	s.barred = nil
	for _, b := range barred {
		s.link.required -= len(b.message.Payload) + messageOverhead
		s.send(b.message, b.treatment, b.handle)
	}
}

// flush has c closed when everything is settled.
func (s *outStream) flush(c chan struct{}) {
	if s.unsettled == 0 {
		close(c)
		return
	}
	s.flushed = append(s.flushed, c)
}

// waited is how long the oldest of what must arrive has been unacknowledged, or how long nothing has moved before what waits behind
// a barrier.
func (s *outStream) waited() time.Duration {
	now := s.link.session.Core().Now()
	var longest time.Duration
	if len(s.barred) > 0 {
		longest = now.Sub(s.moved)
	}
	for k := range s.lanes {
		l := &s.lanes[k]
		if l.over() || !l.mustArrive() {
			continue
		}
		if at, ok := l.flow.Oldest(); ok {
			longest = max(longest, now.Sub(at))
		}
	}
	return longest
}

// close ends the stream's flows behind what is queued on them.
func (s *outStream) close() {
	for k := range s.lanes {
		s.lanes[k].close()
	}
}

// over says whether all flows of the stream have ended.
func (s *outStream) over() bool {
	for k := range s.lanes {
		if !s.lanes[k].over() {
			return false
		}
	}
	return true
}

// cancel ends the stream's flows with whatever is queued on them, since the link has ended: the session may go on with others.
func (s *outStream) cancel() {
	for k := range s.lanes {
		if l := &s.lanes[k]; !l.over() {
			l.flow.Cancel()
		}
	}
	s.release()
}

// release lets everybody go who waits, since the stream has ended.
func (s *outStream) release() {
	for _, c := range s.flushed {
		close(c)
	}
	for _, b := range s.barred {
		s.link.required -= len(b.message.Payload) + messageOverhead
	}
	s.flushed, s.barred, s.barrier = nil, nil, false
}
