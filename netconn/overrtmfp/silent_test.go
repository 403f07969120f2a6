package overrtmfp_test

import (
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// silent is a viewer that the network has taken away in mid-stream, and another one that watches the same.
type silent struct {
	*stage
	film  *broadcast
	host  *simnet.Host
	conn  *netconn.Conn
	other *viewer
	since time.Time
}

func silenced(s *stage) *silent {
	x := &silent{stage: s, host: s.hostAt(roundTrip(50 * time.Millisecond))}
	c := s.connects(x.host)
	x.conn = s.served()
	plays(s.t, c.Client, "film")
	x.other, _ = plays(s.t, s.connects(s.hostAt(roundTrip(50*time.Millisecond))).Client, "film")
	x.film = s.film()
	x.film.run(3 * time.Second)
	s.live.Do(func() { x.host.Blackout(1000 * time.Hour) })
	x.since = time.Now()
	return x
}

// most is the most that the sessions with clients hold up, in bytes, while the film goes on.
func (x *silent) most(d time.Duration) (most int) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		x.film.run(100 * time.Millisecond)
		x.endpoint.Sessions(func(s *rtmfp.Session) bool {
			most = max(most, s.Stats().Queued)
			return true
		})
	}
	return most
}

// goneWithin fails unless the server lets the viewer go before long, and not at once. It goes on with the film meanwhile.
func (x *silent) goneWithin(least, most time.Duration) {
	x.t.Helper()
	for time.Since(x.since) < most {
		x.film.run(time.Second)
		select {
		case c := <-x.room.Gone:
			if took := time.Since(x.since); c != x.conn || took < least {
				x.t.Errorf("%v is gone after %v", c, took)
			}
			return
		default:
		}
	}
	x.t.Errorf("the viewer is there after %v", most)
}

// othersAreWell fails unless the other viewer has everything.
func (x *silent) othersAreWell() {
	x.t.Helper()
	end := time.Now()
	time.Sleep(time.Second)
	undisturbed(x.t, x.film, x.other, x.film.base, end)
	if n := x.front.Sessions(); n != 1 {
		x.t.Errorf("%d sessions are left", n)
	}
}

func TestSilentViewerHoldsUpNoMoreThanLives(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		x := silenced(s)
		if most, lives := x.most(20*time.Second), streamRate/8*3; most > lives {
			t.Errorf("%d bytes are under way, %d in 3 s of the stream", most, lives)
		}
		if d := s.delivery(x.conn); d.Audio.Abandoned < 700 || d.Video.Abandoned < 500 {
			t.Errorf("the server counts %+v", d)
		}
		if n := s.room.Hub.Streams()[0].CacheBytes; n > 4<<20 {
			t.Errorf("the hub keeps %d bytes", n)
		}
		x.goneWithin(50*time.Second, giveUpTime+2*time.Second)
		if st := s.front.Stats(); st.Dead.Load() != 1 || st.Slow.Load() != 0 {
			t.Errorf("%d dead, %d slow", st.Dead.Load(), st.Slow.Load())
		}
		x.othersAreWell()
	})
}

func TestSilentViewerHoldsUpNoMoreThanTheLimit(t *testing.T) {
	const limit = 1 << 20
	onStage(t, 1, overrtmfp.Config{Limits: overrtmfp.Limits{QueueBytes: limit}}, func(t *testing.T, s *stage) {
		s.room.Delivery.Lifetimes = netconntest.Forever
		x := silenced(s)
		if most := x.most(20 * time.Second); most > limit+5*pictureSize+100 || most < limit-pictureSize {
			t.Errorf("%d bytes are under way", most)
		}
		if n := s.room.Hub.Streams()[0].CacheBytes; n > 4<<20 {
			t.Errorf("the hub keeps %d bytes", n)
		}
		x.goneWithin(50*time.Second, giveUpTime+2*time.Second)
		x.othersAreWell()
	})
}

func TestPicturesGiveWayToSoundAtTheLimit(t *testing.T) {
	const limit = 300_000
	lifetimes := netconn.Lifetimes{Audio: time.Hour, Video: time.Hour, PreviousGroup: -1}
	onStage(t, 1, overrtmfp.Config{Limits: overrtmfp.Limits{QueueBytes: limit}}, func(t *testing.T, s *stage) {
		s.room.Delivery.Lifetimes = lifetimes
		h := s.hostAt(roundTrip(50 * time.Millisecond))
		v, _ := plays(t, s.connects(h).Client, "film")
		conn := s.served()
		b := s.film()
		from := time.Now()
		b.run(3 * time.Second)
		s.live.Do(func() { h.Blackout(6 * time.Second) })
		b.run(10 * time.Second)
		end := time.Now()
		b.run(2 * time.Second)
		audio, video := measure(b, v, sounds, from, end), measure(b, v, pictures, from, end)
		t.Logf("audio %v; video %v", audio, video)
		if audio.came != audio.published || video.came > video.published*8/10 || undecodable(v) > 0 {
			t.Errorf("%d pictures undecodable", undecodable(v))
		}
		if d := s.delivery(conn); d.Groups == 0 || d.Audio.Abandoned > 0 {
			t.Errorf("the server counts %+v", d)
		}
	})
}

func TestViewerThatIsAwayIsDeadAndNotSlowWhateverWaitsForIt(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{Limits: overrtmfp.Limits{QueueTime: 15 * time.Second}}, func(t *testing.T, s *stage) {
		x := silenced(s)
		payload, err := amf.Append0(nil, "onCuePoint", "now")
		if err != nil {
			t.Fatal(err)
		}
		_ = x.film.publish(media.NewPacket(media.KindData, 3000, payload))
		x.goneWithin(giveUpTime-2*time.Second, giveUpTime+3*time.Second)
		if st := s.front.Stats(); st.Dead.Load() != 1 || st.Slow.Load() != 0 {
			t.Errorf("%d dead, %d slow", st.Dead.Load(), st.Slow.Load())
		}
		x.othersAreWell()
	})
}

// keepAliveTime is rtmfp.Times.KeepAlive, for servers; clients keep alive as the server advises.
const keepAliveTime = 10 * time.Second

func TestClientThatDoesNothingAndDiesIsNoticed(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		h := s.hostAt(roundTrip(50 * time.Millisecond))
		c := s.connects(h)
		time.Sleep(10 * time.Second)
		s.live.Do(func() { h.Blackout(1000 * time.Hour) })
		begun := time.Now()
		within := func(who string, gone <-chan struct{}, most time.Duration) {
			select {
			case <-gone:
				t.Logf("%s notices after %v", who, time.Since(begun))
			case <-time.After(time.Until(begun.Add(most))):
				t.Errorf("%s has not noticed after %v", who, most)
			}
		}
		dead := make(chan struct{})
		go func() {
			<-s.room.Gone
			close(dead)
		}()
		within("the server", dead, keepAliveTime+giveUpTime+2*time.Second)
		within("the client", c.Done(), 20*time.Second+giveUpTime+2*time.Second)
		if n := s.front.Stats().Dead.Load(); n != 1 {
			t.Errorf("%d dead", n)
		}
	})
}
