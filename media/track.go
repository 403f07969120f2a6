package media

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Track is the part of a packet that belongs to one track.
type Track struct {
	// ID is the track id; 0 is the default track and that of packets that name none.
	ID uint8
	// Codec is the codec of the track.
	Codec Codec
	// FourCC is the code in an Enhanced tag, zero in a classic one.
	FourCC FourCC
	// CompositionTime is the presentation time less the decoding time in milliseconds.
	CompositionTime int32
	// Body is the configuration record, coded frames or metadata, without any header. Nobody may modify it.
	Body []byte
}

// Tracks goes through the tracks of the packet in their order. A classic packet
// and an Enhanced one that is not multitrack have one track, id 0; data,
// silence and command frames have none. Where the packet is malformed, the last
// pair has an error, and the tracks before it are sound.
func (p *Packet) Tracks() iter.Seq2[Track, error] {
	if p.Err != nil && p.layout.body == 0 {
		return func(yield func(Track, error) bool) { yield(Track{}, p.Err) }
	}
	return tracks(p.Info, p.Kind, p.Payload, p.layout)
}

// Track returns the track with the given id. It reports false where the packet has none or is malformed.
func (p *Packet) Track(id uint8) (Track, bool) {
	if p.Err != nil {
		return Track{}, false
	}
	for t, err := range p.Tracks() {
		if err == nil && t.ID == id {
			return t, true
		}
	}
	return Track{}, false
}

// tracks needs only Type, FourCC, Codec, CompositionTime and Enhanced of a single track's info,
// and of a multitrack one only what the header itself tells.
func tracks(info Info, kind Kind, payload []byte, at layout) iter.Seq2[Track, error] {
	return func(yield func(Track, error) bool) {
		if at.body == 0 || info.Type == PacketCommand {
			return
		}
		w := trackReader{kind: kind, packetType: info.Type, multi: at.multi, rest: payload[at.body:]}
		if at.multi == manyTracks || at.multi == oneTrack {
			w.fourCC = FourCC(binary.BigEndian.Uint32(payload[at.body-4:]))
		}
		if at.multi == singleTrack {
			yield(w.single(info))
			return
		}
		for more := true; more; more = len(w.rest) > 0 {
			t, err := w.next()
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

type trackReader struct {
	kind       Kind
	packetType PacketType
	multi      multitrackType
	fourCC     FourCC
	rest       []byte
}

func (r *trackReader) single(info Info) (Track, error) {
	t := Track{Codec: info.Codec, FourCC: info.FourCC, CompositionTime: info.CompositionTime, Body: r.rest}
	if info.Enhanced {
		t.CompositionTime = 0
	}
	return r.finish(t, info.Enhanced)
}

// next reads one track of a multitrack packet (AvMultitrackType).
func (r *trackReader) next() (Track, error) {
	var t Track
	t.FourCC = r.fourCC
	if r.multi == manyTracksManyCodecs {
		if len(r.rest) < 4 {
			return t, fmt.Errorf("media: FourCC of a track: %w", ErrTruncated)
		}
		t.FourCC = FourCC(binary.BigEndian.Uint32(r.rest))
		r.rest = r.rest[4:]
	}
	t.Codec = codecByFourCC(r.kind, t.FourCC)
	if len(r.rest) < 1 {
		return t, fmt.Errorf("media: track id: %w", ErrTruncated)
	}
	t.ID = r.rest[0]
	size := len(r.rest) - 1
	r.rest = r.rest[1:]
	if r.multi != oneTrack {
		if len(r.rest) < 3 {
			return t, fmt.Errorf("media: size of track %d: %w", t.ID, ErrTruncated)
		}
		size = int(uint24(r.rest))
		r.rest = r.rest[3:]
	}
	if size > len(r.rest) {
		return t, fmt.Errorf("media: track %d: %d of %d bytes: %w", t.ID, len(r.rest), size, ErrTruncated)
	}
	t.Body, r.rest = r.rest[:size:size], r.rest[size:]
	return r.finish(t, true)
}

// finish takes the composition time of an Enhanced track off its body, and checks that there is a body where there must be one.
func (r *trackReader) finish(t Track, enhanced bool) (Track, error) {
	if enhanced && r.packetType == PacketCodedFrames && hasCompositionTime(t.Codec) {
		if len(t.Body) < 3 {
			return t, fmt.Errorf("media: composition time of track %d: %w", t.ID, ErrTruncated)
		}
		t.CompositionTime, t.Body = int24(t.Body), t.Body[3:]
	}
	if len(t.Body) == 0 && r.packetType == PacketSequenceStart && needsConfiguration(t.Codec) {
		return t, fmt.Errorf("media: configuration of track %d: %w", t.ID, ErrTruncated)
	}
	return t, nil
}

func hasCompositionTime(c Codec) bool {
	return c == CodecAVC1 || c == CodecHVC1 || c == CodecVVC1
}

// needsConfiguration leaves out codecs whose media describes itself: senders of
// AV1 and Opus are known to send an empty SequenceStart.
func needsConfiguration(c Codec) bool {
	return hasCompositionTime(c) || c == CodecH264 || c == CodecAAC || c == CodecMP4A
}
