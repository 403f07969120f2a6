package e2e

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"afterglow/media"
	"afterglow/media/flv"
)

// frame is what must be the same of a coded packet wherever it arrives.
type frame struct {
	Kind   string // audio or video
	Time   int64  // decoding time in milliseconds since the first frame
	Offset int32  // composition time, milliseconds
	Sum    string // MD5 of the coded bytes, without any header
}

// framesOf returns the coded frames among packets: no configuration, no metadata, no end of sequence.
func framesOf(packets []*media.Packet) []frame {
	var frames []frame
	var first uint32
	for _, p := range packets {
		if p.Type != media.PacketCodedFrames && p.Type != media.PacketCodedFramesX {
			continue
		}
		for track, err := range p.Tracks() {
			if err != nil {
				break
			}
			if len(frames) == 0 {
				first = p.Timestamp
			}
			sum := md5.Sum(track.Body)
			frames = append(frames, frame{p.Kind.String(), int64(media.Elapsed(first, p.Timestamp)), track.CompositionTime, hex.EncodeToString(sum[:])})
		}
	}
	return frames
}

// readFLV returns the packets of an FLV file, which must be sound.
func readFLV(t *testing.T, path string) []*media.Packet {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := flv.NewReader(f, nil)
	var packets []*media.Packet
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		packets = append(packets, p)
	}
	if s := r.Stats(); s.Skipped > 0 || s.Resyncs > 0 {
		t.Errorf("%s is damaged: %+v", path, s)
	}
	return packets
}

// parseProbe returns the frames of `ffprobe -show_packets -show_data_hash md5 -of json`.
func parseProbe(t *testing.T, text string) []frame {
	t.Helper()
	var probed struct {
		Packets []struct {
			Kind string `json:"codec_type"`
			PTS  int64  `json:"pts"`
			DTS  int64  `json:"dts"`
			Hash string `json:"data_hash"`
		} `json:"packets"`
	}
	if err := json.Unmarshal([]byte(text), &probed); err != nil {
		t.Fatalf("ffprobe: %v:\n%s", err, text)
	}
	var frames []frame
	var first int64
	for _, p := range probed.Packets {
		if p.Kind != "audio" && p.Kind != "video" {
			continue
		}
		if len(frames) == 0 {
			first = p.DTS
		}
		frames = append(frames, frame{p.Kind, p.DTS - first, int32(p.PTS - p.DTS), strings.TrimPrefix(strings.ToLower(p.Hash), "md5:")})
	}
	return frames
}

// only returns the frames of one kind. Programs interleave the two as they like.
func only(kind string, frames []frame) []frame {
	var out []frame
	for _, f := range frames {
		if f.Kind == kind {
			out = append(out, f)
		}
	}
	return out
}

// sameFrames fails the test unless all frames that are wanted arrived, in order, once, at their times.
func sameFrames(t *testing.T, want, got []frame) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("nothing was published")
	}
	for _, kind := range []string{"audio", "video"} {
		if difference := differ(only(kind, want), only(kind, got)); difference != "" {
			t.Errorf("%s: %s", kind, difference)
		}
	}
}

func differ(want, got []frame) string {
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Sprintf("frame %d of %d: got %+v of %d, want %+v", i, len(want), got[i], len(got), want[i])
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("%d frames arrived, %d were published", len(got), len(want))
	}
	return ""
}
