package interop

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
)

// foreignPublisher is gortmplib as a publisher.
type foreignPublisher struct {
	*gortmplib.Client
	*gortmplib.Writer
}

// publishForeign begins to publish tracks.
func publishForeign(t *testing.T, s *server, stream string, tracks ...*gortmplib.Track) *foreignPublisher {
	t.Helper()
	p := &foreignPublisher{Client: foreignClient(t, s, stream, true)}
	// Whatever it leaves unread would make the system throw away what the server has not read when it closes.
	go func() {
		for {
			if _, err := p.Read(); err != nil {
				return
			}
		}
	}()
	p.Writer = &gortmplib.Writer{Conn: p.Client, Tracks: tracks}
	must(t, p.Writer.Initialize())
	return p
}

func foreignClient(t *testing.T, s *server, stream string, publish bool) *gortmplib.Client {
	t.Helper()
	u, err := url.Parse(s.url(stream))
	must(t, err)
	c := &gortmplib.Client{URL: u, Publish: publish}
	must(t, c.Initialize(within(t)))
	t.Cleanup(c.Close)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// multitrackConn is a connection of gortmplib's parts whose client announces multitrack, which gortmplib's own does not.
type multitrackConn struct {
	bytes *bytecounter.ReadWriter
	*message.ReadWriter
}

func (c *multitrackConn) BytesReceived() uint64 { return c.bytes.Reader.Count() }
func (c *multitrackConn) BytesSent() uint64     { return c.bytes.Writer.Count() }

// playMultitrack plays with a connection that announces everything.
func playMultitrack(t *testing.T, s *server, stream string) (gortmplib.Conn, func()) {
	t.Helper()
	nc, err := net.Dial("tcp", s.address)
	must(t, err)
	_ = nc.SetDeadline(time.Now().Add(patience))
	bc := bytecounter.NewReadWriter(nc)
	_, _, err = handshake.DoClient(bc, false, false)
	must(t, err)
	c := &multitrackConn{bc, message.NewReadWriter(bc, bc, false)}
	c.call(t, 0, 1, "connect", amf0.Object{
		{Key: "app", Value: "live"},
		{Key: "flashVer", Value: "LNX 9,0,124,2"},
		{Key: "tcUrl", Value: "rtmp://" + s.address + "/live"},
		{Key: "fourCcList", Value: amf0.StrictArray{"*"}},
		{Key: "capsEx", Value: float64(0x02)},
	})
	c.until(t, "_result")
	c.call(t, 0, 2, "createStream", nil)
	c.until(t, "_result")
	c.call(t, 0x1000000, 3, "play", nil, stream)
	c.until(t, "onStatus")
	return c, func() { _ = nc.Close() }
}

func (c *multitrackConn) call(t *testing.T, stream uint32, transaction int, name string, args ...any) {
	t.Helper()
	must(t, c.Write(&message.CommandAMF0{ChunkStreamID: 3, MessageStreamID: stream, Name: name, CommandID: transaction, Arguments: args}))
}

func (c *multitrackConn) until(t *testing.T, name string) {
	t.Helper()
	for {
		m, err := c.Read()
		must(t, err)
		if command, ok := m.(*message.CommandAMF0); ok && command.Name == name {
			return
		}
	}
}

// foreignReader is gortmplib as a reader. It does not hear of the end of a stream, so tests wait for a number of frames.
type foreignReader struct {
	conn  gortmplib.Conn
	close func()

	mu      sync.Mutex
	frames  []frame
	err     error
	changed chan struct{}
}

// readForeign begins to play. What gortmplib analyses first is two seconds of media.
func readForeign(t *testing.T, s *server, stream string) *foreignReader {
	t.Helper()
	c := foreignClient(t, s, stream, false)
	return newForeignReader(t, c, c.Close)
}

func newForeignReader(t *testing.T, conn gortmplib.Conn, hangUp func()) *foreignReader {
	r := &foreignReader{conn: conn, close: hangUp, changed: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := r.run()
		r.change(func() { r.err = err })
	}()
	t.Cleanup(func() {
		hangUp()
		<-done
	})
	return r
}

func (r *foreignReader) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *foreignReader) run() error {
	reader := &gortmplib.Reader{Conn: r.conn}
	if err := reader.Initialize(); err != nil {
		return fmt.Errorf("analysing: %w", err)
	}
	number := map[bool]uint8{}
	for _, track := range reader.Tracks() {
		if track == nil {
			return fmt.Errorf("a track of %d has no configuration", len(reader.Tracks()))
		}
		if err := r.listen(reader, track, number[track.Codec.IsVideo()]); err != nil {
			return err
		}
		number[track.Codec.IsVideo()]++
	}
	for {
		if err := reader.Read(); err != nil {
			return err
		}
	}
}

// listen takes down the frames of a track.
func (r *foreignReader) listen(reader *gortmplib.Reader, track *gortmplib.Track, number uint8) error {
	take := func(kind string, pts time.Duration, coded ...[]byte) {
		r.change(func() { r.frames = append(r.frames, newFrame(kind, number, pts, coded...)) })
	}
	switch track.Codec.(type) {
	case *codecs.AV1:
		reader.OnDataAV1(track, func(pts time.Duration, tu [][]byte) { take("video", pts, withoutDelimiters(tu)...) })
	case *codecs.VP9:
		reader.OnDataVP9(track, func(pts time.Duration, b []byte) { take("video", pts, b) })
	case *codecs.H265:
		reader.OnDataH265(track, func(pts, _ time.Duration, au [][]byte) { take("video", pts, withLengths(au)) })
	case *codecs.Opus:
		reader.OnDataOpus(track, func(pts time.Duration, b []byte) { take("audio", pts, b) })
	case *codecs.MPEG4Audio:
		reader.OnDataMPEG4Audio(track, func(pts time.Duration, b []byte) { take("audio", pts, b) })
	default:
		return fmt.Errorf("a track of type %T", track.Codec)
	}
	return nil
}

// await waits for n frames and returns them.
func (r *foreignReader) await(t *testing.T, n int) []frame {
	t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		frames, err, more := r.frames, r.err, r.changed
		r.mu.Unlock()
		if len(frames) >= n {
			return frames
		}
		if err != nil {
			t.Fatalf("gortmplib, after %d of %d frames: %v", len(frames), n, err)
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("gortmplib got %d of %d frames", len(frames), n)
		}
	}
}

// withLengths writes NAL units as tags carry them, each after its length.
func withLengths(units [][]byte) []byte {
	var b []byte
	for _, u := range units {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(u))), u...)
	}
	return b
}

// withoutDelimiters leaves out temporal delimiters, which writers add and readers drop as they like.
func withoutDelimiters(units [][]byte) [][]byte {
	var out [][]byte
	for _, u := range units {
		if len(u) > 0 && av1.OBUType(u[0]>>3&0x0F) != av1.OBUTypeTemporalDelimiter {
			out = append(out, u)
		}
	}
	return out
}

// unitsOf parses the body of an AV1 packet, however the sizes in it are written.
func unitsOf(body []byte) [][]byte {
	var b av1.Bitstream
	if err := b.Unmarshal(body); err != nil {
		return [][]byte{body}
	}
	return withoutDelimiters(b)
}
