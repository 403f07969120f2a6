package overrtmfp_test

import (
	"testing"
	"time"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// withinQueue fails if the server holds more for an attacker than it may.
func (s *siege) withinQueue(a *attacker, most int) {
	s.t.Helper()
	if held := s.holds(a); held.Queued > most {
		s.t.Errorf("the server holds %d bytes, more than %d", held.Queued, most)
	}
}

// A viewer that answers pings and acknowledges nothing at all: what must arrive does not, which ends it.
func TestViewerThatAcknowledgesNothing(t *testing.T) {
	limits := overrtmfp.Limits{QueueBytes: 256 << 10, QueueTime: 10 * time.Second}
	besiegedWith(t, 50_000, overrtmfp.Config{Limits: limits}, func(t *testing.T, s *siege) {
		a := s.attacker().connects().plays("film")
		a.do(func() { a.forge.ack = func(*wire.Ack) bool { return false } })
		from := time.Now()
		a.says(command("getStreamLength", 5, nil)) // which is answered
		for range 40 {
			time.Sleep(100 * time.Millisecond)
			s.withinQueue(a, limits.QueueBytes+60_000)
		}
		a.isEnded()
		if took := time.Since(from); took < limits.QueueTime || took > limits.QueueTime+3*time.Second {
			t.Errorf("ended after %v", took)
		}
		if n := s.front.Stats().Slow.Load(); n != 1 {
			t.Errorf("%d counted as slow", n)
		}
		a.leaves()
	})
}

// One that acknowledges commands but no media costs no more than the queue, for as long as it likes.
func TestViewerThatAcknowledgesNoMedia(t *testing.T) {
	for name, forge := range map[string]func(*wire.Ack) bool{
		"nothing":            func(*wire.Ack) bool { return false },
		"the first fragment": func(a *wire.Ack) bool { a.Cumulative, a.Ranges = 1, nil; return true },
		"all but the second": func(a *wire.Ack) bool {
			if a.Cumulative > 2 {
				a.Ranges = []wire.Range{{From: 3, To: a.Cumulative}}
			}
			a.Cumulative = min(a.Cumulative, 1)
			return true
		},
		"with a window of zero": func(a *wire.Ack) bool { a.BufferBlocks = 0; return true },
	} {
		t.Run(name, func(t *testing.T) {
			limits := overrtmfp.Limits{QueueBytes: 256 << 10, QueueTime: 5 * time.Second}
			besiegedWith(t, 50_000, overrtmfp.Config{Limits: limits}, func(t *testing.T, s *siege) {
				a := s.attacker().connects()
				media := make(map[uint64]bool)
				a.takes = func(f *rtmfp.ReceiveFlow, messageType uint8) {
					if messageType == netconn.TypeAudio || messageType == netconn.TypeVideo {
						media[f.ID()] = true
					}
				}
				a.plays("film")
				time.Sleep(time.Second) // in which it has taken what must arrive
				a.do(func() { a.forge.ack = func(ack *wire.Ack) bool { return !media[ack.FlowID] || forge(ack) } })
				for range 12 {
					time.Sleep(time.Second)
					s.withinQueue(a, limits.QueueBytes+60_000)
				}
				if n := s.front.Remembered(); n > 500 { // ten seconds of sounds
					t.Errorf("the server remembers %d messages", n)
				}
				a.alive()
				a.leaves()
			})
		})
	}
}

// The configuration of a decoder must arrive, too.
func TestViewerThatTakesNoConfiguration(t *testing.T) {
	besieged(t, overrtmfp.Config{Limits: overrtmfp.Limits{QueueTime: 5 * time.Second}}, func(t *testing.T, s *siege) {
		a := s.attacker().connects()
		a.takes = func(f *rtmfp.ReceiveFlow, messageType uint8) {
			if messageType == netconn.TypeVideo {
				a.muted = append(a.muted, f.ID())
			}
		}
		a.mutes()
		a.plays("film")
		from := time.Now()
		a.isEnded()
		if took := time.Since(from); took > 8*time.Second || s.front.Stats().Slow.Load() != 1 {
			t.Errorf("ended after %v, %d counted as slow", took, s.front.Stats().Slow.Load())
		}
		a.leaves()
	})
}

// The end of a stream stands behind its media. A viewer that does not acknowledge the media and has the server answer on, behind
// that, is ended before it costs much.
func TestAnswersBehindMediaThatIsNotAcknowledged(t *testing.T) {
	for name, c := range map[string]struct {
		asks  int
		after time.Duration
	}{"many": {20_000, 5 * time.Second}, "few": {1, 15 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			limits := overrtmfp.Limits{ControlBytes: 256 << 10, QueueTime: 10 * time.Second, Lifetimes: netconn.Lifetimes{Audio: -1, Video: -1}}
			besieged(t, overrtmfp.Config{Limits: limits}, func(t *testing.T, s *siege) {
				p, err := s.room.Hub.Publish("short", claim)
				if err != nil {
					t.Fatal(err)
				}
				a := s.attacker().connects()
				muted := make(map[uint64]bool)
				a.takes = func(f *rtmfp.ReceiveFlow, messageType uint8) {
					if messageType == netconn.TypeVideo {
						muted[f.ID()] = true
					}
				}
				a.do(func() { a.forge.ack = func(ack *wire.Ack) bool { return !muted[ack.FlowID] } })
				a.plays("short")
				for range 10 {
					if err := p.Write(media.NewPacket(media.KindVideo, 0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 1000)...))); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second)
				p.Close()
				from := time.Now()
				for i := 0; i < c.asks && !a.isGone(); i += 100 {
					for range min(100, c.asks) {
						a.on(1, command("seek", 0, nil, 1.0))
					}
					time.Sleep(10 * time.Millisecond)
				}
				a.isEnded()
				if took := time.Since(from); took > c.after {
					t.Errorf("ended after %v", took)
				}
				if n := s.front.Stats().Slow.Load(); n != 1 {
					t.Errorf("%d counted as slow", n)
				}
				a.leaves()
			})
		})
	}
}

