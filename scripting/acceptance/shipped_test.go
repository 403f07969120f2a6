package acceptance_test

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

// live: whoever may publish publishes, everybody plays, and players may ask what is known of them.
func TestLiveShips(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		viewer := s.connectAs(netconn.ConnectOptions{App: "live", PageURL: "http://p.example/x", SWFURL: "http://p.example/x.swf"})
		viewer.expect("onBWDone()")
		viewer.asks(`"http://p.example/x"`, "getPageUrl")
		viewer.asks(`"http://p.example/x.swf"`, "getReferrer")
		viewer.asks("0", "getStreamLength", "x")
		seen := viewer.play("x")
		stranger := s.connect("live").stream()
		if err := stranger.Publish(soon(t), "x", "live"); err == nil {
			t.Error("somebody publishes without the key")
		}
		out := s.connect("live").publish("x?key=" + key)
		netconntest.Write(t, out.ClientStream, keyframe(0))
		seen.expect("status NetStream.Play.PublishNotify x is now published.", "0 video @0 1701000000AA")
		measured := s.connect("live", true)
		measured.until("onBWCheck(")
		measured.until("onBWDone(")
	})
}

// A folder of the same name shadows it, with lists of the pages and players that may connect.
func TestLiveReadsTheListsOfDomains(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		main, err := filepath.Abs("../../apps/live/main.asc")
		if err != nil {
			t.Fatal(err)
		}
		s.copyScript(main, "live/main.asc")
		s.script("live/allowedHTMLdomains.txt", "# who may\nwww.example.com\r\n*.example.org # all of them\n")
		s.script("live/allowedSWFdomains.txt", "*\n")
		for page, may := range map[string]bool{"http://www.example.com/a": true, "http://a.example.org:80/": true, "http://example.net/": false, "": false} {
			_, err := s.tryConnect(netconn.ConnectOptions{App: "live", PageURL: page, SWFURL: "http://x/y.swf", FlashVer: "WIN 9,0,45,0"})
			if (err == nil) != may {
				t.Errorf("%q: %v", page, err)
			}
		}
		s.connectAs(netconn.ConnectOptions{App: "live", FlashVer: "FMLE/3.0 (compatible; FMSc/1.0)"}) // encoders have no page
	})
}

// Adobe's folder of the same name has a packed script, which nobody can read, and its lists: the script that ships goes by them.
func TestFolderWithoutAScriptHasTheOneThatShips(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("live/main.far", "packed")
		s.script("live/allowedHTMLdomains.txt", "www.example.com\n")
		if _, err := s.tryConnect(netconn.ConnectOptions{App: "live", PageURL: "http://example.net/", FlashVer: "WIN 9,0,45,0"}); err == nil {
			t.Error("the list of domains is not read")
		}
		c := s.connectAs(netconn.ConnectOptions{App: "live", PageURL: "http://www.example.com/", SWFURL: "http://www.example.com/x.swf", FlashVer: "WIN 9,0,45,0"})
		c.asks(`"http://www.example.com/"`, "getPageUrl")
	})
}

// A script that comes to stand in the folder takes the place of the one that ships when nobody uses that.
func TestScriptShadowsTheOneThatShips(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		c := s.connect("echo")
		c.asks("6", "add", 1.0, 2.0, 3.0)
		c.leave()
		synctest.Wait() // the instance knows that nobody is there
		s.script("echo/main.asc", `Client.prototype.add = function () { return "mine"; };`)
		s.connect("echo").asks(`"mine"`, "add", 1.0)
	})
}

// echo: gives back what it gets.
func TestEchoShips(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		c := s.connect("echo", "one", 2.0)
		c.asks(`"x"`, "echo", "x")
		c.asks("[1, {a: 2}]", "echo", 1.0, amf.NewObject(amf.Property{Name: "a", Value: 2.0}))
		c.asks(`{type: "object", kind: "Array", text: "1,2", length: 2}`, "describe", amf.NewArray(1.0, 2.0))
		c.asks("6", "add", 1.0, 2.0, 3.0)
		c.asks(`["one", 2]`, "connected")
		c.asks("error NetConnection.Call.Failed Error: asked to fail", "fail")
		c.asks("undefined", "nothing")
		if got := c.ask("who"); !strings.Contains(got, `application: "echo/_definst_"`) {
			t.Errorf("who says %s", got)
		}
		c.answer("hello", func(args []amf.Value) (amf.Value, error) { return "hello " + args[0].(string), nil })
		c.asks("true", "back", "hello", "there")
		c.expect(`hello("there")`, `onAnswer("hello", "hello there")`)
		other := s.connect("echo")
		c.asks("2", "broadcast", "news", 5.0)
		other.expect("news(5)")
	})
}

