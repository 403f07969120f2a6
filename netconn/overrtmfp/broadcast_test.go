package overrtmfp_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

// The generated stream: 30 pictures a second, each sixtieth a keyframe five times as large as the others, 2.4 Mbit/s; 47 sounds a
// second, 128 kbit/s.
const (
	videoEvery  = time.Second / 30
	audioEvery  = time.Second / 47
	groupLength = 60
	pictureSize = 9375
	soundSize   = 340
	streamRate  = 2_400_000 + 128_000
)

// inTime is how long after its publishing a frame may come.
const inTime = 2200 * time.Millisecond

// broadcast is what was published, and when.
type broadcast struct {
	publish func(*media.Packet) error
	random  *rand.Rand

	mu     sync.Mutex
	frames [2][]time.Time // by sound and picture
	base   time.Time
}

const (
	sounds = iota
	pictures
)

// newBroadcast begins a stream: configurations and metadata. A hub's publisher, a direct one and a client's stream can take it.
func newBroadcast(t *testing.T, seed uint64, publish func(*media.Packet) error) *broadcast {
	t.Helper()
	b := &broadcast{publish: publish, random: rand.New(rand.NewPCG(seed, 0)), base: time.Now()}
	for _, p := range prelude() {
		if err := publish(p); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// prelude is metadata and the configurations.
func prelude() []*media.Packet {
	payload, _ := amf.Append0(nil, "onMetaData", amf.NewECMAArray(amf.Property{Name: "width", Value: 1280.0}))
	return []*media.Packet{
		media.NewPacket(media.KindData, 0, payload),
		media.NewPacket(media.KindVideo, 0, []byte{0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 0, 1, 0, 0}),
		media.NewPacket(media.KindAudio, 0, []byte{0xAF, 0, 0x12, 0x10}),
	}
}

// film publishes to the stage's hub.
func (s *stage) film() *broadcast {
	s.t.Helper()
	p, err := s.room.Hub.Publish("film", claim)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.Close)
	return newBroadcast(s.t, s.seed, p.Write)
}

// run publishes in real time for a while.
func (b *broadcast) run(d time.Duration) {
	end := time.Now().Add(d)
	for {
		picture, sound := b.due(pictures, videoEvery), b.due(sounds, audioEvery)
		next := picture
		if sound.Before(picture) {
			next = sound
		}
		if !next.Before(end) {
			time.Sleep(time.Until(end))
			return
		}
		time.Sleep(time.Until(next))
		if next == picture {
			b.picture()
		} else {
			b.sound()
		}
	}
}

// due is when the next frame of a kind is to be published.
func (b *broadcast) due(kind int, every time.Duration) time.Time {
	return b.base.Add(time.Duration(len(b.frames[kind])) * every)
}

func (b *broadcast) picture() {
	n := b.note(pictures)
	size, head := pictureSize*(80+b.random.IntN(41))/100, byte(0x27)
	if n%groupLength == 0 {
		size, head = 5*pictureSize, 0x17
	}
	b.write(media.KindVideo, n, videoEvery, size, head, 1, 0, 0, 0)
}

func (b *broadcast) sound() {
	b.write(media.KindAudio, b.note(sounds), audioEvery, soundSize, 0xAF, 1)
}

func (b *broadcast) note(kind int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.frames[kind] = append(b.frames[kind], time.Now())
	return len(b.frames[kind]) - 1
}

func (b *broadcast) write(kind media.Kind, n int, every time.Duration, size int, head ...byte) {
	payload := make([]byte, len(head)+4+size)
	copy(payload, head)
	binary.BigEndian.PutUint32(payload[len(head):], uint32(n))
	at := time.Duration(n) * every
	_ = b.publish(media.NewPacket(kind, uint32(at.Milliseconds()), payload))
}

// arrival is a frame that came to a viewer.
type arrival struct {
	n  int
	at time.Time
}

// viewer notes what comes.
type viewer struct {
	mu       sync.Mutex
	frames   [2][]arrival
	order    []string // what came first
	statuses []netconn.Code
	reached  chan struct{}
}

func newViewer() *viewer { return &viewer{reached: make(chan struct{})} }

func (v *viewer) events() netconn.StreamEvents {
	return netconn.StreamEvents{Packet: v.packet, Status: v.status}
}

func (v *viewer) status(s netconn.Status) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.statuses = append(v.statuses, s.Code)
	v.note(string(s.Code))
}

