//go:build linux

package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestKilledWorkerTakesItsOwnClientsOnly(t *testing.T) {
	n := isolatedNode(t)
	overEach(t, func(t *testing.T, transport string) {
		g, other := n.enter(t, transport, "box"), n.enter(t, transport, "open")
		board := g.object("board")
		if err := board.Set("kept", "for ever, "+transport); err != nil {
			t.Fatal(err)
		}
		if v := g.call("keep", "board"); v != true { // behind the change
			t.Fatal(v)
		}
		pids := n.workers(t)
		if err := unix.Kill(pids[len(pids)-1], unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		g.sentAway()
		n.logs.await(t, "application's process died", "app=box", "worker="+strconv.Itoa(pids[len(pids)-1]), "killed")
		if v := other.call("twice", 4.0); v != 8.0 {
			t.Errorf("the other application answers %v", v)
		}
		again := n.enterPatiently(t, transport)
		if v, _ := again.object("board").Get("kept"); v != "for ever, "+transport {
			t.Errorf("the shared object has %v", v)
		}
		if now := n.workers(t); len(now) != len(pids)+1 {
			t.Errorf("workers %v, before %v", now, pids)
		}
	})
}

// enterPatiently connects to box once its process may start again.
func (n *testNode) enterPatiently(t *testing.T, transport string) *guest {
	t.Helper()
	for late := time.Now().Add(patience); ; {
		g, err := n.visit(t, transport, "box")
		if err == nil {
			return g
		}
		if !strings.Contains(err.Error(), "is started again in") || time.Now().After(late) {
			t.Fatal(err)
		}
	}
}

func TestWorkerThatDiesAgainAndAgainIsWaitedFor(t *testing.T) {
	n := isolatedNode(t)
	for range 2 {
		g := n.enter(t, "rtmp", "box")
		pids := n.workers(t)
		_ = unix.Kill(pids[len(pids)-1], unix.SIGKILL)
		g.sentAway()
		n.logs.await(t, "application's process died", "worker="+strconv.Itoa(pids[len(pids)-1]))
	}
	_, err := n.visit(t, "rtmp", "box")
	if err == nil || !strings.Contains(err.Error(), "its process has died 2 times in a row and is started again in 1s") {
		t.Errorf("got %v", err)
	}
	n.enterPatiently(t, "rtmp")
}

func TestWorkerThatTakesTooMuchMemoryIsKilled(t *testing.T) {
	t.Parallel()
	n := isolatedNode(t, "scripts.processMemory=128MB", "scripts.maxMemory=1GB", "scripts.maxTime=1m")
	g, other := n.enter(t, "rtmp", "box"), n.enter(t, "rtmp", "open")
	_ = g.Notify("eat")
	g.sentAway()
	line := n.logs.await(t, "application's process died", "app=box")
	t.Log(line)
	if v := other.call("twice", 4.0); v != 8.0 {
		t.Errorf("the other application answers %v", v)
	}
	if v := n.enterPatiently(t, "rtmp").call("twice", 5.0); v != 10.0 {
		t.Errorf("the next one answers %v", v)
	}
}

func TestWorkerWhoseScriptCannotBeBrokenOffGivesItselfUp(t *testing.T) {
	t.Parallel()
	n := isolatedNode(t, "scripts.maxTime=100ms")
	g := n.enter(t, "rtmp", "box")
	_ = g.Notify("hang")
	g.sentAway()
	n.logs.await(t, "instance is stuck", "app=box/_definst_", "worker=")
	n.logs.await(t, "application's process died", "exit status 3")
	if v := n.enterPatiently(t, "rtmp").call("twice", 5.0); v != 10.0 {
		t.Errorf("the next one answers %v", v)
	}
}

// awaitEnd waits until a process has ended.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for late := time.Now().Add(patience); ; {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Until(late).Milliseconds()))
		if ready == 1 {
			return
		}
		if err != nil && !errors.Is(err, unix.EINTR) || time.Now().After(late) {
			t.Fatalf("process %d is still there: %v", pid, err)
		}
	}
}

func TestEndOfTheServerEndsItsWorkers(t *testing.T) {
	n := isolatedNode(t, "shutdown.time=0s")
	g := n.enter(t, "rtmp", "box")
	g.call("twice", 1.0)
	pid := n.workers(t)[0]
	n.stop()
	awaitEnd(t, pid)
	g.sentAway()
	n.logs.await(t, "box ends", "worker="+strconv.Itoa(pid))
	n.logs.await(t, "application's process ended", "worker="+strconv.Itoa(pid))
}

func TestDeathOfTheServerEndsItsWorkers(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p, logs := startProcess(t, "scripts.isolation=process", "rtmp.listen=127.0.0.1:0")
	address := logs.await(t, "listening", "protocol=rtmp")
	_, address, _ = strings.Cut(strings.TrimSpace(address), "address=")
	c := dial(t, "rtmp://"+address+"/live")
	if code := c.connect("live"); code != "NetConnection.Connect.Success" {
		t.Fatal(code)
	}
	pid, err := strconv.Atoi(workerField.FindStringSubmatch(logs.await(t, "application's process started"))[1])
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Process.Kill()
	awaitEnd(t, pid)
	if left, err := os.ReadDir(os.TempDir()); len(left) > 0 || err != nil {
		t.Errorf("the worker leaves %v, %v", left, err)
	}
}

func TestIdleWorkerEnds(t *testing.T) {
	t.Parallel()
	n := isolatedNode(t, "instances.idle=0s")
	g := n.enter(t, "rtmp", "box")
	g.Close()
	<-g.Done()
	n.logs.await(t, "application's process ended", "app=box")
	awaitEnd(t, n.workers(t)[0])
	if v := n.enter(t, "rtmp", "box").call("twice", 5.0); v != 10.0 {
		t.Errorf("the next one answers %v", v)
	}
}
