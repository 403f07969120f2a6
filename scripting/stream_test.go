package scripting_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/scripting"
)

// told traces what onStatus gets, behind what the script did at the time.
const told = `
Stream.prototype.onStatus = function (info) {
	if (info.code != "NetStream.Play.UnpublishNotify") { // which may come before or behind onUnpublish
		trace(this.name, info.level, info.code, info.details);
	}
};
`

func TestTheSameNameIsTheSameStream(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		s.script("app", `
var a = Stream.get("cam?x=1");
a.mine = 5;
trace(a === Stream.get("cam"), a.name, "[" + a.publishQueryString + "]", a instanceof Stream, Stream.get("cam").mine);
trace(Stream.get("mp4:cam") === a, Stream.get("mp4:cam.f4v").name, Stream.get(), Stream.get(""));
trace(a.time, a.bufferTime, a.maxQueueDelay, a.maxQueueSize, a.receiveAudio, a.receiveVideo, a.syncWrite, a.generateCCInfo);
a.setBufferTime(2.5); a.bufferTime = 7; a.name = "other"; a.receiveVideo = 0; a.syncWrite = 1;
trace(a.name, a.bufferTime, a.receiveAudio, a.receiveVideo, a.syncWrite);
trace(a.type, Stream.get("f4f:cam").type, Stream.get("mp4:cam.f4v").type, a.type = "screen", a.type, Stream.get("b").type);
trace(Stream.destroy(a), Stream.get("cam") === a, a.play("x"), Stream.destroy({}));
try { new Stream("x"); } catch (e) { trace(e.message); }
`)
		s.traced("true cam [] true 5", "false mp4:cam.f4v null null", "0 0 500 4096 true true false false",
			"cam 2.5 true false true", "flv f4f mp4 screen screen flv", "true false false false", "Stream cannot be constructed")
	})
}

func TestScriptsPlayStreamsUnderOtherNames(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		i := s.script("app", told+`
application.onPublish = function (client, stream) {
	trace("published", stream.name, stream.publishQueryString, stream === Stream.get(stream.name));
	var out = Stream.get("copy");
	trace(out.play(stream.name, -1, -1));
	trace("done");
};
application.onUnpublish = function (client, stream) {
	trace("unpublished", stream.name);
	trace(Stream.get("copy").play(false));
};
`)
		viewer := watch(t, i, "copy")
		c := s.client("app")
		stream := s.publishes(c, "cam?token=5")
		s.traced("published cam token=5 true", "true", "done",
			"copy status NetStream.Publish.Start copy", "copy status NetStream.Play.Reset cam", "copy status NetStream.Play.Start cam")
		if err := stream.Write(t.Context(), keyframe("a")); err != nil {
			t.Fatal(err)
		}
		viewer.expect(t, "publish", "a")
		if err := stream.Unpublish(t.Context(), "cam"); err != nil {
			t.Fatal(err)
		}
		s.traced("unpublished cam", "true", "copy status NetStream.Play.Stop cam", "copy status NetStream.Unpublish.Success copy")
		viewer.expect(t, "unpublish")
	})
}

func TestScriptsMakePlaylists(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		i := s.script("app", told+`
application.onAppStart = function () {
	var s = Stream.get("tv");
	s.play("intro", 0, -1, true);
	s.play("a", -1, 2, false);
	s.play("b", -2, 1.5, 2);
	s.onStatus = function (info) {
		Stream.prototype.onStatus.call(this, info);
		if (info.code == "NetStream.Play.Stop") {
			trace(this.play("a", -1, 1, 3));
		}
	};
};
`)
		viewer := watch(t, i, "tv")
		live(t, i, "a", keyframe("a"))
		live(t, i, "b", keyframe("b"))
		viewer.expect(t, "a")
		s.traced("tv error NetStream.Play.StreamNotFound intro", "tv status NetStream.Publish.Start tv",
			"tv status NetStream.Play.Start a", "tv status NetStream.Play.PublishNotify a")
		time.Sleep(2 * time.Second)
		s.traced("tv status NetStream.Play.Switch b", "tv status NetStream.Play.Start b")
		viewer.expect(t, "b")
		time.Sleep(1500 * time.Millisecond)
		s.traced("tv status NetStream.Play.Complete b", "tv status NetStream.Play.Stop b", "true",
			"tv status NetStream.Unpublish.Success tv", "tv status NetStream.Publish.Start tv",
			"tv status NetStream.Play.Reset a", "tv status NetStream.Play.Start a")
		viewer.expect(t, "unpublish", "publish", "a")
	})
}

