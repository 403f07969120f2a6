package scripting_test

import (
	"testing"
	"time"
)

// The canonical use of a NetStream (server-side-api 2.7).
const pushing = `
var nc, ns;
application.onPublish = function (client, stream) {
	nc = new NetConnection();
	nc.onStatus = function (info) {
		trace(info.code);
		if (info.code == "NetConnection.Connect.Success") {
			ns = new NetStream(nc);
			ns.setBufferTime(2);
			trace(ns.attach(stream), ns.publish(stream.name, "live"), ns.bufferTime, ns.time);
		}
	};
	nc.connect("rtmp://studio/far");
};
NetStream.prototype.onStatus = function (info) { trace(info.level, info.code, info.details, this === ns); };
application.onUnpublish = function (client, stream) {
	trace(ns.time, ns.attach(false), ns.publish(false), ns.send("late"));
};
`

func TestScriptsPublishOnOtherServers(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		far := s.script("far", `application.onConnect = function () { return true; };`)
		s.script("near", pushing)
		viewer := watch(t, far, "cam")
		c := s.client("near")
		stream := s.publishes(c, "cam")
		s.traced("NetConnection.Connect.Success", "true true 2 0", "status NetStream.Publish.Start cam true")
		if err := stream.SetDataFrame(t.Context(), 0, "onMetaData", "v"); err != nil {
			t.Fatal(err)
		}
		if err := stream.Write(t.Context(), keyframe("a")); err != nil {
			t.Fatal(err)
		}
		viewer.expect(t, "publish", `"onMetaData" "v"`, "a")
		time.Sleep(3 * time.Second)
		if err := stream.Unpublish(t.Context(), "cam"); err != nil {
			t.Fatal(err)
		}
		s.traced("3 true true false", "status NetStream.Unpublish.Success cam true")
		viewer.expect(t, "unpublish")
	})
}

func TestWhatANetStreamRefuses(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		far := s.script("far", `application.onConnect = function () { return true; };`)
		live(t, far, "taken")
		s.script("near", `
function attempt(f) { try { f(); } catch (e) { trace(e.message); } }
application.onStatus = function (info) { trace(info.code, info.details); };
var nc = new NetConnection();
attempt(function () { new NetStream(); });
attempt(function () { new NetStream({}); });
attempt(function () { new NetStream(nc, "G:0103"); });
var ns = new NetStream(nc);
trace(ns.publish("x"), ns.publish(), ns.attach("x"), ns.attach(null), ns.send("x"));
nc.onStatus = function (info) {
	ns.publish("taken");
	trace(ns.publish("x", "sometimes"));
	var other = new NetStream(nc, "connectToFMS");
	other.publish("taken");
};
nc.connect("rtmp://studio/far");
`)
		s.traced("NetStream: the first argument has to be a NetConnection", "NetStream: the first argument has to be a NetConnection",
			`NetStream into a group is not supported by this version of Afterglow: see docs/scripting.md, "What is not there"`,
			"false true false true false", "NetStream.Failed x", "false",
			"NetStream.InvalidArg x", "NetStream.Publish.BadName taken", "NetStream.Publish.BadName taken")
	})
}

func TestTheEndOfTheConnectionEndsItsNetStreams(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		far := s.script("far", `application.onConnect = function () { return true; };`)
		near := s.script("near", `
var nc = new NetConnection();
var ns = new NetStream(nc);
ns.attach(Stream.get("cam"));
nc.onStatus = function (info) {
	trace(info.code);
	if (info.code == "NetConnection.Connect.Success") { ns.publish("x", "live"); }
};
nc.connect("rtmp://studio/far");
setTimeout(function () { nc.close(); trace(ns.time); nc.connect("rtmp://studio/far"); }, 1000);
`)
		viewer := watch(t, far, "x")
		in := live(t, near, "cam", keyframe("a"))
		viewer.expect(t, "a")
		time.Sleep(1500 * time.Millisecond)
		if err := in.Write(keyframe("b")); err != nil {
			t.Fatal(err)
		}
		viewer.expect(t, "unpublish", "publish", "a", "b")
		s.traced("NetConnection.Connect.Success", "0", "NetConnection.Connect.Success")
	})
}
