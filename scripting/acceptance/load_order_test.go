package acceptance_test

import (
	"os"
	"path/filepath"
	"testing"
)

// Scenario 3: load() waits for the end of the main script, and what is loaded comes before onAppStart (server-side-api 1.3).
func TestLoadedFilesRunBehindTheMainScriptAndBeforeOnAppStart(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `
load("one.asc");
trace("top", typeof one, typeof two);
application.onAppStart = function () { trace("start of main"); };
application.onConnect = function (client) { trace("connect of main"); return true; };
trace("end of top");
`)
		s.script("app/one.asc", `
trace("one", typeof application.onConnect, typeof two);
one = true;
load("sub/two.asc");
var before = application.onConnect;
application.onConnect = function (client, x) { trace("connect of one", x); return before.call(this, client); };
trace("end of one");
`)
		s.script("app/sub/two.asc", `
trace("two", one);
two = 2;
application.onAppStart = function () { trace("start of two", one, two, this === application, this.name); };
`)
		s.connect("app", "x")
		s.traced.expect("top undefined undefined", "end of top", "one function undefined", "end of one", "two true",
			"start of two true 2 true app/_definst_", "connect of one x", "connect of main")
	})
}

// Files are looked for beside the main script and then in the library, run once, may begin with a byte order mark and may
// end their lines as they like. One that fails does not keep the instance from starting.
func TestLoadFindsFilesInTheLibraryAndRunsThemOnce(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for file, source := range map[string]string{
		filepath.Join(first, "lib.asc"):         `trace("lib of the first folder");`,
		filepath.Join(second, "lib.asc"):        `trace("lib of the second folder");`,
		filepath.Join(second, "log", "log.asc"): "\uFEFF// a comment\rtrace('log');\rlog = function (x) {\r\ttrace('logged ' + x);\r};\r",
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	over(t, func(t *testing.T, s *server) {
		s.script("app/scripts/main.asc", "\uFEFFload('lib.asc');\r\nload('beside.asc'); load('log/log.asc');\r\nload('lib.asc');\r\n"+
			"load('nowhere.asc');load('../../other/main.asc'); load('bad.asc'); load('last.asc');\r\n"+
			"application.onAppStart = function () { log('start'); };\r\n")
		s.script("app/scripts/beside.asc", `trace("beside"); load("lib.asc"); load("./last.asc");`)
		s.script("app/scripts/bad.asc", "\n\nvar x = = 1;")
		s.script("app/scripts/last.asc", `trace("last"); function unused() {}`)
		s.script("other/main.asc", `trace("of another application");`)
		s.connect("app")
		s.traced.expect("lib of the first folder", "beside", "log", "last", "logged start")
		s.traced.nothing()
		s.logged.until(`ERROR app/_definst_ script: load("nowhere.asc"): there is no such file in the application's folder, nor in the script library ` +
			`(scripts.library) file=scripts/main.asc line=4 text=load('nowhere.asc');`)
		s.logged.until(`ERROR app/_definst_ script: load("../../other/main.asc"): `)
		s.logged.until("ERROR app/_definst_ script: SyntaxError: ")
	}, func(set *setup) { set.config.Scripts.Library = first + ";" + second })
}

// secure.asc runs first and alone, and has functions that nothing has afterwards; setAttributes stays (server-side-api 1.6, 1.7).
func TestSecureScriptInstallsProtectedFunctions(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/secure.asc", `
trace("secure", typeof application, typeof getGlobal, typeof protectObject, typeof setAttributes);
var global = getGlobal();
global.secret = 42;
global.system = protectObject({ open: function (x) { return "opened " + x + " " + this.hidden; }, hidden: "inside" });
setAttributes(global, "system", false, true, true);
var version = 5;
setAttributes(global, "version", false, true, true);
global = null;
`)
		s.script("app/main.asc", `
trace("main", typeof getGlobal, typeof protectObject, typeof setAttributes, secret);
try { system.open = function () { return "replaced"; }; } catch (e) {}
try { system = null; } catch (e) {}
try { delete this.system; } catch (e) {}
try { version = 6; } catch (e) {}
trace(system.open("door"), system.hidden, version);
var seen = false;
for (var name in this) { seen = seen || name == "system"; }
trace(seen);
`)
		s.connect("app")
		s.traced.expect("secure object function function function", "main undefined undefined function 42", "opened door inside undefined 5", "false")
	})
}

// The first of main.asc, main.js, app.asc, app.js is the script, beside the folder scripts (server-side-api 1.1).
func TestMainScriptIsFoundByItsNames(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		for n, names := range [][]string{{"main.asc", "main.js", "NAME.asc"}, {"main.js", "NAME.asc"}, {"NAME.asc", "NAME.js"}, {"NAME.js", "scripts/main.asc"}, {"scripts/main.asc", "scripts/NAME.js"}} {
			app := "app" + string(rune('a'+n))
			for _, name := range names {
				if base := filepath.Base(name); base[:4] == "NAME" {
					name = filepath.Join(filepath.Dir(name), app+filepath.Ext(name))
				}
				s.script(app+"/"+name, `trace("`+name+` runs");`)
			}
			s.connect(app)
			want := names[0]
			if want[:4] == "NAME" {
				want = app + filepath.Ext(want)
			}
			s.traced.expect(want + " runs")
		}
	})
}
