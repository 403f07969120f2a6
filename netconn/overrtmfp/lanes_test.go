package overrtmfp_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/streams"
)

// Commands and data, sound and pictures of a stream each have a flow, all of them answers to the client's control flow (RFC 7425
// 5.3.5).
func TestKindsOfMessagesHaveFlowsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		s := memory{}.serve(t, room, netconntest.Options{})
		p, w := viewing(t, s)
		pub, err := room.Hub.Publish("x", streams.Claim{})
		if err != nil {
			t.Fatal(err)
		}
		defer pub.Close()
		for _, m := range []*media.Packet{
			media.NewPacket(media.KindAudio, 0, []byte{0xAF, 1, 0}),
			media.NewPacket(media.KindVideo, 0, []byte{0x17, 1, 0, 0, 0, 0}),
			media.NewPacket(media.KindData, 0, []byte{2, 0, 1, 'x'}),
		} {
			if err := pub.Write(m); err != nil {
				t.Fatal(err)
			}
		}
		p.Expect("1 audio @0 AF0100", "1 video @0 170100000000")
		p.Until("1 data @0 x")
		p.ExpectNothing()
		var got []string
		w.do(func() {
			for f, types := range w.brings {
				if f.Associated() == nil || f.Associated() != w.flows[0] {
					t.Errorf("the flow with %v answers another flow than the control flow", types)
				}
				slices.Sort(types)
				got = append(got, fmt.Sprintf("% X brings %v", f.Metadata(), types))
			}
		})
		synctest.Wait()
		slices.Sort(got)
		want := []string{"54 43 04 00 brings [4 20]", "54 43 04 01 brings [4 18 20]", "54 43 04 01 brings [8]", "54 43 04 01 brings [9]"}
		if !slices.Equal(got, want) {
			t.Errorf("flows are\n%q, want\n%q", got, want)
		}
	})
}

// After an outage in the midst of a group of pictures, what is left of the group is no use to anybody: the viewer gets nothing until the
// next keyframe, whatever of the group would still be in time.
func TestWhatIsLeftOfABrokenGroupIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		room.Delivery.Lifetimes = netconn.Lifetimes{Audio: -1, Video: time.Second, PreviousGroup: 100 * time.Millisecond}
		s := memory{}.serve(t, room, netconntest.Options{IdleTime: time.Minute, PingTimeout: time.Minute})
		p, w := viewing(t, s)
		pub, err := room.Hub.Publish("x", streams.Claim{})
		if err != nil {
			t.Fatal(err)
		}
		defer pub.Close()
		p.Until("1 onStatus ")
		frame := func(i int) {
			header := []byte{0x27, 1, 0, 0, 0}
			if i%250 == 0 {
				header[0] = 0x17
			}
			if err := pub.Write(media.NewPacket(media.KindVideo, uint32(i*40), netconntest.Body(2000, header...))); err != nil {
				t.Error(err)
			}
			time.Sleep(40 * time.Millisecond)
		}
		for i := range 100 {
			frame(i)
		}
		w.blackout(3 * time.Second)
		for i := 100; i < 300; i++ {
			frame(i)
		}
		synctest.Wait()
		var came []int
		for len(came) == 0 || came[len(came)-1] < 299 {
			if m := p.Receive(); m.Type == netconn.TypeVideo {
				came = append(came, int(m.Timestamp/40))
			}
		}
		holes := 0
		for i := 1; i < len(came); i++ {
			if came[i] == came[i-1]+1 {
				continue
			}
			holes++
			if came[i]%250 != 0 {
				t.Errorf("after frame %d comes frame %d of its group", came[i-1], came[i])
			}
		}
		if holes != 1 {
			t.Errorf("%d holes, want the one of the outage: %v", holes, came)
		}
	})
}

// A viewer on a slow line gets everything that has no deadline, also when nothing is published any more that would wake the server.
func TestBurstOfMoreThanMayBeUnderWayArrivesWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		slow := memory{
			conditions: simnet.Conditions{Delay: 10 * time.Millisecond, Rate: 4_000_000},
			config:     overrtmfp.Config{Limits: overrtmfp.Limits{QueueBytes: 200_000, QueueTime: time.Hour}},
		}
		s := slow.serve(t, room, netconntest.Options{})
		screen, _ := netconntest.Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
		pub, err := room.Hub.Publish("x", streams.Claim{})
		if err != nil {
			t.Fatal(err)
		}
		defer pub.Close()
		want := netconntest.Broadcast(0, 100)
		for _, m := range want {
			if err := pub.Write(m); err != nil {
				t.Fatal(err)
			}
		}
		screen.Shows(t, want...)
	})
}
