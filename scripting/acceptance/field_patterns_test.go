package acceptance_test

import (
	"strings"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
)

// What scripts in the field do and expect to work, beside the letter of the documentation (server-side-api 2.2 to 2.5, 6).

// The list of clients is one live object, with the new client in it as soon as it is accepted.
func TestListOfClientsIsLive(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
var clients = application.clients;
trace(clients.length, clients === application.clients);
application.onConnect = function (client, name) {
	client.name = name;
	var before = clients.length;
	application.acceptConnection(client);
	trace(before, clients.length, clients[clients.length - 1] === client);
	for (var i = 0; i < clients.length; i++) { clients[i].call("users", null, names()); }
};
application.onDisconnect = function (client) { trace("gone", client.name, names()); for (var i in clients) { clients[i].call("left", null, client.name); } };
function names() { var all = []; for (var i = 0; i < clients.length; i++) { all.push(clients[i].name); } return all; }
`)
		ann := s.connect("app", "ann")
		ann.expect(`users(["ann"])`)
		bob := s.connect("app", "bob")
		ann.expect(`users(["ann", "bob"])`)
		bob.expect(`users(["ann", "bob"])`)
		s.traced.expect("0 true", "0 1 true", "1 2 true")
		ann.leave()
		bob.expect(`left("ann")`)
		s.traced.expect("gone ann bob")
	})
}

// Clients carry whatever scripts put on them, an id of the script's own included; methods of the prototype may be set
// before the function that they are, in the file, and behind the arrival of the client.
func TestClientsCarryWhatScriptsPutOnThem(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
Client.prototype.getId = getId;
Client.prototype.app = { state: 5, get: function () { return this.state; } };
Client.authorize = function () { return "on the class"; };
application.nextId = 0;
application.onConnect = function (client) {
	var real = client.id;
	client.id = "u" + application.nextId++;
	client.user = { name: "n", list: [] };
	client.user.list.push(client);
	application.acceptConnection(client);
	trace(typeof real, client.id, client.user.list[0] === client);
	client.call("updateClientID", client.id);
	client.call("self", null, client.user.name, { who: client.id });
	return true;
};
function getId() { return this.id; }
Client.prototype.later = function () { Client.prototype.added = function () { return "added"; }; String.prototype.twice = function () { return this + this; }; return "x".twice(); };
Client.prototype.me = function () { return this; };
`)
		c := s.connect("app")
		s.traced.expect("string u0 true")
		c.expect("updateClientID()", `self("n", {who: "u0"})`) // the id stands where the result object would
		c.asks(`"u0"`, "getId")
		c.asks("5", "app.get")
		c.asks("error NetConnection.Call.Failed Method not found (authorize).", "authorize")
		c.asks(`"xx"`, "later")
		c.asks(`"added"`, "added")
		if _, err := c.Call(soon(t), "me"); err != nil {
			t.Errorf("a client as an answer: %v", err)
		}
	})
}

// Timers: a function, with the global object as this, or a method that is looked up each time; cleared from within, and not
// stopped by an exception (server-side-api 1.6).
func TestTimersTick(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
var global = this, n = 0, object = { n: 0, tick: function (a, b) { trace("method", this === object, a, b); if (++this.n == 2) { this.tick = function () { trace("replaced"); clearInterval(second); }; } } };
var first = setInterval(function (x) { trace("function", this === global, x, arguments.length); if (++n == 2) { clearInterval(first); } }, 1000, "x");
var second = setInterval(object, "tick", 1500, 1, 2);
var third = setInterval(function () { if (--left == 0) { clearInterval(third); trace("done"); return; } throw new Error("each time"); }, 2000);
var left = 4;
clearInterval(12345); clearInterval(null);
trace(typeof first);
`)
		c := s.connect("app")
		s.traced.expect("number", "function true x 1", "method true 1 2")
		time.Sleep(10 * time.Second)
		s.traced.set("function true x 1", "method true 1 2", "replaced", "done")
		c.leave()
	})
}

// A timer that looks after clients meets those that have gone long ago.
func TestTimerDisconnectsWhoHasGone(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onConnect = function (client, name) {
	client.name = name;
	application.acceptConnection(client);
	client.timer = setInterval(function () {
		clearInterval(client.timer);
		trace(name, application.disconnect(client), application.clients.length, client.ping());
	}, 60000);
	return true;
};
`)
		s.connect("app", "leaver").leave()
		stayer := s.connect("app", "stayer")
		time.Sleep(61 * time.Second)
		s.traced.set("leaver false 1 false", "stayer true 1 true")
		stayer.expect("closed")
	})
}

