package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// floorVariable makes the test binary the floor's server instead.
const floorVariable = "AFTERGLOW_TEST_FLOOR"

func TestMain(m *testing.M) {
	if address, ok := os.LookupEnv(tcVariable); ok {
		fmt.Fprintln(os.Stderr, runTC(address))
		os.Exit(1)
	}
	gather, ok := os.LookupEnv(floorVariable)
	if !ok {
		os.Exit(m.Run())
	}
	d, err := time.ParseDuration(gather)
	if err == nil {
		err = ServeFloor(context.Background(), d, os.Stdout)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// quick are the flags of a measurement that takes two seconds.
var quick = []string{"-q", "--warmup=100ms", "--duration=1s", "--join-timeout=20s"}

func checkStep(t *testing.T, s *Step) {
	t.Helper()
	// A busy machine may hold players up for half a second: no verdict, but whatever was sent must arrive.
	if s.VideoGaps+s.AudioGaps+s.Repeats != 0 || len(s.Lost) > 0 || s.DeliveredShare < 0.5 || s.DeliveredShare > 1 {
		t.Errorf("%d players: %d and %d gaps, %d repeats, lost %v, %g delivered",
			s.Players, s.VideoGaps, s.AudioGaps, s.Repeats, s.Lost, s.DeliveredShare)
	}
	if s.DeliveredGigabits <= 0 || s.Latency.Count == 0 || s.Latency.Max <= 0 {
		t.Errorf("%d players: %g Gbit delivered, latency %+v", s.Players, s.DeliveredGigabits, s.Latency)
	}
	if u := s.Server; u == nil || u.CPUSeconds <= 0 || u.RSSBytes < 1<<19 || u.Descriptors < s.Players || u.CPUSecondsPerGigabit <= 0 {
		t.Errorf("%d players: server %+v", s.Players, u)
	}
	if s.Load.Process <= 0 || s.Load.BusiestThread <= 0 {
		t.Errorf("%d players: load %+v", s.Players, s.Load)
	}
}

func TestFloorDeliversEverything(t *testing.T) {
	for _, gather := range []time.Duration{0, 50 * time.Millisecond} {
		t.Run(gather.String(), func(t *testing.T) {
			t.Setenv(floorVariable, gather.String())
			o := parseOptions(t, append([]string{"--publishers=2", "--threads=2", "--profile=sd", "--steps=3,8", "--memory-from=2"}, quick...)...)
			r, err := Floor(t.Context(), o, gather, exec.Command(os.Args[0]), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Steps) != 2 {
				t.Fatalf("%d steps, want 2", len(r.Steps))
			}
			joined := uint64(0)
			for i := range r.Steps {
				checkStep(t, &r.Steps[i])
				joined += r.Steps[i].Join.Count
			}
			if joined != 8 {
				t.Errorf("%d joins, want each player's once: 8", joined)
			}
		})
	}
}

func TestFloorsServerThatDiesEndsTheRun(t *testing.T) {
	o := parseOptions(t, quick...)
	if _, err := Floor(t.Context(), o, 0, exec.Command("/bin/false"), nil); err == nil || !strings.Contains(err.Error(), "floor server") {
		t.Errorf("%v, want the floor server's end", err)
	}
}

// nginx starts Debian's nginx-rtmp, on a port that was free a moment ago, by way of the options.
func nginx(t *testing.T) []string {
	t.Helper()
	const module = "/usr/lib/nginx/modules/ngx_rtmp_module.so"
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		t.Setenv("PATH", os.Getenv("PATH")+":"+dir)
	}
	binary, err := exec.LookPath("nginx")
	if err == nil {
		_, err = os.Stat(module)
	}
	if err != nil {
		t.Skip("nginx and libnginx-mod-rtmp are not installed: ", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	account := ""
	if me, err := user.Current(); err == nil && me.Uid == "0" {
		account = "user " + me.Username + ";"
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, `load_module %s; %s
daemon off; master_process off; pid %s/pid; error_log stderr error;
events { worker_connections 256; }
rtmp { access_log off; server { listen %s; application live { live on; } } }
`, module, account, dir, address), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--url=rtmp://" + address + "/live", fmt.Sprintf("--start=%s -p %s -c %s -e stderr", binary, dir, config)}
}

func TestNginxDeliversEverything(t *testing.T) {
	o := parseOptions(t, slices.Concat(nginx(t), quick, []string{"--players=10", "--publishers=2", "--never-read=1", "--slow=1:10kB/s", "--addresses=3"})...)
	r, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &r.Steps[0]
	checkStep(t, s)
	if s.Join.Count != 10 || s.FirstPicture.Count != 10 || s.FirstPicture.Max > s.Join.Max {
		t.Errorf("join %+v, first picture %+v, want 10 of each", s.Join, s.FirstPicture)
	}
	if len(s.Special) != 2 || s.Special[0].Role != "slow" || s.Special[1].Role != "never reads" {
		t.Fatalf("special players %+v", s.Special)
	}
	// Both have read the handshake and the commands, and the one that never reads nothing after them.
	if s.Special[1].Bytes < 3073 || s.Special[0].Bytes <= s.Special[1].Bytes {
		t.Errorf("special players %+v", s.Special)
	}
}

func TestNginxDeliversAFile(t *testing.T) {
	o := parseOptions(t, slices.Concat(nginx(t), quick, []string{"--players=4", "--file=" + writeFile(t)})...)
	r, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Steps[0]; s.VideoGaps+s.AudioGaps != 0 || s.Latency.Count == 0 || s.DeliveredShare < 0.5 {
		t.Errorf("%+v", s)
	}
}

func TestRunSaysWhyItCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	url := "--url=rtmp://" + taken.Addr().String() + "/live"
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "--url=rtmp://" + free.Addr().String() + "/live"
	_ = free.Close()
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"port taken", []string{url, "--start=true"}, "is taken"},
		{"server that ends", []string{nobody, "--start=echo no luck; exit 3"}, "no luck"},
		{"nobody listens", []string{nobody}, "refused"},
		{"too many players", []string{nobody, "--players=99999999"}, "ulimit"},
		{"unknown file", []string{nobody, "--file=/nonexistent.flv"}, "nonexistent"},
	} {
		o := parseOptions(t, slices.Concat(quick, test.args)...)
		if _, err := Run(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want something about %q", test.name, err, test.want)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Setenv(floorVariable, "0s")
	ctx, cancel := context.WithCancel(t.Context())
	o := parseOptions(t, "--players=1", "--duration=1h")
	if _, err := Floor(ctx, o, 0, exec.Command(os.Args[0]), cancelAtMeasuring{cancel}); err == nil {
		t.Error("want an error")
	}
}

// cancelAtMeasuring is an output for progress that cancels when the measurement begins.
type cancelAtMeasuring struct{ cancel func() }

func (c cancelAtMeasuring) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), "measuring") {
		c.cancel()
	}
	return len(b), nil
}

func TestUsageGrowsWithWork(t *testing.T) {
	before, err := readUsage([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	self, err := readSelf()
	if err != nil || self.rss == 0 || self.descriptors == 0 || len(self.threads) == 0 {
		t.Errorf("%+v %v", self, err)
	}
	for used := time.Duration(0); used < 50*time.Millisecond; {
		noise(1<<16, newRandom())
		now, err := readUsage([]int{os.Getpid()})
		if err != nil {
			t.Fatal(err)
		}
		used = now.since(before)
	}
	if _, err := readUsage([]int{1 << 30}); err == nil {
		t.Error("a process that is not there has no usage")
	}
}

func TestDescendantsAreFound(t *testing.T) {
	c := exec.Command("/bin/sh", "-c", "exec 3<&0; cat <&3 & echo; wait")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = c.Wait() }()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if found := descendants([]int{c.Process.Pid}); len(found) != 1 || !slices.Contains(descendants([]int{os.Getpid()}), found[0]) {
		t.Errorf("found %d", found)
	}
}
