package web_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"afterglow/scripting/web"
)

// TestATokenIsChecked is the pattern of onConnect (server-side-api 2.10).
func TestATokenIsChecked(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "<?xml version=\"1.0\"?>\n<answer>\n  <user id=\"7\">\n%s</user>\n</answer>\n", r.URL.Query().Get("token"))
	})
	w := newWorld(t, web.Options{})
	w.run(`
		var check = new XML();
		check.ignoreWhite = true;
		check.onHTTPStatus = function (code) { say("status", code, this === check); };
		check.onLoad = function (ok) {
			var user = this.firstChild.firstChild;
			say(ok, this.loaded, this.status, user.attributes.id, user.firstChild.nodeValue.length, this.getBytesLoaded() == this.getBytesTotal());
		};
		say(check.getBytesLoaded(), check.getBytesTotal(), check.loaded);
		say(check.load(" %s/check?token=a b\u00e9 "), check.loaded);
	`, url)
	w.hears("undefined undefined undefined", "true false", "status 200 true", "true true 0 7 5 true")
}

func TestScriptsTakeTheTextThemselves(t *testing.T) {
	url := serve(t, echo)
	w := newWorld(t, web.Options{})
	w.run(`
		var x = new XML("<a/>");
		x.onData = function (text) { say(text); };
		x.contentType = "text/xml";
		x.addRequestHeader("X-One", "1");
		x.sendAndLoad("%[1]s/x", x);
	`, url)
	w.hears("POST /x [text/xml] <a />")
	w.run(`x.sendAndLoad("%s/x", x, "GET")`, url)
	w.hears("GET /x?%3Ca%20%2F%3E [] ")
	w.run(`var l = new LoadVars(); l.onData = function (text) { say(text); }; x.sendAndLoad("%s/y", l)`, url)
	w.hears("POST /y [text/xml] <a />")
}

func TestLoadVarsSendAndTakeVariables(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/load" {
			_, _ = io.WriteString(w, "ok=1&name=J%C3%BCrgen+M&empty&old=%FC&bad=%zz&ok=2")
			return
		}
		echo(w, r)
	})
	w := newWorld(t, web.Options{})
	w.run(`
		var v = new LoadVars();
		v.zeta = "a b&c"; v.alpha = 1; v.f = function () {}; v.u = "\u00fc";
		say(v, v.contentType);
		v.onLoad = function (ok) { say(ok, this.loaded, this.ok, this.name, this.empty === "", this.old, this.bad); };
		v.load("%s/load");
	`, url)
	w.hears("zeta=a%20b%26c&alpha=1&u=%C3%BC application/x-www-form-urlencoded", "true true 2 Jürgen M true ü %zz")
	w.run(`
		var q = new LoadVars(), back = new LoadVars();
		q.b = 1; q.a = "x/y";
		back.onData = function (text) { say(text); };
		q.sendAndLoad("%[1]s/p", back);
	`, url)
	w.hears("POST /p [application/x-www-form-urlencoded] b=1&a=x%2Fy")
	w.run(`q.sendAndLoad("%[1]s/p?c=2", back, "get")`, url)
	w.hears("GET /p?c=2&b=1&a=x%2Fy [] ")
	w.says(`var d = new LoadVars(); d.decode("p=1&q=2&=3&&p=4"); say(d.p, d.q, d)`, "4 2 p=4&q=2")
}

func TestSendDropsTheAnswer(t *testing.T) {
	requests := make(chan string, 10)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), body)
	})
	w := newWorld(t, web.Options{})
	w.run(`
		var v = new LoadVars();
		v.onData = function () { say("never"); };
		v.a = 1;
		v.send("%[1]s/one"); 
	`, url)
	if got := <-requests; got != "POST /one a=1" {
		t.Error(got)
	}
	w.run(`v.send("%[1]s/two", "_self", "GET"); `, url)
	if got := <-requests; got != "GET /two?a=1 " {
		t.Error(got)
	}
	w.run(`new XML("<a/>").send("%[1]s/three")`, url)
	if got := <-requests; got != "POST /three <a />" {
		t.Error(got)
	}
}

