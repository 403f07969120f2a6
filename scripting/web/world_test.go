package web_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
	"afterglow/scripting/web"
)

// world is an engine with a mailbox, as an instance has one. Scripts say things with say().
type world struct {
	t       *testing.T
	engine  *engine.Engine
	classes *web.Classes
	said    chan string

	mu       sync.Mutex
	closed   bool
	mailbox  chan func()
	problems []engine.Problem
}

func newWorld(t *testing.T, o web.Options) *world {
	t.Helper()
	w := &world{t: t, said: make(chan string, 1000), mailbox: make(chan func(), 10000)}
	if o.HTTP == nil {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		o.HTTP = &http.Client{Transport: transport}
	}
	if o.Dial == nil {
		var d net.Dialer
		o.Dial = func(ctx context.Context, network, address string) (io.ReadWriteCloser, error) {
			return d.DialContext(ctx, network, address)
		}
	}
	e, err := engine.New(engine.Options{Post: w.post, Report: w.report})
	if err != nil {
		t.Fatal(err)
	}
	w.engine = e
	w.classes = web.Install(e, o)
	_ = e.VM.Set("say", func(c goja.FunctionCall) goja.Value {
		var words []string
		for _, a := range c.Arguments {
			words = append(words, a.String())
		}
		w.said <- strings.Join(words, " ")
		return goja.Undefined()
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for f := range w.mailbox {
			f()
		}
	}()
	t.Cleanup(func() {
		w.classes.Close()
		w.do(e.Close)
		w.mu.Lock()
		w.closed = true
		close(w.mailbox)
		w.mu.Unlock()
		<-ended
	})
	return w
}

func (w *world) post(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.mailbox <- f
	return true
}

func (w *world) report(p engine.Problem) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, p)
}

// warned says whether a problem was reported that contains a text.
func (w *world) warned(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.problems {
		if strings.Contains(p.String(), text) {
			return true
		}
	}
	return false
}

// do runs something on the engine's goroutine and waits for it.
func (w *world) do(f func()) {
	done := make(chan struct{})
	w.post(func() { defer close(done); f() })
	<-done
}

// run runs a script and fails the test if it throws.
func (w *world) run(script string, args ...any) {
	w.t.Helper()
	w.do(func() {
		if err := w.engine.Run("main.asc", fmt.Sprintf(script, args...)); err != nil {
			w.t.Errorf("%v", err)
		}
	})
}

// hears waits for what the script says, in order.
func (w *world) hears(want ...string) {
	w.t.Helper()
	for _, text := range want {
		select {
		case got := <-w.said:
			if got != text {
				w.t.Errorf("the script said\n\t%q instead of\n\t%q", got, text)
			}
		case <-time.After(30 * time.Second):
			w.mu.Lock()
			defer w.mu.Unlock()
			w.t.Fatalf("the script never said %q; problems: %v", text, w.problems)
		}
	}
}

// says runs a script that says something at once.
func (w *world) says(script string, want ...string) {
	w.t.Helper()
	w.run("%s", script)
	w.hears(want...)
}

// serve starts a server on loopback and returns its URL.
func serve(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

// echo answers with the method, the query, chosen headers and the body.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s [%s] %s", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), body)
	_, _ = w.Write(b.Bytes())
}
