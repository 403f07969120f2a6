package bench

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"afterglow/amf"
	"afterglow/rtmp"
)

// frame is one media message before it is stamped: a tag header and what follows the stamp.
type frame struct {
	kind     byte
	at       time.Duration // since the stream's start
	keyframe bool
	plain    bool // sent as it is: configuration, metadata, codecs that cannot carry a stamp
	header   []byte
	body     []byte
}

// append appends the frame's payload with the stamp.
func (f *frame) append(b []byte, s Stamp) []byte {
	switch {
	case f.plain:
		return append(append(b, f.header...), f.body...)
	case f.kind == typeAudio:
		return appendStampedAudio(b, f.header, f.body, s)
	}
	return appendStampedVideo(b, f.header, f.body, s)
}

// mediaSource yields a publisher's frames in the order of their time, without end. Each publisher has its own, and a
// frame is valid until the next call.
type mediaSource interface {
	// preamble is sent once: metadata and codec configuration.
	preamble() []frame
	next() (*frame, error)
}

// profile describes generated media.
type profile struct {
	width, height int
	fps           int
	gopLength     int // pictures
	videoRate     int // bits a second, as messages
	audioRate     int
}

const (
	audioSamples   = 1024
	audioFrequency = 48000
	// keyframeRatio is how many times larger than the others a keyframe is.
	keyframeRatio = 8
)

var profiles = map[string]profile{
	"hd": {width: 1280, height: 720, fps: 30, gopLength: 60, videoRate: 2_402_000, audioRate: 128_000},
	"sd": {width: 1280, height: 720, fps: 30, gopLength: 60, videoRate: 452_000, audioRate: 64_000},
}

// Sequence headers of H.264 High 3.1 1280x720 and of AAC-LC 48 kHz stereo, behind their tag headers.
var (
	avcHeader = append([]byte{0x17, 0, 0, 0, 0},
		"\x01\x64\x00\x1f\xff\xe1\x00\x1a\x67\x64\x00\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03"+
			"\x03\xc0\xf1\x83\x19\x60\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00"...)
	aacHeader = []byte{0xaf, 0, 0x11, 0x90}
)

// gop is one group of pictures and an audio frame, made once and shared by all publishers of a profile.
type gop struct {
	profile
	pictures [][]byte // length-prefixed NAL units
	audio    []byte
}

func newGOP(p profile) *gop {
	random := newRandom()
	g := &gop{profile: p}
	overhead := len(appendStampedVideo(nil, make([]byte, 5), nil, Stamp{}))
	for i, size := range p.pictureSizes(random) {
		nalType := byte(0x41)
		if i == 0 {
			nalType = 0x65
		}
		g.pictures = append(g.pictures, nalUnit(nalType, max(size-overhead, 16), random))
	}
	audio := p.audioRate / 8 * audioSamples / audioFrequency
	g.audio = noise(max(audio-len(appendStampedAudio(nil, []byte{0xaf, 1}, nil, Stamp{})), 16), random)
	return g
}

// pictureSizes shares the bytes of a group out: one keyframe, and others that vary by a third around their mean.
func (p profile) pictureSizes(random *rand.Rand) []int {
	weights := make([]float64, p.gopLength)
	sum := 0.0
	for i := range weights {
		weights[i] = 2.0/3 + random.Float64()*2/3
		if i == 0 {
			weights[i] = keyframeRatio
		}
		sum += weights[i]
	}
	total := float64(p.videoRate) / 8 * float64(p.gopLength) / float64(p.fps)
	sizes := make([]int, p.gopLength)
	for i, w := range weights {
		sizes[i] = int(total * w / sum)
	}
	return sizes
}

// nalUnit makes a NAL unit of size bytes, its length field included.
func nalUnit(nalType byte, size int, random *rand.Rand) []byte {
	b := noise(size, random)
	binary.BigEndian.PutUint32(b, uint32(size-4))
	b[4] = nalType
	return b
}

// newRandom always gives the same numbers, so that every run sends the same bytes.
func newRandom() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// noise makes bytes that no compressor helps with and that hold no zero, so no start code.
func noise(size int, random *rand.Rand) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(1 + random.UintN(255))
	}
	return b
}

// generator is a mediaSource of a profile.
type generator struct {
	*gop
	videos, audios int
	frame          frame
}

var (
	keyHeader   = []byte{0x17, 1, 0, 0, 0}
	interHeader = []byte{0x27, 1, 0, 0, 0}
	audioHeader = []byte{0xaf, 1}
)

func (g *generator) preamble() []frame {
	return []frame{
		{kind: byte(rtmp.TypeDataAMF0), plain: true, body: g.metadata()},
		{kind: typeVideo, plain: true, body: avcHeader},
		{kind: typeAudio, plain: true, body: aacHeader},
	}
}

func (g *generator) next() (*frame, error) {
	videoAt := time.Duration(g.videos) * time.Second / time.Duration(g.fps)
	audioAt := time.Duration(g.audios) * time.Second * audioSamples / audioFrequency
	if audioAt < videoAt {
		g.audios++
		g.frame = frame{kind: typeAudio, at: audioAt, header: audioHeader, body: g.audio}
		return &g.frame, nil
	}
	i := g.videos % g.gopLength
	g.videos++
	g.frame = frame{kind: typeVideo, at: videoAt, header: interHeader, body: g.pictures[i]}
	if i == 0 {
		g.frame.keyframe, g.frame.header = true, keyHeader
	}
	return &g.frame, nil
}

func (g *generator) metadata() []byte {
	body, err := amf.Append0(nil, "@setDataFrame", "onMetaData", amf.NewECMAArray(
		amf.Property{Name: "width", Value: float64(g.width)},
		amf.Property{Name: "height", Value: float64(g.height)},
		amf.Property{Name: "framerate", Value: float64(g.fps)},
		amf.Property{Name: "videocodecid", Value: 7.0},
		amf.Property{Name: "videodatarate", Value: float64(g.videoRate) / 1000},
		amf.Property{Name: "audiocodecid", Value: 10.0},
		amf.Property{Name: "audiodatarate", Value: float64(g.audioRate) / 1000},
		amf.Property{Name: "audiosamplerate", Value: float64(audioFrequency)},
		amf.Property{Name: "stereo", Value: true},
		amf.Property{Name: "encoder", Value: "afterglow bench"},
	))
	if err != nil {
		return nil
	}
	return body
}

// newSources returns a function that makes a source for each publisher.
func newSources(o *Options) (func() (mediaSource, error), error) {
	if o.File != "" {
		f, err := loadFile(o.File)
		if err != nil {
			return nil, err
		}
		return func() (mediaSource, error) { return f.source(), nil }, nil
	}
	p, ok := profiles[o.Profile]
	if !ok {
		return nil, fmt.Errorf("profile %q: there are hd and sd", o.Profile)
	}
	g := newGOP(p)
	return func() (mediaSource, error) { return &generator{gop: g}, nil }, nil
}
