package netconntest

import (
	"testing"
	"time"

	"afterglow/netconn"
)

func init() {
	add("DurationZeroIsOnePicture", singlePicture)
	add("EndComesBehindTheOnePicture", largePicture)
	addVirtual("ResetsOfRecordedStreamsHoldForLiveOnes", resetsWithData)
}

// Of a live stream the duration 0 is its first picture (server-side-api 3.5.2), and the next item follows. Without a publisher there is
// nothing to wait for.
func singlePicture(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "nobody", -1.0, 0.0)
	p.Expect(started("nobody")...)
	p.Expect("control 1 1", playStop("nobody"))
	Write(t, pub, videoConfig(0), audioConfig(0), sound(0, 1))
	p.Command(1, "play", 0, nil, "x", -1.0, 0.0)
	p.Expect(started("x")...)
	Write(t, pub, keyframe(40, 1), interframe(80, 1), sound(90, 1))
	p.Expect("1 video @0 17000000000164001FFFE100+4", "1 video @40 170100000001")
	p.Expect("control 1 1", playStop("x"))
	Write(t, pub, interframe(120, 1))
	p.ExpectNothing()

	// A newcomer gets the group of pictures from its beginning, and of it the first.
	p.Command(1, "play", 0, nil, "x", -2.0, 0.0)
	p.Expect(started("x")...)
	p.Expect("1 video @40 17000000000164001FFFE100+4", "1 video @40 170100000001", "control 1 1", playStop("x"))
	p.ExpectNothing()
}

// The notice of the end comes behind the picture, however large that is.
func largePicture(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	Write(t, pub, keyframe(40, 300_000))
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x", -1.0, 0.0)
	var shown bool
	for {
		m := p.Receive()
		shown = shown || m.Type == netconn.TypeVideo
		if Describe(m) == playStop("x") {
			break
		}
	}
	if !shown {
		t.Error("told that playing is over before the picture has come")
	}
}

// Resets 2 and 3 are 0 and 1 on a live stream, where there is no data to hurry.
func resetsWithData(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, NewRoom(), Options{}))
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "a", -1.0, -1.0, 3.0)
	p.Expect(started("a")...)
	p.Command(1, "play", 0, nil, "b", -1.0, -1.0, 2.0) // waits for the end of a
	p.ExpectNothing()
	p.Command(1, "play", 0, nil, "c", -1.0, 2000.0, 3.0)
	p.Command(1, "play", 0, nil, "d", -1.0, -1.0, 2.0)
	p.Expect(started("c")...)
	time.Sleep(3 * time.Second)
	want := started("d")
	p.Expect(append(want[:1:1], want[2:]...)...)
	p.ExpectNothing()
}
