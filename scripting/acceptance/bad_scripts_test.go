package acceptance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"afterglow/configs"
)

// good is a script whose clients must not notice what others do.
const good = `
ticks = 0;
setInterval(function () { ticks++; }, 10);
Client.prototype.add = function (a, b) { return a + b; };
Client.prototype.ticking = function () { return ticks > 0; };
`

// neighbours are clients of other instances.
type neighbours []*client

// neighbours connects a client to another instance of app, which is good there, and one to another application.
func (s *server) neighbours() neighbours {
	s.t.Helper()
	s.script("good/main.asc", good)
	return neighbours{s.connect("bad/good"), s.connect("good")}
}

// notice says that the neighbours are answered.
func (n neighbours) fine() {
	for _, c := range n {
		c.t.Helper()
		for i := range 20 {
			c.asks([]string{"0", "2", "4", "6", "8"}[i%5], "add", float64(i%5), float64(i%5))
		}
		if more := c.take(); len(more) > 0 {
			c.t.Fatalf("a neighbour hears %q", more)
		}
	}
}

// bad is a script that is good in the instance good.
func bad(source string) string {
	return good + `
if (application.name != "bad/good") {` + source + `
}
`
}

func logs(s *server, what string) {
	s.t.Helper()
	var seen []string
	for {
		line, ok := s.logged.next()
		if !ok {
			s.t.Fatalf("log: %q does not come, but\n%s", what, strings.Join(seen, "\n"))
		}
		if strings.HasPrefix(line, "ERROR bad/_definst_ ") && strings.Contains(line, what) {
			return
		}
		seen = append(seen, line)
	}
}

// A script that does not compile keeps everybody out of its application, says why, and is tried again when it has changed.
func TestSyntaxErrorKeepsClientsOutUntilItIsMended(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("good/main.asc", good)
		c := s.connect("good")
		s.script("bad/main.asc", "var x = 1;\nfunction (\n")
		got := s.rejected("bad")
		for _, want := range []string{`code: "NetConnection.Connect.Rejected"`, "Application (bad) did not start", "script load failure", "main.asc:2"} {
			if !strings.Contains(got, want) {
				t.Errorf("rejected with %s, without %s", got, want)
			}
		}
		logs(s, "SyntaxError")
		neighbours{c}.fine()
		s.script("bad/main.asc", good)
		s.gone("bad/_definst_")
		s.connect("bad").asks("3", "add", 1.0, 2.0)
	})
}

// Recursion without an end is an error like others.
func TestDeepRecursionIsAnError(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
function down(n) { return down(n + 1) + 1; }
Client.prototype.deep = function () { return down(0); };
Client.prototype.text = function () { var o = {}; o.toString = function () { return "" + o; }; return "" + o; };
Client.prototype.sorted = function () { var f = function () { return [2, 1].sort(f)[0]; }; return f(); };
Client.prototype.nested = function () { var o = {}, p = o; for (var i = 0; i < 100000; i++) { p = p.p = {}; } return o; };
`))
		others := s.neighbours()
		c := s.connect("bad")
		for _, method := range []string{"deep", "text", "sorted", "nested"} {
			if got := c.ask(method); !strings.HasPrefix(got, "error NetConnection.Call.Failed ") {
				t.Errorf("%s returns %s", method, got)
			}
			c.asks("3", "add", 1.0, 2.0)
		}
		others.fine()
		logs(s, "too much recursion")
	})
}

// Timers are limited.
func TestMillionTimersAreTooMany(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
fired = 0;
Client.prototype.many = function () { for (var i = 0; i < 1000000; i++) { setInterval(function () { fired++; }, 1000); } };
Client.prototype.count = function () { return fired > 9000; };
Client.prototype.stop = function () { for (var i = 0; i < 20000; i++) { clearInterval(i); } clearInterval("x"); clearInterval(); };
`))
		others := s.neighbours()
		c := s.connect("bad")
		if got := c.ask("many"); !strings.HasPrefix(got, "error NetConnection.Call.Failed ") {
			t.Errorf("a million timers: %s", got)
		}
		time.Sleep(1500 * time.Millisecond)
		c.asks("true", "count")
		others.fine()
		c.ask("stop")
		c.asks("3", "add", 1.0, 2.0)
	})
}

