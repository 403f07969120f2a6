package rtmfpload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// workerVariable makes the test binary a worker instead.
const workerVariable = "AFTERGLOW_TEST_WORKER"

func TestMain(m *testing.M) {
	switch os.Getenv(workerVariable) {
	case "":
		os.Exit(m.Run())
	case "broken":
		fmt.Fprintln(os.Stderr, "out of luck")
		os.Exit(1)
	}
	if err := Work(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func spawnAs(kind string) func() *exec.Cmd {
	return func() *exec.Cmd {
		c := exec.Command(os.Args[0])
		// The race detector would have each process linger for a second, and go on after a race, of which nobody would hear.
		c.Env = append(os.Environ(), workerVariable+"="+kind, "GORACE=atexit_sleep_ms=0 halt_on_error=1 "+os.Getenv("GORACE"))
		return c
	}
}

// options parses flags as the command does; small loads, nothing pinned.
func options[O any](t *testing.T, flags ...string) O {
	t.Helper()
	var o O
	parser, err := kong.New(&o)
	if err != nil {
		t.Fatal(err)
	}
	flags = append([]string{"--server-cpu=-1", "--client-cpu=-1", "--rounds=1", "--sockets=2", "-q"}, flags...)
	if _, err := parser.Parse(flags); err != nil {
		t.Fatal(err)
	}
	return o
}

// arrivedAll checks that every burst has arrived whole.
func arrivedAll(t *testing.T, r *BurstRound, burst int) {
	t.Helper()
	a := &r.Arrived
	if r.Bursts == 0 || a.Messages != r.Bursts || a.Missing+a.Bad+a.Ended != 0 || a.Latency.Count != r.Bursts {
		t.Errorf("%d bursts were sent, arrived: %+v", r.Bursts, *a)
	}
	if want := r.Bursts * uint64(burst*fragment); a.Bytes != want {
		t.Errorf("%d bytes have arrived, want %d", a.Bytes, want)
	}
	if sent := r.ServerTraffic.DatagramsSent; sent < r.Bursts*uint64(burst) || r.ClientTraffic.DatagramsReceived < r.Bursts*uint64(burst) {
		t.Errorf("%d datagrams for %d bursts of %d, of which %d came", sent, r.Bursts, burst, r.ClientTraffic.DatagramsReceived)
	}
	if r.Server.CPUSeconds <= 0 || r.Client.CPUSeconds <= 0 || r.ServerPerGigabit <= 0 || r.PacketsPerSecond <= 0 {
		t.Errorf("used nothing: %+v", r)
	}
}

func TestBurstsArriveWholeAndAreCounted(t *testing.T) {
	for name, flags := range map[string][]string{
		"hmac":                         {},
		"checksum, sequence, two each": {"--no-hmac", "--sequence", "--flight=2", "--burst=3"},
		"two shards":                   {"--procs=2", "--no-floor"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options[BurstOptions](t, append([]string{"--sessions=6", "--gigabits=0.002"}, flags...)...)
			o.Spawn = spawnAs("worker")
			r, err := Burst(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			round := &r.Burst.Rounds[0]
			arrivedAll(t, round, o.Burst)
			if want := o.sendArgs().Bursts; round.Bursts != want {
				t.Errorf("%d bursts, want %d", round.Bursts, want)
			}
			checkFloor(t, round.Floor, o.NoFloor)
		})
	}
}

func checkFloor(t *testing.T, f *FloorRound, none bool) {
	t.Helper()
	if none {
		if f != nil {
			t.Error("a floor that was not asked for")
		}
		return
	}
	if f == nil || f.Sent == 0 || f.Received != f.Sent || f.Gigabits <= 0 || f.SealPerGigabit <= 0 || f.SendPerGigabit <= 0 || f.ReceivePerGigabit <= 0 {
		t.Errorf("floor: %+v", f)
	}
}

func TestBurstsInTimeGoToEverySessionEachTime(t *testing.T) {
	o := options[BurstOptions](t, "--sessions=6", "--every=20ms", "--streams=2", "--duration=100ms", "--no-floor")
	o.Spawn = spawnAs("worker")
	r, err := Burst(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	round := &r.Burst.Rounds[0]
	arrivedAll(t, round, o.Burst)
	if round.Bursts+round.Skipped != 6*5 {
		t.Errorf("%d bursts and %d skipped, want 6 sessions times 5", round.Bursts, round.Skipped)
	}
}

func TestBulkArrives(t *testing.T) {
	o := options[BulkOptions](t, "--duration=100ms", "--message=20000")
	o.Spawn = spawnAs("worker")
	r, err := Bulk(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &r.Bulk.Rounds[0].Arrived
	if a.Messages == 0 || a.Bytes != 20000*a.Messages || a.Missing+a.Bad+a.Ended != 0 {
		t.Errorf("arrived: %+v", *a)
	}
	if b := &r.Bulk.Rounds[0]; b.GigabitsPerSecond <= 0 || b.ServerPerGigabit <= 0 || b.ClientPerGigabit <= 0 {
		t.Errorf("figures: %+v", *b)
	}
}

func TestHandshakesAreCountedByBothEnds(t *testing.T) {
	for _, flags := range [][]string{{"--groups=2,5"}, {"--groups=2", "--static"}} {
		o := options[HandshakeOptions](t, append(flags, "--parallel=3", "--duration=1m")...)
		o.Spawn, o.most = spawnAs("worker"), 9
		r, err := Handshake(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Handshake.Groups) != len(o.Groups) {
			t.Errorf("%d groups, want %v", len(r.Handshake.Groups), o.Groups)
		}
		for _, g := range r.Handshake.Groups {
			h := &g.Rounds[0]
			if h.Opened != 9 || h.Failed != 0 || h.Accepted != 9 || h.ServerSeconds <= 0 || h.PerSecond <= 0 {
				t.Errorf("%v group %d: %+v", flags, g.Group, *h)
			}
		}
	}
}

func TestIdleSessionsAreOnTheServer(t *testing.T) {
	for _, flag := range []string{"--bare", "--duration=1ms"} {
		o := options[IdleOptions](t, "--sessions=7", "--duration=1ms", flag)
		o.Spawn = spawnAs("worker")
		r, err := Idle(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		i := &r.Idle.Rounds[0]
		if i.Sessions != 5 { // two are there before memory is first looked at
			t.Errorf("%s: %d sessions, want 5", flag, i.Sessions)
		}
		if i.Before.Heap <= 0 || i.After.Heap <= i.Before.Heap || i.Before.RSS <= 0 || i.HeapEach <= 0 {
			t.Errorf("%s: %+v", flag, *i)
		}
	}
}

func TestFloodIsCountedAndInnocentsLoseNothing(t *testing.T) {
	o := options[FloodOptions](t, "--sessions=3", "--ports=2", "--duration=60ms", "--every=20ms", "--sequence")
	o.Spawn, o.most = spawnAs("worker"), 64
	r, err := Flood(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	phases := r.Flood.Rounds[0]
	if len(phases) != 1+len(attackNames) {
		t.Fatalf("%d phases", len(phases))
	}
	counted := map[string]string{
		"random": "DroppedUnknownSession", "mutated": "DroppedVerification", "replayed": "DroppedReplay", "hello": "RHellosSent",
		"forged": "DroppedCookie", "keying": "SessionsAccepted",
	}
	for i := range phases {
		p := &phases[i]
		if p.LostBursts != 0 || p.LostUploads != 0 || p.Down.Ended != 0 || p.Bursts+p.Skipped != 9 || p.Uploads != 9 {
			t.Errorf("%s: innocents: %+v", p.Attack, *p)
		}
		if p.Attack == quiet {
			if p.Datagrams != 0 || p.Counters["DroppedVerification"] != 0 {
				t.Errorf("quiet phase: %+v", *p)
			}
			continue
		}
		if p.Datagrams == 0 || p.Counters[counted[p.Attack]] == 0 {
			t.Errorf("%s: %d datagrams were sent, counted: %v", p.Attack, p.Datagrams, p.Counters)
		}
	}
}

func TestFloorReportsEveryRound(t *testing.T) {
	o := options[FloorOptions](t, "--sessions=3", "--burst=4", "--gigabits=0.001", "--rounds=2", "--no-hmac")
	o.Spawn = spawnAs("worker")
	r, err := Floor(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Floor.Rounds) != 2 {
		t.Fatalf("%d rounds", len(r.Floor.Rounds))
	}
	for i := range r.Floor.Rounds {
		checkFloor(t, &r.Floor.Rounds[i], false)
	}
}

func TestProcessThatDiesIsNamedWithItsLastWords(t *testing.T) {
	o := options[BulkOptions](t)
	o.Spawn = spawnAs("broken")
	_, err := Bulk(t.Context(), o, nil)
	if err == nil || !strings.Contains(err.Error(), "server: listen") || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("error: %v", err)
	}
}

func TestCancelEndsTheRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := options[BulkOptions](t, "--duration=1h")
	o.Quiet = false
	o.Spawn = spawnAs("worker")
	_, err := Bulk(ctx, o, writerFunc(func(string) { time.AfterFunc(50*time.Millisecond, cancel) }))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v, want that of the context", err)
	}
}

// writerFunc is told of progress.
type writerFunc func(string)

func (f writerFunc) Write(b []byte) (int, error) {
	f(string(b))
	return len(b), nil
}

func TestWorkerAnswersWhatItDoesNotKnow(t *testing.T) {
	var out strings.Builder
	if err := Work(t.Context(), strings.NewReader(`{"method":"dance"}`), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "no method dance") {
		t.Errorf("answer: %s", out.String())
	}
}
