package scripting_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
	"afterglow/scripting"
)

// echoing has the methods that the benchmarks call.
const echoing = `
Client.prototype.add = function (a, b) { return a + b; };
Client.prototype.echo = function (v) { return v; };
`

// bench serves an application on loopback, with scripts unless code is given, and connects a client to it.
func bench(b *testing.B, code apps.Application) *netconn.Client {
	b.Helper()
	c, err := overrtmp.Dial(b.Context(), serve(b, code), overrtmp.DialOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}

// serve serves the application and returns its URL.
func serve(b *testing.B, code apps.Application) string {
	b.Helper()
	config := configs.Default()
	config.Applications.Dir = b.TempDir()
	folder := filepath.Join(config.Applications.Dir, "app")
	if err := os.Mkdir(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "main.asc"), []byte(echoing), 0o644); err != nil {
		b.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	server := apps.NewServer(apps.Options{Config: config, Log: quiet, Code: scripting.New(scripting.Options{}).Application})
	if code != nil {
		server.Register("app", code)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &rtmp.Server{Handler: overrtmp.NewServer(server, overrtmp.Config{}, quiet)}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { _ = srv.Close() })
	return "rtmp://" + l.Addr().String() + "/app"
}

// BenchmarkOnConnect reports how long it is from a client's connect command to application.onConnect: the mailbox, and making
// the Client object.
func BenchmarkOnConnect(b *testing.B) {
	config := configs.Default()
	config.Applications.Dir = b.TempDir()
	folder := filepath.Join(config.Applications.Dir, "app")
	if err := os.Mkdir(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "main.asc"), []byte("application.onConnect = function () { trace('here'); return true; };"), 0o644); err != nil {
		b.Fatal(err)
	}
	clock := &stopwatch{}
	server := apps.NewServer(apps.Options{Config: config, Log: slog.New(clock), Code: scripting.New(scripting.Options{}).Application})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &rtmp.Server{Handler: overrtmp.NewServer(watched{server, clock}, overrtmp.Config{}, slog.New(slog.DiscardHandler))}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	url := "rtmp://" + l.Addr().String() + "/app"
	keep, err := overrtmp.Dial(b.Context(), url, overrtmp.DialOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer keep.Close()
	clock.total.Store(0)
	n := 0
	for b.Loop() {
		c, err := overrtmp.Dial(b.Context(), url, overrtmp.DialOptions{})
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
		<-c.Done()
		n++
	}
	b.ReportMetric(float64(clock.total.Load())/float64(n), "ns/onConnect")
}

// stopwatch runs from a connect command until the script's trace is logged.
type stopwatch struct{ begun, total atomic.Int64 }

func (s *stopwatch) Enabled(context.Context, slog.Level) bool { return true }
func (s *stopwatch) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *stopwatch) WithGroup(string) slog.Handler            { return s }
func (s *stopwatch) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "trace" {
		s.total.Add(time.Now().UnixNano() - s.begun.Load())
	}
	return nil
}

// watched starts the stopwatch.
type watched struct {
	*apps.Server
	clock *stopwatch
}

func (w watched) Connect(c *netconn.Conn, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	w.clock.begun.Store(time.Now().UnixNano())
	w.Server.Connect(c, r, reply)
}

// BenchmarkConnect opens TCP connections, does the handshake, connects and closes: to an instance that runs, to one that is
// started by it, and to an application in Go.
func BenchmarkConnect(b *testing.B) {
	for _, test := range []struct {
		name string
		code apps.Application
		own  bool
	}{{"running", nil, false}, {"first", nil, true}, {"Go", adder{}, false}} {
		b.Run(test.name, func(b *testing.B) {
			url := serve(b, test.code)
			keep, err := overrtmp.Dial(b.Context(), url, overrtmp.DialOptions{})
			if err != nil {
				b.Fatal(err)
			}
			defer keep.Close()
			n := 0
			for b.Loop() {
				var o overrtmp.DialOptions
				if test.own {
					o.Connect.App = fmt.Sprintf("app/%d", n)
				}
				n++
				c, err := overrtmp.Dial(b.Context(), url, o)
				if err != nil {
					b.Fatal(err)
				}
				c.Close()
				<-c.Done()
			}
		})
	}
}

// adder is the same in Go.
type adder struct{ apps.Live }

func (adder) Call(_ *apps.Client, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	if r.Method == "add" {
		a, _ := r.Args[0].(float64)
		b, _ := r.Args[1].(float64)
		reply.Give(netconn.CallAnswer{Value: a + b})
		return
	}
	reply.Give(netconn.CallAnswer{Value: r.Args[0]})
}

// BenchmarkCall has 32 calls under way on one connection over loopback; server and client share the processors.
func BenchmarkCall(b *testing.B) {
	object := map[string][]any{"add": {1.0, 2.0}, "echo": {"a string"}}
	for name, code := range map[string]apps.Application{"script": nil, "Go": adder{}} {
		for method, args := range object {
			b.Run(fmt.Sprintf("%s/%s", name, method), func(b *testing.B) {
				c := bench(b, code)
				window := make(chan struct{}, 32)
				b.ReportAllocs()
				for b.Loop() {
					window <- struct{}{}
					if err := c.CallAsync(method, func(r netconn.Result) {
						if r.Err != nil {
							b.Error(r.Err)
						}
						<-window
					}, args...); err != nil {
						b.Fatal(err)
					}
				}
				for range cap(window) {
					window <- struct{}{}
				}
			})
		}
	}
}

// BenchmarkInstance starts instances and reports what each keeps of memory while it is idle.
func BenchmarkInstance(b *testing.B) {
	script, err := os.ReadFile("../apps/videochat/main.asc")
	if err != nil {
		b.Fatal(err)
	}
	config := configs.Default()
	config.Applications.Dir = b.TempDir()
	if err := os.Mkdir(filepath.Join(config.Applications.Dir, "app"), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config.Applications.Dir, "app", "main.asc"), script, 0o644); err != nil {
		b.Fatal(err)
	}
	started := make(chan struct{}, 1)
	server := apps.NewServer(apps.Options{Config: config, Log: slog.New(slog.DiscardHandler), Code: func(name string) apps.Application {
		return counted{scripting.New(scripting.Options{}).Application(name), started}
	}})
	load := func(name string) {
		if err := server.Load("app", name); err != nil {
			b.Fatal(err)
		}
		<-started
	}
	load("first")
	before := heap()
	n := 0
	for b.Loop() {
		load(fmt.Sprint(n))
		n++
	}
	b.ReportMetric(float64(heap()-before)/float64(n), "B/instance")
	runtime.KeepAlive(server)
}

// counted tells of each start.
type counted struct {
	apps.Application
	started chan struct{}
}

func (c counted) Start(i *apps.Instance) error {
	err := c.Application.Start(i)
	c.started <- struct{}{}
	return err
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
