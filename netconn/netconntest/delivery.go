package netconntest

import (
	"fmt"
	"testing"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
)

func init() {
	add("EveryPacketArrivesAsItWas", everyPacketArrives)
	add("TimestampsGoOnPast24And32Bits", timestampsGoOn)
	add("LateJoinerStartsAtTheKeyframe", lateJoiner)
	add("RepublishGoesOnInTime", republishGoesOn)
	add("DataFramesAreKept", dataFramesAreKept)
	add("DataOfEitherEncodingReachesBoth", dataOfEitherEncoding)
	add("DataIsNoBroadcast", dataIsNoBroadcast)
	add("EnhancedPacketsStayForThoseWhoKnowThem", enhancedStays)
	add("EnhancedPacketsBecomeClassicForOthers", enhancedBecomesClassic)
	add("UnsupportedCodecIsToldOnce", unsupportedIsTold)
	add("WhatElseHasNoFormIsNotTold", whatElseHasNoFormIsNotTold)
	add("ViewersComeAndGo", viewersComeAndGo)
	add("PauseNeverTurnsTimeBack", pauseNeverTurnsBack)
}

// audiences are the ways in which clients differ on the wire.
var audiences = []netconn.ConnectOptions{
	{App: "live"},
	{App: "live", ClassicOnly: true},
	{App: "live", Encoding: netconn.AMF3},
}

func everyPacketArrives(t *testing.T, h Harness) {
	for _, chunk := range []int{128, 4096, 65536} {
		s := h.Serve(t, NewRoom(), Options{ChunkSize: chunk})
		for i, o := range audiences {
			name := fmt.Sprintf("x%d", i)
			pub := Publisher(t, s, o, name)
			var screens []*Screen
			for _, o := range audiences {
				screen, _ := Player(t, s, o, name)
				screens = append(screens, screen)
			}
			want := Broadcast(0, 60)
			Write(t, pub, want...)
			for _, screen := range screens {
				screen.Shows(t, want...)
			}
		}
	}
}

func timestampsGoOn(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{ChunkSize: 128})
	for i, from := range []uint32{0xFFFFFF - 100, 1<<24 + 5, 1<<31 - 100, 1<<32 - 500} {
		name := fmt.Sprintf("x%d", i)
		pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, name)
		screen, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, name)
		want := Broadcast(from, 60)
		const last = 102 // of the keyframes
		Write(t, pub, want[:last]...)
		Write(t, pub, want[last])
		Write(t, pub, want[last+1:]...)
		screen.Shows(t, want...)
		late, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, name)
		key := want[last]
		if !key.Keyframe {
			t.Fatal("the test looks at the wrong packet")
		}
		again := append([]*media.Packet{want[0].WithTimestamp(key.Timestamp), want[1].WithTimestamp(key.Timestamp)}, want[last:]...)
		late.Shows(t, again...)
	}
}

func lateJoiner(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	first, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
	if err := pub.SetDataFrame(soon(t), 0, "onMetaData", amf.NewECMAArray(amf.Property{Name: "width", Value: 1280.0})); err != nil {
		t.Fatal(err)
	}
	Write(t, pub, videoConfig(0), audioConfig(0), keyframe(0, 1), interframe(40, 1), sound(50, 1))
	Write(t, pub, keyframe(80, 2))
	Write(t, pub, sound(90, 1), interframe(120, 2))
	first.Frames(t, 9)

	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(append(started("x"),
		`1 data @80 onMetaData [width: 1280]`,
		"1 video @80 17000000000164001FFFE100+4",
		"1 audio @80 AF001210",
		"1 video @80 17010000000209",
		"1 audio @90 AF0101",
		"1 video @120 27010000000209",
	)...)
	p.ExpectNothing()
}

func republishGoesOn(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{})
	screen, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
	var want int
	for round, from := range []uint32{1000000, 0, 500} {
		pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
		packets := Broadcast(from, 20)
		Write(t, pub, packets...)
		Unpublish(t, room, pub, "x")
		want += len(packets)
		screen.Frames(t, want)
		screen.Status(t, netconn.PlayUnpublishNotify, round+1)
	}
	got := screen.Frames(t, want)
	if screen.lanes {
		got = byLane(got)
	}
	for i := 1; i < want; i++ {
		if screen.lanes && got[i].Kind != got[i-1].Kind {
			continue
		}
		if int32(got[i].Timestamp-got[i-1].Timestamp) < -5 { // sound and picture of one moment
			t.Fatalf("packet %d: time runs back from %d to %d", i, got[i-1].Timestamp, got[i].Timestamp)
		}
	}
}