// videochat: rooms of people with a picture each.
func TestVideochatShips(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		ada := s.connect("videochat/blue", "Ada")
		ada.expect("onHistory([])")
		people, messages := ada.follow("people", false), ada.follow("messages", false)
		people.until("change ")
		messages.expect("clear")
		for _, name := range []string{"Ada", ""} {
			if got := s.rejected("videochat/blue", name); !strings.Contains(got, "application: {reason: ") {
				t.Errorf("%q is rejected with %s", name, got)
			}
		}
		bob := s.connect("videochat/blue", "Bob")
		bob.expect("onHistory([])")
		people.until("change ")
		bob.asks("true", "say", "hi")
		if got := messages.until("onMessage("); !strings.Contains(got, `from: "Bob", text: "hi"`) {
			t.Errorf("a message comes as %s", got)
		}
		own := strings.Trim(bob.ask("getStream"), `"`)
		elsewhere := bob.stream()
		if err := elsewhere.Publish(soon(t), "another", "live"); err == nil {
			t.Error("Bob publishes under a name that is not his")
		}
		seen := ada.play(own)
		out := bob.publish(own + "?key=" + key)
		people.until("change ")
		netconntest.Write(t, out.ClientStream, keyframe(0))
		seen.expect("status NetStream.Play.PublishNotify "+own+" is now published.", "0 video @0 1701000000AA")
		people.must(people.Set("x", 1.0))
		people.until("error SharedObject.NoWriteAccess people")
		id := strings.TrimPrefix(own, "person-")
		ada.asks("true", "whisper", id, "psst")
		bob.until(`onWhisper({from: "Ada", text: "psst"})`)
		bob.leave()
		people.until("delete " + id)
		cara := s.connect("videochat/blue", "Bob") // the name is free again
		if got := cara.until("onHistory("); !strings.Contains(got, `text: "hi"`) {
			t.Errorf("the history is %s", got)
		}
		s.connect("videochat/green", "Ada") // another room
	})
}

// relay: pulls and pushes streams, and tries again when the other server goes.
func TestRelayShips(t *testing.T) {
	named := func(config map[string]string) func(*setup) {
		return func(set *setup) {
			on := true
			set.config.Applications.Named = map[string]configs.Overrides{"relay": {Config: config, LoadOnStart: &on}}
		}
	}
	t.Run("pull", func(t *testing.T) {
		over(t, func(t *testing.T, s *server) {
			s.script("origin/main.asc", accepting+`Client.prototype.shutdown = function () { application.shutdown(); };`)
			s.LoadOnStartup()
			s.traced.expect("pulling news from rtmp://other.example/origin")
			seen := s.connect("relay").play("news")
			source := s.connect("origin")
			out := source.publish("daily")
			netconntest.Write(t, out.ClientStream, keyframe(0))
			seen.until("0 video @")
			source.tell("shutdown")
			source.until("closed")
			s.traced.expect("pulling news from rtmp://other.example/origin")
			out = s.connect("origin").publish("daily")
			netconntest.Write(t, out.ClientStream, keyframe(0))
			seen.until("0 video @")
		}, named(map[string]string{"pull": "news=rtmp://other.example/origin/daily", "retry": "2"}))
	})
	t.Run("push", func(t *testing.T) {
		over(t, func(t *testing.T, s *server) {
			s.script("target/main.asc", accepting+`application.onPublish = function (c, stream) { trace("target has " + stream.name); };
application.onUnpublish = function (c, stream) { trace("target loses " + stream.name); };`)
			seen := s.connect("target").play("renamed")
			out := s.connect("relay").publish("cam?key=" + key)
			s.traced.set("pushing cam to rtmp://other.example/target", "pushing cam to rtmp://other.example/target", "target has cam", "target has renamed")
			netconntest.Write(t, out.ClientStream, keyframe(0))
			seen.until("0 video @")
			if err := out.Unpublish(soon(t), "cam"); err != nil {
				t.Fatal(err)
			}
			s.traced.set("target loses cam", "target loses renamed")
			time.Sleep(time.Minute)
			s.traced.nothing()
		}, named(map[string]string{"push": "*=rtmp://other.example/target, cam=rtmp://other.example/target/renamed", "retry": "2"}))
	})
}
