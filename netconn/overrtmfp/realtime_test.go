package overrtmfp_test

import (
	"fmt"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/streams"
)

var claim streams.Claim

// watched is how a stream came to one viewer.
type watched struct {
	audio, video figures
	undecodable  int
}

func (w watched) String() string {
	return fmt.Sprintf("audio %v; video %v; %d undecodable", w.audio, w.video, w.undecodable)
}

// watching has a viewer on a line watch the film for a while.
func watching(s *stage, down simnet.Conditions, name string, d time.Duration) watched {
	s.t.Helper()
	v, _ := plays(s.t, s.connects(s.hostAt(down)).Client, name)
	b := s.film()
	from := time.Now()
	b.run(d)
	to := time.Now()
	time.Sleep(12 * time.Second) // longer than anything may be under way
	w := watched{measure(b, v, sounds, from, to), measure(b, v, pictures, from, to), undecodable(v)}
	s.t.Log(w)
	if w.undecodable > 0 {
		s.t.Errorf("%d pictures came without the one before them", w.undecodable)
	}
	return w
}

// delivery is what the server says of the stream that its newest client plays.
func (s *stage) delivery(c *netconn.Conn) netconn.DeliveryStats {
	s.t.Helper()
	s.mu.Lock()
	stream := s.streams[c]
	s.mu.Unlock()
	if stream == nil {
		s.t.Fatal("the client plays nothing")
	}
	d, ok := stream.Delivery()
	if !ok {
		s.t.Fatal("no figures")
	}
	return d
}

// Losses that have nothing to do with a queue keep the window small, as that of TCP: the film needs 16 kB in a round trip of 50 ms, and
// appendix A of RFC 7016 settles at 19 kB for a loss of 1 %, at 8 kB for 5 %. Sound goes first, and pictures give way.
func TestShareOfFramesInTimeUnderLoss(t *testing.T) {
	for _, c := range []struct{ loss, audio, video float64 }{{0, 1, 1}, {0.01, 0.99, 0.6}, {0.05, 0.98, 0.22}} {
		for seed := uint64(1); seed <= soakingTimes(1, 10); seed++ {
			t.Run(fmt.Sprint(c.loss, " ", seed), func(t *testing.T) {
				onStage(t, seed, overrtmfp.Config{}, func(t *testing.T, s *stage) {
					line := simnet.Conditions{Delay: 25 * time.Millisecond, Loss: c.loss, Rate: 20_000_000, Queue: 250_000}
					w := watching(s, line, "film", soaking(30*time.Second, time.Minute))
					if w.audio.share() < c.audio || w.video.share() < c.video || w.audio.p99 > time.Second {
						t.Errorf("of audio %v of 1 and of video %v are demanded", c.audio, c.video)
					}
				})
			})
		}
	}
}

func TestBottleneckBelowTheStreamsRateCostsPicturesAndNotSound(t *testing.T) {
	for _, queue := range []int{64_000, 250_000} {
		for seed := uint64(1); seed <= soakingTimes(2, 10); seed++ {
			t.Run(fmt.Sprint(queue, " ", seed), func(t *testing.T) {
				onStage(t, seed, overrtmfp.Config{}, func(t *testing.T, s *stage) {
					line := narrow(60, queue)
					w := watching(s, line, "film", soaking(30*time.Second, time.Minute))
					// Sound waits behind what is in the queue of the line, which could be 1.3 s of the stream.
					if w.audio.share() < 0.98 || w.audio.p99 > time.Second {
						t.Errorf("audio: %v", w.audio)
					}
					if w.video.came < w.video.published*45/100 {
						t.Errorf("video: %v", w.video)
					}
					d := s.delivery(s.served())
					if d.Groups < 8 || d.Video.Abandoned == 0 || d.Audio.Abandoned != 0 || d.Video.Sent != d.Video.Delivered+d.Video.Abandoned {
						t.Errorf("the server counts %+v", d)
					}
				})
			})
		}
	}
}

// narrow is a line that carries a part of the stream's rate, in percent.
func narrow(percent int64, queue int) simnet.Conditions {
	return simnet.Conditions{Delay: 25 * time.Millisecond, Jitter: 4 * time.Millisecond, Rate: streamRate * percent / 100, Queue: queue}
}

