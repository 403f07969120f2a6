package rtmfpload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"afterglow/cmd/afterglow/bench"
)

// question is what a worker is asked to do, and answer what it says when it has done it; each is a line of JSON.
type question struct {
	Method string          `json:"method"`
	Args   json.RawMessage `json:"args"`
}

type answer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// method is something that a worker can do.
type method func(ctx context.Context, args json.RawMessage) (any, error)

// does makes a method of a function.
func does[A, R any](f func(context.Context, A) (R, error)) method {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var args A
		if err := json.Unmarshal(raw, &args); err != nil {
			return nil, err
		}
		return f(ctx, args)
	}
}

// none is no argument, or no result.
type none struct{}

// Work does what the lines of in ask for, one after the other, until in ends.
func Work(ctx context.Context, in io.Reader, out io.Writer) error {
	bench.RaiseFileLimit()
	server, client, attacks, plain := &server{}, &client{}, &attacker{}, &plainReceiver{}
	defer func() {
		server.close()
		client.close()
		attacks.close()
		plain.close()
	}()
	methods := map[string]method{
		"listen": does(server.listen), "send": does(server.send), "bulk": does(server.bulk),
		"look": does(server.look), "watch": does(server.watch), "seen": does(server.seen),
		"uploads": does(server.uploads),
		"connect": does(client.connect), "begin": does(client.begin), "end": does(client.end),
		"upload": does(client.upload), "handshakes": does(client.handshakes), "recorded": does(client.recorded),
		"prepare": does(attacks.prepare), "attack": does(attacks.attack),
		"seal": does(sealFloor), "receivePlain": does(plain.listen), "received": does(plain.received), "sendPlain": does(sendPlain),
	}
	questions, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q question
		if err := questions.Decode(&q); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := answers.Encode(reply(ctx, methods[q.Method], q)); err != nil {
			return err
		}
	}
}

func reply(ctx context.Context, m method, q question) answer {
	if m == nil {
		return answer{Error: "no method " + q.Method}
	}
	result, err := m(ctx, q.Args)
	if err != nil {
		return answer{Error: err.Error()}
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Result: encoded}
}

// worker is a child process that does what it is asked.
type worker struct {
	role     string
	command  *exec.Cmd
	in       io.WriteCloser
	asks     *json.Encoder
	answers  *json.Decoder
	errors   lockedBuffer
	stopping sync.Once
	given    func() error // why the measurement was given up, if it was
}

// startWorker starts a child on a core, or anywhere if cpu is negative. It ends with stop, or with ctx.
func startWorker(ctx context.Context, spawn func() *exec.Cmd, role string, cpu, procs int) (*worker, error) {
	w := &worker{role: role, command: spawn(), given: ctx.Err}
	in, err := w.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := w.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.in, w.asks, w.answers = in, json.NewEncoder(in), json.NewDecoder(out)
	w.command.Stderr = &w.errors
	w.command.Env = append(w.command.Environ(), "GOMAXPROCS="+strconv.Itoa(procs))
	// Out of the terminal's process group: an interrupt is for the parent, which ends its children.
	w.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := bench.StartPinned(w.command, cpu); err != nil {
		return nil, fmt.Errorf("%s: %w", role, err)
	}
	context.AfterFunc(ctx, func() { _ = w.command.Process.Kill() })
	return w, nil
}

// stopLimit is how long a child may take to end by itself.
const stopLimit = 5 * time.Second

// stop ends the child, and waits until all that it has said is there.
func (w *worker) stop() {
	if w == nil {
		return
	}
	w.stopping.Do(func() {
		_ = w.in.Close()
		late := time.AfterFunc(stopLimit, func() { _ = w.command.Process.Kill() })
		defer late.Stop()
		_ = w.command.Wait() // it has told all that it was asked
	})
}

// ask has a worker do something and waits until it has.
func ask[R any](w *worker, method string, args any) (R, error) {
	var result R
	encoded, err := json.Marshal(args)
	if err != nil {
		return result, err
	}
	var a answer
	if err = w.asks.Encode(question{method, encoded}); err == nil {
		err = w.answers.Decode(&a)
	}
	if given := w.given(); given != nil {
		return result, given
	}
	if err != nil {
		w.stop() // its last words may be on their way
		return result, fmt.Errorf("%s: %s: %w: %s", w.role, method, err, w.errors.String())
	}
	if a.Error != "" {
		return result, fmt.Errorf("%s: %s: %s", w.role, method, a.Error)
	}
	return result, json.Unmarshal(a.Result, &result)
}

// lockedBuffer keeps what a child says on standard error.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String returns what was said.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
