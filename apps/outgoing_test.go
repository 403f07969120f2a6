package apps_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/media"
)

// outgoing makes an Outgoing to the instance far that ends with the test.
func (s *scene) outgoing() (*apps.Outgoing, *heard, *apps.Instance) {
	far := s.enterFar()
	told := new(heard)
	var out *apps.Outgoing
	s.do(func() { out = s.near.Outgoing(s.remote, told.status) })
	s.t.Cleanup(func() { s.do(out.Close) })
	return out, told, far
}

func TestAStreamIsPublishedOnAnotherServer(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "in")
		if err := in.SetData("onMetaData", data(0, "onMetaData", "v")); err != nil {
			t.Fatal(err)
		}
		write(t, in, config(0), key("a", 1000), inter("b", 1040))
		out, told, far := s.outgoing()
		viewer := view(t, far, "copy")
		s.do(func() {
			out.SetBufferTime(2 * time.Second)
			out.Attach("in?x")
			if !out.Publish("copy?key=k", "live") || out.Attached() != "in" {
				t.Error("it does not publish")
			}
		})
		told.expect(t, "Publish.Start copy")
		viewer.expect(t, "publish", "onMetaData v 1s", "video config 1s", "key a 1s", "inter b 1.04s")
		write(t, in, sound("c", 1050), data(1060, "onText", "hello"))
		viewer.expect(t, "sound c 1.05s", "onText hello 1.06s")
		view(t, far, "copy").expect(t, "onMetaData v 1s", "video config 1s", "key a 1s", "inter b 1.04s", "sound c 1.05s", "onText hello 1.06s")
		time.Sleep(2 * time.Second)
		s.do(func() {
			if out.Time() != 2*time.Second || out.BufferTime() != 2*time.Second {
				t.Errorf("time %v, buffer %v", out.Time(), out.BufferTime())
			}
			out.Detach()
			out.Unpublish()
		})
		told.expect(t, "Unpublish.Success copy")
		viewer.expect(t, "unpublish")
		if out.Publishing() || out.Time() != 0 {
			t.Error("it still publishes")
		}
	})
}

func TestAnotherStreamCanBeAttachedMeanwhile(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		a, b := publish(t, s.near, "a"), publish(t, s.near, "b")
		write(t, a, key("a0", 5000))
		write(t, b, config(30), key("b0", 30), inter("b1", 70))
		out, _, far := s.outgoing()
		viewer := view(t, far, "x")
		s.do(func() { out.Publish("x", ""); out.Attach("a") })
		viewer.expect(t, "publish", "key a0 5s")
		s.do(func() { out.Attach("b") })
		viewer.expect(t, "video config 5.001s", "key b0 5.001s", "inter b1 5.041s")
		s.do(out.Detach)
		for _, info := range s.near.Hub().Streams() {
			if info.Subscribers > 0 {
				t.Errorf("%s is still followed", info.Name)
			}
		}
		write(t, b, inter("b2", 110))
		viewer.expect(t)
		a.Close()
		s.do(func() { out.Attach("a") })
		a = publish(t, s.near, "a")
		write(t, a, config(0), key("a1", 40))
		viewer.expect(t, "video config 5.042s", "key a1 5.042s")
	})
}

func TestPublishingIsRefused(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		out, told, far := s.outgoing()
		publish(t, far, "taken")
		s.do(func() { out.Publish("taken", "live") })
		told.expect(t, "Publish.BadName taken")
		if out.Publishing() {
			t.Error("it publishes")
		}
		s.do(func() { out.Publish("x", "record") })
		told.expect(t, "Record.Failed x")
		for _, p := range [][2]string{{"", "live"}, {"?x", "live"}, {"dir/", ""}, {"x", "forever"}} {
			s.do(func() {
				if out.Publish(p[0], p[1]) {
					t.Errorf("%q is accepted", p)
				}
			})
		}
		s.do(func() { out.Publish("x", "LIVE") })
		told.expect(t, "Publish.Start x")
	})
}

func TestAnEvictedPublicationEnds(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "in")
		out, told, far := s.outgoing()
		s.do(func() { out.Attach("in"); out.Publish("x", "live") })
		told.lines()
		far.Hub().Publisher("x").Evict()
		synctest.Wait()
		told.expect(t, "Publish.BadName x", "Unpublish.Success x")
		write(t, in, key("a", 0))
		if out.Publishing() {
			t.Error("it goes on")
		}
	})
}

