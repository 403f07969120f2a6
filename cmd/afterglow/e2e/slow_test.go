package e2e

import (
	"context"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/media/flv"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
)

// throttle is a connection that is read slowly: at a rate, not at all, or, once released, as fast as may be.
type throttle struct {
	net.Conn
	rate     int // bytes a second, 0 for never
	slow     chan struct{}
	released chan struct{}
}

func newThrottle(rate int) *throttle {
	return &throttle{rate: rate, slow: make(chan struct{}), released: make(chan struct{})}
}

// begin makes it slow from now on, release ends that.
func (c *throttle) begin()   { close(c.slow) }
func (c *throttle) release() { close(c.released) }

func (c *throttle) Read(b []byte) (int, error) {
	select {
	case <-c.slow:
	default:
		return c.Conn.Read(b)
	}
	const sip = 500 // bytes
	var pause <-chan time.Time
	if c.rate > 0 {
		pause = time.After(sip * time.Second / time.Duration(c.rate))
	}
	select {
	case <-pause:
		return c.Conn.Read(b[:min(sip, len(b))])
	case <-c.released:
		return c.Conn.Read(b)
	}
}

// options dial with buffers as small as on a real network, so that slowness shows soon.
func (c *throttle) options() overrtmp.DialOptions {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1448)
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
		})
	}}
	return overrtmp.DialOptions{Dialer: rtmp.Dialer{NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
		var err error
		c.Conn, err = dialer.DialContext(ctx, network, address)
		return c, err
	}}}
}

// light is a player that keeps only a checksum of all frames that came.
type light struct {
	mu     sync.Mutex
	frames int
	sum    uint32
	ended  chan struct{}
}

func (l *light) packet(p *media.Packet) {
	if p.Kind == media.KindData || p.Config || p.SequenceEnd {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames++
	l.sum = crc32.Update(l.sum, crc32.IEEETable, []byte{byte(p.Timestamp >> 16), byte(p.Timestamp >> 8), byte(p.Timestamp)})
	l.sum = crc32.Update(l.sum, crc32.IEEETable, p.Payload)
}

// result is what must be the same for all that lost nothing.
func (l *light) result() [2]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return [2]uint64{uint64(l.frames), uint64(l.sum)}
}

// wait waits until the stream has ended.
func (l *light) wait(t *testing.T) {
	t.Helper()
	select {
	case <-l.ended:
	case <-time.After(patience):
		t.Fatalf("a player was not told of the end; it has frames and checksum %v", l.result())
	}
}

