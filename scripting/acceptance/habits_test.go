package acceptance_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Habits of scripts that are in use: what no reference allows and Adobe's server takes. Each is a main script, what a client
// calls, and what is traced.
func TestHabitsOfScriptsInUse(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"a method taken off its object as a timer", `
			application.onConnect = function (client) {
				client.tick = function (a, b) { clearInterval(id); trace(this === client, client.mine, a, b); };
				client.mine = "kept";
				function later(f, a, b) { return setInterval(f, 500, a, b); }
				var id = later(client.tick, "a", [1, 2]);
				return true;
			};`, "false kept a 1,2"},
		{"timers with a Client as an argument", `
			function drop(client) { clearInterval(client.timer); trace(client.name, application.clients[0] === client); }
			function later(client) { client.timer = setInterval(drop, 500, client); }
			application.onConnect = function (client) { client.name = "ann"; later(client); later; return true; };`, "ann true"},
		{"an id of the script's own", `
			application.onConnect = function (client) { client.id = "u_" + application.nextId++; application.acceptConnection(client); trace(client.id); };`, "u_NaN"},
		{"properties without a proper name", `
			application.onAppStart = function () {
				var so = this.so = SharedObject.get("so");
				so.setProperty(undefined, null);
				so.setProperty(7, "seven");
				so.setProperty(new Date(5).getTime(), "five");
				so.setProperty("n", so.getProperty("n") + 1);
				trace(so.getProperty("7"), so.getProperty(7), so.getProperty("5"), so.getProperty("n"), so.getProperty("missing"), so.size());
			};`, "seven seven five 1 null 3"},
		{"a configuration that is not there", `
			trace(application.config["clearOnAppStop"] == "true", application.config.missing, typeof application.config);
			application.allowDebug = true;
			application.audioSampleAccess = "*";`, "false undefined object"},
		{"to accept, and to return true as well", `
			application.onConnect = function (client) { application.acceptConnection(client); trace(application.clients.length); return true; };`, "1"},
		{"functions on a class instead of its prototype", `
			Client.authorize = function () {};
			Stream.prototype.trace = function (text) { trace(this.type + ":" + text); };
			Stream.get("f4f:cam").trace("x");`, "f4f:x"},
		{"clients kept from the beginning", `
			var clients = application.clients;
			application.onConnect = function (client) { this.acceptConnection(client); trace(clients.length, clients[0] === client); };`, "1 true"},
		{"a global object's property by its name", `
			function keep(name) { if (!this[name]) this[name] = SharedObject.get(name, true); }
			application.onAppStart = function () { keep("admin_so"); var n = admin_so.getProperty("n"); admin_so.setProperty("n", n += 1); trace(admin_so.getProperty("n")); };`, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			over(t, func(t *testing.T, s *server) {
				s.script("app/main.asc", strings.TrimSpace(test.script))
				s.connect("app")
				time.Sleep(time.Second)
				synctest.Wait()
				s.traced.expect(test.want)
				s.logged.nothing()
			})
		})
	}
}

// What stands where a responder should be is none; a Client among the arguments is an object with what the script has given it.
func TestOddArgumentsOfCalls(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
			function Guest() {}
			application.registerClass("Guest", Guest);
			application.onConnect = function (client, name) {
				client.name = name;
				client.note = {of: name};
				client.greet = function () {};
				application.acceptConnection(client);
				client.call("odd", client.name);
				client.call("odd", 5, "x");
				client.call("who", null, client, undefined);
			};`)
		c := s.connect("app", "ann")
		c.expect("odd()", `odd("x")`, `who({name: "ann", note: {of: "ann"}}, undefined)`)
	})
}
