package e2e

import (
	"bytes"
	"context"
	"encoding/hex"
	"net"
	"strings"
	"sync"
	"testing"

	"afterglow/media"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
)

// tap is a connection that keeps what is read from it.
type tap struct {
	net.Conn
	mu   sync.Mutex
	seen bytes.Buffer
}

func (c *tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.Write(b[:n])
	return n, err
}

// tapped returns dial options that keep what the server sends.
func tapped(c *tap) overrtmp.DialOptions {
	return overrtmp.DialOptions{Dialer: rtmp.Dialer{NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
		var err error
		c.Conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return c, err
	}}}
}

// picturesAcrossTheWrap are H.264 packets with one byte of media, but for the longest, which takes two chunks of 128
// bytes.
func picturesAcrossTheWrap() []*media.Packet {
	inter := func(timestamp uint32, coded ...byte) *media.Packet {
		return media.NewPacket(media.KindVideo, timestamp, append([]byte{0x27, 1, 0, 0, 0}, coded...))
	}
	return []*media.Packet{
		media.NewPacket(media.KindVideo, 0xFFFFFFC0, []byte{0x17, 0, 0, 0, 0, 0xC0}),
		media.NewPacket(media.KindVideo, 0xFFFFFFC0, []byte{0x17, 1, 0, 0, 0, 0xA0}),
		media.NewPacket(media.KindAudio, 0xFFFFFFD0, []byte{0x2F, 0xB0}),
		inter(0xFFFFFFE0, 0xA1),
		inter(0xFFFFFFFF, bytes.Repeat([]byte{0xA2}, 130)...),
		inter(0x00000000, 0xA3),
		media.NewPacket(media.KindAudio, 0x00000010, []byte{0x2F, 0xB1}),
		inter(0x00FFFFFE, 0xA4),
		inter(0x00FFFFFF, 0xA5),
		inter(0x01000000, 0xA6),
	}
}

// wireAcrossTheWrap are the chunks in which a player gets them: chunk stream, timestamp, length, type, stream; then the
// extended timestamp where the timestamp says FFFFFF, in front of each chunk of the message (RTMP 1.0 section 5.3.1.3).
var wireAcrossTheWrap = []string{
	"VV FFFFFF 000006 09 01000000 FFFFFFC0 17 00 000000 C0",
	"VV FFFFFF 000006 09 01000000 FFFFFFC0 17 01 000000 A0",
	"AA FFFFFF 000002 08 01000000 FFFFFFD0 2F B0",
	"VV FFFFFF 000006 09 01000000 FFFFFFE0 27 01 000000 A1",
	"VV FFFFFF 000087 09 01000000 FFFFFFFF 27 01 000000" + strings.Repeat(" A2", 123) + " TT FFFFFFFF" + strings.Repeat(" A2", 7),
	"VV 000000 000006 09 01000000 27 01 000000 A3",
	"AA 000010 000002 08 01000000 2F B1",
	"VV FFFFFE 000006 09 01000000 27 01 000000 A4",
	"VV FFFFFF 000006 09 01000000 00FFFFFF 27 01 000000 A5",
	"VV FFFFFF 000006 09 01000000 01000000 27 01 000000 A6",
}

func TestTimestampsAcrossTheWrapAreTheGoldenBytes(t *testing.T) {
	t.Parallel()
	s := serve(t, "rtmp.chunkSize=128")
	wire := new(tap)
	v := view(t, s.url(""), "film", tapped(wire))
	p := publishTo(t, s.url(""), "film", overrtmp.DialOptions{ChunkSize: 128})
	packets := picturesAcrossTheWrap()
	p.write(t, packets...)
	p.end(t)
	v.awaitEnd(t)

	got := v.seen()
	var played []*media.Packet
	for _, p := range got {
		if p.Kind != media.KindData {
			played = append(played, p)
		}
	}
	if len(played) != len(packets) {
		t.Fatalf("%d packets arrived, %d were published", len(played), len(packets))
	}
	for i, want := range packets {
		if played[i].Timestamp != want.Timestamp || !bytes.Equal(played[i].Payload, want.Payload) {
			t.Errorf("packet %d: got %#x % x, want %#x % x", i, played[i].Timestamp, played[i].Payload, want.Timestamp, want.Payload)
		}
	}
	wire.mu.Lock()
	defer wire.mu.Unlock()
	rest := wire.seen.Bytes()
	for i, text := range wireAcrossTheWrap {
		golden := goldenBytes(t, text)
		at := bytes.Index(rest, golden)
		if at < 0 || i > 0 && at > 0 {
			t.Fatalf("message %d: got\n% x, want\n% x", i, rest[:min(len(rest), 2*len(golden))], golden)
		}
		rest = rest[at+len(golden):]
	}
}

func goldenBytes(t *testing.T, text string) []byte {
	t.Helper()
	video, audio := rtmp.ChunkStreamFor(9), rtmp.ChunkStreamFor(8)
	id := func(header byte, chunkStream uint32) string {
		return hex.EncodeToString([]byte{header | byte(chunkStream)})
	}
	text = strings.NewReplacer("VV", id(0, video), "AA", id(0, audio), "TT", id(0xC0, video), " ", "").Replace(text)
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEveryPlayerGetsEveryFrameAcrossTheWrap plays what real encoders made with timestamps that begin just before 2^32.
func TestEveryPlayerGetsEveryFrameAcrossTheWrap(t *testing.T) {
	t.Parallel()
	const begin = 0xFFFFFFFF - 1500 // the wrap comes in the middle of the film
	s := serve(t)
	amf3 := overrtmp.DialOptions{}
	amf3.Connect.Encoding = 3
	viewers := []*viewer{view(t, s.url(""), "film", overrtmp.DialOptions{}), view(t, s.url(""), "film", amf3)}
	all := playAll(t, s, s.url("film"), "film", afterglowPlayers())
	s.awaitPlayers(t, "film", len(viewers)+len(all))
	packets := readFLV(t, sample(t, "av"))
	p := publishTo(t, s.url(""), "film", overrtmp.DialOptions{})
	for _, packet := range packets {
		p.write(t, packet.WithTimestamp(packet.Timestamp+begin))
	}
	p.end(t)
	for _, v := range viewers {
		v.awaitEnd(t)
		sameFrames(t, framesOf(packets), framesOf(v.seen()))
	}
	compareAll(t, s, framesOf(packets), all)
}

// afterglowPlayers are those that follow time across 2^32; the others write what they cannot read again.
func afterglowPlayers() []player {
	var all []player
	for _, p := range players {
		if programOf(p) == "afterglow" {
			all = append(all, p)
		}
	}
	return all
}
