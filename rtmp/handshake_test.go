package rtmp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// Digests are computed here apart from the package's own functions.

const (
	playerKey = "Genuine Adobe Flash Player 001"
	mediaKey  = "Genuine Adobe Flash Media Server 001"
)

func hmacOf(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// digestAt returns the digest in a C1 or S1, after checking it, for the scheme with its sum at base.
func digestAt(t *testing.T, p []byte, base int, key string) []byte {
	t.Helper()
	at := base + 4 + (int(p[base])+int(p[base+1])+int(p[base+2])+int(p[base+3]))%728
	if want := hmacOf([]byte(key), p[:at], p[at+32:]); !bytes.Equal(want, p[at:at+32]) {
		t.Fatalf("no digest at %d", at)
	}
	return p[at : at+32]
}

func checkAnswer(t *testing.T, p []byte, key string, theirs []byte) {
	t.Helper()
	full := append([]byte(key), unhex(t, "f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae")...)
	if want := hmacOf(hmacOf(full, theirs), p[:1504]); !bytes.Equal(want, p[1504:]) {
		t.Error("the answer is not signed with the far end's digest")
	}
}

func TestServerHandshakeWithCapturedClients(t *testing.T) {
	tests := []struct {
		file string
		kind Handshake
		base int
	}{
		{"c0c1-ffmpeg.hex", HandshakeDigest, 8},
		{"c0c1-rtmpdump.hex", HandshakePlain, 0},
		{"c0c1-rtmpdump-swf.hex", HandshakeDigest, 8},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			c0c1 := golden(t, tt.file)
			var out bytes.Buffer
			in := &inbuf{src: iotest.OneByteReader(io.MultiReader(bytes.NewReader(c0c1), bytes.NewReader(make([]byte, 1536))))}
			kind, err := serverHandshake(in, &out)
			if err != nil {
				t.Fatal(err)
			}
			if kind != tt.kind {
				t.Fatalf("kind %v, want %v", kind, tt.kind)
			}
			reply := out.Bytes()
			if len(reply) != 1+2*1536 || reply[0] != 3 {
				t.Fatalf("%d bytes that begin with %d", len(reply), reply[0])
			}
			c1, s1, s2 := c0c1[1:], reply[1:1537], reply[1537:]
			if kind == HandshakePlain {
				if !bytes.Equal(s1[4:8], make([]byte, 4)) {
					t.Error("S1 announces a version")
				}
				if !bytes.Equal(s2[:4], c1[:4]) || !bytes.Equal(s2[8:], c1[8:]) {
					t.Error("S2 is no echo of C1")
				}
				return
			}
			digestAt(t, s1, tt.base, mediaKey)
			checkAnswer(t, s2, mediaKey, digestAt(t, c1, tt.base, playerKey))
		})
	}
}

// scriptedServer plays S0, S1 and S2 made from the client's C0 and C1.
func scriptedServer(t *testing.T, nc net.Conn, reply func(c1 []byte) []byte) <-chan []byte {
	t.Helper()
	c2 := make(chan []byte, 1)
	go func() {
		defer close(c2)
		hello := make([]byte, 1537)
		if _, err := io.ReadFull(nc, hello); err != nil {
			return
		}
		if _, err := nc.Write(reply(hello[1:])); err != nil {
			return
		}
		p := make([]byte, 1536)
		if _, err := io.ReadFull(nc, p); err == nil {
			c2 <- p
		}
	}()
	return c2
}

