package netconntest

import (
	"testing"
	"time"

	"afterglow/media"
	"afterglow/netconn"
)

func init() {
	add("LargeKeyframesArriveWhole", largeKeyframes)
	add("TakeoverGoesOnForViewers", takeover)
	add("StreamMadeAnewIsFresh", streamMadeAnew)
	add("UnpublishLosesNoTail", unpublishLosesNoTail)
	addVirtual("PlaylistChangesBetweenLiveStreams", playlistChanges)
}

// Frames of more than what anything between publisher and viewer takes at once.
func largeKeyframes(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	screen, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	want := []*media.Packet{videoConfig(0), audioConfig(0)}
	for i := range uint32(5) {
		want = append(want, keyframe(i*1000, 300_000+int(i)), sound(i*1000+10, 300), interframe(i*1000+40, 50_000))
	}
	Write(t, pub, want...)
	screen.Shows(t, want...)
	for _, m := range want {
		p.Expect(mediaLine(map[media.Kind]string{media.KindAudio: "audio", media.KindVideo: "video"}[m.Kind],
			netconn.Message{StreamID: 1, Timestamp: m.Timestamp, Payload: m.Payload}))
	}
	p.ExpectNothing()
}

// A publisher takes the name from another, who connects where viewers do.
func takeover(t *testing.T, h Harness) {
	room := NewRoom()
	room.Takes = true
	s := h.Serve(t, room, Options{})
	first := Connected(t, Publishers(s))
	first.CreateStream(1)
	first.Command(1, "publish", 0, nil, "x")
	first.Expect("control 0 1", publishStart("x"))
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	first.Send(netconn.Message{Type: netconn.TypeVideo, StreamID: 1, Timestamp: 40, Payload: keyframe(40, 1).Payload})
	p.Expect("1 video @40 170100000001")

	second := Connected(t, s)
	second.CreateStream(1)
	second.Command(1, "publish", 0, nil, "x")
	second.Expect("control 0 1", publishStart("x"))
	first.Expect(status(1, "error", netconn.PublishBadName, "x was taken over by another publisher.", "x"))
	first.Send(netconn.Message{Type: netconn.TypeVideo, StreamID: 1, Timestamp: 80, Payload: interframe(80, 1).Payload})
	first.ExpectNothing()
	second.Send(netconn.Message{Type: netconn.TypeVideo, StreamID: 1, Timestamp: 0, Payload: keyframe(0, 2).Payload})
	p.Expect(unpublishNotify("x"), publishNotify("x"), "1 video @41 17010000000209")
	p.ExpectNothing()
}

// What is deleted and made again under the same ID has nothing of its former life.
func streamMadeAnew(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	Write(t, pub, keyframe(0, 1))
	p := Connected(t, s)
	p.CreateStream(1)
	for range 3 {
		p.Command(1, "play", 0, nil, "x")
		p.Expect(started("x")...)
		p.Expect("1 video @0 170100000001")
		p.Command(0, "deleteStream", 0, nil, 1.0)
		p.CreateStream(1)
	}
	p.Command(1, "publish", 0, nil, "y")
	p.Expect("control 0 1", publishStart("y"))
	p.ExpectNothing()
}

// Everything that was written arrives before the notice that it is over.
func unpublishLosesNoTail(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{})
	screen, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	want := Broadcast(0, 100)
	ctx := soon(t)
	for _, packet := range want {
		if err := pub.Write(ctx, packet); err != nil {
			t.Fatal(err)
		}
	}
	Unpublish(t, room, pub, "x")
	screen.Status(t, netconn.PlayUnpublishNotify, 1)
	if got := len(screen.content()); got != len(want) {
		t.Errorf("%d packets had come when publishing was over, want %d", got, len(want))
	}
	screen.Shows(t, want...)
}

// A playlist goes from one live stream to the next: the tail of the first and the head of the second do not mix.
func playlistChanges(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	a := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "a")
	b := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "b")
	Write(t, a, keyframe(0, 1))
	Write(t, b, keyframe(5000, 2))
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "a", -1.0, 2000.0)
	p.Command(1, "play", 0, nil, "b", -1.0, -1.0, false)
	p.Expect(started("a")...)
	p.Expect("1 video @0 170100000001")
	Write(t, a, interframe(40, 1))
	p.Expect("1 video @40 270100000001")
	time.Sleep(3 * time.Second)
	want := started("b")
	p.Expect(append(want[:1:1], want[2:]...)...)
	p.Expect("1 video @5000 17010000000209")
	Write(t, a, interframe(80, 1))
	Write(t, b, interframe(5040, 1))
	p.Expect("1 video @5040 270100000001")
	p.ExpectNothing()
}
