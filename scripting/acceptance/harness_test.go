package acceptance_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp/overrtmfptest"
	"afterglow/netconn/overrtmp"
	"afterglow/netconn/overrtmp/overrtmptest"
	"afterglow/rtmp"
	"afterglow/scripting"
	"afterglow/sharedobjects"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key is what publishers show where no script guards an application.
const key = "the-key"

// setup is what a test may have otherwise.
type setup struct {
	config  *configs.Config
	scripts scripting.Options
}

// transport carries the clients of a server, and the NetConnections of its scripts.
type transport struct {
	name  string
	serve func(*testing.T, netconn.Handler, netconntest.Options) (netconntest.Server, dialer)
}

type dialer func(context.Context, string, netconn.ConnectOptions, netconn.ClientEvents) (*netconn.Client, error)

var (
	memory = []transport{
		{"rtmp", func(t *testing.T, h netconn.Handler, o netconntest.Options) (netconntest.Server, dialer) {
			return overRTMP(overrtmptest.Memory{}.Serve(t, h, o).(*overrtmptest.Server))
		}},
		{"rtmfp", func(t *testing.T, h netconn.Handler, o netconntest.Options) (netconntest.Server, dialer) {
			return overRTMFP(overrtmfptest.Memory{}.Start(t, h, o))
		}},
	}
	loopback = []transport{
		{"rtmp", func(t *testing.T, h netconn.Handler, o netconntest.Options) (netconntest.Server, dialer) {
			return overRTMP(overrtmptest.Loopback{}.Serve(t, h, o).(*overrtmptest.Server))
		}},
		{"rtmfp", func(t *testing.T, h netconn.Handler, o netconntest.Options) (netconntest.Server, dialer) {
			return overRTMFP(overrtmfptest.Loopback{}.Start(t, h, o))
		}},
	}
)

func overRTMP(s *overrtmptest.Server) (netconntest.Server, dialer) {
	return s, func(ctx context.Context, rawURL string, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error) {
		return overrtmp.Dial(ctx, rawURL, overrtmp.DialOptions{Connect: o, Events: e,
			Dialer: rtmp.Dialer{NetDial: s.DialConn, Handshake: rtmp.HandshakePlain}})
	}
}

func overRTMFP(s *overrtmfptest.Server) (netconntest.Server, dialer) {
	return s, func(ctx context.Context, _ string, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error) {
		c, err := s.Connect(ctx, o, e)
		if err != nil {
			return nil, err
		}
		return c.Client, nil
	}
}

// over runs a test of a server over each transport, in virtual time.
func over(t *testing.T, run func(t *testing.T, s *server), change ...func(*setup)) {
	t.Helper()
	for _, tr := range memory {
		t.Run(tr.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { run(t, newServer(t, tr, change...)) })
		})
	}
}

// overSockets runs a test in real time, for scripts that take some.
func overSockets(t *testing.T, run func(t *testing.T, s *server), change ...func(*setup)) {
	t.Helper()
	for _, tr := range loopback {
		t.Run(tr.name, func(t *testing.T) { run(t, newServer(t, tr, change...)) })
	}
}

// server is a whole server with applications of scripts.
type server struct {
	*apps.Server
	t       *testing.T
	net     netconntest.Server
	config  *configs.Config
	objects *sharedobjects.Store
	dial    dialer
	traced  *record // what scripts trace
	logged  *record // what else is logged, from warnings on
}

func newServer(t *testing.T, tr transport, change ...func(*setup)) *server {
	t.Helper()
	s := &server{t: t, traced: newRecord(t, "trace"), logged: newRecord(t, "log")}
	set := setup{config: configs.Default(), scripts: scripting.Options{Version: "Afterglow/1", Hostname: "here"}}
	set.config.Applications.Dir = t.TempDir()
	set.config.Scripts.Library = ""
	set.scripts.Dial = s.dialScript
	for _, c := range change {
		c(&set)
	}
	s.config = set.config
	t.Cleanup(func() {
		if more := s.logged.take(); t.Failed() && len(more) > 0 {
			t.Logf("also logged:\n%s", strings.Join(more, "\n"))
		}
	})
	s.start(tr, set)
	return s
}

// start starts the server; the test ends it.
func (s *server) start(tr transport, set setup) {
	t := s.t
	log := s.logger()
	var err error
	s.objects, err = sharedobjects.Open(filepath.Join(t.TempDir(), "sharedobjects.db"), sharedobjects.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.objects.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Server = apps.NewServer(apps.Options{Config: s.config, Key: key, Log: log, SharedObjects: s.objects, Code: scripting.New(set.scripts).Application})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	s.net, s.dial = tr.serve(t, s.Server, netconntest.Options{NetConn: netconn.Config{QuestionTimeout: s.config.Connect.Timeout}})
}

// dialScript connects a NetConnection of a script, to this same server whatever host its URL names.
func (s *server) dialScript(ctx context.Context, rawURL string, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	o.App, o.TCURL = strings.Trim(u.Path, "/"), rawURL
	return s.dial(ctx, rawURL, o, e)
}

// folder makes the folder of an application.
func (s *server) folder(name string) string {
	s.t.Helper()
	dir := filepath.Join(s.config.Applications.Dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	return dir
}

// script writes a file of an application, such as app/main.asc.
func (s *server) script(path, source string) {
	s.t.Helper()
	file := filepath.Join(s.config.Applications.Dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// instance returns a running instance by its name, or nil.
func (s *server) instance(name string) *apps.Instance {
	for _, i := range s.Instances() {
		if i.Name() == name {
			return i
		}
	}
	return nil
}

// gone waits until an instance is no more.
func (s *server) gone(name string) {
	s.t.Helper()
	for begun := time.Now(); s.instance(name) != nil; time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			s.t.Fatalf("%s is there still", name)
		}
	}
}

// roundTrip is an HTTP transport in memory.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// copyScript copies a file into an application.
func (s *server) copyScript(from, path string) {
	s.t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		s.t.Fatal(err)
	}
	s.script(path, string(b))
}
