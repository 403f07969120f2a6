package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

func recorded(t testing.TB) (capture []byte, key string) {
	return read(t, "testdata/session.pcap"), string(bytes.TrimSpace(read(t, "testdata/session.keys")))
}

// TestFreshSessionIsDecoded is what TestRecordedSession cannot show: that the endpoints of today can be traced.
func TestFreshSessionIsDecoded(t *testing.T) {
	s := newStage(t)
	s.dial()
	s.publish()
	got := traced(t, s.capture.Bytes(), Options{}, s.keys...)
	for _, want := range []string{
		`connect#1({app: "live"})`, `_result#1("welcome")`, "H.264, keyframe", "flow sync: barrier 7, flows 2", "keepalive periods",
		"retransmission", "given up by the sender", "closed by the initiator", "1 session, 1 key",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "no key") {
		t.Error("something was not decoded")
	}
}

func TestBothEndsMayHaveLoggedTheirKeys(t *testing.T) {
	capture, key := recorded(t)
	one := traced(t, capture, Options{}, key)
	two := traced(t, capture, Options{}, key, swapped(key), key)
	if one != two {
		t.Errorf("differs:\n%s", two)
	}
	if other := traced(t, capture, Options{}, swapped(key)); one != other {
		t.Errorf("the other end's key gives\n%s", other)
	}
}

// swapped is the line that the other end has logged.
func swapped(line string) string {
	return strings.NewReplacer("near=", "far=", "far=", "near=", "role=1", "role=2", " encrypt=", " decrypt=", " decrypt=", " encrypt=",
		"hmac-send", "hmac-receive", "hmac-receive", "hmac-send", "sequence-send", "sequence-receive",
		"sequence-receive", "sequence-send").Replace(line)
}

func TestLinesOfOtherLogsAreNoKeys(t *testing.T) {
	_, key := recorded(t)
	for _, line := range []string{
		"", "session", "time=now level=info msg=hello", key[:len(key)/2], strings.Replace(key, "role=1", "role=3", 1),
		strings.Replace(key, "near=", "near=x", 1), key + strings.Repeat(" ", maxKeyLine),
	} {
		if _, err := parseKey(line); !errors.Is(err, ErrKeyLine) {
			t.Errorf("%q: %v", line, err)
		}
	}
	if _, err := parseKey("time=12:00 level=info " + key); err != nil {
		t.Error(err)
	}
}

// feed gives the tracer frames.
func feed(tracer *Tracer, all []Frame) {
	for _, f := range all {
		tracer.Frame(f)
	}
}

