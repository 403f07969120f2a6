package isolated

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// process is one run of a worker.
type process struct {
	worker  *worker
	command *exec.Cmd
	log     *slog.Logger
	lines   *slog.Logger // for what it logs, which names the application itself
	began   time.Time
	dir     string // of its socket, "" without
	place   Address
	silent  *time.Timer // kills it
	ended   chan struct{}

	listening chan struct{} // closed when it listens, or has failed to
	told      chan Orders   // 1 deep: the newest configuration
	ending    chan struct{} // closed when it is to end

	// Guarded by the worker.
	clients   int
	idleSince time.Time

	mu      sync.Mutex
	ready   bool  // listening is closed
	spoke   bool  // it has listened
	over    bool  // ending is closed
	failed  error // why it does not listen, or was killed
	stopped error // how it has ended
}

// startProcess starts a process, which does not listen yet.
func startProcess(w *worker) (*process, error) {
	p := &process{
		worker: w, command: w.workers.options.Command(w.name), began: time.Now(),
		ended: make(chan struct{}), listening: make(chan struct{}), told: make(chan Orders, 1), ending: make(chan struct{}),
	}
	if err := p.choosePlace(); err != nil {
		return nil, err
	}
	pipes, err := p.connect()
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		p.removePlace()
		return nil, fmt.Errorf("its process cannot be started: %w", err)
	}
	p.lines = w.workers.options.Log.With("worker", p.command.Process.Pid)
	p.log = p.lines.With("app", w.name)
	p.log.Info("application's process started")
	p.silent = time.AfterFunc(w.workers.options.SilentTime, func() { p.kill(errSilent) })
	orders := w.workers.orders(w.name)
	orders.Network, orders.Address, orders.Secret = p.place.Network, p.place.Address, p.place.Secret
	p.told <- orders
	go p.instructor(pipes.orders)
	go p.run(pipes)
	return p, nil
}

var errSilent = errors.New("it gives no sign of life")

// choosePlace decides where the process listens: at a socket that nobody else can reach, where the system has such.
func (p *process) choosePlace() error {
	p.place.Secret = rand.Text()
	if runtime.GOOS == "windows" {
		p.place.Network, p.place.Address = "tcp", "127.0.0.1:0"
		return nil
	}
	dir, err := os.MkdirTemp("", "afterglow-") // data.dir may be too long for the name of a socket
	if err != nil {
		return err
	}
	p.dir = dir
	p.place.Network, p.place.Address = "unix", filepath.Join(dir, "worker")
	return nil
}

func (p *process) removePlace() {
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}

// pipes are the server's ends.
type pipes struct {
	orders  io.WriteCloser
	notices io.Reader
	lines   io.Reader
}

func (p *process) connect() (out pipes, err error) {
	if out.orders, err = p.command.StdinPipe(); err != nil {
		return out, err
	}
	if out.notices, err = p.command.StdoutPipe(); err != nil {
		return out, err
	}
	out.lines, err = p.command.StderrPipe()
	return out, err
}

// instructor writes orders until the process is to end, which closing the pipe tells it.
func (p *process) instructor(to io.WriteCloser) {
	defer to.Close()
	encoder := json.NewEncoder(to)
	for {
		select {
		case orders := <-p.told:
			if encoder.Encode(orders) != nil {
				return // it has ended
			}
		case <-p.ending:
			return
		case <-p.ended:
			return
		}
	}
}

// instruct tells the process what holds from now on. Only the worker calls it.
func (p *process) instruct(o Orders) {
	select {
	case <-p.told: // of older news nobody needs to hear
	default:
	}
	o.Network, o.Address, o.Secret = p.place.Network, p.place.Address, p.place.Secret
	p.told <- o
}

// run follows the process until it has ended.
func (p *process) run(from pipes) {
	var readers sync.WaitGroup
	readers.Go(func() { p.readNotices(from.notices) })
	readers.Go(func() { relog(from.lines, p.lines, p.worker.name) })
	guard := make(chan struct{})
	go func() {
		defer close(guard)
		p.guardMemory()
	}()
	readers.Wait()
	err := p.command.Wait()
	p.silent.Stop()
	p.removePlace()
	p.conclude(err)
	p.worker.ended(p, time.Since(p.began))
	close(p.ended)
	<-guard
}

// conclude notes and logs how the process has ended.
func (p *process) conclude(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		err = errors.New("it has ended")
	}
	reason := err
	if p.failed != nil {
		reason = p.failed
	}
	p.stopped = reason
	if !p.ready {
		p.failed = fmt.Errorf("its process did not start: %w", reason)
		p.ready = true
		close(p.listening)
	}
	if p.over && p.failed == nil {
		p.log.Info("application's process ended", "state", p.command.ProcessState.String())
		return
	}
	p.log.Error("application's process died", "reason", reason, "state", p.command.ProcessState.String(), "lived", time.Since(p.began).Round(time.Millisecond))
}

// mostNotice bounds a line of what a process tells, in bytes.
const mostNotice = 64 << 10

// readNotices follows what the process tells of itself. What is no notice is ignored: the server does as well without.
func (p *process) readNotices(from io.Reader) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, mostNotice)
	for lines.Scan() {
		var n Notice
		if json.Unmarshal(lines.Bytes(), &n) == nil {
			p.silent.Reset(p.worker.workers.options.SilentTime)
			p.notice(n)
		}
	}
	_, _ = io.Copy(io.Discard, from)
}

func (p *process) notice(n Notice) {
	switch {
	case n.Failure != "":
		p.mu.Lock()
		p.failed = errors.New(n.Failure)
		p.mu.Unlock()
	case n.Listening != "":
		p.listens(n.Listening)
	case n.Instances == 0:
		p.worker.idle(p)
	}
}

// listens notes where the process listens. A worker may choose the port, but nothing else.
func (p *process) listens(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready {
		return
	}
	if p.place.Network == "tcp" {
		p.place.Address = address
	}
	p.ready, p.spoke = true, true
	close(p.listening)
}

// address returns where the process listens.
func (p *process) address() Address {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.place
}

// failure returns why the process does not listen, nil if it does.
func (p *process) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// dying says whether the process has listened, but is being killed.
func (p *process) dying() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spoke && p.failed != nil
}

// deathTime is how long the end of a process may be noticed after that of a connection to it.
const deathTime = time.Second

// hasEnded says whether the process has ended, which may be noticed later than that of a connection to it has.
func (p *process) hasEnded(ctx context.Context) bool {
	late := time.NewTimer(deathTime)
	defer late.Stop()
	select {
	case <-p.ended:
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

// because prefers that the process has died over what came of it.
func (p *process) because(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.failed != nil:
		return p.failed
	case p.stopped != nil:
		return fmt.Errorf("its process has ended: %w", p.stopped)
	}
	return err
}

// end tells the process to end. Only the worker calls it.
func (p *process) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.over = true
		close(p.ending)
	}
}

// kill ends the process without its consent.
func (p *process) kill(why error) {
	p.mu.Lock()
	if p.failed == nil {
		p.failed = why
	}
	p.mu.Unlock()
	_ = p.command.Process.Kill()
}
