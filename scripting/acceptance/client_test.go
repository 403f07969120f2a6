package acceptance_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

// client is a NetConnection of Flash's, which writes down what it hears.
type client struct {
	*netconn.Client
	*record
	server *server

	mu      sync.Mutex
	answers map[string]func(args []amf.Value) (amf.Value, error)
}

// connect connects a client that has to be let in.
func (s *server) connect(app string, args ...amf.Value) *client {
	s.t.Helper()
	return s.connectAs(netconn.ConnectOptions{App: app, Args: args})
}

// connectAs connects a client that says all of this.
func (s *server) connectAs(o netconn.ConnectOptions) *client {
	s.t.Helper()
	c, err := s.tryConnect(o)
	if err != nil {
		s.t.Fatalf("connecting to %s: %v", o.App, err)
	}
	return c
}

func (s *server) tryConnect(o netconn.ConnectOptions) (*client, error) {
	s.t.Helper()
	c := &client{record: newRecord(s.t, "client of "+o.App), server: s, answers: make(map[string]func([]amf.Value) (amf.Value, error))}
	if o.TCURL == "" {
		o.TCURL = "rtmp://localhost/" + o.App
	}
	var err error
	c.Client, err = s.net.Dial(s.t, o, netconn.ClientEvents{Status: c.status, Call: c.called, Closed: func(reason error) { c.add("closed") }})
	return c, err
}

// rejected connects a client that has to be turned away, and returns the information object.
func (s *server) rejected(app string, args ...amf.Value) string {
	s.t.Helper()
	_, err := s.tryConnect(netconn.ConnectOptions{App: app, Args: args})
	var status netconn.Status
	if !errors.As(err, &status) {
		s.t.Fatalf("connecting to %s: %v", app, err)
	}
	return amf.Format(status.Info())
}

func (c *client) status(s netconn.Status) { c.add("%s", plain(s)) }

// plain is a status in words.
func plain(s netconn.Status) string {
	words := []string{s.Level, string(s.Code), s.Description}
	return strings.Join(words, " ")
}

// called answers what the server calls: onBWDone is no news.
func (c *client) called(method string, args []amf.Value) (amf.Value, error) {
	c.add("%s%s", method, list(args))
	c.mu.Lock()
	answer := c.answers[method]
	c.mu.Unlock()
	if answer == nil {
		return nil, netconn.ErrNoMethod
	}
	return answer(args)
}

// answer has the client know a method.
func (c *client) answer(method string, f func(args []amf.Value) (amf.Value, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[method] = f
}

// list is arguments in parentheses.
func list(args []amf.Value) string {
	words := make([]string, len(args))
	for n, a := range args {
		words[n] = amf.Format(a)
	}
	return "(" + strings.Join(words, ", ") + ")"
}

// soon is a context for what a test waits for.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// ask calls a method and returns what comes back: the value, or level, code and description of the error.
func (c *client) ask(method string, args ...amf.Value) string {
	c.t.Helper()
	v, err := c.Call(soon(c.t), method, args...)
	var s netconn.Status
	switch {
	case errors.As(err, &s):
		return plain(s)
	case err != nil:
		c.t.Fatalf("%s: %v", method, err)
	}
	return amf.Format(v)
}

// asks calls a method, which has to return this.
func (c *client) asks(want, method string, args ...amf.Value) {
	c.t.Helper()
	if got := c.ask(method, args...); got != want {
		c.t.Fatalf("%s%s returns %s, want %s", method, list(args), got, want)
	}
}

// tell calls a method and wants no answer.
func (c *client) tell(method string, args ...amf.Value) {
	c.t.Helper()
	if err := c.Notify(method, args...); err != nil {
		c.t.Fatal(err)
	}
}

// leave ends the connection, and waits for the end.
func (c *client) leave() {
	c.Close()
	<-c.Done()
}

// stream is a NetStream of Flash's, which writes down what it hears.
type stream struct {
	*netconn.ClientStream
	*record
}

func (c *client) stream() *stream {
	c.t.Helper()
	s := &stream{record: newRecord(c.t, "stream")}
	var err error
	s.ClientStream, err = c.CreateStream(soon(c.t), netconn.StreamEvents{
		Status: func(st netconn.Status) { s.add("%s", plain(st)) },
		Packet: func(p *media.Packet) {
			s.add("%s", netconntest.Describe(netconn.Message{Type: p.MessageType(), Timestamp: p.Timestamp, Payload: p.Payload}))
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// publish publishes a name.
func (c *client) publish(name string) *stream {
	c.t.Helper()
	s := c.stream()
	if err := s.Publish(soon(c.t), name, "live"); err != nil {
		c.t.Fatalf("publishing %s: %v", name, err)
	}
	base, _, _ := strings.Cut(name, "?")
	s.expect("status NetStream.Publish.Start " + base + " is now published.")
	return s
}

// play plays a name.
func (c *client) play(name string) *stream {
	c.t.Helper()
	s := c.stream()
	if err := s.Play(soon(c.t), name, netconn.PlayLiveOrRecorded, -1); err != nil {
		c.t.Fatalf("playing %s: %v", name, err)
	}
	s.until("status NetStream.Play.Start Started playing " + name + ".")
	s.until(`0 data @0 onStatus {code: "NetStream.Data.Start"}`)
	return s
}
