package acceptance_test

import (
	"strings"
	"testing"
	"time"

	"afterglow/configs"
)

const living = `
counter = 0;
application.onAppStart = function () { trace("start " + this.name, counter); };
application.onAppStop = function (info) {
	trace("stop " + this.name, info.code, info.level, this === application, application.clients.length);
	return application.stay ? false : "false";
};
application.onConnect = function (client, who) { client.who = who; trace("connect " + who); return true; };
application.onDisconnect = function (client) { trace("gone " + client.who, this === application, this.clients.length, client.call("x")); };
Client.prototype.count = function () { return ++counter; };
Client.prototype.stay = function (on) { application.stay = on; };
Client.prototype.shutdown = function () { application.shutdown(); return "shutting down"; };
Client.prototype.drop = function (who) {
	for (var i = 0; i < application.clients.length; i++) {
		if (application.clients[i].who == who) { var c = application.clients[i]; return [application.disconnect(c), application.disconnect(c)]; }
	}
	return application.disconnect({});
};
`

// Scenario 5: each instance has its own globals (server-side-api 1.4).
func TestInstancesShareNoGlobals(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", living)
		one, two := s.connect("app/one", "a"), s.connect("app/two", "b")
		s.traced.expect("start app/one 0", "connect a", "start app/two 0", "connect b")
		one.asks("1", "count")
		one.asks("2", "count")
		two.asks("1", "count")
		s.connect("app/one", "c").asks("3", "count")
	})
}

func idleAfter(d time.Duration) func(*setup) {
	return func(set *setup) { set.config.Instances.Idle = d }
}

// An instance is unloaded when it has had no client for instances.idle, and onAppStop is told Application.GC; who comes
// before that finds it as it was.
func TestIdleInstanceIsUnloaded(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", living)
		c := s.connect("app", "a")
		c.asks("1", "count")
		c.leave()
		s.traced.expect("start app/_definst_ 0", "connect a", "gone a true 0 false")
		time.Sleep(9 * time.Minute)
		c = s.connect("app", "b")
		c.asks("2", "count")
		time.Sleep(time.Hour) // with a client nothing is idle
		c.leave()
		s.traced.expect("connect b", "gone b true 0 false")
		time.Sleep(9*time.Minute + 50*time.Second)
		s.traced.nothing()
		time.Sleep(15 * time.Second)
		s.traced.expect("stop app/_definst_ Application.GC status true 0")
		if s.instance("app/_definst_") != nil {
			t.Error("the instance is there still")
		}
		s.connect("app", "c").asks("1", "count")
		s.traced.expect("start app/_definst_ 0", "connect c")
	}, idleAfter(10*time.Minute))
}

// onAppStop returning false, and nothing else, keeps an idle instance; it is asked again later.
func TestOnAppStopKeepsAnIdleInstance(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", living)
		c := s.connect("app", "a")
		c.ask("stay", true)
		c.asks("1", "count")
		c.leave()
		s.traced.expect("start app/_definst_ 0", "connect a", "gone a true 0 false")
		time.Sleep(25 * time.Minute)
		s.traced.expect("stop app/_definst_ Application.GC status true 0", "stop app/_definst_ Application.GC status true 0")
		c = s.connect("app", "b")
		c.asks("2", "count")
		c.ask("stay", false)
		c.leave()
		time.Sleep(25 * time.Minute)
		s.traced.expect("connect b", "gone b true 0 false", "stop app/_definst_ Application.GC status true 0")
		s.traced.nothing()
	}, idleAfter(10*time.Minute))
}

// An instance that was loaded and that nobody has used is not idle (server-side-api 1.4).
func TestInstanceThatNobodyUsedIsNotIdle(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", living)
		if err := s.Load("app", "_definst_"); err != nil {
			t.Fatal(err)
		}
		s.traced.expect("start app/_definst_ 0")
		time.Sleep(24 * time.Hour)
		s.traced.nothing()
		s.connect("app", "a").leave()
		s.traced.expect("connect a", "gone a true 0 false")
		time.Sleep(11 * time.Minute)
		s.traced.expect("stop app/_definst_ Application.GC status true 0")
	}, idleAfter(10*time.Minute))
}

// application.shutdown: onAppStop, then AppShutdown and the end for the clients, then onDisconnect for each of them.
func TestShutdownStopsTheInstanceInOrder(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", living)
		a, b, other := s.connect("app", "a"), s.connect("app", "b"), s.connect("app/other", "c")
		a.ask("stay", true) // which holds for idle instances alone
		s.traced.take()
		a.asks(`"shutting down"`, "shutdown")
		a.expect("error NetConnection.Connect.AppShutdown The application shuts down.", "closed")
		b.expect("error NetConnection.Connect.AppShutdown The application shuts down.", "closed")
		s.traced.expect("stop app/_definst_ Application.Shutdown status true 2")
		got := []string{strings.Fields(s.traced.until("gone "))[1], strings.Fields(s.traced.until("gone "))[1]}
		if got[0] == got[1] {
			t.Errorf("onDisconnect was told of %v", got)
		}
		s.traced.nothing()
		other.asks("1", "count")
		s.connect("app", "d").asks("1", "count")
		s.traced.expect("start app/_definst_ 0", "connect d")
	})
}

