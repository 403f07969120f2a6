package overrtmfp_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
)

// pair are a client that plays and one that publishes, both on the internet.
func pair(s *stage, change ...func(*overrtmfp.DialOptions)) (to, from *overrtmfp.Client) {
	return s.connects(s.hostBehind(open)), s.connects(s.hostBehind(open), change...)
}

func TestLatePeerBeginsWithMetadataConfigurationAndKeyframe(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		to, from := pair(s)
		b, p := directly(t, from, "film", overrtmfp.DirectOptions{})
		if err := p.SetData("onMetaData", prelude()[0]); err != nil {
			t.Fatal(err)
		}
		b.run(5 * time.Second)
		v, _ := playsDirectly(t, to, from.PeerID(), "film")
		b.run(5 * time.Second)
		time.Sleep(time.Second)
		frames := v.got(pictures)
		if len(frames) == 0 || frames[0].n%groupLength != 0 || frames[0].n != 120 {
			t.Fatalf("the first of %d pictures is not the newest keyframe", len(frames))
		}
		if n := len(b.frames[pictures]) - 120; len(frames) != n || undecodable(v) > 0 {
			t.Errorf("%d pictures of %d", len(frames), n)
		}
		// The order holds on each flow alone.
		media := slices.DeleteFunc(slices.Clone(v.order), func(w string) bool { return w != "config" && w != "keyframe" && w != "picture" })
		if !slices.Equal(media[:4], []string{"config", "config", "keyframe", "picture"}) && !slices.Equal(media[:3], []string{"config", "keyframe", "config"}) {
			t.Errorf("the media begins with %v", media[:5])
		}
		if !slices.Contains(v.order, "onMetaData") {
			t.Errorf("no metadata in %v", v.order)
		}
	})
}

func TestSeveralStreamsOfAPeerShareASession(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		to, from := pair(s, func(o *overrtmfp.DialOptions) { o.PeerConnections = 1 })
		names := []string{"one", "two", "three"}
		var broadcasts []*broadcast
		viewers := make([]*viewer, len(names))
		for _, name := range names {
			broadcasts = append(broadcasts, publishesDirectly(t, from, name))
		}
		var all sync.WaitGroup
		for i, name := range names {
			all.Go(func() { viewers[i], _ = playsDirectly(t, to, from.PeerID(), name) }) // all at the same time
		}
		all.Wait()
		begun := time.Now()
		for _, b := range broadcasts {
			all.Go(func() { b.run(3 * time.Second) })
		}
		all.Wait()
		end := time.Now()
		time.Sleep(time.Second)
		for i, b := range broadcasts {
			undisturbed(t, b, viewers[i], begun, end)
		}
	})
}

func TestMostPeerConnections(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		one, from := pair(s, func(o *overrtmfp.DialOptions) { o.PeerConnections = 1 })
		other := s.connects(s.hostBehind(open))
		b := publishesDirectly(t, from, "film")
		_, d := playsDirectly(t, one, from.PeerID(), "film")
		begun := time.Now()
		if _, err := other.PlayDirect(t.Context(), from.PeerID(), "film", netconn.StreamEvents{}); err == nil {
			t.Error("a second peer may play")
		} else {
			t.Logf("after %v: %v", time.Since(begun), err)
		}
		// When the first one goes there is room.
		one.Close()
		<-d.Done()
		<-one.Ended()
		time.Sleep(time.Second)
		v, _ := playsDirectly(t, other, from.PeerID(), "film")
		b.run(time.Second)
		time.Sleep(time.Second)
		if len(v.got(pictures)) == 0 {
			t.Error("nothing comes")
		}
	})
}

func TestPublisherTurnsAPeerAway(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		to, from := pair(s)
		var asked []rtmfp.PeerID
		b, _ := directly(t, from, "film", overrtmfp.DirectOptions{Accept: func(id rtmfp.PeerID) bool {
			asked = append(asked, id)
			return false
		}})
		v := newViewer()
		_, err := to.PlayDirect(moment(t), from.PeerID(), "film", v.events())
		var status netconn.Status
		if !errors.Is(err, overrtmfp.ErrHungUp) && !(errors.As(err, &status) && status.Code == netconn.PlayFailed) {
			t.Errorf("playing fails with %v", err)
		}
		if len(asked) != 1 || asked[0] != to.PeerID() {
			t.Errorf("asked for %v", asked)
		}
		b.run(time.Second)
		if len(v.got(pictures)) > 0 {
			t.Error("pictures come nevertheless")
		}
		if _, err := to.PlayDirect(moment(t), from.PeerID(), "nothing", v.events()); !errors.As(err, &status) || status.Code != netconn.PlayStreamNotFound {
			t.Errorf("what is not there: %v", err)
		}
	})
}

