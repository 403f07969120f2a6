package overrtmp_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

// session is a client that speaks bytes: it writes messages in one chunk each and reads what comes, chunk by chunk.
type session struct {
	t         *testing.T
	nc        net.Conn
	chunkSize int
	lines     []string // what came, as in a golden file
}

func newSession(t *testing.T, s netconntest.Server) *session {
	t.Helper()
	nc, err := s.(*server).DialConn(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	c := &session{t: t, nc: nc, chunkSize: 128}
	const size = 1536
	hello := make([]byte, 1+size)
	hello[0] = 3
	c.write(hello)
	answer := c.read(1 + 2*size)
	c.write(answer[1 : 1+size])
	return c
}

func (c *session) write(b []byte) {
	c.t.Helper()
	if _, err := c.nc.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *session) read(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c.nc, b); err != nil {
		c.t.Fatal(err)
	}
	return b
}

func (c *session) command(stream uint32, values ...amf.Value) {
	c.t.Helper()
	payload, err := amf.Append0(nil, values...)
	if err != nil {
		c.t.Fatal(err)
	}
	m := rtmp.Message{Type: rtmp.TypeCommandAMF0, StreamID: stream, Payload: payload}
	c.write(rtmp.AppendChunks(nil, &m, rtmp.ChunkStreamCommand, 128))
}

// message reads a message, whose chunks must have the form that the server uses: type 0 first and then type 3.
func (c *session) message(note string) {
	c.t.Helper()
	header := c.read(12)
	if header[0]>>6 != 0 {
		c.t.Fatalf("%s begins with % X", note, header)
	}
	size := int(header[4])<<16 | int(header[5])<<8 | int(header[6])
	raw := bytes.Clone(header)
	for left := size; left > 0; left -= min(left, c.chunkSize) {
		if left < size {
			next := c.read(1)
			if next[0] != 0xC0|header[0]&63 {
				c.t.Fatalf("%s goes on with % X", note, next)
			}
			raw = append(raw, next...)
		}
		raw = append(raw, c.read(min(left, c.chunkSize))...)
	}
	if header[7] == byte(rtmp.TypeSetChunkSize) {
		c.chunkSize = int(binary.BigEndian.Uint32(raw[12:]))
	}
	// The client's ID differs each time.
	if i := bytes.Index(raw, []byte("clientid\x02\x00\x08")); i >= 0 {
		copy(raw[i+11:], "CLIENTID")
	}
	c.lines = append(c.lines, "# "+note, hexLines(raw))
}

func hexLines(b []byte) string {
	var out strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(hex.Dump(b), "\n"), "\n") {
		out.WriteString(strings.TrimSpace(line[10:58]) + "\n")
	}
	return out.String()
}

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// unhex reads a golden file's bytes.
func unhex(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		if line, _, _ = strings.Cut(line, "#"); line != "" {
			digits.WriteString(strings.Join(strings.Fields(line), ""))
		}
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSessionIsThatOfAdobesServer holds the bytes of a session, in the order of Adobe's server: window, peer bandwidth,
// Stream Begin, chunk size, _result; and for play Stream Begin, Reset, Start, sample access, data start, metadata,
// configuration, media.
func TestSessionIsThatOfAdobesServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		room.Connects = func(_ *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
			a := room.Accept()
			a.BWDone = true
			reply.Give(a)
		}
		s := memory{}.Serve(t, room, netconntest.Options{})
		pub := publish(t, room, "cam")
		defer pub.Close()
		payload, _ := amf.Append0(nil, "onMetaData", amf.NewECMAArray(amf.Property{Name: "width", Value: 1280.0}))
		if err := pub.SetData("onMetaData", media.NewPacket(media.KindData, 0, payload)); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*media.Packet{
			media.NewPacket(media.KindVideo, 0, []byte{0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1F}),
			media.NewPacket(media.KindAudio, 0, []byte{0xAF, 0, 0x12, 0x10}),
			media.NewPacket(media.KindVideo, 40, netconntest.Body(4100, 0x17, 1, 0, 0, 0)),
			media.NewPacket(media.KindAudio, 43, []byte{0xAF, 1, 0x21}),
		} {
			if err := pub.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		c := newSession(t, s)
		c.command(0, "connect", 1.0, amf.NewObject(amf.Property{Name: "app", Value: "live"}, amf.Property{Name: "tcUrl", Value: "rtmp://h/live"}))
		for _, note := range []string{
			"Window Acknowledgement Size 2,500,000", "Set Peer Bandwidth 2,500,000, dynamic", "Stream Begin 0", "Set Chunk Size 4096",
			"_result of connect", "onBWDone",
		} {
			c.message(note)
		}
		c.command(0, "createStream", 2.0, nil)
		c.message("_result of createStream")
		c.command(1, "play", 0.0, nil, "cam", -2000.0)
		for _, note := range []string{
			"Stream Begin 1", "NetStream.Play.Reset", "NetStream.Play.Start", "|RtmpSampleAccess", "NetStream.Data.Start",
			"onMetaData", "configuration of the video", "configuration of the sound", "keyframe", "sound",
		} {
			c.message(note)
		}
		golden(t, "session.hex", strings.Join(c.lines, "\n"))
	})
}

