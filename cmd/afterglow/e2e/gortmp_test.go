package e2e

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/handshake"
	"github.com/yutopp/go-rtmp/message"

	"afterglow/amf"
	"afterglow/media"
)

// publishGoRTMP publishes a file with the client of yutopp/go-rtmp.
func publishGoRTMP(t *testing.T, rawURL, film string) []frame {
	t.Helper()
	host, app, name := splitURL(t, rawURL)
	greeted := &greeting{done: make(chan struct{})}
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	logger.AddHook(greeted)
	client, err := rtmp.Dial("rtmp", host, &rtmp.ConnConfig{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	// It closes with bytes unread, which makes TCP throw away what the server has not read yet: not before all arrived.
	t.Cleanup(func() { _ = client.Close() })
	connect := message.NetConnectionConnectCommand{App: app, Type: "nonprivate", FlashVer: "FMLE/3.0 (compatible; go-rtmp)", TCURL: "rtmp://" + host + "/" + app}
	if err := client.Connect(&message.NetConnectionConnect{Command: connect}); err != nil {
		t.Fatal(err)
	}
	// Its CreateStream races with its own reader.
	select {
	case <-greeted.done:
	case <-time.After(patience):
		t.Fatal("no onBWDone")
	}
	stream, err := client.CreateStream(nil, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Publish(&message.NetStreamPublish{PublishingName: name, PublishingType: "live"}); err != nil {
		t.Fatal(err)
	}
	packets := readFLV(t, film)
	for _, p := range packets {
		if err := stream.Write(int(p.Kind), p.Timestamp, goRTMPMessage(p)); err != nil {
			t.Fatal(err)
		}
	}
	// Its DeleteStream races with its own reader.
	end := &message.CommandMessage{CommandName: "closeStream", Encoding: message.EncodingTypeAMF0, Body: bytes.NewReader([]byte{5})}
	if err := stream.Write(3, 0, end); err != nil {
		t.Fatal(err)
	}
	return framesOf(packets)
}

// greeting waits for onBWDone, the last that the server says of itself after connect: go-rtmp ignores it with a warning.
type greeting struct {
	once sync.Once
	done chan struct{}
}

// Levels are those of the warning.
func (*greeting) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

// Fire hears it.
func (g *greeting) Fire(*logrus.Entry) error {
	g.once.Do(func() { close(g.done) })
	return nil
}

func splitURL(t *testing.T, rawURL string) (host, app, stream string) {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	app, stream, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return u.Host, app, stream
}

func goRTMPMessage(p *media.Packet) message.Message {
	switch p.Kind {
	case media.KindAudio:
		return &message.AudioMessage{Payload: bytes.NewReader(p.Payload)}
	case media.KindVideo:
		return &message.VideoMessage{Payload: bytes.NewReader(p.Payload)}
	}
	return &message.DataMessage{Name: "@setDataFrame", Encoding: message.EncodingTypeAMF0, Body: bytes.NewReader(p.Payload)}
}

// goRTMPPlayer plays with the handshake, chunks and messages of yutopp/go-rtmp. Its client has no play, and stops
// reading at the first media message of a stream that it made.
type goRTMPPlayer struct {
	chunks  *rtmp.ChunkStreamer
	packets []*media.Packet
}

// playGoRTMP begins to play and returns what reads until the stream ends.
func playGoRTMP(t *testing.T, rawURL string) func() []*media.Packet {
	t.Helper()
	host, app, name := splitURL(t, rawURL)
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if err := handshake.HandshakeWithServer(conn, conn, &handshake.Config{}); err != nil {
		t.Fatal(err)
	}
	p := goRTMPPlayer{chunks: rtmp.NewChunkStreamer(conn, conn, nil)}
	t.Cleanup(func() { _ = p.chunks.Close() })
	p.command(t, 0, "connect", 1, amf.NewObject(
		amf.Property{Name: "app", Value: app}, amf.Property{Name: "tcUrl", Value: "rtmp://" + host + "/" + app}))
	p.until(t, "NetConnection.Connect.Success")
	p.command(t, 0, "createStream", 2, nil)
	p.until(t, "_result")
	p.command(t, 1, "play", 3, nil, name)
	p.until(t, "NetStream.Play.Start")
	return func() []*media.Packet {
		p.until(t, "NetStream.Play.UnpublishNotify")
		return p.packets
	}
}

func (p *goRTMPPlayer) command(t *testing.T, stream uint32, name string, transaction int64, args ...amf.Value) {
	t.Helper()
	body, err := amf.Append0(nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	m := &message.CommandMessage{CommandName: name, TransactionID: transaction, Encoding: message.EncodingTypeAMF0, Body: bytes.NewReader(body)}
	if err := p.chunks.Write(t.Context(), 3, 0, &rtmp.ChunkMessage{StreamID: stream, Message: m}); err != nil {
		t.Fatal(err)
	}
}

// until reads until a command has the word in its name or body, and keeps the media that comes before.
func (p *goRTMPPlayer) until(t *testing.T, word string) {
	t.Helper()
	for {
		var m rtmp.ChunkMessage
		_, timestamp, err := p.chunks.Read(&m)
		if err != nil {
			t.Fatalf("go-rtmp, waiting for %s after %d packets: %v", word, len(p.packets), err)
		}
		switch body := m.Message.(type) {
		case *message.SetChunkSize:
			err = p.chunks.PeerState().SetChunkSize(body.ChunkSize)
		case *message.AudioMessage:
			err = p.keep(media.KindAudio, timestamp, body.Payload)
		case *message.VideoMessage:
			err = p.keep(media.KindVideo, timestamp, body.Payload)
		case *message.CommandMessage:
			var b []byte
			if b, err = io.ReadAll(body.Body); err == nil && (body.CommandName == word || bytes.Contains(b, []byte(word))) {
				return
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (p *goRTMPPlayer) keep(kind media.Kind, timestamp uint32, payload io.Reader) error {
	b, err := io.ReadAll(payload)
	if err == nil && len(b) == 0 {
		err = errors.New("an empty packet")
	}
	p.packets = append(p.packets, media.NewPacket(kind, timestamp, b))
	return err
}

func TestGoRTMPPlays(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"128", "4096", "65536"} {
		t.Run("chunks of "+size, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "rtmp.chunkSize="+size)
			rest := playGoRTMP(t, s.url("film"))
			want := publishGoRTMP(t, s.url("film"), sample(t, "av"))
			sameFrames(t, want, framesOf(rest()))
		})
	}
}
