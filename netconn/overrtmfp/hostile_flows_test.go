package overrtmfp_test

import (
	"slices"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
)

func TestFlowsWithoutAPlaceAreRejectedAndCounted(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects().plays("film")
		a.eventually("media", func() bool {
			n := 0
			a.do(func() { n = len(a.flows) })
			return n == 4
		})
		var media, commands *rtmfp.ReceiveFlow // the server's flows of stream 1
		a.do(func() { commands, media = a.flows[1], a.flows[3] })
		before := s.front.Stats().FlowsRejected.Load()
		cases := []struct {
			metadata []byte
			answers  *rtmfp.ReceiveFlow
		}{
			{nil, nil}, {[]byte{}, a.control}, {[]byte("TC"), a.control}, {[]byte("TC\x00"), a.control}, {[]byte("TC\x01\x05"), a.control},
			{[]byte("TC\x04"), a.control}, {[]byte("TC\x04\x80"), a.control}, {[]byte("TC\x04\x88\x80\x80\x00"), a.control},
			{[]byte("GC\x04\x00"), a.control}, {[]byte("\x00TC\x04\x01"), a.control}, {make([]byte, 500), nil},
			{metadataOf(0), nil}, // a second control flow
			{metadataOf(1), nil}, {metadataOf(2), nil},
			{metadataOf(2), a.control}, {metadataOf(1<<24 - 1), a.control}, {metadataOf(1 << 24), a.control},
			{metadataOf(1), media}, {metadataOf(0), media}, {metadataOf(1), commands}, {metadataOf(0), commands},
		}
		for _, c := range cases {
			a.do(func() { say(a.open(c.metadata, c.answers), command("publish", 0, nil, "film")) })
		}
		a.alive()
		if got := s.front.Stats().FlowsRejected.Load() - before; got != uint64(len(cases)) {
			t.Errorf("%d flows were rejected, want %d", got, len(cases))
		}
		a.leaves()
	})
}

func TestFlowsOfDeletedStreamsAreRejected(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects().plays("film")
		a.says(command("deleteStream", 0, nil, 1.0))
		a.alive()
		before := s.front.Stats().FlowsRejected.Load()
		a.do(func() { say(a.open(metadataOf(1), a.control), message(netconn.TypeAudio, 1)) })
		a.on(1, message(netconn.TypeVideo, 0x17, 1), command("play", 0, nil, "film")) // by the flow that is there
		a.settled()
		if got := s.front.Stats().FlowsRejected.Load() - before; got != 1 {
			t.Errorf("%d flows were rejected, want 1", got)
		}
		if n := s.room.Hub.Stats().Subscribers.Load(); n != 1 {
			t.Errorf("%d subscribers, want 1", n)
		}
		a.leaves()
	})
}

// A hundred thousand flows: the session ends with the limit of those that are there at a time.
func TestFloodOfFlowsEndsTheSession(t *testing.T) {
	for name, open := range map[string]func(a *attacker){
		"held":      func(a *attacker) { say(a.open(metadataOf(0), a.control), nil) },
		"closed":    func(a *attacker) { closing(a.open(metadataOf(0), a.control)) },
		"rejected":  func(a *attacker) { say(a.open([]byte("nonsense"), nil), []byte("x")) },
		"elsewhere": func(a *attacker) { say(a.open(metadataOf(7), a.control), []byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
				a := s.attacker().connects()
				opened := 0
				for ; opened < 100_000 && !a.isGone(); opened += 100 {
					a.do(func() {
						for range 100 {
							open(a)
						}
					})
					time.Sleep(20 * time.Millisecond)
				}
				a.isEnded()
				if opened > 10_000 {
					t.Errorf("the session has ended after %d flows", opened)
				}
				if n := s.front.Stats().Abused.Load(); n != 1 {
					t.Errorf("%d counted as abused", n)
				}
				a.leaves()
			})
		})
	}
}

func closing(f *rtmfp.SendFlow) {
	say(f, []byte("x"))
	if f != nil {
		f.Close()
	}
}