func TestScriptsSendIntoStreams(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		i := s.script("app", `
trace(Stream.get("cam").send("nobody"));
setInterval(function () {
	var s = Stream.get("cam");
	trace(s.send("onText", "hello", 5, [1, {x: null}]), s.send("@setDataFrame", "onMetaData", {title: "t"}), s.send("onBytes", new ByteArray()), s.send());
	try { var a = []; for (var i = 0, b = a; i < 1000; i++) { b = b[0] = []; } s.send("deep", a); } catch (e) { trace("thrown"); }
}, 1000);
`)
		s.traced("false")
		live(t, i, "cam")
		viewer := watch(t, i, "cam")
		time.Sleep(1500 * time.Millisecond)
		s.traced("true true true false", "thrown")
		viewer.expect(t, `"onText" "hello" 5 [1, {x: null}]`, `"onMetaData" {title: "t"}`, `"onBytes" ByteArray(0 bytes)`)
		joined := watch(t, i, "cam")
		joined.expect(t, `"onMetaData" {title: "t"}`)
	})
}

func TestRecordedStreamsAnswerThatTheyAreNotThere(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		s.script("app", `
application.onStatus = function (info) { trace(info.level, info.code, info.details, info.description); };
var s = Stream.get("cam");
trace(s.record(), s.record("append", 5, -1), s.record(false), s.flush(), s.clear());
trace(Stream.length("cam"), Stream.size("mp4:cam.f4v", "key"), typeof Stream.getOnMetaData("cam"), Stream.setVirtualPath("/a", "/b", "c"));
s.play("film", 10);
`)
		const why = "This server does not record streams yet."
		s.traced("false false true false false", "script: Stream.setVirtualPath has no effect: this server has no recorded streams yet",
			"0 0 object undefined",
			"error NetStream.Record.Failed cam "+why, "error NetStream.Record.Failed cam "+why, "error NetStream.Clear.Failed cam "+why,
			"error NetStream.Play.StreamNotFound film Failed to play film; this server has no recorded streams yet.")
	})
}

func TestAScriptThatAsksForManyStreamsKeepsFew(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		i := s.script("app", `
var held = Stream.get("held");
Stream.get("handled").onStatus = function (info) { trace("handled", info.code); };
Stream.get("handled").mark = 1;
Stream.get("playing").play("x", -1);
for (var i = 0; i < 50000; i++) {
	Stream.get("name" + i);
}
trace(Stream.get("held") === held, Stream.get("handled").mark);
Stream.get("handled").record();
`)
		s.traced("true 1", "handled NetStream.Record.Failed")
		runtime.GC()
		i.Do(func() {
			// Up to half of them, if no garbage is collected meanwhile.
			if used, idle := scripting.KeptStreams(i); used > 25010 || idle > 2 {
				t.Errorf("%d streams are kept, and %d that nobody uses", used, idle)
			}
		})
		synctest.Wait()
	})
}

func TestTheEndOfTheScriptEndsItsStreams(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		i := s.script("app", `
Stream.get("out").play("in", -1, -1);
application.onAppStop = function () { trace("stop"); };
`)
		live(t, i, "in", keyframe("a"))
		viewer := watch(t, i, "out")
		viewer.expect(t, "a")
		i.Shutdown("test")
		s.traced("stop")
		viewer.expect(t, "unpublish")
	})
}

func TestScriptsPlayStreamsOfOtherServers(t *testing.T) {
	inStudio(t, func(t *testing.T, s *studio) {
		far := s.script("far", `application.onConnect = function () { return true; };`)
		live(t, far, "cam", keyframe("a"))
		near := s.script("near", told+`
var nc = new NetConnection();
trace(Stream.get("copy").play("cam", -1, -1, true, nc));
nc.onStatus = function (info) {
	trace(info.code);
	if (info.code == "NetConnection.Connect.Success") {
		trace(Stream.get("copy").play("cam", -1, -1, true, this));
	}
};
nc.connect("rtmp://studio/far");
`)
		s.traced("false", "copy error NetStream.Play.Failed cam", "NetConnection.Connect.Success", "true",
			"copy status NetStream.Publish.Start copy", "copy status NetStream.Play.Reset cam",
			"copy status NetStream.Play.Start cam", "copy status NetStream.Play.PublishNotify cam")
		watch(t, near, "copy").expect(t, "a")
	})
}
