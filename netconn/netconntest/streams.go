package netconntest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/streams"
)

func init() {
	add("StreamsAreMadeAndGivenBack", streamsAreMade)
	add("StreamsHaveALimit", streamsHaveALimit)
	add("TooManyRefusedStreamsEndTheConnection", tooManyRefusedStreams)
	add("PublishIsAnswered", publishIsAnswered)
	add("PublishIsRefused", publishIsRefused)
	add("PlayIsAnsweredInOrder", playIsAnswered)
	add("PlayIsRefused", playIsRefused)
	add("AccessListsPermit", accessListsPermit)
	add("SampleAccessFollowsRights", sampleAccess)
	add("PlayBeforePublish", playBeforePublish)
	add("PlayFalseAndCloseStreamStop", playStops)
	add("PauseHoldsAndResumes", pauseHolds)
	add("ReceiveAudioAndVideoFilter", receiveFilters)
	add("PlaylistGoesOverWhatIsNotFound", playlistSkips)
	add("SeekFailsOnLive", seekFails)
	add("CloseStreamEndsPublishing", closeStreamEndsPublishing)
	add("LeavingPublisherIsTold", leavingPublisher)
	add("EvictedPublisherIsTold", evictedPublisher)
	addVirtual("PlaylistPlaysOneAfterAnother", playlistPlays)
}

func streamsAreMade(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, NewRoom(), Options{}))
	p.CreateStream(1)
	p.CreateStream(2)
	p.Command(0, "deleteStream", 0, nil, 1.0) // no answer
	p.CreateStream(1)
	p.CreateStream(3)
	p.Command(3, "deleteStream", 0, nil, 3.0) // on the stream itself
	p.CreateStream(3)
	p.Command(0, "createStream", 0, nil) // is answered all the same: librtmfp sends no other
	p.Expect("0 _result 0 null 4")
	p.Command(0, "deleteStream", 0, nil, 99.0)
	p.Command(0, "deleteStream", 0, nil, "x")
	p.Command(77, "publish", 0, nil, "x") // on no stream
	p.CreateStream(5)
}

func streamsHaveALimit(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, NewRoom(), Options{NetConn: netconn.Config{Streams: 2}}))
	p.CreateStream(1)
	p.CreateStream(2)
	n := p.Call("createStream")
	p.Expect(fmt.Sprintf(`0 _error %v null {level: "error", code: "NetConnection.Call.Failed", description: "The connection has 2 streams, the limit."}`, n))
	p.Command(0, "deleteStream", 0, nil, 2.0)
	p.CreateStream(2)
}

func tooManyRefusedStreams(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, NewRoom(), Options{NetConn: netconn.Config{Streams: 1}}))
	for range 150 {
		p.Call("createStream")
	}
	p.Until(`0 onStatus 0 null {level: "error", code: "NetConnection.Connect.Closed", description: "limit exceeded: `)
	p.ExpectEnd()
}

func publishIsAnswered(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, NewRoom(), Options{}))
	p.CreateStream(1)
	for _, args := range [][]amf.Value{{"x"}, {"x", "live"}, {"x?key=1", "LIVE"}, {"x", nil}} {
		p.Command(1, "publish", 0, append([]amf.Value{nil}, args...)...)
		p.Expect("control 0 1", publishStart("x"))
		p.Command(1, "publish", 0, nil, false)
		p.Expect(unpublished("x"))
	}
	p.Command(1, "publish", 0, nil, "mp4:a/b.f4v", "live")
	p.Expect("control 0 1", publishStart("mp4:a/b.f4v"))
	p.Command(1, "publish", 0, nil, "other", "live")
	p.Expect(unpublished("mp4:a/b.f4v"), "control 0 1", publishStart("other"))
	p.Command(1, "publish", 0, nil, "")
	p.Expect(unpublished("other"))
}

