package media

// The flags of the values in FourCC info maps (Enhanced RTMP v2, Enhancing NetConnection connect Command).
const (
	CanDecode  = 0x01
	CanEncode  = 0x02
	CanForward = 0x04
)

// The flags of capsEx that matter to media (the same section).
const (
	CapsMultitrack = 0x02
	CapsModEx      = 0x04
)

// Wildcard stands for every codec in fourCcList and in FourCC info maps.
const Wildcard = "*"

// Capabilities is what a client's connect command says of the media it can take.
// The zero value is a client that said nothing: it takes the classic codecs.
type Capabilities struct {
	// VideoCodecs is the videoCodecs bit mask (RTMP 1.0 7.2.1.1). Zero or less means all classic codecs.
	VideoCodecs int
	// AudioCodecs is the audioCodecs bit mask (RTMP 1.0 7.2.1.1). Zero or less means all classic codecs.
	AudioCodecs int
	// FourCCList is fourCcList: FourCCs, or Wildcard.
	FourCCList []string
	// VideoFourCCInfo is videoFourCcInfoMap, from FourCC or Wildcard to flags.
	VideoFourCCInfo map[string]int
	// AudioFourCCInfo is audioFourCcInfoMap, from FourCC or Wildcard to flags.
	AudioFourCCInfo map[string]int
	// CapsEx is capsEx.
	CapsEx int
}

// Codecs returns the codecs that the client can take. In an info map those
// count that it can decode or forward, since who forwards wants the bytes; the flags of Wildcard
// are good for every codec of the kind.
func (c Capabilities) Codecs() CodecSet {
	set := classicSet(KindVideo, c.VideoCodecs, videoMask) | classicSet(KindAudio, c.AudioCodecs, audioMask)
	for _, name := range c.FourCCList {
		if name == Wildcard {
			set |= enhancedSet(KindVideo) | enhancedSet(KindAudio)
			continue
		}
		set |= named(KindVideo, name) | named(KindAudio, name)
	}
	return set | infoMapSet(KindVideo, c.VideoFourCCInfo) | infoMapSet(KindAudio, c.AudioFourCCInfo)
}

// Viewer returns the viewer that the capabilities describe.
func (c Capabilities) Viewer() Viewer {
	return Viewer{
		Codecs:     c.Codecs(),
		Multitrack: c.CapsEx&CapsMultitrack != 0,
		ModEx:      c.CapsEx&CapsModEx != 0,
	}
}

// CodecSet is a set of codecs. Sets compare with ==.
type CodecSet uint64

// Has reports whether the set contains the codec. CodecNone, which data and silence have, is in every set.
func (s CodecSet) Has(c Codec) bool {
	return c == CodecNone || c < codecCount && s&(1<<c) != 0
}

// With returns the set with some more codecs.
func (s CodecSet) With(more ...Codec) CodecSet {
	for _, c := range more {
		if c < codecCount {
			s |= 1 << c
		}
	}
	return s
}

// Enhanced reports whether the set has any codec that is signalled by FourCC.
func (s CodecSet) Enhanced() bool {
	return s&(enhancedSet(KindVideo)|enhancedSet(KindAudio)) != 0
}

// Viewer is what decides the form in which somebody gets packets. Viewers that
// compare equal with == share every form. The zero value takes data and silence only;
// Capabilities{}.Viewer() takes the classic codecs.
type Viewer struct {
	// Codecs is what the viewer can take.
	Codecs CodecSet
	// Multitrack says that the viewer reads multitrack packets; else it gets the default track.
	Multitrack bool
	// ModEx says that the viewer reads modifiers; else they are taken off.
	ModEx bool
}

// CanPlay reports whether the viewer can follow a stream in this codec, as it is or in classic tags.
func (v Viewer) CanPlay(c Codec) bool {
	if v.Codecs.Has(c) {
		return true
	}
	classic, ok := c.Classic()
	return ok && v.Codecs.Has(classic)
}

