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
		Handler: v.front, Log: log, HandshakeTimeout: time.Second, WriteTimeout: 2 * time.Second,
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
		})
	}
}

// logBook keeps log records by the remote address in them.
type logBook struct {
	mu      sync.Mutex
	records map[string][]string
	attrs   []slog.Attr
	parent  *logBook
}

func newLogBook() *logBook { return &logBook{records: map[string][]string{}} }

func (b *logBook) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (b *logBook) WithGroup(string) slog.Handler                    { return b }
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
	remote := ""
	fmt.Fprintf(&line, "%v %s", r.Level, r.Message)
	add := func(a slog.Attr) bool {
		if a.Key == "remote" {
			remote = a.Value.String()
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
	root.records[remote] = append(root.records[remote], line.String())
	return nil
}

func (b *logBook) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = map[string][]string{}
}