func publishIsRefused(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	Publisher(t, s, netconn.ConnectOptions{App: "live"}, "taken")
	p := Connected(t, s)
	p.CreateStream(1)
	bad := func(code netconn.Code, text, name string) string { return status(1, "error", code, text, name) }
	const rule = "A stream's name has 1 to 1024 bytes and does not end with a slash."
	for _, test := range []struct {
		args []amf.Value
		want string
	}{
		{[]amf.Value{"taken"}, bad(netconn.PublishBadName, "taken is already publishing", "taken")},
		{[]amf.Value{"x/"}, bad(netconn.PublishBadName, rule, "")},
		{[]amf.Value{"?key=1"}, bad(netconn.PublishBadName, rule, "")},
		{[]amf.Value{strings.Repeat("x", 1025)}, bad(netconn.PublishBadName, rule, "")},
		{[]amf.Value{"x", "record"}, bad(netconn.RecordFailed, "This server does not record.", "x")},
		{[]amf.Value{"x", "append"}, bad(netconn.RecordFailed, "This server does not record.", "x")},
		{[]amf.Value{"x", "appendWithGap"}, bad(netconn.RecordFailed, "This server does not record.", "x")},
		{[]amf.Value{"x", "loud"}, bad(netconn.StreamInvalidArg, `Unknown type of publishing: "loud".`, "x")},
		{[]amf.Value{true}, bad(netconn.StreamInvalidArg, "Invalid arguments.", "")},
	} {
		p.Command(1, "publish", 0, append([]amf.Value{nil}, test.args...)...)
		p.Expect(test.want)
	}
	p.Send(netconn.Message{Type: netconn.TypeVideo, StreamID: 1, Payload: []byte{0x17, 1}}) // came too late, is no offence
	p.Command(1, "publish", 0, nil, "x")
	p.Expect("control 0 1", publishStart("x"))
}

func playIsAnswered(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	for _, args := range [][]amf.Value{{"x"}, {"x?a=b", -2.0}, {"x", -1000.0}, {"x", -2000.0, -1000.0, true}, {"x", -1.0, -1.0, 1.0}} {
		p := Connected(t, s)
		p.CreateStream(1)
		p.Command(1, "play", 0, append([]amf.Value{nil}, args...)...)
		p.Expect(started("x")...)
		p.ExpectNothing()
	}
	three := Connected(t, s, amf.Property{Name: "objectEncoding", Value: 3.0})
	three.CreateStream(1)
	three.Command(1, "play", 0, nil, "x")
	want := started("x")
	want[1], want[2] = "amf3 "+want[1], "amf3 "+want[2]
	three.Expect(want...)
	first := Connected(t, s)
	first.CreateStream(1)
	first.Command(1, "play", 0, nil, "x", -2.0, -1.0, false)
	want = started("x")
	first.Expect(append(want[:1:1], want[2:]...)...) // nothing was reset
}

func playIsRefused(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, NewRoom(), Options{}))
	p.CreateStream(1)
	for _, start := range []float64{0, 1, 5000} {
		p.Command(1, "play", 0, nil, "x", start)
		p.Expect(status(1, "error", netconn.PlayStreamNotFound, "Failed to play x; stream not found.", "x"))
	}
	p.Command(1, "play", 0, nil, "?x")
	p.Expect(status(1, "error", netconn.PlayFailed, "A stream's name has 1 to 1024 bytes and does not end with a slash.", ""))
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
}

func accessListsPermit(t *testing.T, h Harness) {
	room := NewRoom()
	room.Rights = netconn.Rights{Read: "open;/b", Write: "mine"}
	p := Connected(t, h.Serve(t, room, Options{}))
	p.CreateStream(1)
	p.Command(1, "publish", 0, nil, "open/x")
	p.Expect(status(1, "error", netconn.PublishBadName, "No write access to open/x.", "open/x"))
	p.Command(1, "publish", 0, nil, "mine/x")
	p.Expect("control 0 1", publishStart("mine/x"))
	p.Command(1, "publish", 0, nil, false)
	p.Expect(unpublished("mine/x"))
	p.Command(1, "play", 0, nil, "mine/x")
	p.Expect(status(1, "error", netconn.PlayFailed, "No read access to mine/x.", "mine/x"))
	p.Command(1, "play", 0, nil, "mp4:b/x")
	p.Expect(started("mp4:b/x")...)
	Await(t, "client", room.Came).SetRights(netconn.Rights{})
	p.Command(1, "play", 0, nil, "b/x")
	p.Expect(status(1, "error", netconn.PlayFailed, "No read access to b/x.", "b/x"))
}

