package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/configs"
	"afterglow/rtmp"
)

// patience is how long a test waits for what must happen; only a failing test waits so long.
const patience = 20 * time.Second

// logBuffer keeps what was logged and lets tests wait for it.
type logBuffer struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newLogBuffer() *logBuffer { return &logBuffer{changed: make(chan struct{})} }

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await returns when all words stand in one line.
func (b *logBuffer) await(t *testing.T, words ...string) string {
	t.Helper()
	late := time.After(patience)
	for {
		b.mu.Lock()
		text, changed := b.text.String(), b.changed
		b.mu.Unlock()
		if line := lineWith(text, words); line != "" {
			return line
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%q was not logged in\n%s", words, b)
		}
	}
}

func lineWith(text string, words []string) string {
	for line := range strings.Lines(text) {
		missing := false
		for _, w := range words {
			missing = missing || !strings.Contains(line, w)
		}
		if !missing {
			return line
		}
	}
	return ""
}

// testNode is a node on free ports of loopback with folders of its own.
type testNode struct {
	*node
	dir  string
	logs *logBuffer
}

// prepareNode makes a node that does not listen yet.
func prepareNode(t *testing.T, set ...string) *testNode {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, configs.DefaultFile)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sources := configs.Sources{File: file, Set: append([]string{
		"data.dir=" + filepath.Join(dir, "data"), "applications.dir=" + filepath.Join(dir, "applications"),
		"rtmp.listen=127.0.0.1:0", "rtmfp.listen=127.0.0.1:0", "metrics.listen=127.0.0.1:0", "log.level=debug",
	}, set...)}
	logs := newLogBuffer()
	n, err := newNode(sources, logs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.objects.Close() })
	return &testNode{node: n, dir: dir, logs: logs}
}

// startNode makes a node and ends it with the test.
func startNode(t *testing.T, set ...string) *testNode {
	t.Helper()
	n := prepareNode(t, set...)
	n.begin(t)
	return n
}

func (n *testNode) begin(t *testing.T) {
	t.Helper()
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !n.draining.Load() {
			n.stop()
		}
	})
}

// reconfigure reloads with more settings.
func (n *testNode) reconfigure(set ...string) {
	n.sources.Set = append(n.sources.Set, set...)
	n.reload()
}

func (n *testNode) url() string { return "rtmp://" + n.addressOf("rtmp") + "/live" }

// testClient is an RTMP client that speaks by hand.
type testClient struct {
	t *testing.T
	*rtmp.Conn
}

func dialWith(t *testing.T, d *rtmp.Dialer, url string) (*testClient, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := d.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(patience))
	return &testClient{t, c}, nil
}

func dial(t *testing.T, url string) *testClient {
	t.Helper()
	c, err := dialWith(t, new(rtmp.Dialer), url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *testClient) send(stream uint32, values ...amf.Value) {
	c.t.Helper()
	payload, err := amf.Append0(nil, values...)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.Send(rtmp.Message{Type: rtmp.TypeCommandAMF0, StreamID: stream, Payload: payload}); err != nil {
		c.t.Fatal(err)
	}
}

// status returns the code of the next status, be it in an answer or in an onStatus.
func (c *testClient) status() string {
	c.t.Helper()
	for {
		m, err := c.ReadMessage()
		if err != nil {
			c.t.Fatalf("no status: %v", err)
		}
		if m.Type != rtmp.TypeCommandAMF0 {
			continue
		}
		values, err := amf.Decode0(m.Payload, nil)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, v := range values {
			if o, ok := v.(*amf.Object); ok && o.String("code") != "" {
				return o.String("code")
			}
		}
	}
}

// connect returns the code of the answer.
func (c *testClient) connect(app string) string {
	c.t.Helper()
	c.send(0, "connect", 1.0, amf.NewObject(amf.Property{Name: "app", Value: app}))
	return c.status()
}

// publish makes the first stream and publishes on it. It returns the code of the answer.
func (c *testClient) publish(name string) string {
	c.t.Helper()
	c.send(0, "createStream", 2.0, nil)
	c.send(1, "publish", 3.0, nil, name, "live")
	return c.status()
}

// publishAs connects to live, publishes and returns the code.
func (c *testClient) publishAs(name string) string {
	c.t.Helper()
	if code := c.connect("live"); code != "NetConnection.Connect.Success" {
		c.t.Fatalf("connect: %s", code)
	}
	return c.publish(name)
}

// through returns a dialer whose connections begin with header, in one piece with what comes first.
func through(header []byte) *rtmp.Dialer {
	return &rtmp.Dialer{NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, address)
		return &headed{Conn: nc, header: header}, err
	}}
}

type headed struct {
	net.Conn
	header []byte
}

func (h *headed) Write(p []byte) (int, error) {
	if h.header == nil {
		return h.Conn.Write(p)
	}
	n, err := h.Conn.Write(append(h.header, p...))
	n = max(0, n-len(h.header))
	h.header = nil
	return n, err
}