func watchLightly(t *testing.T, url, stream string) *light {
	t.Helper()
	l := &light{ended: make(chan struct{})}
	ctx := within(t)
	client, err := overrtmp.Dial(ctx, url, overrtmp.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	end := sync.OnceFunc(func() { close(l.ended) })
	s, err := client.CreateStream(ctx, netconn.StreamEvents{Packet: l.packet, Status: func(st netconn.Status) {
		if st.Code == netconn.PlayUnpublishNotify {
			end()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Play(ctx, stream, netconn.PlayLive, -1); err != nil {
		t.Fatal(err)
	}
	return l
}

// load is how much of everything there is.
type load struct {
	players int
	dead    int // players that never read
	loops   int // of a film of four seconds
}

func loadOf() load {
	if long {
		return load{players: 400, dead: 20, loops: 15}
	}
	return load{players: 200, dead: 6, loops: 3}
}

// markEvery is how far apart the data messages are in the film that the slow player plays, in milliseconds.
const markEvery = 500

// TestSlowPlayersDisturbNobody has two ffmpeg publish to many players, among them some that never read and one that
// reads 10 kB a second, less than a tenth of what is sent.
func TestSlowPlayersDisturbNobody(t *testing.T) {
	film := sample(t, "heavy")
	find(t, "ffmpeg")
	n := loadOf()
	s := serve(t, "play.maxLag=4s", "limits.writeTime=4s")

	var clean [2][]*light
	for i := range n.players {
		clean[i%2] = append(clean[i%2], watchLightly(t, s.url(""), streamName(i%2)))
	}
	beside := watchLightly(t, s.url(""), "marked")
	for i := range n.dead {
		conn := newThrottle(0)
		view(t, s.url(""), streamName(i%2), conn.options())
		conn.begin()
	}
	slowConn := newThrottle(10_000)
	slow := view(t, s.url(""), "marked", slowConn.options())
	slowConn.begin()

	var publishing []*started
	for i := range 2 {
		publishing = append(publishing, start(t, "ffmpeg", "-v", "error", "-re", "-stream_loop", strconv.Itoa(n.loops-1), "-i", film, "-c", "copy", "-f", "flv", s.url(streamName(i))))
	}
	// This one goes on when the others have ended, so that the slow player comes back in its middle.
	markedFilm := withMarks(t, sample(t, "dense"), n.loops+1)
	marked := start(t, "afterglow", "publish", markedFilm, s.url("marked"))
	s.awaitPublisher(t, streamName(0), 1)
	s.awaitPublisher(t, streamName(1), 1)
	// The first player of the dead to be given up shows that all buffers are as full as they get.
	s.awaitLine(t, 1, "connection ended", "does not read")
	before := s.residentMemory(t)
	for _, p := range publishing {
		p.wait(t)
	}
	after := s.residentMemory(t)
	slowConn.release()
	marked.wait(t)

	for i, all := range clean {
		want := [2]uint64{}
		for j, l := range all {
			l.wait(t)
			if j == 0 {
				want = l.result()
			}
			if got := l.result(); got != want {
				t.Errorf("player %d of stream %d: got frames and checksum %v, the first has %v", j, i, got, want)
			}
		}
		if frames := uint64(len(framesOf(readFLV(t, film))) * n.loops); want[0] != frames {
			t.Errorf("stream %d: %d frames arrived, %d were published", i, want[0], frames)
		}
	}
	t.Logf("memory: %d kB when all buffers were full, %d kB at the end", before>>10, after>>10)
	beside.wait(t)
	if frames, want := beside.result()[0], uint64(len(framesOf(readFLV(t, markedFilm)))); frames != want {
		t.Errorf("beside the slow player %d frames arrived, %d were published", frames, want)
	}
	if grown := after - before; grown > memoryAllowance {
		t.Errorf("memory grew by %d kB, from %d kB", grown>>10, before>>10)
	}
	if slowEnds := s.metric(t, "afterglow_connections_ended_total", `reason="slow"`); slowEnds != float64(n.dead) {
		t.Errorf("%v players were counted as slow, %d never read", slowEnds, n.dead)
	}
	slow.awaitEnd(t)
	// What the system holds for the slow player is in front of the gap: it skips when that has gone.
	if skips, skipped := s.metric(t, "afterglow_subscriber_skips_total"), s.metric(t, "afterglow_subscriber_skipped_packets_total"); skips == 0 || skipped == 0 {
		t.Errorf("%v skips and %v skipped packets were counted", skips, skipped)
	}
	t.Logf("%v skips, %v packets", s.metric(t, "afterglow_subscriber_skips_total"), s.metric(t, "afterglow_subscriber_skipped_packets_total"))
	if lost := s.metric(t, "afterglow_subscriber_lost_messages_total"); lost != 0 {
		t.Errorf("%v messages that must arrive were lost", lost)
	}
	skippedWell(t, readFLV(t, markedFilm), slow.seen())
}

func streamName(i int) string { return "film" + strconv.Itoa(i) }

// withMarks copies a film of four seconds several times over, with a data message every so often.
func withMarks(t *testing.T, film string, loops int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "marked.flv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := flv.NewWriter(f, nil)
	write := func(p *media.Packet) {
		if err := w.WritePacket(p); err != nil {
			t.Fatal(err)
		}
	}
	mark := 0
	for loop := range loops {
		for _, p := range readFLV(t, film) {
			timestamp := p.Timestamp + uint32(loop)*4000
			for ; timestamp >= uint32(mark*markEvery); mark++ {
				b, err := amf.Append0(nil, "onMark", float64(mark))
				if err != nil {
					t.Fatal(err)
				}
				write(media.NewPacket(media.KindData, uint32(mark*markEvery), b))
			}
			write(p.WithTimestamp(timestamp))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// skippedWell fails the test unless the player missed pictures, went on at keyframes only, and got every mark.
func skippedWell(t *testing.T, published, played []*media.Packet) {
	t.Helper()
	want, got := marksIn(published), marksIn(played)
	if !slices.Equal(got, want) {
		t.Errorf("marks: got %v, want %v", got, want)
	}
	pictures, shown := picturesIn(published), picturesIn(played)
	if len(shown) == 0 || len(shown) >= len(pictures) {
		t.Errorf("%d of %d pictures came: nothing was skipped", len(shown), len(pictures))
	}
	next, gaps := 0, 0
	for _, p := range shown {
		at := slices.IndexFunc(pictures[next:], func(q *media.Packet) bool { return q.Timestamp == p.Timestamp })
		if at < 0 {
			t.Fatalf("a picture of %d ms came, which was not published or came before", p.Timestamp)
		}
		if at > 0 {
			gaps++
		}
		if at > 0 && !p.Keyframe {
			t.Errorf("after a gap of %d pictures comes no keyframe but the picture of %d ms", at, p.Timestamp)
		}
		next += at + 1
	}
	if gaps == 0 {
		t.Error("there is no gap with pictures behind it")
	}
}

// marksIn returns the numbers of the data messages.
func marksIn(packets []*media.Packet) []float64 {
	var marks []float64
	for _, p := range packets {
		if p.Kind != media.KindData {
			continue
		}
		values, err := amf.Decode0(p.Payload, nil)
		if err == nil && len(values) == 2 && values[0] == "onMark" {
			marks = append(marks, values[1].(float64))
		}
	}
	return marks
}

func picturesIn(packets []*media.Packet) []*media.Packet {
	return slices.DeleteFunc(slices.Clone(packets), func(p *media.Packet) bool {
		return p.Kind != media.KindVideo || p.Config || p.SequenceEnd
	})
}