func TestClientHandshakeWithCapturedServer(t *testing.T) {
	captured := golden(t, "s0s1s2-rtmpsrv.hex") // librtmp's server
	s1 := captured[1:1537]
	theirs := digestAt(t, s1, 8, mediaKey)
	near, far := net.Pipe()
	defer near.Close()
	c2 := scriptedServer(t, far, func(c1 []byte) []byte {
		digest := digestAt(t, c1, 8, playerKey)
		s2 := bytes.Clone(captured[1537:])
		full := append([]byte(mediaKey), keyTail...)
		copy(s2[1504:], hmacOf(hmacOf(full, digest), s2[:1504]))
		return join(captured[:1537], s2)
	})
	c, err := new(Dialer).NewConn(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	if c.HandshakeKind() != HandshakeDigest {
		t.Errorf("kind %v", c.HandshakeKind())
	}
	checkAnswer(t, <-c2, playerKey, theirs)
}

func TestClientHandshakeFallsBackToPlain(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	s1 := make([]byte, 1536)
	copy(s1[8:], filled(1528))
	c2 := scriptedServer(t, far, func(c1 []byte) []byte { return join([]byte{3}, s1, c1) })
	c, err := new(Dialer).NewConn(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	if c.HandshakeKind() != HandshakePlain {
		t.Errorf("kind %v", c.HandshakeKind())
	}
	if got := <-c2; !bytes.Equal(got[8:], s1[8:]) {
		t.Error("C2 is no echo of S1")
	}
}

func TestClientHandshakeRefuses(t *testing.T) {
	tests := []struct {
		name  string
		reply func(c1 []byte) []byte
	}{
		{"another version", func(c1 []byte) []byte { return append([]byte{6}, make([]byte, 3072)...) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			near, far := net.Pipe()
			c2 := scriptedServer(t, far, tt.reply)
			if _, err := new(Dialer).NewConn(t.Context(), near); !errors.Is(err, ErrProtocol) {
				t.Errorf("got %v", err)
			}
			near.Close()
			<-c2
		})
	}
}

func TestClientHandshakeTakesAnyS2(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	c2 := scriptedServer(t, far, func(c1 []byte) []byte {
		s1 := make([]byte, 1536)
		digestScheme0.sign(s1, []byte(mediaKey))
		return join([]byte{3}, s1, make([]byte, 1536))
	})
	if _, err := new(Dialer).NewConn(t.Context(), near); err != nil {
		t.Fatal(err)
	}
	<-c2
}

// Nobody was at hand who uses scheme 1; the place of its digest is checked apart.
func TestServerHandshakeAnswersInTheClientsScheme(t *testing.T) {
	for _, base := range []int{8, 772} {
		c1 := filled(1536)
		at := base + 4 + (int(c1[base])+int(c1[base+1])+int(c1[base+2])+int(c1[base+3]))%728
		digest := hmacOf([]byte(playerKey), c1[:at], c1[at+32:])
		copy(c1[at:], digest)
		var out bytes.Buffer
		kind, err := serverHandshake(&inbuf{src: bytes.NewReader(join([]byte{3}, c1, c1))}, &out)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[int]Handshake{8: HandshakeDigest, 772: HandshakeDigestScheme1}[base]; kind != want {
			t.Errorf("kind %v, want %v", kind, want)
		}
		digestAt(t, out.Bytes()[1:1537], base, mediaKey)
		checkAnswer(t, out.Bytes()[1537:], mediaKey, digest)
	}
}

func TestHandshakesAgainstEachOther(t *testing.T) {
	for _, kind := range []Handshake{HandshakeDigest, HandshakePlain, HandshakeDigestScheme1} {
		t.Run(kind.String(), func(t *testing.T) {
			near, far := net.Pipe()
			seen := make(chan Handshake, 1)
			srv := new(Server)
			srv.Handler = HandlerFunc(func(c *Conn) { seen <- c.HandshakeKind() })
			srv.accept(far)
			c, err := (&Dialer{Handshake: kind}).NewConn(t.Context(), near)
			if err != nil {
				t.Fatal(err)
			}
			if got := <-seen; got != kind {
				t.Errorf("the server saw %v", got)
			}
			if got := c.HandshakeKind(); got != kind {
				t.Errorf("the client saw %v", got)
			}
			c.Close()
			srv.Close()
		})
	}
}

// The sum that places a digest takes all its values.
func TestDigestLiesWithinThePacketForAllOffsets(t *testing.T) {
	for _, s := range []digestScheme{digestScheme0, digestScheme1} {
		for sum := 0; sum <= 4*255; sum++ {
			p := make([]byte, handshakeSize)
			for i, left := 0, sum; i < 4; i++ {
				n := min(left, 255)
				p[s.base+i] = byte(n)
				left -= n
			}
			at := s.offset(p)
			if at != s.base+4+sum%728 || at+sha256.Size > handshakeSize {
				t.Fatalf("sum %d: offset %d", sum, at)
			}
			d := s.sign(p, []byte(playerKey))
			if found, got, ok := findDigest(p, []byte(playerKey)); !ok || found != s || !bytes.Equal(got, d) {
				t.Fatalf("sum %d: not found", sum)
			}
		}
	}
}

func TestServerHandshakeSaysWhatIsWrong(t *testing.T) {
	tests := []struct {
		name  string
		first byte
		want  string
	}{
		{"HTTP", 'G', "0x47"},
		{"TLS", 0x16, "0x16"},
		{"RTMPE", 6, "RTMPE"},
		{"RTMPE with XTEA", 8, "RTMPE"},
		{"version 0", 0, "0x00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			_, err := serverHandshake(&inbuf{src: bytes.NewReader([]byte{tt.first})}, &out)
			if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if out.Len() > 0 {
				t.Errorf("%d bytes were answered", out.Len())
			}
		})
	}
}

func TestServerHandshakeCutShort(t *testing.T) {
	all := join(golden(t, "c0c1-ffmpeg.hex"), make([]byte, 1536))
	for _, cut := range []int{0, 1, 2, 1536, 1537, 1538, len(all) - 1} {
		if _, err := serverHandshake(&inbuf{src: bytes.NewReader(all[:cut])}, io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestHandshakeTimeout(t *testing.T) {
	for _, sent := range []int{1, 1000, 1537} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			srv := &Server{Log: slog.New(slog.DiscardHandler), HandshakeTimeout: 3 * time.Second, Handler: HandlerFunc(func(*Conn) { t.Error("the handler was called") })}
			start := time.Now()
			srv.accept(far)
			go near.Write(append([]byte{3}, make([]byte, 1536)...)[:sent])
			_, err := io.Copy(io.Discard, near)
			if err != nil {
				t.Error(err)
			}
			if d := time.Since(start); d != 3*time.Second {
				t.Errorf("%d bytes: closed after %v", sent, d)
			}
			srv.Close()
			if n := srv.Stats().HandshakeFailed.Load(); n != 1 {
				t.Errorf("%d failures counted", n)
			}
		})
	}
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		go io.Copy(io.Discard, far)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		d := &Dialer{NetDial: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
		if _, err := d.Dial(ctx, "rtmp://example.com/live"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if _, err := near.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the connection was left open: %v", err)
		}
	})
}

