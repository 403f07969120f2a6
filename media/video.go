package media

import "fmt"

const enhancedVideo = 0x80

// videoPacketTypes maps VideoPacketType; what is missing is reserved or part of the prelude.
var videoPacketTypes = [16]PacketType{
	0: PacketSequenceStart,
	1: PacketCodedFrames,
	2: PacketSequenceEnd,
	3: PacketCodedFramesX,
	4: PacketMetadata,
	5: PacketMPEG2TSSequenceStart,
}

var videoDialect = dialect{kind: KindVideo, types: &videoPacketTypes, multitrack: 6}

// parseVideo reads the VideoTagHeader (FLV 10.1 E.4.3.1) or ExVideoTagHeader (Enhanced RTMP v2, Enhanced Video).
func parseVideo(b []byte) (Info, layout) {
	if len(b) == 0 {
		return Info{Type: PacketSilence}, layout{}
	}
	frame := FrameType(b[0] >> 4 & 7)
	if b[0]&enhancedVideo != 0 {
		return checkFrameType(videoDialect.parse(b, frame))
	}
	codec := classicVideo[b[0]&0x0f]
	switch {
	case frame == FrameCommand:
		return parseCommand(b, codec)
	case codec == CodecH264:
		return checkFrameType(parseH264(b, frame))
	}
	return checkFrameType(Info{Codec: codec, Type: PacketCodedFrames, Frame: frame}, layout{body: 1})
}

// parseH264 reads the part of the VideoTagHeader that only H.264 has.
func parseH264(b []byte, frame FrameType) (Info, layout) {
	info := Info{Codec: CodecH264, Type: PacketCodedFrames, Frame: frame}
	if len(b) < 2 {
		info.Err = fmt.Errorf("media: AVC packet type: %w", ErrTruncated)
		return info, layout{}
	}
	switch b[1] {
	case 0:
		info.Type = PacketSequenceStart
	case 1:
	case 2:
		// Nothing follows an end of sequence, and not everybody sends the composition time.
		info.Type = PacketSequenceEnd
		return info, layout{body: min(5, len(b))}
	default:
		info.Err = fmt.Errorf("media: AVC packet type %d: %w", b[1], ErrReserved)
		return info, layout{}
	}
	if len(b) < 5 {
		info.Err = fmt.Errorf("media: composition time: %w", ErrTruncated)
		return info, layout{}
	}
	if info.Type == PacketCodedFrames {
		info.CompositionTime = int24(b[2:])
	}
	return info, layout{body: 5}
}

// parseCommand reads a classic command frame. Senders disagree on whether the
// H.264 header fields come before the command; the length tells.
func parseCommand(b []byte, codec Codec) (Info, layout) {
	info := Info{Codec: codec, Type: PacketCommand, Frame: FrameCommand}
	at := 1
	if codec == CodecH264 && len(b) > 5 {
		at = 5
	}
	if len(b) <= at {
		info.Err = fmt.Errorf("media: video command: %w", ErrTruncated)
		return info, layout{}
	}
	info.Command = VideoCommand(b[at])
	return info, layout{}
}

// checkFrameType refuses coded frames of a reserved type, but for Enhanced ones of type zero, which is inferred. In
// other packets the field has no meaning.
func checkFrameType(info Info, at layout) (Info, layout) {
	if info.Err == nil && info.coded() && !(info.Enhanced && info.Frame == FrameNone) && (info.Frame < FrameKey || info.Frame > FrameGeneratedKey) {
		info.Err = fmt.Errorf("media: frame type %d: %w", info.Frame, ErrReserved)
	}
	return info, at
}

func int24(b []byte) int32 {
	return int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 8
}

func uint24(b []byte) uint32 {
	return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
}
