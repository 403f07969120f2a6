package overrtmfp_test

import (
	"testing"
	"time"

	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
)

func TestZZ(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		h := s.hostAt(roundTrip(50 * time.Millisecond))
		c := s.connects(h)
		v, _ := plays(t, c.Client, "film")
		b := s.film()
		b.run(5 * time.Second)
		s.live.Do(func() { h.Blackout(10 * time.Second) })
		b.run(10 * time.Second)
		for range 30 {
			b.run(100 * time.Millisecond)
			s.endpoint.Sessions(func(x *rtmfp.Session) bool {
				st := x.Stats()
				g := v.got(pictures)
				l := g[len(g)-1]
				t.Logf("q %d win %d out %d ab %d to %d red %d rtt %v/%v lost %d rep %d; video %d last %v old", st.Queued, st.Window, st.Outstanding, st.MessagesAbandoned, st.Timeouts, st.Reductions, st.RTT, st.Timeout, st.FragmentsLost, st.FragmentsRepeated, len(g), l.at.Sub(b.frames[pictures][l.n]))
				return true
			})
		}
	})
}