func dataFramesAreKept(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Connected(t, Publishers(s))
	pub.CreateStream(1)
	pub.Command(1, "publish", 0, nil, "x")
	pub.Expect("control 0 1", publishStart("x"))
	watch := Connected(t, s)
	watch.CreateStream(1)
	watch.Command(1, "play", 0, nil, "x")
	watch.Expect(started("x")...)

	pub.Data(1, 10, "@setDataFrame", "onMetaData", amf.NewECMAArray(amf.Property{Name: "a", Value: 1.0}), "more")
	pub.Data(1, 20, "@setDataFrame", "onInfo", "kept", nil)
	pub.Data(1, 30, "@setDataFrame", "onMetaData", amf.NewECMAArray(amf.Property{Name: "a", Value: 2.0}))
	pub.Data(1, 40, "onTextData", "passes")
	pub.Data(1, 50, 5.0) // no name
	pub.Send(netconn.Message{Type: netconn.TypeDataAMF0, StreamID: 1})
	pub.Data(1, 60, "@clearDataFrame", "onInfo")
	pub.Data(1, 70, "@setDataFrame", "|RtmpSampleAccess", true)
	watch.Expect(
		`1 data @10 onMetaData [a: 1] "more"`,
		`1 data @20 onInfo "kept" null`,
		`1 data @30 onMetaData [a: 2]`,
		`1 data @40 onTextData "passes"`,
		`1 data @50 5`,
		`1 data @70 |RtmpSampleAccess true`,
	)
	late := Connected(t, s)
	late.CreateStream(1)
	late.Command(1, "play", 0, nil, "x")
	late.Expect(append(started("x"), "1 data @70 onMetaData [a: 2]", "1 data @70 |RtmpSampleAccess true")...)
	late.ExpectNothing()
}

func dataOfEitherEncoding(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	three := amf.Property{Name: "objectEncoding", Value: 3.0}
	pub := Connected(t, Publishers(s), three)
	pub.CreateStream(1)
	pub.Command(1, "publish", 0, nil, "x")
	pub.Expect("control 0 1", "amf3 "+publishStart("x"))
	old, old2, young := Connected(t, s), Connected(t, s), Connected(t, s, three)
	for _, p := range []*Peer{old, old2, young} {
		p.CreateStream(1)
		p.Command(1, "play", 0, nil, "x")
		p.Until(`1 data @0 onStatus {code: "NetStream.Data.Start"}`)
	}
	send := func(at uint32, values ...amf.Value) {
		payload, err := amf.AppendExtended(nil, values...)
		if err != nil {
			t.Fatal(err)
		}
		pub.Send(netconn.Message{Type: netconn.TypeDataAMF3, StreamID: 1, Timestamp: at, Payload: payload})
	}
	object := amf.NewObject(amf.Property{Name: "a", Value: "b"})
	send(10, "onCuePoint", object, 1.0)
	send(20, "@setDataFrame", "onMetaData", object)
	send(30, "onBytes", &amf.ByteArray{Bytes: []byte("x")}) // AMF0 has no word for it
	pub.Data(1, 40, "plain", "zero")
	for _, p := range []*Peer{old, old2} {
		p.Expect(`1 data @10 onCuePoint {a: "b"} 1`, `1 data @20 onMetaData {a: "b"}`, `1 data @40 plain "zero"`)
	}
	young.Expect(`amf3 1 data @10 onCuePoint {a: "b"} 1`, `amf3 1 data @20 onMetaData {a: "b"}`,
		`amf3 1 data @30 onBytes ByteArray(1 bytes)`, `1 data @40 plain "zero"`)
}

func dataIsNoBroadcast(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	other := Connected(t, s)
	p := Connected(t, s)
	p.Data(0, 0, "shout", "to all")
	other.ExpectNothing()
	p.ExpectNothing()
	for range 1000 {
		p.Data(0, 0, "shout")
	}
	p.Until(`0 onStatus 0 null {level: "error", code: "NetConnection.Connect.Closed", description: "limit exceeded: `)
	p.ExpectEnd()
}

// The same picture and sound by FourCC and in classic tags.
var (
	enhancedAVC = []*media.Packet{
		media.NewPacket(media.KindVideo, 0, append([]byte{0x90, 'a', 'v', 'c', '1'}, Body(16)...)),
		media.NewPacket(media.KindAudio, 0, []byte{0x90, 'm', 'p', '4', 'a', 0x12, 0x10}),
		media.NewPacket(media.KindVideo, 40, append([]byte{0x93, 'a', 'v', 'c', '1'}, Body(40)...)),
		media.NewPacket(media.KindAudio, 45, append([]byte{0x91, 'm', 'p', '4', 'a'}, Body(30)...)),
		media.NewPacket(media.KindVideo, 80, append([]byte{0xA1, 'a', 'v', 'c', '1', 0, 0, 7}, Body(20)...)),
	}
	classicAVC = []*media.Packet{
		media.NewPacket(media.KindVideo, 0, Body(16, 0x17, 0, 0, 0, 0)),
		media.NewPacket(media.KindAudio, 0, []byte{0xAF, 0, 0x12, 0x10}),
		media.NewPacket(media.KindVideo, 40, Body(40, 0x17, 1, 0, 0, 0)),
		media.NewPacket(media.KindAudio, 45, Body(30, 0xAF, 1)),
		media.NewPacket(media.KindVideo, 80, Body(20, 0x27, 1, 0, 0, 7)),
	}
	hevc = []*media.Packet{
		media.NewPacket(media.KindVideo, 0, append([]byte{0x90, 'h', 'v', 'c', '1'}, Body(16)...)),
		media.NewPacket(media.KindVideo, 40, append([]byte{0x93, 'h', 'v', 'c', '1'}, Body(40)...)),
		media.NewPacket(media.KindVideo, 80, append([]byte{0xA3, 'h', 'v', 'c', '1'}, Body(20)...)),
	}
)

