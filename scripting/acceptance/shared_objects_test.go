package acceptance_test

import (
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/configs"
	"afterglow/netconn"
)

const sharing = `
application.onAppStart = function () {
	var so = this.so = SharedObject.get("room", false);
	so.onSync = function (list) {
		for (var i = 0; i < list.length; i++) {
			var item = list[i];
			trace("sync", this === so, item.code, item.name, item.oldValue, this.getProperty(item.name), this.version);
		}
	};
	so.shout = function (a, b) { trace("shout", this === so, a, b, arguments.length); };
	so.deep = { er: function (x) { trace("deeper", x, this === so.deep); } };
	trace(so === SharedObject.get("room"), so === SharedObject.get("room", true), so.name, so.version, so.isDirty, so.autoCommit, so.size());
};
Client.prototype.set = function (name, value) { application.so.setProperty(name, value); return application.so.version; };
Client.prototype.get = function (name) { return application.so.getProperty(name); };
Client.prototype.names = function () { return [application.so.getPropertyNames(), application.so.size()]; };
Client.prototype.clearAll = function () { return application.so.clear(); };
Client.prototype.shoutAll = function (x) { return application.so.send("shouted", x, [x]); };
Client.prototype.batch = function () {
	var so = application.so;
	var depths = [so.lock(), so.lock()];
	so.setProperty("x", 1);
	so.mark("marked", "here");
	so.setProperty("x", 2);
	so.setProperty("y", 3);
	so.setProperty("k", null);
	depths.push(so.unlock());
	so.setProperty("z", 4);
	depths.push(so.unlock(), so.version);
	return depths;
};
Client.prototype.hold = function (ms) {
	var so = application.so;
	so.lock();
	so.setProperty("held", true);
	var id = setInterval(function () { clearInterval(id); trace("unlock"); so.unlock(); }, ms);
};
Client.prototype.mutate = function () {
	var so = application.so;
	so.setProperty("list", [1]);
	var list = so.getProperty("list");
	list.push(2);
	so.setProperty("list", list);
	return [so.getProperty("list") === list, so.version];
};
`

// Scenario 10: two clients and the script on one object (server-side-api 2.5, 3.8).
func TestClientsAndScriptShareAnObject(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", sharing)
		ann, bob := s.connect("app"), s.connectAs(netconn.ConnectOptions{App: "app", Encoding: netconn.AMF3})
		s.traced.expect("true false room 0 false true 0")
		a, b := ann.follow("room", false), bob.follow("room", false)
		a.expect("clear")
		b.expect("clear")

		a.must(a.Set("k", 1.0))
		a.expect("success k")
		b.expect("change k")
		s.traced.expect("sync true change k undefined 1 1")
		b.must(b.Set("k", amf.NewObject(amf.Property{Name: "n", Value: 2.0})))
		b.expect("success k 1")
		a.expect("change k 1")
		s.traced.expect("sync true change k 1 [object Object] 2")
		a.must(a.Delete("k"))
		a.expect("delete k") // which it has removed at once
		b.expect("delete k {n: 2}")
		s.traced.expect("sync true delete k [object Object] null 3")

		ann.asks("4", "set", "k", "of the script")
		a.expect("change k")
		b.expect("change k")
		bob.asks(`"of the script"`, "get", "k")
		ann.asks(`[["k"], 1]`, "names")
		ann.asks("5", "set", "k", nil)
		a.expect(`delete k "of the script"`)
		b.expect(`delete k "of the script"`)
		bob.asks("null", "get", "k")
		ann.ask("set", "k", 1.0)
		ann.asks("true", "clearAll")
		for _, f := range []*follower{a, b} {
			f.expect("change k", "clear")
			f.shows("{}")
		}
		s.traced.nothing() // what the script does itself it is not told

		a.must(a.Send("shout", "x", 2.0), a.Send("deep.er", 1.0), a.Send("missing", 1.0), a.Send("setProperty", "bad", 1.0))
		for _, f := range []*follower{a, b} { // the sender included
			f.expect(`shout("x", 2)`, "deep.er(1)", "missing(1)", `setProperty("bad", 1)`)
		}
		s.traced.expect("shout true x 2 2", "deeper 1 true")
		ann.asks("[[], 0]", "names")
		ann.asks("true", "shoutAll", "y")
		a.expect(`shouted("y", ["y"])`)
		b.expect(`shouted("y", ["y"])`)
		ann.asks("[true, 9]", "mutate")
		a.expect("change list", "change list [1]")
		b.until("change list [1]")
		b.shows("{list: [1, 2]}")
	})
}

