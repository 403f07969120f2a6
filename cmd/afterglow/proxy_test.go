package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"afterglow/rtmp"
)

const trustLoopback = "rtmp.proxyProtocol=127.0.0.0/8"

// proxyHeader is a header as a proxy makes it for a client.
func proxyHeader(t *testing.T, version byte, client string) []byte {
	t.Helper()
	source, err := net.ResolveTCPAddr("tcp", client)
	if err != nil {
		t.Fatal(err)
	}
	target := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1935}
	if source.IP.To4() == nil {
		target.IP = net.ParseIP("2001:db8::1")
	}
	b, err := proxyproto.HeaderProxyFromAddrs(version, source, target).Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// localHeader is what a proxy sends for a connection of its own.
func localHeader() []byte {
	return append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x20, 0, 0, 0)
}

const (
	granted = "NetStream.Publish.Start"
	refused = "NetStream.Publish.BadName"
)

func TestLoopbackPublishesWithoutKey(t *testing.T) {
	n := startNode(t)
	if code := dial(t, n.url()).publishAs("x"); code != granted {
		t.Errorf("got %s", code)
	}
}

func TestClientBehindProxyNeverCountsAsLoopback(t *testing.T) {
	n := startNode(t, trustLoopback, "rtmps.listen=127.0.0.1:0")
	for _, test := range []struct {
		name   string
		header []byte
		remote string
	}{
		{"version 1", proxyHeader(t, 1, "203.0.113.7:4711"), "203.0.113.7:4711"},
		{"version 2", proxyHeader(t, 2, "203.0.113.8:4711"), "203.0.113.8:4711"},
		{"version 2, IPv6", proxyHeader(t, 2, "[2001:db8::9]:4711"), "[2001:db8::9]:4711"},
		{"client says loopback", proxyHeader(t, 1, "127.0.0.1:4711"), "127.0.0.1:4711"},
		{"client says loopback, IPv6", proxyHeader(t, 2, "[::1]:4711"), "[::1]:4711"},
		{"version 1, unknown", []byte("PROXY UNKNOWN\r\n"), "127.0.0.1:"},
		{"version 2, local", localHeader(), "127.0.0.1:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := dialWith(t, through(test.header), n.url())
			if err != nil {
				t.Fatal(err)
			}
			if code := c.publishAs("x"); code == granted {
				t.Error("published without a key")
			}
			n.logs.await(t, "publish refused", test.remote)
			d := through(test.header)
			d.TLSConfig = &tls.Config{InsecureSkipVerify: true}
			if c, err = dialWith(t, d, "rtmps://"+n.addressOf("rtmps")+"/live"); err != nil {
				t.Fatal(err)
			}
			if code := c.publishAs("x"); code == granted {
				t.Error("published over RTMPS without a key")
			}
			n.logs.await(t, "msg=connect", "protocol=rtmps", test.remote)
		})
	}
	c, err := dialWith(t, through(proxyHeader(t, 1, "203.0.113.7:4712")), n.url())
	if err != nil {
		t.Fatal(err)
	}
	if code := c.publishAs("x?key=" + n.key.value); code != granted {
		t.Errorf("with the key: %s", code)
	}
}

func TestProxyHeaderFromStrangersIsABadHandshake(t *testing.T) {
	n := startNode(t, "rtmp.proxyProtocol=192.0.2.0/24")
	for version := byte(1); version <= 2; version++ {
		if _, err := dialWith(t, through(proxyHeader(t, version, "203.0.113.7:4711")), n.url()); err == nil {
			t.Errorf("version %d was taken", version)
		}
	}
	n.logs.await(t, "handshake failed", "127.0.0.1")
	if strings.Contains(n.logs.String(), "203.0.113.7") {
		t.Error("the header was believed")
	}
}

func TestProxyWithoutHeaderIsClosed(t *testing.T) {
	n := startNode(t, trustLoopback)
	if _, err := dialWith(t, new(rtmp.Dialer), n.url()); err == nil {
		t.Error("a connection without header was taken")
	}
	n.logs.await(t, "handshake failed", "rtmp.proxyProtocol")
	for _, bad := range []string{"PROXY nonsense\r\n", "PROXY TCP4 1.2.3.4\r\n", "\r\n\r\n\x00\r\nQUIT\n\x99\x99\xff\xff" + strings.Repeat("x", 70_000)} {
		if _, err := dialWith(t, through([]byte(bad)), n.url()); err == nil {
			t.Errorf("%.20q was taken", bad)
		}
	}
	// A client sees the end before it is counted.
	for n.rtmp.Stats().HandshakeFailed.Load() < 4 && t.Context().Err() == nil {
		runtime.Gosched()
	}
	if got := n.rtmp.Stats().HandshakeFailed.Load(); got != 4 {
		t.Errorf("%d failed handshakes counted, want 4", got)
	}
}

func TestSilentProxyKeepsNobodyWaiting(t *testing.T) {
	n := startNode(t, trustLoopback, "limits.handshakeTime=10m", "limits.connections=3")
	var silent []net.Conn
	for range 2 {
		nc, err := net.Dial("tcp", n.addressOf("rtmp"))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		silent = append(silent, nc)
	}
	c, err := dialWith(t, through(proxyHeader(t, 1, "203.0.113.7:4711")), n.url())
	if err != nil {
		t.Fatal(err)
	}
	if code := c.connect("live"); code != "NetConnection.Connect.Success" {
		t.Error(code)
	}
	// Those that wait for their header count as connections.
	if _, err := dialWith(t, through(proxyHeader(t, 1, "203.0.113.7:4711")), n.url()); err == nil {
		t.Error("one more than limits.connections was taken")
	}
	if got := n.rtmp.Stats().Refused.Load(); got != 1 {
		t.Errorf("%d refused, want 1", got)
	}
	_ = c.Close()
	n.stop()
	for _, nc := range silent {
		_ = nc.SetReadDeadline(time.Now().Add(patience))
		if _, err := nc.Read(make([]byte, 1)); !gone(err) {
			t.Errorf("a silent connection after the end: %v", err)
		}
	}
}

func gone(err error) bool { return errors.Is(err, io.EOF) || rtmp.IsDisconnect(err) }

func TestProxyHeaderTimesOut(t *testing.T) {
	n := startNode(t, trustLoopback, "limits.handshakeTime=10ms")
	nc, err := net.Dial("tcp", n.addressOf("rtmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetReadDeadline(time.Now().Add(patience))
	if _, err := nc.Read(make([]byte, 1)); !gone(err) {
		t.Errorf("got %v, want the end", err)
	}
	n.logs.await(t, "handshake failed", "PROXY header", "timeout")
}

func TestLimitForEachAddressCountsTheClientBehindTheProxy(t *testing.T) {
	n := startNode(t, trustLoopback, "limits.connectionsPerAddress=1")
	for _, test := range []struct {
		client string
		taken  bool
	}{
		{"203.0.113.7:1", true},
		{"203.0.113.8:1", true},
		{"203.0.113.7:2", false},
	} {
		_, err := dialWith(t, through(proxyHeader(t, 2, test.client)), n.url())
		if taken := err == nil; taken != test.taken {
			t.Errorf("%s: taken %v (%v)", test.client, taken, err)
		}
	}
	n.logs.await(t, "connection refused", "203.0.113.7:2")
}
