package netconntest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/streams"

	"github.com/google/go-cmp/cmp"
)

// Flat is a packet that can be compared.
type Flat struct {
	Type      uint8
	Timestamp uint32
	Payload   string
}

// Flatten makes packets comparable.
func Flatten(packets ...*media.Packet) []Flat {
	out := make([]Flat, len(packets))
	for i, p := range packets {
		out[i] = Flat{p.MessageType(), p.Timestamp, string(p.Payload)}
	}
	return out
}

// Body is n bytes after a header that tell where they belong.
func Body(n int, header ...byte) []byte {
	b := make([]byte, len(header), len(header)+n)
	copy(b, header)
	for i := range n {
		b = append(b, byte(i*7+i>>8+n))
	}
	return b
}

// The packets of H.264 and AAC in classic tags.
func videoConfig(at uint32) *media.Packet {
	return media.NewPacket(media.KindVideo, at, []byte{0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1F, 0xFF, 0xE1, 0, 0, 1, 0, 0})
}

func audioConfig(at uint32) *media.Packet {
	return media.NewPacket(media.KindAudio, at, []byte{0xAF, 0, 0x12, 0x10})
}

func keyframe(at uint32, n int) *media.Packet {
	return media.NewPacket(media.KindVideo, at, Body(n, 0x17, 1, 0, 0, 0))
}

func interframe(at uint32, n int) *media.Packet {
	return media.NewPacket(media.KindVideo, at, Body(n, 0x27, 1, 0, 0, 0))
}

func sound(at uint32, n int) *media.Packet {
	return media.NewPacket(media.KindAudio, at, Body(n, 0xAF, 1))
}

// Broadcast is configuration and then frames, one after another and of many sizes, from a time on.
func Broadcast(from uint32, frames int) []*media.Packet {
	out := []*media.Packet{videoConfig(from), audioConfig(from)}
	sizes := []int{1, 122, 123, 124, 4091, 4092, 9000, 70000}
	for i := range frames {
		at := from + uint32(i)*33
		size := sizes[i%len(sizes)]
		if i%10 == 0 {
			out = append(out, keyframe(at, size))
		} else {
			out = append(out, interframe(at, size))
		}
		out = append(out, sound(at+5, size%500))
	}
	return out
}

// Screen collects what a client gets to see.
type Screen struct {
	mu       sync.Mutex
	packets  []*media.Packet
	statuses []netconn.Code
	changed  chan struct{}
	lanes    bool // audio and video keep no order between each other
}

// NewScreen makes an empty screen.
func NewScreen() *Screen { return &Screen{changed: make(chan struct{}, 1)} }

// Events are what fills the screen.
func (s *Screen) Events() netconn.StreamEvents {
	return netconn.StreamEvents{
		Packet: func(p *media.Packet) { s.add(func() { s.packets = append(s.packets, p) }) },
		Status: func(st netconn.Status) { s.add(func() { s.statuses = append(s.statuses, st.Code) }) },
	}
}

func (s *Screen) add(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Frames waits for n packets of audio and video, and returns everything that came, data about to play left out.
func (s *Screen) Frames(t *testing.T, n int) []*media.Packet {
	t.Helper()
	deadline := time.After(patience)
	for {
		got := s.content()
		if len(got) >= n {
			return got
		}
		select {
		case <-s.changed:
		case <-deadline:
			t.Fatalf("%d packets came, want %d", len(got), n)
		}
	}
}

// content is the packets without what a server says before the first one.
func (s *Screen) content() []*media.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*media.Packet
	for _, p := range s.packets {
		if p.Kind == media.KindData && isPrelude(p) {
			continue
		}
		out = append(out, p)
	}
	return out
}

func isPrelude(p *media.Packet) bool {
	values, err := amf.Decode0(p.Payload, nil)
	return err == nil && len(values) > 0 && (values[0] == "|RtmpSampleAccess" || values[0] == "onStatus")
}

// Shows waits for as many packets as are wanted and fails the test if they are others. Where only lanes have an order it compares
// lane by lane.
func (s *Screen) Shows(t *testing.T, want ...*media.Packet) {
	t.Helper()
	got := s.Frames(t, len(want))
	if s.lanes {
		want, got = byLane(want), byLane(got)
	}
	Same(t, want, got)
}

// Status waits until a status has come n times.
func (s *Screen) Status(t *testing.T, want netconn.Code, n int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		got, count := slices.Clone(s.statuses), 0
		s.mu.Unlock()
		for _, code := range got {
			if code == want {
				count++
			}
		}
		if count >= n {
			return
		}
		select {
		case <-s.changed:
		case <-deadline:
			t.Fatalf("no %s, but %v", want, got)
		}
	}
}

// Same fails the test when packets differ.
func Same(t *testing.T, want, got []*media.Packet) {
	t.Helper()
	if diff := cmp.Diff(Flatten(want...), Flatten(got...)); diff != "" {
		if len(diff) > 4000 {
			diff = diff[:4000]
		}
		t.Errorf("packets (-want +got):\n%s", diff)
	}
}

// dial connects a client or fails.
func dial(t *testing.T, s Server, o netconn.ConnectOptions) *netconn.Client {
	t.Helper()
	c, err := s.Dial(t, o, netconn.ClientEvents{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Publisher connects a client that publishes a name.
func Publisher(t *testing.T, s Server, o netconn.ConnectOptions, name string) *netconn.ClientStream {
	t.Helper()
	stream, err := dial(t, Publishers(s), o).CreateStream(soon(t), netconn.StreamEvents{})
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Publish(soon(t), name, "live"); err != nil {
		t.Fatal(err)
	}
	return stream
}

// Player connects a client that plays a name.
func Player(t *testing.T, s Server, o netconn.ConnectOptions, name string) (*Screen, *netconn.ClientStream) {
	t.Helper()
	screen := NewScreen()
	screen.lanes = s.Manner().Lanes
	stream, err := dial(t, s, o).CreateStream(soon(t), screen.Events())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Play(soon(t), name, netconn.PlayLiveOrRecorded, -1); err != nil {
		t.Fatal(err)
	}
	return screen, stream
}

// Unpublish ends publishing and waits until the room knows.
func Unpublish(t *testing.T, room *Room, s *netconn.ClientStream, name string) {
	t.Helper()
	turn := make(waker, 1)
	sub := room.Hub.Subscribe(name, streams.SubscribeOptions{Waker: turn})
	defer sub.Close()
	if err := s.Unpublish(soon(t), name); err != nil {
		t.Fatal(err)
	}
	for sub.Published() {
		Await(t, "end of publishing", turn)
	}
}

type waker chan struct{}

func (w waker) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// Write publishes packets. The server has them then, where the transport can tell: where only lanes have an order, what is written
// after that comes behind it on all of them.
func Write(t *testing.T, s *netconn.ClientStream, packets ...*media.Packet) {
	t.Helper()
	for _, p := range packets {
		if err := s.Write(soon(t), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
}
