package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take before a test gives up. No test waits for it to pass.
var patience = func() time.Duration {
	if long {
		return 5 * time.Minute
	}
	return time.Minute
}()

// long says that the tests may take their long forms.
var long = os.Getenv("AFTERGLOW_SOAK") != ""

// find returns the path of a program. A test that needs one which is missing is skipped, and fails in CI.
func find(t *testing.T, name string) string {
	t.Helper()
	if name == "afterglow" {
		return program
	}
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed: tools/install-test-programs installs it", name)
	}
	t.Skipf("%s is not installed: tools/install-test-programs installs it", name)
	return ""
}

// output collects what a program prints, and lets tests wait for it.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// next returns what was printed and a channel that is closed when there is more.
func (o *output) next() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.buf.String(), o.changed
}

// started is a program that runs or has run.
type started struct {
	name   string
	cmd    *exec.Cmd
	stdout output
	stderr output
	done   chan struct{}
	err    error
}

// start starts a program in a process group of its own, which is gone when the test ends.
func start(t *testing.T, name string, args ...string) *started {
	t.Helper()
	return startCommand(t, exec.Command(find(t, name), args...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *started {
	t.Helper()
	p := &started{name: strings.Join(cmd.Args, " "), cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", p.name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.done
		if said := p.stderr.String(); t.Failed() && said != "" {
			t.Logf("%s said:\n%s", p.name, said)
		}
	})
	return p
}

// signal sends a signal to the program and all that it started, unless it has ended.
func (p *started) signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// end waits until the program ends by itself, and returns how.
func (p *started) end(t *testing.T) error {
	t.Helper()
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
	}
	p.signal(syscall.SIGKILL)
	<-p.done
	t.Fatalf("%s did not end. It said:\n%s", p.name, p.stderr.String())
	return nil
}

// wait waits until the program ends well.
func (p *started) wait(t *testing.T) {
	t.Helper()
	if err := p.end(t); err != nil {
		t.Fatalf("%s: %v. It said:\n%s%s", p.name, err, p.stdout.String(), p.stderr.String())
	}
}

// awaitLine waits until n lines of the program's log have all of the words, and returns the last of them.
func (p *started) awaitLine(t *testing.T, n int, words ...string) string {
	t.Helper()
	return p.awaitIn(t, &p.stderr, n, words...)
}

// awaitOutput waits until a line on the program's standard output has all of the words, and returns it.
func (p *started) awaitOutput(t *testing.T, words ...string) string {
	t.Helper()
	return p.awaitIn(t, &p.stdout, 1, words...)
}

func (p *started) awaitIn(t *testing.T, o *output, n int, words ...string) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		text, more := o.next()
		seen := 0
		for line := range strings.Lines(text) {
			if !hasAll(line, words) {
				continue
			}
			if seen++; seen >= n {
				return line
			}
		}
		select {
		case <-more:
			continue
		case <-p.done:
			t.Fatalf("%s ended before it said %q %d times. It said:\n%s", p.name, words, n, text)
		case <-timeout:
			t.Fatalf("%s did not say %q %d times but %d. It said:\n%s", p.name, words, n, seen, text)
		}
	}
}

func hasAll(line string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return true
}

// within returns a context that ends with the test or when patience does.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
