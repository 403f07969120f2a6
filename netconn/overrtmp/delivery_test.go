package overrtmp_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/streams"
)

// picture and sound are frames of a stream in real time.
func picture(at uint32, key bool) *media.Packet {
	if key {
		return media.NewPacket(media.KindVideo, at, netconntest.Body(500, 0x17, 1, 0, 0, 0))
	}
	return media.NewPacket(media.KindVideo, at, netconntest.Body(500, 0x27, 1, 0, 0, 0))
}

// published writes frames, 25 a second with a keyframe each second, and calls each before every one.
func published(t *testing.T, pub *streams.Publisher, from, frames int, each func(i int)) []*media.Packet {
	t.Helper()
	var all []*media.Packet
	for i := from; i < from+frames; i++ {
		each(i)
		p := picture(uint32(i*40), i%25 == 0)
		if err := pub.Write(p); err != nil {
			t.Error(err)
		}
		all = append(all, p)
		time.Sleep(40 * time.Millisecond)
	}
	return all
}

func publish(t *testing.T, room *netconntest.Room, name string) *streams.Publisher {
	t.Helper()
	pub, err := room.Hub.Publish(name, streams.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// watch has a peer play.
func watch(t *testing.T, s netconntest.Server, name string) *netconntest.Peer {
	t.Helper()
	p := netconntest.Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, name)
	p.Until(`1 data @0 onStatus `)
	return p
}

func TestModesOfWriting(t *testing.T) {
	for _, test := range []struct {
		name     string
		delivery netconn.Delivery
		gap      time.Duration // between two deliveries
		delay    time.Duration // of a frame, at most
	}{
		{"off", netconn.Delivery{Mode: netconn.WriteOff, Delay: time.Second}, 40 * time.Millisecond, 0},
		{"adaptive", netconn.Delivery{Mode: netconn.WriteAdaptive}, 40 * time.Millisecond, 0},
		{"fixed", netconn.Delivery{Mode: netconn.WriteFixed, Delay: 100 * time.Millisecond}, 100 * time.Millisecond, 100 * time.Millisecond},
		{"fixed by default", netconn.Delivery{Mode: netconn.WriteFixed}, 100 * time.Millisecond, 100 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				room := netconntest.NewRoom()
				room.Delivery = test.delivery
				p := watch(t, memory{}.Serve(t, room, netconntest.Options{}), "x")
				pub := publish(t, room, "x")
				defer pub.Close()
				p.Until("1 onStatus 0 null ")
				begun := time.Now()
				var publishing sync.WaitGroup
				publishing.Go(func() { published(t, pub, 0, 50, func(int) {}) })
				defer publishing.Wait()
				var last time.Duration
				for i := range 50 {
					m := p.Receive()
					at := time.Since(begun)
					if late := at - time.Duration(m.Timestamp)*time.Millisecond; late < 0 || late > test.delay {
						t.Errorf("frame %d comes after %v", i, late)
					}
					if i > 0 && at != last && at-last < test.gap {
						t.Errorf("frame %d is written %v after the one before", i, at-last)
					}
					last = at
				}
			})
		})
	}
}

func TestSlowViewerSkipsAndOthersLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		s := memory{}.Serve(t, room, netconntest.Options{WriteTimeout: time.Minute})
		screen, _ := netconntest.Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
		slow := watch(t, s, "x")
		pub := publish(t, room, "x")
		defer pub.Close()
		slow.Until("1 onStatus 0 null ")
		// The slow one reads nothing for 20 s. A cue in the midst of what it misses arrives all the same.
		all := published(t, pub, 0, 500, func(i int) {
			if i == 250 {
				payload, _ := amf.Append0(nil, "onCue", 1.0)
				if err := pub.Write(media.NewPacket(media.KindData, 10000, payload)); err != nil {
					t.Error(err)
				}
			}
		})
		if got := screen.Frames(t, 501); len(got) != 501 {
			t.Errorf("the other one got %d packets", len(got))
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			all = append(all, published(t, pub, 500, 100, func(int) {})...)
		}()
		cue, count, last := false, 0, ""
		var at uint32
		for at < 599*40 {
			m := slow.Receive()
			line := netconntest.Describe(m)
			cue = cue || strings.Contains(line, "onCue 1")
			if m.Type != netconn.TypeVideo {
				continue
			}
			if next := m.Timestamp; next < at || next > at+40 && !strings.Contains(line, " 1701") {
				t.Errorf("after %s comes %s", last, line)
			}
			at, last = m.Timestamp, line
			count++
		}
		<-done
		netconntest.Same(t, all, videos(screen.Frames(t, 601)))
		stats := room.Hub.Stats()
		if !cue || count >= 600 || stats.Skips.Load() == 0 || stats.Skippers.Load() != 1 || stats.Skipped.Load() != uint64(600-count) {
			t.Errorf("cue %v, %d frames came, %d skips of %d viewers over %d packets", cue, count, stats.Skips.Load(), stats.Skippers.Load(), stats.Skipped.Load())
		}
		if s.Slow() != 0 {
			t.Error("a viewer that reads was closed")
		}
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

func TestViewerThatNeverReadsIsClosedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		s := memory{}.Serve(t, room, netconntest.Options{WriteTimeout: 5 * time.Second})
		screen, _ := netconntest.Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
		watch(t, s, "x") // and never reads again
		pub := publish(t, room, "x")
		defer pub.Close()
		all := published(t, pub, 0, 100, func(int) {})
		if s.Slow() != 0 || len(room.Gone) != 0 {
			t.Error("closed before the write timeout")
		}
		all = append(all, published(t, pub, 100, 100, func(int) {})...)
		if s.Slow() != 1 || len(room.Gone) != 1 {
			t.Errorf("%d closed, %d gone, want 1", s.Slow(), len(room.Gone))
		}
		netconntest.Same(t, all, screen.Frames(t, len(all)))
		if n := room.Hub.Stats().Subscribers.Load(); n != 1 {
			t.Errorf("%d subscribers are left", n)
		}
	})
}

func TestOneClientPlaysAStreamTwice(t *testing.T) {
	room := netconntest.NewRoom()
	s := memory{}.Serve(t, room, netconntest.Options{})
	pub := publish(t, room, "x")
	defer pub.Close()
	p := netconntest.Connected(t, s)
	for id := uint32(1); id <= 2; id++ {
		p.CreateStream(id)
		p.Command(id, "play", 0, nil, "x")
		p.Until(fmt.Sprintf(`%d data @0 onStatus `, id))
	}
	if err := pub.Write(picture(0, true)); err != nil {
		t.Fatal(err)
	}
	first, second := p.Receive(), p.Receive()
	if first.StreamID != 1 || second.StreamID != 2 || string(first.Payload) != string(second.Payload) {
		t.Errorf("got %s and %s", netconntest.Describe(first), netconntest.Describe(second))
	}
	p.Command(0, "deleteStream", 0, nil, 1.0)
	p.ExpectNothing()
	if err := pub.Write(picture(40, false)); err != nil {
		t.Fatal(err)
	}
	if m := p.Receive(); m.StreamID != 2 {
		t.Errorf("got %s", netconntest.Describe(m))
	}
}
