package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
)

// TestLateJoinersBeginWithAPicture joins a stream that runs already: metadata and configuration come first, then at
// once the newest keyframe, which is older than what the others are shown.
func TestLateJoinersBeginWithAPicture(t *testing.T) {
	t.Parallel()
	film := sample(t, "av")
	for _, amf3 := range []bool{false, true} {
		t.Run(map[bool]string{false: "AMF0", true: "AMF3"}[amf3], func(t *testing.T) {
			t.Parallel()
			var o overrtmp.DialOptions
			if amf3 {
				o.Connect.Encoding = netconn.AMF3
			}
			s := serve(t)
			early := view(t, s.url(""), "film", o)
			p := start(t, "afterglow", "publish", "--loop", film, s.url("film"))
			early.awaitVideo(t, 50) // the second keyframe, and 20 pictures more
			late := view(t, s.url(""), "film", o)
			late.awaitVideo(t, 3)
			beginsWell(t, late.seen())
			if first, newest := firstPicture(late.seen()), newestPicture(early.seen()); media.Before(newest.Timestamp, first.Timestamp) {
				t.Errorf("the first picture is of %d ms: it came later than %d ms, which others had already", first.Timestamp, newest.Timestamp)
			}
			p.signal(syscall.SIGINT)
			p.wait(t)
			early.awaitEnd(t)
			late.awaitEnd(t)
			// From the keyframe on, both saw the same.
			got := framesOf(fromFirstKeyframe(late.seen()))
			all := framesOf(early.seen())
			sameTail(t, all, got)
		})
	}
}

func firstPicture(packets []*media.Packet) *media.Packet {
	return fromFirstKeyframe(packets)[0]
}

func newestPicture(packets []*media.Packet) *media.Packet {
	var newest *media.Packet
	for _, p := range packets {
		if p.Kind == media.KindVideo {
			newest = p
		}
	}
	return newest
}

// fromFirstKeyframe leaves out what comes before the first picture.
func fromFirstKeyframe(packets []*media.Packet) []*media.Packet {
	for i, p := range packets {
		if p.Keyframe {
			return packets[i:]
		}
	}
	return nil
}

// sameTail fails the test unless the end of what one saw is all that another saw.
func sameTail(t *testing.T, all, tail []frame) {
	t.Helper()
	for _, kind := range []string{"audio", "video"} {
		whole, part := only(kind, all), only(kind, tail)
		if len(part) == 0 || len(part) > len(whole) {
			t.Fatalf("%s: %d frames of %d", kind, len(part), len(whole))
		}
		for i, f := range whole[len(whole)-len(part):] {
			if part[i].Sum != f.Sum || part[i].Offset != f.Offset {
				t.Fatalf("%s: frame %d of %d: got %+v, want %+v", kind, i, len(part), part[i], f)
			}
		}
	}
}

// TestLateProgramsGetAPicture has real players join late. They stop by themselves when they have seen some pictures.
func TestLateProgramsGetAPicture(t *testing.T) {
	t.Parallel()
	film := sample(t, "av")
	s := serve(t)
	early := view(t, s.url(""), "film", overrtmp.DialOptions{})
	start(t, "ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", film, "-c", "copy", "-f", "flv", s.url("film"))
	early.awaitVideo(t, 50)
	for _, late := range []struct {
		name string
		args []string
	}{
		{"ffmpeg", []string{"-v", "error", "-xerror", "-i", s.url("film"), "-t", "1", "-c", "copy", "-f", "flv"}},
		{"rtmpdump", []string{"-q", "--live", "-r", s.url("film"), "-B", "1", "-o"}},
		{"gst-launch-1.0", []string{"-q", "rtmp2src", "location=" + s.url("film"), "num-buffers=60", "!", "filesink"}},
		{"afterglow", []string{"play", s.url("film"), "-t", "1s", "-o"}},
	} {
		t.Run(late.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "late.flv")
			target := file
			if late.name == "gst-launch-1.0" {
				target = "location=" + file
			}
			start(t, late.name, append(late.args, target)...).wait(t)
			beginsWell(t, readFLV(t, file))
			decodes(t, file)
		})
	}
}

// decodes fails the test if a decoder misses anything, such as a picture that others refer to.
func decodes(t *testing.T, file string) {
	t.Helper()
	p := start(t, "ffmpeg", "-v", "error", "-xerror", "-i", file, "-f", "null", "-")
	p.wait(t)
	for line := range strings.Lines(p.stderr.String()) {
		if strings.HasPrefix(line, "[h264 ") || strings.HasPrefix(line, "[aac ") || strings.Contains(line, "decoding") {
			t.Errorf("decoding: %s", line)
		}
	}
}
