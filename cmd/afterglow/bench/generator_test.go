package bench

import (
	"math"
	"testing"
	"time"
)

func TestProfilesHaveTheirRate(t *testing.T) {
	for name, want := range map[string]float64{"hd": 2.53e6, "sd": 0.516e6} {
		g := &generator{gop: newGOP(profiles[name])}
		const seconds = 20
		var size, messages, keyframes int
		var last time.Duration
		for {
			f, err := g.next()
			if err != nil {
				t.Fatal(err)
			}
			if f.at >= seconds*time.Second {
				break
			}
			if f.at < last {
				t.Fatalf("%s: a frame at %s comes after one at %s", name, f.at, last)
			}
			last = f.at
			b := f.append(nil, Stamp{Sequence: 1, Sent: 2})
			if _, ok := findStamp(f.kind, b); !ok {
				t.Fatalf("%s: frame at %s has no stamp", name, f.at)
			}
			if f.keyframe {
				keyframes++
				if f.at%(2*time.Second) != 0 {
					t.Errorf("%s: keyframe at %s", name, f.at)
				}
			}
			size += len(b)
			messages++
		}
		if rate := float64(size) * 8 / seconds; math.Abs(rate/want-1) > 0.005 {
			t.Errorf("%s: %.0f bit/s, want %.0f", name, rate, want)
		}
		if want := seconds * (30 + 46.875); math.Abs(float64(messages)-want) > 1 {
			t.Errorf("%s: %d messages, want %.1f", name, messages, want)
		}
		if keyframes != seconds/2 {
			t.Errorf("%s: %d keyframes, want %d", name, keyframes, seconds/2)
		}
	}
}

func TestKeyframesAreMuchLargerThanOtherPictures(t *testing.T) {
	g := newGOP(profiles["hd"])
	mean := 0
	for _, p := range g.pictures[1:] {
		mean += len(p) / (len(g.pictures) - 1)
	}
	if r := float64(len(g.pictures[0])) / float64(mean); r < 5 || r > 10 {
		t.Errorf("a keyframe is %.1f times the others' size, want 5 to 10", r)
	}
}
