package overrtmfp_test

import (
	"testing"
	"time"

	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

func TestZZ(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(s *stage) {
		line := simnet.Conditions{Delay: 25 * time.Millisecond, Loss: 0.05}
		c := s.connects(s.hostAt(line))
		v, _ := plays(s.t, c.Client, "film")
		b := s.film()
		for range 20 {
			b.run(time.Second)
			s.endpoint.Sessions(func(x *rtmfp.Session) bool {
				st := x.Stats()
				t.Logf("q %d win %d out %d ab %d to %d red %d rtt %v lost %d rep %d; video %d", st.Queued, st.Window, st.Outstanding, st.MessagesAbandoned, st.Timeouts, st.Reductions, st.RTT, st.FragmentsLost, st.FragmentsRepeated, len(v.got(pictures)))
				return true
			})
		}
	})
}
