package overrtmfp_test

import (
	"math"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
)

const eventFlowSync = 34

// Barriers that mean nothing let everything pass.
func TestBarriersOfOneFlowHoldNobody(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects()
		for i := range uint32(10_000) {
			a.says(userControl(eventFlowSync, i, i%2), userControl(eventFlowSync, i), userControl(eventFlowSync))
		}
		a.alive()
		a.leaves()
	})
}

// A flow that waits for others that never come holds up itself alone: the server sees it, and what it holds is bounded.
func TestBarriersThatNeverOpenHoldTheirFlowAlone(t *testing.T) {
	for _, count := range []uint32{2, 1000, math.MaxUint32} {
		besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
			a := s.attacker().connects().plays("film")
			a.on(1, userControl(eventFlowSync, 1, count), userControl(eventFlowSync, 1, count), userControl(eventFlowSync, 2, count))
			for range 60 { // 6 MB for a flow that takes nothing
				a.on(1, message(netconn.TypeVideo, make([]byte, 100_000)...))
			}
			time.Sleep(3 * time.Second)
			if held := s.holds(a); held.Buffered > 4<<20 {
				t.Errorf("the server holds %d bytes", held.Buffered)
			}
			a.alive() // the control flow is free
			a.leaves()
		})
	}
}

func TestControlFlowHeldByABarrier(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects().plays("film")
		a.says(userControl(eventFlowSync, 1, 2), command("createStream", 5, nil))
		time.Sleep(time.Second)
		a.on(1, userControl(eventFlowSync, 1, 2))
		a.hears("_result", 5)
		a.says(userControl(eventFlowSync, 1, 2)) // and now for good, with what is behind it
		a.do(func() {
			for range 10_000 {
				say(a.own, command("createStream", 6, nil))
			}
			a.own.Close()
		})
		time.Sleep(15 * time.Second)
		if a.isGone() {
			t.Error("the session has ended, though it has something to wait for")
		}
		a.leaves()
	})
}

// Thousands of flows at thousands of barriers, in each of the ways in which a flow can go.
func TestManyBarriersOverManyFlows(t *testing.T) {
	for name, end := range map[string]func(*rtmfp.SendFlow){
		"ended": (*rtmfp.SendFlow).Close, "cancelled": (*rtmfp.SendFlow).Cancel, "held": func(*rtmfp.SendFlow) {},
		"too long": func(f *rtmfp.SendFlow) { // for one in a hundred, which is enough
			if f.ID()%100 == 0 {
				say(f, message(netconn.TypeDataAMF0, make([]byte, 2<<20)...))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
				a := s.attacker().connects()
				for round := range uint32(10) {
					a.do(func() {
						for i := range uint32(100) {
							f := a.open(metadataOf(0), a.control)
							say(f, userControl(eventFlowSync, round*1000+i/2, 2+i%5))
							say(f, command("getStreamLength", 8, nil))
							if f != nil {
								end(f)
							}
						}
					})
					time.Sleep(200 * time.Millisecond)
				}
				a.alive()
				a.leaves()
			})
		})
	}
}
