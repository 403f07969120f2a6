package rtmfpload

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// fullReport has two rounds of everything, the figures of the second one twice those of the first.
func fullReport() *Report {
	r := &Report{
		ServerCPU: 0, ClientCPU: -1, Procs: 1, HMAC: true,
		Burst: &BurstReport{}, Bulk: &BulkReport{}, Handshake: &HandshakeReport{}, Idle: &IdleReport{}, Flood: &FloodReport{}, Floor: &FloorReport{},
	}
	group := HandshakeGroup{Group: 14}
	for n := range 2 {
		use := Use{Seconds: 1, CPUSeconds: 0.25 * float64(n+1), Allocations: 100}
		floor := FloorRound{Seal: use, Sender: use, Receiver: use}
		floor.derive(100_000)
		burst := BurstRound{
			Bursts: 25_000, Sending: 1, Server: use, Client: use, Floor: &floor,
			ServerTraffic: Traffic{DatagramsSent: 125_000, BytesSent: 125_000_000, DatagramsReceived: 50_000, SendCalls: 1000},
		}
		burst.derive()
		bulk := BulkRound{Server: use, Client: use, Arrived: Arrived{Messages: 10, Bytes: 125_000_000 * uint64(n+1)}}
		bulk.derive()
		handshake := HandshakeRound{Server: use, Client: use, Opened: 500 * uint64(n+1)}
		handshake.derive()
		idle := IdleRound{Sessions: 1024, After: Memory{RSS: 8 << 20 << n, Heap: 4 << 20}, Server: use}
		idle.derive()
		r.Burst.Rounds = append(r.Burst.Rounds, burst)
		r.Bulk.Rounds = append(r.Bulk.Rounds, bulk)
		r.Idle.Rounds = append(r.Idle.Rounds, idle)
		r.Floor.Rounds = append(r.Floor.Rounds, floor)
		group.Rounds = append(group.Rounds, handshake)
		r.Flood.Rounds = append(r.Flood.Rounds, []FloodPhase{
			{Attack: quiet}, {Attack: "random", LostBursts: 7, Counters: Counters{"DroppedShort": 3, "BytesSent": 9}},
		})
	}
	r.Handshake.Groups = []HandshakeGroup{group}
	return r
}

func TestTableShowsMediansOfEveryPart(t *testing.T) {
	var b bytes.Buffer
	if err := fullReport().WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(b.String()) {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	for _, want := range []string{
		"server on core 0, client on core any, GOMAXPROCS and shards 1, HMAC on, sequence numbers off",
		"server 125000 1000 0.250 0.250 0.500 25% 0% 0.001",
		"server to its floors 0.48",
		"25000 bursts in 1.0 s, 25000 missing, 0 skipped, 0 fragments repeated, 0 sessions ended; 2.00 acknowledging datagrams a burst;",
		"1000 bytes a datagram, 125.0 datagrams a call to send, 0.0 a call to receive; 0% of the server's core used by others",
		"server 1.00 1.00 2.00 0.250 25%",
		"14 500 500 1000 0.500 25% 0",
		"8.0 8.0 16.0 0.0 4.0 8.0 250.0 0",
		"random: DroppedShort 3; the system dropped 0",
		"seal 0.260 0.260 0.519 2500",
	} {
		if !slices.Contains(rows, want) {
			t.Errorf("no row %q in\n%s", want, b.String())
		}
	}
}

func TestEmptyReportIsOneLine(t *testing.T) {
	var b bytes.Buffer
	if err := new(Report).WriteTable(&b); err != nil || strings.Count(b.String(), "\n") != 1 {
		t.Errorf("error %v, table:\n%s", err, b.String())
	}
	full := Report{
		Burst: &BurstReport{}, Bulk: &BulkReport{}, Handshake: &HandshakeReport{}, Idle: &IdleReport{}, Flood: &FloodReport{}, Floor: &FloorReport{},
	}
	if err := full.WriteTable(&b); err != nil {
		t.Errorf("a report whose measurements have all failed: %v", err)
	}
}

func TestJSONHasFiguresAndComesBack(t *testing.T) {
	var b bytes.Buffer
	want := fullReport()
	if err := want.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if r := got.Burst.Rounds[1]; r.ServerPerGigabit != 0.5 || r.Ratio != want.Burst.Rounds[1].Ratio || r.PacketsPerSecond != 125_000 {
		t.Errorf("burst: %+v", r)
	}
	if got.Flood.Rounds[1][1].Counters["DroppedShort"] != 3 {
		t.Errorf("flood: %+v", got.Flood.Rounds[1][1])
	}
}

func TestReportsOfPartsMakeOne(t *testing.T) {
	var all *Report
	all = all.with(nil).with(&Report{Procs: 2, Burst: &BurstReport{}}).with(nil).with(&Report{Idle: &IdleReport{}})
	if all == nil || all.Procs != 2 || all.Burst == nil || all.Idle == nil || all.Bulk != nil {
		t.Errorf("report: %+v", all)
	}
}

func TestMedianIsTheRoundInTheMiddle(t *testing.T) {
	self := func(f *float64) float64 { return *f }
	for _, c := range []struct {
		rounds             []float64
		middle, least, top float64
	}{{[]float64{3}, 3, 3, 3}, {[]float64{9, 1}, 1, 1, 9}, {[]float64{5, 9, 1}, 5, 1, 9}} {
		m, least, top := median(c.rounds, self)
		if *m != c.middle || least != c.least || top != c.top {
			t.Errorf("%v: %v between %v and %v", c.rounds, *m, least, top)
		}
	}
	if m, _, _ := median(nil, self); m != nil {
		t.Error("a median of nothing")
	}
}

func TestCountersAreTheNumbersThatChanged(t *testing.T) {
	type stats struct {
		Same, More uint64
		Name       string
		Nested     struct{ X int }
	}
	now, old := countersOf(stats{Same: 1, More: 5}), countersOf(stats{Same: 1, More: 2})
	if changed := now.since(old); !maps.Equal(changed, Counters{"More": 3}) {
		t.Errorf("changed: %v", changed)
	}
}

func TestStampComesBack(t *testing.T) {
	want := stamp{1<<40 + 3, 1<<50 + 7}
	b := want.append(nil)
	if got, ok := readStamp(append(b, 1, 2, 3)); !ok || got != want || len(b) != stampSize {
		t.Errorf("got %v %v from %d bytes", got, ok, len(b))
	}
	if _, ok := readStamp(b[:stampSize-1]); ok {
		t.Error("a stamp in too few bytes")
	}
}
