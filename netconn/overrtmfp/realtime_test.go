package overrtmfp_test

import (
	"fmt"
	"testing"
	"time"

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

// watch has a viewer on a line watch the film for a while.
func watchFor(s *stage, down simnet.Conditions, name string, d time.Duration) (watched, *viewer) {
	c := s.connects(s.hostAt(down))
	v, _ := plays(s.t, c.Client, name)
	b := s.film()
	from := time.Now()
	b.run(d)
	to := time.Now()
	time.Sleep(4 * time.Second) // what is under way
	return watched{measure(b, v, sounds, from, to), measure(b, v, pictures, from, to), undecodable(v)}, v
}

func TestShareOfFramesInTimeUnderLoss(t *testing.T) {
	for _, c := range []struct{ loss, audio, video float64 }{{0.01, 0.99, 0.99}, {0.05, 0.99, 0.9}} {
		t.Run(fmt.Sprint(c.loss), func(t *testing.T) {
			t.Parallel()
			onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
				w, _ := watchFor(s, simnet.Conditions{Delay: 25 * time.Millisecond, Loss: c.loss}, "film", soaking(20*time.Second, time.Minute))
				t.Log(w)
			})
		})
	}
}

func TestBottleneckBelowTheStreamsRateCostsPicturesAndNotSound(t *testing.T) {
	for _, queue := range []int{64_000, 250_000} {
		for seed := uint64(1); seed <= 3; seed++ {
			t.Run(fmt.Sprint(queue, " ", seed), func(t *testing.T) {
				onStage(t, seed, overrtmfp.Config{}, func(t *testing.T, s *stage) {
					line := simnet.Conditions{Delay: 25 * time.Millisecond, Rate: streamRate * 6 / 10, Queue: queue}
					w, _ := watchFor(s, line, "film", soaking(30*time.Second, time.Minute))
					t.Log(w)
				})
			})
		}
	}
}
