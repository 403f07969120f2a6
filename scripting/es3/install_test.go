package es3

import (
	"testing"

	"github.com/dop251/goja"
)

func TestInstalledFunctionsWork(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"__defineGetter__", `var o = {n: 2}; o.__defineGetter__("x", function () { return this.n }); o.x`, "2"},
		{"__defineSetter__", `var o = {}; o.__defineSetter__("x", function (v) { this.n = v }); o.x = 3; o.n`, "3"},
		{"getter and setter together", `var o = {}; o.__defineSetter__("x", function (v) { this.n = v }); o.__defineGetter__("x", function () { return this.n * 2 }); o.x = 3; o.x`, "6"},
		{"getter of a prototype", `function C() {} C.prototype.__defineGetter__("x", function () { return 5 }); new C().x`, "5"},
		{"getter shows in for in", `var o = {}, r; o.__defineGetter__("x", function () {}); for (r in o); r`, "x"},
		{"getter that is none", `try { ({}).__defineGetter__("x", 1) } catch (e) { e instanceof TypeError }`, "true"},
		{"__lookupGetter__", `var f = function () {}, o = {}; o.__defineGetter__("x", f); [o.__lookupGetter__("x") === f, o.__lookupSetter__("x"), o.__lookupGetter__("y")].join()`, "true,,"},
		{"__lookupSetter__ of a prototype", `var f = function () {}; function C() {} C.prototype.__defineSetter__("x", f); new C().__lookupSetter__("x") === f`, "true"},

		{"getYear", `new Date(2011, 4, 5).getYear()`, "111"},
		{"getYear of no date", `new Date(NaN).getYear()`, "NaN"},
		{"setYear", `var d = new Date(2011, 4, 5); d.setYear(99); var a = d.getFullYear(); d.setYear(2003); [a, d.getFullYear(), d.getMonth()].join()`, "1999,2003,4"},
		{"setYear of nothing", `var d = new Date(2011, 4, 5); d.setYear("x"); d.getTime()`, "NaN"},
		{"toGMTString", `new Date(0).toGMTString()`, "Thu, 01 Jan 1970 00:00:00 GMT"},

		{"bold", `"x".bold()`, "<b>x</b>"},
		{"link", `"x".link('a"b')`, `<a href="a&quot;b">x</a>`},
		{"all functions of tags", `var r = "", n = "anchor big blink bold fixed fontcolor fontsize italics link small strike sub sup".split(" "); for (var i in n) r += "x"[n[i]](1); r`,
			`<a name="1">x</a><big>x</big><blink>x</blink><b>x</b><tt>x</tt><font color="1">x</font><font size="1">x</font><i>x</i><a href="1">x</a><small>x</small><strike>x</strike><sub>x</sub><sup>x</sup>`},

		{"arity", `(function (a, b) {}).arity`, "2"},
		{"uneval of simple values", `[uneval(1), uneval("a\n\"ä€"), uneval(null), uneval(undefined), uneval(true), uneval(-0)].join("|")`, `1|"a\n\"\xE4\u20AC"|null|(void 0)|true|-0`},
		{"toSource of an object", `({a: 1, b: "x", "c d": [1, null, undefined], 5: {e: {}}}).toSource()`, `({5:{e:{}}, a:1, b:"x", 'c d':[1, null, (void 0)]})`},
		{"toSource of a cycle", `var o = {a: 1}; o.o = o; o.toSource()`, `#1={a:1, o:#1#}`},
		{"toSource of an object in two places", `var p = {}; [p, p, {}].toSource()`, `[#1={}, #1#, {}]`},
		{"toSource of an array with holes", `[1, , 2, ,].toSource()`, `[1, , 2, ,]`},
		{"toSource of simple values", `["x".toSource(), (5).toSource(), true.toSource()].join()`, `(new String("x")),(new Number(5)),(new Boolean(true))`},
		{"toSource of a date, an error, a function, an expression", `[new Date(5).toSource(), new Error("x").toSource(), (function (a) { return a }).toSource(), /a/g.toSource()].join()`,
			`(new Date(5)),(new Error("x")),(function (a) { return a }),/a/g`},
		{"toSource of an object that has its own", `({a: {toSource: function () { return "mine" }}}).toSource()`, `({a:mine})`},
		{"toSource comes back through eval", `var o = eval(({a: [1, {b: "c"}], d: new Date(7)}).toSource()); o.a[1].b + o.d.getTime()`, "c7"},
		{"toSource nested too deeply", `var o = {}; for (var i = 0; i < 1000; i++) o = {o: o}; try { o.toSource() } catch (e) { e instanceof RangeError }`, "true"},
		{"toSource of a huge array", `var a = []; a.length = 4000000000; try { a.toSource() } catch (e) { e instanceof RangeError }`, "true"},

		{"watch", `var o = {p: 1}, r; o.watch("p", function (id, old, now) { r = id + old + now; return now * 10 }); o.p = 2; r + "," + o.p`, "p12,20"},
		{"watch of a new property", `var o = {}, r; o.watch("p", function (id, old, now) { r = old; return now }); o.p = 2; r + "," + o.p`, "undefined,2"},
		{"watch again", `var o = {p: 1}; o.watch("p", function () { return 5 }); o.watch("p", function () { return 6 }); o.p = 2; o.p`, "6"},
		{"unwatch", `var o = {p: 1}; o.watch("p", function () { return 5 }); o.p = 1; o.unwatch("p"); var a = o.p; o.p = 7; a + "," + o.p`, "5,7"},
		{"unwatch of a property of the prototype", `function C() {} C.prototype.p = 1; C.prototype.watch("p", function () { return 5 }); new C().unwatch("p"); C.prototype.unwatch("p"); C.prototype.p = 2; C.prototype.p`, "2"},
		{"watch of an accessor", `var o = {get p() { return 1 }}, g = o.__lookupGetter__("p"); o.watch("p", function () {}); o.__lookupGetter__("p") === g`, "true"},
		{"watch shows nothing of itself", `var o = {p: 1}, r = ""; o.watch("p", function () {}); for (var k in o) r += k; r`, "p"},
		{"watch of a hidden property", `var o = {}, r = ""; Object.defineProperty(o, "p", {value: 1, configurable: true, writable: true}); o.watch("p", function () {}); for (var k in o) r += k; r`, ""},
		{"a handler of watch that throws", `var o = {p: 1}; o.watch("p", function () { throw "x" }); try { o.p = 2 } catch (e) { e + o.p }`, "x1"},
		{"nothing shows in for in", `var r = ""; for (var k in {}) r += k; for (k in []) r += k; for (k in "") r += k; for (k in function () {}) r += k; for (k in new Date) r += k; for (k in RegExp) r += k; for (k in this) if (k != "r" && k != "k") r += k; r`, ""},
		{"names of functions", `[Object.prototype.watch.name, "".bold.name, Function.name, /a/.exec.name].join()`, "watch,bold,Function,exec"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := run(t, c.src); got != c.want {
				t.Errorf("%s\ngot  %q\nwant %q", c.src, got, c.want)
			}
		})
	}
}

