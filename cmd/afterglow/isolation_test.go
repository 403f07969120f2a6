//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/netconn/overrtmp"
)

// boxScript is an application that does what it is told, also what is bad for it.
const boxScript = `
application.onAppStart = function() { trace("box begins"); };
application.onAppStop = function() { trace("box ends"); };
application.onConnect = function(client, who) {
	if (who == "nobody") {
		application.rejectConnection(client, {reason: "not you"});
		return;
	}
	client.twice = function(n) { return n * 2; };
	client.me = function() { return client.protocol + " " + client.ip + " " + client.id; };
	client.ring = function() { client.call("rung", null, "ding"); };
	client.eat = function() { var a = [1, 2, 3, 4]; while (true) a = a.concat(a); };
	client.hang = function() { return Array.prototype.indexOf.call({length: 9007199254740991}, 1); };
	client.keep = function(name) { return SharedObject.get(name, true).flush(); };
	client.leave = function() { application.disconnect(client); };
	application.acceptConnection(client);
};
`

// isolatedNode starts a server with the application box in a process of its own, and the application open in the server's. Each
// setting is a key and a value with "=" between.
func isolatedNode(t *testing.T, set ...string) *testNode {
	t.Helper()
	n := prepareNode(t, append([]string{"applications.box.scripts.isolation=process", "scripts.processMemory=512MB", "log.level=info"}, set...)...)
	for _, app := range []string{"box", "open"} {
		n.write(t, app, boxScript)
	}
	n.begin(t)
	return n
}

// write writes the script of an application.
func (n *testNode) write(t *testing.T, app, script string) {
	t.Helper()
	dir := filepath.Join(n.dir, "applications", app)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.asc"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
}

// guest is a client with what it was told of its connection.
type guest struct {
	*netconn.Client
	t    *testing.T
	told chan netconn.Status
	rung chan string
}

// visit connects over a transport.
func (n *testNode) visit(t *testing.T, transport, app string, args ...amf.Value) (*guest, error) {
	t.Helper()
	g := &guest{t: t, told: make(chan netconn.Status, 16), rung: make(chan string, 16)}
	events := netconn.ClientEvents{
		Status: func(s netconn.Status) { g.told <- s },
		Call: func(method string, args []amf.Value) (amf.Value, error) {
			g.rung <- method + " " + amf.Format(args[0])
			return nil, nil
		},
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	url, connect := n.over(transport)+"/"+app, netconn.ConnectOptions{App: app, Encoding: netconn.AMF3, Args: args}
	if transport == "rtmfp" {
		c, err := overrtmfp.Dial(ctx, url, overrtmfp.DialOptions{Connect: connect, Events: events})
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { c.Close(); <-c.Ended() })
		g.Client = c.Client
		return g, nil
	}
	var err error
	if g.Client, err = overrtmp.Dial(ctx, url, overrtmp.DialOptions{Connect: connect, Events: events}); err != nil {
		return nil, err
	}
	t.Cleanup(func() { g.Close(); <-g.Done() })
	return g, nil
}

func (n *testNode) enter(t *testing.T, transport, app string) *guest {
	t.Helper()
	g, err := n.visit(t, transport, app)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guest) call(method string, args ...amf.Value) amf.Value {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	v, err := g.Call(ctx, method, args...)
	if err != nil {
		g.t.Fatalf("%s: %v", method, err)
	}
	return v
}

// sentAway checks that the client is told that its application has ended, and then disconnected.
func (g *guest) sentAway() {
	g.t.Helper()
	select {
	case s := <-g.told:
		if s.Code != netconn.ConnectAppShutdown {
			g.t.Errorf("told %v", s)
		}
	case <-time.After(patience):
		g.t.Fatal("the client was told nothing")
	}
	select {
	case <-g.Done():
	case <-time.After(patience):
		g.t.Fatal("the client is still connected")
	}
}

// object follows a persistent shared object.
func (g *guest) object(name string) *netconn.RemoteSharedObject {
	g.t.Helper()
	o, err := g.SharedObject(name, netconn.SharedObjectOptions{Persistent: true})
	if err != nil {
		g.t.Fatal(err)
	}
	select {
	case <-o.Ready():
	case <-time.After(patience):
		g.t.Fatal("the shared object does not come")
	}
	return o
}

