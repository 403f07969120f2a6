package apps_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmp"
	"afterglow/netconn/overrtmp/overrtmptest"
	"afterglow/rtmp"
	"afterglow/sharedobjects"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	here  = "127.0.0.1:5000"
	there = "192.0.2.7:5000"
)

// house is an apps.Server that clients reach in memory, from addresses that a test chooses.
type house struct {
	*apps.Server
	front *overrtmp.Server
	come  chan net.Conn
	log   *log
}

// log is what was logged.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// count is how many lines have all of the words.
func (l *log) count(words ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
lines:
	for line := range strings.Lines(l.text.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

// within runs a test of a house in virtual time.
func within(t *testing.T, change func(*configs.Config), run func(t *testing.T, h *house)) {
	t.Helper()
	config := configs.Default()
	config.Applications.Dir = t.TempDir()
	if change != nil {
		change(config)
	}
	synctest.Test(t, func(t *testing.T) { run(t, open(t, config)) })
}

func open(t *testing.T, config *configs.Config) *house { return openWith(t, config, nil) }

func openWith(t *testing.T, config *configs.Config, store *sharedobjects.Store) *house {
	h := &house{come: make(chan net.Conn), log: new(log)}
	h.Server = apps.NewServer(apps.Options{Config: config, Key: "the-key", SharedObjects: store,
		Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	h.front = overrtmp.NewServer(h.Server, overrtmp.Config{NetConn: netconn.Config{QuestionTimeout: config.Connect.Timeout}}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	srv := &rtmp.Server{Handler: h.front}
	l := &doors{come: h.come, closed: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		h.front.Tell(netconn.Status{})
		_ = srv.Close()
		h.front.Wait()
		<-done
		synctest.Wait()
		if n := len(h.Instances()); n > 0 {
			t.Errorf("%d instances are left without clients", n)
		}
		if n := h.Stats().Clients.Load(); n != 0 {
			t.Errorf("%d clients are counted when all have gone", n)
		}
	})
	return h
}

type doors struct {
	come   chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (d *doors) Accept() (net.Conn, error) {
	select {
	case c := <-d.come:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *doors) Close() error   { d.once.Do(func() { close(d.closed) }); return nil }
func (d *doors) Addr() net.Addr { return address("memory") }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// caller is a connection from some address, maybe through a proxy.
type caller struct {
	net.Conn
	from    string
	proxied bool
}

func (c caller) RemoteAddr() net.Addr { return address(c.from) }
func (c caller) Proxied() bool        { return c.proxied }

// from is a house as clients at an address see it.
type from struct {
	*house
	address string
	proxied bool
}

func (h *house) from(address string) from { return from{house: h, address: address} }

func (f from) dial(ctx context.Context) (*rtmp.Conn, error) {
	near, far := net.Pipe()
	f.come <- caller{far, f.address, f.proxied}
	return (&rtmp.Dialer{Handshake: rtmp.HandshakePlain}).NewConn(ctx, near)
}

func (f from) Dial(t *testing.T, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error) {
	conn, err := f.dial(t.Context())
	if err != nil {
		return nil, err
	}
	c, err := overrtmp.NewClient(t.Context(), conn, overrtmp.DialOptions{Connect: o, Events: e})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		c.Close()
		<-c.Done()
	})
	return c, nil
}

func (f from) Open(t *testing.T) netconntest.Wire {
	c, err := f.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return overrtmptest.NewWire(c)
}

func (from) Manner() netconntest.Manner { return (*overrtmptest.Server)(nil).Manner() }
func (f from) Tell(s netconn.Status)    { f.front.Tell(s) }
func (f from) Dead() uint64             { return f.front.Stats().Dead.Load() }
func (f from) Slow() uint64             { return f.front.Stats().Slow.Load() }

// app is the property that names an application.
func app(name string) amf.Property { return amf.Property{Name: "app", Value: name} }

// publishes has a peer publish a name and returns the code of the answer.
func publishes(t *testing.T, p *netconntest.Peer, name string) netconn.Code {
	t.Helper()
	p.CreateStream(1)
	p.Command(1, "publish", 0, nil, name)
	return code(p.Until("1 onStatus "))
}

// code is that of a line with a status.
func code(line string) netconn.Code {
	_, rest, _ := strings.Cut(line, `code: "`)
	code, _, _ := strings.Cut(rest, `"`)
	return netconn.Code(code)
}

func set[T any](v T) *T { return &v }

// connected is a peer that was let in, and has read what comes with that.
func connected(t *testing.T, s netconntest.Server, properties ...amf.Property) *netconntest.Peer {
	t.Helper()
	p := netconntest.Connected(t, s, properties...)
	p.Expect("0 onBWDone 0 null")
	return p
}
