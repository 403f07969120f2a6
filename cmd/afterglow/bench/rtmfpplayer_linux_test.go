package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmp"
)

// startSeat makes a seat with players at a server.
func startSeat(t *testing.T, url string, roles ...role) *seat {
	t.Helper()
	o := parseOptions(t, "--url="+url)
	play, _, err := o.targets()
	if err != nil {
		t.Fatal(err)
	}
	side, err := newRTMFPSide(&o, play[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(side.close)
	seat, err := newSeat(side.dialer)
	if err != nil {
		t.Fatal(err)
	}
	side.seats = append(side.seats, seat)
	seat.do(func() { seat.stats.begin(&window{from: 0, to: 1 << 62}) })
	for _, r := range roles {
		if err := side.add(r, 0); err != nil {
			t.Fatal(err)
		}
	}
	return seat
}

// until looks at a seat again and again.
func (s *seat) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for done := false; !done; {
		if t.Context().Err() != nil {
			t.Fatal("never: ", what)
		}
		s.do(func() { done = ok() })
	}
}

func TestRTMFPPlayerCountsGapsAndRepeatsAndWhatWasGivenUp(t *testing.T) {
	server := startTC(t, "127.0.0.1:0", &tcServer{played: func(c *tcConn) {
		c.onStatus("status", "NetStream.Play.Start")
		c.send(typeVideo, 0, avcHeader)
		_, _ = c.media[videoTrack].Send(rtmfp.Outgoing{Body: []byte{1}})                                    // too short
		_, _ = c.status.Send(rtmfp.Outgoing{Body: []byte{byte(rtmp.TypeUserControl), 0, 0, 0, 0, 0, 0x29}}) // keepalive
		_, _ = c.status.Send(rtmfp.Outgoing{Body: []byte{byte(rtmp.TypeSetChunkSize), 0, 0, 0, 0, 0}})      // has no place here
		for _, n := range []uint64{5, 6, 9, 8, 10} {
			c.send(typeVideo, uint32(n), stamped(typeVideo, n).Payload)
		}
		c.media[videoTrack].Abandon(c.send(typeVideo, 11, stamped(typeVideo, 11).Payload))
		c.send(typeVideo, 12, stamped(typeVideo, 12).Payload)
		for _, n := range []uint64{0, 1, 5} {
			c.send(typeAudio, uint32(n), stamped(typeAudio, n).Payload)
		}
	}})
	s := startSeat(t, server.url(), innocent)
	s.until(t, "all frames", func() bool { return s.stats.messages >= 10 })
	s.do(func() {
		if s.stats.gaps != [2]uint64{3, 3} || s.stats.abandoned != 1 || s.stats.repeats != 1 || s.stats.latency.Count() != 8 {
			t.Errorf("gaps %d, %d abandoned, %d repeats, %d stamps", s.stats.gaps, s.stats.abandoned, s.stats.repeats, s.stats.latency.Count())
		}
		if s.pictured.Load() != 1 || s.stats.join.Count() != 1 || s.stats.picture.Count() != 1 || s.stats.join.Max() < s.stats.picture.Max() {
			t.Errorf("%d pictured, joined after %s, picture after %s", s.pictured.Load(), s.stats.join.Max(), s.stats.picture.Max())
		}
	})
}

func TestRTMFPPlayerThatIsLostSaysWhy(t *testing.T) {
	for _, test := range []struct {
		name   string
		played func(c *tcConn)
		want   string
	}{
		{"refused", func(c *tcConn) { c.onStatus("error", "NetStream.Play.StreamNotFound") }, "server: onStatus NetStream.Play.StreamNotFound"},
		{"session closed", func(c *tcConn) { c.session.Close() }, rtmfp.ErrClosedByPeer.Error()},
		{"control flow closed", func(c *tcConn) { c.near.Close() }, "EOF"},
		{"control flow rejected", func(c *tcConn) { c.far.Reject(5) }, "rejected the control flow with code 5"},
		{"nonsense", func(c *tcConn) { _, _ = c.near.Send(rtmfp.Outgoing{Body: tcCommand([]byte{0x7f})}) }, "command: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := startTC(t, "127.0.0.1:0", &tcServer{played: test.played})
			s := startSeat(t, server.url(), innocent)
			s.until(t, "end", func() bool { return s.ended.Load() > 0 })
			s.do(func() {
				for reason := range s.lost {
					if !strings.Contains(reason, test.want) {
						t.Errorf("lost for %q, want %q", reason, test.want)
					}
				}
				if len(s.lost) != 1 {
					t.Errorf("lost %v, want one reason", s.lost)
				}
			})
		})
	}
}