// A client that has calls answered and takes no answer.
func TestAnswersThatNobodyTakes(t *testing.T) {
	besieged(t, overrtmfp.Config{Limits: overrtmfp.Limits{ControlBytes: 128 << 10}}, func(t *testing.T, s *siege) {
		a := s.attacker().connects()
		a.do(func() { a.forge.ack = func(*wire.Ack) bool { return false } })
		from := time.Now()
		for !a.isGone() && time.Since(from) < time.Minute {
			for range 20 {
				a.says(command("x", 5, nil, "some argument or other"))
			}
			time.Sleep(20 * time.Millisecond)
			s.withinQueue(a, 130<<10)
		}
		if took := time.Since(from); took > 5*time.Second {
			t.Errorf("ended after %v", took)
		}
		if n := s.front.Stats().Slow.Load(); n != 1 {
			t.Errorf("%d counted as slow", n)
		}
		a.leaves()
	})
}

// A publisher that floods its viewers with the smallest messages does not have the server remember each of them for who takes none.
func TestTinyMessagesCountForMoreThanTheirBytes(t *testing.T) {
	limits := overrtmfp.Limits{QueueBytes: 1 << 20, QueueTime: time.Minute, Lifetimes: netconn.Lifetimes{Audio: -1, Video: -1}}
	besieged(t, overrtmfp.Config{Limits: limits}, func(t *testing.T, s *siege) {
		p, err := s.room.Hub.Publish("tiny", claim)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		a := s.attacker().connects()
		a.do(func() { a.forge.ack = func(ack *wire.Ack) bool { return ack.FlowID == a.control.ID() } })
		a.plays("tiny")
		for i := range 200 {
			for range 500 {
				if err := p.Write(media.NewPacket(media.KindAudio, uint32(i), []byte{0xAF, 1})); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		if held := s.holds(a); held.Queued > 120_000 { // a tenth of the limit: the rest is overhead
			t.Errorf("the server holds %d bytes of tiny messages", held.Queued)
		}
		a.leaves()
	})
}
