package acceptance_test

import (
	"fmt"
	"math"
	"testing"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

const methods = `
application.onConnect = function (client, kind) {
	client.kind = kind || "plain";
	client.own = function (x) { return "own " + x + " " + (this === client); };
	client.inner = { deep: { est: function (x) { return [x, this === client.inner.deep, arguments.length]; } } };
	return true;
};
Client.prototype.plain = function (a, b) { trace("plain", a, b); return a + b; };
Client.prototype.nothing = function () {};
Client.prototype.nil = function () { return null; };
Client.prototype.boom = function () {
	throw new Error("no luck");
};
Client.prototype.throwing = function () { throw "a text"; };
Client.prototype.value = 5;
Client.prototype.echo = function (x) { return x; };
Client.prototype.getStreamLength = function (name) { return name.length; };
Client.prototype.app = { createStream: function () { return "created"; } };
function Thing() { trace("made"); }
Client.prototype.thing = new Thing();
Client.prototype.loop = function () { return { call: this.call, f: function () {}, n: 1 }; };
application.onStatus = function (info) { trace(info.code, info.level, info.description, info.filename, info.lineno, info.linebuf, this === application); };
application.onDisconnect = function () {};
`

// Scenario 4: calls of the client's (server-side-api 3.3).
func TestClientsCallMethodsOfTheScript(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", methods)
		c := s.connect("app")
		c.asks("3", "plain", 1.0, 2.0)
		s.traced.expect("made", "plain 1 2")
		c.asks(`"own 1 true"`, "own", 1.0)
		c.asks(`["x", true, 2]`, "inner.deep.est", "x", nil)
		c.asks(`["x", true, 1]`, "inner/deep/est", "x")
		c.asks(`"created"`, "app.createStream")
		c.asks("undefined", "nothing")
		c.asks("null", "nil")
		c.asks("4", "getStreamLength", "name") // the script's own comes before the built-in
		c.asks("{n: 1}", "loop")
		for _, name := range []string{"missing", "inner.missing", "inner.deep.est.call", "value", "inner", "call", "getStats", "toString", "constructor", "app.constructor", "thing.constructor", "plain.prototype.constructor", "hasOwnProperty", "__proto__.plain"} {
			c.asks(fmt.Sprintf("error NetConnection.Call.Failed Method not found (%s).", name), name)
		}
		c.nothing()
		s.traced.nothing()

		c.asks("error NetConnection.Call.Failed Error: no luck", "boom")
		s.logged.until("ERROR app/_definst_ script: Error: no luck file=main.asc line=12 text=throw new Error(\"no luck\");")
		s.traced.expect(`Application.Script.Error error Error: no luck main.asc 12 throw new Error("no luck"); true`)
		c.asks("error NetConnection.Call.Failed a text", "throwing")
		s.traced.until("Application.Script.Error error a text main.asc 14 ")
		c.asks("3", "plain", 1.0, 2.0) // the instance goes on
	})
}

// With transaction 0 nobody is answered, whatever happens.
func TestCallsWithTransactionZeroAreNotAnswered(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", methods)
		p := connecting(t, s, "app")
		p.Until("0 _result 1 ")
		p.Expect(s.net.Manner().After...)
		p.Command(0, "plain", 0, nil, "a", "b")
		p.Command(0, "boom", 0, nil)
		p.Command(0, "missing", 0, nil)
		p.Command(0, "plain", 7, nil, 1.0, 1.0)
		p.Expect("0 _result 7 null 2")
		s.traced.set("made", "plain a b", "plain 1 1", `Application.Script.Error error Error: no luck main.asc 12 throw new Error("no luck"); true`)
		p.ExpectNothing()
	})
}

