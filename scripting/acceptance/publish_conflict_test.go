package acceptance_test

import (
	"testing"
	"testing/synctest"

	"afterglow/netconn/netconntest"
)

const publishing = `
application.onConnect = function (client, name) { client.name = name; return true; };
application.onPublish = function (client, stream) {
	trace("publish", this === application, client.name, stream.name, stream.publishQueryString, stream === Stream.get(stream.name));
	stream.note = "kept since " + client.name;
	client.mine = stream;
};
application.onUnpublish = function (client, stream) { trace("unpublish", client.name, stream.name, stream === client.mine, stream.note); };
application.onStatus = function (info) { trace("application", info.code); };
Client.prototype.take = function (name, source) {
	var s = Stream.get(name);
	s.onStatus = function (info) { trace("stream", this === s, info.level, info.code, info.details); };
	return s.play(source);
};
Client.prototype.give = function (name) { return Stream.get(name).play(false); };
`

// Scenario 6: who publishes a name keeps it while it is alive (server-side-api 3.5.1).
func TestNameStaysWithALivePublisher(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", publishing)
		first, second := s.connect("app", "first"), s.connect("app", "second")
		one := first.publish("x?token=1&b=2")
		s.traced.expect("publish true first x token=1&b=2 true")
		viewer := s.connect("app", "viewer").play("x")
		two := second.stream()
		if err := two.Publish(soon(t), "x", "live"); err == nil {
			t.Fatal("two publish one name")
		}
		two.expect("error NetStream.Publish.BadName x is already publishing")
		netconntest.Write(t, one.ClientStream, keyframe(0))
		viewer.expect("0 video @0 1701000000AA")
		s.traced.nothing()
		if err := one.Unpublish(soon(t), "x"); err != nil {
			t.Fatal(err)
		}
		s.traced.expect("unpublish first x true kept since first")
		viewer.expect("status NetStream.Play.UnpublishNotify x is now unpublished.")
		second.publish("x")
		s.traced.expect("publish true second x  true")
		viewer.expect("status NetStream.Play.PublishNotify x is now published.")
		second.leave() // which unpublishes too
		s.traced.expect("unpublish second x true kept since second")
	})
}

// A publisher that does not answer within publish.pingTimeout loses the name to the newcomer.
func TestNameOfADeadPublisherGoesToTheNewcomer(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", publishing)
		dead := connected(t, s, "app", "dead")
		dead.CreateStream(1)
		dead.Command(1, "publish", 0, nil, "x")
		s.traced.expect("publish true dead x  true")
		viewer := s.connect("app", "viewer").play("x")
		dead.Freeze()
		out := s.connect("app", "newcomer").publish("x")
		s.traced.set("unpublish dead x true kept since dead", "publish true newcomer x  true")
		viewer.until("status NetStream.Play.PublishNotify x is now published.")
		netconntest.Write(t, out.ClientStream, keyframe(0))
		viewer.expect("0 video @0 1701000000AA")
	})
}

// The script outranks clients: Stream.play takes the name from the client that publishes it (server-side-api 2.4).
func TestStreamOfTheScriptEvictsTheClientThatPublishes(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", publishing)
		first, other := s.connect("app", "first"), s.connect("app", "other")
		one, source := first.publish("x"), other.publish("source")
		viewer := s.connect("app", "viewer").play("x")
		s.traced.expect("publish true first x  true", "publish true other source  true")
		netconntest.Write(t, one.ClientStream, keyframe(0))
		viewer.expect("0 video @0 1701000000AA")
		other.asks("true", "take", "x", "source")
		one.expect("error NetStream.Publish.BadName x was taken over by another publisher.")
		s.traced.set("unpublish first x true kept since first", "stream true status NetStream.Publish.Start x", "stream true status NetStream.Play.Reset source",
			"stream true status NetStream.Play.Start source")
		netconntest.Write(t, source.ClientStream, keyframe(0), interframe(40))
		viewer.until("0 video @")
		again := first.stream()
		if err := again.Publish(soon(t), "x", "live"); err == nil {
			t.Fatal("a client gets the name that the script has")
		}
		again.expect("error NetStream.Publish.BadName x is already publishing")
		other.asks("true", "give", "x")
		viewer.until("status NetStream.Play.UnpublishNotify x is now unpublished.")
		s.traced.expect("stream true status NetStream.Play.Stop source", "stream true status NetStream.Unpublish.Success x")
		first.publish("x")
		viewer.expect("status NetStream.Play.PublishNotify x is now published.")
		s.traced.expect("publish true first x  true")
	})
}

// How Adobe's own applications let an encoder have its stream back: releaseStream plays nothing under the name, or what is there.
func TestScriptReleasesTheStreamOfAClient(t *testing.T) {
	for _, nothing := range []string{`false`, `name`} {
		over(t, func(t *testing.T, s *server) {
			s.script("app/main.asc", publishing+`
				Client.prototype.releaseStream = function (name) { Stream.get(name).play(`+nothing+`); };`)
			first, viewer := s.connect("app", "first"), s.connect("app", "viewer").play("x")
			one := first.publish("x")
			viewer.expect("status NetStream.Play.PublishNotify x is now published.")
			s.connect("app", "second").publish("x")
			one.expect("error NetStream.Publish.BadName x was taken over by another publisher.")
			viewer.expect("status NetStream.Play.UnpublishNotify x is now unpublished.", "status NetStream.Play.PublishNotify x is now published.")
		})
	}
}

// What an encoder sends at once, releaseStream and publish, is done in that order however long the instance takes: else it would
// release itself.
func TestPublishStaysBehindTheCallsBeforeIt(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", publishing+`
			Client.prototype.releaseStream = function (name) { trace("release", Stream.get(name).time); Stream.get(name).play(false); };`)
		c := s.connect("app", "encoder")
		out := c.stream()
		hold := make(chan struct{})
		s.instance("app/_definst_").Do(func() { <-hold })
		published := make(chan error, 1)
		go func() { published <- out.Publish(soon(t), "x", "live") }()
		synctest.Wait()
		close(hold)
		if err := netconntest.Await(t, "answer to publish", published); err != nil {
			t.Fatal(err)
		}
		s.traced.expect("release 0", "publish true encoder x  true")
		out.expect("status NetStream.Publish.Start x is now published.")
		netconntest.Write(t, out.ClientStream, keyframe(0))
		s.connect("app", "viewer").play("x").until("0 video @0 1701000000AA")
	})
}
