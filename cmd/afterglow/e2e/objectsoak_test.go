package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
)

// commitInterval is the default of sharedObjects.commitInterval: a crash loses nothing that is older.
const commitInterval = time.Second

// boardScript is the application: it keeps a persistent object, stores it when somebody asks, and changes three of its
// properties as one.
const boardScript = `
application.onAppStart = function () {
	this.board = SharedObject.get("board", true);
};
application.onConnect = function (client) {
	client.flush = function () { return application.board.flush(); };
	client.commit = function () { return SharedObject.commit("board"); };
	client.batch = function () {
		var board = application.board, n = board.getProperty("batch0");
		board.lock();
		for (var i = 0; i < 3; i++) { board.setProperty("batch" + i, (n || 0) + 1); }
		board.unlock();
	};
	this.acceptConnection(client);
};
`

// soak is a server that is killed and started again, and its clients.
type soak struct {
	t       *testing.T
	random  *rand.Rand
	dir     string
	server  *started
	over    map[string]string // the application's URL over each transport
	writers []*writer
	stores  bool // the clients have the board stored on demand, too
}

// boot starts the server where the last one left off.
func (s *soak) boot() {
	s.t.Helper()
	args := []string{"serve"}
	for _, setting := range []string{
		"data.dir=" + filepath.Join(s.dir, "data"), "applications.dir=" + filepath.Join(s.dir, "applications"),
		"rtmp.listen=127.0.0.1:0", "rtmfp.listen=127.0.0.1:0", "metrics.listen=",
	} {
		args = append(args, "--set", setting)
	}
	s.server = start(s.t, "afterglow", args...)
	s.over = make(map[string]string)
	for _, protocol := range []string{"rtmp", "rtmfp"} {
		address := field(s.server.awaitLine(s.t, 1, "msg=listening", "protocol="+protocol+" "), "address")
		s.over[protocol] = protocol + "://" + address + "/board"
	}
}

// kill ends the server as a failure of power would, and returns when it was still well.
func (s *soak) kill() time.Time {
	at := time.Now()
	s.server.signal(syscall.SIGKILL)
	<-s.server.done
	return at
}

// everybody runs something for all writers at the same time.
func (s *soak) everybody(f func(w *writer)) {
	var all sync.WaitGroup
	for _, w := range s.writers {
		all.Go(func() { f(w) })
	}
	all.Wait()
	for _, w := range s.writers {
		w.report(s.t)
	}
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// write has everybody write for some time.
func (s *soak) write(d time.Duration) {
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	defer cancel()
	s.everybody(func(w *writer) { w.run(ctx) })
}

// examine looks at what a server has kept that was killed at some time.
func (s *soak) examine(killed time.Time) {
	s.t.Helper()
	kept, version := s.look()
	for _, w := range s.writers {
		if saw := w.sawVersion(); version < saw {
			s.t.Errorf("the board has version %d, and %s had seen %d", version, w.name, saw)
		}
		for _, complaint := range w.examine(kept, killed.Add(-commitInterval)) {
			s.t.Error(complaint)
		}
	}
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// look returns the board as somebody sees it who has never been there.
func (s *soak) look() (map[string]amf.Value, uint32) {
	s.t.Helper()
	ctx := within(s.t)
	c, err := connectTo(ctx, s.over["rtmp"], netconn.AMF3)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	o, err := c.SharedObject("board", netconn.SharedObjectOptions{Persistent: true})
	if err == nil {
		err = o.Wait(ctx)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	_, _ = c.Call(ctx, "flush") // the answer comes behind all of it
	return o.Snapshot(), o.Version()
}

// converge waits until everybody sees what somebody new sees.
func (s *soak) converge() {
	s.t.Helper()
	want, version := s.look()
	for _, w := range s.writers {
		if err := w.awaitBoard(within(s.t), want, version); err != nil {
			s.t.Fatalf("%s: %v", w.name, err)
		}
	}
}

// resync has one client miss what the others do, and see it when it comes back.
func (s *soak) resync() {
	s.t.Helper()
	away := s.writers[s.random.IntN(len(s.writers))]
	away.leave()
	s.everybody(func(w *writer) {
		if w != away {
			w.change(within(s.t))
		}
	})
	away.come(within(s.t))
	s.converge()
}

// soakTime is for how long the clients write.
func soakTime() (all, least, most time.Duration) {
	if long {
		return 10 * time.Minute, 500 * time.Millisecond, 10 * time.Second
	}
	return 27 * time.Second, 1200 * time.Millisecond, 2400 * time.Millisecond
}

func TestPersistentObjectsSurviveKills(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &soak{t: t, random: rand.New(rand.NewPCG(seed, 0)), dir: t.TempDir()}
	folder := filepath.Join(s.dir, "applications", "board")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "main.asc"), []byte(boardScript), 0o600); err != nil {
		t.Fatal(err)
	}
	for n, w := range []struct {
		name, over string
		encoding   netconn.Encoding
	}{
		{"rtmp-amf0", "rtmp", netconn.AMF0},
		{"rtmp-amf3", "rtmp", netconn.AMF3},
		{"rtmfp", "rtmfp", netconn.AMF3},
	} {
		s.writers = append(s.writers, &writer{name: w.name, over: w.over, encoding: w.encoding, soak: s,
			random: rand.New(rand.NewPCG(seed, uint64(n+1))), changed: make(chan struct{})})
	}
	all, least, most := soakTime()
	s.boot()
	s.everybody(func(w *writer) { w.come(within(t)) })
	kills := 0
	for written := time.Duration(0); ; {
		s.stores = !s.stores
		d := least + time.Duration(s.random.Int64N(int64(most-least)))
		s.write(d)
		if written += d; written >= all {
			break
		}
		killed := s.kill()
		s.everybody((*writer).leave)
		s.boot()
		kills++
		s.examine(killed)
		s.everybody(func(w *writer) { w.come(within(t)) })
		s.converge()
		s.resync()
	}
	s.everybody(func(w *writer) { w.settle(within(t)) })
	s.converge()
	for _, w := range s.writers {
		t.Logf("%s: %s", w.name, w.done)
	}
	t.Logf("%d kills", kills)
	s.everybody((*writer).leave)
	s.server.signal(syscall.SIGTERM)
	s.server.wait(t)
	if text := s.server.stderr.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "level=ERROR") {
		t.Errorf("the server said:\n%s", text)
	}
	s.boot() // and after an orderly end nothing is lost at all
	s.examine(time.Now().Add(time.Hour))
	s.server.signal(syscall.SIGTERM)
	s.server.wait(t)
}
