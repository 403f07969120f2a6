package e2e

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"afterglow/netconn/overrtmp"
)

// player is a program that plays a URL into a file.
type player struct {
	name string
	// start begins to play. Most programs end with the stream.
	start func(t *testing.T, url, file string) *started
	// stays is set for programs that end with the connection only.
	stays bool
	// incomplete is the exit status of a program that believes the length in the metadata more than the end of the stream.
	incomplete int
	// probes is set for a program that describes the frames on its standard output instead of writing a file.
	probes bool
	// noTLS is set for the rows that differ from others in nothing that RTMPS changes.
	noTLS bool
}

const rtmpdumpIncomplete = 2

// players has every program that can play. To wait for a whole stream, each is told nothing but the URL.
var players = []player{
	{name: "ffmpeg", start: func(t *testing.T, url, file string) *started {
		return start(t, "ffmpeg", "-v", "error", "-i", url, "-c", "copy", "-f", "flv", file)
	}},
	{name: "ffprobe", probes: true, start: func(t *testing.T, url, _ string) *started {
		return start(t, "ffprobe", "-v", "error", "-show_packets", "-show_data_hash", "md5", "-of", "json", url)
	}},
	{name: "rtmpdump", incomplete: rtmpdumpIncomplete, start: func(t *testing.T, url, file string) *started {
		return start(t, "rtmpdump", "-q", "--live", "-r", url, "-o", file)
	}},
	{name: "rtmpdump with the digest handshake", incomplete: rtmpdumpIncomplete, start: func(t *testing.T, url, file string) *started {
		// SWF verification wants to hash a film, which it keeps in the home directory.
		film := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("FWS\x0b\x20\x00\x00\x00 not much of a film"))
		}))
		t.Cleanup(film.Close)
		cmd := exec.Command(find(t, "rtmpdump"), "-q", "--live", "-r", url, "-W", film.URL+"/film.swf", "-o", file)
		cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(file))
		return startCommand(t, cmd)
	}},
	{name: "rtmpdump with connect arguments", incomplete: rtmpdumpIncomplete, noTLS: true, start: func(t *testing.T, url, file string) *started {
		return start(t, "rtmpdump", "-q", "--live", "-r", url, "-o", file,
			"-s", "http://example.org/player.swf", "-p", "http://example.org/", "-f", "LNX 11,2,202,235",
			"-C", "B:1", "-C", "S:auth", "-C", "O:1", "-C", "NN:code:1.23", "-C", "NS:flag:ok", "-C", "O:0")
	}},
	{name: "rtmp2src", stays: true, start: func(t *testing.T, url, file string) *started {
		return start(t, "gst-launch-1.0", "-q", "rtmp2src", "location="+url, "tls-validation-flags=0", "!", "filesink", "location="+file)
	}},
	{name: "afterglow play", start: func(t *testing.T, url, file string) *started {
		return start(t, "afterglow", "play", "--insecure", url, "-o", file)
	}},
	{name: "afterglow play with the plain handshake", noTLS: true, start: func(t *testing.T, url, file string) *started {
		return start(t, "afterglow", "play", "--insecure", "--plain", url, "-o", file)
	}},
	{name: "afterglow play --amf3", start: func(t *testing.T, url, file string) *started {
		return start(t, "afterglow", "play", "--insecure", "--amf3", url, "-o", file)
	}},
	{name: "afterglow play --classic", noTLS: true, start: func(t *testing.T, url, file string) *started {
		return start(t, "afterglow", "play", "--insecure", "--classic", url, "-o", file)
	}},
}

// playing is a player that was started.
type playing struct {
	player
	program *started
	file    string
}

// frames returns what came, after the program has ended.
func (p *playing) frames(t *testing.T) []frame {
	t.Helper()
	var exit *exec.ExitError
	if err := p.program.end(t); p.incomplete == 0 || !errors.As(err, &exit) || exit.ExitCode() != p.incomplete {
		p.program.wait(t)
	}
	if p.probes {
		return parseProbe(t, p.program.stdout.String())
	}
	return framesOf(readFLV(t, p.file))
}

