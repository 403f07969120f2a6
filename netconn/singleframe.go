package netconn

import (
	"time"

	"afterglow/media"
)

// singled says whether a packet belongs to the first picture, for a client that plays with the duration 0 (server-side-api 3.5.2):
// what decoders and scripts need before it does, sound does not. With the picture playing is over, as it is without one when publishing
// ends. Nobody waits for a publisher who wants to wait for no time.
func (p *player) singled(packet *media.Packet) bool {
	switch {
	case packet.Kind == media.KindAudio:
		return false
	case packet.Kind != media.KindVideo || packet.Config || packet.Metadata || packet.Type == media.PacketCommand || packet.SequenceEnd:
		return true
	}
	if !p.viewer.CanPlay(packet.Codec) {
		return true // which the client is told
	}
	p.over()
	return true
}

// over ends playing behind what Next hands out now.
func (p *player) over() {
	p.ended = true
	// The transport is within Next: what follows must not happen here.
	time.AfterFunc(0, func() { p.stream.conn.do(func() { p.stream.pictureShown(p) }) })
}

// pictureShown says that playing is over, behind the picture.
func (s *Stream) pictureShown(p *player) {
	if s.playing != p {
		return
	}
	s.conn.transport.Barrier(s.id)
	s.itemOver(p)
}

// took counts a packet that goes to the client.
func (p *player) took(bytes int) {
	c := p.stream.conn
	c.counts.out.Add(1)
	c.pulled(bytes)
}