func TestRegExpKnowsTheLastMatch(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"before any match", `[RegExp.$1, RegExp.lastMatch, RegExp.leftContext, RegExp.input, RegExp.multiline].join("|")`, "||||false"},
		{"exec", `/(b)(c)?/.exec("abd"); [RegExp.$1, RegExp.$2, RegExp.$9, RegExp.lastMatch, RegExp.lastParen, RegExp.leftContext, RegExp.rightContext, RegExp.input].join("|")`, "b|||b||a|d|abd"},
		{"short names", "/(b)(c)/.exec('abcd'); [RegExp['$&'], RegExp['$+'], RegExp['$`'], RegExp[\"$'\"], RegExp.$_].join('|')", "bc|c|a|d|abcd"},
		{"test", `/^(\w+):/.test("rtmp://x") && RegExp.$1`, "rtmp"},
		{"test that fails", `/(a)/.test("a"); /(b)/.test("a"); RegExp.$1`, "a"},
		{"match", `"x12".match(/(\d)(\d)/); RegExp.$2`, "2"},
		{"match of all", `"a1b2".match(/([a-z])\d/g).join() + RegExp.$1`, "a1,b2b"},
		{"search", `"x12".search(/(\d)/) + RegExp.$1`, "11"},
		{"replace with a string", `"x12".replace(/(\d)/, "[$1]") + RegExp.$1`, "x[1]21"},
		{"replace of all with a string", `"x12".replace(/(\d)/g, "[$1]") + RegExp.$1 + RegExp.leftContext`, "x[1][2]2x1"},
		{"replace with a function", `"x12".replace(/(\d)/, function (m, a, i, s) { return [RegExp.$1, m, a, i, s].join("-") })`, "x1-1-1-1-x122"},
		{"replace of all with a function", `"x12".replace(/(\d)/g, function () { return "<" + RegExp.$1 + RegExp.leftContext + ">" }) + RegExp.$1`, "x<1x><2x1>2"},
		{"replace with a function that matches", `"x12".replace(/(\d)/g, function () { /(z)/.test("z"); return RegExp.$1 }) + RegExp.$1`, "xzz2"},
		{"replace without a match", `/(a)/.test("a"); "x".replace(/(y)/, "z") + RegExp.$1`, "xa"},
		{"split", `"a1b2c".split(/(\d)/).join("|") + RegExp.$1`, "a|1|b|2|c2"},
		{"split with a limit", `"a1b2c".split(/\d/, 2).join("|")`, "a|b"},
		{"split at nothing", `"abc".split(/(?:)/).join("|")`, "a|b|c"},
		{"split at anything", `"ab  cd".split(/\s*/).join("|")`, "a|b|c|d"},
		{"split at the end of the string", `"ab".split(/$/).join("|")`, "ab"},
		{"split into nothing", `"a,b".split(/,/, 0).length`, "0"},
		{"split of nothing", `"".split(/x/).length + "," + "".split(/(?:)/).length`, "1,0"},
		{"split with a match at the end", `",a,".split(/,/).join("|")`, "|a|"},
		{"split without regard to case", `"aXbxc".split(/x/i).join("|")`, "a|b|c"},
		{"split with a global expression", `var r = /,/g; r.lastIndex = 2; "a,b,c".split(r).length + "," + r.lastIndex`, "3,2"},
		{"split at a string", `"a,b".split(",").join("|")`, "a|b"},
		{"split of wide characters", `"ä€ö€😀".split(/€/).join("|")`, "ä|ö|😀"},
		{"a result that the script changes", `var m = "ab".match(/(a)(b)/); m.shift(); m[0] = "x"; RegExp.$1`, "a"},
		{"lastIndex", `var r = /a/g; r.exec("aa"); var i = r.lastIndex; r.test("aa"); var j = r.lastIndex; r.test("aa"); [i, j, r.lastIndex].join()`, "1,2,0"},
		{"a loop of exec", `var r = /(\w)=(\w)/g, m, s = ""; while ((m = r.exec("a=1,b=2"))) s += RegExp.$1 + m[2] + m.index; s`, "a10b24"},
		{"exec of input", `RegExp.input = "abc"; /b/.exec().index`, "1"},
		{"exec of undefined", `/undef/.exec(undefined)[0]`, "undef"},
		{"exec converts once", `var n = 0; /(x)/.exec({toString: function () { n++; return "x" }}); n + RegExp.$1`, "1x"},
		{"multiline is kept", `RegExp.multiline = 1; RegExp["$*"]`, "true"},
		{"assigning to $1", `/(a)/.test("a"); RegExp.$1 = "b"; RegExp.$1`, "a"},
		{"exec of something else", `try { RegExp.prototype.exec.call({}, "a") } catch (e) { e instanceof TypeError }`, "true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := run(t, c.src); got != c.want {
				t.Errorf("%s\ngot  %q\nwant %q", c.src, got, c.want)
			}
		})
	}
}

func TestRuntimesShareNothing(t *testing.T) {
	a, b := goja.New(), goja.New()
	for _, vm := range []*goja.Runtime{a, b} {
		if err := Install(vm); err != nil {
			t.Fatal(err)
		}
	}
	runIn(t, a, `/(x)/.test("x")`)
	if got := runIn(t, b, `RegExp.$1`); got != "" {
		t.Errorf("a match of one runtime shows in another: %q", got)
	}
}

func BenchmarkInstall(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := Install(goja.New()); err != nil {
			b.Fatal(err)
		}
	}
}
