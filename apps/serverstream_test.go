package apps_test

import (
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/streams"
)

func TestAStreamIsPlayedUnderAnotherName(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "mp4:in")
		if err := in.SetData("onMetaData", data(0, "onMetaData", "v1")); err != nil {
			t.Fatal(err)
		}
		write(t, in, config(0), key("a", 1000), inter("b", 1040))
		out, told := s.server("out?query")
		early := view(t, s.near, "out")
		if out.Name() != "out" || !s.play(out, live("mp4:in?query=1")) {
			t.Error("the source is refused")
		}
		told.expect(t, "Publish.Start out", "Play.Reset mp4:in", "Play.Start mp4:in")
		early.expect(t, "publish", "onMetaData v1 1s", "video config 1s", "key a 1s", "inter b 1.04s")
		write(t, in, inter("c", 1080), sound("d", 1090), data(1100, "onText", "hello"))
		early.expect(t, "inter c 1.08s", "sound d 1.09s", "onText hello 1.1s")
		view(t, s.near, "out").expect(t, "onMetaData v1 1s", "video config 1s", "key a 1s", "inter b 1.04s", "inter c 1.08s", "sound d 1.09s", "onText hello 1.1s")

		time.Sleep(3 * time.Second)
		if out.Time() != 3*time.Second {
			t.Errorf("it has run for %v", out.Time())
		}
		in.Close()
		synctest.Wait()
		told.expect(t, "Play.UnpublishNotify mp4:in")
		in = publish(t, s.near, "mp4:in")
		write(t, in, config(0), key("e", 5000), inter("f", 5040))
		told.expect(t, "Play.PublishNotify mp4:in")
		early.expect(t, "video config 1.101s", "key e 1.101s", "inter f 1.141s")
		s.do(out.Stop)
		told.expect(t, "Play.Stop mp4:in", "Unpublish.Success out")
		early.expect(t, "unpublish")
		if write(t, in, key("g", 5080)); len(early.lines()) > 0 || out.Time() != 0 {
			t.Error("it goes on")
		}
	})
}

func TestPlaylistsPlayOneAfterAnother(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		a, b := publish(t, s.near, "a"), publish(t, s.near, "b")
		write(t, a, key("a0", 7000))
		write(t, b, config(90), key("b0", 100), inter("b1", 140))
		out, told := s.server("out")
		viewer := view(t, s.near, "out")
		begin := time.Now()
		s.play(out, apps.Source{Name: "a", Start: -1, Length: 2.5, Reset: apps.ResetReplace})
		s.play(out, apps.Source{Name: "film", Start: 0, Length: -1})
		s.play(out, apps.Source{Name: "b", Start: -2, Length: 1, Reset: apps.ResetAppendData})
		viewer.expect(t, "publish", "key a0 7s")
		told.expect(t, "Publish.Start out", "Play.Reset a", "Play.Start a")
		time.Sleep(2500 * time.Millisecond)
		viewer.expect(t, "video config 7.001s", "key b0 7.001s", "inter b1 7.041s")
		told.expect(t, "Play.StreamNotFound film", "Play.Switch b", "Play.Start b")
		write(t, a, inter("a1", 9500))
		write(t, b, inter("b2", 180))
		viewer.expect(t, "inter b2 7.081s")
		time.Sleep(time.Second)
		viewer.expect(t, "unpublish")
		told.expect(t, "Play.Complete b", "Play.Stop b", "Unpublish.Success out")
		if d := time.Since(begin); d != 3500*time.Millisecond {
			t.Errorf("it took %v", d)
		}
	})
}

func TestPlayWithResetReplacesWithoutLettingTheNameGo(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		a, b := publish(t, s.near, "a"), publish(t, s.near, "b")
		if err := a.SetData("onMetaData", data(0, "onMetaData", "of a")); err != nil {
			t.Fatal(err)
		}
		write(t, a, key("a0", 0))
		write(t, b, key("b0", 0), inter("b1", 40))
		out, told := s.server("out")
		viewer := view(t, s.near, "out")
		s.play(out, live("a"))
		s.play(out, apps.Source{Name: "never", Start: -1, Length: -1})
		viewer.expect(t, "publish", "onMetaData of a 0s", "key a0 0s")
		s.play(out, live("b"))
		told.expect(t, "Publish.Start out", "Play.Reset a", "Play.Start a", "Play.Reset b", "Play.Start b")
		viewer.expect(t, "key b0 1ms", "inter b1 41ms")
		view(t, s.near, "out").expect(t, "key b0 1ms", "inter b1 41ms")
		b.Close() // what waited behind a is forgotten
		synctest.Wait()
		told.expect(t, "Play.UnpublishNotify b")
	})
}

