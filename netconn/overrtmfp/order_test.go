package overrtmfp_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/rtmfp/simnet"
	"afterglow/streams"
)

// lossy is a network on which flows overtake each other all the time.
var lossy = memory{conditions: simnet.Conditions{Delay: 25 * time.Millisecond, Loss: 0.1}}

// eyewitness notes what a client sees of a stream, in order.
type eyewitness struct {
	mu      sync.Mutex
	packets []*media.Packet
	// How many packets had come when a status came.
	unpublished, published []int
	ended                  chan struct{} // gets one for each end of publishing
}

func newEyewitness() *eyewitness { return &eyewitness{ended: make(chan struct{}, 100)} }

func (e *eyewitness) events() netconn.StreamEvents {
	return netconn.StreamEvents{Packet: e.packet, Status: e.status}
}

func (e *eyewitness) packet(p *media.Packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.Kind != media.KindData {
		e.packets = append(e.packets, p)
	}
}

func (e *eyewitness) status(s netconn.Status) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch s.Code {
	case netconn.PlayPublishNotify:
		e.published = append(e.published, len(e.packets))
	case netconn.PlayUnpublishNotify:
		e.unpublished = append(e.unpublished, len(e.packets))
		e.ended <- struct{}{}
	}
}

// watches connects a client that plays the stream x.
func (e *eyewitness) watches(t *testing.T, s *server) {
	t.Helper()
	c, err := s.Dial(t, netconn.ConnectOptions{App: "live"}, netconn.ClientEvents{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.CreateStream(t.Context(), e.events())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Play(t.Context(), "x", netconn.PlayLive, -1); err != nil {
		t.Fatal(err)
	}
}

func TestNoticesKeepTheirPlaceAmongMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		s := lossy.serve(t, room, netconntest.Options{})
		e := newEyewitness()
		e.watches(t, s)
		const rounds = 30
		var frames []*media.Packet // so large that no two flows begin in one packet
		for range 3 {
			frames = append(frames,
				media.NewPacket(media.KindAudio, 0, netconntest.Body(3000, 0xAF, 1)),
				media.NewPacket(media.KindVideo, 0, netconntest.Body(3000, 0x17, 1, 0, 0, 0)))
		}
		for range rounds {
			pub, err := room.Hub.Publish("x", streams.Claim{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range frames {
				if err := pub.Write(p); err != nil {
					t.Fatal(err)
				}
			}
			pub.Close()
		}
		for range rounds {
			netconntest.Await(t, "end of publishing", e.ended)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if len(e.published) != rounds || len(e.unpublished) != rounds {
			t.Fatalf("%d times begun and %d times ended, want %d", len(e.published), len(e.unpublished), rounds)
		}
		for i := range rounds {
			if got, want := e.published[i], i*len(frames); got != want {
				t.Errorf("round %d: begun behind %d packets, want %d", i, got, want)
			}
			if got, want := e.unpublished[i], (i+1)*len(frames); got != want {
				t.Errorf("round %d: ended behind %d packets, want %d", i, got, want)
			}
		}
	})
}

// A client's Unpublish waits for what it has written: over a bad network all of a thousand frames arrive, and then the notice.
func TestUnpublishLosesNoTailOverABadNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		bad := memory{conditions: simnet.Conditions{Delay: 50 * time.Millisecond, Loss: 0.02}}
		s := bad.serve(t, room, netconntest.Options{})
		e := newEyewitness()
		e.watches(t, s)
		pub := netconntest.Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
		want := make([]*media.Packet, 1000)
		for i := range want {
			header := []byte{0x27, 1, 0, 0, 0}
			if i%50 == 0 {
				header[0] = 0x17
			}
			want[i] = media.NewPacket(media.KindVideo, uint32(i*40), netconntest.Body(3000, header...))
			if err := pub.Write(t.Context(), want[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := pub.Unpublish(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		netconntest.Await(t, "end of publishing", e.ended)
		e.mu.Lock()
		defer e.mu.Unlock()
		if got := e.unpublished[0]; got != len(want) {
			t.Errorf("told of the end behind %d frames, want %d", got, len(want))
		}
		netconntest.Same(t, want, e.packets)
	})
}

// What a refused client is told arrives before its session ends, whatever is lost.
func TestRejectionArrivesBeforeTheEndOverABadNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		room.Connects = func(_ *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
			reply.Give(netconn.ConnectAnswer{Err: errors.New("not you")})
		}
		s := lossy.serve(t, room, netconntest.Options{IdleTime: time.Minute, PingTimeout: time.Minute})
		for range 30 {
			_, err := s.Dial(t, netconn.ConnectOptions{App: "live"}, netconn.ClientEvents{})
			var status netconn.Status
			if !errors.As(err, &status) || status.Description != "not you" {
				t.Errorf("refused with %v", err)
			}
			p := netconntest.NewPeer(t, s)
			p.Connect()
			p.Until(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "not you"}`)
			p.Expect("0 close 0 null")
			p.ExpectEnd()
		}
	})
}
