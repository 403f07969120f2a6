package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
)

// victim is a server in this process, with short limits, whose log is kept by remote address.
type victim struct {
	url   string
	rtmp  *rtmp.Server
	front *overrtmp.Server
	apps  *apps.Server
	log   *logBook
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{log: newLogBook()}
	log := slog.New(v.log)
	v.apps = apps.NewServer(apps.Options{Log: log})
	v.front = overrtmp.NewServer(v.apps, overrtmp.Config{
		NetConn:     netconn.Config{QuestionTimeout: 5 * time.Second},
		ConnectTime: time.Second,
	}, log)
	v.rtmp = &rtmp.Server{
		Handler: v.front, Log: log, HandshakeTimeout: time.Second, WriteTimeout: time.Second,
		Limits: rtmp.Limits{ChunkStreams: 64, PendingBytes: 2 << 20},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v.url = "rtmp://" + l.Addr().String() + "/live"
	served := make(chan error, 1)
	go func() { served <- v.rtmp.Serve(l) }()
	t.Cleanup(func() {
		_ = v.rtmp.Close()
		<-served
	})
	return v
}

// holds is what this process holds, attackers included.
func holds() (ServerHolds, error) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd")
	return ServerHolds{Memory: int64(m.HeapAlloc), Descriptors: len(files)}, nil
}

// testScale keeps the attacks short enough for every run of the tests.
func testScale() float64 {
	if os.Getenv("AFTERGLOW_SOAK") != "" {
		return 1
	}
	return 0.1
}

// unreadAnswers is how many of an attack's connections never read what they asked for, and so are dropped or skip.
var unreadAnswers = map[string]int{
	"pings": 4, "bandwidths": 4, "huge-calls": 4, "bandwidth-checks": 4, "never-reading-players": 50,
}

// mostMemory is what an attack and the server may take together, in bytes, at any time.
const mostMemory = 256 << 20

