package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	startLimit = 20 * time.Second
	stopLimit  = 10 * time.Second
	keptOutput = 4 << 10
)

// server is a process that was started to be measured.
type server struct {
	command *exec.Cmd
	output  tail
	exited  chan struct{}
	err     error
}

// startServer starts a process in a group of its own, bound to a core if cpu is not negative.
func startServer(command *exec.Cmd, cpu, procs int) (*server, error) {
	s := &server{command: command, exited: make(chan struct{})}
	command.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(procs))
	if command.Stdout == nil {
		command.Stdout = &s.output
	}
	command.Stderr = &s.output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := startPinned(command, cpu); err != nil {
		return nil, err
	}
	go func() {
		s.err = command.Wait()
		close(s.exited)
	}()
	return s, nil
}

// startPinned forks from a thread that is bound to the core: a child has its parent thread's cores from the start.
func startPinned(command *exec.Cmd, cpu int) error {
	if cpu < 0 {
		return command.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return err
	}
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin server to core %d: %w", cpu, err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &old) }()
	return command.Start()
}

// listening waits until the server lets somebody in at a place.
func (s *server) listening(ctx context.Context, p place) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	go func() {
		select {
		case <-s.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := p.reach(ctx); err == nil {
		return nil
	}
	select {
	case <-s.exited:
		return fmt.Errorf("server ended (%v): %s", s.err, s.output.String())
	default:
		return fmt.Errorf("server does not listen on %s over %s: %s", p.address, p.transport, s.output.String())
	}
}

// pid returns the process to measure.
func (s *server) pid() int { return s.command.Process.Pid }

// stop asks the process group to end and makes it.
func (s *server) stop() {
	_ = unix.Kill(-s.pid(), unix.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(stopLimit):
	}
	_ = unix.Kill(-s.pid(), unix.SIGKILL)
	<-s.exited
}

// tail keeps the last output of a process.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if extra := len(t.b) - keptOutput; extra > 0 {
		t.b = append(t.b[:0], t.b[extra:]...)
	}
	return len(b), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}
