package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"afterglow/streams"

	"afterglow/netconn/overrtmfp"
)

// get returns the status and body of a page of metrics.listen.
func (n *testNode) get(t *testing.T, path string) (int, string) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + n.addressOf("http") + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// metric returns the value of a series as /metrics writes it, "" where there is none.
func (n *testNode) metric(t *testing.T, series string) string {
	t.Helper()
	_, page := n.get(t, "/metrics")
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestMetricsShowTheCounters(t *testing.T) {
	n := startNode(t)
	door, front, s := n.rtmp.Stats(), n.front.Stats(), n.apps.Stats()
	door.Accepted.Add(11)
	door.Refused.Add(12)
	door.HandshakeFailed.Add(13)
	front.Closed.Add(21)
	front.Slow.Add(22)
	front.Dead.Add(23)
	front.Abused.Add(24)
	front.Ignored.Add(25)
	front.BytesReceived.Add(26)
	front.BytesSent.Add(27)
	s.Accepted.Add(31)
	s.Rejected.Add(32)
	s.Clients.Add(33)
	s.Instances.Add(34)
	s.SharedObjects.Add(35)
	s.Problems.Add(36)
	s.Streams.PacketsIn.Add(41)
	s.Streams.BytesIn.Add(42)
	s.Streams.Skips.Add(43)
	s.Streams.Skipped.Add(44)
	s.Streams.LostKept.Add(45)
	s.Streams.Skippers.Add(46)
	s.Streams.Publishers.Add(47)
	s.Streams.Subscribers.Add(48)
	for series, want := range map[string]string{
		"afterglow_connections":                              "0",
		"afterglow_connections_limit":                        "20000",
		"afterglow_connections_accepted_total":               "11",
		"afterglow_connections_refused_total":                "12",
		"afterglow_handshakes_failed_total":                  "13",
		`afterglow_connections_ended_total{reason="closed"}`: "21",
		`afterglow_connections_ended_total{reason="slow"}`:   "22",
		`afterglow_connections_ended_total{reason="dead"}`:   "23",
		`afterglow_connections_ended_total{reason="abused"}`: "24",
		"afterglow_rtmp_ignored_messages_total":              "25",
		"afterglow_rtmp_received_bytes_total":                "26",
		"afterglow_rtmp_sent_bytes_total":                    "27",
		"afterglow_connects_accepted_total":                  "31",
		"afterglow_connects_rejected_total":                  "32",
		"afterglow_clients":                                  "33",
		"afterglow_instances":                                "34",
		"afterglow_shared_objects":                           "35",
		"afterglow_script_problems_total":                    "36",
		"afterglow_media_received_packets_total":             "41",
		"afterglow_media_received_bytes_total":               "42",
		"afterglow_subscriber_skips_total":                   "43",
		"afterglow_subscriber_skipped_packets_total":         "44",
		"afterglow_subscriber_lost_messages_total":           "45",
		"afterglow_subscribers_skipping_total":               "46",
		"afterglow_publishers":                               "47",
		"afterglow_subscribers":                              "48",
		"afterglow_adaptive_write_interval_seconds":          "0",
		"afterglow_draining":                                 "0",
		"afterglow_streams_unlisted":                         "0",
	} {
		if got := n.metric(t, series); got != want {
			t.Errorf("%s = %q, want %s", series, got, want)
		}
	}
	if n.metric(t, "process_open_fds") == "" || n.metric(t, "go_goroutines") == "" {
		t.Error("the process is not shown")
	}
}

func TestMetricsFollowPrometheusConventions(t *testing.T) {
	n := prepareNode(t)
	problems, err := testutil.CollectAndLint(newCollector(n.node))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestBytesOfOpenConnectionsAreCounted(t *testing.T) {
	n := startNode(t)
	c := dial(t, n.url())
	if code := c.publishAs("x"); code != granted {
		t.Fatal(code)
	}
	open := n.front.Traffic()
	if open.BytesReceived < 2*1536 || open.BytesSent == 0 {
		t.Errorf("while it is open: %+v", open)
	}
	if got := n.metric(t, "afterglow_connections"); got != "1" {
		t.Errorf("%s connections", got)
	}
	_ = c.Close()
	n.logs.await(t, "connection ended")
	if after := n.front.Traffic(); after.BytesReceived < open.BytesReceived || after.BytesSent < open.BytesSent {
		t.Errorf("totals went down: %+v, %+v", open, after)
	}
}

func TestPublishedStreamsAreListed(t *testing.T) {
	n := startNode(t)
	c := dial(t, n.url())
	if code := c.connect("live/studio"); code != "NetConnection.Connect.Success" {
		t.Fatal(code)
	}
	if code := c.publish("a \"quoted\" name\xff"); code != granted {
		t.Fatal(code)
	}
	if got := n.metric(t, `afterglow_stream_subscribers{app="live",instance="studio",stream="a \"quoted\" name?"}`); got != "0" {
		_, page := n.get(t, "/metrics")
		t.Errorf("got %q in\n%s", got, page)
	}
}

func TestNumberOfListedStreamsIsBounded(t *testing.T) {
	n := startNode(t)
	c := dial(t, n.url())
	if code := c.publishAs("first"); code != granted {
		t.Fatal(code)
	}
	hub := n.apps.Instances()[0].Hub()
	long := strings.Repeat("x", maxLabel)
	for _, end := range []string{"1", "2"} { // alike when shortened
		p, err := hub.Publish(long+end, streams.Claim{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
	}
	const more = maxListedStreams + 5
	for i := range more {
		p, err := hub.Publish(fmt.Sprint("s", i), streams.Claim{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
	}
	status, page := n.get(t, "/metrics")
	if got := strings.Count(page, "afterglow_stream_subscribers{"); status != http.StatusOK || got != maxListedStreams {
		t.Errorf("status %d, %d streams listed, want %d", status, got, maxListedStreams)
	}
	if !strings.Contains(page, `stream="first"`) {
		t.Error("the oldest stream is not listed")
	}
	if got := n.metric(t, "afterglow_streams_unlisted"); got != "8" {
		t.Errorf("%s unlisted, want 8", got)
	}
}

func TestHealthTellsTheRealAddresses(t *testing.T) {
	n := startNode(t, "rtmps.listen=127.0.0.1:0")
	status, body := n.get(t, "/healthz")
	var h health
	if err := json.Unmarshal([]byte(body), &h); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if h.Status != "ok" || h.Version == "" || h.Uptime <= 0 {
		t.Errorf("got %+v", h)
	}
	protocols := ""
	for _, l := range h.Listeners {
		protocols += l.Protocol + " "
		if l.Protocol == "rtmfp" {
			c, err := overrtmfp.Dial(t.Context(), "rtmfp://"+l.Address+"/live", overrtmfp.DialOptions{})
			if err != nil {
				t.Errorf("rtmfp: %v", err)
				continue
			}
			c.Close()
			<-c.Ended()
			continue
		}
		nc, err := net.Dial("tcp", l.Address)
		if err != nil {
			t.Errorf("%s: %v", l.Protocol, err)
			continue
		}
		_ = nc.Close()
	}
	if protocols != "rtmp rtmps http rtmfp " {
		t.Errorf("listeners: %s", protocols)
	}
	if status, _ := n.get(t, "/elsewhere"); status != http.StatusNotFound {
		t.Errorf("/elsewhere: %d", status)
	}
}

func TestHealthSaysWhenTheServerGoes(t *testing.T) {
	n := startNode(t, "shutdown.time=1h", "limits.handshakeTime=10m")
	// A connection in the midst of its handshake keeps the server waiting.
	nc, err := net.Dial("tcp", n.addressOf("rtmp"))
	if err != nil {
		t.Fatal(err)
	}
	_ = dial(t, n.url()).Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.stop()
	}()
	n.logs.await(t, "shutting down")
	status, body := n.get(t, "/healthz")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"draining"`) {
		t.Errorf("got %d %s", status, body)
	}
	if got := n.metric(t, "afterglow_draining"); got != "1" {
		t.Errorf("afterglow_draining = %s", got)
	}
	_ = nc.Close()
	<-ended
}

func TestMetricsAreTurnedOff(t *testing.T) {
	n := startNode(t, "metrics.listen=")
	if a := n.addressOf("http"); a != "" {
		t.Errorf("listening at %s", a)
	}
}

func TestEveryMetricIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	n := startNode(t)
	if code := dial(t, n.url()).publishAs("x"); code != granted {
		t.Fatal(code)
	}
	_, metrics := n.get(t, "/metrics")
	for line := range strings.Lines(metrics) {
		name, found := strings.CutPrefix(line, "# TYPE afterglow_")
		if !found {
			continue
		}
		name = "afterglow_" + strings.Fields(name)[0]
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/operations.md does not explain %s", name)
		}
	}
}