// A client may do without some of our flows, but not without the control flow.
func TestRejectedFlowsOfOurs(t *testing.T) {
	for _, c := range []struct {
		what        string
		messageType uint8
	}{{"audio", netconn.TypeAudio}, {"video", netconn.TypeVideo}, {"commands", netconn.TypeCommandAMF0}} {
		t.Run(c.what, func(t *testing.T) {
			besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
				a := s.attacker().connects()
				came := make(map[uint8]int)
				a.takes = func(f *rtmfp.ReceiveFlow, messageType uint8) {
					came[messageType]++
					if messageType == c.messageType && f != a.control {
						f.Reject(7)
					}
				}
				a.says(command("createStream", 2, nil))
				a.hears("_result", 2)
				a.on(1, command("play", 0, nil, "film"))
				time.Sleep(5 * time.Second)
				a.on(1, command("pause", 0, nil, true, 0.0), command("pause", 0, nil, false, 0.0), command("seek", 0, nil, 1.0))
				time.Sleep(5 * time.Second)
				a.do(func() {
					for _, kind := range []uint8{netconn.TypeAudio, netconn.TypeVideo} {
						if n := came[kind]; (n > 100) == (kind == c.messageType) {
							t.Errorf("%d messages of type %d have come", n, kind)
						}
					}
				})
				if held := s.holds(a); held.Queued > 200_000 {
					t.Errorf("%+v", held)
				}
				a.alive()
				a.leaves()
			})
		})
	}
	t.Run("control", func(t *testing.T) {
		besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
			a := s.attacker().connects().plays("film")
			a.do(func() { a.control.Reject(0) })
			a.isEnded()
			if n := s.front.Stats().Closed.Load(); n != 1 {
				t.Errorf("%d counted as closed", n)
			}
			a.leaves()
		})
	})
}

func TestStreamsMadeAndDeletedAllTheTime(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects()
		const batch = 100
		rounds := 100
		if soak() {
			rounds = 1000
		}
		for range rounds {
			var all [][]byte
			for range batch {
				all = append(all, command("createStream", 0, nil), command("deleteStream", 0, nil, 1.0))
			}
			a.says(all...)
			a.settled()
		}
		a.alive()
		if held := s.holds(a); held.SendFlows > 1 || held.ReceiveFlows > 1 {
			t.Errorf("%+v", held)
		}
		a.leaves()
	})
}

func TestPlayingAndPublishingBegunAndEndedAllTheTime(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects().plays("film")
		for range 60 {
			var all [][]byte
			for range 20 {
				all = append(all,
					command("play", 0, nil, "film"), command("closeStream", 0, nil), command("publish", 0, nil, "mine"), command("publish", 0, nil, false),
					command("play", 0, nil, "mine"), command("pause", 0, nil, true), command("pause", 0, nil, false), command("publish", 0, nil, "film"),
				)
			}
			a.on(1, all...)
			time.Sleep(100 * time.Millisecond)
		}
		a.alive()
		a.leaves()
		time.Sleep(time.Second)
		if n := s.room.Hub.Stats().Subscribers.Load(); n != 1 {
			t.Errorf("%d subscribers, want 1", n)
		}
	})
}

// Streams that are played and deleted while nothing of theirs is acknowledged do not pile up.
func TestDeletedStreamsThatAreNotTakenEndTheConnection(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects()
		a.takes = func(f *rtmfp.ReceiveFlow, _ uint8) {
			if f != a.control && !slices.Contains(a.muted, f.ID()) {
				a.muted = append(a.muted, f.ID())
			}
		}
		a.mutes()
		from := time.Now()
		for i := 0; i < 2000 && !a.isGone(); i++ {
			a.says(command("createStream", 0, nil))
			a.on(1, command("play", 0, nil, "film"))
			time.Sleep(5 * time.Millisecond)
			a.says(command("deleteStream", 0, nil, 1.0))
		}
		a.isEnded()
		if took := time.Since(from); took > 15*time.Second {
			t.Errorf("ended after %v", took)
		}
		if n := s.front.Stats().Slow.Load(); n != 1 {
			t.Errorf("%d counted as slow", n)
		}
		a.leaves()
	})
}

func TestThirtyTwoStreamsPlayedAtOnce(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects()
		for range 40 { // 32 are allowed
			a.says(command("createStream", 2, nil))
		}
		a.hears("_error", 2)
		for id := uint32(1); id <= 40; id++ {
			a.on(id, command("play", 0, nil, "film"))
		}
		time.Sleep(5 * time.Second)
		if n := s.room.Hub.Stats().Subscribers.Load(); n != 33 {
			t.Errorf("%d subscribers, want 33", n)
		}
		for range 200 {
			a.says(command("createStream", 2, nil))
		}
		a.isEnded() // who does not take no for an answer
		a.leaves()
	})
}