func enhancedStays(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	all, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
	some, _ := Player(t, s, netconn.ConnectOptions{App: "live", ClassicOnly: true, Object: []amf.Property{
		{Name: "fourCcList", Value: amf.NewArray("avc1", "mp4a", "hvc1")},
	}}, "x")
	want := append(append([]*media.Packet(nil), enhancedAVC...), hevc...)
	Write(t, pub, want...)
	all.Shows(t, want...)
	some.Shows(t, want...)
}

func enhancedBecomesClassic(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	live, _ := Player(t, s, netconn.ConnectOptions{App: "live", ClassicOnly: true}, "x")
	Write(t, pub, enhancedAVC[:2]...)
	Write(t, pub, enhancedAVC[2])
	Write(t, pub, enhancedAVC[3:]...)
	live.Shows(t, classicAVC...)
	late, _ := Player(t, s, netconn.ConnectOptions{App: "live", ClassicOnly: true}, "x")
	want := append([]*media.Packet{classicAVC[0].WithTimestamp(40), classicAVC[1].WithTimestamp(40)}, classicAVC[2:]...)
	late.Shows(t, want...)
}

func unsupportedIsTold(t *testing.T, h Harness) {
	room := NewRoom()
	s := h.Serve(t, room, Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	none := p.amf3("%s", status(1, "error", netconn.PlayNoSupportedTrackFound, "x is in hvc1, which the client does not support.", "x"))
	Write(t, pub, hevc...)
	Write(t, pub, sound(100, 2))
	first := p.Until("1 onStatus")
	p.Expect("1 audio @100 AF010209")
	if first != none {
		t.Errorf("got %s, want %s", first, none)
	}
	Unpublish(t, room, pub, "x")
	p.Expect(unpublishNotify("x"))
	// What another publisher sends is another matter.
	next := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	Write(t, next, hevc...)
	p.Expect(publishNotify("x"), none)
	p.ExpectNothing()
}

// Players end at a status of level error, so that it must not come while they can follow the default track.
func whatElseHasNoFormIsNotTold(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	colorInfo := media.NewPacket(media.KindVideo, 40, []byte{0x94, 'a', 'v', 'c', '1', 2, 0, 1, 'x'})
	secondTrack := media.NewPacket(media.KindAudio, 40, []byte{0x95, 0x01, 'O', 'p', 'u', 's', 1, 9})
	Write(t, pub, colorInfo, secondTrack, keyframe(40, 1))
	p.Expect(publishNotify("x"), "1 video @40 170100000001")
}

func viewersComeAndGo(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	stay, _ := Player(t, s, netconn.ConnectOptions{App: "live"}, "x")
	p := Connected(t, s)
	p.CreateStream(1)
	want := Broadcast(0, 300)
	ctx := soon(t)
	written := make(chan error, 1)
	go func() {
		for _, packet := range want {
			if err := pub.Write(ctx, packet); err != nil {
				written <- err
				return
			}
		}
		close(written)
	}()
	for done := false; !done; {
		p.Command(1, "play", 0, nil, "x")
		p.Command(1, "play", 0, nil, false)
		p.Until(playStop("x"))
		select {
		case err := <-written:
			if done = true; err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
	stay.Shows(t, want...)
	p.Discard()
	p.ExpectNothing()
}

func pauseNeverTurnsBack(t *testing.T, h Harness) {
	s := h.Serve(t, NewRoom(), Options{})
	pub := Publisher(t, s, netconn.ConnectOptions{App: "live"}, "x")
	p := Connected(t, s)
	p.CreateStream(1)
	p.Command(1, "play", 0, nil, "x")
	p.Expect(started("x")...)
	Write(t, pub, keyframe(40, 1), interframe(80, 1))
	p.Expect("1 video @40 170100000001", "1 video @80 270100000001")
	p.Command(1, "pause", 0, nil, true, 80.0)
	p.Expect(status(1, "status", netconn.PauseNotify, "Pausing x.", "x"))
	p.Command(1, "pause", 0, nil, false, 80.0)
	p.Expect(status(1, "status", netconn.UnpauseNotify, "Unpausing x.", "x"), playStart("x"))
	Write(t, pub, interframe(120, 1))
	p.Expect("1 video @120 270100000001")
}