func (v *viewer) packet(p *media.Packet) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case p.Kind == media.KindData:
		if values, err := amf.Decode0(p.Payload, nil); err == nil && len(values) > 0 {
			v.note(fmt.Sprint(values[0]))
		}
	case p.Config:
		v.note("config")
	case p.Kind == media.KindAudio:
		v.frames[sounds] = append(v.frames[sounds], arrival{int(binary.BigEndian.Uint32(p.Payload[2:])), time.Now()})
	default:
		if p.Keyframe {
			v.note("keyframe")
		} else {
			v.note("picture")
		}
		v.frames[pictures] = append(v.frames[pictures], arrival{int(binary.BigEndian.Uint32(p.Payload[5:])), time.Now()})
	}
}

// note keeps the beginning. The caller holds mu.
func (v *viewer) note(what string) {
	if len(v.order) < 30 {
		v.order = append(v.order, what)
	}
}

// got returns what came of a kind.
func (v *viewer) got(kind int) []arrival {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.frames[kind])
}

func (v *viewer) has(code netconn.Code) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for _, c := range v.statuses {
		if c == code {
			n++
		}
	}
	return n
}

// figures are how frames of a kind came.
type figures struct {
	published, came, inTime int
	p50, p99, worst         time.Duration
}

func (f figures) share() float64 { return float64(f.inTime) / float64(max(f.published, 1)) }

func (f figures) String() string {
	return fmt.Sprintf("%d of %d, %.2f %% in time, delay p50 %v p99 %v worst %v", f.came, f.published, 100*f.share(),
		f.p50.Round(time.Millisecond), f.p99.Round(time.Millisecond), f.worst.Round(time.Millisecond))
}

// measure compares what came with what was published in a span of time.
func measure(b *broadcast, v *viewer, kind int, from, to time.Time) figures {
	b.mu.Lock()
	published := slices.Clone(b.frames[kind])
	b.mu.Unlock()
	within := func(at time.Time) bool { return !at.Before(from) && at.Before(to) }
	var f figures
	for _, at := range published {
		if within(at) {
			f.published++
		}
	}
	var delays []time.Duration
	for _, a := range v.got(kind) {
		if !within(published[a.n]) {
			continue
		}
		delay := a.at.Sub(published[a.n])
		delays = append(delays, delay)
		if delay <= inTime {
			f.inTime++
		}
	}
	f.came = len(delays)
	if slices.Sort(delays); len(delays) > 0 {
		f.p50, f.p99, f.worst = delays[len(delays)/2], delays[len(delays)*99/100], delays[len(delays)-1]
	}
	return f
}

// undecodable counts pictures that came without the one before them in their group.
func undecodable(v *viewer) int {
	bad, last := 0, -1
	for _, a := range v.got(pictures) {
		if a.n%groupLength != 0 && a.n != last+1 {
			bad++
		}
		last = a.n
	}
	return bad
}

// keyframeAfter is when the first keyframe after an instant was published.
func (b *broadcast) keyframeAfter(at time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n := 0; n < len(b.frames[pictures]); n += groupLength {
		if b.frames[pictures][n].After(at) {
			return b.frames[pictures][n]
		}
	}
	return time.Now()
}

// longestGap is the longest time between two frames that came within a span of time.
func longestGap(v *viewer, kind int, from, to time.Time) time.Duration {
	last, longest := from, time.Duration(0)
	for _, a := range v.got(kind) {
		if a.at.Before(from) || a.at.After(to) {
			continue
		}
		longest = max(longest, a.at.Sub(last))
		last = a.at
	}
	return max(longest, to.Sub(last))
}

// plays plays a name on a client.
func plays(t *testing.T, c *netconn.Client, name string) (*viewer, *netconn.ClientStream) {
	t.Helper()
	v := newViewer()
	stream, err := c.CreateStream(moment(t), v.events())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Play(moment(t), name, netconn.PlayLiveOrRecorded, -1); err != nil {
		t.Fatal(err)
	}
	return v, stream
}

// served returns the server's end of who came last.
func (s *stage) served() *netconn.Conn {
	s.t.Helper()
	return netconntest.Await(s.t, "client", s.room.Came)
}

// writer writes to a client's stream.
type writer struct {
	t      *testing.T
	stream *netconn.ClientStream
}

func (w writer) write(p *media.Packet) error { return w.stream.Write(w.t.Context(), p) }
