package bench

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/rtmp"
)

// recordingConn keeps what is read from it.
type recordingConn struct {
	net.Conn
	mu   sync.Mutex
	data bytes.Buffer
}

func (c *recordingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	c.data.Write(b[:n])
	c.mu.Unlock()
	return n, err
}

// sent returns the messages that came after the handshake.
func (c *recordingConn) sent(t *testing.T) []seen {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := newChunkParser()
	got, err := feedPieces(&p, c.data.Bytes()[1+2*handshakeSize:])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

type recordingListener struct {
	net.Listener
	conn chan *recordingConn
}

func (l recordingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	r := &recordingConn{Conn: c}
	l.conn <- r
	return r, nil
}

// scripted serves one player: it answers connect and createStream, with stream 7, and hands over at play.
func scripted(t *testing.T, atPlay func(c *rtmp.Conn)) (*net.TCPAddr, chan *recordingConn) {
	t.Helper()
	return scriptedPlayers(t, 1, atPlay)
}

// scriptedPlayers is scripted for several players.
func scriptedPlayers(t *testing.T, players int, atPlay func(c *rtmp.Conn)) (*net.TCPAddr, chan *recordingConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	recorded := recordingListener{l, make(chan *recordingConn, players)}
	srv := &rtmp.Server{Handler: rtmp.HandlerFunc(func(c *rtmp.Conn) {
		for {
			m, err := c.ReadMessage()
			if err != nil {
				return
			}
			values, err := amf.Decode0(m.Payload, nil)
			if m.Type != rtmp.TypeCommandAMF0 || err != nil {
				continue
			}
			switch parseCommand(values).name {
			case "connect":
				answer(t, c, 0, "_result", 1.0, nil, amf.NewObject())
			case "createStream":
				answer(t, c, 0, "_result", 2.0, nil, 7.0)
			case "play":
				if m.StreamID != 7 || len(values) < 4 || values[3] != "bench0" {
					t.Errorf("play on stream %d with %v", m.StreamID, values)
				}
				atPlay(c)
				return
			}
		}
	})}
	go func() { _ = srv.Serve(recorded) }()
	t.Cleanup(func() { _ = srv.Close() })
	return l.Addr().(*net.TCPAddr), recorded.conn
}

func answer(t *testing.T, c *rtmp.Conn, streamID uint32, values ...amf.Value) {
	t.Helper()
	b, err := amf.Append0(nil, values...)
	if err != nil {
		t.Error(err)
	}
	if err := c.Send(rtmp.Message{Type: rtmp.TypeCommandAMF0, StreamID: streamID, Payload: b}); err != nil {
		t.Error(err)
	}
}

// settled sends a ping and waits for the answer: whatever was sent before has been read then.
func settled(t *testing.T, c *rtmp.Conn, value uint32) {
	t.Helper()
	if err := c.Send(rtmp.UserControl{Event: rtmp.EventPingRequest, Value: value}.Message()); err != nil {
		t.Error(err)
		return
	}
	for {
		m, err := c.ReadMessage()
		if err != nil {
			t.Error(err)
			return
		}
		u, err := rtmp.ParseUserControl(m.Payload)
		if m.Type == rtmp.TypeUserControl && err == nil && u.Event == rtmp.EventPingResponse && u.Value == value {
			return
		}
	}
}

func startPlayer(t *testing.T, to *net.TCPAddr, r role) *worker {
	t.Helper()
	w, err := newWorker(false, 1000)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.stop)
	c, err := newCanned(target{app: "live", tcURL: "rtmp://host/live"}, "bench0", 0)
	if err != nil {
		t.Fatal(err)
	}
	w.do(func() {
		w.stats.begin(&window{from: 0, to: 1 << 62})
		w.add(c, r, to, nil)
	})
	return w
}

// wait is for a player that may never do what it should.
func wait(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the player does not get there")
	}
}

func stamped(kind byte, sequence uint64) rtmp.Message {
	s := Stamp{Sequence: sequence, Sent: monotonic()}
	m := rtmp.Message{Type: rtmp.MessageType(kind), StreamID: 7}
	if kind == typeAudio {
		m.Payload = appendStampedAudio(nil, audioHeader, payload(50), s)
	} else {
		m.Payload = appendStampedVideo(nil, keyHeader, payload(5000), s)
	}
	return m
}

