package overrtmfp

import (
	"time"

	"afterglow/netconn"
)

// What netconn asks of a link: it is a netconn.Transport.

// Resume takes messages again.
func (l *link) Resume() {
	l.post(func() {
		l.paused = false
		l.deaf.Store(false)
		for f := range l.inflows {
			f.release(heldByConnection)
		}
	})
}

// Send queues a message on the flow of its stream and kind.
func (l *link) Send(m netconn.Message, t netconn.Treatment) netconn.Handle {
	h := &handle{link: l}
	if kind, _, _ := event(m.Payload); m.Type == netconn.TypeUserControl && kind == eventPingRequest {
		l.post(l.probe)
		return h
	}
	if m.Type == netconn.TypeUserControl {
		m.StreamID = l.streamOf(m)
	}
	l.post(func() { l.send(m, t, h) })
	return h
}

// streamOf says on which stream a user control message goes: over RTMP all are on stream 0, here those about a stream belong to
// its flows (RFC 7425 5.3.7).
func (l *link) streamOf(m netconn.Message) uint32 {
	switch kind, first, _ := event(m.Payload); kind {
	case 0, 1, 2, 3, 4, 31, 32:
		return first
	}
	return l.own
}

func (l *link) send(m netconn.Message, t netconn.Treatment, h *handle) {
	if l.closing || l.ended {
		return
	}
	s := l.stream(m.StreamID)
	s.send(m, t, h)
	if g := l.greeting; g != nil && m.StreamID == l.own {
		l.greeting = nil
		s.send(*g, netconn.Treatment{}, nil)
	}
}

// probe asks the far end for a sign of life by the session's own means: not all clients answer the ping of RTMP here. The answer is
// told to the end as that ping's.
func (l *link) probe() {
	if l.ended || l.onHeard {
		return
	}
	l.onHeard = true
	l.session.Probe(func() {
		l.onHeard = false
		l.deliver(netconn.Message{Type: netconn.TypeUserControl, Payload: []byte{0, eventPingResponse, 0, 0, 0, 0}})
	})
}

// messageOverhead is what a message counts for beside its bytes, so that a great many small ones are bounded, too.
const messageOverhead = 64

// Barrier keeps messages of a stream that are sent later behind those sent before.
func (l *link) Barrier(streamID uint32) {
	l.post(func() {
		if s := l.streams[streamID]; s != nil {
			s.bar()
		}
	})
}

// Flushed is closed when everything sent on a stream is delivered or given up.
func (l *link) Flushed(streamID uint32) <-chan struct{} {
	c := make(chan struct{})
	posted := l.post(func() {
		s := l.streams[streamID]
		if s == nil || l.ended {
			close(c)
			return
		}
		s.flush(c)
	})
	if !posted {
		close(c)
	}
	return c
}

// Accepted has nothing to say before the answer to connect: librtmfp expects that answer first.
func (l *link) Accepted() {}

// Publishing says whether the far end may send large messages.
func (l *link) Publishing(on bool) {
	l.post(func() {
		l.large = on
		for f := range l.inflows {
			f.flow.SetMessageLimit(l.messageLimit())
		}
	})
}

// messageLimit is the largest message that is taken now. Clients take any from their server.
func (l *link) messageLimit() int {
	limits := l.station.limits()
	if l.large || l.trusting {
		return limits.MessageSize
	}
	return limits.MessageSizeBeforePublish
}

// StreamOpened lets the far end use a stream.
func (l *link) StreamOpened(id uint32) { l.post(func() { l.opened[id] = true }) }

// StreamClosed ends a stream: our flows behind what is queued, the far end's with what it still sends.
func (l *link) StreamClosed(id uint32) {
	l.post(func() {
		if id == l.own {
			return
		}
		delete(l.opened, id)
		if s := l.streams[id]; s != nil {
			l.leave(s)
		}
	})
}

// Attach begins to pull a stream's media.
func (l *link) Attach(streamID uint32, source netconn.Source, d netconn.Delivery) netconn.Waker {
	if d.Mode == netconn.WriteFixed && d.Delay <= 0 {
		d.Delay = defaultDelay
	}
	feed := source.Feed()
	if feed == nil {
		feed = source
	}
	p := &playing{
		source: source, lifetimes: l.station.limits().fill(d.Lifetimes),
		pump: l.station.pumps.join(pumpKey{feed, l.session.Core(), d.Mode, d.Delay}),
	}
	l.mu.Lock()
	if l.media == nil {
		l.media = make(map[uint32]*playing)
	}
	l.media[streamID] = p
	l.mu.Unlock()
	l.post(func() {
		p.stream = l.stream(streamID)
		p.stream.playing = p
		p.pump.add(p)
		p.pull()
	})
	return p.pump
}

// Detach ends that. What was pulled is still delivered.
func (l *link) Detach(streamID uint32) {
	l.mu.Lock()
	p := l.media[streamID]
	delete(l.media, streamID)
	l.mu.Unlock()
	if p == nil {
		return
	}
	p.detach()
	l.post(func() {
		if p.stream.playing == p {
			p.stream.playing = nil
		}
		p.pump.remove(p)
		l.station.pumps.leave(p.pump)
	})
}

// Pull has the sources asked.
func (l *link) Pull() { l.post(l.pull) }

func (l *link) pull() {
	for _, s := range l.streams {
		if s.playing != nil {
			s.playing.pull()
		}
	}
}

// Heard counts what the far end has said.
func (l *link) Heard() (uint64, bool) { return l.heard.Load(), !l.deaf.Load() }

// Far describes the far end.
func (l *link) Far() netconn.Far { return *l.far.Load() }

// DeliveryStats returns the figures of a stream.
func (l *link) DeliveryStats(streamID uint32) (netconn.DeliveryStats, bool) {
	l.mu.Lock()
	d := l.views[streamID]
	l.mu.Unlock()
	if d == nil {
		return netconn.DeliveryStats{}, false
	}
	return netconn.DeliveryStats{
		Audio: d.kinds[laneAudio].snapshot(), Video: d.kinds[laneVideo].snapshot(), Data: d.kinds[laneData].snapshot(),
		Groups: d.groups.Load(), QueuedBytes: int(l.queued.Load()), RoundTrip: time.Duration(l.rtt.Load()),
	}, true
}