func TestPeerIsToldOfTheEndBehindTheLastFrame(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		to, from := pair(s)
		b, p := directly(t, from, "film", overrtmfp.DirectOptions{})
		v, _ := playsDirectly(t, to, from.PeerID(), "film")
		var atEnd int
		b.run(1100 * time.Millisecond)
		p.Close()
		for v.has(netconn.PlayUnpublishNotify) == 0 {
			time.Sleep(time.Millisecond)
			atEnd = len(v.got(pictures)) + len(v.got(sounds))
		}
		time.Sleep(time.Second)
		if n := len(v.got(pictures)) + len(v.got(sounds)); atEnd != n || n != len(b.frames[pictures])+len(b.frames[sounds]) {
			t.Errorf("%d frames before the end was told of, %d in all", atEnd, n)
		}
	})
}

func TestPublisherLosesAPeerThatStopsOrDies(t *testing.T) {
	for _, end := range []string{"stops", "leaves", "dies"} {
		t.Run(end, func(t *testing.T) {
			onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
				h := s.hostBehind(open)
				to, from := s.connects(h), s.connects(s.hostBehind(open))
				b, p := directly(t, from, "film", overrtmfp.DirectOptions{})
				_, d := playsDirectly(t, to, from.PeerID(), "film")
				b.run(time.Second)
				if p.Players() != 1 {
					t.Fatalf("%d players", p.Players())
				}
				within := 2 * time.Second
				switch end {
				case "stops":
					_ = d.Close()
				case "leaves":
					to.Close()
				case "dies":
					s.live.Do(func() { h.Blackout(time.Hour) })
					within = giveUpTime + 2*time.Second
				}
				b.run(within)
				if p.Players() != 0 {
					t.Errorf("%d players", p.Players())
				}
			})
		})
	}
}

// giveUpTime is how long a far end may leave data unanswered: rtmfp.Times.GiveUp.
const giveUpTime = 60 * time.Second

func TestPlayerNoticesThatThePublisherIsGone(t *testing.T) {
	for _, end := range []string{"leaves", "dies"} {
		t.Run(end, func(t *testing.T) {
			onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
				h := s.hostBehind(open)
				to, from := s.connects(s.hostBehind(open)), s.connects(h)
				b := publishesDirectly(t, from, "film")
				_, d := playsDirectly(t, to, from.PeerID(), "film")
				b.run(time.Second)
				within, want := 2*time.Second, overrtmfp.ErrHungUp
				if end == "dies" {
					s.live.Do(func() { h.Blackout(time.Hour) })
					within, want = giveUpTime+2*time.Second, overrtmfp.ErrDead
				} else {
					from.Close()
				}
				select {
				case <-d.Done():
				case <-time.After(within):
					t.Fatalf("not noticed within %v", within)
				}
				if !errors.Is(d.Err(), want) {
					t.Errorf("ended with %v, want %v", d.Err(), want)
				}
			})
		})
	}
}

func TestDirectStreamsEndWithTheServer(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		to, from := pair(s)
		b := publishesDirectly(t, from, "film")
		v, d := playsDirectly(t, to, from.PeerID(), "film")
		b.run(time.Second)
		s.leave()
		b.run(time.Second)
		for _, done := range []<-chan struct{}{d.Done(), to.Done(), from.Done(), to.Ended(), from.Ended()} {
			select {
			case <-done:
			default:
				t.Error("something goes on without the server")
			}
		}
		if len(v.got(pictures)) < 25 {
			t.Errorf("%d pictures came before", len(v.got(pictures)))
		}
		if _, err := to.PlayDirect(moment(t), from.PeerID(), "film", netconn.StreamEvents{}); err == nil {
			t.Error("playing goes on without the server")
		}
		if _, err := from.PublishDirect("more", overrtmfp.DirectOptions{}); err == nil {
			t.Error("publishing goes on without the server")
		}
	})
}

// A server that has died is noticed by keepalives. Until then peers have each other.
func TestDirectStreamsGoOnWhileTheServerIsSilent(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		to, from := pair(s)
		b := publishesDirectly(t, from, "film")
		v, d := playsDirectly(t, to, from.PeerID(), "film")
		begun := time.Now()
		s.live.Do(func() { s.host.Blackout(time.Hour) })
		b.run(30 * time.Second)
		end := time.Now()
		time.Sleep(time.Second)
		undisturbed(t, b, v, begun, end)
		select {
		case <-d.Done():
		case <-time.After(time.Minute):
			t.Error("the death of the server is not noticed")
		}
	})
}

