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
		"rtmp://127.0.0.1/live":        {address: "127.0.0.1:1935", app: "live", tcURL: "rtmp://127.0.0.1/live"},
		"rtmp://127.0.0.1:99/live/two": {address: "127.0.0.1:99", app: "live/two", tcURL: "rtmp://127.0.0.1:99/live/two"},
	} {
		o := Options{URL: url}
		if got, err := o.target(); err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", url, got, err, want)
		}
	}
	o := Options{URL: "http://127.0.0.1/live"}
	if _, err := o.target(); err == nil {
		t.Error("http is no target")
	}
}
