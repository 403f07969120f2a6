package media

// Codec names a codec as a tag signals it. The classic and the Enhanced way of
// signalling H.264, AAC and MP3 are codecs of their own, because a viewer may
// understand only one of the two; [Codec.Classic] leads from one to the other.
type Codec uint8

// The codecs. The first group of each kind is classic (FLV 10.1 E.4.2.1 and
// E.4.3.1), the second is signalled by FourCC (Enhanced RTMP v2).
const (
	CodecNone Codec = iota // data, silence, command frames, malformed media

	CodecSorensonH263
	CodecScreen
	CodecVP6
	CodecVP6Alpha
	CodecScreen2
	CodecH264

	CodecAVC1 // H.264 in Enhanced tags
	CodecHVC1
	CodecVVC1
	CodecAV01
	CodecVP08
	CodecVP09
	CodecOtherVideo // a video codec that this package has no name for

	CodecPCM
	CodecADPCM
	CodecMP3
	CodecPCMLE
	CodecNellymoser16k
	CodecNellymoser8k
	CodecNellymoser
	CodecG711A
	CodecG711U
	CodecAAC
	CodecSpeex
	CodecMP38k
	CodecDevice

	CodecOpus
	CodecFLAC
	CodecAC3
	CodecEAC3
	CodecMP3Enhanced // MP3 in Enhanced tags
	CodecMP4A        // AAC in Enhanced tags
	CodecOtherAudio  // an audio codec that this package has no name for

	codecCount
)

// FourCC is a four-character code, the first character in the highest byte, as
// onMetaData carries it in videocodecid and audiocodecid. Zero means none.
type FourCC uint32

// NewFourCC returns the code made of the characters of s. It reports false unless s has four bytes.
func NewFourCC(s string) (FourCC, bool) {
	if len(s) != 4 {
		return 0, false
	}
	return FourCC(s[0])<<24 | FourCC(s[1])<<16 | FourCC(s[2])<<8 | FourCC(s[3]), true
}

// String returns the four characters, with a dot in place of what cannot be printed, or the empty string for zero.
func (f FourCC) String() string {
	if f == 0 {
		return ""
	}
	b := [4]byte{byte(f >> 24), byte(f >> 16), byte(f >> 8), byte(f)}
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '.'
		}
	}
	return string(b[:])
}

type codecTraits struct {
	name    string
	fourCC  string
	kind    Kind
	classic Codec // what Classic answers for an Enhanced codec
}

var codecs = [codecCount]codecTraits{
	CodecNone: {name: "none"},

	CodecSorensonH263: {name: "Sorenson H.263", kind: KindVideo},
	CodecScreen:       {name: "Screen video", kind: KindVideo},
	CodecVP6:          {name: "VP6", kind: KindVideo},
	CodecVP6Alpha:     {name: "VP6 with alpha", kind: KindVideo},
	CodecScreen2:      {name: "Screen video 2", kind: KindVideo},
	CodecH264:         {name: "H.264", kind: KindVideo},

	CodecAVC1:       {name: "avc1", fourCC: "avc1", kind: KindVideo, classic: CodecH264},
	CodecHVC1:       {name: "hvc1", fourCC: "hvc1", kind: KindVideo},
	CodecVVC1:       {name: "vvc1", fourCC: "vvc1", kind: KindVideo},
	CodecAV01:       {name: "av01", fourCC: "av01", kind: KindVideo},
	CodecVP08:       {name: "vp08", fourCC: "vp08", kind: KindVideo},
	CodecVP09:       {name: "vp09", fourCC: "vp09", kind: KindVideo},
	CodecOtherVideo: {name: "other video", kind: KindVideo},

	CodecPCM:           {name: "PCM", kind: KindAudio},
	CodecADPCM:         {name: "ADPCM", kind: KindAudio},
	CodecMP3:           {name: "MP3", kind: KindAudio},
	CodecPCMLE:         {name: "PCM little-endian", kind: KindAudio},
	CodecNellymoser16k: {name: "Nellymoser 16 kHz", kind: KindAudio},
	CodecNellymoser8k:  {name: "Nellymoser 8 kHz", kind: KindAudio},
	CodecNellymoser:    {name: "Nellymoser", kind: KindAudio},
	CodecG711A:         {name: "G.711 A-law", kind: KindAudio},
	CodecG711U:         {name: "G.711 mu-law", kind: KindAudio},
	CodecAAC:           {name: "AAC", kind: KindAudio},
	CodecSpeex:         {name: "Speex", kind: KindAudio},
	CodecMP38k:         {name: "MP3 8 kHz", kind: KindAudio},
	CodecDevice:        {name: "device-specific sound", kind: KindAudio},

	CodecOpus:        {name: "Opus", fourCC: "Opus", kind: KindAudio},
	CodecFLAC:        {name: "fLaC", fourCC: "fLaC", kind: KindAudio},
	CodecAC3:         {name: "ac-3", fourCC: "ac-3", kind: KindAudio},
	CodecEAC3:        {name: "ec-3", fourCC: "ec-3", kind: KindAudio},
	CodecMP3Enhanced: {name: ".mp3", fourCC: ".mp3", kind: KindAudio, classic: CodecMP3},
	CodecMP4A:        {name: "mp4a", fourCC: "mp4a", kind: KindAudio, classic: CodecAAC},
	CodecOtherAudio:  {name: "other audio", kind: KindAudio},
}

