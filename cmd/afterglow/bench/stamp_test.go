package bench

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"afterglow/rtmp"
)

func TestStampComesBackFromAudioAndVideo(t *testing.T) {
	for _, want := range []Stamp{{}, {Sequence: 1, Sent: 1}, {Sequence: 1<<42 - 1, Sent: math.MaxInt64}, {Sequence: 12345, Sent: 1 << 50}} {
		video := appendStampedVideo(nil, keyHeader, []byte{0, 0, 0, 1, 0x65}, want)
		audio := appendStampedAudio(nil, audioHeader, []byte{1, 2, 3}, want)
		for kind, b := range map[byte][]byte{typeVideo: video, typeAudio: audio} {
			if got, ok := findStamp(kind, b[:min(len(b), stampReach)]); !ok || got != want {
				t.Errorf("message type %d: got %v %v, want %v", kind, got, ok, want)
			}
		}
	}
}

func TestStampReachFitsTheFirstChunk(t *testing.T) {
	if stampReach > rtmp.DefaultChunkSize {
		t.Errorf("a stamp reaches to byte %d, the first chunk to %d", stampReach, rtmp.DefaultChunkSize)
	}
}

func TestStampIsNotFoundInWhatHasNone(t *testing.T) {
	b := appendStampedVideo(nil, keyHeader, nil, Stamp{Sequence: 7})
	for n := range stampReach {
		if _, ok := findStamp(typeVideo, b[:n]); ok {
			t.Errorf("found in the first %d bytes", n)
		}
	}
	if _, ok := findStamp(typeAudio, b); ok {
		t.Error("found in a video payload taken for audio")
	}
	b[videoStampOffset]++
	if _, ok := findStamp(typeVideo, b); ok {
		t.Error("found behind another magic")
	}
}

// TestStampNeedsNoEmulationPrevention keeps the SEI a legal NAL unit (H.264 7.4.1).
func TestStampNeedsNoEmulationPrevention(t *testing.T) {
	if b := appendStamp(nil, Stamp{}); bytes.IndexByte(b, 0) >= 0 || len(b) != stampSize {
		t.Errorf("stamp % x: want %d bytes and no zero", b, stampSize)
	}
}

func TestStampedVideoIsWholeNALUnits(t *testing.T) {
	g := newGOP(profiles["hd"])
	for i, picture := range g.pictures {
		b := appendStampedVideo(nil, keyHeader, picture, Stamp{Sequence: uint64(i)})[5:]
		var types []byte
		for len(b) > 4 {
			n := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
			if n == 0 || 4+n > len(b) {
				t.Fatalf("picture %d: NAL unit of %d bytes, %d are left", i, n, len(b)-4)
			}
			types = append(types, b[4]&0x1f)
			b = b[4+n:]
		}
		want := []byte{6, 1}
		if i == 0 {
			want = []byte{6, 5}
		}
		if len(b) != 0 || !slices.Equal(types, want) {
			t.Fatalf("picture %d: NAL unit types %d and %d bytes over, want %d", i, types, len(b), want)
		}
	}
}
