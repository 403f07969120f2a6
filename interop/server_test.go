package interop

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take before a test gives up.
const patience = 60 * time.Second

var program string // the afterglow program

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "afterglow-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "afterglow")
	build := exec.Command("go", "build", "-o", program, "./cmd/afterglow")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building afterglow: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// find returns the path of a program. A test that needs one which is missing is skipped, and fails in CI.
func find(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed: tools/install-test-programs installs it", name)
	}
	t.Skipf("%s is not installed: tools/install-test-programs installs it", name)
	return ""
}

// command prepares a program that is killed when the test ends or patience does.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(within(t), name, args...)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// execute runs a program to its end and returns what it said on its two outputs together.
func execute(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := command(t, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// server is a running `afterglow serve`.
type server struct {
	address string

	mu      sync.Mutex
	lines   []string
	changed chan struct{}
}

// serve starts a server, which must end well when the test ends.
func serve(t *testing.T) *server {
	t.Helper()
	s := &server{changed: make(chan struct{})}
	cmd := exec.Command(program, "serve", "--set", "data.dir="+t.TempDir(), "--set", "log.level=debug",
		"--set", "rtmp.listen=127.0.0.1:0", "--set", "rtmfp.listen=", "--set", "metrics.listen=")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		s.read(log)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server: %v", err)
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", strings.Join(s.lines, "\n"))
		}
	})
	line := s.await(t, 1, "msg=listening", "protocol=rtmp")
	_, s.address, _ = strings.Cut(line, "address=")
	return s
}

func (s *server) read(log io.Reader) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		s.mu.Lock()
		s.lines = append(s.lines, lines.Text())
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
	}
}

func (s *server) url(stream string) string { return "rtmp://" + s.address + "/live/" + stream }

// await waits until n lines of the log have all of the words, and returns the last of them.
func (s *server) await(t *testing.T, n int, words ...string) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		s.mu.Lock()
		var seen []string
		for _, line := range s.lines {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				seen = append(seen, line)
			}
		}
		more := s.changed
		s.mu.Unlock()
		if len(seen) >= n {
			return seen[n-1]
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("the server did not say %q %d times", words, n)
		}
	}
}

// awaitPlayers waits until n players have come to a stream.
func (s *server) awaitPlayers(t *testing.T, stream string, n int) {
	t.Helper()
	s.await(t, n, "msg=play ", "stream="+stream)
}