var workerField = regexp.MustCompile(`worker=(\d+)`)

// workers returns the process IDs of all workers that were ever started, in order.
func (n *testNode) workers(t *testing.T) (pids []int) {
	t.Helper()
	for line := range strings.Lines(n.logs.String()) {
		if !strings.Contains(line, "application's process started") {
			continue
		}
		pid, err := strconv.Atoi(workerField.FindStringSubmatch(line)[1])
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// overEach runs a test over both transports.
func overEach(t *testing.T, run func(t *testing.T, transport string)) {
	for _, transport := range []string{"rtmp", "rtmfp"} {
		t.Run(transport, func(t *testing.T) { run(t, transport) })
	}
}

func TestIsolatedScriptIsCalledAndCalls(t *testing.T) {
	n := isolatedNode(t)
	overEach(t, func(t *testing.T, transport string) {
		g := n.enter(t, transport, "box/room")
		if v := g.call("twice", 21.0); v != 42.0 {
			t.Errorf("twice 21 is %v", v)
		}
		me := strings.Fields(g.call("me").(string))
		if len(me) != 3 || me[0] != transport || me[1] != "127.0.0.1" {
			t.Errorf("the script sees %q", me)
		}
		n.logs.await(t, "msg=connect", "app=box/room", "client="+me[2], "protocol="+transport)
		g.call("ring")
		select {
		case r := <-g.rung:
			if r != "rung \"ding\"" {
				t.Errorf("rung %s", r)
			}
		case <-time.After(patience):
			t.Error("the script does not call")
		}
		_ = g.Notify("leave")
		<-g.Done()
		n.logs.await(t, "msg=disconnect", "client="+me[2])
		if _, err := n.visit(t, transport, "box", "nobody"); err == nil || !strings.Contains(fmt.Sprintf("%v %+v", err, err), "Rejected") {
			t.Errorf("nobody: %v", err)
		}
		n.logs.await(t, "connect rejected", "app=box")
	})
	n.logs.await(t, "box begins", "worker=", "app=box/room")
	if pids := n.workers(t); len(pids) != 1 || pids[0] == os.Getpid() {
		t.Errorf("workers %v", pids)
	}
	if strings.Count(n.logs.String(), "msg=connect ") != 2 {
		t.Errorf("connects are logged twice, or not:\n%s", n.logs)
	}
}

func TestIsolatedStreamsArriveFrameForFrame(t *testing.T) {
	// On a busy machine nothing may be given up for being late.
	n := isolatedNode(t, "publish.key=k", "play.lifetime.audio=10m", "play.lifetime.video=10m", "play.lifetime.previousGroup=10m")
	for _, way := range []struct{ from, to string }{{"rtmp", "rtmp"}, {"rtmfp", "rtmfp"}, {"rtmp", "rtmfp"}, {"rtmfp", "rtmp"}} {
		t.Run(way.from+" to "+way.to, func(t *testing.T) {
			publisher, viewer := n.enter(t, way.from, "box"), n.enter(t, way.to, "box")
			got := make(chan *media.Packet, 1000)
			view, err := viewer.CreateStream(t.Context(), netconn.StreamEvents{Packet: func(p *media.Packet) {
				if p.Kind != media.KindData {
					got <- p
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if err := view.Play(t.Context(), "s", -2, -1); err != nil {
				t.Fatal(err)
			}
			out, err := publisher.CreateStream(t.Context(), netconn.StreamEvents{})
			if err != nil {
				t.Fatal(err)
			}
			if err := out.Publish(t.Context(), "s", "live"); err != nil {
				t.Fatal(err)
			}
			sent := film(60)
			for _, p := range sent {
				if err := out.Write(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
			var kinds [2][]string
			for range sent {
				select {
				case p := <-got:
					kinds[kindIndex(p)] = append(kinds[kindIndex(p)], frame(p))
				case <-time.After(patience):
					t.Fatalf("only %d of %d packets", len(kinds[0])+len(kinds[1]), len(sent))
				}
			}
			var want [2][]string
			for _, p := range sent {
				want[kindIndex(p)] = append(want[kindIndex(p)], frame(p))
			}
			if !slices.Equal(kinds[0], want[0]) || !slices.Equal(kinds[1], want[1]) {
				t.Errorf("other packets came than were sent")
			}
			if err := out.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func frame(p *media.Packet) string { return fmt.Sprintf("%d %d %x", p.Kind, p.Timestamp, p.Payload) }

// kindIndex is 0 for sound and 1 for pictures: over RTMFP only each kind has its order.
func kindIndex(p *media.Packet) int { return int(p.Kind - media.KindAudio) }

// film makes sound and pictures, the first of which are large.
func film(frames int) (out []*media.Packet) {
	for i := range frames {
		at := uint32(i * 40)
		picture := []byte{0x27, 1, 0, 0, 0, byte(i)}
		if i%20 == 0 {
			picture = append([]byte{0x17, 1, 0, 0, 0, byte(i)}, make([]byte, 20_000)...)
		}
		out = append(out, media.NewPacket(media.KindVideo, at, picture), media.NewPacket(media.KindAudio, at, []byte{0x2f, byte(i), 1, 2, 3}))
	}
	return out
}

// A viewer that does not read makes the worker skip for it; nobody else waits, and no more is kept than a little.
func TestSlowViewerOfAnIsolatedStreamSkips(t *testing.T) {
	n := isolatedNode(t, "play.gopCacheBytes=1MB")
	viewer := dial(t, n.over("rtmp")+"/box")
	if code := viewer.connect("box"); code != "NetConnection.Connect.Success" {
		t.Fatal(code)
	}
	viewer.send(0, "createStream", 2.0, nil)
	viewer.send(1, "play", 0.0, nil, "s")
	for viewer.status() != "NetStream.Play.Start" {
	}
	publisher := n.enter(t, "rtmp", "box")
	out, err := publisher.CreateStream(t.Context(), netconn.StreamEvents{})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Publish(t.Context(), "s", "live"); err != nil {
		t.Fatal(err)
	}
	const frames, size = 300, 200_000
	for i := range frames {
		key := append([]byte{0x17, 1, 0, 0, 0, byte(i >> 8), byte(i)}, make([]byte, size)...)
		if err := out.Write(t.Context(), media.NewPacket(media.KindVideo, uint32(i*40), key)); err != nil {
			t.Fatal(err)
		}
	}
	if v := publisher.call("twice", 3.0); v != 6.0 { // all of it has come
		t.Fatal(v)
	}
	seen, warned := 0, false
	for last := -1; last != frames-1; {
		m, err := viewer.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case uint8(m.Type) == netconn.TypeCommandAMF0:
			warned = warned || strings.Contains(string(m.Payload), string(netconn.PlayInsufficientBW))
		case uint8(m.Type) == netconn.TypeVideo && len(m.Payload) > size:
			seen++
			if at := int(m.Payload[5])<<8 | int(m.Payload[6]); at <= last {
				t.Fatalf("picture %d comes behind %d", at, last)
			} else {
				last = at
			}
		}
	}
	if seen > frames/2 || !warned {
		t.Errorf("%d of %d pictures came, warned %v", seen, frames, warned)
	}
}

func TestConfigurationIsPassedOnToWorkers(t *testing.T) {
	n := isolatedNode(t)
	n.write(t, "box", `application.onConnect = function(c) { c.word = function() { return application.config.word; }; return true; };`)
	_ = n.enter(t, "rtmp", "box").call("word")
	file := "applications:\n  box:\n    config:\n      word: new\n"
	if err := os.WriteFile(filepath.Join(n.dir, "afterglow.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	n.reload()
	n.logs.await(t, "configuration taken over", "app=box", "worker=")
	if v := n.enter(t, "rtmp", "box/other").call("word"); v != "new" {
		t.Errorf("the script has %v", v)
	}
	if pids := n.workers(t); len(pids) != 1 {
		t.Errorf("workers %v", pids)
	}
}

func TestIsolatedApplicationIsLoadedOnStart(t *testing.T) {
	n := isolatedNode(t, "applications.box.loadOnStart=true")
	n.logs.await(t, "box begins", "app=box/_definst_")
	pid := n.workers(t)[0]
	_ = unix.Kill(pid, unix.SIGKILL)
	n.logs.await(t, "application's process died", "worker="+strconv.Itoa(pid))
	for late := time.Now().Add(patience); len(n.workers(t)) < 2; {
		if time.Now().After(late) {
			t.Fatal("it was not started again")
		}
	}
}
