package acceptance_test

import (
	"strings"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
)

// A script may make of application.clients what it likes: clients come and go all the same.
func TestListOfClientsThatIsSpoiltHoldsNobodyUp(t *testing.T) {
	for name, spoil := range map[string]string{
		"longer than anything": `application.clients.length = 4294967295;`,
		"frozen":               `Object.freeze(application.clients);`,
		"a setter":             `Object.defineProperty(Array.prototype, "0", { set: function () { for (;;) {} }, configurable: true });`,
		"a getter":             `Object.defineProperty(application.clients, "0", { get: function () { for (;;) {} }, configurable: true });`,
	} {
		t.Run(name, func(t *testing.T) {
			overSockets(t, func(t *testing.T, s *server) {
				s.script("bad/main.asc", bad(`application.onConnect = function () { `+spoil+` return true; };`))
				others := s.neighbours()
				s.connect("bad").leave()
				s.connect("bad").asks("3", "add", 1.0, 2.0)
				others.fine()
			}, quick)
		})
	}
}

// What a client sends is built within the time of one call, however many objects with slow constructors and setters it has.
func TestSlowConstructorsTakeTheTimeOfOneCall(t *testing.T) {
	overSockets(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
function Slow() { for (;;) {} }
function Heavy() {}
Heavy.prototype = { set a(v) { for (;;) {} } };
application.registerClass("Slow", Slow);
application.registerClass("Heavy", Heavy);
Client.prototype.take = function () { return "taken"; };
`))
		others := s.neighbours()
		c := s.connect("bad")
		for _, class := range []string{"Slow", "Heavy"} {
			list := &amf.Array{}
			for range 1000 {
				o := amf.NewObject()
				o.Class = class
				o.Set("a", 1.0)
				list.Dense = append(list.Dense, o)
			}
			c.asks(`"taken"`, "take", list)
			logs(s, "ran longer than 500ms and was interrupted file=main.asc")
		}
		others.fine()
	}, quick)
}

// The third call that runs away is the last, even where a hundred more are due already.
func TestNothingRunsAfterTheThirdRunaway(t *testing.T) {
	overSockets(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`for (var i = 0; i < 100; i++) { setInterval(function () { trace("again"); for (;;) {} }, 50); }`))
		others := s.neighbours()
		c := s.connect("bad")
		c.until("error NetConnection.Connect.AppShutdown ")
		c.until("closed")
		s.gone("bad/_definst_")
		if runs := s.traced.take(); len(runs) != 3 {
			t.Errorf("%d calls ran", len(runs))
		}
		others.fine()
	}, quick)
}

// Handlers that have two more called for each call fill the memory in seconds: their instance is ended.
func TestHandlersThatMultiplyEndTheirInstance(t *testing.T) {
	overSockets(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
var s = Stream.get("a");
s.onStatus = function () { s.record("record"); s.record("record"); };
Client.prototype.begin = function () { s.record("record"); };
`))
		others := s.neighbours()
		c := s.connect("bad")
		c.tell("begin")
		c.until("error NetConnection.Connect.AppShutdown ")
		logs(s, "events wait for the script")
		others.fine()
		s.connect("bad").asks("3", "add", 1.0, 2.0)
	})
}

// A setter of Object.prototype is not called for what the server itself makes.
func TestObjectsOfTheServerCallNoSetters(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
Client.prototype.fail = function () { throw new Error("on purpose"); };
application.onStatus = function (info) { trace(info.code, info.lineno > 0); };
var so = SharedObject.get("so");
so.onSync = function (list) { trace(list[0].code, list[0].name); };
var names = ["code", "level", "description", "details", "filename", "lineno", "linebuf", "oldValue"];
for (var i = 0; i < names.length; i++) {
	Object.defineProperty(Object.prototype, names[i], { set: function () { trace("a setter was called"); } });
}
`))
		c := s.connect("bad")
		c.ask("fail")
		s.traced.expect("Application.Script.Error true")
		f := c.follow("so", false)
		f.expect("clear")
		f.must(f.Set("k", 1.0))
		s.traced.expect("change k")
	})
}

// Of a thousand problems a second not all are logged, and the log says so.
func TestProblemsThatComeByTheThousandAreNotAllLogged(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
Client.prototype.many = function () { for (var i = 0; i < 1000; i++) { setTimeout(function () { throw new Error("each"); }, 1); } };
Client.prototype.one = function () { throw new Error("one more"); };
`))
		c := s.connect("bad")
		c.ask("many")
		time.Sleep(2 * time.Second)
		c.ask("one")
		lines := s.logged.take()
		if len(lines) < 100 || len(lines) > 110 {
			t.Errorf("%d lines", len(lines))
		}
		if all := strings.Join(lines, "\n"); !strings.Contains(all, "more problems than are logged") || !strings.Contains(all, "one more") {
			t.Errorf("logged:\n%.300s ...", all)
		}
	})
}

// Connections that a script gives up before they are there are counted until they have ended.
func TestApplicationThatConnectsToItselfIsBounded(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
refused = 0;
application.onAppStart = function () {
	for (var i = 0; i < 100; i++) {
		var nc = new NetConnection();
		nc.onStatus = function (info) { if (info.code == "NetConnection.Connect.Failed") { refused++; } };
		nc.connect("rtmp://here/" + application.name.split("/")[0] + "/" + application.name.split("/")[1].length + "x" + i);
	}
};
Client.prototype.many = function () { return refused; };
`))
		others := s.neighbours()
		s.connect("bad")
		s.traced.nothing()
		if n := s.Stats().Clients.Load(); n > 2100 {
			t.Errorf("there are %d clients", n)
		}
		others.fine()
	})
}

// Nobody comes in unasked: neither where onConnect cannot be found out, nor behind the call that ended the script.
func TestClientsAreRejectedWhenTheScriptCannotBeAsked(t *testing.T) {
	overSockets(t, func(t *testing.T, s *server) {
		s.script("bad/main.asc", bad(`
Object.defineProperty(application, "onConnect", { get: function () { if (this.secret) { return function () { return true; }; } for (;;) {} } });
`))
		others := s.neighbours()
		answers := make(chan error, 10)
		for range cap(answers) {
			go func() {
				_, err := s.tryConnect(netconn.ConnectOptions{App: "bad"})
				answers <- err
			}()
		}
		for range cap(answers) {
			if err := <-answers; err == nil {
				t.Error("a client was let in")
			}
		}
		others.fine()
	}, quick)
}