func TestPeersGoOnAtAnotherAddress(t *testing.T) {
	for _, who := range []string{"player", "publisher"} {
		t.Run(who, func(t *testing.T) {
			onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
				playing, publishing := s.hostAt(roundTrip(50*time.Millisecond)), s.hostBehind(open)
				to, from := s.connects(playing), s.connects(publishing)
				b := publishesDirectly(t, from, "film")
				v, d := playsDirectly(t, to, from.PeerID(), "film")
				begun := time.Now()
				b.run(5 * time.Second)
				mover := playing
				if who == "publisher" {
					mover = publishing
				}
				s.moveTo(mover, 0)
				b.run(5 * time.Second)
				end := time.Now()
				time.Sleep(time.Second)
				undisturbed(t, b, v, begun, end)
				if far := d.Far().Address; who == "publisher" && far != address(0).String() {
					t.Errorf("the publisher is at %v", far)
				}
			})
		})
	}
}

func TestApplicationDecidesAboutIntroductions(t *testing.T) {
	refused := netconn.IntroduceAnswer{Err: errors.New("no")}
	for _, c := range []struct {
		name  string
		after time.Duration
		give  netconn.IntroduceAnswer
		meet  bool
	}{
		{"no", 0, refused, false},
		{"no, later", 3 * time.Second, refused, false},
		{"yes, later", 3 * time.Second, netconn.IntroduceAnswer{}, true},
		{"nothing", time.Hour, netconn.IntroduceAnswer{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
				questions := make(chan netconn.IntroduceRequest, 100)
				s.room.Introduces = func(q netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
					questions <- q
					later := time.AfterFunc(c.after, func() { reply.Give(c.give) })
					t.Cleanup(func() { later.Stop() })
				}
				to, from := pair(s)
				publishesDirectly(t, from, "film")
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				begun := time.Now()
				_, err := to.PlayDirect(ctx, from.PeerID(), "film", netconn.StreamEvents{})
				took := time.Since(begun)
				if c.meet != (err == nil) || c.meet && took > c.after+500*time.Millisecond {
					t.Errorf("%v after %v", err, took)
				}
				if !c.meet && (!errors.Is(err, context.DeadlineExceeded) || took != 10*time.Second) {
					t.Errorf("%v after %v", err, took)
				}
				q := <-questions
				if q.From == nil || q.To == nil || q.From.Far().PeerID != to.PeerID().String() || q.PeerID != from.PeerID().String() {
					t.Errorf("the application is asked %+v", q)
				}
			})
		})
	}
}

func TestApplicationSendsPeersElsewhere(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		at := s.hostBehind(open)
		s.room.Introduces = func(q netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
			reply.Give(netconn.IntroduceAnswer{Redirect: []netip.AddrPort{at.Addr(0)}})
		}
		from, to := s.connects(at), s.connects(s.hostBehind(open))
		b := publishesDirectly(t, from, "film")
		v, _ := playsDirectly(t, to, from.PeerID(), "film")
		b.run(time.Second)
		time.Sleep(time.Second)
		if len(v.got(pictures)) == 0 {
			t.Error("nothing comes")
		}
		s.endpoint.Sessions(func(x *rtmfp.Session) bool { return true })
		if n := s.endpoint.Stats().HellosForwarded; n != 0 {
			t.Errorf("the peer was told %d times", n)
		}
	})
}

func TestWishesForIntroductionsAreLimited(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{Introductions: 5}, func(t *testing.T, s *stage) {
		asked := 0
		s.room.Introduces = func(q netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
			asked++
			reply.Give(netconn.IntroduceAnswer{})
		}
		greedy, modest := pair(s)
		target := s.connects(s.hostBehind(open))
		publishesDirectly(t, target, "film")
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				nobody := rtmfp.PeerID{byte(n)}
				_, _ = greedy.PlayDirect(ctx, nobody, "film", netconn.StreamEvents{})
			})
		}
		all.Wait()
		if asked > 10 || s.front.Stats().NotIntroduced.Load() < 40 {
			t.Errorf("%d introductions, %d refused", asked, s.front.Stats().NotIntroduced.Load())
		}
		begun := time.Now()
		playsDirectly(t, modest, target.PeerID(), "film")
		if took := time.Since(begun); took > time.Second {
			t.Errorf("another client is introduced after %v", took)
		}
	})
}
