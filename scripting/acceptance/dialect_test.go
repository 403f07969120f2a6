package acceptance_test

import "testing"

// Scenario 14: scripts were written for SpiderMonkey's JavaScript 1.5, and run as they did there (server-side-api 1.8).
func TestOldScriptsMeanWhatTheyMeant(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", `<!-- an old habit
if (true) {
	function inBlock(x) { return "in block " + x; }
}
trace(inBlock(1));
for (var n = 0; n < 1; n++) { function inLoop() { return "in loop"; } }
try { function inTry() { return "in try"; } } catch (e) {}
trace(inLoop(), inTry());
const A = 1;
A = 2;
trace(A);
trace(new Date(2004, 1, 2).getYear(), typeof new Date().toGMTString());
/(\w+)@(\w+)/.exec("me@home");
trace(RegExp.$1, RegExp.$2);
"a-b".replace(/(.)-(.)/, "");
trace(RegExp.$1 + RegExp.$2, RegExp.lastMatch);
var o = {};
o.__defineGetter__("double", function () { return this.n * 2; });
o.__defineSetter__("double", function (v) { this.n = v / 2; });
o.double = 10;
trace(o.n, o.double, typeof o.__lookupGetter__("double"));
var sum = 0;
for each (var v in [1, 2, 3]) { sum += v; }
trace(sum);
try { throw {code: 2}; } catch (e if e.code == 1) { trace("one"); } catch (e if e.code == 2) { trace("two"); } catch (e) { trace("other"); }
trace(08 + 09, 010);
trace({a: [1, "x"]}.toSource(), uneval("q"));
try {
	undefinedFunction();
} catch (e) { trace(e.name, e.fileName, e.lineNumber); }
implicit = 5;
with ({implicit: 6}) { trace(implicit); }
(function (n) { trace(n, arguments.callee.length); arguments[0] = 9; trace(n); })(3);
trace("x".bold(), "abc".substr(-2), escape("\u00e4 "), unescape("%41"));
var yield = 1, let = 2, await = 3;
trace(yield + let + await);
trace("" + this.implicit, typeof setTimeout, typeof Array.prototype.push);
var seen = []; for (var k in {b: 1, a: 2}) { seen.push(k); } trace(seen);
function outer() { return inner(); function inner() { return "hoisted"; } }
trace(outer());
trace(eval("var made = 7; made + 1"), made);
switch ("x") { case "x": function inSwitch() { return "in switch"; } }
trace(inSwitch());
`)
		s.connect("app")
		s.traced.expect("in block 1", "in loop in try", "1", "104 string", "me home", "ab a-b", "5 10 function", "6", "two", "17 8",
			`({a:[1, "x"]}) "q"`, "ReferenceError main.asc 29", "6", "3 1", "9", `<b>x</b> bc %E4%20 A`, "6", "5 function function", "b,a",
			"hoisted", "8 7", "in switch")
	})
}

// The same holds for code of handlers, with lines counted as the author counts them.
func TestErrorsSayFileAndLineOfTheSource(t *testing.T) {
	over(t, func(t *testing.T, s *server) {
		s.script("app/main.asc", "load('lib/more.asc');\r\napplication.onConnect = function (client) {\r\n\tif (client) {\r\n"+
			"\t\tfunction f() { return 1; }\r\n\t}\r\n\tconst K = 1;\r\n\tclient.nothing.here = f();\r\n};\r\n")
		s.script("app/lib/more.asc", "Client.prototype.x = function () {\r\r\tmissing();\r};\rapplication.onConnect = (function (before) { return function (c) { try { before(c); } catch (e) { trace(e.fileName, e.lineNumber); } return true; }; })(application.onConnect);")
		c := s.connect("app")
		s.traced.expect("main.asc 7")
		c.ask("x")
		s.logged.until("ERROR app/_definst_ script: ReferenceError: missing is not defined file=lib/more.asc line=3 text=missing();")
	})
}
