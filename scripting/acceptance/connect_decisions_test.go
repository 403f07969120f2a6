package acceptance_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn/netconntest"
)

// deciding does to a client what the first argument of connect says.
const deciding = `
waiting = [];
application.onConnect = function (client, how, more) {
	trace(how, this === application, client instanceof Client);
	switch (how) {
	case "true": return true;
	case "false": return false;
	case "nothing": waiting.push(client); return;
	case "null": waiting.push(client); return null;
	case "1": waiting.push(client); return 1;
	case "0": waiting.push(client); return 0;
	case "accept": client.call("before", null, 1); this.acceptConnection(client); client.call("after", null, 2); return;
	case "accept, true": this.acceptConnection(client); return true;
	case "accept, false": this.acceptConnection(client); return false;
	case "accept, reject": this.acceptConnection(client); this.acceptConnection(client); this.rejectConnection(client, "too late"); return;
	case "reject": application.rejectConnection(client); return;
	case "reject, true": application.rejectConnection(client, "no"); return true;
	case "reject with text": application.rejectConnection(client, "Not today."); return;
	case "reject with object": application.rejectConnection(client, {code: 7, list: [1, more]}); return;
	case "reject with both": application.rejectConnection(client, "Not today.", {code: 7}); return;
	case "redirect": application.redirectConnection(client, "rtmp://other/app"); return;
	case "redirect with text": application.redirectConnection(client, "rtmp://other/app", "Over there."); return;
	case "redirect with both": application.redirectConnection(client, "rtmp://other/app", "Over there.", {code: 8}); return;
	case "redirect nowhere": application.redirectConnection(client, "", "Nowhere."); return;
	case "throw": nobody.knows(); return true;
	}
};
application.onDisconnect = function (client) { trace("gone"); };
Client.prototype.decide = function (ok) {
	for (var i = 0; i < waiting.length; i++) {
		waiting[i].decided = true;
		ok ? application.acceptConnection(waiting[i]) : application.rejectConnection(waiting[i], "After all not.");
	}
	waiting = [];
	return application.clients.length;
};
Client.prototype.hello = function (x) { return [x, this.decided]; };
`

// connecting opens a connection and asks to be let in.
func connecting(t *testing.T, s *server, app string, args ...amf.Value) *netconntest.Peer {
	t.Helper()
	p := netconntest.NewPeer(t, s.net)
	o := amf.NewObject(amf.Property{Name: "app", Value: app}, amf.Property{Name: "flashVer", Value: "WIN 11,0,0,0"},
		amf.Property{Name: "tcUrl", Value: "rtmp://localhost/" + app})
	p.Command(0, "connect", 1, append([]amf.Value{o}, args...)...)
	return p
}

const success = `0 _result 1 {fmsVer: "FMS/5,0,7,1", capabilities: 127, mode: 1} ` +
	`{level: "status", code: "NetConnection.Connect.Success", description: "Connection succeeded.", clientid: ID, objectEncoding: 0, data: [version: "5,0,7,1"]}`

func rejection(rest string) string {
	return `0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", ` + rest + `}`
}

// Scenario 2: what onConnect says and calls decides, and what clients see of it (server-side-api 2.2, 3.1, 3.2).
func TestOnConnectAcceptsAndTurnsAway(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", deciding)
		for how, then := range map[string][]string{
			"true":           nil,
			"accept":         {"0 before 0 null 1", "0 after 0 null 2"},
			"accept, true":   nil,
			"accept, false":  nil,
			"accept, reject": nil,
		} {
			p := connecting(t, s, "app", how)
			if got := p.Until("0 _result "); got != success {
				t.Errorf("%s: %s", how, got)
			}
			p.Expect(s.net.Manner().After...)
			p.Expect(then...)
			p.ExpectNothing()
			p.Cut()
			s.traced.expect(how+" true true", "gone")
		}
		for how, want := range map[string]string{
			"false":              `description: "Connection failed."`,
			"reject":             `description: "Connection failed."`,
			"reject, true":       `description: "no"`,
			"reject with text":   `description: "Not today."`,
			"reject with object": `description: "Connection failed.", application: {code: 7, list: [1, "more"]}`,
			"reject with both":   `description: "Not today.", application: {code: 7}`,
			"redirect":           `description: "Redirected to rtmp://other/app", ex: {code: 302, redirect: "rtmp://other/app"}`,
			"redirect with text": `description: "Over there.", ex: {code: 302, redirect: "rtmp://other/app"}`,
			"redirect with both": `description: "Over there.", ex: {code: 302, redirect: "rtmp://other/app"}, application: {code: 8}`,
			"redirect nowhere":   `description: "Nowhere."`,
			"throw":              `description: "The application failed."`,
		} {
			p := connecting(t, s, "app", how, "more")
			p.Expect(rejection(want), "0 close 0 null")
			p.ExpectEnd()
			s.traced.expect(how + " true true") // and no word of onDisconnect
			s.traced.nothing()
		}
		s.logged.until("ERROR app/_definst_ script: ReferenceError: nobody is not defined file=main.asc line=25 text=case \"throw\": nobody.knows(); return true;")
	})
}

