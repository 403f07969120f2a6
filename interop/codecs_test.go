package interop

import (
	"bytes"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"afterglow/media"
	"afterglow/netconn/overrtmp"
)

// length is how many frames of each track are published: at 40 ms each, more than gortmplib looks at before it reads.
const length = 90

// made is what was published of one track: writes one frame and says what must arrive.
type made struct {
	track *gortmplib.Track
	write func(w *gortmplib.Writer, track *gortmplib.Track, i int, at time.Duration) (frame, error)
}

// filler are bytes that differ from frame to frame; every tenth frame is as large as a keyframe.
func filler(i int) []byte {
	size := 200
	if i%10 == 0 {
		size = 9000
	}
	return bytes.Repeat([]byte{byte(i), 0xA5, byte(i >> 1)}, size)
}

func hevc(id uint8) made {
	return made{&gortmplib.Track{Codec: &codecs.H265{}}, func(w *gortmplib.Writer, track *gortmplib.Track, i int, at time.Duration) (frame, error) {
		nal := append([]byte{0x02, 0x01}, filler(i)...) // TRAIL_R
		if i%10 == 0 {
			nal[0] = 0x26 // IDR_W_RADL
		}
		pts := at + time.Duration(i%3)*40*time.Millisecond
		au := [][]byte{{0x4E, 0x01, byte(i)}, nal}
		return newFrame("video", id, pts, withLengths(au)), w.WriteH265(track, pts, at, au)
	}}
}

func av1Track(id uint8) made {
	return made{&gortmplib.Track{Codec: &codecs.AV1{}}, func(w *gortmplib.Writer, track *gortmplib.Track, i int, at time.Duration) (frame, error) {
		tu := [][]byte{append([]byte{0x30}, filler(i)...)} // frame
		if i%10 == 0 {
			tu = append([][]byte{{0x08, 0x00, 0x00, 0x00, 0x42}}, tu...) // sequence header
		}
		return newFrame("video", id, at, tu...), w.WriteAV1(track, at, tu)
	}}
}

func vp9(id uint8) made {
	return made{&gortmplib.Track{Codec: &codecs.VP9{}}, func(w *gortmplib.Writer, track *gortmplib.Track, i int, at time.Duration) (frame, error) {
		b := append([]byte{0x86}, filler(i)...)
		if i%10 == 0 {
			b[0] = 0x82
		}
		return newFrame("video", id, at, b), w.WriteVP9(track, at, b)
	}}
}

func opus(id uint8) made {
	return made{&gortmplib.Track{Codec: &codecs.Opus{ChannelCount: 2}}, func(w *gortmplib.Writer, track *gortmplib.Track, i int, at time.Duration) (frame, error) {
		b := append([]byte{0xFC, id}, filler(i)[:100]...)
		return newFrame("audio", id, at, b), w.WriteOpus(track, at, b)
	}}
}

func aac(id uint8) made {
	config := &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 44100, ChannelCount: 2}
	return made{&gortmplib.Track{Codec: &codecs.MPEG4Audio{Config: config}}, func(w *gortmplib.Writer, track *gortmplib.Track, i int, at time.Duration) (frame, error) {
		b := append([]byte{0x21, id}, filler(i)[:90]...)
		return newFrame("audio", id, at, b), w.WriteMPEG4Audio(track, at, b)
	}}
}

// publishMade publishes all tracks side by side and returns what must arrive.
func publishMade(t *testing.T, s *server, stream string, all ...made) []frame {
	t.Helper()
	var tracks []*gortmplib.Track
	for _, m := range all {
		tracks = append(tracks, m.track)
	}
	p := publishForeign(t, s, stream, tracks...)
	var want []frame
	for i := range length {
		at := time.Duration(i) * 40 * time.Millisecond
		for _, m := range all {
			f, err := m.write(p.Writer, m.track, i, at)
			must(t, err)
			want = append(want, f)
		}
	}
	return want
}

func TestGortmplibPublishesAndReads(t *testing.T) {
	for _, test := range []struct {
		name  string
		all   []made
		video media.Codec
	}{
		{"HEVC and AAC", []made{hevc(0), aac(0)}, media.CodecHVC1},
		{"AV1 and Opus", []made{av1Track(0), opus(0)}, media.CodecAV01},
		{"VP9 and Opus", []made{vp9(0), opus(0)}, media.CodecVP09},
		{"HEVC alone", []made{hevc(0)}, media.CodecHVC1},
		{"Opus alone", []made{opus(0)}, media.CodecNone},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			own := view(t, s, "film", overrtmp.DialOptions{})
			foreign := readForeign(t, s, "film")
			want := publishMade(t, s, "film", test.all...)
			sameFrames(t, want, foreign.await(t, len(want)))
			own.awaitFrames(t, len(want))
			packets := own.seen()
			sameFrames(t, want, framesOf(packets))
			keyframesAreFound(t, packets, test.video)

			if test.video != media.CodecNone {
				late := view(t, s, "film", overrtmp.DialOptions{})
				late.awaitFrames(t, 1)
				beginsWithKeyframe(t, late.seen())
			}
		})
	}
}

// keyframesAreFound fails the test unless every tenth picture is known as a keyframe: gortmplib 0.2 sends Enhanced video
// without a frame type.
func keyframesAreFound(t *testing.T, packets []*media.Packet, codec media.Codec) {
	t.Helper()
	i := 0
	for _, p := range packets {
		if p.Kind != media.KindVideo || p.Config || p.Type == media.PacketSequenceEnd {
			continue
		}
		if p.Codec != codec || p.Keyframe != (i%10 == 0) {
			t.Errorf("picture %d: codec %v, keyframe %v", i, p.Codec, p.Keyframe)
		}
		i++
	}
	if codec != media.CodecNone && i != length {
		t.Errorf("%d pictures of %d", i, length)
	}
}

// beginsWithKeyframe fails the test unless configuration and a keyframe come before other pictures.
func beginsWithKeyframe(t *testing.T, packets []*media.Packet) {
	t.Helper()
	configured := false
	for _, p := range packets {
		switch {
		case p.Kind != media.KindVideo:
		case p.Config:
			configured = true
		case !configured || !p.Keyframe:
			t.Fatalf("the first picture: configured %v, keyframe %v", configured, p.Keyframe)
		default:
			return
		}
	}
	t.Fatal("no picture came")
}

func TestMultitrackArrivesWithEveryTrack(t *testing.T) {
	t.Parallel()
	s := serve(t)
	own := view(t, s, "film", overrtmp.DialOptions{})
	conn, hangUp := playMultitrack(t, s, "film")
	foreign := newForeignReader(t, conn, hangUp)
	single := readForeign(t, s, "film")
	want := publishMade(t, s, "film", av1Track(0), hevc(1), vp9(2), opus(0), aac(1), opus(2))
	sameFrames(t, want, foreign.await(t, len(want)))
	own.awaitFrames(t, len(want))
	sameFrames(t, want, framesOf(own.seen()))
	// Who does not announce multitrack gets the default tracks.
	first := append(pick(want, "video", 0), pick(want, "audio", 0)...)
	sameFrames(t, first, single.await(t, len(first)))
}

func parseAudioConfig(record []byte) (*mpeg4audio.AudioSpecificConfig, error) {
	c := new(mpeg4audio.AudioSpecificConfig)
	return c, c.Unmarshal(record)
}
