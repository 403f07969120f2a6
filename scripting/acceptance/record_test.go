package acceptance_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// patience is when a test that waits gives up.
const patience = 20 * time.Second

// record is lines in the order in which something happened.
type record struct {
	t       *testing.T
	name    string
	mu      sync.Mutex
	lines   []string
	changed chan struct{}
}

func newRecord(t *testing.T, name string) *record {
	return &record{t: t, name: name, changed: make(chan struct{}, 1)}
}

func (r *record) add(format string, args ...any) {
	r.mu.Lock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// next waits for the first line that has not been taken, and takes it.
func (r *record) next() (string, bool) {
	late := time.After(patience)
	for {
		r.mu.Lock()
		if len(r.lines) > 0 {
			line := r.lines[0]
			r.lines = r.lines[1:]
			r.mu.Unlock()
			return line, true
		}
		r.mu.Unlock()
		select {
		case <-r.changed:
		case <-late:
			return "", false
		}
	}
}

// expect takes the next lines, which have to be these.
func (r *record) expect(want ...string) {
	r.t.Helper()
	var got []string
	for range want {
		line, ok := r.next()
		if !ok {
			break
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Fatalf("%s (-want +got):\n%s\nand then %q", r.name, diff, r.take())
	}
}

// until takes lines up to one that begins so, and returns it.
func (r *record) until(prefix string) string {
	r.t.Helper()
	var seen []string
	for {
		line, ok := r.next()
		if !ok {
			r.t.Fatalf("%s: %q does not come, but\n%s", r.name, prefix, strings.Join(seen, "\n"))
		}
		if strings.HasPrefix(line, prefix) {
			return line
		}
		seen = append(seen, line)
	}
}

// all takes lines until there was one that begins with each of these.
func (r *record) all(prefixes ...string) {
	r.t.Helper()
	var seen []string
	for len(prefixes) > 0 {
		line, ok := r.next()
		if !ok {
			r.t.Fatalf("%s: %q do not come, but\n%s", r.name, prefixes, strings.Join(seen, "\n"))
		}
		seen = append(seen, line)
		if at := slices.IndexFunc(prefixes, func(p string) bool { return strings.HasPrefix(line, p) }); at >= 0 {
			prefixes = slices.Delete(prefixes, at, at+1)
		}
	}
}

// set takes as many lines as these, in whatever order they came.
func (r *record) set(want ...string) {
	r.t.Helper()
	var got []string
	for range want {
		line, ok := r.next()
		if !ok {
			break
		}
		got = append(got, line)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Fatalf("%s in any order (-want +got):\n%s", r.name, diff)
	}
}

// nothing says that no line comes for a while. It is for virtual time.
func (r *record) nothing() {
	r.t.Helper()
	time.Sleep(time.Second)
	if more := r.take(); len(more) > 0 {
		r.t.Fatalf("%s: there is more:\n%s", r.name, strings.Join(more, "\n"))
	}
}

// take takes all lines that are there.
func (r *record) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

// logger writes what scripts trace to one record, and from warnings on everything else to another.
func (s *server) logger() *slog.Logger { return slog.New(handler{server: s}) }

type handler struct {
	server *server
	app    string
}

func (h handler) Enabled(context.Context, slog.Level) bool { return true }
func (h handler) WithGroup(string) slog.Handler            { return h }

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == "app" {
			h.app = a.Value.String()
		}
	}
	return h
}

func (h handler) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "trace" {
		h.server.traced.add("%s", value(r, "text"))
		return nil
	}
	if r.Level < slog.LevelWarn {
		return nil
	}
	line := fmt.Sprintf("%s %s %s", r.Level, h.app, r.Message)
	for _, key := range []string{"file", "line", "text", "reason"} {
		if v := value(r, key); v != "" {
			line += fmt.Sprintf(" %s=%s", key, v)
		}
	}
	h.server.logged.add("%s", line)
	return nil
}

// value is an attribute of a log event.
func value(r slog.Record, key string) (v string) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == key {
			v = a.Value.String()
		}
		return a.Key != key
	})
	return v
}