// A script that changed is loaded anew as soon as nobody uses the instance, and other instances go on.
func TestChangedScriptIsLoadedWhenNobodyUsesIt(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", living+`load("more.asc");`)
		s.script("app/more.asc", `version = "old";Client.prototype.version = function () { return version; };`)
		a, other := s.connect("app", "a"), s.connect("app/other", "o")
		a.asks(`"old"`, "version")
		s.script("app/more.asc", `version = "newer";Client.prototype.version = function () { return version; };`)
		s.Reload()
		b := s.connect("app", "b")
		b.asks(`"old"`, "version") // while somebody is there it stays
		a.leave()
		s.traced.until("gone a ")
		b.leave()
		s.traced.until("gone b ")
		c := s.connect("app", "c")
		s.traced.expect("stop app/_definst_ Application.Shutdown status true 0", "start app/_definst_ 0", "connect c")
		c.asks(`"newer"`, "version")
		other.asks(`"old"`, "version")
		c.leave()
		s.traced.until("gone c ")
		s.script("app/more.asc", `version = "newest";Client.prototype.version = function () { return version; };`)
		s.Reload() // on demand, without anybody coming
		s.traced.expect("stop app/_definst_ Application.Shutdown status true 0", "start app/_definst_ 0")
		s.connect("app", "d").asks(`"newest"`, "version")
	}, idleAfter(10*time.Minute))
}

// Where the configuration says so, a changed script is loaded at once: clients are sent away and find the new one.
func TestChangedScriptIsLoadedAtOnceIfWanted(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", living)
		s.script("same/main.asc", living)
		c, same := s.connect("app", "a"), s.connect("same", "b")
		s.traced.take()
		s.script("app/main.asc", living+`Client.prototype.version = function () { return "new"; };`)
		s.Reload()
		c.expect("error NetConnection.Connect.AppShutdown The application is loaded anew.", "closed")
		s.traced.expect("stop app/_definst_ Application.Shutdown status true 1")
		s.connect("app", "c").asks(`"new"`, "version")
		same.asks("1", "count")
	}, func(set *setup) { set.config.Scripts.Reload = configs.ReloadNow })
}

// A script may shut its instance down from anywhere: who is about to come in is turned away, who comes next finds it anew.
func TestShutdownFromOnConnectTurnsAway(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", living+`
application.onConnect = function (client, who) { client.who = who; if (who == "last") { application.shutdown(); return; } return true; };`)
		a := s.connect("app", "a")
		got := s.rejected("app", "last")
		if !strings.Contains(got, `code: "NetConnection.Connect.AppShutdown"`) {
			t.Errorf("turned away with %s", got)
		}
		a.expect("error NetConnection.Connect.AppShutdown The application shuts down.", "closed")
		s.traced.all("stop app/_definst_ Application.Shutdown", "gone a ")
		s.connect("app", "b").asks("1", "count")
	})
}

// onDisconnect comes for whoever was let in, whatever ended the connection, and for nobody else.
func TestOnDisconnectComesOnceForEveryEnd(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", living+`
application.onConnect = function (client, who) { client.who = who; return who != "refused"; };`)
		judge := s.connect("app", "judge")
		s.traced.expect("start app/_definst_ 0")
		s.connect("app", "polite").leave()
		s.traced.expect("gone polite true 1 false")
		cut := connected(t, s, "app", "cut")
		cut.Cut()
		s.traced.expect("gone cut true 1 false")
		s.rejected("app", "refused")
		s.traced.nothing()
		dropped := s.connect("app", "dropped")
		judge.asks("[true, true]", "drop", "dropped")
		dropped.expect("closed")
		s.traced.expect("gone dropped true 1 false")
		judge.asks("false", "drop", "nobody")
		s.traced.nothing()
	})
}

// The end of the server is the end of every instance, in the same order.
func TestEndOfTheServerIsToldToTheScript(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", living)
		c := s.connect("app", "a")
		s.traced.take()
		if err := s.Close(soon(t)); err != nil {
			t.Fatal(err)
		}
		s.traced.expect("stop app/_definst_ Application.Shutdown status true 1")
		s.traced.until("gone a ")
		c.expect("error NetConnection.Connect.AppShutdown The server ends.", "closed")
	})
}
