package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"afterglow/configs"
)

func TestKeyIsMadeOnceAndKeptPrivately(t *testing.T) {
	c := configs.Default()
	c.Data.Dir = filepath.Join(t.TempDir(), "data")
	first, err := loadPublishKey(c)
	if err != nil || !first.made || len(first.value) != 24 {
		t.Fatalf("first start: %+v, %v", first, err)
	}
	info, err := os.Stat(first.file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	second, err := loadPublishKey(c)
	if err != nil || second.made || second.value != first.value {
		t.Errorf("second start: %+v, %v, want %s", second, err, first.value)
	}
	c.Publish.Key = "mine"
	if k, err := loadPublishKey(c); err != nil || k != (publishKey{value: "mine"}) {
		t.Errorf("configured: %+v, %v", k, err)
	}
}

func TestKeptKeyThatIsNoKeyIsRefused(t *testing.T) {
	c := configs.Default()
	c.Data.Dir = t.TempDir()
	file := filepath.Join(c.Data.Dir, keyFile)
	if err := os.WriteFile(file, []byte("two words\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := loadPublishKey(c)
	if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "allowed is") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "two words") {
		t.Errorf("the error tells the key: %v", err)
	}
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := loadPublishKey(c); err != nil || !k.made {
		t.Errorf("empty file: %+v, %v, want a new key", k, err)
	}
}

func TestShutdownTellsClientsAndWaitsForThem(t *testing.T) {
	n := startNode(t)
	c := dial(t, n.url())
	if code := c.connect("live"); code != "NetConnection.Connect.Success" {
		t.Fatal(code)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.stop()
	}()
	if code := c.status(); code != "NetConnection.Connect.AppShutdown" {
		t.Errorf("told %s", code)
	}
	if _, err := c.ReadMessage(); !errors.Is(err, io.EOF) {
		t.Errorf("after the status: %v, want the end", err)
	}
	_ = c.Close()
	<-ended
	if strings.Contains(n.logs.String(), "did not go in time") {
		t.Error("the client was not waited for")
	}
}

func TestShutdownTellsClientsEvenWithoutTime(t *testing.T) {
	n := startNode(t, "shutdown.time=0s")
	c := dial(t, n.url())
	if code := c.connect("live"); code != "NetConnection.Connect.Success" {
		t.Fatal(code)
	}
	n.stop()
	if code := c.status(); code != "NetConnection.Connect.AppShutdown" {
		t.Errorf("told %s", code)
	}
}

func TestShutdownTellsClientsThatComeMeanwhile(t *testing.T) {
	n := startNode(t, "shutdown.time=1h", "limits.handshakeTime=10m")
	nc, err := net.Dial("tcp", n.addressOf("rtmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	late := &testClient{t: t}
	// A served connection tells that the one before has been accepted, too.
	_ = dial(t, n.url()).Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.stop()
	}()
	n.logs.await(t, "shutting down")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if late.Conn, err = through(nil).NewConn(ctx, nc); err != nil {
		t.Fatal(err)
	}
	_ = late.SetReadDeadline(time.Now().Add(patience))
	if code := late.status(); code != "NetConnection.Connect.AppShutdown" {
		t.Errorf("told %s", code)
	}
	_ = late.Close()
	<-ended
}

func TestFailingListenerEndsTheServer(t *testing.T) {
	n := prepareNode(t)
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	_ = n.listeners[0].Close()
	err := n.run(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "rtmp at "+n.addressOf("rtmp")) {
		t.Errorf("got %v", err)
	}
}

func TestAddressInUseSaysWhatToDo(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	n := prepareNode(t, "metrics.listen="+other.Addr().String())
	err = n.start()
	for _, words := range []string{"metrics.listen: ", "address already in use", "ss -ltnp", "--set metrics.listen="} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want %q in it", err, words)
		}
	}
	if _, err := n.listeners[0].Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the other address stays open: %v", err)
	}
}

func TestBannerShowsTheKeyAtTheFirstStartOnly(t *testing.T) {
	n := startNode(t, "rtmps.listen=127.0.0.1:0")
	var first bytes.Buffer
	n.banner(&first)
	for _, words := range []string{
		"rtmp://" + n.addressOf("rtmp") + "/live", n.addressOf("rtmps") + "   self-signed",
		"http://" + n.addressOf("http") + "/metrics", "Stream Key NAME?key=" + n.key.value,
	} {
		if !strings.Contains(first.String(), words) {
			t.Errorf("%q is not in the banner:\n%s", words, &first)
		}
	}
	if err := n.objects.Close(); err != nil { // two servers do not share a folder
		t.Fatal(err)
	}
	again, err := newNode(n.sources, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.objects.Close() })
	var second bytes.Buffer
	again.listeners = n.listeners
	again.banner(&second)
	if strings.Contains(second.String(), n.key.value) || !strings.Contains(second.String(), n.key.file) {
		t.Errorf("at the second start:\n%s", &second)
	}
}

func TestLiveURLLeavesOutTheUsualPort(t *testing.T) {
	for _, test := range []struct{ address, host, want string }{
		{"0.0.0.0:1935", "192.0.2.1", "rtmp://192.0.2.1/live"},
		{"[::]:1935", "2001:db8::1", "rtmp://[2001:db8::1]/live"},
		{"[::]:1936", "THIS-HOST", "rtmp://THIS-HOST:1936/live"},
		{"[2001:db8::2]:1935", "192.0.2.1", "rtmp://[2001:db8::2]/live"},
		{"192.0.2.7:19350", "127.0.0.1", "rtmp://192.0.2.7:19350/live"},
	} {
		a, err := net.ResolveTCPAddr("tcp", test.address)
		if err != nil {
			t.Fatal(err)
		}
		n := &node{listeners: []listener{{Listener: at{a}, protocol: "rtmp"}}}
		if got := n.liveURL(test.host); got != test.want {
			t.Errorf("%s from %s: %s, want %s", test.address, test.host, got, test.want)
		}
	}
}

// at is a listener that has nothing but an address.
type at struct{ a net.Addr }

func (l at) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (l at) Close() error              { return nil }
func (l at) Addr() net.Addr            { return l.a }
