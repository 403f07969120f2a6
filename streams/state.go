package streams

import (
	"slices"

	"afterglow/media"
)

// What a publisher can make a stream remember for newcomers is bounded: how many packets, and how large one may be, in
// bytes.
const (
	maxDataFrames  = 16
	maxConfigs     = 32
	maxStatePacket = 256 << 10
)

// state is what a newcomer must know before the first frame. It is guarded by the stream's mu.
type state struct {
	data    []dataFrame
	configs []*media.Packet // codec configuration and video metadata, the newest of each track
	video   string
	audio   string
}

type dataFrame struct {
	handler string
	packet  *media.Packet
}

func (t *state) setData(handler string, p *media.Packet) {
	if len(p.Payload) > maxStatePacket {
		return
	}
	i := slices.IndexFunc(t.data, func(d dataFrame) bool { return d.handler == handler })
	switch {
	case i >= 0:
		t.data[i].packet = p
	case len(t.data) < maxDataFrames:
		t.data = append(t.data, dataFrame{handler, p})
	}
}

func (t *state) clearData(handler string) {
	t.data = slices.DeleteFunc(t.data, func(d dataFrame) bool { return d.handler == handler })
}

// keptAs finds the handler of a packet, whatever its timestamp is.
func (t *state) keptAs(p *media.Packet) (handler string, kept bool) {
	for _, d := range t.data {
		if len(p.Payload) > 0 && len(d.packet.Payload) == len(p.Payload) && &d.packet.Payload[0] == &p.Payload[0] {
			return d.handler, true
		}
	}
	return "", false
}

func (t *state) setConfig(p *media.Packet) {
	t.configs = slices.DeleteFunc(t.configs, p.Supersedes)
	if len(t.configs) < maxConfigs && len(p.Payload) <= maxStatePacket {
		t.configs = append(t.configs, p)
	}
}

// prefix is the metadata and configuration, stamped with the time where they are shown.
func (t *state) prefix(timestamp uint32) []*media.Packet {
	out := make([]*media.Packet, 0, len(t.data)+len(t.configs))
	for _, d := range t.data {
		out = append(out, d.packet.WithTimestamp(timestamp))
	}
	for _, c := range t.configs {
		out = append(out, c.WithTimestamp(timestamp))
	}
	return out
}

// write appends a packet and keeps what newcomers need of it. The caller holds mu.
func (s *Stream) write(p *media.Packet) {
	t := &s.state
	if p.Kind == media.KindVideo && p.TrackCount > 0 && p.Err == nil && (p.Info.Track == 0 || t.video == "") {
		s.lead.Store(uint32(p.Info.Track))
	}
	switch {
	case p.Kind == media.KindData:
	case p.Config, p.Metadata:
		t.setConfig(p)
	case p.Kind == media.KindVideo && s.starts(p):
		s.beginGOP(p)
	}
	if p.Codec != media.CodecNone {
		t.name(p)
	}
	s.append(Item{Packet: p})
}

// starts says whether decoding can begin with a video packet. Track 0 decides, but Enhanced RTMP only recommends that
// there is one.
func (s *Stream) starts(p *media.Packet) bool {
	if p.Info.Track == 0 || p.Err != nil {
		return p.Keyframe
	}
	coded := p.Type == media.PacketCodedFrames || p.Type == media.PacketCodedFramesX
	return coded && p.Frame.Key() && uint32(p.Info.Track) == s.lead.Load()
}

// beginGOP makes a keyframe that is about to be appended the place where newcomers start.
func (s *Stream) beginGOP(p *media.Packet) {
	if s.hub.config.Load().NoGOPCache {
		s.join.Store(nil)
		return
	}
	s.join.Store(&joinPoint{seq: s.head.Load(), prefix: s.state.prefix(p.Timestamp)})
}

func (t *state) name(p *media.Packet) {
	switch p.Kind {
	case media.KindVideo:
		t.video = p.Codec.String()
	case media.KindAudio:
		t.audio = p.Codec.String()
	}
}