func TestRTMFPPlayerThatNeverReadsTakesNoMedia(t *testing.T) {
	asked := make(chan struct{}, 2)
	server := startTC(t, "127.0.0.1:0", &tcServer{played: func(c *tcConn) {
		for n := range uint64(20) {
			c.send(typeVideo, 0, stamped(typeVideo, n).Payload)
		}
		asked <- struct{}{}
	}})
	s := startSeat(t, server.url(), neverRead, innocent)
	<-asked
	<-asked
	s.until(t, "the innocent player's frames", func() bool { return s.stats.messages >= 20 })
	s.do(func() {
		got := s.specials()
		if len(got) != 1 || !got[0].Connected || got[0].Bytes > 1000 || s.stats.messages != 20 {
			t.Errorf("%+v, %d messages", got, s.stats.messages)
		}
	})
}

func TestPlayersOfASocketHaveAddressesOfTheirOwn(t *testing.T) {
	server := startTC(t, "127.0.0.1:0", &tcServer{})
	s := startSeat(t, server.url(), slices.Repeat([]role{innocent}, 20)...)
	s.until(t, "20 players", func() bool {
		return !slices.ContainsFunc(s.players, func(p *rtmfpPlayer) bool { return p.phase != phasePlaying })
	})
	_ = server.endpoint.Close()
	if len(server.from) != 20 {
		t.Errorf("sessions from %v, want 20 addresses", server.from)
	}
}

// rtmfpRun are the flags of a run over RTMFP in this process.
func rtmfpRun(url string, more ...string) []string {
	pid := fmt.Sprint("--pid=", os.Getpid())
	return slices.Concat(quick, []string{"--url=" + url, "--profile=sd", "--players=6", "--publishers=2", pid}, more)
}

func TestRTMFPDeliversEverything(t *testing.T) {
	for _, test := range []struct {
		name, address string
		flags         []string
	}{
		{"protected", "127.0.0.1:0", []string{"--sessions-per-socket=2", "--threads=2", "--memory-from=2"}},
		{"neither HMAC nor sequence numbers", "127.0.0.1:0", []string{"--hmac=false", "--sequence=false"}},
		{"IPv6, one address", "[::1]:0", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := startTC(t, test.address, &tcServer{})
			o := parseOptions(t, rtmfpRun(server.url(), test.flags...)...)
			r, err := Run(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			s := &r.Steps[0]
			checkRTMFPStep(t, s)
			if r.Transport != overRTMFP || s.Transport != overRTMFP || len(s.Parts) != 0 || s.Players != 6 {
				t.Errorf("%s, %s, %d players, parts %v", r.Transport, s.Transport, s.Players, s.Parts)
			}
		})
	}
}

func checkRTMFPStep(t *testing.T, s *Step) {
	t.Helper()
	if s.VideoGaps+s.AudioGaps+s.Repeats != 0 || len(s.Lost) > 0 || s.DeliveredShare < 0.5 || s.DeliveredShare > 1 {
		t.Errorf("%d and %d gaps, %d repeats, lost %v, %g delivered", s.VideoGaps, s.AudioGaps, s.Repeats, s.Lost, s.DeliveredShare)
	}
	if s.Join.Count != uint64(s.Players) || s.FirstPicture.Count != uint64(s.Players) || s.FirstPicture.Max > s.Join.Max {
		t.Errorf("join %+v, first picture %+v, want %d of each", s.Join, s.FirstPicture, s.Players)
	}
	if s.DeliveredGigabits <= 0 || s.Latency.Count == 0 || s.Load.Process <= 0 || s.Load.CPUSecondsPerGigabit <= 0 || s.Server == nil {
		t.Errorf("%g Gbit delivered, latency %+v, load %+v, server %+v", s.DeliveredGigabits, s.Latency, s.Load, s.Server)
	}
	if d := s.Datagrams; d == nil || d.Received == 0 || d.Sent == 0 {
		t.Errorf("datagrams %+v", d)
	}
}

