//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// startCommand runs afterglow as a process of its own, whose output goes to a buffer, until the end of the test at the latest.
func startCommand(t *testing.T, args ...string) (*exec.Cmd, *logBuffer) {
	t.Helper()
	out := newLogBuffer()
	p := exec.Command("afterglow", args...)
	p.Stdout, p.Stderr = out, out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	return p, out
}

func run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("afterglow", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// interrupt ends a command as Ctrl-C does.
func interrupt(t *testing.T, p *exec.Cmd, out *logBuffer) {
	t.Helper()
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWatchShowsWhatOthersDo(t *testing.T) {
	url := startDesk(t).over("rtmp") + "/desk"
	p, out := startCommand(t, "so", url, "board", "--watch", "--set", "mine=1")
	asJSON, lines := startCommand(t, "so", url, "board", "--watch", "--json")
	out.await(t, "mine: success")
	out.await(t, "properties: 1")
	lines.await(t, `"properties":{`)
	run(t, "so", url, "board", "--set", "title=Hello")
	out.await(t, `change title: null -> "Hello", version `)
	run(t, "so", url, "board", "--set", "title=Bye", "--delete", "mine", "--send", "ring", "1")
	out.await(t, `change title: "Hello" -> "Bye", version `)
	out.await(t, `delete mine: 1, version `)
	out.await(t, `message ring(1)`)
	lines.await(t, `{"code":"change","name":"title","old":"Hello","new":"Bye","version":`)
	lines.await(t, `{"code":"delete","name":"mine","old":1,"version":`)
	lines.await(t, `{"message":"ring","args":[1]}`)
	interrupt(t, p, out)
	interrupt(t, asJSON, lines)
}

func TestListeningEndsWithAnInterrupt(t *testing.T) {
	url := startDesk(t).over("rtmfp") + "/desk"
	p, out := startCommand(t, "call", url, "ring", "word", "--listen", "forever")
	out.await(t, `rung("word")`)
	out.await(t, `"ringing"`)
	interrupt(t, p, out)
}

func TestLargeObjectsArePrintedWhole(t *testing.T) {
	url := startDesk(t, "sharedObjects.maxSize=4MB").over("rtmp") + "/desk"
	const properties = 12
	args := []string{"so", url, "large", "--persistent"}
	for n := range properties {
		args = append(args, "--set", fmt.Sprintf("k%d=%s", n, strings.Repeat("x", 100_000))) // more than a message carries
	}
	run(t, args...)
	out, err := exec.Command("afterglow", "so", url, "large", "-p", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	for n := range properties {
		if !strings.Contains(string(out), fmt.Sprintf(`"k%d":"xxx`, n)) {
			t.Errorf("no k%d in %d bytes", n, len(out))
		}
	}
}