func TestServerWithstandsAbuse(t *testing.T) {
	v := newVictim(t)
	r, err := newAbuseRun(t.Context(), AbuseOptions{
		URL: v.url, Players: 3, Scale: testScale(), Least: 400 * time.Millisecond, Most: time.Minute,
		Patience: 20 * time.Second, Settle: 20 * time.Second, Memory: 16, usage: holds,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	for _, attack := range Attacks() {
		t.Run(attack.Name, func(t *testing.T) {
			v.log.clear()
			dropped, skipped := v.front.Stats().Slow.Load(), v.apps.Stats().Streams.Skippers.Load()
			result := r.attack(t.Context(), attack)
			t.Logf("%.1f fps, stall %.0f ms, %+v, %v, %.1f s", result.Innocent.FPS, result.Innocent.LongestStall, result.Holds, result.Endings, result.Seconds)
			for _, reason := range result.Reasons {
				t.Error(reason)
			}
			for _, x := range result.assault.attackers {
				v.log.checkEnd(t, x)
			}
			dropped, skipped = v.front.Stats().Slow.Load()-dropped, v.apps.Stats().Streams.Skippers.Load()-skipped
			if want, ok := unreadAnswers[attack.Name]; ok && dropped+skipped < uint64(result.assault.n(want)) {
				t.Errorf("of those that never read %d were dropped and %d skipped", dropped, skipped)
			}
			if h := result.Holds; h.Peak.Memory-h.Before.Memory > mostMemory {
				t.Errorf("memory went from %d to %d bytes", h.Before.Memory, h.Peak.Memory)
			}
		})
	}
}

func TestAbuseTellsWhatAnAttackDid(t *testing.T) {
	nothing := func(context.Context, *assault) error { return nil }
	for name, c := range map[string]struct {
		attack Attack
		reason string
	}{
		"the attack says so": {
			Attack{run: func(context.Context, *assault) error { return errors.New("players were lost") }}, "players were lost"},
		"connections stay that should not": {
			Attack{Refused: true, run: func(ctx context.Context, a *assault) error { _, err := a.connect(ctx); return err }}, "still open"},
		"connections are not taken": {
			Attack{run: func(ctx context.Context, a *assault) error {
				a.target.address = "127.0.0.1:1"
				_, err := a.dial(ctx)
				return err
			}}, "no connection was taken"},
		"descriptors stay": {
			Attack{Name: "descriptors", run: nothing}, "descriptors open"},
		"memory stays": {
			Attack{Name: "memory", run: nothing}, "the server keeps"},
	} {
		t.Run(name, func(t *testing.T) {
			looks := 0
			v := newVictim(t)
			r, err := newAbuseRun(t.Context(), AbuseOptions{
				URL: v.url, Players: 1, Scale: 1, Most: time.Minute, Patience: time.Millisecond,
				usage: func() (ServerHolds, error) {
					looks++
					return map[string]ServerHolds{"descriptors": {Descriptors: 100 * looks}, "memory": {Memory: int64(looks) << 30}}[c.attack.Name], nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer r.stop()
			result := r.attack(t.Context(), c.attack)
			if result.Verdict != verdictEffect || !strings.Contains(strings.Join(result.Reasons, "; "), c.reason) {
				t.Errorf("%s, %q; want %q", result.Verdict, result.Reasons, c.reason)
			}
		})
	}
}

func TestAbuseTellsThatTheServerIsDead(t *testing.T) {
	v := newVictim(t)
	r, err := newAbuseRun(t.Context(), AbuseOptions{URL: v.url, Players: 1, Scale: 1, Most: time.Minute, Patience: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	result := r.attack(t.Context(), Attack{run: func(context.Context, *assault) error { return v.rtmp.Close() }})
	if result.Verdict != verdictDead {
		t.Errorf("%+v", result)
	}
}

func TestInnocentsTellMissingFramesAndStalls(t *testing.T) {
	const frame = int64(pictureInterval)
	at := func(n int64) Stamp { return Stamp{Sequence: uint64(n), Sent: n * frame} }
	for name, c := range map[string]struct {
		feed func(p *innocentPlayer)
		want string
	}{
		"nothing": {func(p *innocentPlayer) {
			for n := range int64(30) {
				p.count(videoTrack, at(n), n*frame)
			}
		}, ""},
		"a publisher that is late": {func(p *innocentPlayer) {
			for n := range int64(30) {
				p.count(videoTrack, Stamp{Sequence: uint64(n), Sent: n * 30 * frame}, n*30*frame)
			}
		}, ""},
		"a gap": {func(p *innocentPlayer) {
			for n := range int64(30) {
				if n < 10 || n > 12 {
					p.count(videoTrack, at(n), n*frame)
				}
			}
		}, "missed 3 frames"},
		"the end": {func(p *innocentPlayer) {
			for n := range int64(28) {
				p.count(videoTrack, at(n), n*frame)
			}
		}, "missed 2 frames"},
		"a frame twice": {func(p *innocentPlayer) {
			for n := range int64(30) {
				p.count(videoTrack, at(n), n*frame)
			}
			p.count(videoTrack, at(29), 30*frame)
		}, "1 frames twice"},
		"a stall": {func(p *innocentPlayer) {
			for n := range int64(30) {
				now := n * frame
				if n >= 10 {
					now = max(now, 26*frame)
				}
				p.count(videoTrack, at(n), now)
			}
		}, "stood for 567 ms"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &innocentPlayer{}
			p.begin(0)
			c.feed(p)
			got := p.end([2]uint64{30, 0}, 30*frame)
			in := Innocents{Gaps: got.gaps, Repeats: got.repeats, LongestStall: milliseconds(got.stall)}
			reasons := strings.Join(in.judge(), "; ")
			if (c.want == "") != (reasons == "") || !strings.Contains(reasons, c.want) {
				t.Errorf("got %q, want %q", reasons, c.want)
			}
		})
	}
}

func TestOnlyThisMachineIsAttacked(t *testing.T) {
	for _, url := range []string{"rtmp://192.0.2.1/live", "rtmp://[2001:db8::1]/live", "rtmp://0.0.0.0/live", "rtmps://127.0.0.1/live"} {
		_, err := newAbuseRun(t.Context(), AbuseOptions{URL: url, Players: 1, Scale: 1, Most: 1, Patience: 1})
		if err == nil || !strings.Contains(err.Error(), "not this machine") && !strings.Contains(err.Error(), "only rtmp") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestAttacksHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range Attacks() {
		if seen[a.Name] || a.Name == "" || a.About == "" || a.run == nil {
			t.Errorf("%+v", a)
		}
		seen[a.Name] = true
	}
	got, err := chosen([]string{"pings", "reset"})
	if err != nil || len(got) != 2 || got[0].Name != "pings" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := chosen([]string{"no-such"}); err == nil {
		t.Error("an attack that does not exist was chosen")
	}
}

func TestAbuseReportSaysWhatHadAnEffect(t *testing.T) {
	r := AbuseReport{URL: "rtmp://127.0.0.1/live", Attacks: []AbuseResult{
		{Attack: "one", Verdict: verdictOK, Endings: Endings{Connections: 3, How: map[string]int{endedByServer: 2, endedByReset: 1}, Longest: 1500}},
		{Attack: "two", About: "does harm", Verdict: verdictEffect, Reasons: []string{"a", "b"}, Holds: &AbuseHolds{Peak: ServerHolds{Memory: 3 << 20, Descriptors: 7}}},
	}}
	var table, document strings.Builder
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 closed by the server, 1 reset by the server, after 1.5 s at most", "3.0", "two (does harm): a; b", "2 attacks, 1 had an effect"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
	if err := Write(&r, "-", &document); err != nil {
		t.Fatal(err)
	}
	var back AbuseReport
	if err := json.Unmarshal([]byte(document.String()), &back); err != nil || back.failures() != 1 || back.Attacks[1].Holds.Peak.Descriptors != 7 {
		t.Errorf("%+v, %v", back, err)
	}
}

// mostLines is how many lines of log one connection may write, whatever it does.
const mostLines = 110

// checkEnd checks what was logged of a connection that has ended: what the server ended because of what came over it has
// one line that says who, what and why; what the attacker ended has no more than that.
func (b *logBook) checkEnd(t *testing.T, x *attacker) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		b.mu.Lock()
		book, changed := b.pages[x.local], b.changed
		b.mu.Unlock()
		if book.ended {
			if len(book.reasons) > 1 || (x.how != endedByUs && len(book.reasons) == 0) {
				t.Errorf("%s, %s, was logged with %d reasons:\n%s", x.local, x.how, len(book.reasons), strings.Join(book.reasons, "\n"))
			}
			if book.lines > mostLines {
				t.Errorf("%s, %s, wrote %d lines of log", x.local, x.how, book.lines)
			}
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Errorf("the end of %s, %s, was not logged", x.local, x.how)
			return
		}
	}
}

// logBook keeps log records by the remote address in them.
type logBook struct {
	mu      sync.Mutex
	pages   map[string]logPage
	changed chan struct{}
	attrs   []slog.Attr
	parent  *logBook
}

// logPage is what was logged of one connection.
type logPage struct {
	ended   bool
	reasons []string // lines of level info and above that say why it ended
	lines   int      // of level info and above
}

func newLogBook() *logBook {
	return &logBook{pages: map[string]logPage{}, changed: make(chan struct{})}
}

func (b *logBook) Enabled(context.Context, slog.Level) bool { return true }
func (b *logBook) WithGroup(string) slog.Handler            { return b }
func (b *logBook) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logBook{parent: b.root(), attrs: append(b.attrs[:len(b.attrs):len(b.attrs)], attrs...)}
}

func (b *logBook) root() *logBook {
	if b.parent != nil {
		return b.parent
	}
	return b
}

func (b *logBook) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	remote, why := "", ""
	fmt.Fprintf(&line, "%v %s", r.Level, r.Message)
	add := func(a slog.Attr) bool {
		switch a.Key {
		case "remote":
			remote = a.Value.String()
		case "reason", "error":
			why = a.Value.String()
		}
		fmt.Fprintf(&line, " %s=%.300q", a.Key, a.Value.String())
		return true
	}
	for _, a := range b.attrs {
		add(a)
	}
	r.Attrs(add)
	root := b.root()
	root.mu.Lock()
	defer root.mu.Unlock()
	p := root.pages[remote]
	if r.Level >= slog.LevelInfo {
		p.lines++
	}
	switch r.Message {
	case "connection ended", "handshake failed", "disconnect", "connect rejected", "connection refused":
		if r.Level >= slog.LevelInfo && why != "" {
			p.reasons = append(p.reasons, line.String())
		}
	}
	p.ended = p.ended || r.Message == "connection ended" || r.Message == "handshake failed"
	root.pages[remote] = p
	close(root.changed)
	root.changed = make(chan struct{})
	return nil
}

func (b *logBook) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages = map[string]logPage{}
}
