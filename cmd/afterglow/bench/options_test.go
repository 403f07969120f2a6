package bench

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// parseOptions makes options as the command line does, defaults included.
func parseOptions(t *testing.T, args ...string) Options {
	t.Helper()
	var o Options
	parser, err := kong.New(&o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestDefaultOptionsAreValid(t *testing.T) {
	o := parseOptions(t)
	if err := o.check(); err != nil {
		t.Error(err)
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"--publishers=-1", "--publishers"},
		{"--players=-1", "players"},
		{"--rate=0", "--rate"},
		{"--threads=0", "--threads"},
		{"--duration=0s", "--duration"},
		{"--find-max --steps=1,2", "--find-max"},
		{"--start=x --pid=1", "--pid"},
		{"--publishers=2 --stream=same", "%d"},
		{"--stream=%s", "%d"},
		{"--slow=1", "--slow"},
		{"--slow=1:fast", "--slow"},
		{"--slow=x:1kB/s", "--slow"},
		{"--never-read=99999", "--never-read"},
		{"--addresses=0", "--addresses"},
		{"--rtmfp-share=1.1", "--rtmfp-share"},
		{"--gather-reads=1s", "--gather-reads"},
		{"--sessions-per-socket=0", "--sessions-per-socket"},
		{"--url=rtmp://x/live --url=rtmp://y/live", "--url may be given twice"},
		{"--url=rtmp://x/live --url=rtmfp://y/live --url=rtmfp://z/live", "--url may be given twice"},
		{"--url=rtmps://x/live", "only rtmp and rtmfp"},
		{"--publish-url=rtmps://x/live", "only rtmp and rtmfp"},
		{"--url=rtmfp://x/live --slow=1:1kB/s", "--slow"},
	} {
		o := parseOptions(t, strings.Fields(test.args)...)
		if err := o.check(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error about %s", test.args, err, test.want)
		}
	}
}

func TestSlowPlayersRate(t *testing.T) {
	for _, test := range []struct {
		in            string
		players, rate int
	}{{"", 0, 0}, {"1:10kB/s", 1, 10_000}, {"3:1.5MB/s", 3, 1_500_000}, {"2:800", 2, 800}, {"2:800B/s", 2, 800}} {
		if players, rate, err := parseSlow(test.in); err != nil || players != test.players || rate != test.rate {
			t.Errorf("%q: %d players, %d bytes a second, %v", test.in, players, rate, err)
		}
	}
}

func TestTargetKeepsApplicationAndInstance(t *testing.T) {
	for url, want := range map[string]target{
		"rtmp://127.0.0.1/live":         {transport: "rtmp", address: "127.0.0.1:1935", app: "live", tcURL: "rtmp://127.0.0.1/live"},
		"rtmp://127.0.0.1:99/live/two":  {transport: "rtmp", address: "127.0.0.1:99", app: "live/two", tcURL: "rtmp://127.0.0.1:99/live/two"},
		"rtmfp://127.0.0.1/live":        {transport: "rtmfp", address: "127.0.0.1:1935", app: "live", tcURL: "rtmfp://127.0.0.1/live"},
		"rtmfp://127.0.0.1:99/live/two": {transport: "rtmfp", address: "127.0.0.1:99", app: "live/two", tcURL: "rtmfp://127.0.0.1:99/live/two"},
	} {
		if got, err := parseTarget(url); err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", url, got, err, want)
		}
	}
	if _, err := parseTarget("http://127.0.0.1/live"); err == nil {
		t.Error("http is no target")
	}
}

func TestPublishersGoToTheFirstURLUnlessToldOtherwise(t *testing.T) {
	for _, test := range []struct {
		args, publish, transport string
		play                     int
	}{
		{"", "rtmp", "rtmp", 1},
		{"--url=rtmfp://x/live", "rtmfp", "rtmfp", 1},
		{"--url=rtmfp://x/live --publish-url=rtmp://x/live", "rtmp", "rtmfp", 1},
		{"--url=rtmp://x/live --url=rtmfp://x/live", "rtmp", "mixed", 2},
	} {
		o := parseOptions(t, strings.Fields(test.args)...)
		play, publish, err := o.targets()
		if err != nil || len(play) != test.play || publish.transport != test.publish || o.transport() != test.transport {
			t.Errorf("%q: play %+v, publish %+v, %s, %v", test.args, play, publish, o.transport(), err)
		}
	}
}

func TestPlayersOfBothTransportsAreMixedEvenly(t *testing.T) {
	for _, test := range []struct {
		share float64
		want  string
	}{{0.5, "01010101"}, {0.25, "00010001"}, {0, "00000000"}, {1, "11111111"}} {
		o := Options{RTMFPShare: test.share}
		got := ""
		for n := range 8 {
			if o.overRTMFP(n) {
				got += "1"
			} else {
				got += "0"
			}
		}
		if got != test.want {
			t.Errorf("share %g: %s, want %s", test.share, got, test.want)
		}
	}
}
