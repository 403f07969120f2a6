package main

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/redirector"
)

// runRedirector runs a redirector at which alice with the password secret may register.
func runRedirector(t *testing.T) (address string) {
	t.Helper()
	s, err := redirector.NewServer(redirector.ServerConfig{
		Name: "NAME", Users: map[string][]byte{"alice": []byte("secret")}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := rtmfp.Listen(t.Context(), s.Endpoint(rtmfp.Config{Addresses: []string{"127.0.0.1:0"}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e.Addrs()[0].String()
}

func TestServerRegistersAtTheRedirectorsOfTheConfiguration(t *testing.T) {
	address := runRedirector(t)
	n := startNode(t)
	n.reconfigure("rtmfp.redirectors=rtmfp://alice:secret@" + address + "/NAME")
	n.logs.await(t, "registered", "127.0.0.1")
	c, err := overrtmfp.Dial(t.Context(), "rtmfp://"+address+"/live", overrtmfp.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Far().Address; got != n.addressOf("rtmfp") {
		t.Errorf("the redirector led to %s, not to %s", got, n.addressOf("rtmfp"))
	}
	c.Close()
	<-c.Ended()
	n.sources.Set = n.sources.Set[:len(n.sources.Set)-1]
	n.reload()
	if left := n.rtmfp.redirectors(); len(left) != 0 {
		t.Errorf("registered at %v still", left)
	}
}

func TestKeyLogIsWrittenAndWarnedOf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.log")
	n := startNode(t, "rtmfp.keyLog="+file)
	n.logs.await(t, "level=WARN", "keys of RTMFP sessions")
	c, err := overrtmfp.Dial(t.Context(), "rtmfp://"+n.addressOf("rtmfp")+"/live", overrtmfp.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	<-c.Ended()
	b, err := os.ReadFile(file)
	if err != nil || strings.Count(string(b), "\n") != 1 || !strings.HasPrefix(string(b), "session near=") {
		t.Errorf("%v: %q", err, b)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key log is open to others: %v %v", info, err)
	}
}

func TestTakenUDPPortIsExplained(t *testing.T) {
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	address := socket.LocalAddr().String()
	n := prepareNode(t, "rtmfp.listen="+address)
	err = n.start()
	if err == nil || !strings.Contains(err.Error(), "rtmfp.listen") || !strings.Contains(err.Error(), "another program has the port") {
		t.Errorf("got %v", err)
	}
}
