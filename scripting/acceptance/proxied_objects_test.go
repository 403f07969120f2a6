package acceptance_test

import "testing"

const owning = `
application.onAppStart = function () {
	this.so = SharedObject.get("shared");
	this.so.setProperty("k", "owner's");
	this.so.onSync = function (list) { for (var i = 0; i < list.length; i++) { trace("owner", list[i].code, list[i].name, this.getProperty(list[i].name)); } };
	this.so.shout = function (x) { trace("owner hears", x); };
};
Client.prototype.set = function (name, value) { application.so.setProperty(name, value); };
Client.prototype.get = function (name) { return application.so.getProperty(name); };
Client.prototype.size = function () { return application.so.size(); };
Client.prototype.clearAll = function () { return application.so.clear(); };
Client.prototype.shutdown = function () { application.shutdown(); };
`

const proxying = `
application.onAppStart = function () {
	nc = new NetConnection();
	nc.onStatus = function (info) { trace("connection", info.code, this === nc, this.isConnected); };
	so = SharedObject.get("shared", false, nc);
	so.onSync = function (list) { for (var i = 0; i < list.length; i++) { trace("proxy", list[i].code, list[i].name, this.getProperty(list[i].name)); } };
	so.shout = function (x) { trace("proxy hears", x); };
	trace(nc.isConnected, so.lock(), so.size(), nc.connect("rtmp://other.example/owner/room"), nc.uri);
};
Client.prototype.set = function (name, value) { so.setProperty(name, value); };
Client.prototype.get = function (name) { return so.getProperty(name); };
Client.prototype.shout = function (x) { return so.send("shout", x); };
Client.prototype.again = function () { so = SharedObject.get("shared", false, nc); return nc.connect("rtmp://other.example/owner/room"); };
`

// A proxied object belongs to another instance: both instances' clients and scripts see the same (server-side-api 2.5).
func TestProxiedObjectIsTheOwners(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("owner/main.asc", owning)
		s.script("proxy/main.asc", proxying)
		near := s.connect("proxy") // begins the other instance, too
		s.traced.expect("false -1 0 true rtmp://other.example/owner/room", "connection NetConnection.Connect.Success true true", "proxy clear  null", "proxy change k owner's")
		far := s.connect("owner/room")
		n, f := near.follow("shared", false), far.follow("shared", false)
		n.expect("clear", "change k")
		f.expect("clear", "change k")
		n.shows(`{k: "owner's"}`)

		n.must(n.Set("k", 1.0)) // a client of the proxy's
		n.expect(`success k "owner's"`)
		f.expect(`change k "owner's"`)
		s.traced.set("owner change k 1", "proxy success k 1")
		f.must(f.Set("k", 2.0)) // one of the owner's
		f.expect("success k 1")
		n.expect("change k 1")
		s.traced.set("owner change k 2", "proxy change k 2")
		near.ask("set", "l", 3.0) // the proxy's script
		n.expect("change l")
		f.expect("change l")
		s.traced.set("owner change l 3", "proxy success l 3")
		far.ask("set", "m", 4.0) // the owner's
		n.expect("change m")
		f.expect("change m")
		s.traced.expect("proxy change m 4")
		near.asks("4", "get", "m")
		n.must(n.Delete("l"))
		f.expect("delete l 3")
		n.until("delete l")
		s.traced.set("owner delete l null", "proxy delete l null")

		n.must(n.Send("shout", "hello"))
		n.expect(`shout("hello")`)
		f.expect(`shout("hello")`)
		s.traced.set("owner hears hello", "proxy hears hello")
		near.asks("true", "shout", "from the script")
		n.expect(`shout("from the script")`)
		f.expect(`shout("from the script")`)
		s.traced.set("owner hears from the script", "proxy hears from the script")
		far.asks("true", "clearAll")
		n.expect("clear")
		f.expect("clear")
		s.traced.expect("proxy clear  null")
		n.shows("{}")
		s.traced.nothing()
	})
}

// Without its owner a proxied object is idle, and begins anew over the next connection.
func TestProxiedObjectOutlivesTheConnectionToItsOwner(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("owner/main.asc", owning)
		s.script("proxy/main.asc", proxying)
		near, far := s.connect("proxy"), s.connect("owner/room")
		n := near.follow("shared", false)
		n.until("change k")
		s.traced.until("proxy change k")
		far.tell("shutdown")
		far.until("closed")
		s.traced.expect("connection NetConnection.Connect.AppShutdown true true", "connection NetConnection.Connect.Closed true false")
		n.must(n.Set("lost", 1.0))
		n.nothing()
		near.asks("true", "again")
		s.traced.until("connection NetConnection.Connect.Success")
		n.until("change k")
		n.must(n.Set("k", 5.0))
		n.until("success k")
		s.connect("owner/room").asks("5", "get", "k")
	})
}