func sampleAccess(t *testing.T, h Harness) {
	room := NewRoom()
	room.Rights.AudioSample, room.Rights.VideoSample = "/", "other"
	p := Connected(t, h.Serve(t, room, Options{}))
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	want := started("x")
	want[3] = "1 data @0 |RtmpSampleAccess true false"
	p.Expect(want...)
}

func playBeforePublish(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{})
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	p.Expect(publishNotify("x"))
	Write(t, pub, keyframe(40, 1), interframe(80, 1))
	p.Expect("1 video @40 170100000001", "1 video @80 270100000001")
	Unpublish(t, room, pub, "x")
	p.Expect(unpublishNotify("x"))

	// Another publisher's time goes on from there.
	next := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	Write(t, next, keyframe(0, 1), interframe(40, 1))
	p.Expect(publishNotify("x"), "1 video @81 170100000001", "1 video @121 270100000001")
}

func playStops(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	p := Connected(t, s)
	p.CreateStream(1)
	for _, stop := range []func(){
		func() { p.Command(1, "play", 0, nil, false) },
		func() { p.Command(1, "play", 0, nil, "") },
		func() { p.Command(1, "closeStream", 0, nil) },
	} {
		p.Command(1, "play", 0, nil, "x")
		p.Expect(started("x")...)
		stop()
		p.Expect("control 1 1", playStop("x"))
		Write(t, pub, interframe(0, 1))
		p.ExpectNothing()
		stop() // stops nothing
		p.ExpectNothing()
	}
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	p.Command(0, "deleteStream", 0, nil, 1.0)
	p.ExpectNothing()
	Write(t, pub, keyframe(0, 1))
	p.ExpectNothing()
}

func pauseHolds(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	Write(t, pub, keyframe(40, 1))
	p.Expect("1 video @40 170100000001")
	p.Command(1, "pause", 0, nil, true, 40.0)
	p.Expect(status(1, "status", netconn.PauseNotify, "Pausing x.", "x"))
	Write(t, pub, interframe(80, 1), keyframe(120, 2), interframe(160, 2))
	Unpublish(t, room, pub, "x")
	p.ExpectNothing()
	again := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	Write(t, again, keyframe(0, 3), interframe(40, 3))
	p.ExpectNothing()
	watch, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
	watch.Frames(t, 2)
	p.Command(1, "pause", 0, nil, false, 40.0)
	p.Expect(
		status(1, "status", netconn.UnpauseNotify, "Unpausing x.", "x"),
		playStart("x"),
		status(1, "status", netconn.PlayUnpublishNotify, "x is now unpublished.", "x"),
		status(1, "status", netconn.PlayPublishNotify, "x is now published.", "x"),
		"1 video @161 1701000000030A11",
		"1 video @201 2701000000030A11",
	)
	p.Command(1, "pauseRaw", 0, nil, true, 40.0) // is not notified
	p.ExpectNothing()
	Write(t, again, interframe(80, 4))
	p.ExpectNothing()
	p.Command(1, "pause", 0, nil, true)
	p.Expect(status(1, "status", netconn.PauseNotify, "Pausing x.", "x"))
	p.Command(1, "closeStream", 0, nil)
	p.Expect("control 1 1", playStop("x"))
	p.Command(1, "pause", 0, nil, false) // pauses nothing
	p.ExpectNothing()
}

func receiveFilters(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "receiveAudio", 0, nil, false)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	Write(t, pub, videoConfig(0), audioConfig(0), sound(0, 1))
	Write(t, pub, keyframe(0, 1)) // once it is there the sound was passed over
	p.Expect("1 video @0 17000000000164001FFFE100+4", "1 audio @0 AF001210", "1 video @0 170100000001")
	p.Command(1, "receiveVideo", 0, nil, 0.0)
	p.Command(1, "receiveAudio", 0, nil, true)
	seek := status(1, "status", netconn.SeekNotify, "Seeking x.", "x")
	p.Expect(seek, playStart("x"))
	Write(t, pub, interframe(40, 1), sound(40, 2))
	p.Expect("1 audio @40 AF010209")
	p.Command(1, "receiveVideo", 0, nil, true)
	p.Expect(seek, playStart("x"))
	Write(t, pub, interframe(80, 1), sound(80, 2), keyframe(120, 1), interframe(160, 1))
	p.Expect("1 audio @80 AF010209", "1 video @120 170100000001", "1 video @160 270100000001")
}

