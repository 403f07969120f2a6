package overrtmfp_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/streams"
)

// live writes a stream in real time, 25 frames a second with a keyframe each second, and returns it.
func live(t *testing.T, pub *streams.Publisher, from, frames int) []*media.Packet {
	t.Helper()
	all := make([]*media.Packet, 0, frames)
	for i := from; i < from+frames; i++ {
		header := []byte{0x27, 1, 0, 0, 0}
		if i%25 == 0 {
			header[0] = 0x17
		}
		p := media.NewPacket(media.KindVideo, uint32(i*40), netconntest.Body(5000, header...))
		if err := pub.Write(p); err != nil {
			t.Error(err)
		}
		all = append(all, p)
		time.Sleep(40 * time.Millisecond)
	}
	return all
}

// audience is a stream x with a viewer that is well.
func audience(t *testing.T, c overrtmfp.Config) (*netconntest.Room, *server, *streams.Publisher, *netconntest.Screen) {
	t.Helper()
	room := netconntest.NewRoom()
	s := memory{config: c}.serve(t, room, netconntest.Options{})
	screen, _ := netconntest.Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
	netconntest.Await(t, "client", room.Came)
	pub, err := room.Hub.Publish("x", streams.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pub.Close)
	return room, s, pub, screen
}

// stop has a client take nothing more on the flow of stream 1 with messages of a type: its buffer is full.
func (w *rawClient) stop(messageType uint8) {
	w.do(func() {
		for f, types := range w.brings {
			if f != w.Control && slices.Contains(types, messageType) {
				f.SetCapacity(0)
				f.Pause()
			}
		}
	})
}

// resume has it go on.
func (w *rawClient) resume() {
	w.do(func() {
		for f := range w.brings {
			f.SetCapacity(1 << 20)
			f.Resume()
		}
	})
}

func TestViewerThatTakesNothingIsBoundedAndGoesOnAtAKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 1 << 20
		room, s, pub, screen := audience(t, overrtmfp.Config{Limits: overrtmfp.Limits{QueueBytes: most, QueueTime: time.Hour}})
		p, w := viewing(t, s)
		all := live(t, pub, 0, 2)
		p.Until("1 video @40 ")
		w.stop(netconn.TypeVideo)
		all = append(all, live(t, pub, 2, 998)...)
		queued := 0
		s.endpoint.Sessions(func(session *rtmfp.Session) bool {
			queued = max(queued, session.Queued())
			return true
		})
		if queued < most/2 || queued > most+100_000 {
			t.Errorf("%d bytes are under way to the viewer, want about %d", queued, most)
		}
		w.resume()
		all = append(all, live(t, pub, 1000, 100)...)
		screen.Shows(t, all...)
		last, count := uint32(40), 2
		for last < 1099*40 {
			m := p.Receive()
			if m.Type != netconn.TypeVideo {
				continue
			}
			if m.Timestamp < last || m.Timestamp > last+40 && m.Payload[0] != 0x17 {
				t.Errorf("after the picture of %d ms comes that of %d ms, % X", last, m.Timestamp, m.Payload[:5])
			}
			last = m.Timestamp
			count++
		}
		if skips := room.Hub.Stats().Skips.Load(); count >= len(all) || skips == 0 {
			t.Errorf("%d of %d frames came, with %d skips", count, len(all), skips)
		}
		if s.Slow() != 0 {
			t.Error("a viewer of which nothing had to arrive was closed")
		}
	})
}

func TestViewerThatDoesNotTakeWhatMustArriveIsClosedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room, s, pub, screen := audience(t, overrtmfp.Config{Limits: overrtmfp.Limits{QueueTime: 10 * time.Second}})
		_, w := viewing(t, s)
		w.stop(netconn.TypeCommandAMF0)
		for range 2 { // the first finds room that is not there any more
			if err := pub.Write(media.NewPacket(media.KindData, 0, []byte{2, 0, 1, 'x'})); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		all := live(t, pub, 0, 200) // 8 s
		if s.Slow() != 0 || len(room.Gone) != 0 {
			t.Error("closed too early")
		}
		all = append(all, live(t, pub, 200, 200)...)
		if s.Slow() != 1 || len(room.Gone) != 1 {
			t.Errorf("%d closed, %d gone, want 1", s.Slow(), len(room.Gone))
		}
		if got := videos(screen.Frames(t, len(all))); len(got) != len(all) {
			t.Errorf("the other viewer got %d frames, want %d", len(got), len(all))
		}
		if n := room.Hub.Stats().Subscribers.Load(); n != 1 {
			t.Errorf("%d subscribers are left, want 1", n)
		}
	})
}

// A viewer whose machine is off is noticed after the times of the endpoint, and costs no other a frame.
func TestDeadViewerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room, s, pub, screen := audience(t, overrtmfp.Config{})
		p, _ := viewing(t, s)
		p.Freeze()
		all := live(t, pub, 0, 250)
		if s.Dead() != 1 || len(room.Gone) != 1 {
			t.Errorf("%d dead, %d gone after 10 s, want 1", s.Dead(), len(room.Gone))
		}
		screen.Shows(t, all...)
	})
}

func videos(packets []*media.Packet) (out []*media.Packet) {
	for _, p := range packets {
		if p.Kind == media.KindVideo {
			out = append(out, p)
		}
	}
	return out
}