// twins are a server over RTMFP, and one over RTMP that serves what the first one forwards.
func twins(t *testing.T) (overRTMFP, overRTMP string) {
	t.Helper()
	var mu sync.Mutex
	players := map[*rtmp.Conn]bool{}
	to, _ := scriptedPlayers(t, 100, func(c *rtmp.Conn) {
		mu.Lock()
		players[c] = true
		mu.Unlock()
		for {
			if _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	})
	relay := func(kind byte, timestamp uint32, payload []byte) {
		mu.Lock()
		defer mu.Unlock()
		for c := range players {
			m := rtmp.Message{Type: rtmp.MessageType(kind), StreamID: 7, Timestamp: timestamp, Payload: slices.Clone(payload)}
			if c.Send(m) != nil {
				delete(players, c)
			}
		}
	}
	return startTC(t, "127.0.0.1:0", &tcServer{relay: relay}).url(), "rtmp://" + to.String() + "/live"
}

func TestPlayersOfBothTransportsAreReportedApart(t *testing.T) {
	rtmfpURL, rtmpURL := twins(t)
	o := parseOptions(t, rtmfpRun(rtmfpURL, "--url="+rtmpURL, "--publishers=1", "--players=8", "--rtmfp-share=0.75")...)
	r, err := Run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &r.Steps[0]
	checkRTMFPStep(t, s)
	if r.Transport != mixed || len(s.Parts) != 2 {
		t.Fatalf("%s, parts %+v", r.Transport, s.Parts)
	}
	if a, b := s.Parts[0], s.Parts[1]; a.Transport != overRTMFP || a.Players != 6 || a.Join.Count != 6 || a.DeliveredShare < 0.5 ||
		b.Transport != overRTMP || b.Players != 2 || b.Join.Count != 2 || b.DeliveredShare < 0.5 {
		t.Errorf("parts %+v", s.Parts)
	}
	if parts := (6*s.Parts[0].DeliveredShare + 2*s.Parts[1].DeliveredShare) / 8; math.Abs(parts-s.DeliveredShare) > 0.001 {
		t.Errorf("%g delivered, by the parts %g", s.DeliveredShare, parts)
	}
}

// tcVariable makes the test binary a server over RTMFP at that address.
const tcVariable = "AFTERGLOW_TEST_RTMFP"

func runTC(address string) error {
	s := &tcServer{}
	if err := serveTC(context.Background(), address, s); err != nil {
		return err
	}
	return s.endpoint.Wait()
}

func TestServerOverRTMFPIsStartedAndAwaited(t *testing.T) {
	held := startTC(t, "127.0.0.1:0", &tcServer{})
	address := held.endpoint.Addrs()[0].String()
	t.Setenv(tcVariable, address)
	flags := slices.Concat(quick, []string{"--url=rtmfp://" + address + "/live", "--start=" + os.Args[0], "--players=2", "--profile=sd"})
	if _, err := Run(t.Context(), parseOptions(t, flags...), nil); err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("%v, want that the port is taken", err)
	}
	_ = held.endpoint.Close()
	r, err := Run(t.Context(), parseOptions(t, flags...), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkRTMFPStep(t, &r.Steps[0])
	if u := r.Steps[0].Server; u == nil || u.CPUSeconds <= 0 || u.Processes != 1 {
		t.Errorf("server %+v", u)
	}
	o := parseOptions(t, append(flags, "--start=echo no luck; exit 3")...)
	if _, err := Run(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("%v, want what the server has said", err)
	}
}

func FuzzRTMFPPlayer(f *testing.F) {
	f.Add([]byte{typeVideo, 0, 0, 0, 0, 0x17, 1}, []byte("TC\x04\x07"))
	video := tcHead(typeVideo, 5)
	f.Add(append(video[:], stamped(typeVideo, 3).Payload...), tcMetadata(0))
	f.Add(tcCommand([]byte("\x02\x00\x07_result\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x05")), tcMetadata(1<<30))
	f.Add(binary.BigEndian.AppendUint32([]byte{typeCommand3}, 1), []byte("TC\x00"))
	f.Fuzz(func(t *testing.T, message, metadata []byte) {
		s := &seat{}
		s.forget()
		p := &rtmfpPlayer{viewer: viewer{crowd: &s.crowd, phase: phasePlaying}, seat: s}
		if len(message) > 0 && (message[0] == typeAudio || message[0] == typeVideo) {
			if err := p.message(message); err != nil {
				t.Error("media is no reason to end: ", err)
			}
		}
		if kind, _, payload, ok := parseTC(message); ok && (kind == typeCommand || kind == typeCommand3) {
			_, _ = readCommand(kind, payload)
		}
		if id, ok := parseTCMetadata(metadata); ok {
			if back, ok := parseTCMetadata(tcMetadata(id)); !ok || back != id {
				t.Errorf("stream %d comes back as %d", id, back)
			}
		}
	})
}

func TestProtectionIsWhatTheFlagsSay(t *testing.T) {
	on := flash.Protection{Send: flash.SendAlways, Receive: flash.Require}
	off := flash.Protection{Send: flash.SendNever, Receive: flash.RequestNever}
	for _, test := range []struct {
		flags          []string
		hmac, sequence flash.Protection
	}{{nil, on, on}, {[]string{"--hmac=false"}, off, on}, {[]string{"--no-sequence"}, on, off}} {
		o := parseOptions(t, append(test.flags, "--url=rtmfp://127.0.0.1/live")...)
		play, _, err := o.targets()
		if err != nil {
			t.Fatal(err)
		}
		d, err := newRTMFPDialer(&o, play[0])
		if err != nil || d.protection.HMAC != test.hmac || d.protection.Sequence != test.sequence {
			t.Errorf("%v: HMAC %v, sequence numbers %v, %v", test.flags, d.protection.HMAC, d.protection.Sequence, err)
		}
	}
}
