//go:build unix

package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// startProcess runs afterglow serve as a process of its own, until the end of the test at the latest.
func startProcess(t *testing.T, set ...string) (p *exec.Cmd, logs *logBuffer) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"serve", "--config", filepath.Join(dir, "afterglow.yaml")}
	for _, s := range append([]string{"data.dir=" + dir, "rtmp.listen=127.0.0.1:0", "rtmfp.listen=127.0.0.1:0", "metrics.listen="}, set...) {
		args = append(args, "--set", s)
	}
	if err := os.WriteFile(filepath.Join(dir, "afterglow.yaml"), []byte("limits:\n  connections: 100\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	logs = newLogBuffer()
	p = exec.Command("afterglow", args...)
	p.Dir, p.Stdout, p.Stderr = dir, logs, logs
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	logs.await(t, "Play", "ffplay")
	return p, logs
}

func TestProcessReloadsAtHangupAndEndsAtSIGTERM(t *testing.T) {
	p, logs := startProcess(t)
	if err := os.WriteFile(filepath.Join(p.Dir, "afterglow.yaml"), []byte("limits:\n  connections: 50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = p.Process.Signal(syscall.SIGHUP)
	logs.await(t, "configuration changed", "key=limits.connections", "old=100", "new=50")
	logs.await(t, "configuration reloaded", "changed=1", "need_restart=0")
	_ = p.Process.Signal(syscall.SIGTERM)
	if err := p.Wait(); err != nil {
		t.Errorf("%v\n%s", err, logs)
	}
	logs.await(t, "msg=ended")
}

func TestSecondSignalEndsTheProcessAtOnce(t *testing.T) {
	p, logs := startProcess(t, "shutdown.time=1h", "limits.handshakeTime=10m")
	address := logs.await(t, "listening", "protocol=rtmp")
	_, address, _ = strings.Cut(strings.TrimSpace(address), "address=")
	nc, err := net.Dial("tcp", address) // keeps the server waiting
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = dial(t, "rtmp://"+address+"/live").Close()
	_ = p.Process.Signal(syscall.SIGTERM)
	logs.await(t, "shutting down")
	_ = p.Process.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("got %v, want an end by the signal\n%s", err, logs)
	}
}
