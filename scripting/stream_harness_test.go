package scripting_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/configs"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
	"afterglow/scripting"
	"afterglow/streams"
)

// studio is a server in memory and virtual time, with scripts that reach it by rtmp://studio/.
type studio struct {
	t      *testing.T
	server *apps.Server
	front  *overrtmp.Server
	dir    string
	doors  *doors
	traces *traces
}

// inStudio runs a test.
func inStudio(t *testing.T, run func(t *testing.T, s *studio)) {
	t.Helper()
	config := configs.Default()
	config.Applications.Dir = t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &studio{t: t, dir: config.Applications.Dir, traces: new(traces), doors: &doors{come: make(chan net.Conn), closed: make(chan struct{})}}
		scripts := scripting.New(scripting.Options{Dial: s.dial})
		s.server = apps.NewServer(apps.Options{Config: config, Key: "k", Log: slog.New(s.traces), Code: scripts.Application})
		s.front = overrtmp.NewServer(s.server, overrtmp.Config{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
		srv := &rtmp.Server{Handler: s.front}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = srv.Serve(s.doors)
		}()
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := s.server.Close(ctx); err != nil {
				t.Error(err)
			}
			_ = srv.Close()
			s.front.Wait()
			<-done
		})
		run(t, s)
	})
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
func (d *doors) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1935} }

// caller is a connection from this machine.
type caller struct{ net.Conn }

func (caller) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5000} }

// dial connects to the studio itself.
func (s *studio) dial(ctx context.Context, uri string, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	o.App, o.TCURL = strings.TrimPrefix(u.Path, "/"), uri
	near, far := net.Pipe()
	select {
	case s.doors.come <- caller{far}:
	case <-s.doors.closed:
		return nil, net.ErrClosed
	}
	conn, err := (&rtmp.Dialer{Handshake: rtmp.HandshakePlain}).NewConn(ctx, near)
	if err != nil {
		return nil, err
	}
	return overrtmp.NewClient(ctx, conn, overrtmp.DialOptions{Connect: o, Events: e})
}

// script makes an application of a script, and starts it.
func (s *studio) script(name, source string) *apps.Instance {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Join(s.dir, name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, name, "main.asc"), []byte(source), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return s.start(name)
}

// start starts the default instance of an application.
func (s *studio) start(name string) *apps.Instance {
	s.t.Helper()
	if err := s.server.Load(name, "_definst_"); err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	for _, i := range s.server.Instances() {
		if i.Application() == name {
			return i
		}
	}
	s.t.Fatalf("%s does not run:\n%s", name, strings.Join(s.traces.take(), "\n"))
	return nil
}

// client connects a client.
func (s *studio) client(app string) *netconn.Client {
	s.t.Helper()
	c, err := s.dial(s.t.Context(), "rtmp://studio/"+app, netconn.ConnectOptions{}, netconn.ClientEvents{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		c.Close()
		<-c.Done()
	})
	return c
}

// publishes has a client publish a name.
func (s *studio) publishes(c *netconn.Client, name string) *netconn.ClientStream {
	s.t.Helper()
	stream, err := c.CreateStream(s.t.Context(), netconn.StreamEvents{})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := stream.Publish(s.t.Context(), name, "live"); err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	return stream
}

// traced compares what scripts have traced, and what was reported of them, since it was last asked for.
func (s *studio) traced(want ...string) {
	s.t.Helper()
	synctest.Wait()
	if got := s.traces.take(); !slices.Equal(got, want) {
		s.t.Errorf("traced\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// traces is a slog.Handler that keeps what scripts trace and what goes wrong in them.
type traces struct {
	mu    sync.Mutex
	lines []string
}

func (*traces) Enabled(context.Context, slog.Level) bool { return true }
func (l *traces) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l *traces) WithGroup(string) slog.Handler          { return l }

func (l *traces) Handle(_ context.Context, r slog.Record) error {
	line := ""
	switch {
	case r.Message == "trace":
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "text" {
				line = a.Value.String()
			}
			return true
		})
	case strings.HasPrefix(r.Message, "script: "), r.Level >= slog.LevelError:
		line = r.Message
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "reason" {
				line += fmt.Sprintf(" (%v)", a.Value)
			}
			return true
		})
	default:
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

func (l *traces) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.lines
	l.lines = nil
	return out
}

// seen is what comes to somebody who plays a name.
type seen struct{ sub *streams.Subscriber }

func watch(t *testing.T, i *apps.Instance, name string) seen {
	sub := i.Hub().Subscribe(name, streams.SubscribeOptions{})
	t.Cleanup(sub.Close)
	return seen{sub}
}

// expect compares what has come since it was last asked for: texts of media, values of data.
func (v seen) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	var got []string
	for item, ok := v.sub.Next(); ok; item, ok = v.sub.Next() {
		got = append(got, textOf(item))
	}
	if !slices.Equal(got, want) {
		t.Errorf("saw\n%q\nwant\n%q", got, want)
	}
}

func textOf(item streams.Item) string {
	p := item.Packet
	switch {
	case item.Event == streams.EventPublish:
		return "publish"
	case item.Event == streams.EventUnpublish:
		return "unpublish"
	case p.Kind != media.KindData:
		return string(p.Payload[5:])
	}
	values, _ := amf.Decode0(p.Payload, nil)
	if p.DataIsAMF3 {
		values, _ = amf.DecodeExtended(p.Payload, nil)
	}
	words := make([]string, len(values))
	for n, v := range values {
		words[n] = amf.Format(v)
	}
	return strings.Join(words, " ")
}

func keyframe(text string) *media.Packet {
	return media.NewPacket(media.KindVideo, 0, append([]byte{0x17, 1, 0, 0, 0}, text...))
}

// live publishes a name as nobody in particular.
func live(t *testing.T, i *apps.Instance, name string, packets ...*media.Packet) *streams.Publisher {
	t.Helper()
	p, err := i.Hub().Publish(name, streams.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for _, packet := range packets {
		if err := p.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	return p
}
