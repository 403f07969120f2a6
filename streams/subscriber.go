package streams

import (
	"sync/atomic"

	"afterglow/media"
)

// SubscribeOptions is how a subscriber wants a stream.
type SubscribeOptions struct {
	// Waker is woken for each new packet. Subscribers that share one cost the publisher a single call.
	Waker Waker
	// NoAudio and NoVideo leave out a kind from the start.
	NoAudio, NoVideo bool
}

// Subscriber is a cursor into a stream. Its methods belong to one goroutine at a time; only Skipped may be called
// from others.
type Subscriber struct {
	stream  *Stream
	waker   Waker
	first   []Item // goes out before the ring
	next    uint64
	kept    uint64 // entries that must arrive seen so far
	noAudio bool
	noVideo bool
	waitKey bool // video is left out until a keyframe
	closed  bool
	skipped atomic.Uint64

	hasSkipped bool
}

// Subscribe joins a stream at its newest keyframe, or waits for its publisher. The subscriber must be closed.
func (h *Hub) Subscribe(name string, o SubscribeOptions) *Subscriber {
	h.mu.Lock()
	s := h.stream(name)
	h.mu.Unlock()
	sub := &Subscriber{stream: s, waker: o.Waker, noAudio: o.NoAudio, noVideo: o.NoVideo}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers++
	h.stats.Subscribers.Add(1)
	s.addWaker(o.Waker)
	sub.enter()
	return sub
}

// enter goes to where newcomers start. The caller holds the stream's mu.
func (sub *Subscriber) enter() {
	s := sub.stream
	sub.first, sub.kept = nil, s.keptTotal
	if s.publisher == nil {
		sub.next = s.head.Load()
		return
	}
	prefix := []*media.Packet(nil)
	if j := s.join.Load(); j != nil {
		sub.next, sub.waitKey, prefix = j.seq, false, j.prefix
		if e := s.ring.Load().load(j.seq); e != nil {
			sub.kept = e.kept
		}
	} else {
		sub.next, sub.waitKey, prefix = s.head.Load(), true, s.state.prefix(s.lastTime)
	}
	sub.first = make([]Item, len(prefix))
	for i, p := range prefix {
		sub.first[i] = Item{Packet: p}
	}
}

// SetWaker changes who is woken for new packets; nil is nobody. What came before is not told again.
func (sub *Subscriber) SetWaker(w Waker) {
	s := sub.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub.closed {
		return
	}
	s.removeWaker(sub.waker)
	sub.waker = w
	s.addWaker(w)
}

// Published says whether the stream has a publisher now.
func (sub *Subscriber) Published() bool {
	sub.stream.mu.Lock()
	defer sub.stream.mu.Unlock()
	return sub.stream.publisher != nil
}

// Feed identifies the stream among all of the process: subscribers with the same feed get the same packets, so that
// what is made of a packet for one of them serves the others.
func (sub *Subscriber) Feed() any { return sub.stream }

// KeptAs returns the handler's name for which the stream keeps a data message that Next returned, and false for one that
// it does not keep, or no more. It takes the stream's lock.
func (sub *Subscriber) KeptAs(p *media.Packet) (handler string, kept bool) {
	s := sub.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.keptAs(p)
}

// Next returns the next packet or event, and false when there is none yet. It takes no lock unless it skips.
func (sub *Subscriber) Next() (Item, bool) {
	for {
		if len(sub.first) > 0 {
			item := sub.first[0]
			sub.first = sub.first[1:]
			if sub.wants(item) {
				return item, true
			}
			continue
		}
		sub.first = nil
		s := sub.stream
		if sub.closed || sub.next >= s.head.Load() {
			return Item{}, false
		}
		e := s.ring.Load().load(sub.next)
		if e == nil || sub.late(e) {
			sub.skip()
			continue
		}
		sub.next++
		if e.item.Event == EventPublish {
			// What came before is no help in decoding what another publisher sends.
			sub.waitKey = true
		}
		if e.mustArrive() {
			sub.kept = e.kept + 1
		}
		if sub.wants(e.item) {
			return e.item, true
		}
	}
}

// late says that the subscriber is too far behind and that there is a keyframe to go to.
func (sub *Subscriber) late(e *entry) bool {
	s := sub.stream
	if s.lastAt.Load()-e.at <= int64(s.hub.config.Load().MaxLag) {
		return false
	}
	j := s.join.Load()
	return j != nil && j.seq > sub.next
}

// skip moves to the newest keyframe, or to the newest packet when the ring has none. What must arrive from the gap is
// put in front.
func (sub *Subscriber) skip() {
	stats := sub.stream.hub.stats
	g := sub.stream.gapFrom(sub.next)
	if g.target == sub.next {
		return
	}
	kept := g.kept - sub.kept
	missed := g.target - sub.next - kept
	sub.first, sub.next, sub.kept, sub.waitKey = g.items, g.target, g.kept, g.waitKey
	if !sub.hasSkipped {
		sub.hasSkipped = true
		stats.Skippers.Add(1)
	}
	sub.skipped.Add(missed)
	sub.stream.skipped.Add(missed)
	stats.Skips.Add(1)
	stats.Skipped.Add(missed)
	stats.LostKept.Add(kept - uint64(len(g.items)))
}

// wants filters kinds that were turned off, and video that cannot be decoded yet.
func (sub *Subscriber) wants(item Item) bool {
	p := item.Packet
	if p == nil {
		return true
	}
	switch p.Kind {
	case media.KindAudio:
		return !sub.noAudio || p.Config
	case media.KindVideo:
		if p.Config || p.Metadata {
			return true
		}
		if sub.noVideo {
			return false
		}
		if sub.waitKey && !sub.stream.starts(p) {
			return false
		}
		sub.waitKey = false
	}
	return true
}

// SetAudio turns audio on or off. Configurations always come.
func (sub *Subscriber) SetAudio(on bool) { sub.noAudio = !on }

// SetVideo turns video on or off. Turned on, it begins with a keyframe.
func (sub *Subscriber) SetVideo(on bool) {
	if on && sub.noVideo {
		sub.waitKey = true
	}
	sub.noVideo = !on
}

// Resume goes to where newcomers start, for a subscriber that paused; one that has seen that place goes on where it is.
// That publishers came and went meanwhile is told.
func (sub *Subscriber) Resume() {
	s := sub.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.join.Load(); j != nil && j.seq < sub.next && sub.next >= s.tail {
		return
	}
	from := sub.next
	sub.enter()
	var turns []Item
	for _, e := range s.kept {
		if e.item.Event != EventNone && e.seq >= from && e.seq < sub.next {
			turns = append(turns, e.item)
		}
	}
	sub.first = append(turns, sub.first...)
}

// Skipped returns how many audio and video packets the subscriber missed because it was too slow.
func (sub *Subscriber) Skipped() uint64 { return sub.skipped.Load() }

// Close leaves the stream. Closing again does nothing.
func (sub *Subscriber) Close() {
	if sub.closed {
		return
	}
	sub.closed, sub.first = true, nil
	s := sub.stream
	s.mu.Lock()
	s.subscribers--
	s.removeWaker(sub.waker)
	s.mu.Unlock()
	s.hub.stats.Subscribers.Add(-1)
	s.hub.release(s)
}
