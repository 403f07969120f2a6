package bench

import (
	"context"
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
			result := r.attack(t.Context(), attack)
			t.Logf("%.1f fps, stall %.0f ms, %+v, %v, %.1f s", result.Innocent.FPS, result.Innocent.LongestStall, result.Holds, result.Endings, result.Seconds)
			for _, reason := range result.Reasons {
				t.Error(reason)
			}
			for _, x := range result.assault.attackers {
				v.log.checkEnd(t, x)
			}
		})
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