func TestDatagramsWaitForTheirKey(t *testing.T) {
	capture, key := recorded(t)
	all := frames(t, capture)
	var out bytes.Buffer
	tracer := New(&out, Options{Hold: time.Second})
	feed(tracer, all[:10])
	if tracer.Flush(); strings.Contains(out.String(), "no key\n") || strings.Contains(out.String(), "UserData") {
		t.Errorf("before the key:\n%s", out.String())
	}
	tracer.KeyLine(key)
	feed(tracer, all[10:])
	tracer.Finish()
	got := strings.ReplaceAll(out.String(), "; no key yet", "")
	if want := traced(t, capture, Options{}, key); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestDatagramsDoNotWaitForever(t *testing.T) {
	capture, key := recorded(t)
	all := frames(t, capture)
	var out bytes.Buffer
	tracer := New(&out, Options{Hold: 100 * time.Millisecond})
	feed(tracer, all[:13])
	if tracer.Flush(); strings.Count(out.String(), "bytes, no key") == 0 {
		t.Error("the first ones still wait")
	}
	tracer.KeyLine(key)
	feed(tracer, all[13:])
	tracer.Finish()
	if !strings.Contains(out.String(), "audio") || strings.Contains(out.String(), "connect#1") {
		t.Errorf("got\n%s", out.String())
	}
	tracer.pass(all[0].At.Add(time.Hour))
	if len(tracer.waiting.queue) > 0 || tracer.waiting.bytes != 0 || len(tracer.waiting.each) > 0 {
		t.Errorf("%+v", tracer.waiting)
	}
}

func TestWhatWaitsIsLimited(t *testing.T) {
	var w waitingRoom
	for i := range 10 * maxWaiting {
		w.add(marked{id: uint32(i % 40), datagram: datagram{payload: make([]byte, 5000)}}, 0)
		if len(w.queue) > maxWaiting || w.bytes > maxWaitingBytes || w.each[uint32(i%40)] > maxWaitingEach {
			t.Fatalf("%d datagrams, %d bytes", len(w.queue), w.bytes)
		}
	}
	for range 2 * maxWaitingEach {
		w.add(marked{id: 7, datagram: datagram{payload: []byte{1}}}, 0)
	}
	if n := w.each[7]; n != maxWaitingEach {
		t.Errorf("%d of one session", n)
	}
	if all := w.due(0); len(all) == 0 || w.bytes != 0 || len(w.each) != 0 {
		t.Errorf("%d, %d bytes, %v", len(all), w.bytes, w.each)
	}
}

func TestPacketsThatAreThereTwiceAreMarked(t *testing.T) {
	path := strings.Replace(foreignFiles, "*", "rtmfp-cpp-negotiation", 1) // it has sequence numbers
	session := readForeign(t, path)[0]
	plain := traced(t, session.pcap(), Options{Level: LevelMessages}, session.keyLine(t))
	var twice foreign
	for _, d := range session.datagrams {
		twice.datagrams = append(twice.datagrams, d, d)
	}
	got := traced(t, twice.pcap(), Options{}, session.keyLine(t))
	count := len(session.datagrams) - session.startups()
	if n := strings.Count(got, "there before"); n != count {
		t.Errorf("%d marks, not %d, in\n%s", n, count, got)
	}
	if n := strings.Count(got, "» message"); n != strings.Count(plain, "» message") || strings.Contains(got, "no key") {
		t.Errorf("%d messages in\n%s", n, got)
	}
}

func TestOffloadedDatagramsAreTakenApart(t *testing.T) {
	capture, key := recorded(t)
	var n network
	var network []simnet.Event
	for _, f := range frames(t, capture) {
		d, _ := n.datagram(f)
		last := len(network) - 1
		if last >= 0 && network[last].From == d.from && len(d.payload) == 1204 && len(network[last].Datagram)%1204 == 0 {
			network[last].Datagram = append(network[last].Datagram, d.payload...)
			continue
		}
		network = append(network, simnet.Event{At: rtmfp.Instant(f.At.UnixNano()), From: d.from, To: d.to, Datagram: bytes.Clone(d.payload)})
	}
	var file bytes.Buffer
	pcap := simnet.NewPcap(&file)
	for _, e := range network {
		pcap.Record(e)
	}
	joined := len(frames(t, capture)) - len(network)
	for _, keys := range [][]string{{key}, nil} {
		want := traced(t, capture, Options{}, keys...)
		got := traced(t, file.Bytes(), Options{}, keys...)
		if before, _, _ := strings.Cut(want, "\nSession"); joined < 2 || !strings.HasPrefix(got, before) {
			t.Errorf("%d joined; got\n%s", joined, got)
		}
	}
}

func TestOptionsChooseWhatIsShown(t *testing.T) {
	capture, key := recorded(t)
	three := uint64(3)
	for name, c := range map[string]struct {
		options Options
		has, no []string
	}{
		"messages":      {Options{Level: LevelMessages}, []string{"» video", "gap"}, []string{"UserData", "RangeAck", "IHello"}},
		"chunks":        {Options{Level: LevelChunks}, []string{"UserData", "RangeAck", "IHello"}, []string{"»", "gap"}},
		"packets":       {Options{Level: LevelPackets}, []string{"bytes: RangeAck, UserData, NextUserData"}, []string{"»", "gap"}},
		"flow":          {Options{Flow: &three}, []string{"flow 3 #1", "flow 3: has"}, []string{"flow 2 #", "connect", "flow 2,"}},
		"number":        {Options{Session: "1"}, []string{"connect"}, []string{"IHello"}},
		"ID":            {Options{Session: "1360966A"}, []string{"connect", "_result"}, []string{"IHello"}},
		"other ID":      {Options{Session: "7aa60a7d"}, []string{"connect", "_result"}, nil},
		"no such":       {Options{Session: "2"}, []string{"24 datagrams"}, []string{"connect", "Session 1"}},
		"port":          {Options{Ports: []uint16{1935}}, []string{"connect"}, nil},
		"far port":      {Options{Ports: []uint16{7, 50000}}, []string{"connect"}, nil},
		"other port":    {Options{Ports: []uint16{1936}}, []string{"0 datagrams"}, []string{"connect"}},
		"bytes":         {Options{Hex: true}, []string{"|......connect|", "|2.......|"}, nil},
		"colours":       {Options{Color: true}, []string{colorGreen + "» video"}, nil},
		"no colours":    {Options{}, nil, []string{"\x1b"}},
		"default level": {Options{}, []string{"UserData", "» video"}, nil},
	} {
		got := traced(t, capture, c.options, key)
		for _, text := range c.has {
			if name != "bytes" && !strings.Contains(got, text) {
				t.Errorf("%s: no %q in\n%s", name, text, got)
			}
		}
		for _, text := range c.no {
			if strings.Contains(got, text) {
				t.Errorf("%s: %q in\n%s", name, text, got)
			}
		}
	}
	if got := traced(t, capture, Options{Hex: true}, key); !strings.Contains(got, "00000000  14 00 00 00 00 02 00 07") {
		t.Error("no bytes")
	}
}

func TestEveryLineOfJSONIsAnObject(t *testing.T) {
	capture, key := recorded(t)
	kinds := map[Kind]int{}
	for line := range strings.Lines(traced(t, capture, Options{JSON: true}, key)) {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		kinds[e.Kind]++
		if (e.Kind == KindChunk || e.Kind == KindMessage) && (e.Packet == nil || !e.From.IsValid()) {
			t.Errorf("%s", line)
		}
	}
	for _, kind := range []Kind{KindSession, KindChunk, KindFlow, KindMessage, KindGap, KindSummary} {
		if kinds[kind] == 0 {
			t.Errorf("none is a %s", kind)
		}
	}
}

func TestTextOfStrangersCannotReachTheTerminal(t *testing.T) {
	s := newStage(t)
	s.dial()
	s.do(s.client, func() {
		flow := must(s.client.session.OpenFlow(rtmfp.FlowConfig{Metadata: tc(0)}))
		flow.Send(rtmfp.Outgoing{Body: command("\x1b[2Jx\u202e\n", 1.0, nil, "\x1b]0;title\a\r")})
	})
	s.network.RunFor(time.Second)
	for r := range strings.SplitSeq(traced(t, s.capture.Bytes(), Options{}, s.keys...), "") {
		if strings.ContainsAny(r, "\x1b\a\r\u202e") {
			t.Fatalf("%q is printed", r)
		}
	}
}

// TestOtherDatagramsAreLeftOut has something that is not RTMFP between the datagrams of the session.
func TestOtherDatagramsAreLeftOut(t *testing.T) {
	capture, key := recorded(t)
	all := frames(t, capture)
	noise := Frame{At: all[0].At, Link: LinkRaw, Data: udp4("a name server says something here")}
	noise.Data[22], noise.Data[23] = 0, 53
	var out bytes.Buffer
	tracer := New(&out, Options{})
	tracer.KeyLine(key)
	tracer.Frame(noise)
	feed(tracer, all)
	noise.Data[12] = 10
	tracer.Frame(noise)
	tracer.Finish()
	if got := out.String(); strings.Contains(got, ":53") || !strings.Contains(got, "not RTMFP") {
		t.Errorf("got\n%s", got)
	}
}

// sealed is a datagram with a plain packet to a session ID.
func sealed(c rtmfp.Cipher, id uint32, plain []byte) []byte {
	buffer := make([]byte, wire.SessionIDSize+c.Front(), 200)
	buffer = append(buffer, plain...)
	packet := c.Seal(buffer[wire.SessionIDSize:])
	datagram := buffer[:wire.SessionIDSize+len(packet)]
	wire.PutSessionID(datagram, id)
	return datagram
}

func TestPacketsThatNobodyCanHaveSentAreNotDecoded(t *testing.T) {
	_, key := recorded(t)
	k := must(parseKey(key))
	hello := wire.IHello{Tag: []byte("tag")}.Append([]byte{byte(wire.ModeStartup)})
	ping := func(m wire.Mode) []byte { return wire.Ping{}.Append([]byte{byte(m)}) }
	for name, c := range map[string]struct {
		datagram []byte
		want     string
	}{
		"as the responder":       {sealed(k.to[responder], k.name.ids[initiator], ping(wire.ModeResponder)), "1 decoded"},
		"responder as initiator": {sealed(k.to[responder], k.name.ids[initiator], ping(wire.ModeInitiator)), "1 without a key"},
		"hello":                  {sealed(newStartup().cipher, 0, hello), "1 of handshakes"},
		"hello to a session":     {sealed(newStartup().cipher, 5, hello), "1 without a key"},
		"ping to nobody":         {sealed(newStartup().cipher, 0, ping(wire.ModeStartup)), "1 not RTMFP"},
	} {
		var file bytes.Buffer
		simnet.NewPcap(&file).Record(simnet.Event{From: addressB, To: addressA, Datagram: c.datagram})
		if got := traced(t, file.Bytes(), Options{Ports: []uint16{1935}}, key); !strings.Contains(got, c.want) {
			t.Errorf("%s: no %q in\n%s", name, c.want, got)
		}
	}
}

func TestPrintableLeavesNoControlCharacters(t *testing.T) {
	if got := printable("a\x1b[2J\n\u202e\u009bé→"); got != "a·[2J···é→" {
		t.Errorf("%q", got)
	}
}
