package acceptance_test

import (
	"testing"
	"testing/synctest"

	"afterglow/amf"
	"afterglow/netconn"
)

const calling = `
application.onConnect = function (client, uri, a, b) {
	nc = new NetConnection();
	nc.onStatus = function (info) { trace("status", info.level, info.code, info.description, this === nc, this.isConnected); if (info.application) { trace("application", info.application.why); } };
	nc.add = function (a, b) { trace("add", a, b, this === nc); return a + b; };
	nc.tools = { name: "tools", get: function () { return this.name; } };
	trace(nc.isConnected, nc.objectEncoding, nc.call("x"), nc.connect(uri, a, b), nc.uri);
	return true;
};
Client.prototype.ask = function (method, x) {
	var answer = { onResult: function (v) { trace("result", v, this === answer); }, onStatus: function (info) { trace("failed", info.level, info.code, info.description, this === answer); } };
	return nc.call(method, answer, x);
};
Client.prototype.close = function () { nc.close(); return nc.isConnected; };
`

const called = `
application.onConnect = function (client, a, b) {
	trace("from", client.agent.substr(0, 9), a, b && b.x, client.uri);
	if (a == "refuse") { application.rejectConnection(client, "Not you.", {why: "because"}); return; }
	application.acceptConnection(client);
	client.call("add", { onResult: function (v) { trace("sum", v); }, onStatus: function (i) { trace(i.code); } }, 2, 3);
	client.call("tools.get", { onResult: function (v) { trace("tools", v); } });
	client.call("missing", { onStatus: function (info) { trace("missing", info.code); } });
};
application.onDisconnect = function () { trace("gone"); };
Client.prototype.double = function (x) { return 2 * x; };
Client.prototype.kick = function () { application.disconnect(this); };
`

// Scripts connect to other instances, call their methods and are called (server-side-api 2.6).
func TestNetConnectionCallsAndIsCalled(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("near/main.asc", calling)
		s.script("far/main.asc", called)
		c := s.connect("near", "rtmp://other.example/far/room", "hello", amf.NewObject(amf.Property{Name: "x", Value: 5.0}))
		s.traced.set("false 3 false true rtmp://other.example/far/room", "from FlashCom/ hello 5 rtmp://other.example/far/room", "status status NetConnection.Connect.Success Connection succeeded. true true", "add 2 3 true", "sum 5", "tools tools", "missing NetConnection.Call.Failed")
		c.asks("true", "ask", "double", 4.0)
		s.traced.expect("result 8 true")
		c.asks("true", "ask", "nothing", 4.0)
		s.traced.expect("failed error NetConnection.Call.Failed Method not found (nothing). true")
		c.asks("true", "ask", "kick", 4.0)
		s.traced.all("gone", "status status NetConnection.Connect.Closed Connection closed. true false")
		c.asks("false", "ask", "double", 4.0)
	})
}