// Shared objects that only a local variable of a function held live as long as the instance, with their handlers.
func TestSharedObjectOutlivesItsVariable(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onAppStart = function () {
	var so = SharedObject.get("test_so", false);
	so.setProperty("data", { String: "abc", Number: 3 });
	so.setProperty(undefined, null);
	so.onSync = function () { trace("sync"); };
	so = null;
};
SharedObject.prototype.increment = function (name) { this.setProperty(name, (this.getProperty(name) || 0) + 1); return this.getProperty(name); };
Client.prototype.add = function () { return SharedObject.get("test_so").increment("n"); };
`)
		c := s.connect("app")
		for range 2 { // the second time after everybody has let go
			f := c.follow("test_so", false)
			f.until("change data")
			if v, _ := f.Get("data"); amf.Format(v) != `{String: "abc", Number: 3}` {
				t.Errorf("data is %s", amf.Format(v))
			}
			f.must(f.Set("x", 1.0))
			f.until("success x")
			s.traced.expect("sync")
			f.must(f.Close())
		}
		c.asks("1", "add")
		c.asks("2", "add")
	})
}

// A room that shuts itself down with its last guest begins anew.
func TestShutdownFromOnDisconnect(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
users = [];
application.onConnect = function (client, name) { client.name = name; users.push(name); this.acceptConnection(client); application.broadcastMsg("all", users); };
application.onDisconnect = function (client) { if (application.clients.length == 0) { application.shutdown(); } };
application.onAppStop = function (info) { trace("stop", info.code); };
`)
		c := s.connect("app", "ann")
		c.expect(`all(["ann"])`)
		c.leave()
		s.traced.expect("stop Application.Shutdown")
		s.traced.nothing()
		c = s.connect("app", "bob")
		c.expect(`all(["bob"])`)
	})
}

// Encoders call releaseStream and FCPublish before they publish: what scripts define of these comes first, and there is an
// answer that encoders accept without (server-side-api 3.5).
func TestScriptsAnswerWhatEncodersAsk(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
Client.prototype.FCPublish = function (name) {
	trace("FCPublish", name, this.agent);
	if (name.indexOf("token=good") < 0) { application.disconnect(this); return; }
	this.call("onFCPublish", null, { code: "NetStream.Publish.Start", description: name });
};
Client.prototype.FCUnpublish = function (name) { this.call("onFCUnpublish", null, { code: "NetStream.Unpublish.Success", description: name }); };
Client.prototype.releaseStream = function (name) { trace("releaseStream", name); };
`)
		s.script("plain/main.asc", accepting)
		c := s.connectAs(netconn.ConnectOptions{App: "app", FlashVer: "FMLE/3.0"})
		out := c.publish("x?token=good")
		s.traced.expect("releaseStream x?token=good", "FCPublish x?token=good FMLE/3.0")
		c.expect(`onFCPublish({code: "NetStream.Publish.Start", description: "x?token=good"})`)
		if err := out.Unpublish(soon(t), "x?token=good"); err != nil {
			t.Fatal(err)
		}
		c.expect(`onFCUnpublish({code: "NetStream.Unpublish.Success", description: "x?token=good"})`)
		thief := s.connect("app")
		if err := thief.stream().Publish(soon(t), "x?token=bad", "live"); err == nil {
			t.Error("published with a bad token")
		}
		thief.until("closed")
		plain := s.connect("plain")
		plain.publish("x")
		plain.expect(`onFCPublish({level: "status", code: "NetStream.Publish.Start", description: "x"})`)
		plain.asks("undefined", "releaseStream", "x")
	})
}

// What is there although it does nothing yet, or nothing here.
func TestRareMembersAreThere(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.allowDebug = true;
trace(application.allowDebug, application.gc());
trace(typeof application.config, application.name, application.server, application.hostname, application.config.nothing);
var f4f = Stream.get("f4f:cam");
trace(f4f.record(), Stream.length("x"), Stream.get("mp4:a.f4v").name, Stream.get("x") === Stream.get("x"), f4f.bufferTime, f4f.time);
var stats = application.getStats();
trace(stats.total_connects, stats.bytes_in);
try { new NetGroup(); trace("no"); } catch (e) { trace(e.message.indexOf("docs/scripting.md") > 0); }
try { new GroupControl(); trace("no"); } catch (e) { trace(e.message.indexOf("docs/scripting.md") > 0); }
try { getGlobal(); } catch (e) { trace(e.name); }
application.onConnect = function (client) {
	client.setBandwidthLimit(4375, 2750);
	trace(client.getBandwidthLimit(0), client.getBandwidthLimit(1), client.virtualKey, client.ping(), client.getStats().client_id == client.id, client.getStreamLength("x"));
	return true;
};
`)
		s.connect("app")
		s.traced.expect("true undefined", "object app/_definst_ Afterglow/1 here undefined", "false 0 mp4:a.f4v true 0 0", "0 0", "true", "true", "ReferenceError", "2750 4375  true true 0")
	})
}

// getStats says how fast a client is, in both directions, as the client sees them.
func TestStatsHaveTheRateOfTheLastSeconds(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
Client.prototype.put = function (text) { return text.length; };
Client.prototype.rates = function (whose) {
	var stats = whose == "mine" ? this.getStats() : application.getStats();
	return (stats.bw_out > 9000 && stats.bw_out < 12000) + " " + (stats.bw_in < 1000) + " " + typeof stats.bw_in;
};
`)
		c := s.connect("app")
		time.Sleep(2 * time.Second)
		c.asks(`"false true number"`, "rates", "mine")
		c.asks(`"false true number"`, "rates", "all")
		c.asks("40000", "put", strings.Repeat("x", 40000))
		time.Sleep(4 * time.Second)
		c.asks(`"true true number"`, "rates", "mine")
		c.asks(`"true true number"`, "rates", "all")
	})
}