func TestAScriptThatPlaysAgainWhenAllIsOverKeepsTheName(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		publish(t, s.near, "a")
		out, told := s.server("out")
		viewer := view(t, s.near, "out")
		s.do(func() {
			out.Play(apps.Source{Name: "film", Start: 0, Length: -1, Reset: apps.ResetReplace})
			out.Play(apps.Source{Name: "a", Start: -1, Length: 1})
		})
		told.expect(t, "Play.StreamNotFound film", "Publish.Start out", "Play.Start a")
		time.Sleep(999 * time.Millisecond)
		s.do(func() { out.Play(apps.Source{Name: "b", Start: 3, Length: -1, Reset: 1}); out.Play(live("a")) })
		told.expect(t, "Play.StreamNotFound b", "Play.Reset a", "Play.Start a")
		viewer.expect(t, "publish")
	})
}

func TestAPublisherIsWaitedForAsLongAsTheLengthSays(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		out, told := s.server("out")
		s.play(out, apps.Source{Name: "late", Start: -1, Length: 5, Reset: apps.ResetReplace})
		s.play(out, apps.Source{Name: "never", Start: -2, Length: 2})
		s.play(out, apps.Source{Name: "now or never", Start: -1, Length: 0})
		told.lines()
		time.Sleep(4 * time.Second)
		in := publish(t, s.near, "late")
		write(t, in, key("a", 0))
		time.Sleep(4999 * time.Millisecond)
		synctest.Wait()
		told.expect(t, "Play.PublishNotify late")
		time.Sleep(time.Millisecond)
		synctest.Wait()
		told.expect(t, "Play.Switch never", "Play.Start never")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		told.expect(t, "Play.Switch now or never", "Play.Start now or never", "Play.Complete now or never", "Play.Stop now or never", "Unpublish.Success out")
	})
}

func TestALiveItemEndsWithItsPublisherWhenAnotherWaits(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "a")
		out, told := s.server("out")
		s.play(out, live("a"))
		s.play(out, apps.Source{Name: "b", Start: -1, Length: -1})
		told.lines()
		in.Close()
		synctest.Wait()
		told.expect(t, "Play.UnpublishNotify a", "Play.Switch b", "Play.Start b")
	})
}

func TestLengthZeroIsTheFirstPicture(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "a")
		write(t, in, config(0))
		out, told := s.server("out")
		viewer := view(t, s.near, "out")
		s.play(out, apps.Source{Name: "a", Start: -2, Length: 0, Reset: apps.ResetReplace})
		write(t, in, sound("x", 0), key("a", 0), inter("b", 40))
		viewer.expect(t, "publish", "video config 0s", "key a 0s", "unpublish")
		told.expect(t, "Publish.Start out", "Play.Reset a", "Play.Start a", "Play.Complete a", "Play.Stop a", "Unpublish.Success out")
	})
}

func TestTheServerOutranksClients(t *testing.T) {
	always := func(c *configs.Config) { c.Publish.Takeover = configs.TakeoverAlways }
	onStage(t, always, func(t *testing.T, s *scene) {
		stream, client, err := clientPublishes(t, s.client, "out")
		if err != nil {
			t.Fatal(err)
		}
		out, told := s.server("out")
		client.lines()
		s.play(out, live("in"))
		told.expect(t, "Publish.Start out", "Play.Reset in", "Play.Start in")
		client.expect(t, "Publish.BadName out")
		if _, _, err := clientPublishes(t, s.client, "out"); err == nil {
			t.Error("a client got the name of the server's")
		}
		other, _ := s.server("out")
		s.play(other, live("in"))
		told.expect(t, "Publish.BadName out")
		s.do(other.Stop)
		if err := stream.Publish(t.Context(), "out", "live"); err != nil {
			t.Errorf("the name is not given back: %v", err)
		}
	})
}

func TestCirclesAreRefused(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		a, toldA := s.server("a")
		b, toldB := s.server("b")
		c, toldC := s.server("c")
		s.play(a, live("a?x"))
		toldA.expect(t, "Play.Failed a")
		s.play(a, live("b"))
		s.play(b, live("c"))
		toldA.lines()
		toldB.lines()
		s.play(c, apps.Source{Name: "a", Start: -1, Length: -1, Reset: apps.ResetReplace})
		toldC.expect(t, "Play.Failed a")
		s.do(a.Stop)
		s.play(c, live("a"))
		toldC.expect(t, "Publish.Start c", "Play.Reset a", "Play.Start a")
	})
}

func TestAStreamOfTheServersCanBeASource(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "in")
		a, _ := s.server("a")
		b, told := s.server("b")
		s.play(a, live("in"))
		s.play(b, live("a"))
		told.expect(t, "Publish.Start b", "Play.Reset a", "Play.Start a")
		viewer := view(t, s.near, "b")
		write(t, in, key("x", 0))
		viewer.expect(t, "key x 0s")
	})
}