// An instance may connect to itself: nothing waits for itself.
func TestInstanceConnectsToItself(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onAppStart = function () {
	nc = new NetConnection();
	nc.onStatus = function (info) { trace(info.code); };
	nc.hello = function (x) { trace("hello", x); return x + 1; };
	nc.connect("rtmp://localhost/app/_definst_", "self");
	so = SharedObject.get("own", false, nc);
};
application.onConnect = function (client, who) { client.who = who; application.acceptConnection(client); client.call("hello", { onResult: function (v) { trace(who, v); } }, 1); };
application.onDisconnect = function (client) { trace("gone", client.who); };
Client.prototype.relay = function (x) { var c = this; nc.call("double", { onResult: function (v) { c.call("relayed", null, v); } }, x); };
Client.prototype.double = function (x) { return 2 * x; };
Client.prototype.cut = function () { nc.close(); };
`)
		c := s.connect("app", "client")
		s.traced.all("NetConnection.Connect.Success", "hello 1", "self 2")
		c.asks("undefined", "relay", 4.0)
		c.until("relayed(8)")
		c.ask("cut")
		s.traced.until("gone self")
	})
}

// A connection that fails says so, in the ways that Adobe's server has (server-side-api 2.6).
func TestNetConnectionThatFailsTellsWhy(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("near/main.asc", calling)
		s.script("far/main.asc", called)
		s.connect("near", "rtmp://other.example/far", "refuse")
		s.traced.set("false 3 false true rtmp://other.example/far", "from FlashCom/ refuse undefined rtmp://other.example/far",
			"status error NetConnection.Connect.Rejected Not you. true false", "application because")
		s.traced.nothing()
		s.connect("near", "rtmp://other.example/missing")
		s.traced.until("status error NetConnection.Connect.Rejected [ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (missing) is not defined. true false")
		s.connect("near", "gopher://other.example/x")
		s.traced.until("status error NetConnection.Connect.Failed ")
		c := s.connect("near", "rtmp://other.example/far")
		s.traced.until("sum 5")
		c.asks("false", "close")
		s.traced.until("gone")
		s.traced.nothing() // close is not told
	})
}

// Calls of some methods go to another server or to another client, whose answers come back (server-side-api 2.2, registerProxy).
func TestRegisteredProxiesRelayCalls(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("near/main.asc", `
application.onAppStart = function () {
	nc = new NetConnection();
	nc.onStatus = function (info) { trace(info.code); };
	application.registerProxy("double", nc);
	application.registerProxy("other.name", nc, "double");
	nc.connect("rtmp://other.example/far");
};
application.onConnect = function (client, worker) { if (worker) { application.registerProxy("work", client, "doWork"); } return true; };
Client.prototype.double = function () { return "of the script"; };
Client.prototype.end = function () { application.registerProxy("double", null); };
`)
		s.script("far/main.asc", `
Client.prototype.double = function (x) { trace("double", x); if (x == "bad") { throw new Error("cannot"); } return 2 * x; };
`)
		c := s.connect("near")
		s.traced.expect("NetConnection.Connect.Success")
		c.asks("8", "double", 4.0)
		c.asks("10", "other.name", 5.0)
		c.asks("error NetConnection.Call.Failed Error: cannot", "double", "bad")
		c.tell("double", 7.0)
		s.traced.expect("double 4", "double 5", "double bad", "double 7")
		worker := s.connect("near", true)
		worker.answer("doWork", func(args []amf.Value) (amf.Value, error) {
			if args[0] == "bad" {
				return nil, netconn.Status{Code: netconn.CallFailed, Level: netconn.LevelError, Description: "tired"}
			}
			return "done " + args[0].(string), nil
		})
		c.asks(`"done job"`, "work", "job")
		c.asks("error NetConnection.Call.Failed tired", "work", "bad")
		worker.leave()
		if got := c.ask("work", "more"); got[:32] != "error NetConnection.Call.Failed " {
			t.Errorf("the worker has left: %s", got)
		}
		c.ask("end")
		c.asks(`"of the script"`, "double", 4.0)
	})
}

// broadcastMsg calls everybody who is connected, and wants no answer.
func TestBroadcastReachesEveryClient(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onConnect = function (client, wait) { if (!wait) { return true; } };
Client.prototype.all = function (x) { application.broadcastMsg("news", x, {n: 1}, [2]); application.broadcastMsg("bare"); };
`)
		a, b, other := s.connect("app"), s.connect("app"), s.connect("app/other")
		waiting := connecting(t, s, "app", true)
		a.ask("all", "hello")
		for _, c := range []*client{a, b} {
			c.expect(`news("hello", {n: 1}, [2])`, "bare()")
		}
		other.nothing()
		waiting.Cut()
	})
}

// Typed objects become objects of the class that is registered for their name, and go out under it (server-side-api 2.2,
// registerClass).
func TestRegisteredClassesCrossTheWire(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
function Point(x) { this.made = arguments.length; this.x = "unset"; }
Point.prototype.sum = function () { return this.x + this.y; };
application.registerClass("geo.Point", Point);
Client.prototype.look = function (p, list) {
	return [p instanceof Point, p.sum && p.sum(), p.made, list[0] instanceof Point, typeof p.secret];
};
Client.prototype.make = function () { var p = new Point(1); p.x = 7; p.y = [p]; return p; };
Client.prototype.forget = function () { application.registerClass("geo.Point", null); };
`)
		for _, encoding := range []netconn.Encoding{netconn.AMF0, netconn.AMF3} {
			c := s.connectAs(netconn.ConnectOptions{App: "app/" + []string{"amf0", "", "", "amf3"}[encoding], Encoding: encoding})
			point := amf.NewObject(amf.Property{Name: "x", Value: 1.0}, amf.Property{Name: "y", Value: 2.0})
			point.Class = "geo.Point"
			c.asks(`[true, 3, 0, true, "undefined"]`, "look", point, amf.NewArray(point))
			v, err := c.Call(soon(t), "make")
			made, ok := v.(*amf.Object)
			if err != nil || !ok || made.Class != "geo.Point" || made.Number("x") != 7 {
				t.Errorf("made %s, %v", amf.Format(v), err)
			}
			c.ask("forget")
			c.asks(`[false, undefined, undefined, false, "undefined"]`, "look", point, amf.NewArray(point))
		}
	})
}

// A server that calls more than the script comes to takes no more memory for it.
func TestServerThatCallsTooMuchIsNotHeard(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("near/main.asc", `
var calls = 0;
application.onConnect = function (client) {
	nc = new NetConnection();
	nc.onStatus = function (info) { trace(info.code); };
	nc.work = function () { calls++; };
	nc.end = function () { trace(calls > 900 && calls <= 1000); };
	nc.connect("rtmp://other.example/far");
	return true;
};
`)
		s.script("far/main.asc", `
Client.prototype.flood = function () { for (var i = 0; i < 3000; i++) { application.clients[0].call("work"); } };
Client.prototype.finish = function () { application.clients[0].call("end"); };
`)
		s.connect("near")
		s.traced.expect("NetConnection.Connect.Success")
		c := s.connect("far")
		near, hold := s.instance("near/_definst_"), make(chan struct{})
		near.Do(func() { <-hold })
		c.ask("flood")
		synctest.Wait()
		if n := near.Busy().Waiting; n > 1010 {
			t.Errorf("%d calls wait", n)
		}
		close(hold)
		c.ask("finish")
		s.traced.expect("true")
	})
}
