package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	yutopp "github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"
)

// What is needed of AMF0 to answer commands by rote (AMF0 sections 2.2 to 2.9).

func amfString(s string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{2}, uint16(len(s))), s...)
}

func amfNumber(f float64) []byte {
	return binary.BigEndian.AppendUint64([]byte{0}, math.Float64bits(f))
}

func amfObject(pairs ...string) []byte {
	out := []byte{3}
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, amfString(pairs[i])[1:]...)
		out = append(out, amfString(pairs[i+1])...)
	}
	return append(out, 0, 0, 9)
}

var amfNull = []byte{5}

// commandHead returns a command's name and transaction ID.
func commandHead(p []byte) (name string, transaction float64, ok bool) {
	if len(p) < 3 || p[0] != 2 {
		return "", 0, false
	}
	n := 3 + int(binary.BigEndian.Uint16(p[1:]))
	if len(p) < n+9 || p[n] != 0 {
		return "", 0, false
	}
	return string(p[3:n]), math.Float64frombits(binary.BigEndian.Uint64(p[n+1:])), true
}

// canned is a server that says yes to everything, remembers the media that it is sent, and plays it back.
type canned struct {
	mu    sync.Mutex
	names []string
	media []Message
	kind  Handshake
	done  chan struct{} // closed when the first client has gone
	once  sync.Once
}

func (s *canned) ServeRTMP(c *Conn) {
	s.mu.Lock()
	s.kind = c.HandshakeKind()
	s.mu.Unlock()
	for {
		m, err := c.ReadMessage()
		if err != nil {
			break
		}
		switch m.Type {
		case TypeAudio, TypeVideo:
			s.mu.Lock()
			s.media = append(s.media, m)
			s.mu.Unlock()
		case TypeCommandAMF0:
			s.command(c, m)
		}
	}
	s.once.Do(func() { close(s.done) })
}

func (s *canned) command(c *Conn, m Message) {
	name, transaction, ok := commandHead(m.Payload)
	if !ok {
		return
	}
	s.mu.Lock()
	s.names = append(s.names, name)
	s.mu.Unlock()
	reply := func(streamID uint32, parts ...[]byte) {
		_ = c.Send(Message{Type: TypeCommandAMF0, StreamID: streamID, Payload: join(parts...)})
	}
	status := func(code string) {
		reply(m.StreamID, amfString("onStatus"), amfNumber(0), amfNull, amfObject("level", "status", "code", code, "description", code))
	}
	switch name {
	case "connect":
		_ = c.Send(WindowSize(2500000), PeerBandwidth(2500000, LimitDynamic), SetChunkSize(4096))
		reply(0, amfString("_result"), amfNumber(transaction), amfObject("fmsVer", "FMS/5,0,7,1"),
			amfObject("level", "status", "code", "NetConnection.Connect.Success", "description", "Connection succeeded."))
	case "createStream":
		reply(0, amfString("_result"), amfNumber(transaction), amfNull, amfNumber(1))
	case "publish":
		status("NetStream.Publish.Start")
	case "play":
		_ = c.Send(UserControl{Event: EventStreamBegin, Value: 1}.Message())
		status("NetStream.Play.Reset")
		status("NetStream.Play.Start")
		s.mu.Lock()
		media := s.media
		s.mu.Unlock()
		for _, m := range media {
			m.StreamID = 1
			_ = c.Send(m)
		}
		status("NetStream.Play.Complete")
		status("NetStream.Play.UnpublishNotify")
		_ = c.Send(UserControl{Event: EventStreamEOF, Value: 1}.Message())
		c.CloseAfterFlush()
	default:
		if transaction > 0 {
			reply(0, amfString("_result"), amfNumber(transaction), amfNull, amfNull)
		}
	}
}

// run runs a program of Debian's and fails the test with its output when it takes too long.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s does not end:\n%s", name, out)
	}
	if err != nil {
		t.Logf("%s: %v\n%s", name, err, out)
	}
}

// tags returns the payloads of the audio and video tags of an FLV file (FLV 10.1 E.3 and E.4).
func tags(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, []byte("FLV")) {
		t.Fatalf("%s is no FLV file", file)
	}
	var out []string
	for b = b[13:]; len(b) >= 11; {
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if len(b) < 11+n {
			break
		}
		if b[0] == byte(TypeVideo) {
			out = append(out, string(b[11:11+n]))
		}
		b = b[min(len(b), 11+n+4):]
	}
	return out
}