func TestPublishingAgainWaitsForTheEndBefore(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		out, told, far := s.outgoing()
		s.do(func() {
			out.Publish("x", "live")
			out.Unpublish()
			out.Publish("x", "live")
		})
		if got := told.lines(); got[len(got)-1] != "Publish.Start x" { // how far the first one came is open
			t.Errorf("told %q", got)
		}
		s.do(func() {
			out.Unpublish()
			out.Publish("x", "live")
		})
		told.expect(t, "Unpublish.Success x", "Publish.Start x")
		in := publish(t, s.near, "in")
		s.do(func() { out.Attach("in") })
		held := clientsOf(t, far)[0]
		held.Hold()
		for n := range 5 {
			write(t, in, key(strings.Repeat("x", 300<<10), uint32(n)))
		}
		s.do(func() { out.Publish("x", "live") })
		held.Release()
		synctest.Wait()
		told.expect(t, "Unpublish.Success x", "Publish.Start x")
		s.do(func() { out.Publish("y", "live") })
		told.expect(t, "Unpublish.Success x", "Publish.Start y")
	})
}

func TestMessagesOfTheApplicationAreSentToTheOtherServer(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "in")
		out, _, far := s.outgoing()
		viewer := view(t, far, "x")
		send := func(handler string, args ...amf.Value) (sent bool) {
			s.do(func() { sent = out.Send(handler, args...) })
			return sent
		}
		if send("onText", 1.0) {
			t.Error("nothing is published")
		}
		s.do(func() { out.Attach("in"); out.Publish("x", "live") })
		write(t, in, key("a", 700))
		if !send("onText", 1.0) || !send("@setDataFrame", "onMetaData", "mine") || send("onBytes", &amf.ByteArray{}) {
			t.Error("messages are not taken as they should be")
		}
		viewer.expect(t, "publish", "key a 700ms", "onText 1 700ms", "onMetaData mine 700ms")
		if joined := view(t, far, "x").lines(); !slices.Contains(joined, "onMetaData mine 700ms") {
			t.Errorf("who joins sees %q", joined)
		}
	})
}

func TestAServerThatDoesNotReadMissesMedia(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "in")
		out, _, far := s.outgoing()
		s.do(func() { out.Attach("in"); out.Publish("x", "live") })
		viewer := view(t, far, "x")
		for _, c := range clientsOf(t, far) {
			c.Hold()
		}
		big := strings.Repeat("x", 300<<10)
		for n := range 40 {
			write(t, in, key(big, uint32(n)*250))
			time.Sleep(250 * time.Millisecond)
		}
		write(t, in, key("last", 10000))
		for _, c := range clientsOf(t, far) {
			c.Release()
		}
		synctest.Wait()
		got := viewer.lines()
		if n := len(got); n < 3 || n > 35 || got[n-1] != "key last 10s" {
			t.Errorf("%d came", n)
		}
	})
}

// clientsOf returns the clients of an instance.
func clientsOf(t *testing.T, i *apps.Instance) (all []*apps.Client) {
	t.Helper()
	i.Do(func() { all = i.Clients() })
	synctest.Wait()
	return all
}

func TestDataInAMF3IsRewrittenForTheOtherServer(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		in := publish(t, s.near, "in")
		out, _, far := s.outgoing()
		viewer := view(t, far, "x")
		s.do(func() { out.Attach("in"); out.Publish("x", "live") })
		for _, v := range []amf.Value{amf.NewObject(amf.Property{Name: "a", Value: 1.0}), &amf.ByteArray{}, "plain"} {
			payload, err := amf.AppendExtended(nil, "onMetaData", v)
			if err != nil {
				t.Fatal(err)
			}
			p := media.NewPacket(media.KindData, 0, payload)
			p.DataIsAMF3 = true
			if err := in.SetData("onMetaData", p); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		viewer.expect(t, "publish", "onMetaData {a: 1} 0s", "onMetaData plain 0s")
	})
}

func TestTheEndOfTheConnectionEndsPublishing(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		remote := s.enter("far")
		told := new(heard)
		s.do(func() {
			out := s.near.Outgoing(remote, told.status)
			out.Publish("x", "live")
		})
		told.expect(t, "Publish.Start x")
		remote.Close()
		<-remote.Done()
		synctest.Wait()
		told.expect(t, "Unpublish.Success x")
		s.do(func() {
			out := s.near.Outgoing(remote, told.status)
			out.Publish("x", "live")
		})
		told.expect(t, "Failed x")
	})
}

func TestClosingEndsWhatIsPublished(t *testing.T) {
	onStage(t, nil, func(t *testing.T, s *scene) {
		out, told, far := s.outgoing()
		s.do(func() { out.Attach("in"); out.Publish("x", "live") })
		told.lines()
		s.do(func() {
			out.Close()
			for _, info := range s.near.Hub().Streams() {
				t.Errorf("%s is held", info.Name)
			}
			out.Close()
		})
		told.expect(t)
		s.do(func() {
			if far.Hub().Publisher("x") != nil || out.Publish("x", "live") || out.Send("onText") {
				t.Error("it goes on")
			}
		})
	})
}
