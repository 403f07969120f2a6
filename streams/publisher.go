package streams

import (
	"time"

	"afterglow/media"
)

// Publisher is the right to a stream's name, and the way in.
type Publisher struct {
	stream *Stream
	claim  Claim
	since  time.Time

	// Guarded by the stream's mu.
	err     error
	closed  bool
	shift   uint32 // added to timestamps, milliseconds
	started bool
	packets uint64
	bytes   uint64
}

// beginPublisher is called with mu held. The stream is held for the publisher already.
func (s *Stream) beginPublisher(claim Claim) *Publisher {
	p := &Publisher{stream: s, claim: claim, since: time.Now()}
	s.publisher = p
	s.state = state{}
	if s.subscribers == 0 {
		s.hasTime, s.lastTime = false, 0
	}
	if !s.hasTime {
		s.timeAt = s.hub.now()
	}
	s.hub.stats.Publishers.Add(1)
	s.append(Item{Event: EventPublish})
	return p
}

// endPublisher is called with mu held.
func (s *Stream) endPublisher(reason error) {
	s.publisher.err = reason
	s.publisher = nil
	s.join.Store(nil)
	s.hub.stats.Publishers.Add(-1)
	s.append(Item{Event: EventUnpublish})
}

// Err returns why writing would fail: ErrEvicted, ErrUnpublished, or nil.
func (p *Publisher) Err() error {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	return p.err
}

// Name returns the stream's name.
func (p *Publisher) Name() string { return p.stream.name }

// Owner returns the claim's Owner.
func (p *Publisher) Owner() any { return p.claim.Owner }

// Key returns the claim's Key.
func (p *Publisher) Key() string { return p.claim.Key }

// Since returns when the publication began.
func (p *Publisher) Since() time.Time { return p.since }

// Splice tells that what is written from now on comes from another source: its time goes on behind what was written, and
// what was kept for newcomers is forgotten. It should begin with a keyframe.
func (p *Publisher) Splice() {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.err != nil {
		return
	}
	p.started, p.shift = false, 0
	s.state = state{}
	s.join.Store(nil)
}

// Retime is Splice for a source that has begun to count its time anew, and forgets nothing.
func (p *Publisher) Retime() {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	p.started, p.shift = false, 0
}

// Close ends the publication. What was written still reaches the subscribers, and the end of it after that. Closing
// again, or after another took the name, does nothing.
func (p *Publisher) Close() {
	s := p.stream
	s.mu.Lock()
	if p.err == nil {
		s.endPublisher(ErrUnpublished)
	}
	held := !p.closed
	p.closed = true
	s.mu.Unlock()
	if held {
		s.hub.release(s)
	}
}

// Evict takes the name away as a newcomer that takes it would; Claim.Evicted is called.
func (p *Publisher) Evict() {
	s := p.stream
	s.mu.Lock()
	lost := p.err == nil
	if lost {
		s.endPublisher(ErrEvicted)
	}
	s.mu.Unlock()
	if lost && p.claim.Evicted != nil {
		p.claim.Evicted(p)
	}
}

// Write appends a packet. Its timestamp is moved when the stream goes on under subscribers who watched an earlier
// publisher, so that their time never runs backwards. It returns ErrEvicted or ErrUnpublished when the name is lost.
func (p *Publisher) Write(packet *media.Packet) error {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	s.write(p.moved(packet))
	p.count(packet)
	return nil
}

func (p *Publisher) count(packet *media.Packet) {
	n := uint64(len(packet.Payload))
	p.packets++
	p.bytes += n
	p.stream.hub.stats.PacketsIn.Add(1)
	p.stream.hub.stats.BytesIn.Add(n)
}

// moved gives the packet its place in the stream's time.
func (p *Publisher) moved(packet *media.Packet) *media.Packet {
	s := p.stream
	if !p.started {
		if packet.Kind == media.KindData || packet.Config || packet.Metadata {
			// Encoders give what comes before the first frame the time zero, whatever the time of the frame is.
			if s.hasTime {
				return packet.WithTimestamp(s.lastTime + 1)
			}
			s.lastTime = packet.Timestamp
			return packet
		}
		p.started = true
		if s.hasTime {
			p.shift = s.lastTime + 1 - packet.Timestamp
		}
	}
	if p.shift != 0 {
		packet = packet.WithTimestamp(packet.Timestamp + p.shift)
	}
	if !s.hasTime || int32(packet.Timestamp-s.lastTime) > 0 {
		s.lastTime, s.hasTime, s.timeAt = packet.Timestamp, true, s.hub.now()
	}
	return packet
}

// SetData writes a data message and keeps it, under its handler's name, for those who join later. What is more than 16
// names or larger than 256 KiB is written only.
func (p *Publisher) SetData(handler string, packet *media.Packet) error {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	packet = p.moved(packet)
	s.state.setData(handler, packet)
	s.write(packet)
	p.count(packet)
	return nil
}

// ClearData forgets the data message kept for a handler.
func (p *Publisher) ClearData(handler string) {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	if p.err == nil {
		p.stream.state.clearData(handler)
	}
}