func TestStreamIsWholeAgainASecondAfterABottleneck(t *testing.T) {
	for seed := uint64(1); seed <= soakingTimes(2, 10); seed++ {
		onStage(t, seed, overrtmfp.Config{}, func(t *testing.T, s *stage) {
			h := s.hostAt(roundTrip(50 * time.Millisecond))
			v, _ := plays(t, s.connects(h).Client, "film")
			b := s.film()
			b.run(3*time.Second + time.Duration(seed)*300*time.Millisecond)
			s.set(h, narrow(40, 64_000))
			b.run(10 * time.Second)
			s.set(h, roundTrip(50*time.Millisecond))
			free := time.Now()
			b.run(10 * time.Second)
			end := time.Now()
			time.Sleep(time.Second)
			audio, video := measure(b, v, sounds, free.Add(time.Second), end), measure(b, v, pictures, b.keyframeAfter(free), end)
			t.Logf("after a second: audio %v; from the next keyframe on: video %v", audio, video)
			if audio.came != audio.published || audio.worst > 200*time.Millisecond || video.came != video.published || undecodable(v) > 0 {
				t.Error("the stream is not whole")
			}
			for _, a := range v.got(pictures) {
				if age := a.at.Sub(b.frames[pictures][a.n]); a.at.Sub(free) > time.Second && age > 200*time.Millisecond {
					t.Errorf("picture %d comes %v after the bottleneck's end and is %v old", a.n, a.at.Sub(free), age)
					break
				}
			}
		})
	}
}

func TestPlayersLifetimes(t *testing.T) {
	watch := func(percent int64, query string, d time.Duration) (w watched) {
		onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
			t.Log(query)
			w = watching(s, narrow(percent, 64_000), "film"+query, d)
		})
		return w
	}
	usual := watch(60, "", 20*time.Second)
	hasty := watch(60, "?videoLifetime=0.5", 20*time.Second)
	if hasty.video.worst > usual.video.worst-500*time.Millisecond || hasty.video.worst > 1500*time.Millisecond {
		t.Errorf("pictures that live half a second are up to %v old, usually %v", hasty.video.worst, usual.video.worst)
	}
	patient := watch(60, "?expirePreviousGop=no", 20*time.Second)
	if patient.video.p99 < usual.video.p99+300*time.Millisecond {
		t.Errorf("with patience p99 is %v, usually %v", patient.video.p99, usual.video.p99)
	}
	margin := watch(60, "?previousGopStartByMargin=1", 20*time.Second)
	if margin.video.p99 < usual.video.p99+100*time.Millisecond {
		t.Errorf("with a margin of a second p99 is %v, usually %v", margin.video.p99, usual.video.p99)
	}
	// No more than 10 s.
	most := watch(30, "?videoLifetime=1000&expirePreviousGop=no", 25*time.Second)
	if most.video.worst > 12*time.Second || most.video.worst < 9*time.Second {
		t.Errorf("pictures that would live for ever are up to %v old", most.video.worst)
	}
}

func TestPlayersLifetimeOfSound(t *testing.T) {
	outage := 1500 * time.Millisecond
	watch := func(query string) (f figures) {
		onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
			h := s.hostAt(roundTrip(50 * time.Millisecond))
			v, _ := plays(t, s.connects(h).Client, "film"+query)
			b := s.film()
			b.run(3 * time.Second)
			from := time.Now()
			s.live.Do(func() { h.Blackout(outage) })
			b.run(5 * time.Second)
			f = measure(b, v, sounds, from, from.Add(outage))
			t.Logf("%q: %v", query, f)
		})
		return f
	}
	usual, hasty := watch(""), watch("?audioLifetime=0.3&videoLifetime=0.5")
	if usual.came != usual.published {
		t.Errorf("usually %v", usual)
	}
	if hasty.came > hasty.published*2/3 || hasty.came < hasty.published/8 {
		t.Errorf("sounds that live 0.3 s: %v", hasty)
	}
}

func TestPlayerPausesUnderLoss(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		v, stream := plays(t, s.connects(s.hostAt(simnet.Conditions{Delay: 25 * time.Millisecond, Loss: 0.02})).Client, "film")
		b := s.film()
		say := func(what string, args ...any) {
			if err := stream.Send(what, args...); err != nil {
				t.Fatal(err)
			}
		}
		b.run(4 * time.Second)
		say("pause", true, 4000.0)
		b.run(4 * time.Second)
		held := time.Now()
		b.run(2 * time.Second)
		if n := since(v, sounds, held) + since(v, pictures, held); n > 0 {
			t.Errorf("%d frames come while paused", n)
		}
		say("pause", false, 4000.0)
		resumed := time.Now()
		b.run(4 * time.Second)
		if since(v, sounds, resumed) == 0 || since(v, pictures, resumed) == 0 {
			t.Error("nothing comes after the pause")
		}
		say("receiveVideo", false)
		b.run(5 * time.Second)
		off := time.Now()
		b.run(2 * time.Second)
		if n, sound := since(v, pictures, off), since(v, sounds, off); n > 0 || sound < 80 {
			t.Errorf("without pictures %d of them come, and %d sounds", n, sound)
		}
		say("receiveVideo", true)
		on := time.Now()
		b.run(5 * time.Second)
		if since(v, pictures, on) == 0 || undecodable(v) > 0 {
			t.Errorf("%d pictures come, %d in all undecodable", since(v, pictures, on), undecodable(v))
		}
	})
}

// since counts the frames of a kind that came after an instant.
func since(v *viewer, kind int, at time.Time) int {
	n := 0
	for _, a := range v.got(kind) {
		if a.at.After(at) {
			n++
		}
	}
	return n
}