func payloads(media []Message) []string {
	var out []string
	for _, m := range media {
		if m.Type == TypeVideo {
			out = append(out, string(m.Payload))
		}
	}
	return out
}

// checkPlayed compares what a player stored with what was published. Players may leave out end-of-sequence frames.
func checkPlayed(t *testing.T, file string, media []Message) {
	t.Helper()
	got, want := tags(t, file), payloads(media)
	if len(got) < len(want)-1 || len(got) > len(want) {
		t.Fatalf("%d of %d frames arrived", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("frame %d differs", i)
		}
	}
}

func TestPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("runs ffmpeg and rtmpdump")
	}
	srv := &canned{done: make(chan struct{})}
	url := serve(t, &Server{Handler: srv}) + "/cam"
	run(t, "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=4",
		"-c:v", "flv", "-b:v", "800k", "-g", "25", "-f", "flv", url)
	<-srv.done
	srv.mu.Lock()
	media, kind := srv.media, srv.kind
	srv.mu.Unlock()
	if kind != HandshakeDigest {
		t.Errorf("ffmpeg's handshake was %v", kind)
	}
	if n := len(payloads(media)); n != 100 {
		t.Fatalf("ffmpeg published %d frames", n)
	}
	t.Run("rtmpdump plays", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "out.flv")
		run(t, "rtmpdump", "--live", "-q", "-r", url, "-o", file)
		checkPlayed(t, file, media)
		srv.mu.Lock()
		defer srv.mu.Unlock()
		if srv.kind != HandshakePlain {
			t.Errorf("its handshake was %v", srv.kind)
		}
	})
	t.Run("ffmpeg plays", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "out.flv")
		run(t, "ffmpeg", "-nostdin", "-loglevel", "error", "-i", url, "-c", "copy", "-f", "flv", file)
		checkPlayed(t, file, media)
	})
}

func TestRTMPDumpPlaysOverTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("runs rtmpdump")
	}
	srv := &canned{done: make(chan struct{})}
	for i := range 50 {
		frame := append([]byte{0x22, 0, 0, 0x84}, filled(3000)...)
		if i == 0 {
			frame[0] = 0x12
		}
		srv.media = append(srv.media, Message{Type: TypeVideo, Timestamp: uint32(40 * i), Payload: frame})
	}
	url := strings.Replace(serveTLS(t, &Server{Handler: srv}), "rtmp:", "rtmps:", 1) + "/cam"
	file := filepath.Join(t.TempDir(), "out.flv")
	run(t, "rtmpdump", "--live", "-q", "-r", url, "-o", file)
	checkPlayed(t, file, srv.media)
}

// serveTLS is serve with a certificate of its own.
func serveTLS(t *testing.T, srv *Server) string {
	t.Helper()
	cert, _ := selfSigned(t)
	l := listenTCP(t)
	srv.Log = slog.New(slog.DiscardHandler)
	srv.TLSConfig = tlsConfig(cert)
	done := make(chan error, 1)
	go func() { done <- srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return "rtmp://" + l.Addr().String() + "/live"
}

// yutopp/go-rtmp shares no line with this package.
func TestIndependentGoClientPublishes(t *testing.T) {
	srv := &canned{done: make(chan struct{})}
	url := serve(t, &Server{Handler: srv})
	u, err := ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	client, err := yutopp.Dial("rtmp", u.Host, &yutopp.ConnConfig{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Connect(&message.NetConnectionConnect{Command: message.NetConnectionConnectCommand{App: "live", TCURL: url}}); err != nil {
		t.Fatal(err)
	}
	stream, err := client.CreateStream(nil, 128)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Publish(&message.NetStreamPublish{PublishingName: "cam", PublishingType: "live"}); err != nil {
		t.Fatal(err)
	}
	var want []flat
	for i := range 100 {
		m := Message{Type: TypeVideo, Timestamp: uint32(40 * i), StreamID: 1, Payload: append([]byte{0x27}, filled(i*50)...)}
		want = append(want, flatten(m))
		if err := stream.Write(6, m.Timestamp, &message.VideoMessage{Payload: bytes.NewReader(m.Payload)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	<-srv.done
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.kind != HandshakePlain {
		t.Errorf("its handshake was %v", srv.kind)
	}
	if len(srv.media) != len(want) {
		t.Fatalf("%d of %d messages", len(srv.media), len(want))
	}
	for i, m := range srv.media {
		if flatten(m) != want[i] {
			t.Fatalf("message %d: %s", i, fmt.Sprintf("%.60v", m))
		}
	}
}
