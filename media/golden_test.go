package media

import (
	"encoding/hex"
	"strings"
	"testing"
)

// unhex reads hexadecimal digits, with text in single quotes taken as it is.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var b []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			b = append(b, part...)
			continue
		}
		digits, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			t.Fatalf("bad golden bytes %q: %v", s, err)
		}
		b = append(b, digits...)
	}
	return b
}

type wantTrack struct {
	id    uint8
	codec Codec
	ct    int32
	body  string
}

// golden is one payload with all that is to be known of it. Bytes are written down from the specifications.
type golden struct {
	name    string
	kind    Kind
	bytes   string
	info    Info
	tracks  []wantTrack
	classic string // empty: none; "same": itself
	sound   []int  // the lengths of prefixes, zero apart, that are no malformed packet
	soundIf int    // every prefix from this length on is sound
}

const none, same = "", "same"

var goldens = []golden{
	// Classic video, FLV 10.1 E.4.3.
	{name: "Sorenson H.263 keyframe", kind: KindVideo, bytes: "12 AABB", classic: same, soundIf: 1,
		info:   Info{Codec: CodecSorensonH263, Type: PacketCodedFrames, Frame: FrameKey, Keyframe: true, TrackCount: 1},
		tracks: []wantTrack{{0, CodecSorensonH263, 0, "AABB"}}},
	{name: "Sorenson H.263 disposable", kind: KindVideo, bytes: "32 AABB", classic: same, soundIf: 1,
		info:   Info{Codec: CodecSorensonH263, Type: PacketCodedFrames, Frame: FrameDisposable, TrackCount: 1},
		tracks: []wantTrack{{0, CodecSorensonH263, 0, "AABB"}}},
	{name: "Screen inter frame", kind: KindVideo, bytes: "23 01", classic: same, soundIf: 1,
		info:   Info{Codec: CodecScreen, Type: PacketCodedFrames, Frame: FrameInter, TrackCount: 1},
		tracks: []wantTrack{{0, CodecScreen, 0, "01"}}},
	{name: "VP6 generated keyframe", kind: KindVideo, bytes: "44 00 FF", classic: same, soundIf: 1,
		info:   Info{Codec: CodecVP6, Type: PacketCodedFrames, Frame: FrameGeneratedKey, Keyframe: true, TrackCount: 1},
		tracks: []wantTrack{{0, CodecVP6, 0, "00FF"}}},
	{name: "VP6 with alpha", kind: KindVideo, bytes: "15 00 000001 FF", classic: same, soundIf: 1,
		info:   Info{Codec: CodecVP6Alpha, Type: PacketCodedFrames, Frame: FrameKey, Keyframe: true, TrackCount: 1},
		tracks: []wantTrack{{0, CodecVP6Alpha, 0, "00000001FF"}}},
	{name: "Screen 2", kind: KindVideo, bytes: "16 AA", classic: same, soundIf: 1,
		info:   Info{Codec: CodecScreen2, Type: PacketCodedFrames, Frame: FrameKey, Keyframe: true, TrackCount: 1},
		tracks: []wantTrack{{0, CodecScreen2, 0, "AA"}}},
	{name: "classic codec without a name", kind: KindVideo, bytes: "1C AA", classic: same, soundIf: 1,
		info:   Info{Codec: CodecOtherVideo, Type: PacketCodedFrames, Frame: FrameKey, Keyframe: true, TrackCount: 1},
		tracks: []wantTrack{{0, CodecOtherVideo, 0, "AA"}}},
	{name: "H.264 sequence header", kind: KindVideo, bytes: "17 00 000000 0164001F", classic: same, soundIf: 6,
		info:   Info{Codec: CodecH264, Type: PacketSequenceStart, Frame: FrameKey, Config: true, TrackCount: 1},
		tracks: []wantTrack{{0, CodecH264, 0, "0164001F"}}},
	{name: "H.264 keyframe", kind: KindVideo, bytes: "17 01 000042 0000000165", classic: same, soundIf: 5,
		info:   Info{Codec: CodecH264, Type: PacketCodedFrames, Frame: FrameKey, Keyframe: true, CompositionTime: 66, TrackCount: 1},
		tracks: []wantTrack{{0, CodecH264, 66, "0000000165"}}},
	{name: "H.264 inter frame, negative composition time", kind: KindVideo, bytes: "27 01 FFFFFE 41", classic: same, soundIf: 5,
		info:   Info{Codec: CodecH264, Type: PacketCodedFrames, Frame: FrameInter, CompositionTime: -2, TrackCount: 1},
		tracks: []wantTrack{{0, CodecH264, -2, "41"}}},
	{name: "H.264 end of sequence", kind: KindVideo, bytes: "17 02 000000", classic: same, soundIf: 2,
		info:   Info{Codec: CodecH264, Type: PacketSequenceEnd, Frame: FrameKey, SequenceEnd: true, TrackCount: 1},
		tracks: []wantTrack{{0, CodecH264, 0, ""}}},
	{name: "seek start", kind: KindVideo, bytes: "52 00", classic: same, soundIf: 2,
		info: Info{Codec: CodecSorensonH263, Type: PacketCommand, Frame: FrameCommand}},
	{name: "seek end behind H.264 header", kind: KindVideo, bytes: "57 00 000000 01", classic: same, soundIf: 2,
		info: Info{Codec: CodecH264, Type: PacketCommand, Frame: FrameCommand, Command: CommandSeekEnd}},
	{name: "seek end without H.264 header", kind: KindVideo, bytes: "57 01", classic: same, soundIf: 2,
		info: Info{Codec: CodecH264, Type: PacketCommand, Frame: FrameCommand, Command: CommandSeekEnd}},
	{name: "empty video", kind: KindVideo, bytes: "", classic: same, info: Info{Type: PacketSilence}},

	// Classic audio, FLV 10.1 E.4.2.
	classicSound("PCM", "0E", CodecPCM), classicSound("ADPCM", "1E", CodecADPCM), classicSound("MP3", "2F", CodecMP3),
	classicSound("PCM little-endian", "3E", CodecPCMLE), classicSound("Nellymoser 16 kHz", "42", CodecNellymoser16k),
	classicSound("Nellymoser 8 kHz", "52", CodecNellymoser8k), classicSound("Nellymoser", "6E", CodecNellymoser),
	classicSound("G.711 A-law", "72", CodecG711A), classicSound("G.711 mu-law", "82", CodecG711U),
	classicSound("Speex", "B2", CodecSpeex), classicSound("MP3 8 kHz", "E2", CodecMP38k),
	classicSound("device-specific", "F2", CodecDevice), classicSound("reserved sound format", "D2", CodecOtherAudio),
	{name: "AAC sequence header", kind: KindAudio, bytes: "AF 00 1210", classic: same, soundIf: 3,
		info:   Info{Codec: CodecAAC, Type: PacketSequenceStart, Config: true, TrackCount: 1},
		tracks: []wantTrack{{0, CodecAAC, 0, "1210"}}},
	{name: "AAC raw", kind: KindAudio, bytes: "AF 01 2110", classic: same, soundIf: 2,
		info:   Info{Codec: CodecAAC, Type: PacketCodedFrames, TrackCount: 1},
		tracks: []wantTrack{{0, CodecAAC, 0, "2110"}}},
	{name: "silence", kind: KindAudio, bytes: "", classic: same, info: Info{Type: PacketSilence, Silence: true}},

	{name: "data", kind: KindData, bytes: "02 000A 'onMetaData'", classic: same, soundIf: 1},

	// Enhanced video, Enhanced RTMP v2.
	{name: "avc1 SequenceStart", kind: KindVideo, bytes: "90 'avc1' 0164001F", soundIf: 6,
		info:    enhanced(CodecAVC1, PacketSequenceStart, Info{Frame: FrameKey, Config: true}),
		tracks:  []wantTrack{{0, CodecAVC1, 0, "0164001F"}},
		classic: "17 00 000000 0164001F"},
	{name: "avc1 CodedFrames", kind: KindVideo, bytes: "A1 'avc1' 000021 0000000141", soundIf: 8,
		info:    enhanced(CodecAVC1, PacketCodedFrames, Info{Frame: FrameInter, CompositionTime: 33}),
		tracks:  []wantTrack{{0, CodecAVC1, 33, "0000000141"}},
		classic: "27 01 000021 0000000141"},
	{name: "avc1 CodedFrames, negative composition time", kind: KindVideo, bytes: "B1 'avc1' FFFFDF 41", soundIf: 8,
		info:    enhanced(CodecAVC1, PacketCodedFrames, Info{Frame: FrameDisposable, CompositionTime: -33}),
		tracks:  []wantTrack{{0, CodecAVC1, -33, "41"}},
		classic: "37 01 FFFFDF 41"},
	{name: "avc1 CodedFramesX", kind: KindVideo, bytes: "93 'avc1' 0000000165", soundIf: 5,
		info:    enhanced(CodecAVC1, PacketCodedFramesX, Info{Frame: FrameKey, Keyframe: true}),
		tracks:  []wantTrack{{0, CodecAVC1, 0, "0000000165"}},
		classic: "17 01 000000 0000000165"},
	{name: "avc1 SequenceEnd", kind: KindVideo, bytes: "92 'avc1'", soundIf: 5,
		info:    enhanced(CodecAVC1, PacketSequenceEnd, Info{Frame: FrameKey, SequenceEnd: true}),
		tracks:  []wantTrack{{0, CodecAVC1, 0, ""}},
		classic: "17 02 000000"},
	{name: "avc1 Metadata ignores the frame type", kind: KindVideo, bytes: "D4 'avc1' 02 0009 'colorInfo'", soundIf: 5,
		info:   enhanced(CodecAVC1, PacketMetadata, Info{Frame: FrameCommand, Metadata: true}),
		tracks: []wantTrack{{0, CodecAVC1, 0, "02 0009 'colorInfo'"}}, classic: none},
	{name: "hvc1 SequenceStart", kind: KindVideo, bytes: "90 'hvc1' 01", soundIf: 6,
		info:   enhanced(CodecHVC1, PacketSequenceStart, Info{Frame: FrameKey, Config: true}),
		tracks: []wantTrack{{0, CodecHVC1, 0, "01"}}, classic: none},
	{name: "hvc1 CodedFrames", kind: KindVideo, bytes: "91 'hvc1' 000064 26", soundIf: 8,
		info:   enhanced(CodecHVC1, PacketCodedFrames, Info{Frame: FrameKey, Keyframe: true, CompositionTime: 100}),
		tracks: []wantTrack{{0, CodecHVC1, 100, "26"}}, classic: none},
	{name: "vvc1 CodedFrames", kind: KindVideo, bytes: "91 'vvc1' 000001 AA", soundIf: 8,
		info:   enhanced(CodecVVC1, PacketCodedFrames, Info{Frame: FrameKey, Keyframe: true, CompositionTime: 1}),
		tracks: []wantTrack{{0, CodecVVC1, 1, "AA"}}, classic: none},
	{name: "av01 empty SequenceStart", kind: KindVideo, bytes: "90 'av01'", soundIf: 5,
		info:   enhanced(CodecAV01, PacketSequenceStart, Info{Frame: FrameKey, Config: true}),
		tracks: []wantTrack{{0, CodecAV01, 0, ""}}, classic: none},
	{name: "av01 CodedFrames has no composition time", kind: KindVideo, bytes: "91 'av01' 1200", soundIf: 5,
		info:   enhanced(CodecAV01, PacketCodedFrames, Info{Frame: FrameKey, Keyframe: true}),
		tracks: []wantTrack{{0, CodecAV01, 0, "1200"}}, classic: none},
	{name: "av01 MPEG2TSSequenceStart", kind: KindVideo, bytes: "95 'av01' 80", soundIf: 5,
		info:   enhanced(CodecAV01, PacketMPEG2TSSequenceStart, Info{Frame: FrameKey, Config: true}),
		tracks: []wantTrack{{0, CodecAV01, 0, "80"}}, classic: none},
	{name: "vp08 CodedFrames", kind: KindVideo, bytes: "91 'vp08' AA", soundIf: 5,
		info:   enhanced(CodecVP08, PacketCodedFrames, Info{Frame: FrameKey, Keyframe: true}),
		tracks: []wantTrack{{0, CodecVP08, 0, "AA"}}, classic: none},
	{name: "vp09 SequenceEnd", kind: KindVideo, bytes: "92 'vp09'", soundIf: 5,
		info:   enhanced(CodecVP09, PacketSequenceEnd, Info{Frame: FrameKey, SequenceEnd: true}),
		tracks: []wantTrack{{0, CodecVP09, 0, ""}}, classic: none},
	{name: "enhanced command frame", kind: KindVideo, bytes: "D1 01", soundIf: 2, classic: none,
		info: Info{Type: PacketCommand, Frame: FrameCommand, Command: CommandSeekEnd, Enhanced: true}},

	// Enhanced audio.
	{name: "Opus SequenceStart", kind: KindAudio, bytes: "90 'Opus' 'OpusHead'", soundIf: 5,
		info:   enhanced(CodecOpus, PacketSequenceStart, Info{Config: true}),
		tracks: []wantTrack{{0, CodecOpus, 0, "'OpusHead'"}}, classic: none},
	{name: "Opus MultichannelConfig", kind: KindAudio, bytes: "94 'Opus' 01 02 00000003", soundIf: 5,
		info:   enhanced(CodecOpus, PacketMultichannelConfig, Info{Config: true}),
		tracks: []wantTrack{{0, CodecOpus, 0, "010200000003"}}, classic: none},
	{name: "fLaC CodedFrames", kind: KindAudio, bytes: "91 'fLaC' FFF8", soundIf: 5,
		info:   enhanced(CodecFLAC, PacketCodedFrames, Info{}),
		tracks: []wantTrack{{0, CodecFLAC, 0, "FFF8"}}, classic: none},
	{name: "ac-3 CodedFrames", kind: KindAudio, bytes: "91 'ac-3' 0B77", soundIf: 5,
		info:   enhanced(CodecAC3, PacketCodedFrames, Info{}),
		tracks: []wantTrack{{0, CodecAC3, 0, "0B77"}}, classic: none},
	{name: "ec-3 SequenceEnd", kind: KindAudio, bytes: "92 'ec-3'", soundIf: 5,
		info:   enhanced(CodecEAC3, PacketSequenceEnd, Info{SequenceEnd: true}),
		tracks: []wantTrack{{0, CodecEAC3, 0, ""}}, classic: none},
	{name: ".mp3 SequenceStart", kind: KindAudio, bytes: "90 '.mp3'", soundIf: 5,
		info:   enhanced(CodecMP3Enhanced, PacketSequenceStart, Info{Config: true}),
		tracks: []wantTrack{{0, CodecMP3Enhanced, 0, ""}}, classic: none},
	{name: ".mp3 CodedFrames, MPEG-1 stereo", kind: KindAudio, bytes: "91 '.mp3' FFFB9064", soundIf: 5,
		info:   enhanced(CodecMP3Enhanced, PacketCodedFrames, Info{}),
		tracks: []wantTrack{{0, CodecMP3Enhanced, 0, "FFFB9064"}}, classic: "2F FFFB9064"},
	{name: ".mp3 CodedFrames, MPEG-2 mono", kind: KindAudio, bytes: "91 '.mp3' FFF390C4", soundIf: 5,
		info:   enhanced(CodecMP3Enhanced, PacketCodedFrames, Info{}),
		tracks: []wantTrack{{0, CodecMP3Enhanced, 0, "FFF390C4"}}, classic: "2A FFF390C4"},
	{name: ".mp3 CodedFrames, MPEG-2.5 11 kHz mono", kind: KindAudio, bytes: "91 '.mp3' FFE340C4", soundIf: 5,
		info:   enhanced(CodecMP3Enhanced, PacketCodedFrames, Info{}),
		tracks: []wantTrack{{0, CodecMP3Enhanced, 0, "FFE340C4"}}, classic: "26 FFE340C4"},
	{name: ".mp3 CodedFrames, MPEG-2.5 8 kHz mono", kind: KindAudio, bytes: "91 '.mp3' FFE348C4", soundIf: 5,
		info:   enhanced(CodecMP3Enhanced, PacketCodedFrames, Info{}),
		tracks: []wantTrack{{0, CodecMP3Enhanced, 0, "FFE348C4"}}, classic: "E2 FFE348C4"},
	{name: "mp4a SequenceStart", kind: KindAudio, bytes: "90 'mp4a' 1210", soundIf: 6,
		info:   enhanced(CodecMP4A, PacketSequenceStart, Info{Config: true}),
		tracks: []wantTrack{{0, CodecMP4A, 0, "1210"}}, classic: "AF 00 1210"},
	{name: "mp4a CodedFrames", kind: KindAudio, bytes: "91 'mp4a' 2110", soundIf: 5,
		info:   enhanced(CodecMP4A, PacketCodedFrames, Info{}),
		tracks: []wantTrack{{0, CodecMP4A, 0, "2110"}}, classic: "AF 01 2110"},
	{name: "codec without a name", kind: KindAudio, bytes: "91 'xyz1' AA", soundIf: 5,
		info:   Info{Codec: CodecOtherAudio, FourCC: 0x78797A31, Type: PacketCodedFrames, Enhanced: true, TrackCount: 1},
		tracks: []wantTrack{{0, CodecOtherAudio, 0, "AA"}}, classic: none},

	// ModEx.
	{name: "ModEx with nanoseconds", kind: KindVideo, bytes: "97 02 0F423F 01 'avc1' 000005 65", soundIf: 13,
		info:    enhanced(CodecAVC1, PacketCodedFrames, Info{Frame: FrameKey, Keyframe: true, ModEx: true, Nanoseconds: 999999, CompositionTime: 5}),
		tracks:  []wantTrack{{0, CodecAVC1, 5, "65"}},
		classic: "17 01 000005 65"},
	{name: "ModEx with nanoseconds, long size", kind: KindAudio, bytes: "97 FF 0002 000102 01 'mp4a' 21", soundIf: 12,
		info:    enhanced(CodecMP4A, PacketCodedFrames, Info{ModEx: true, Nanoseconds: 258}),
		tracks:  []wantTrack{{0, CodecMP4A, 0, "21"}},
		classic: "AF 01 21"},
	{name: "ModEx of unknown type before nanoseconds", kind: KindVideo, bytes: "97 00 AA F7 03 000003EE 03 'hvc1' 26", soundIf: 14,
		info:   enhanced(CodecHVC1, PacketCodedFramesX, Info{Frame: FrameKey, Keyframe: true, ModEx: true, Nanoseconds: 3}),
		tracks: []wantTrack{{0, CodecHVC1, 0, "26"}}, classic: none},
	{name: "ModEx before a command", kind: KindVideo, bytes: "D7 02 000001 01 00", soundIf: 7, classic: none,
		info: Info{Type: PacketCommand, Frame: FrameCommand, Enhanced: true, ModEx: true, Nanoseconds: 1}},

	// Multitrack.
	{name: "OneTrack of id 0", kind: KindVideo, bytes: "96 01 'avc1' 00 000007 65", soundIf: 10,
		info:    enhanced(CodecAVC1, PacketCodedFrames, Info{Frame: FrameKey, Keyframe: true, CompositionTime: 7, Multitrack: true}),
		tracks:  []wantTrack{{0, CodecAVC1, 7, "65"}},
		classic: "17 01 000007 65"},
	{name: "OneTrack of id 2 is no keyframe of the default track", kind: KindVideo, bytes: "96 01 'av01' 02 1200", soundIf: 7,
		info:   enhanced(CodecAV01, PacketCodedFrames, Info{Frame: FrameKey, Track: 2, Multitrack: true}),
		tracks: []wantTrack{{2, CodecAV01, 0, "1200"}}, classic: none},
	{name: "ManyTracks", kind: KindVideo, bytes: "96 11 'avc1' 01 000005 000009 AABB  00 000004 000003 CC", sound: []int{15, 23},
		info:    enhanced(CodecAVC1, PacketCodedFrames, Info{Frame: FrameKey, Keyframe: true, CompositionTime: 3, Multitrack: true, TrackCount: 2}),
		tracks:  []wantTrack{{1, CodecAVC1, 9, "AABB"}, {0, CodecAVC1, 3, "CC"}},
		classic: "17 01 000003 CC"},
	{name: "ManyTracks audio SequenceStart", kind: KindAudio, bytes: "95 10 'mp4a' 00 000002 1210 01 000002 1190", sound: []int{12, 18},
		info:    enhanced(CodecMP4A, PacketSequenceStart, Info{Config: true, Multitrack: true, TrackCount: 2}),
		tracks:  []wantTrack{{0, CodecMP4A, 0, "1210"}, {1, CodecMP4A, 0, "1190"}},
		classic: "AF 00 1210"},
	{name: "ManyTracksManyCodecs", kind: KindVideo,
		bytes: "96 21 'av01' 01 000001 AA 'avc1' 00 000004 000002 BB", sound: []int{11, 23},
		info:    enhanced(CodecAVC1, PacketCodedFrames, Info{Frame: FrameKey, Keyframe: true, CompositionTime: 2, Multitrack: true, TrackCount: 2}),
		tracks:  []wantTrack{{1, CodecAV01, 0, "AA"}, {0, CodecAVC1, 2, "BB"}},
		classic: "17 01 000002 BB"},
	{name: "ManyTracksManyCodecs audio", kind: KindAudio,
		bytes: "95 21 'Opus' 00 000001 FC 'mp4a' 01 000002 2110", sound: []int{11, 21},
		info:   enhanced(CodecOpus, PacketCodedFrames, Info{Multitrack: true, TrackCount: 2}),
		tracks: []wantTrack{{0, CodecOpus, 0, "FC"}, {1, CodecMP4A, 0, "2110"}}, classic: none},
	{name: "ModEx before multitrack", kind: KindAudio, bytes: "97 02 000010 05 01 'mp4a' 00 2110", soundIf: 12,
		info:    enhanced(CodecMP4A, PacketCodedFrames, Info{ModEx: true, Nanoseconds: 16, Multitrack: true}),
		tracks:  []wantTrack{{0, CodecMP4A, 0, "2110"}},
		classic: "AF 01 2110"},
}

func classicSound(name, header string, c Codec) golden {
	return golden{name: name, kind: KindAudio, bytes: header + " AABB", classic: same, soundIf: 1,
		info:   Info{Codec: c, Type: PacketCodedFrames, TrackCount: 1},
		tracks: []wantTrack{{0, c, 0, "AABB"}}}
}

// enhanced completes what is the same in every Enhanced packet of a codec.
func enhanced(c Codec, packetType PacketType, info Info) Info {
	info.Codec, info.FourCC, info.Type, info.Enhanced = c, c.FourCC(), packetType, true
	info.TrackCount = max(info.TrackCount, 1)
	return info
}