// Without onConnect everybody is let in.
func TestApplicationWithoutOnConnectAcceptsEverybody(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `Client.prototype.ping1 = function () { return application.clients[0] === this; };`)
		c := s.connect("app", "some", "arguments")
		c.asks("true", "ping1")
	})
}

// Who is neither accepted nor rejected waits, and what it says waits with it.
func TestPendingClientWaitsForTheScript(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", deciding)
		judge := s.connect("app", "true")
		for _, how := range []string{"nothing", "null", "1", "0"} {
			p := connecting(t, s, "app", how)
			p.Call("hello", "I am")
			time.Sleep(5 * time.Second)
			judge.asks("2", "decide", true)
			p.Until(success)
			p.Expect(s.net.Manner().After...)
			p.Until(`0 _result 1 null ["I am", true]`)
			p.Cut()
			s.traced.until("gone")
		}
		turnedAway := connecting(t, s, "app", "nothing")
		time.Sleep(time.Second)
		judge.asks("1", "decide", false)
		turnedAway.Expect(rejection(`description: "After all not."`), "0 close 0 null")

		s.traced.take()
		gone := connecting(t, s, "app", "nothing")
		s.traced.expect("nothing true true")
		gone.Cut()
		time.Sleep(10 * time.Second)
		judge.asks("1", "decide", true) // and does not throw
		s.traced.nothing()
		if lines := s.logged.take(); strings.Contains(strings.Join(lines, "\n"), "ERROR") {
			t.Errorf("logged %q", lines)
		}
	})
}

// The usual pattern: a web page is asked about the token, and its answer accepts or rejects (server-side-api 2.10).
func TestXMLFromTheWebAcceptsAPendingClient(t *testing.T) {
	var asked []string
	over(t, func(t *testing.T, s *server) {
		asked = nil
		s.script("app/main.asc", `
application.onConnect = function (client, token) {
	var page = new XML();
	page.ignoreWhite = true;
	page.onLoad = function (ok) {
		trace("loaded", ok, this === page, this.status);
		var user = ok && this.firstChild.firstChild;
		if (user && user.attributes.may == "yes") {
			client.name = user.firstChild.nodeValue;
			application.acceptConnection(client);
		} else {
			application.rejectConnection(client, "Unknown token.");
		}
	};
	page.load("http://web.example/check?token=" + token);
	trace("waiting");
};
Client.prototype.who = function () { return this.name; };
`)
		ann := s.connect("app", "secret")
		s.traced.expect("waiting", "loaded true true 0")
		ann.asks(`"Ann"`, "who")
		if got := s.rejected("app", "guess"); !strings.Contains(got, `description: "Unknown token."`) {
			t.Errorf("rejected with %s", got)
		}
		if want := []string{"GET http://web.example/check?token=secret", "GET http://web.example/check?token=guess"}; strings.Join(asked, " ") != strings.Join(want, " ") {
			t.Errorf("asked %q", asked)
		}
	}, func(set *setup) {
		set.scripts.HTTP = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second)
			asked = append(asked, r.Method+" "+r.URL.String())
			body := "<?xml version=\"1.0\"?>\n<users>\n  <user may=\"no\"/>\n</users>"
			if r.URL.Query().Get("token") == "secret" {
				body = strings.Replace(body, `<user may="no"/>`, `<user may="yes">Ann</user>`, 1)
			}
			return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})}
	})
}

// What client objects say of who connects (server-side-api 2.3).
func TestClientObjectDescribesTheConnection(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
application.onConnect = function (client, a, b) {
	client.seen = [application.name, client.agent, client.pageUrl, client.referrer, client.uri, client.protocol.substr(0, 3), client.secure,
		client.readAccess, client.writeAccess, client.audioSampleAccess, typeof client.id, client.ip != "", a.list.length, b, arguments.length];
	client.agent = "another";
	client.seen.push(client.agent == "another");
	return true;
};
Client.prototype.describe = function () { return this.seen; };
`)
		p := netconntest.NewPeer(t, s.net)
		o := amf.NewObject()
		for _, v := range [][2]string{{"app", "app/room/1?a=b"}, {"flashVer", "WIN 9,0,45,0"}, {"tcUrl", "rtmp://localhost/app/room/1?a=b"},
			{"pageUrl", "http://p.example/"}, {"swfUrl", "http://p.example/a.swf"}} {
			o.Set(v[0], v[1])
		}
		p.Command(0, "connect", 1, o, amf.NewObject(amf.Property{Name: "list", Value: amf.NewArray(1.0, 2.0)}), nil)
		p.Until("0 _result 1 ")
		p.Expect(s.net.Manner().After...)
		p.Call("describe")
		p.Expect(`0 _result 1 null ["app/room/1", "WIN 9,0,45,0", "http://p.example/", "http://p.example/a.swf", "rtmp://localhost/app/room/1?a=b", ` +
			`"rtm", false, "/", "/", "", "string", true, 2, null, 3, false]`)
	})
}