func TestHeadersAreSetButNotThoseOfTheProtocol(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-A"), r.Header.Get("X-B"), r.Header.Get("X-C"), r.Host == "evil", r.Header.Get("Evil"), r.UserAgent(), r.Header.Get("Content-Type"))
	})
	w := newWorld(t, web.Options{Agent: "test/1"})
	w.run(`
		var v = new LoadVars();
		v.onData = function (text) { say(text); };
		v.addRequestHeader("x-a", "1"); v.addRequestHeader("X-A", "2");
		v.addRequestHeader(["X-B", "3", "X-C", "4"]);
		v.addRequestHeader("Host", "evil");
		v.addRequestHeader("Content-Length", "1");
		v.addRequestHeader("X-D", "a\r\nEvil: 1");
		v.addRequestHeader("X D", "a");
		v.addRequestHeader("content-type", "text/plain");
		for (var i = 0; i < 200; i++) v.addRequestHeader("Z" + i, "z");
		v.sendAndLoad("%s", v);
	`, url)
	w.hears("234falsetest/1text/plain")
	for _, text := range []string{"main.asc:6: addRequestHeader: Host cannot be set", "Content-Length cannot", `"X-D" is no header`, `"X D" is no header`, "100 headers"} {
		if !w.warned(text) {
			t.Errorf("no warning %q", text)
		}
	}
}

func TestFailuresArriveAsUndefined(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/500":
			w.WriteHeader(500)
			fmt.Fprint(w, "<error/>")
		case "/cut":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "<a/>")
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "this is no gzip")
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.Copy(z, strings.NewReader(strings.Repeat(" ", 1<<20)))
			_ = z.Close()
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<15)); err != nil {
					return
				}
			}
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/flood":
			for i := range 3000 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 1000))
			}
		case "/elsewhere":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}
	})
	transport := &http.Transport{MaxResponseHeaderBytes: 1 << 20}
	t.Cleanup(transport.CloseIdleConnections)
	w := newWorld(t, web.Options{MaxResponse: 100000, HTTP: &http.Client{Transport: transport}})
	w.run(`
		function attempt(url) {
			var x = new XML("<old/>");
			x.onHTTPStatus = function (code) { say("status", code); };
			x.onLoad = function (ok) { say(ok, this.loaded, this); };
			return x.load(url);
		}
	`)
	for path, status := range map[string]string{
		"/500": "500", "/cut": "200", "/gzip": "200", "/bomb": "200", "/endless": "200", "/loop": "0", "/flood": "0", "/elsewhere": "0",
	} {
		w.run(`attempt("%s%s?secret=x")`, url, path)
		w.hears("status "+status, "false false <old />")
		if !w.warned("GET " + url + path + ": ") {
			t.Errorf("%s: no warning", path)
		}
	}
	if w.warned("secret") {
		t.Error("a query went to the log")
	}
}

func TestImpossibleURLsAreRefused(t *testing.T) {
	w := newWorld(t, web.Options{})
	for _, url := range []string{"check.php", "/check.php", "file:///etc/passwd", "ftp://127.0.0.1/", "http://", "http://a:b:c/", "javascript:1"} {
		w.run(`var v = new LoadVars(); v.onLoad = function (ok) { say(ok); }; say("begun", v.load("%s"));`, url)
		w.hears("begun false", "false")
		if !w.warned("URL") {
			t.Errorf("%s: no warning", url)
		}
	}
	w.says(`say(v.load(), new XML().load(), v.send(), v.sendAndLoad("http://127.0.0.1/"), new XML().sendAndLoad("http://127.0.0.1/", 1))`, "false false false false false")
}