// Handlers that throw, all of them, lose what they were called for and nothing else.
func TestHandlersThatThrowHurtNobody(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
function fail() { throw new Error("on purpose"); }
application.onAppStart = application.onAppStop = application.onDisconnect = application.onPublish = application.onUnpublish = application.onStatus = fail;
application.onConnect = function (client) { application.acceptConnection(client); client.call("hello", { onResult: fail, onStatus: fail }); fail(); };
var so = SharedObject.get("so");
so.onSync = so.shout = fail;
Client.prototype.__resolve = fail;
Client.prototype.boom = fail;
setInterval(fail, 100);
setInterval({ get method() { return fail; } }, "method", 100);
Client.prototype.getter = function () { var o = {}; o.__defineGetter__("x", fail); return o; };
Client.prototype.odd = function () { throw { toString: fail }; };
Client.prototype.nothing = function () { throw undefined; };
`))
		others := s.neighbours()
		c := s.connect("bad")
		f := c.follow("so", false)
		f.expect("clear")
		f.must(f.Set("k", 1.0), f.Send("shout"))
		f.expect("success k", "shout()")
		out := c.publish("x")
		if err := out.Unpublish(soon(t), "x"); err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"boom", "missing", "getter", "odd", "nothing"} {
			if got := c.ask(method); !strings.HasPrefix(got, "error NetConnection.Call.Failed ") {
				t.Errorf("%s returns %s", method, got)
			}
		}
		time.Sleep(10 * time.Second)
		c.asks("3", "add", 1.0, 2.0)
		c.leave()
		others.fine()
		logs(s, "on purpose")
		s.connect("bad").asks("3", "add", 1.0, 2.0)
	})
}

// Paths that leave the application's folder lead nowhere (server-side-api 2.8).
func TestFilesStayInTheFolderOfTheApplication(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
Client.prototype.look = function (path) {
	try {
		var f = new File(path);
		if (f.exists || f.isFile || f.isDirectory) { return "there: " + f.name; }
		if (f.open("text", "read")) { return "read: " + f.readln(); }
		if (f.open("text", "create")) { f.write("x"); f.close(); return "written"; }
		if (f.mkdir("made")) { return "made"; }
		return f.remove() || "nothing";
	} catch (e) { return "nothing"; }
};
Client.prototype.list = function () { var all = new File("/").list(), names = []; for (var i = 0; i < all.length; i++) { names.push(all[i].name); } return names.sort(); };
Client.prototype.away = function () {
	var f = new File("/own.txt");
	f.open("text", "create");
	f.write("x");
	f.close();
	var to = [f.copyTo("../stolen.txt"), f.copyTo("/../../stolen.txt"), f.renameTo("../stolen.txt"), f.exists];
	f.remove();
	return to;
};
`))
		others := s.neighbours()
		c := s.connect("bad")
		secret := filepath.Join(s.config.Applications.Dir, "secret.txt")
		if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(secret, filepath.Join(s.config.Applications.Dir, "bad", "link.txt")); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"../secret.txt", "/../secret.txt", "..\\secret.txt", "/sub/../../secret.txt", "./../secret.txt", secret, "//" + secret,
			"/link.txt", "../good/main.asc", "\x00", "C:\\secret.txt", "/new/../../../x", "..", "/.."} {
			if got := c.ask("look", path); got != `"nothing"` && got != "true" {
				t.Errorf("%q: %s", path, got)
			}
		}
		if got := c.ask("away"); got != "[false, false, false, true]" {
			t.Errorf("copying out: %s", got)
		}
		if b, err := os.ReadFile(secret); err != nil || string(b) != "secret" {
			t.Errorf("the secret is %q, %v", b, err)
		}
		entries, _ := os.ReadDir(s.config.Applications.Dir)
		for _, e := range entries {
			switch e.Name() {
			case "bad", "good", "secret.txt":
			default:
				t.Errorf("%s was made outside", e.Name())
			}
		}
		others.fine()
	})
}

// Whatever a script does with a client that has gone, nothing happens.
func TestClientThatHasGoneCanStillBeSpokenTo(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
application.onConnect = function (client, who) { if (who == "leaver") { gone = client; client.note = "kept"; } return true; };
Client.prototype.speak = function () {
	var c = gone, before = application.clients.length;
	c.readAccess = "a"; c.writeAccess = "b"; c.audioSampleAccess = "c"; c.virtualKey = "k";
	c.setBandwidthLimit(1000, 1000);
	application.acceptConnection(c);
	application.rejectConnection(c, "no");
	application.redirectConnection(c, "rtmp://x/y");
	return [c.call("x"), c.call("y", { onResult: function () { trace("never"); } }, 1), application.disconnect(c), c.ping(), c.note, typeof c.id, typeof c.ip,
		c.getBandwidthLimit(0) >= 0, typeof c.getStats().bytes_in, c.checkBandwidth() === undefined, before == application.clients.length];
};
`))
		others := s.neighbours()
		c := s.connect("bad", "stayer")
		s.connect("bad", "leaver").leave()
		time.Sleep(time.Second)
		if got := c.ask("speak"); !strings.HasPrefix(got, `[false, false, false, false, "kept", "string", "string", true, "number", `) || !strings.HasSuffix(got, "true]") {
			t.Errorf("speaking to it returns %s", got)
		}
		c.asks("3", "add", 1.0, 2.0)
		others.fine()
		if lines := s.logged.take(); len(lines) > 0 {
			t.Errorf("logged %q", lines)
		}
	})
}

// The limit of an application holds for its instances alone, and is said to who comes too late.
func TestTooManyInstancesAreRefused(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", good)
		others := s.neighbours()
		s.connect("bad/two")
		if got := s.rejected("bad/three"); !strings.Contains(got, "has 2 instances, the limit") {
			t.Errorf("rejected with %s", got)
		}
		others.fine()
	}, func(set *setup) {
		most := 2
		set.config.Applications.Named = map[string]configs.Overrides{"bad": {Instances: configs.InstancesOverrides{MaxInstances: &most}}}
	})
}

// Who floods the script with calls is slowed down; others of the same instance are served.
func TestFloodOfCallsDoesNotDrownOthers(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", good)
		others := s.neighbours()
		flood, c := s.connect("bad"), s.connect("bad")
		for range 5000 {
			flood.tell("add", 1.0, 2.0)
		}
		neighbours{c}.fine()
		others.fine()
		flood.asks("3", "add", 1.0, 2.0)
	})
}
