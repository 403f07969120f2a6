package bench

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVerdictNamesEachReason(t *testing.T) {
	growing := func(s *stats) {
		s.slices[0] = mean{sum: 10 * time.Millisecond, count: 1}
		s.slices[latencySlices-1] = mean{sum: 900 * time.Millisecond, count: 1}
	}
	for _, test := range []struct {
		name   string
		change func(*Step)
		stats  func(*stats)
		joined int
		want   string // "" is clean
	}{
		{name: "nothing is wrong", joined: 10},
		{name: "a player without a picture", joined: 9, want: "1 players have no picture"},
		{name: "a gap", joined: 10, change: func(s *Step) { s.AudioGaps = 2 }, want: "2 frames missing"},
		{name: "a gap by a deadline", joined: 10, change: func(s *Step) { s.VideoGaps, s.Abandoned = 3, 2 }, want: "3 frames missing, 2 of them given up by the server"},
		{name: "a gap while joining is the server's business", joined: 10, change: func(s *Step) { s.JoiningGaps = 2 }},
		{name: "a repeated frame", joined: 10, change: func(s *Step) { s.Repeats = 1 }, want: "1 frames repeated"},
		{name: "a stall", joined: 10, change: func(s *Step) { s.Stalls, s.WorstStall = 1, 700 }, want: "the longest 0.7 s"},
		{name: "too little arrived", joined: 10, change: func(s *Step) { s.DeliveredShare = 0.99 }, want: "99.00% delivered"},
		{name: "a lost player", joined: 10, change: func(s *Step) { s.Lost = map[string]int{"EOF": 1} }, want: "1 players lost: EOF"},
		{name: "latency grows", joined: 10, stats: growing, want: "falling behind"},
	} {
		s := &Step{Received: Received{Players: 10, DeliveredShare: 1}}
		var total stats
		if test.change != nil {
			test.change(s)
		}
		if test.stats != nil {
			test.stats(&total)
		}
		s.judge(&total, test.joined, nil)
		if got := strings.Join(s.Reasons, "; "); s.Clean != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: clean %v, reasons %q, want %q", test.name, s.Clean, got, test.want)
		}
	}
}

func TestDoubtsAreNoted(t *testing.T) {
	s := &Step{Received: Received{DeliveredShare: 1}, Load: LoadUse{Saturated: true, PublisherLateP99: 100, Foreign: 0.5}, Server: &ServerUse{Foreign: 0.5}}
	s.Datagrams = &Datagrams{LostByLoad: 1}
	s.judge(&stats{}, 0, nil)
	if !s.Clean || len(s.Notes) != 5 {
		t.Errorf("clean %v, notes %q, want five", s.Clean, s.Notes)
	}
}

func TestReportGoesThroughJSONAndATable(t *testing.T) {
	r := &Report{Server: "rtmp://x/live", Load: "hd", Publishers: 1, ServerCPU: 0, ClientCPU: -1, LargestClean: 50, Steps: []Step{
		{Received: Received{Players: 50, DeliveredShare: 1}, Clean: true, Server: &ServerUse{CPUSecondsPerGigabit: 0.2, BytesPerPlayer: 14 << 10}},
		{Received: Received{Players: 100, VideoGaps: 3}, Reasons: []string{"3 frames missing"}, Notes: []string{"doubtful"},
			Special: []SpecialPlayer{{Role: "slow", Connected: true, Bytes: 5}, {Role: "never reads", Reason: "EOF"}}},
		{Received: Received{Players: 8, Transport: "mixed"}, Parts: []Received{{Players: 6, Transport: "rtmfp"}, {Players: 2, Transport: "rtmp"}},
			Load: LoadUse{CPUSecondsPerGigabit: 0.432}, Datagrams: &Datagrams{Received: 70, ReceivedAtOnce: 3.5, Sent: 30, LostByLoad: 1, LostByServer: 2}},
	}}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || !cmp.Equal(*r, back) {
		t.Errorf("%v\n%s", err, cmp.Diff(*r, back))
	}
	b.Reset()
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"server on core 0, load on core any", "0.200", "14.0", "100.00%", "not clean: 3 frames missing",
		"note: doubtful", "one that reads slowly: received 5 bytes, connected", "one that never reads: received 0 bytes, ended: EOF",
		"largest clean: 50 players", "mixed", "6  rtmfp", "2   rtmp", "0.432",
		"8 players, datagrams: 70 received (3.5 at a time), 30 sent, lost for want of room 1 by the load, 2 by the server"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestStatsCountOnlyTheWindow(t *testing.T) {
	s := &stats{joiningGaps: 1}
	s.begin(&window{from: 1000, to: 2000})
	s.count(999, 10)
	s.count(1000, 10)
	s.count(2000, 10)
	s.arrived(3000, Stamp{Sent: 1999}, 7)
	s.arrived(3000, Stamp{Sent: 2000}, 7)
	s.gap(videoTrack, Stamp{Sent: 999}, 5, false)
	s.gap(audioTrack, Stamp{Sent: 1001}, 3, false)
	if s.bytes != 10 || s.sentBytes != 7 || s.joiningGaps != 6 || s.gaps != [2]uint64{0, 3} || s.latency.Max() != 1001 {
		t.Errorf("got %d bytes, %d sent, gaps %d and %d, latency %s", s.bytes, s.sentBytes, s.joiningGaps, s.gaps, s.latency.Max())
	}
}

func TestSilenceCountsWithinTheWindow(t *testing.T) {
	const second = int64(time.Second)
	w := &window{from: 10 * second, to: 20 * second}
	for _, test := range []struct {
		from, to int64
		want     time.Duration
	}{
		{11 * second, 11*second + second/2, 0},
		{11 * second, 11*second + second/2 + 1, time.Second/2 + 1},
		{5 * second, 10*second + second/4, 0},
		{5 * second, 11 * second, time.Second},
		{19 * second, 30 * second, time.Second},
		{20 * second, 30 * second, 0},
	} {
		s := &stats{window: w}
		s.silence(test.from, test.to)
		if s.worstStall != test.want || (s.stalls > 0) != (test.want > 0) {
			t.Errorf("%d to %d: %d stalls, worst %s, want %s", test.from, test.to, s.stalls, s.worstStall, test.want)
		}
	}
}
