package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
)

// output collects lines and lets others wait for them.
type output struct {
	mu    sync.Mutex
	more  sync.Cond
	lines []string
	ended bool
}

func newOutput() *output {
	o := &output{}
	o.more.L = &o.mu
	return o
}

// Write takes whole lines.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")...)
	o.more.Broadcast()
	return len(b), nil
}

func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.more.Broadcast()
}

// await takes lines up to the first that has a text in it, and gives what stands behind that.
func (o *output) await(t *testing.T, text string) string {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		for len(o.lines) > 0 {
			line := o.lines[0]
			o.lines = o.lines[1:]
			if _, rest, ok := strings.Cut(line, text); ok {
				return rest
			}
		}
		if o.ended {
			t.Fatalf("no line with %q", text)
		}
		o.more.Wait()
	}
}

// start runs a mode until the test ends, and gives the address where it listens and what else it writes.
func start(t *testing.T, args ...string) (address string, out *output) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out = newOutput()
	done := make(chan error, 1)
	go func() {
		defer out.end()
		done <- run(ctx, args, out)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return out.await(t, "listening at "), out
}

// sendTo runs the client to its end and gives what it writes.
func sendTo(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), append([]string{"send", "-listen", "127.0.0.1:0"}, args...), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	return out.String()
}

const everything = "120 of 120 messages delivered, 120 returned"

func TestEveryMessageComesBack(t *testing.T) {
	for name, flags := range map[string][]string{
		"plainly":                 {},
		"with static keys":        {"-static", "-groups", "14"},
		"with all protection":     {"-hmac-receive", "require", "-sequence-receive", "require"},
		"one message at a time":   {"-every", "10us"},
		"larger than a window":    {"-flows", "1", "-messages", "120", "-size", "100000"},
		"smaller than its number": {"-size", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			address, out := start(t, "serve", "-listen", "127.0.0.1:0")
			if sent := sendTo(t, append(flags, address)...); !strings.Contains(sent, everything) {
				t.Error(sent)
			}
			if reason := out.await(t, ": closed: "); !strings.Contains(reason, "closed by the far end") {
				t.Error(reason)
			}
		})
	}
}

func TestServerGoesOnWhereNothingIsWantedBack(t *testing.T) {
	address, out := start(t, "serve", "-listen", "127.0.0.1:0")
	if sent := sendTo(t, "-one-way", address); !strings.Contains(sent, "120 of 120 messages delivered, 0 returned") {
		t.Error(sent)
	}
	for range 2 {
		if got := out.await(t, ": flow "); !strings.Contains(got, "60 messages, 245760 bytes, 0 gaps") {
			t.Error(got)
		}
	}
}

func TestRedirectorsLeadToTheServer(t *testing.T) {
	server, _ := start(t, "serve", "-listen", "127.0.0.1:0")
	near, _ := start(t, "redirect", "-listen", "127.0.0.1:0", server)
	far, out := start(t, "redirect", "-listen", "127.0.0.1:0", near)
	if sent := sendTo(t, far); !strings.Contains(sent, everything) {
		t.Error(sent)
	}
	out.await(t, "asks for")
}

func TestLateMessagesAreGivenUp(t *testing.T) {
	address, _ := start(t, "serve", "-listen", "127.0.0.1:0")
	sent := sendTo(t, "-flows", "1", "-messages", "2000", "-start-by", "1ns", address)
	if strings.Contains(sent, " 0 given up") || strings.Contains(sent, " 0 delivered") {
		t.Error(sent)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for _, args := range [][]string{
		{}, {"receive"}, {"send"}, {"redirect"}, {"send", "-groups", "3", "127.0.0.1:9"}, {"send", "-fingerprint", "00", "127.0.0.1:9"},
		{"serve", "-hmac-send", "perhaps"}, {"send", "-size", "99999999", "127.0.0.1:9"},
	} {
		if err := run(t.Context(), args, newOutput()); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