func TestDialReportsNetworkErrors(t *testing.T) {
	d := &Dialer{NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrPermission }}
	if _, err := d.Dial(t.Context(), "rtmp://example.com/live"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
	if _, err := d.Dial(t.Context(), "http://example.com/live"); err == nil {
		t.Error("an http URL was dialled")
	}
}

// OBS Studio sends Set Chunk Size and connect behind C2 without waiting.
func TestMessagesInTheSegmentOfC2(t *testing.T) {
	connect := Message{Type: TypeCommandAMF0, Payload: filled(300)}
	tail := AppendChunks(nil, ptr(SetChunkSize(4096)), ChunkStreamControl, DefaultChunkSize)
	tail = AppendChunks(tail, &connect, ChunkStreamCommand, 4096)
	near, far := net.Pipe()
	got := make(chan Message, 1)
	srv := &Server{Handler: HandlerFunc(func(c *Conn) {
		m, err := c.ReadMessage()
		if err != nil {
			t.Error(err)
		}
		got <- m
	})}
	srv.accept(far)
	if _, err := near.Write(golden(t, "c0c1-rtmpdump.hex")); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, 1+2*handshakeSize)
	if _, err := io.ReadFull(near, reply); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Write(join(reply[1:1+handshakeSize], tail)); err != nil {
		t.Fatal(err)
	}
	if m := <-got; flatten(m) != flatten(connect) {
		t.Errorf("got %d bytes of type %d", len(m.Payload), m.Type)
	}
	near.Close()
	srv.Close()
}

// The server waits for C2 before it says anything else, and S0 to S2 are one write.
func TestServerSendsNothingWithS2(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	srv := &Server{Handler: HandlerFunc(func(c *Conn) {
		_ = c.Send(WindowSize(1))
		_, _ = c.ReadMessage()
	})}
	srv.accept(far)
	go near.Write(golden(t, "c0c1-rtmpdump.hex"))
	p := make([]byte, 8192)
	n, err := near.Read(p)
	if err != nil || n != 1+2*handshakeSize {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	if _, err := near.Write(make([]byte, handshakeSize)); err != nil {
		t.Fatal(err)
	}
	if n, err = near.Read(p); err != nil || n != 16 {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	near.Close()
	srv.Close()
}
