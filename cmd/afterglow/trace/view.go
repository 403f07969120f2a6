package trace

import (
	"encoding/hex"
	"fmt"
	"strings"

	"afterglow/rtmfp/wire"
)

// view shows one packet.
type view struct {
	tracer *Tracer
	marked
	session *session // nil for a startup packet
	from    role
	header  *PacketHeader
	shown   bool // a line about the packet has been printed
	nested  bool // within fragments
}

// show shows a packet of a session.
func (t *Tracer) show(m marked, s *session, from role, packet opened) {
	header, chunks, _ := wire.ParseHeader(packet.plain)
	v := &view{tracer: t, marked: m, session: s, from: from, header: newPacketHeader(header, len(m.payload))}
	if packet.replayed {
		s.replayed++
		t.counts.replayed++
		e := v.event(KindPacket)
		e.Replayed, e.Text = true, listChunks(chunks)+" (a packet that was there before, or comes much too late)"
		v.print(e)
		return
	}
	s.takeTimes(from, header, m.since)
	v.chunks(chunks)
}

// chunks shows all chunks of a packet.
func (v *view) chunks(list []byte) {
	_, _, some := wire.NextChunk(list)
	if v.tracer.options.Level == LevelPackets && !v.nested || !some {
		e := v.event(KindPacket)
		e.Text = fmt.Sprintf("%d bytes: %s", len(v.payload), listChunks(list))
		v.print(e)
	}
	var previous wire.UserData
	for {
		chunk, rest, ok := wire.NextChunk(list)
		if !ok {
			return
		}
		list = rest
		v.chunk(chunk, &previous)
	}
}

// listChunks names the chunks of a packet.
func listChunks(list []byte) string {
	var names []string
	for {
		chunk, rest, ok := wire.NextChunk(list)
		if !ok {
			break
		}
		names = append(names, chunk.Type.String())
		list = rest
	}
	if len(names) == 0 {
		return "no chunks"
	}
	return strings.Join(names, ", ")
}

func (v *view) event(kind Kind) Event {
	e := v.tracer.event(kind, v.marked)
	if v.session != nil {
		e.Session = v.session.number
	}
	return e
}

// print prints an event of the packet.
func (v *view) print(e Event) {
	e.Packet, e.opens = v.header, !v.shown
	v.shown = v.tracer.print(e) || v.shown
}

// chunk shows a chunk, and what comes of it.
func (v *view) chunk(c wire.Chunk, previous *wire.UserData) {
	e := v.event(KindChunk)
	e.Chunk = c.Type.String()
	switch c.Type {
	case wire.ChunkUserData, wire.ChunkNextUserData:
		v.userData(e, c, previous)
		return
	case wire.ChunkFragment:
		v.fragment(e, c)
		return
	case wire.ChunkClose, wire.ChunkCloseAck:
		if v.session != nil && v.session.closed == "" {
			v.session.closed = fmt.Sprintf("closed by the %s (%s)", v.from, c.Type)
		}
	}
	e.Flow, e.Text = describeChunk(c)
	if v.tracer.options.Hex {
		e.Payload = hex.EncodeToString(c.Payload)
	}
	v.print(e)
	if v.session == nil {
		v.tracer.learn(v.marked, c)
	}
}

// fragment takes a piece of a startup packet.
func (v *view) fragment(e Event, c wire.Chunk) {
	f, err := wire.ParseFragment(c.Payload)
	if err != nil {
		e.Text = err.Error()
		v.print(e)
		return
	}
	e.Text = fmt.Sprintf("fragment %d of packet %d, %s", f.Number, f.PacketID, byteCount(len(f.Data)))
	v.print(e)
	if v.session != nil || v.nested {
		return
	}
	packet := v.tracer.startup.pieces.add(v.marked, f)
	if _, chunks, err := wire.ParseHeader(packet); err == nil {
		v.nested = true
		v.chunks(chunks)
	}
}

// userData takes a fragment of a flow.
func (v *view) userData(e Event, c wire.Chunk, previous *wire.UserData) {
	u, err := parseUserData(c, *previous)
	if err != nil {
		e.Text = err.Error()
		v.print(e)
		return
	}
	*previous = u
	e.Flow, e.Sequence, e.Abandoned = &u.FlowID, u.Sequence, u.Abandon && !onlyEnd(u)
	if v.session == nil {
		e.Text = describeUserData(u)
		v.print(e)
		return
	}
	f := v.tracer.sessions.flow(v.session, v.from, u, v.since)
	if f == nil {
		e.Text = describeUserData(u) + "; more flows than are followed"
		v.print(e)
		return
	}
	news := f.take(u, v.since, v.tracer.sessions)
	e.Retransmission = news.again
	e.Text = describeUserData(u)
	v.print(e)
	v.news(f, u, news)
}

func parseUserData(c wire.Chunk, previous wire.UserData) (wire.UserData, error) {
	if c.Type == wire.ChunkUserData {
		return wire.ParseUserData(c.Payload)
	}
	if previous.Sequence == 0 {
		return wire.UserData{}, wire.ErrSequence
	}
	return wire.ParseNextUserData(c.Payload, previous)
}

// news shows what a fragment has brought about.
func (v *view) news(f *flow, u wire.UserData, n news) {
	if n.began {
		v.flowEvent(KindFlow, f, u.Sequence, fmt.Sprintf("flow %d begins: %s", f.id, f.describe()))
	}
	if n.gap != "" {
		v.flowEvent(KindGap, f, u.Sequence, fmt.Sprintf("flow %d: %s", f.id, n.gap))
	}
	if n.complete {
		v.message(f, n)
	}
	if n.ended {
		v.flowEvent(KindFlow, f, f.final, fmt.Sprintf("flow %d ends with #%d", f.id, f.final))
	}
}

func (v *view) flowEvent(kind Kind, f *flow, sequence uint64, text string) {
	e := v.event(kind)
	e.Flow, e.Sequence, e.Text = &f.id, sequence, text
	v.print(e)
}

// message shows a message that is complete.
func (v *view) message(f *flow, n news) {
	m := f.purpose.message(n.message)
	f.count(m)
	e := v.event(KindMessage)
	e.Flow, e.Sequence, e.Last, e.Message = &f.id, n.first, n.last, &m
	if v.tracer.options.Hex {
		e.Payload = hex.EncodeToString(n.message)
	}
	v.print(e)
}
