package appcheck

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// write makes an application's folder of files and their texts.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func check(t *testing.T, files map[string]string, o Options) *Report {
	t.Helper()
	r, err := Check(write(t, files), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// used lists the uses of a script: "Stream.record() 3", behind a question mark if it is probable only.
func used(t *testing.T, script string) []string {
	t.Helper()
	r := check(t, map[string]string{"main.asc": script}, Options{})
	for _, p := range r.Problems {
		t.Errorf("%+v in\n%s", p, script)
	}
	var all []string
	for _, u := range r.Uses {
		for _, at := range u.Places {
			_, line, _ := strings.Cut(at, ":")
			line = u.API + " " + line
			if u.Probable {
				line = "?" + line
			}
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return all
}

func TestUsesAreFound(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"handlers and what they are given", `
application.onPublish = function (who, what) {
	what.record("append");
	trace(who.ip, what.publishQueryString);
};`, "Client.ip 4, Stream.publishQueryString 4, Stream.record() 3, application.onPublish 2, trace() 4"},
		{"this of a handler", `
application.onConnect = function (c) { this.acceptConnection(c); c.setBandwidthLimit(1, 2); };`,
			"Client.setBandwidthLimit() 2, application.acceptConnection() 2, application.onConnect 2"},
		{"this of prototypes", `
Client.prototype.say = function (text) { this.call("heard", null, text, this.id); };
Stream.prototype.note = function () { trace(this.time); };`,
			"Client 2, Client.call() 2, Client.id 2, Stream 3, Stream.time 3, trace() 3"},
		{"functions with a name", `
application.onUnpublish = gone;
function gone(client, s) { s.record(false); }
Client.prototype.go = went;
function went() { return this.ping(); }`, "Client 4, Client.ping() 5, Stream.record() 3, application.onUnpublish 2"},
		{"variables and properties", `
application.onAppStart = function () { this.so = SharedObject.get("users", true); board = SharedObject.get("b"); };
function tell() { application.so.lock(); board.mark("x"); application.so.unlock(); }`,
			"SharedObject 2, SharedObject.get() 2, SharedObject.lock() 3, SharedObject.mark() 3, SharedObject.unlock() 3, application.onAppStart 2"},
		{"arrays", `
for (var i in application.clients) application.clients[i].getStats();
var list = new Array();
application.onDisconnect = function (c) { list.push(c); list[0].checkBandwidth(); this.by[c.id] = c; };
function all(id) { return application.by[id].referrer; }`,
			"Client.checkBandwidth() 4, Client.getStats() 2, Client.id 4, Client.referrer 5, application.clients 2, application.onDisconnect 4"},
		{"arguments and results", `
function make(name) { var s = Stream.get(name); return s; }
function tune(x) { x.setBufferTime(2); }
tune(make("a"));`, "Stream 2, Stream.get() 2, Stream.setBufferTime() 3"},
		{"classes of the script's own", `
function Room(nc) { this.nc = nc; }
Room.prototype.close = function () { this.nc.addHeader("a", true, 1); this.record(); };
Room.prototype.record = function () {};
var room = new Room(new NetConnection()); room.close(); room.record();`, "NetConnection 5, NetConnection.addHeader() 3"},
		{"chains", `trace(new XML("<a/>").firstChild.childNodes[0].nodeName); new File("/a").list()[0].copyTo("/b");`,
			"File 1, File.copyTo() 1, File.list() 1, XML 1, XML.firstChild 1, XMLNode.childNodes 1, XMLNode.nodeName 1, trace() 1"},
		{"for each", `for each (var c in application.clients) { c.introducePeer("p", "a", 1); }`, "Client.introducePeer() 1, application.clients 1"},
		{"names in brackets", `application["onConnect"] = function (c) { c["farID"]; };`, "Client.farID 1, application.onConnect 1"},
		{"recordings", `
Stream.get("live").play("camera", -1);
Stream.get("a").play("film", 0);
Stream.get("mp4:x.f4v").play("mp4:y");`,
			"Stream 2, Stream 3, Stream 4, Stream.get() 2, Stream.get() 3, Stream.get() 4, Stream.get() of a recording 4, " +
				"Stream.play() 2, Stream.play() 3, Stream.play() 4, Stream.play() of a recording 3, Stream.play() of a recording 4"},
		{"where a connection goes", `
var nc = new NetConnection();
nc.connect("rtmp://b/live"); nc.connect("rtmfp:"); nc.connect("rtmfp://b/x");
nc.connect("rtmpt://b/x"); nc.connect("rtmp://localhost:1111/admin");
new NetStream(nc); new NetStream(nc, "G:1");`,
			"NetConnection 2, NetConnection.connect() 3, NetConnection.connect() 4, NetConnection.connect() by another protocol 4, " +
				"NetConnection.connect() to the administration server 4, NetConnection.connect() without a server 3, " +
				"NetStream 5, new NetStream into a group 5"},
		{"groups", `var g = new NetGroup(nc, new GroupSpecifier("x").toString()); g.post(1);
Client.prototype.onGroupJoin = function (c) { c.addNeighbor("p"); };`,
			"Client 2, Client.onGroupJoin 2, GroupControl.addNeighbor() 2, GroupSpecifier 1, GroupSpecifier.toString() 1, NetGroup 1, NetGroup.post() 1"},
		{"unknown objects", `function f(s) { s.record(); s.close(); s.syncWrite = true; }`, "?Stream.record() 1, ?Stream.syncWrite 1"},
		{"unknown objects where the class is used", `function f(g) { g.sendToNearest(1); }
var group; group = make(NetGroup);`, "?NetGroup.sendToNearest() 1, NetGroup 2"},
		{"objects in objects", `
application.all = new Array();
function add(n) { var v; v = Stream.get(n); var o = {video: v, n: n}; application.all[n] = o; }
function stop(n) { application.all[n].video.flush(); }`, "?Stream.flush() 4, Stream 3, Stream.get() 3"},
	} {
		if got := strings.Join(used(t, c.script), ", "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestTheScriptsOwnIsNotTakenForTheServers(t *testing.T) {
	for _, script := range []string{
		`var recorder = {record: function () {}}; function f(x) { x.record(); }`,
		`function Tape() { this.record = function () {}; } function f(x) { x.record(); }`,
		`function NetGroup() {} new NetGroup().post(1);`,
		`function trace(x) {} function f(setInterval) { setInterval(); } trace(1);`,
		`var Stream = {get: function () {}}; Stream.get("mp4:a").record();`,
		`// NetGroup, Stream.get("a").record()
var text = "application.onConnect = NetGroup";`,
		`var o = {load: 1, trace: 2, NetGroup: 3};`,
		`function f(x) { x.sendToNearest(1); x.onGroupJoin = 1; }`,
		`function f(x) { x.name = x.length; x.connect(); x.call(1); x.play(); }`,
	} {
		if got := used(t, script); len(got) > 0 {
			t.Errorf("%s: %v", script, got)
		}
	}
	// A method that the script has replaced is its own from then on.
	got := strings.Join(used(t, "Client.prototype.getStreamLength = function (n) { return 1; };\nfunction f(c) { c.getStreamLength(1); }"), ", ")
	if got != "Client 1" {
		t.Errorf("got %s", got)
	}
}

func TestWhatIsLoadedIsRead(t *testing.T) {
	files := map[string]string{
		"main.asc":        `load("lib/a.asc"); load('shared.asc'); load("netservices.asc"); load("gone.asc"); load("gone.asc"); load("B.asc"); load("../x.asc"); load("a" + 1);`,
		"lib/a.asc":       "load(\"lib/c.asc\");\nuse(s);",
		"lib/c.asc":       "var s = Stream.get('x');",
		"b.asc":           "trace(1);", // as the server finds B.asc
		"unused.asc":      "new NetGroup();",
		"Application.xml": "<Application/>", "old.far": "x", "secure.asc": "getGlobal();",
	}
	r := check(t, files, Options{
		Library: []fs.FS{fstest.MapFS{"shared.asc": {Data: []byte("function use(x) { x.record(); }")}}},
		Shipped: fstest.MapFS{"netservices.asc": {Data: []byte("new NetGroup();")}},
	})
	if got := strings.Join(r.Files, " "); got != "secure.asc main.asc lib/a.asc lib/c.asc shared.asc b.asc" {
		t.Errorf("read %s", got)
	}
	var problems []string
	for _, p := range r.Problems {
		problems = append(problems, p.File+" "+p.Text+" "+p.Note)
	}
	for n, words := range []string{`main.asc load("gone.asc")`, "leaves the application's folder"} {
		if n >= len(problems) || !strings.Contains(problems[n], words) {
			t.Errorf("problem %d is not %q: %q", n, words, problems)
		}
	}
	if len(problems) != 2 {
		t.Errorf("%q", problems)
	}
	notes := strings.Join(r.Notes, "\n")
	for _, words := range []string{"main.asc:1: load of a name", "Application.xml is not read", "old.far is a packed", "no load for unused.asc"} {
		if !strings.Contains(notes, words) {
			t.Errorf("no note %q in\n%s", words, notes)
		}
	}
	if !slices.ContainsFunc(r.Uses, func(u Use) bool { return u.API == "Stream.record()" && !u.Probable && u.Places[0] == "shared.asc:1" }) {
		t.Errorf("types do not go from file to file: %+v", r.Uses)
	}
	if r.Runs() {
		t.Error("it cannot run without its files")
	}
}

func TestSyntaxErrorsAreProblemsWithTheirPlace(t *testing.T) {
	r := check(t, map[string]string{"main.asc": "load('b.asc');\ntrace(1);\nvar a = ;\n", "b.asc": "\nvar x = <a b={c}/>;"}, Options{})
	if len(r.Problems) != 2 || r.Problems[0].Line != 3 || r.Problems[1].Line != 2 || !strings.Contains(r.Problems[1].Note, "E4X") ||
		strings.Contains(r.Problems[0].Note, "E4X") {
		t.Errorf("%+v", r.Problems)
	}
	if r.Count(Yes) != 2 {
		t.Errorf("what stands beside is not found: %+v", r.Uses)
	}
	r = check(t, map[string]string{"main.asc": "trace(1);\n'open"}, Options{})
	if len(r.Problems) != 1 || r.Problems[0].Line != 2 {
		t.Errorf("%+v", r.Problems)
	}
}

func TestApplicationsAreFound(t *testing.T) {
	dir := write(t, map[string]string{"a/main.asc": "", "b/B.js": "", "b/b.js": "", "c/scripts/main.js": "", "d/x.far": "", "e/readme": "", "f/other.asc": ""})
	got, err := Applications(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, g := range got {
		names = append(names, filepath.Base(g))
	}
	if strings.Join(names, "") != "abcd" {
		t.Errorf("found %v", names)
	}
	for _, missing := range []string{filepath.Join(dir, "e"), filepath.Join(dir, "nowhere")} {
		if _, err := Applications(missing); err == nil {
			t.Errorf("%s is no application", missing)
		}
	}
	if r, err := Check(filepath.Join(dir, "d"), Options{}); err != nil || r.Runs() || !strings.Contains(strings.Join(r.Notes, ""), "packed") {
		t.Errorf("a packed application: %+v, %v", r, err)
	}
	live := filepath.Join(write(t, map[string]string{"live/main.far": "x"}), "live")
	if r, err := Check(live, Options{}); err != nil || !r.Runs() || !strings.Contains(strings.Join(r.Notes, ""), "ships with Afterglow") {
		t.Errorf("a packed application that ships: %+v, %v", r, err)
	}
	if r, err := Check(filepath.Join(dir, "f", "other.asc"), Options{}); err != nil || len(r.Files) != 1 {
		t.Errorf("a single script: %+v, %v", r, err)
	}
}

func TestReportsSayWhatToDoFirst(t *testing.T) {
	r := check(t, map[string]string{"main.asc": "new NetGroup();\nfunction f(s) { s.record(); }\ntrace(1);"}, Options{})
	r.Name = "APP"
	var text bytes.Buffer
	if err := r.WriteText(&text, false); err != nil {
		t.Fatal(err)
	}
	const want = `APP: main.asc

Not supported
  NetGroup                         main.asc:1
      Groups of RTMFP clients are not there yet: using it throws an error that says so. docs/app-check.md#groups

Partly supported
  probably Stream.record()         main.asc:2
      Recorded streams are not there yet: the answer is NetStream.Record.Failed. docs/app-check.md#recording

APP: uses 3 of the server's functions, properties and handlers: 1 supported, 1 partly, 1 not
`
	if text.String() != want {
		t.Errorf("got\n%s", text.String())
	}
	text.Reset()
	if err := r.WriteText(&text, true); err != nil || !strings.Contains(text.String(), "\nSupported\n  trace()                          main.asc:3\n") {
		t.Errorf("with all:\n%s", text.String())
	}
	var out bytes.Buffer
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"problems":[]`) {
		t.Errorf("no list: %s", out.String())
	}
	var back struct {
		Uses   []Use
		Partly int
	}
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || len(back.Uses) != 3 || back.Partly != 1 || back.Uses[1].API != "Stream.record()" || !back.Uses[1].Probable {
		t.Errorf("%v %s", err, out.String())
	}
}

func FuzzUses(f *testing.F) {
	f.Add("application.onConnect = function (c) { a = b = new X(c)[0].d(function () {}); };")
	f.Add("for each (var v in application.clients) { v.call('a', {b: this}); } x[")
	f.Add("var a = function f(g) { return a(f)(g); }; new new a.b(")
	f.Fuzz(func(t *testing.T, script string) {
		r := &reader{folder: fstest.MapFS{"main.asc": {Data: []byte(script)}}, main: "main.asc", seen: make(map[string]bool), missing: make(map[string]bool)}
		r.read()
		usesOf(r.sources)
	})
}
