package e2e

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// server is a running `afterglow serve`.
type server struct {
	*started
	stop func() // ends it in its ordinary way; stopping again does nothing

	rtmp, rtmps, monitor string // addresses
}

// serve starts a server with further settings on free ports. When the test ends, it must end well.
func serve(t *testing.T, settings ...string) *server {
	t.Helper()
	args := []string{"serve"}
	for _, s := range append([]string{
		"data.dir=" + t.TempDir(), "log.level=debug",
		"rtmp.listen=127.0.0.1:0", "rtmfp.listen=127.0.0.1:0", "rtmps.listen=127.0.0.1:0", "metrics.listen=127.0.0.1:0",
	}, settings...) {
		args = append(args, "--set", s)
	}
	s := &server{started: start(t, "afterglow", args...)}
	s.rtmp = s.listening(t, "rtmp")
	s.rtmps = s.listening(t, "rtmps")
	s.monitor = s.listening(t, "http")
	s.stop = sync.OnceFunc(func() {
		s.signal(syscall.SIGTERM)
		s.wait(t)
		if text := s.stderr.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic") {
			t.Errorf("the server said:\n%s", text)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// listening returns the address at which a protocol is served.
func (s *server) listening(t *testing.T, protocol string) string {
	t.Helper()
	line := s.awaitLine(t, 1, "msg=listening", "protocol="+protocol+" ")
	return field(line, "address")
}

// field returns the value of a key in a log line.
func field(line, key string) string {
	_, rest, _ := strings.Cut(line, " "+key+"=")
	value, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return strings.Trim(value, `"`)
}

func (s *server) url(stream string) string    { return "rtmp://" + s.rtmp + "/live/" + stream }
func (s *server) tlsURL(stream string) string { return "rtmps://" + s.rtmps + "/live/" + stream }

// awaitPlayers waits until n players have come to a stream.
func (s *server) awaitPlayers(t *testing.T, stream string, n int) {
	t.Helper()
	s.awaitLine(t, n, "msg=play ", "stream="+stream+"\n")
}

// awaitPublisher waits until the stream has had n publishers.
func (s *server) awaitPublisher(t *testing.T, stream string, n int) {
	t.Helper()
	s.awaitLine(t, n, "msg=publish ", "stream="+stream+" ")
}

// metric returns the sum of a metric over the series that have all of the labels, such as stream="a".
func (s *server) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	r, err := http.Get("http://" + s.monitor + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	found := false
	for line := range strings.Lines(string(b)) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if base, _, _ := strings.Cut(series, "{"); base != name || !hasAll(series, labels) {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		t.Fatalf("/metrics has no %s %v", name, labels)
	}
	return sum
}

// residentMemory returns how much memory the server holds, in bytes.
func (s *server) residentMemory(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