func TestPlayerCountsGapsAndRepeatsAndAnswers(t *testing.T) {
	checked := make(chan struct{})
	done := make(chan struct{})
	to, conns := scripted(t, func(c *rtmp.Conn) {
		_ = c.Send(rtmp.WindowSize(10_000), rtmp.PeerBandwidth(20_000, rtmp.LimitDynamic), rtmp.SetChunkSize(1000))
		_ = c.Send(rtmp.Message{Type: rtmp.TypeVideo, StreamID: 7, Payload: avcHeader})
		for _, n := range []uint64{5, 6, 9, 8, 10, 13} {
			_ = c.Send(stamped(typeVideo, n))
		}
		for _, n := range []uint64{0, 1, 5} {
			_ = c.Send(stamped(typeAudio, n))
		}
		settled(t, c, 77)
		settled(t, c, 78) // what it acknowledges of what came with the first
		close(done)
		<-checked
	})
	w := startPlayer(t, to, innocent)
	wait(t, done)
	w.do(func() {
		s := &w.stats
		if s.gaps != [2]uint64{4, 3} || s.repeats != 1 || s.latency.Count() != 8 || s.messages != 10 {
			t.Errorf("gaps %d, repeats %d, %d stamps, %d messages", s.gaps, s.repeats, s.latency.Count(), s.messages)
		}
		if w.pictured.Load() != 1 || s.join.Count() != 1 || s.picture.Count() != 1 || s.join.Max() < s.picture.Max() {
			t.Errorf("%d pictured, joined after %s, picture after %s", w.pictured.Load(), s.join.Max(), s.picture.Max())
		}
	})
	var kinds []rtmp.MessageType
	acknowledged := 0
	for _, m := range (<-conns).sent(t) {
		kinds = append(kinds, rtmp.MessageType(m.Kind))
		if m.Kind == byte(rtmp.TypeAcknowledgement) {
			acknowledged++
		}
	}
	if acknowledged < 1 || acknowledged > 3 || !slices.Contains(kinds, rtmp.TypeWindowSize) {
		t.Errorf("messages of types %d, want window size and one to three acknowledgements of 30 kB", kinds)
	}
	close(checked)
}

func TestPlayerThatIsLostSaysWhy(t *testing.T) {
	for _, test := range []struct {
		name   string
		atPlay func(c *rtmp.Conn)
		want   string
	}{
		{"hung up", func(*rtmp.Conn) {}, "EOF"},
		{"refused", func(c *rtmp.Conn) {
			answer(t, c, 7, "onStatus", 0.0, nil, amf.NewObject(
				amf.Property{Name: "level", Value: "error"},
				amf.Property{Name: "code", Value: "NetStream.Play.StreamNotFound"}))
			_, _ = c.ReadMessage()
		}, "server: onStatus NetStream.Play.StreamNotFound"},
		{"nonsense", func(c *rtmp.Conn) {
			_ = c.Send(rtmp.Message{Type: rtmp.TypeCommandAMF0, Payload: []byte{0x7f}})
			_, _ = c.ReadMessage()
		}, "command: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, _ := scripted(t, test.atPlay)
			w := startPlayer(t, to, innocent)
			for w.ended.Load() == 0 {
				w.do(func() {})
			}
			w.do(func() {
				for reason := range w.lost {
					if len(reason) < len(test.want) || reason[:len(test.want)] != test.want {
						t.Errorf("lost for %q, want %q", reason, test.want)
					}
				}
				if len(w.lost) != 1 {
					t.Errorf("lost %v, want one reason", w.lost)
				}
			})
		})
	}
}

func TestPlayerThatNeverReadsTakesNoMedia(t *testing.T) {
	sent := make(chan struct{})
	checked := make(chan struct{})
	to, _ := scripted(t, func(c *rtmp.Conn) {
		for n := range uint64(20) {
			_ = c.Send(stamped(typeVideo, n))
		}
		close(sent)
		<-checked
	})
	w := startPlayer(t, to, neverRead)
	wait(t, sent)
	w.do(func() {
		s := w.specials()
		if len(s) != 1 || !s[0].Connected || s[0].Bytes > 5000 || w.stats.messages != 0 {
			t.Errorf("%+v, %d messages", s, w.stats.messages)
		}
	})
	close(checked)
}