// What the script changes under a lock comes as one update with one version; what clients want waits (server-side-api 2.5).
func TestLockMakesOneUpdateOfManyChanges(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", sharing)
		p := connected(t, s, "app")
		object(p, "room", 0, netconn.SharedObjectEvent{Type: netconn.SOUse})
		p.Until("0 object room@0, use success")
		object(p, "room", 0, netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "k", Value: 1.0})
		p.Expect("0 object room@1, success k")
		p.Call("batch")
		p.Expect(`0 object room@2, change x 2, change y 3, remove k, change z 4, send marked ["here"]`, "0 _result 1 null [0, 1, 1, 0, 2]")

		p.Command(0, "hold", 0, nil, 3000.0)
		object(p, "room", 2, netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "x", Value: 5.0})
		begun := time.Now()
		p.Expect("0 object room@3, change held true", "0 object room@4, success x")
		if d := time.Since(begun).Round(100 * time.Millisecond); d != 3*time.Second {
			t.Errorf("the lock held for %v", d)
		}
		s.traced.until("unlock")
		s.traced.expect("sync true change x 2 5 4")
	})
}

const persisting = `
application.onAppStart = function () {
	this.kept = SharedObject.get("data/kept", true);
	this.brief = SharedObject.get("data/kept", false);
	trace("start", this.kept.getProperty("n"), this.brief.getProperty("n"), this.kept === this.brief);
};
Client.prototype.count = function (n) {
	application.kept.setProperty("n", n);
	application.brief.setProperty("n", -n);
	return [application.kept.isDirty, application.brief.isDirty, application.kept.flush(), application.kept.isDirty, SharedObject.commit()];
};
Client.prototype.stop = function () { application.shutdown(); };
Client.prototype.forget = function () { return application.clearSharedObjects("/data/*"); };
`

// Persistent objects outlive their instance, temporary ones of the same name do not, and neither sees the other.
func TestPersistentObjectsOutliveTheInstance(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", persisting)
		c := s.connect("app/one")
		s.traced.expect("start null null false")
		kept, brief := c.follow("data/kept", true), c.follow("data/kept", false)
		kept.expect("clear")
		brief.expect("clear")
		c.asks("[true, false, true, false, true]", "count", 5.0)
		kept.shows("{n: 5}")
		brief.shows("{n: -5}")
		kept.must(kept.Set("by", "client"))
		kept.until("success by")
		c.tell("stop")
		c.until("closed")
		time.Sleep(time.Second)
		other := s.connect("app/two") // which has objects of its own
		s.traced.expect("start null null false")
		again := s.connect("app/one")
		s.traced.expect("start 5 null false")
		resumed := again.resume("data/kept", true, kept)
		resumed.must(resumed.Wait(soon(t)))
		resumed.shows(`{by: "client", n: 5}`)
		resumed.nothing() // it had everything
		again.asks("true", "forget")
		resumed.expect("clear")
		again.tell("stop")
		again.until("closed")
		other.leave()
		time.Sleep(time.Second)
		s.connect("app/one")
		s.traced.expect("start null null false")
	})
}

