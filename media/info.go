package media

import "errors"

// What [Info.Err] wraps.
var (
	// ErrTruncated means that the payload ends inside a structure.
	ErrTruncated = errors.New("truncated")
	// ErrReserved means that a field has a value that its specification reserves.
	ErrReserved = errors.New("reserved value")
	// ErrTooManyTracks means that a packet has more than MaxTracks tracks.
	ErrTooManyTracks = errors.New("too many tracks")
)

// MaxTracks is the largest number of tracks in one packet: as many as there are track ids.
const MaxTracks = 256

// PacketType tells what a packet carries. The names are those of Enhanced RTMP
// v2; classic tags are given the type that means the same.
type PacketType uint8

// The packet types. The zero value is for data.
const (
	PacketNone                 PacketType = iota
	PacketSequenceStart                   // codec configuration: sequence headers of H.264 and AAC, SequenceStart
	PacketCodedFrames                     // media; every classic tag that is nothing else
	PacketCodedFramesX                    // media without a composition time field
	PacketSequenceEnd                     // end of sequence
	PacketMetadata                        // AMF-encoded video metadata, such as colorInfo
	PacketMPEG2TSSequenceStart            // codec configuration as an MPEG-2 TS descriptor
	PacketMultichannelConfig              // what channel plays where
	PacketCommand                         // video info or command frame, see VideoCommand
	PacketSilence                         // message without payload
)

// FrameType tells how a video frame depends on others (FLV 10.1 E.4.3.1).
type FrameType uint8

// The frame types, as they are on the wire. The zero value is for what is no video.
const (
	FrameNone         FrameType = 0
	FrameKey          FrameType = 1
	FrameInter        FrameType = 2
	FrameDisposable   FrameType = 3
	FrameGeneratedKey FrameType = 4
	FrameCommand      FrameType = 5
)

// Key reports whether the frame can be decoded without others.
func (f FrameType) Key() bool { return f == FrameKey || f == FrameGeneratedKey }

// VideoCommand is the byte in a command frame (FLV 10.1 E.4.3.1). Other values are reserved and kept as they are.
type VideoCommand uint8

// The video commands.
const (
	CommandSeekStart VideoCommand = 0
	CommandSeekEnd   VideoCommand = 1
)

// Info is what a look at a payload tells. With Err set, Config, Keyframe,
// SequenceEnd and Metadata are false, so that nobody starts at a broken packet.
//
// All tracks of a multitrack packet share one packet type and one frame type.
// Codec, FourCC, CompositionTime and Track describe its default track, which has id 0, or where
// that is missing the first track. A packet that is not multitrack is its own track 0.
type Info struct {
	// Err tells why the payload is malformed; it wraps ErrTruncated, ErrReserved or ErrTooManyTracks.
	Err error
	// FourCC is the code in an Enhanced tag, also where Codec does not know it; zero otherwise.
	FourCC FourCC
	// CompositionTime is the presentation time less the decoding time in milliseconds.
	CompositionTime int32
	// Nanoseconds is to be added to the presentation time: 0 to 999,999 (ModEx TimestampOffsetNano).
	Nanoseconds uint32
	// TrackCount is the number of tracks in the packet: 1 for usual media, 0 for data, silence and command frames.
	TrackCount uint16
	// Codec is the codec, CodecNone where the packet has none.
	Codec Codec
	// Type tells what the packet carries.
	Type PacketType
	// Frame is the frame type of video. It says what the tag says, of configuration too; where an Enhanced tag says
	// none, it says what the coded frames of the default track show.
	Frame FrameType
	// Command is the command where Type is PacketCommand.
	Command VideoCommand
	// Track is the id of the track that is described.
	Track uint8
	// Config marks codec configuration for some or all tracks: without it their media cannot be decoded.
	Config bool
	// Keyframe marks a video packet that track 0 can be decoded from. A keyframe of other tracks alone is
	// none, so that nobody joins between the keyframes of two tracks; Frame.Key tells of that.
	Keyframe bool
	// SequenceEnd marks the end of the sequence of some or all tracks.
	SequenceEnd bool
	// Metadata marks a video metadata frame.
	Metadata bool
	// Silence marks audio without a payload: the sound pauses.
	Silence bool
	// Enhanced marks a tag of Enhanced RTMP.
	Enhanced bool
	// Multitrack marks an Enhanced tag that names its tracks.
	Multitrack bool
	// ModEx marks an Enhanced tag with modifiers before its header.
	ModEx bool
	// DataIsAMF3 marks data from message type 15: a format byte comes first, and values may switch to AMF3.
	DataIsAMF3 bool
}

// Malformed reports whether the payload is malformed; Err tells why.
func (i *Info) Malformed() bool { return i.Err != nil }

// Parse looks at the payload of a packet of the given kind. What is wrong with it is in Err.
func Parse(kind Kind, payload []byte) Info {
	info, _ := parse(kind, payload)
	return info
}

// layout remembers where the tracks are in a payload.
type layout struct {
	body  int            // offset of what follows the tag header
	multi multitrackType // how the tracks follow
}

func parse(kind Kind, payload []byte) (Info, layout) {
	var (
		info Info
		at   layout
	)
	switch kind {
	case KindAudio:
		info, at = parseAudio(payload)
	case KindVideo:
		info, at = parseVideo(payload)
	default:
		return Info{}, layout{}
	}
	if info.Err == nil {
		info.Err = describeTracks(&info, kind, payload, at)
	}
	if info.Err == nil && kind == KindVideo && info.Frame == FrameNone && info.coded() {
		inferFrameType(&info, kind, payload, at)
	}
	if info.Err == nil {
		info.conclude()
	}
	return info, at
}

// coded reports whether the packet has coded frames.
func (i *Info) coded() bool { return i.Type == PacketCodedFrames || i.Type == PacketCodedFramesX }

// describeTracks fills in what depends on the tracks.
func describeTracks(info *Info, kind Kind, payload []byte, at layout) error {
	for t, err := range tracks(*info, kind, payload, at) {
		if err != nil {
			return err
		}
		if info.TrackCount == MaxTracks {
			return ErrTooManyTracks
		}
		if info.TrackCount == 0 || (t.ID == 0 && info.Track != 0) {
			info.Codec, info.FourCC = t.Codec, t.FourCC
			info.CompositionTime, info.Track = t.CompositionTime, t.ID
		}
		info.TrackCount++
	}
	return nil
}

// conclude sets the marks that only a packet without faults may have.
func (i *Info) conclude() {
	switch i.Type {
	case PacketSequenceStart, PacketMPEG2TSSequenceStart, PacketMultichannelConfig:
		i.Config = true
	case PacketSequenceEnd:
		i.SequenceEnd = true
	case PacketMetadata:
		i.Metadata = true
	case PacketCodedFrames, PacketCodedFramesX:
		i.Keyframe = i.Frame.Key() && i.Track == 0
	}
}