func TestNamesThatAreNoneAreRefused(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		out, told := s.server("out")
		for _, name := range []string{"", "?x", "dir/", string(make([]byte, 1025))} {
			if s.play(out, live(name)) {
				t.Errorf("%.10q is accepted", name)
			}
		}
		if n := len(told.lines()); n != 4 {
			t.Errorf("%d times told", n)
		}
		if nameless, _ := s.server("?x"); s.play(nameless, live("a")) {
			t.Error("a stream without a name plays")
		}
	})
}

func TestAudioAndVideoCanBeLeftOut(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "in")
		out, _ := s.server("out")
		s.do(func() { out.ReceiveVideo(false) })
		viewer := view(t, s.near, "out")
		s.play(out, live("in"))
		write(t, in, config(0), key("a", 0), sound("b", 0))
		viewer.expect(t, "publish", "video config 0s", "sound b 0s")
		s.do(func() { out.ReceiveVideo(true); out.ReceiveAudio(false) })
		write(t, in, inter("c", 40), sound("d", 40), key("e", 80))
		viewer.expect(t, "key e 80ms")
	})
}

func TestSendReachesViewersWhoeverPublishes(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		out, _ := s.server("x")
		send := func(handler string, args ...amf.Value) (sent bool) {
			s.do(func() { sent = out.Send(handler, args...) })
			return sent
		}
		if send("onText", "nobody") {
			t.Error("there is nobody to send to")
		}
		waiting := view(t, s.near, "x")
		if !send("onText", 1.0) || !send("@setDataFrame", "onMetaData", "lost") {
			t.Error("who waits is not reached")
		}
		waiting.expect(t, "onText 1 0s", "onMetaData lost 0s")

		in := publish(t, s.near, "x")
		write(t, in, key("a", 9000))
		time.Sleep(400 * time.Millisecond)
		send("onText", 2.0, true)
		time.Sleep(200 * time.Millisecond)
		send("onText", 3.0)
		write(t, in, inter("b", 9040))
		waiting.expect(t, "publish", "key a 9s", "onText 2 true 9s", "onText 3 9.6s", "inter b 9.04s")
		if !send("@setDataFrame", "onMetaData", "of the server") {
			t.Error("metadata is refused")
		}
		write(t, in, key("c", 9080))
		view(t, s.near, "x").expect(t, "onMetaData of the server 9.08s", "key c 9.08s")
		if !send("@clearDataFrame", "onMetaData") {
			t.Error("clearing is refused")
		}
		write(t, in, key("d", 9120))
		view(t, s.near, "x").expect(t, "key d 9.12s")
		for _, args := range [][]amf.Value{nil, {1.0}, {""}} {
			if send("@setDataFrame", args...) || send("@clearDataFrame", args...) {
				t.Errorf("a frame without a name is accepted: %v", args)
			}
		}
	})
}

func TestWhatTheServerSendsIntoItsOwnStream(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "in")
		out, _ := s.server("out")
		s.play(out, live("in"))
		viewer := view(t, s.near, "out")
		write(t, in, key("a", 500))
		s.do(func() { out.Send("onText", amf.Undefined); out.Send("onBytes", &amf.ByteArray{Bytes: []byte{1}}) })
		got := viewer.lines()
		if len(got) != 3 || got[0] != "key a 500ms" || got[1] != "onText undefined 500ms" {
			t.Errorf("saw %q", got)
		}
	})
}

func TestARelayDoesNotHoldUpItsSource(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "in")
		out, _ := s.server("out")
		s.play(out, live("in"))
		release := make(chan struct{})
		s.near.Do(func() { <-release }) // a script that takes its time
		viewer := view(t, s.near, "out")
		write(t, in, key("a", 0), inter("b", 40))
		viewer.expect(t, "key a 0s", "inter b 40ms")
		close(release)
	})
}

func TestClosingEndsWhatPlays(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "in")
		out, told := s.server("out")
		s.play(out, live("in"))
		told.lines()
		s.do(func() {
			out.Close()
			for _, info := range s.near.Hub().Streams() {
				if info.Subscribers > 0 {
					t.Errorf("%s is still played", info.Name)
				}
			}
			if err := in.Write(key("a", 0)); err != nil || s.near.Hub().Publisher("out") != nil {
				t.Error("the name is still published")
			}
			out.Close()
		})
		if told.expect(t); s.play(out, live("in")) || s.near.Hub().Publisher("out") != nil {
			t.Error("a closed stream plays")
		}
	})
}

func TestAnotherPublisherOfTheSourceGoesOnInTime(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		first := publish(t, s.near, "in")
		out, _ := s.server("out")
		viewer := view(t, s.near, "out")
		s.play(out, live("in"))
		write(t, first, config(0), key("a", 5000))
		second, err := s.near.Hub().Publish("in", streams.Claim{Take: true})
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		write(t, second, inter("b", 40), key("c", 80))
		viewer.expect(t, "publish", "video config 0s", "key a 5s", "key c 5.001s")
		view(t, s.near, "out").expect(t, "key c 5.001s")
	})
}