// A client that was away gets only what has changed, unless that is longer ago than resyncDepth; with 0 it always gets
// everything (server-side-api 3.8, Version and resync).
func TestResyncTellsWhatHasChanged(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onAppStart = function () {
	this.delta = SharedObject.get("delta", true);
	this.full = SharedObject.get("full", true);
	this.full.resyncDepth = 0;
	this.some = SharedObject.get("some", true);
	this.some.resyncDepth = 2;
	trace(this.delta.resyncDepth, this.full.resyncDepth, this.some.resyncDepth);
	for (var i in {delta: 1, full: 1, some: 1}) {
		this[i].setProperty("a", 1); this[i].setProperty("b", 2); this[i].setProperty("c", 3);
	}
};
Client.prototype.change = function () { for (var i in {delta: 1, full: 1, some: 1}) { application[i].setProperty("a", null); application[i].setProperty("b", 4); } };
`)
		s.connect("app") // keeps the instance
		p := connected(t, s, "app")
		use := func(name string, version uint32, want string) {
			t.Helper()
			m := netconn.SharedObjectMessage{Name: name, Version: version, Persistent: true, Events: []netconn.SharedObjectEvent{{Type: netconn.SOUse}}}
			for _, m := range netconn.NewSharedObjectUpdate(m).Messages(netconn.AMF0) {
				p.Send(m)
			}
			p.Expect("0 object " + want)
			m.Events[0].Type = netconn.SORelease
			for _, m := range netconn.NewSharedObjectUpdate(m).Messages(netconn.AMF0) {
				p.Send(m)
			}
		}
		s.traced.expect("-1 0 2")
		use("delta", 0, "delta@3 persistent, use success, clear, change a 1, change b 2, change c 3")
		p.Call("change")
		p.Expect("0 _result 1 null undefined")
		use("delta", 3, "delta@5 persistent, use success, remove a, change b 4")
		use("delta", 5, "delta@5 persistent, use success")
		use("full", 3, "full@5 persistent, use success, clear, change b 4, change c 3")
		use("some", 3, "some@5 persistent, use success, remove a, change b 4")
		use("some", 2, "some@5 persistent, use success, clear, change b 4, change c 3")
	})
}

// A lock that the script forgets is broken when a client has waited for sharedObjects.lockTimeout.
func TestForgottenLockIsBroken(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", sharing)
		c := s.connect("app")
		f := c.follow("room", false)
		f.expect("clear")
		c.tell("hold", 3600_000.0)
		c.asks("true", "get", "held")
		f.must(f.Set("k", 1.0))
		f.expect("change held", "success k")
		if line := s.logged.until("WARN "); line != "WARN app/_definst_ lock of a shared object broken" {
			t.Errorf("logged %s", line)
		}
	}, func(set *setup) {
		set.config.SharedObjects.LockTimeout = 5 * time.Second
	})
}

// Two that change one property at the same time do not both succeed: who is late is rejected and gets what holds.
func TestLateChangeIsRejected(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", sharing)
		p, q := connected(t, s, "app"), connected(t, s, "app")
		object(p, "room", 0, netconn.SharedObjectEvent{Type: netconn.SOUse}, netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "k", Value: 0.0})
		p.Until("0 object room@1, success k")
		object(q, "room", 0, netconn.SharedObjectEvent{Type: netconn.SOUse})
		q.Until("0 object room@1, use success")
		object(p, "room", 1, netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "k", Value: "p"})
		p.Expect("0 object room@2, success k")
		object(q, "room", 1, netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "k", Value: "q"}) // knows version 1 only
		q.Expect(`0 object room@2, change k "p"`, `0 object room@2, change k "p"`)
		object(q, "room", 2, netconn.SharedObjectEvent{Type: netconn.SORequestChange, Name: "k", Value: "q"})
		q.Expect("0 object room@3, success k")
		p.Expect(`0 object room@3, change k "q"`)
	})
}

// Limits bound what clients store.
func TestObjectsHaveLimits(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", sharing)
		f := s.connect("app").follow("room", false)
		f.expect("clear")
		f.must(f.Set("a", 1.0), f.Set("b", 1.0), f.Set("c", 1.0))
		f.expect("success a", "success b")
		f.until("delete c")
		f.shows("{a: 1, b: 1}")
	}, func(set *setup) {
		set.config.Applications.Named = map[string]configs.Overrides{"app": {SharedObjects: configs.SharedObjectsOverrides{MaxProperties: new(int)}}}
		*set.config.Applications.Named["app"].SharedObjects.MaxProperties = 2
	})
}
