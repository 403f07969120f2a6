package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/message"

	"afterglow/media"
	"afterglow/netconn/overrtmp"
)

// TestFilesThatOthersMadeArriveAsTheyAre takes files with AV1 and Opus from outside of this repository.
// TestGortmplibPublishesAndReads covers the same codecs with made-up media.
func TestFilesThatOthersMadeArriveAsTheyAre(t *testing.T) {
	for _, name := range []string{"enhanced-av1-opus.flv", "enhanced-av1-opus-multi.flv"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			film := filepath.Join("..", "..", "shared", "media", name)
			if _, err := os.Stat(film); err != nil {
				t.Skipf("%s is not there; made-up AV1 and Opus take its place", film)
			}
			packets := readFLV(t, film)
			want := framesOf(packets)
			s := serve(t)
			own := view(t, s, "film", overrtmp.DialOptions{})
			foreign := foreignClient(t, s, "film", false)
			file := filepath.Join(t.TempDir(), "played.flv")
			play := command(t, program, "play", s.url("film"), "-o", file)
			must(t, play.Start())
			s.awaitPlayers(t, "film", 3)
			execute(t, program, "publish", "--fast", film, s.url("film"))
			own.awaitEnd(t)
			must(t, play.Wait())
			got := readFLV(t, file)
			samePackets(t, packets, own.seen())
			samePackets(t, packets, got)
			sameFrames(t, fromZero(want), fromZero(foreignMessages(t, foreign, len(want))))
		})
	}
}

// foreignMessages reads n frames with gortmplib's messages alone: its Reader does not get over the AV1 configuration of
// these files, which is empty.
func foreignMessages(t *testing.T, c *gortmplib.Client, n int) []frame {
	t.Helper()
	_ = c.NetConn().SetReadDeadline(time.Now().Add(patience))
	var frames []frame
	for len(frames) < n {
		m, err := c.Read()
		if err != nil && !strings.Contains(err.Error(), "invalid AV1 configuration") {
			t.Fatalf("gortmplib, after %d of %d frames: %v", len(frames), n, err)
		}
		switch m := m.(type) {
		case *message.VideoExFramesX:
			frames = append(frames, newFrame("video", 0, m.DTS, unitsOf(m.Payload)...))
		case *message.VideoExCodedFrames:
			frames = append(frames, newFrame("video", 0, m.DTS, unitsOf(m.Payload)...))
		case *message.AudioExCodedFrames:
			frames = append(frames, newFrame("audio", 0, m.DTS, m.Payload))
		}
	}
	return frames
}

// samePackets fails the test unless audio and video arrived byte for byte, configuration and metadata included.
func samePackets(t *testing.T, want, got []*media.Packet) {
	t.Helper()
	want, got = tracksOf(want), tracksOf(got)
	for i := range min(len(want), len(got)) {
		if w, g := want[i], got[i]; w.Kind != g.Kind || string(w.Payload) != string(g.Payload) {
			t.Fatalf("packet %d of %d: got %v of %d bytes, want %v of %d bytes", i, len(want), g.Kind, len(g.Payload), w.Kind, len(w.Payload))
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d packets arrived, %d were published", len(got), len(want))
	}
}

func tracksOf(packets []*media.Packet) []*media.Packet {
	var out []*media.Packet
	for _, p := range packets {
		if p.Kind != media.KindData {
			out = append(out, p)
		}
	}
	return out
}

// fromZero moves times so that the first is zero.
func fromZero(frames []frame) []frame {
	out := make([]frame, len(frames))
	for i, f := range frames {
		f.Time -= frames[0].Time
		out[i] = f
	}
	return out
}