// A method that is missing is asked of __resolve, which the client has or its prototype (server-side-api 2.3).
func TestResolveAnswersForMissingMethods(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
Client.prototype.known = function () { return "known"; };
Client.prototype.__resolve = function (name) {
	trace("resolve", name);
	if (name == "none") { return undefined; }
	return function (x) { return name + " " + x + " " + (this instanceof Client); };
};
`)
		c := s.connect("app")
		c.asks(`"known"`, "known")
		c.asks(`"anything 5 true"`, "anything", 5.0)
		c.asks(`"a.b 6 true"`, "a.b", 6.0)
		c.asks("error NetConnection.Call.Failed Method not found (none).", "none")
		s.traced.expect("resolve anything", "resolve a.b", "resolve none")
	})
}

// Calls of the server's: onResult and onStatus of the object that was given, which is this (server-side-api 2.3, 3.3).
func TestServerCallsMethodsOfClients(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onConnect = function (client) { application.acceptConnection(client); return true; };
Client.prototype.go = function (method, x) {
	var client = this;
	var answer = { name: "answer",
		onResult: function (v) { trace("result", this.name, this === answer, v); },
		onStatus: function (info) { trace("status", this.name, info.level, info.code, info.description); } };
	return [client.call(method, answer, x, [x], { y: x }), client.call("oneway"), client.call("oneway", null, 1), client.call()];
};
Client.prototype.bare = function () { this.call("missing", {}); return true; };
application.onStatus = function (info) { trace("application", info.code); };
`)
		c := s.connect("app")
		c.answer("double", func(args []amf.Value) (amf.Value, error) { return args[0].(float64) * 2, nil })
		c.answer("refuse", func([]amf.Value) (amf.Value, error) {
			return nil, netconn.Status{Code: netconn.CallFailed, Level: netconn.LevelError, Description: "not for you"}
		})
		c.asks("[true, true, true, false]", "go", "double", 4.0)
		c.expect("double(4, [4], {y: 4})", "oneway()", "oneway(1)")
		s.traced.expect("result answer true 8")
		c.asks("[true, true, true, false]", "go", "refuse", "x")
		s.traced.expect("status answer error NetConnection.Call.Failed not for you")
		c.asks("[true, true, true, false]", "go", "missing.method", nil)
		s.traced.until("status answer error NetConnection.Call.Failed ")
		c.asks("true", "bare") // nobody is there for the error but the application
		s.traced.expect("application NetConnection.Call.Failed")

		// A result that comes no more is told nobody.
		silent := s.connect("app")
		left := make(chan struct{})
		silent.answer("last", func([]amf.Value) (amf.Value, error) { defer close(left); silent.Close(); return nil, nil })
		silent.tell("go", "last", 1.0)
		netconntest.Await(t, "call", left)
		s.traced.nothing()
	})
}

// Values keep what they are, both ways, in both encodings.
func TestValuesGoThroughTheScriptUnharmed(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", methods)
		for _, encoding := range []netconn.Encoding{netconn.AMF0, netconn.AMF3} {
			c := s.connectAs(netconn.ConnectOptions{App: "app", Encoding: encoding})
			loop := amf.NewObject(amf.Property{Name: "name", Value: "loop"})
			loop.Set("self", loop)
			mixed := amf.NewECMAArray(amf.Property{Name: "a", Value: 1.0}, amf.Property{Name: "b", Value: "x"})
			for _, v := range []amf.Value{
				nil, amf.Undefined, true, false, 0.0, -1.5, 1e300, math.Inf(1), "", "text", "\u00e9\u4e2d\U0001F600",
				amf.NewArray(), amf.NewArray(1.0, "2", nil, amf.NewArray(true)), amf.NewObject(), mixed,
				amf.NewObject(amf.Property{Name: "list", Value: amf.NewArray(amf.NewObject(amf.Property{Name: "k", Value: 1.0}))}),
				amf.Date{Milliseconds: 1234567890123},
			} {
				c.asks(amf.Format(v), "echo", v)
			}
			got, err := c.Call(soon(t), "echo", loop)
			if o, ok := got.(*amf.Object); err != nil || !ok {
				t.Errorf("a loop comes back as %s, %v", amf.Format(got), err)
			} else if self, _ := o.Get("self"); self != amf.Value(o) {
				t.Errorf("a loop comes back as %s", amf.Format(got))
			}
			if v, err := c.Call(soon(t), "echo", math.NaN()); err != nil || !math.IsNaN(v.(float64)) {
				t.Errorf("NaN comes back as %v, %v", v, err)
			}
		}
	})
}
