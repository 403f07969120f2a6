package acceptance_test

import (
	"fmt"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

// accepting is a script that leaves everything to the server.
const accepting = `application.onConnect = function (client) { return true; };`

func notFound(name string) string {
	return line("error", netconn.PlayStreamNotFound, "Failed to play "+name+"; stream not found.", name)
}

func notify(code netconn.Code, name string) string {
	what := "published"
	if code == netconn.PlayUnpublishNotify {
		what = "unpublished"
	}
	return line("status", code, name+" is now "+what+".", name)
}

func stopped(name string) []string {
	return []string{"control 1 1", line("status", netconn.PlayStop, "Stopped playing "+name+".", name)}
}

// playing opens a client with a stream.
func playing(t *testing.T, s *server) *netconntest.Peer {
	t.Helper()
	p := connected(t, s, "app")
	p.CreateStream(1)
	return p
}

// Scenario 7, live half: the starts -2, -1 and 0 of a stream that is live, in seconds and in the milliseconds of the wire
// (server-side-api 3.5.2).
func TestStartsOfALiveStream(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", accepting)
		out := s.connect("app").publish("x")
		netconntest.Write(t, out.ClientStream, keyframe(40), interframe(80))
		for _, start := range []float64{-2, -2000, -1, -1000, -5000} {
			p := playing(t, s)
			p.Command(1, "play", 0, nil, "x", start)
			p.Expect(begins("x")...)
			p.Expect("1 video @40 1701000000AA", "1 video @80 2701000000BB")
			p.ExpectNothing()
		}
		for _, start := range []float64{0, 500} { // recorded streams only
			p := playing(t, s)
			p.Command(1, "play", 0, nil, "x", start)
			p.Expect(notFound("x"))
			p.ExpectNothing()
		}
	})
}

// Who plays a name that nobody publishes waits for a publisher, unless only a recorded stream would do.
func TestStartsOfAMissingStream(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", accepting)
		var waiting []*netconntest.Peer
		for _, start := range []float64{-2, -1} {
			p := playing(t, s)
			p.Command(1, "play", 0, nil, "later", start)
			p.Expect(begins("later")...)
			p.ExpectNothing()
			waiting = append(waiting, p)
		}
		p := playing(t, s)
		p.Command(1, "play", 0, nil, "later", 0.0)
		p.Expect(notFound("later"))
		c := s.connect("app")
		for n := range 2 { // they stay across publishers, whose time goes on
			out := c.publish("later")
			netconntest.Write(t, out.ClientStream, keyframe(0))
			if err := out.Unpublish(soon(t), "later"); err != nil {
				t.Fatal(err)
			}
			for _, p := range waiting {
				p.Expect(notify(netconn.PlayPublishNotify, "later"), fmt.Sprintf("1 video @%d 1701000000AA", n), notify(netconn.PlayUnpublishNotify, "later"))
			}
		}
		p.ExpectNothing()
	})
}

// Items of a playlist follow each other: one that waits in vain for as long as its duration, one that is missing, one whose
// duration is over (server-side-api 3.5.2).
func TestPlaylistGoesFromItemToItem(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", accepting)
		out := s.connect("app").publish("live")
		netconntest.Write(t, out.ClientStream, keyframe(0))
		p := playing(t, s)
		begun := time.Now()
		p.Command(1, "play", 0, nil, "nobody", -1.0, 2000.0)
		p.Command(1, "play", 0, nil, "recorded", 0.0, -1.0, false)
		p.Command(1, "play", 0, nil, "live", -1.0, 3000.0, 0.0)
		p.Command(1, "play", 0, nil, "last", -2.0, -1.0, 2.0)
		p.Expect(begins("nobody")...)
		p.Expect(notFound("recorded"))
		if d := time.Since(begun).Round(100 * time.Millisecond); d != 2*time.Second {
			t.Errorf("the next item after %v", d)
		}
		p.Expect("control 0 1", started("live"))
		p.Expect(prelude(false, false)...)
		p.Expect("1 video @0 1701000000AA")
		p.Expect("control 0 1", started("last"))
		if d := time.Since(begun).Round(100 * time.Millisecond); d != 5*time.Second {
			t.Errorf("the last item after %v", d)
		}
		p.Expect(prelude(false, false)...)
		// Reset 3 is 1 for a live stream: it takes the place of everything.
		p.Command(1, "play", 0, nil, "live", -1.0, -1.0, 3.0)
		p.Expect(begins("live")...)
		p.Expect("1 video @0 1701000000AA")
		p.Command(1, "play", 0, nil, false)
		p.Expect(stopped("live")...)
		p.ExpectNothing()
	})
}

// The duration 0 is the first picture, and then the end.
func TestDurationZeroIsTheFirstPicture(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", accepting)
		out := s.connect("app").publish("x")
		netconntest.Write(t, out.ClientStream, keyframe(0), interframe(40))
		p := playing(t, s)
		p.Command(1, "play", 0, nil, "x", -1.0, 0.0)
		p.Expect(begins("x")...)
		p.Expect("1 video @0 1701000000AA")
		p.Expect(stopped("x")...)
		netconntest.Write(t, out.ClientStream, interframe(80))
		p.ExpectNothing()
	})
}

// A playlist of the script's is one live stream for everybody who plays its name (server-side-api 2.4).
func TestPlaylistOfTheScriptIsALiveStream(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onStatus = function (info) { trace("application", info.level, info.code, info.details); };
Client.prototype.begin = function () {
	var s = Stream.get("show");
	s.onStatus = function (info) { trace(info.level, info.code, info.details); };
	return [s.play("a", -1, 4), s.play("missing", 0, -1, false), s.play("b", -2, 5, 0)];
};
Client.prototype.end = function () { return Stream.get("show").play(false); };
Client.prototype.record = function () { var s = Stream.get("other"); return [s.record(), s.record(false), s.clear(), Stream.length("other"), Stream.size("other")]; };
`)
		c := s.connect("app")
		a, b := c.publish("a"), c.publish("b")
		viewer := playing(t, s)
		viewer.Command(1, "play", 0, nil, "show")
		viewer.Expect(begins("show")...)
		c.asks("[true, true, true]", "begin")
		s.traced.expect("status NetStream.Publish.Start show", "status NetStream.Play.Reset a", "status NetStream.Play.Start a")
		viewer.Expect(notify(netconn.PlayPublishNotify, "show"))
		netconntest.Write(t, a.ClientStream, keyframe(0))
		viewer.Until("1 video @")
		s.traced.expect("error NetStream.Play.StreamNotFound missing", "status NetStream.Play.Switch b", "status NetStream.Play.Start b")
		netconntest.Write(t, b.ClientStream, keyframe(0))
		viewer.Until("1 video @")
		s.traced.expect("status NetStream.Play.Complete b", "status NetStream.Play.Stop b", "status NetStream.Unpublish.Success show")
		viewer.Expect(notify(netconn.PlayUnpublishNotify, "show"))
		s.traced.nothing()

		c.asks("[false, true, false, 0, 0]", "record")
		s.traced.expect("application error NetStream.Record.Failed other", "application error NetStream.Clear.Failed other")
	})
}
