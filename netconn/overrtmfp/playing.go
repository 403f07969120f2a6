package overrtmfp

import (
	"sync"
	"time"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/rtmfp"
)

// playing pulls the media of a source into the flows of a stream. It belongs to the shard of its link, except for what mu guards.
type playing struct {
	stream    *outStream
	pump      *pump
	lifetimes netconn.Lifetimes

	mu       sync.Mutex // held while media is pulled
	source   netconn.Source
	detached bool

	full   bool   // as much is under way as may be; goes on when something is settled
	group  uint32 // the present group of pictures
	broken uint32 // the group that has lost a frame: what follows of it is no use to anybody
}

// budget is what a source is told there is room for, in bytes. What bounds a pull is what is under way.
const budget = 64 << 10

// next asks the source, unless it was taken away.
func (p *playing) next() (netconn.Out, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.detached {
		return netconn.Out{}, false
	}
	return p.source.Next(budget)
}

// detach takes the source away. Nobody asks it any more when detach returns.
func (p *playing) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.detached = true
}

// pull takes what the source has, as long as the session may have more under way.
func (p *playing) pull() {
	s := p.stream
	for p.full = false; !s.barrier && !s.link.closing; {
		if p.full = !p.room(); p.full {
			return
		}
		out, ok := p.next()
		switch {
		case !ok:
			return
		case out.Packet != nil:
			p.packet(out.Packet)
		case out.InPlace:
			s.notice(*out.Message)
		default:
			s.send(*out.Message, netconn.Treatment{Class: netconn.ClassControl}, nil)
		}
	}
}

// room says whether more may be under way. Before it says no, pictures that wait are given up: sound shall not wait for them.
func (p *playing) room() bool {
	l := p.stream.link
	if l.hasRoom() {
		return true
	}
	if p.lifetimes.Video >= 0 && p.broken != p.group {
		p.breakGroup(&p.stream.lanes[laneVideo])
	}
	return l.hasRoom()
}

// hasRoom says whether more media may be under way on the session.
func (l *link) hasRoom() bool {
	return l.session.Queued()+l.unsettled*messageOverhead < l.station.limits().QueueBytes
}

// packet queues a packet on the flow of its kind.
func (p *playing) packet(m *media.Packet) {
	w := wireMessage{messageType: m.MessageType(), timestamp: m.Timestamp, payload: m.Payload, note: pendingMessage{config: m.Config}}
	now := p.stream.link.session.Core().Now()
	kind := laneData
	switch m.Kind {
	case media.KindAudio:
		kind = laneAudio
		if !m.Config {
			p.timed(&w, single, now, p.lifetimes.Audio)
		}
	case media.KindVideo:
		kind = laneVideo
		if !p.video(m, &w, now) {
			p.missed(kind)
			return
		}
	}
	p.stream.link.watch.fed()
	l := &p.stream.lanes[kind]
	if !l.send(&w) {
		p.missed(kind)
		if w.note.kind == groupFrame {
			p.breakGroup(l)
		}
		return
	}
	p.stream.stats.sent(kind)
}

// missed counts a message that does not even wait for the network.
func (p *playing) missed(kind laneKind) {
	p.stream.stats.sent(kind)
	p.stream.stats.count(kind, pendingMessage{}, false)
}

// timed gives a message a deadline for its start: a frame of which the far end has a part is worth the rest, but not for ever, or one
// fragment that is never acknowledged would have the flow remember all that comes behind it.
func (p *playing) timed(w *wireMessage, kind pendingKind, now rtmfp.Instant, lifetime time.Duration) {
	if lifetime < 0 {
		return
	}
	w.startBy = now.Add(lifetime)
	w.finishBy = w.startBy.Add(p.stream.link.station.limits().QueueTime)
	w.note.kind, w.note.group = kind, p.group
}

// video decides about a picture; false if it is no use to the viewer.
func (p *playing) video(m *media.Packet, w *wireMessage, now rtmfp.Instant) bool {
	switch {
	case m.Config || m.Metadata || m.Type == media.PacketCommand || m.SequenceEnd:
		return true
	case m.Keyframe:
		p.newGroup(now)
	case p.broken == p.group && p.group != 0:
		return false
	}
	kind := groupFrame
	if m.Frame == media.FrameDisposable {
		kind = single
	}
	p.timed(w, kind, now, p.lifetimes.Video)
	return true
}

// newGroup begins a group of pictures. What waits of the ones before it has little time left: with the new group a viewer is
// closer to live.
func (p *playing) newGroup(now rtmfp.Instant) {
	l := &p.stream.lanes[laneVideo]
	if p.lifetimes.PreviousGroup >= 0 && p.lifetimes.Video >= 0 {
		by := now.Add(p.lifetimes.PreviousGroup)
		for i := range l.pending {
			if m := &l.pending[i]; !m.settled && m.kind != required {
				l.flow.Hasten(l.first+rtmfp.MessageID(i), by)
			}
		}
	}
	p.group++
}

// lost follows up on a message that was given up: with a frame goes the rest of its group.
func (p *playing) lost(l *lane, id rtmfp.MessageID, note pendingMessage) {
	if l.kind != laneVideo || note.kind != groupFrame || p.broken == note.group && note.group == p.group {
		return
	}
	p.abandonGroup(l, id+1, note.group)
	if note.group == p.group {
		p.broken = p.group
	}
	p.stream.stats.groups.Add(1)
}

// breakGroup gives up all pictures that wait, up to the next keyframe.
func (p *playing) breakGroup(l *lane) {
	p.broken = p.group
	if l.flow == nil {
		return
	}
	p.stream.stats.groups.Add(1)
	end := l.first + rtmfp.MessageID(len(l.pending))
	for id := l.first; id < end; id++ {
		if m := l.at(id); m != nil && !m.settled && m.kind != required && !l.flow.Started(id) {
			l.flow.Abandon(id)
		}
	}
}

// abandonGroup gives up the frames of a group from one number on.
func (p *playing) abandonGroup(l *lane, from rtmfp.MessageID, group uint32) {
	end := l.first + rtmfp.MessageID(len(l.pending))
	for id := from; id < end; id++ {
		m := l.at(id)
		if m == nil || m.settled || m.kind == required {
			continue
		}
		if m.group != group {
			return
		}
		m.kind = single // its loss has been followed up
		l.flow.Abandon(id)
	}
}