// Form returns the form of the packet that suits the viewer: most often the
// packet itself, else one that is made once and shared by all who need it. It
// reports false where the packet is not for this viewer: it is malformed, its codec, that of the
// default track, is none of the viewer's, or the viewer's tags cannot say it.
// Data is passed as it is, in whichever AMF.
func (v Viewer) Form(p *Packet) (*Packet, bool) {
	switch {
	case p.Kind == KindData || p.Type == PacketSilence:
		return p, true
	case p.Err != nil:
		return nil, false
	case !p.Enhanced && !v.Codecs.Has(p.Codec):
		return nil, false
	case !p.Enhanced:
		return p, true
	}
	if p.Multitrack && !v.Multitrack {
		single, ok := p.DefaultTrack()
		if !ok {
			return nil, false
		}
		p = single
	}
	known := v.Codecs.Has(p.Codec)
	if p.Type == PacketCommand {
		known = v.Codecs.Enhanced()
	}
	if known {
		if !v.ModEx {
			p = p.WithoutModEx()
		}
		return p, true
	}
	classic, ok := p.Classic()
	if !ok || !v.Codecs.Has(classic.Codec) {
		return nil, false
	}
	return classic, true
}

// The bits of the classic masks (RTMP 1.0 7.2.1.1). Who plays MP3 plays it at 8 kHz too, and linear PCM
// in the byte order that every file has.
var (
	videoMask = map[Codec]int{
		CodecSorensonH263: 0x0004,
		CodecScreen:       0x0008,
		CodecVP6:          0x0010,
		CodecVP6Alpha:     0x0020,
		CodecScreen2:      0x0040,
		CodecH264:         0x0080,
	}
	audioMask = map[Codec]int{
		CodecPCM:           0x0001,
		CodecPCMLE:         0x0001,
		CodecADPCM:         0x0002,
		CodecMP3:           0x0004,
		CodecMP38k:         0x0004,
		CodecNellymoser8k:  0x0020,
		CodecNellymoser:    0x0040,
		CodecG711A:         0x0080,
		CodecG711U:         0x0100,
		CodecNellymoser16k: 0x0200,
		CodecAAC:           0x0400,
		CodecSpeex:         0x0800,
	}
)

func classicSet(kind Kind, mask int, bits map[Codec]int) CodecSet {
	var set CodecSet
	for c := range codecCount {
		classic, ok := c.Classic()
		if c.Kind() != kind || !ok || classic != c {
			continue
		}
		if mask <= 0 || mask&bits[c] != 0 {
			set = set.With(c)
		}
	}
	return set
}

func enhancedSet(kind Kind) CodecSet {
	if kind == KindVideo {
		return enhancedVideoSet
	}
	return enhancedAudioSet
}

var (
	enhancedVideoSet = CodecSet(0).With(CodecAVC1, CodecHVC1, CodecVVC1, CodecAV01, CodecVP08, CodecVP09, CodecOtherVideo)
	enhancedAudioSet = CodecSet(0).With(CodecOpus, CodecFLAC, CodecAC3, CodecEAC3, CodecMP3Enhanced, CodecMP4A, CodecOtherAudio)
)

func infoMapSet(kind Kind, info map[string]int) CodecSet {
	const takes = CanDecode | CanForward
	var set CodecSet
	for name, flags := range info {
		switch {
		case flags&takes == 0:
		case name == Wildcard:
			set |= enhancedSet(kind)
		default:
			set |= named(kind, name)
		}
	}
	return set
}

// named returns the set of the one codec of that FourCC; a code without a name here adds nothing.
func named(kind Kind, name string) CodecSet {
	f, ok := NewFourCC(name)
	c := codecByFourCC(kind, f)
	if !ok || c == CodecOtherVideo || c == CodecOtherAudio {
		return 0
	}
	return CodecSet(0).With(c)
}
