package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"afterglow/media"
	"afterglow/netconn/overrtmp"
)

// publisher is a program that publishes.
type publisher struct {
	name string
	// publish publishes an FLV file from its beginning to its end and returns the frames that it meant to send.
	publish func(t *testing.T, url, film string) []frame
	noTLS   bool
}

// fileFrames runs a program that publishes a file as it is.
func fileFrames(program string, args ...string) func(t *testing.T, url, film string) []frame {
	return func(t *testing.T, url, film string) []frame {
		t.Helper()
		replaced := make([]string, len(args))
		for i, a := range args {
			replaced[i] = strings.NewReplacer("FILM", film, "URL", url).Replace(a)
		}
		start(t, program, replaced...).wait(t)
		return framesOf(readFLV(t, film))
	}
}

var publishers = []publisher{
	{name: "ffmpeg", publish: fileFrames("ffmpeg",
		"-v", "error", "-re", "-i", "FILM", "-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize", "URL")},
	{name: "ffmpeg all at once", noTLS: true, publish: fileFrames("ffmpeg",
		"-v", "error", "-i", "FILM", "-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize", "URL")},
	{name: "ffmpeg with connect arguments", noTLS: true, publish: fileFrames("ffmpeg",
		"-v", "error", "-i", "FILM", "-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize",
		"-rtmp_conn", "B:1 S:auth O:1 NN:code:1.23 NS:flag:ok O:0",
		"-rtmp_swfurl", "http://example.org/player.swf", "-rtmp_pageurl", "http://example.org/", "-rtmp_flashver", "LNX 11,2,202,235",
		"URL")},
	{name: "rtmp2sink", publish: publishGStreamer("chunk-size=128")},
	{name: "rtmp2sink in large chunks", noTLS: true, publish: publishGStreamer("chunk-size=65536")},
	{name: "afterglow publish", publish: fileFrames("afterglow", "publish", "--insecure", "FILM", "URL")},
	{name: "afterglow publish all at once, plain handshake", noTLS: true, publish: fileFrames("afterglow",
		"publish", "--insecure", "--plain", "--fast", "FILM", "URL")},
	{name: "afterglow publish --amf3", publish: fileFrames("afterglow", "publish", "--insecure", "--amf3", "--fast", "FILM", "URL")},
	{name: "go-rtmp", noTLS: true, publish: publishGoRTMP},
	{name: "the first bytes of OBS", noTLS: true, publish: publishLikeOBS},
}

// publishGStreamer publishes pictures and sound that GStreamer makes, of which it keeps a copy.
func publishGStreamer(properties ...string) func(t *testing.T, url, film string) []frame {
	return func(t *testing.T, url, _ string) []frame {
		t.Helper()
		copied := filepath.Join(t.TempDir(), "published.flv")
		args := strings.Fields("-q videotestsrc is-live=true num-buffers=75 ! video/x-raw,format=I420,width=320,height=180,framerate=30/1" +
			" ! x264enc bitrate=400 key-int-max=30 bframes=2 ! h264parse ! mux. " +
			"audiotestsrc is-live=true num-buffers=107 samplesperbuffer=1024 ! audio/x-raw,rate=44100,channels=2 ! voaacenc ! aacparse ! mux. " +
			"flvmux name=mux streamable=true ! tee name=both ! queue ! filesink location=" + copied +
			" both. ! queue ! rtmp2sink tls-validation-flags=0 location=" + url)
		start(t, "gst-launch-1.0", append(args, properties...)...).wait(t)
		return framesOf(readFLV(t, copied))
	}
}

func TestEveryPublisherIsReceivedFrameForFrame(t *testing.T) {
	t.Parallel()
	film := sample(t, "av")
	for _, p := range publishers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			v := view(t, s.url(""), "film", overrtmp.DialOptions{})
			w := view(t, s.url(""), "film", overrtmp.DialOptions{})
			want := p.publish(t, s.url("film"), film)
			v.awaitEnd(t)
			w.awaitEnd(t)
			sameFrames(t, want, framesOf(v.seen()))
			sameFrames(t, want, framesOf(w.seen()))
			beginsWell(t, v.seen())
		})
	}
}

// beginsWell fails the test unless metadata and all configuration come before media.
func beginsWell(t *testing.T, packets []*media.Packet) {
	t.Helper()
	var metadata, audio, video bool
	for _, p := range packets {
		switch {
		case p.Kind == media.KindData:
			metadata = metadata || strings.Contains(string(p.Payload), "onMetaData")
		case p.Config && p.Kind == media.KindAudio:
			audio = true
		case p.Config && p.Kind == media.KindVideo:
			video = true
		case p.Kind == media.KindAudio && !audio, p.Kind == media.KindVideo && !video:
			t.Fatalf("%s comes before its configuration", p.Kind)
		case !metadata:
			t.Fatalf("%s comes before the metadata", p.Kind)
		case p.Kind == media.KindVideo:
			if !p.Keyframe {
				t.Fatal("the first picture is no keyframe")
			}
			return
		}
	}
	t.Fatal("there is no picture")
}
