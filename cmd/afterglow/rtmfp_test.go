package main

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

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

func TestMetricsShowTheCountersOfRTMFP(t *testing.T) {
	n := startNode(t)
	s := n.rtmfp.front.Stats()
	for i, counter := range []*atomic.Uint64{
		&s.Closed, &s.Slow, &s.Dead, &s.Replaced, &s.Abused, &s.Moved, &s.Ignored, &s.FlowsRejected,
		&s.AudioAbandoned, &s.VideoAbandoned, &s.Introduced, &s.NotIntroduced, &s.Redirected,
	} {
		counter.Add(uint64(11 + i))
	}
	socket, err := net.Dial("udp", n.addressOf("rtmfp"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if _, err := socket.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	for n.metric(t, `afterglow_rtmfp_dropped_datagrams_total{reason="short"}`) != "1" {
		runtime.Gosched()
	}
	for series, want := range map[string]string{
		`connections_ended_total{reason="closed"}`:   "11",
		`connections_ended_total{reason="slow"}`:     "12",
		`connections_ended_total{reason="dead"}`:     "13",
		`connections_ended_total{reason="replaced"}`: "14",
		`connections_ended_total{reason="abused"}`:   "15",
		"moved_total":                 "16",
		"ignored_messages_total":      "17",
		"rejected_flows_total":        "18",
		"abandoned_audio_total":       "19",
		"abandoned_video_total":       "20",
		"introductions_total":         "21",
		"introductions_refused_total": "22",
		"redirected_total":            "23",
		"sessions":                    "0",
		"sessions_accepted_total":     "0",
		"sent_bytes_total":            "0",
		"received_bytes_total":        "1",
	} {
		if got := n.metric(t, "afterglow_rtmfp_"+series); got != want {
			t.Errorf("%s = %q, want %s", series, got, want)
		}
	}
	problems, err := testutil.CollectAndLint(newRTMFPCollector(n.node))
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

func TestServerThatCannotBeFoundNowKeepsTheAddressesThatItHad(t *testing.T) {
	n := startNode(t)
	d := n.rtmfp
	const nowhere = "nowhere" // without a port, so that no name server is asked
	if got := d.resolve([]string{"127.0.0.9:1", nowhere}); len(got) != 1 || got[0].String() != "127.0.0.9:1" {
		t.Errorf("at first: %v", got)
	}
	n.logs.await(t, "rtmfp.redirect.servers not found", nowhere)
	d.found[nowhere] = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:1935")}
	if got := d.resolve([]string{nowhere}); len(got) != 1 || got[0].String() != "192.0.2.7:1935" {
		t.Errorf("when its name is not found any more: %v", got)
	}
	if d.resolve(nil); len(d.found) != 0 {
		t.Errorf("servers that are not wanted are remembered: %v", d.found)
	}
}