func TestWithoutAClientNothingIsSent(t *testing.T) {
	w := newWorld(t, web.Options{HTTP: nil})
	w.do(func() {
		web.Install(w.engine, web.Options{})
		_ = w.engine.Run("main.asc", `var v = new LoadVars(); v.onLoad = function (ok) { say(ok); }; v.load("http://127.0.0.1:1/")`)
	})
	w.hears("false")
	if !w.warned("may not use HTTP") {
		t.Error("no warning")
	}
}

func TestAServerThatNeverAnswersTimesOut(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	w := newWorld(t, web.Options{Timeout: 1}) // a nanosecond
	w.run(`var v = new LoadVars(); v.onLoad = function (ok) { say(ok); }; v.load("%s")`, url)
	w.hears("false")
	if !w.warned("did not answer in time") {
		t.Error("no warning")
	}
}

func TestTextsOfOtherCharsetsAreUnderstood(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		_, _ = io.WriteString(w, r.URL.Query().Get("body"))
	})
	w := newWorld(t, web.Options{})
	w.run(`var v = new LoadVars(); v.onData = function (text) { say(text); };`)
	for _, c := range []struct{ kind, body, want string }{
		{"text/plain", "%C3%BC", "ü"},
		{"text/plain", "%FC", "ü"},
		{"text/xml;charset=ISO-8859-1", "%C3%BC", "Ã¼"},
		{"text/xml;charset=\"windows-1251\"", "%C4%E0", "Да"},
		{"text/xml;charset=utf-8", "%EF%BB%BF%C3%BC", "ü"},
		{"text/xml;charset=ISO-8859-1", "%EF%BB%BF%C3%BC", "ü"},
		{"text/plain", "%FF%FEa%00%FC%00", "aü"},
		{"text/plain", "%FE%FF%00a%00%FC", "aü"},
		{"text/plain;charset=no-such-thing", "%C3%BC", "ü"},
		{"nonsense;;;", "%E4", "ä"},
	} {
		w.run(`v.load("%s/?type=%s&body=%s")`, url, strings.NewReplacer(";", "%3B", "\"", "%22").Replace(c.kind), c.body)
		w.hears(c.want)
	}
}

func TestFurtherRequestsWaitInOrder(t *testing.T) {
	arrived, goOn := make(chan string, 100), make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- r.URL.Path
		<-goOn
		fmt.Fprint(w, r.URL.Path)
	})
	w := newWorld(t, web.Options{MaxRequests: 1, MaxWaiting: 3})
	w.run(`
		for (var i = 0; i < 5; i++) {
			var v = new LoadVars();
			v.onData = function (text) { say(text); };
			v.load("%s/" + i);
		}
	`, url)
	w.hears("undefined") // one too many
	for i := range 4 {
		if got, want := <-arrived, fmt.Sprint("/", i); got != want || len(arrived) > 0 {
			t.Errorf("%s arrived instead of %s alone", got, want)
		}
		goOn <- struct{}{}
		w.hears(fmt.Sprint("/", i))
	}
	if !w.warned("too many requests wait") {
		t.Error("no warning")
	}
}

func TestCloseCancelsWhatIsOpen(t *testing.T) {
	arrived, ended := make(chan struct{}), make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(ended)
	})
	w := newWorld(t, web.Options{})
	w.run(`var v = new LoadVars(); v.load("%s")`, url)
	<-arrived
	w.classes.Close()
	<-ended
}

func TestHandlersMayThrow(t *testing.T) {
	url := serve(t, echo)
	w := newWorld(t, web.Options{})
	w.run(`
		var v = new LoadVars();
		v.onHTTPStatus = function () { throw new Error("one"); };
		v.onData = function () { say("data"); throw new Error("two"); };
		v.load("%s");
	`, url)
	w.hears("data")
	w.do(func() {})
	if !w.warned("one") || !w.warned("two") {
		t.Error("what handlers throw is not reported")
	}
}