// playAll starts all players that are installed and waits until the server knows them.
func playAll(t *testing.T, s *server, url, stream string, all []player) []*playing {
	t.Helper()
	var begun []*playing
	for _, p := range all {
		file := filepath.Join(t.TempDir(), "played.flv")
		// A subtest, since a program that is missing skips.
		t.Run("start "+p.name, func(sub *testing.T) {
			find(sub, programOf(p))
			begun = append(begun, &playing{p, p.start(t, url, file), file})
		})
	}
	s.awaitPlayers(t, stream, len(begun))
	return begun
}

// programOf returns the program that a player needs.
func programOf(p player) string {
	switch p.name {
	case "ffmpeg", "ffprobe":
		return p.name
	case "rtmp2src":
		return "gst-launch-1.0"
	}
	if p.name[:4] == "rtmp" {
		return "rtmpdump"
	}
	return "afterglow"
}

// compareAll waits for the players and compares what they got. It ends the server for those that stay.
func compareAll(t *testing.T, s *server, want []frame, all []*playing) {
	t.Helper()
	compare := func(p *playing) {
		t.Run(p.name, func(t *testing.T) { sameFrames(t, want, p.frames(t)) })
	}
	for _, p := range all {
		if !p.stays {
			compare(p)
		}
	}
	s.stop()
	for _, p := range all {
		if p.stays {
			compare(p)
		}
	}
}

func TestEveryPlayerGetsEveryFrame(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		settings []string
		options  []string // of ffmpeg's output
	}{
		{name: "as configured"},
		{name: "chunks of 128 bytes", settings: []string{"rtmp.chunkSize=128"}},
		{name: "chunks of 65,536 bytes", settings: []string{"rtmp.chunkSize=64KB"}},
		{name: "timestamps past 0xFFFFFF", settings: []string{"rtmp.chunkSize=128"}, options: []string{"-output_ts_offset", "16775.2"}},
		{name: "fixed delay", settings: []string{"play.write.mode=fixed", "play.write.delay=100ms"}},
		{name: "no delay", settings: []string{"play.write.mode=off"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			film := sample(t, "av")
			s := serve(t, test.settings...)
			all := playAll(t, s, s.url("film"), "film", players)
			args := append([]string{"-v", "error", "-re", "-i", film, "-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize"}, test.options...)
			start(t, "ffmpeg", append(args, s.url("film"))...).wait(t)
			compareAll(t, s, framesOf(readFLV(t, film)), all)
		})
	}
}

func TestEveryPlayerGetsStreamsOfOneKind(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"audio", "video"} {
		t.Run(kind+" only", func(t *testing.T) {
			t.Parallel()
			film := sample(t, kind)
			s := serve(t)
			all := playAll(t, s, s.url("film"), "film", players)
			start(t, "afterglow", "publish", film, s.url("film")).wait(t)
			compareAll(t, s, framesOf(readFLV(t, film)), all)
		})
	}
}

func TestTimestampsPastTheThirdByteArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	film := sample(t, "av")
	s := serve(t)
	v := view(t, s.url(""), "film", overrtmp.DialOptions{})
	start(t, "ffmpeg", "-v", "error", "-i", film, "-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize",
		"-output_ts_offset", "16775.2", s.url("film")).wait(t)
	v.awaitEnd(t)
	packets := v.seen()
	sameFrames(t, framesOf(readFLV(t, film)), framesOf(packets))
	var before, after bool
	for _, p := range packets {
		before = before || p.Timestamp > 0xFFFF00 && p.Timestamp < 0xFFFFFF
		after = after || p.Timestamp > 0xFFFFFF && p.Timestamp < 0x1100000
	}
	if !before || !after {
		t.Errorf("the stream does not cross 0xFFFFFF: before %v, after %v", before, after)
	}
}
