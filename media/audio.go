package media

import "fmt"

const soundFormatEnhanced = 9

// audioPacketTypes maps AudioPacketType; what is missing is reserved or part of the prelude.
var audioPacketTypes = [16]PacketType{
	0: PacketSequenceStart,
	1: PacketCodedFrames,
	2: PacketSequenceEnd,
	4: PacketMultichannelConfig,
}

var audioDialect = dialect{kind: KindAudio, types: &audioPacketTypes, multitrack: 5}

// parseAudio reads the AudioTagHeader (FLV 10.1 E.4.2.1) or ExAudioTagHeader (Enhanced RTMP v2, Enhanced Audio).
func parseAudio(b []byte) (Info, layout) {
	if len(b) == 0 {
		return Info{Type: PacketSilence, Silence: true}, layout{}
	}
	if b[0]>>4 == soundFormatEnhanced {
		return audioDialect.parse(b, FrameNone)
	}
	info := Info{Codec: classicAudio[b[0]>>4], Type: PacketCodedFrames}
	if info.Codec != CodecAAC {
		return info, layout{body: 1}
	}
	if len(b) < 2 {
		info.Err = fmt.Errorf("media: AAC packet type: %w", ErrTruncated)
		return info, layout{}
	}
	switch b[1] {
	case 0:
		info.Type = PacketSequenceStart
	case 1:
	default:
		info.Err = fmt.Errorf("media: AAC packet type %d: %w", b[1], ErrReserved)
	}
	return info, layout{body: 2}
}