func TestRemoteStreamsArePlayedHere(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		remote := s.enter("far")
		far := s.instance("far")
		out, told := s.server("out")
		viewer := view(t, s.near, "out")
		src := live("in?secret")
		src.Remote = remote
		s.play(out, src)
		told.expect(t, "Publish.Start out", "Play.Reset in", "Play.Start in")
		in := publish(t, far, "in")
		if err := in.SetData("onMetaData", data(0, "onMetaData", "v")); err != nil {
			t.Fatal(err)
		}
		write(t, in, config(0), key("a", 70), inter("b", 110), data(120, "onText", "hello"))
		told.expect(t, "Play.PublishNotify in")
		viewer.expect(t, "publish", "onMetaData v 0s", "video config 0s", "key a 70ms", "inter b 110ms", "onText hello 120ms")
		view(t, s.near, "out").expect(t, "onMetaData v 70ms", "video config 70ms", "key a 70ms", "inter b 110ms", "onText hello 120ms")

		in.Close()
		synctest.Wait()
		told.expect(t, "Play.UnpublishNotify in")
		in = publish(t, far, "in")
		write(t, in, key("c", 0))
		told.expect(t, "Play.PublishNotify in")
		viewer.expect(t, "key c 121ms")
		view(t, s.near, "out").expect(t, "key c 121ms")
		remote.Close()
		<-remote.Done()
		synctest.Wait()
		told.expect(t, "Play.Failed in", "Play.Complete in", "Play.Stop in", "Unpublish.Success out")
	})
}

func TestTimeGoesOnWhenARemoteStreamBeginsAnewWithoutAWord(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.enterFar(), "in")
		out, _ := s.server("out")
		viewer := view(t, s.near, "out")
		src := live("in")
		src.Remote = s.remote
		s.play(out, src)
		write(t, in, config(0), key("a", 50), sound("b", 60), inter("c", 5000), sound("d", 4010))
		viewer.expect(t, "publish", "video config 0s", "key a 50ms", "sound b 60ms", "inter c 5s", "sound d 4.01s")
		write(t, in, config(0), inter("e", 0), key("f", 40), sound("g", 40), inter("h", 80))
		viewer.expect(t, "video config 5.001s", "key f 5.001s", "sound g 5.001s", "inter h 5.041s")
		view(t, s.near, "out").expect(t, "video config 5.001s", "key f 5.001s", "sound g 5.001s", "inter h 5.041s")
	})
}

func TestAudioAndVideoOfARemoteStreamCanBeLeftOut(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.enterFar(), "in")
		out, _ := s.server("out")
		viewer := view(t, s.near, "out")
		src := live("in")
		src.Remote = s.remote
		s.play(out, src)
		write(t, in, config(0), key("x", 0))
		viewer.expect(t, "publish", "video config 0s", "key x 0s")
		s.do(func() { out.ReceiveVideo(false) })
		write(t, in, key("a", 10), sound("b", 20))
		viewer.expect(t, "sound b 20ms")
		s.do(func() { out.ReceiveVideo(true); out.ReceiveAudio(false) })
		write(t, in, inter("c", 40), sound("d", 40), key("e", 80), inter("f", 120))
		viewer.expect(t, "key e 80ms", "inter f 120ms")
	})
}

func TestARemoteItemThatIsRefusedGivesWayToTheNext(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		remote := s.enter("far")
		in := publish(t, s.near, "in")
		write(t, in, key("a", 0))
		out, told := s.server("out")
		s.do(func() {
			out.Play(apps.Source{Name: "film", Start: 0, Length: -1, Reset: apps.ResetReplace, Remote: remote})
			out.Play(apps.Source{Name: "in", Start: -1, Length: -1})
		})
		told.expect(t, "Publish.Start out", "Play.Reset film", "Play.StreamNotFound film", "Play.Switch in", "Play.Start in")
	})
}

func TestARemoteItemLastsAsLongAsItsLength(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		remote := s.enter("far")
		in := publish(t, s.instance("far"), "in")
		write(t, in, key("a", 0))
		out, told := s.server("out")
		s.play(out, apps.Source{Name: "in", Start: netconn.PlayLive, Length: 3, Reset: apps.ResetReplace, Remote: remote})
		told.lines()
		time.Sleep(2999 * time.Millisecond)
		synctest.Wait()
		told.expect(t)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		told.expect(t, "Play.Complete in", "Play.Stop in", "Unpublish.Success out")
		for _, info := range s.instance("far").Hub().Streams() {
			if info.Subscribers > 0 {
				t.Error("the other server still sends")
			}
		}
	})
}