func (c Codec) traits() codecTraits {
	if c < codecCount {
		return codecs[c]
	}
	return codecTraits{name: "invalid codec"}
}

// String returns the usual name of a classic codec and the FourCC of an Enhanced one.
func (c Codec) String() string { return c.traits().name }

// Kind returns KindAudio or KindVideo, or zero for CodecNone.
func (c Codec) Kind() Kind { return c.traits().kind }

// FourCC returns the code by which Enhanced RTMP signals the codec, or zero for classic and unnamed codecs.
func (c Codec) FourCC() FourCC {
	f, _ := NewFourCC(c.traits().fourCC)
	return f
}

// Classic returns the codec of the classic tags that [Packet.Classic] makes:
// H.264 for avc1, AAC for mp4a, MP3 for .mp3, and c itself where it is classic
// already. It reports false where there is none.
func (c Codec) Classic() (Codec, bool) {
	t := c.traits()
	switch {
	case t.classic != CodecNone:
		return t.classic, true
	case t.fourCC != "" || c == CodecOtherAudio || c == CodecOtherVideo || c >= codecCount:
		return CodecNone, false
	}
	return c, true
}

var videoFourCCs, audioFourCCs = fourCCTable(KindVideo), fourCCTable(KindAudio)

func fourCCTable(kind Kind) map[FourCC]Codec {
	table := make(map[FourCC]Codec)
	for c := range codecCount {
		if f := c.FourCC(); f != 0 && c.Kind() == kind {
			table[f] = c
		}
	}
	return table
}

func codecByFourCC(kind Kind, f FourCC) Codec {
	table, other := videoFourCCs, CodecOtherVideo
	if kind == KindAudio {
		table, other = audioFourCCs, CodecOtherAudio
	}
	if c, ok := table[f]; ok {
		return c
	}
	return other
}

var classicVideo = [16]Codec{
	0: CodecOtherVideo, 1: CodecOtherVideo,
	2: CodecSorensonH263, 3: CodecScreen, 4: CodecVP6, 5: CodecVP6Alpha, 6: CodecScreen2, 7: CodecH264,
	8: CodecOtherVideo, 9: CodecOtherVideo, 10: CodecOtherVideo, 11: CodecOtherVideo,
	12: CodecOtherVideo, 13: CodecOtherVideo, 14: CodecOtherVideo, 15: CodecOtherVideo,
}

// The ninth sound format is the mark of Enhanced tags and never looked up.
var classicAudio = [16]Codec{
	0: CodecPCM, 1: CodecADPCM, 2: CodecMP3, 3: CodecPCMLE,
	4: CodecNellymoser16k, 5: CodecNellymoser8k, 6: CodecNellymoser, 7: CodecG711A, 8: CodecG711U,
	10: CodecAAC, 11: CodecSpeex, 12: CodecOtherAudio, 13: CodecOtherAudio, 14: CodecMP38k, 15: CodecDevice,
}