// recorder remembers what a client reads and writes.
type recorder struct {
	net.Conn
	mu      sync.Mutex
	in, out []byte
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.in = append(r.in, b[:n]...)
	return n, err
}

func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.Conn.Write(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out = append(r.out, b[:n]...)
	return n, err
}

// TestTimePast32BitsOnTheWire holds the bytes of a publisher and of a player, both ours, at the end of a timestamp's
// 32 bits: extended timestamps, also in chunks of type 3, before it, and plain ones after.
func TestTimePast32BitsOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		s := memory{}.Serve(t, room, netconntest.Options{ChunkSize: 128}).(*server)
		open := func() (*netconn.Client, *recorder) {
			nc, err := s.DialConn(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			r := &recorder{Conn: nc}
			conn, err := (&rtmp.Dialer{Handshake: rtmp.HandshakePlain}).NewConn(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			c, err := overrtmp.NewClient(t.Context(), conn, overrtmp.DialOptions{ChunkSize: 128, Connect: netconn.ConnectOptions{App: "live"}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				c.Close()
				<-c.Done()
			})
			return c, r
		}
		player, played := open()
		screen := netconntest.NewScreen()
		stream, err := player.CreateStream(t.Context(), screen.Events())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Play(t.Context(), "x", netconn.PlayLive, -1); err != nil {
			t.Fatal(err)
		}
		publisher, published := open()
		pub, err := publisher.CreateStream(t.Context(), netconn.StreamEvents{})
		if err != nil {
			t.Fatal(err)
		}
		if err := pub.Publish(t.Context(), "x", "live"); err != nil {
			t.Fatal(err)
		}
		packets := []*media.Packet{
			media.NewPacket(media.KindVideo, 1<<32-41, netconntest.Body(130, 0x17, 1, 0, 0, 0)),
			media.NewPacket(media.KindAudio, 1<<32-1, []byte{0xAF, 1, 0x21}),
			media.NewPacket(media.KindVideo, 0, netconntest.Body(130, 0x27, 1, 0, 0, 0)),
			media.NewPacket(media.KindAudio, 0xFFFFFE, []byte{0xAF, 1, 0x22}),
			media.NewPacket(media.KindAudio, 0xFFFFFF, []byte{0xAF, 1, 0x23}),
		}
		netconntest.Write(t, pub, packets...)
		netconntest.Same(t, packets, screen.Frames(t, len(packets)))
		synctest.Wait()
		want := unhex(t, "wrap.hex")
		for name, got := range map[string][]byte{"publisher": published.out, "player": played.in} {
			if !bytes.HasSuffix(got, want) {
				t.Errorf("%s:\n%s\nwant\n%s", name, hexLines(got[max(0, len(got)-len(want)):]), hexLines(want))
			}
		}
	})
}

// TestWrapFileFollowsTheSpecification writes what RTMP 1.0 section 5.3.1 says of those packets, with nothing of this project's chunk writer.
func TestWrapFileFollowsTheSpecification(t *testing.T) {
	var out strings.Builder
	chunk := func(note, header string, extended string, body []byte) {
		fmt.Fprintf(&out, "# %s\n%s\n", note, header)
		for i := 0; i < len(body); i += 128 {
			if i > 0 {
				fmt.Fprintf(&out, "C6 # type 3 on the same chunk stream\n")
			}
			if extended != "" {
				fmt.Fprintf(&out, "%s # extended timestamp\n", extended)
			}
			out.WriteString(hexLines(body[i:min(i+128, len(body))]))
		}
	}
	chunk("keyframe at 2^32 - 41", "06 FF FF FF 00 00 87 09 01 00 00 00", "FF FF FF D7", netconntest.Body(130, 0x17, 1, 0, 0, 0))
	chunk("sound at 2^32 - 1", "04 FF FF FF 00 00 03 08 01 00 00 00", "FF FF FF FF", []byte{0xAF, 1, 0x21})
	chunk("picture at 0", "06 00 00 00 00 00 87 09 01 00 00 00", "", netconntest.Body(130, 0x27, 1, 0, 0, 0))
	chunk("sound at 0xFFFFFE", "04 FF FF FE 00 00 03 08 01 00 00 00", "", []byte{0xAF, 1, 0x22})
	chunk("sound at 0xFFFFFF", "04 FF FF FF 00 00 03 08 01 00 00 00", "00 FF FF FF", []byte{0xAF, 1, 0x23})
	golden(t, "wrap.hex", out.String())
}