func playlistSkips(t *testing.T, h Harness) {
	room := NewRoom()
	room.Rights.Read = "a;b"
	p := Connected(t, h.Serve(t, room, Options{}))
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "a", -2.0, 0.0)
	for _, item := range [][]amf.Value{{"b", 0.0, -1.0, false}, {"secret", -2.0, -1.0, 0.0}, {"b", -2.0, -1.0, 2.0}} {
		p.Command(1, "play", 0, append([]amf.Value{nil}, item...)...)
	}
	p.Until(status(1, "error", netconn.PlayStreamNotFound, "Failed to play b; stream not found.", "b"))
	p.Expect(status(1, "error", netconn.PlayFailed, "No read access to secret.", "secret"))
	p.Expect("control 0 1", playStart("b"))
}

func playlistPlays(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "a", -1.0, 2000.0)
	p.Command(1, "play", 0, nil, "b", -1000.0, 3000.0, false)
	p.Command(1, "play", 0, nil, "c", -2.0, 1e300, 0.0) // has no end
	begun := time.Now()
	want := started("a")
	p.Expect(want...)
	for i, name := range []string{"b", "c"} {
		want := started(name)
		p.Expect(append(want[:1:1], want[2:]...)...)
		if at, want := time.Since(begun), time.Duration(2+3*i)*time.Second; at != want {
			t.Errorf("%s begins after %v, want %v", name, at, want)
		}
	}
	time.Sleep(10 * time.Second)
	p.ExpectNothing()
	p.Command(1, "play", 0, nil, "d", -1.0, 1000.0)
	p.Expect(started("d")...)
	p.Expect("control 1 1", playStop("d"))
}

func seekFails(t *testing.T, h Harness) {
	p := Connected(t, h.Serve(t, NewRoom(), Options{}))
	p.CreateStream(1)
	p.Command(1, "seek", 0, nil, 1000.0)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	p.Command(1, "seek", 0, nil, 1000.0)
	p.Expect(status(1, "error", netconn.SeekFailed, "x is live and cannot seek.", "x"))
}

func closeStreamEndsPublishing(t *testing.T, h Harness) {
	room := NewRoom()
	p := Connected(t, h.Serve(t, room, Options{}))
	p.CreateStream(1)
	p.Command(1, "publish", 0, nil, "x")
	p.Expect("control 0 1", publishStart("x"))
	p.Command(1, "closeStream", 0, nil)
	p.Expect(unpublished("x"))
	if room.Hub.Publisher("x") != nil {
		t.Error("the name is still taken")
	}
	p.Command(1, "publish", 0, nil, "x") // the stream is still there
	p.Expect("control 0 1", publishStart("x"))
}

func leavingPublisher(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{})
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	pub := Connected(t, Publishers(s))
	pub.CreateStream(1)
	pub.Command(1, "publish", 0, nil, "x")
	pub.Expect("control 0 1", publishStart("x"))
	pub.Cut()
	p.Expect(publishNotify("x"), unpublishNotify("x"))
	if room.Hub.Publisher("x") != nil {
		t.Error("the name is still taken")
	}
}

func evictedPublisher(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{})
	pub := Connected(t, Publishers(s))
	pub.CreateStream(1)
	pub.Command(1, "publish", 0, nil, "x")
	pub.Expect("control 0 1", publishStart("x"))
	other, err := room.Hub.Publish("x", streams.Claim{Take: true})
	if err != nil {
		t.Fatal(err)
	}
	pub.Expect(status(1, "error", netconn.PublishBadName, "x was taken over by another publisher.", "x"))
	pub.Send(netconn.Message{Type: netconn.TypeAudio, StreamID: 1, Payload: []byte{0xAF, 1}})
	pub.ExpectNothing()
	other.Close()
	pub.Command(1, "publish", 0, nil, "x")
	pub.Expect("control 0 1", publishStart("x"))
}
