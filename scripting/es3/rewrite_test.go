package es3

import (
	"errors"
	"strings"
	"testing"

	"github.com/dop251/goja"
)

// run rewrites a script, runs it in a fresh runtime and returns its last value.
func run(t *testing.T, src string) string {
	t.Helper()
	vm := goja.New()
	if err := Install(vm); err != nil {
		t.Fatal(err)
	}
	return runIn(t, vm, src)
}

func runIn(t *testing.T, vm *goja.Runtime, src string) string {
	t.Helper()
	out, err := Rewrite("main.asc", src)
	if err != nil {
		t.Fatalf("Rewrite: %v", err)
	}
	v, err := vm.RunScript("main.asc", out)
	if err != nil {
		t.Fatalf("%v\nin %s", err, out)
	}
	return v.String()
}

func TestOldSourceKeepsItsMeaning(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"function in if, used behind it", `if (true) { function f() { return 1 } } f()`, "1"},
		{"function in if, not reached", `if (false) { function f() { return 1 } } typeof f`, "undefined"},
		{"function in if without braces", `if (true) function f() { return 1 } f()`, "1"},
		{"function in else without braces", `if (0) ; else function f() { return 1 } f()`, "1"},
		{"function in if and else", `if (0) function f() { return 1 } else function f() { return 2 } f()`, "2"},
		{"function in for", `for (var i = 0; i < 3; i++) { function f() { return i } } f()`, "3"},
		{"function in for without braces", `for (var i = 0; i < 3; i++) function f() { return i } f()`, "3"},
		{"function in while", `var n = 1; while (n--) { function f() { return 1 } } f()`, "1"},
		{"function in do", `do function f() { return 1 } while (false); f()`, "1"},
		{"function in try", `try { function f() { return 1 } } catch (e) {} f()`, "1"},
		{"function in try, not reached", `try { throw 1; function f() { return 1 } } catch (e) {} typeof f`, "undefined"},
		{"function in try, not reached and used outside", `typeof f; try { throw 1; function f() { return 1 } } catch (e) {} typeof f`, "undefined"},
		{"function in catch", `try { throw 7 } catch (e) { function f() { return e } } f()`, "7"},
		{"function in finally", `try { } finally { function f() { return 1 } } f()`, "1"},
		{"function in switch", `switch (1) { case 1: function f() { return 1 } } f()`, "1"},
		{"function in switch used in its case", `switch (1) { case 1: var r = f(); function f() { return 1 } } r`, "1"},
		{"function in with", `with ({a: 5}) { function f() { return a } } f()`, "5"},
		{"function behind a label", `a: function f() { return 1 } f()`, "1"},
		{"function in a block of a function", `function g() { if (1) { function f() { return 3 } } return f() } g()`, "3"},
		{"function in a block stays in its function", `function g() { if (1) { function f() {} } } g(); typeof f`, "undefined"},
		{"function used earlier in its block", `if (1) { var r = f(); function f() { return 4 } } r + f()`, "8"},
		{"function used in a function earlier in its block", `{ function g() { return f() } function f() { return 4 } } g()`, "4"},
		{"function of a block replaces one outside", `function f() { return 1 } var a = f(); { function f() { return 2 } } a + "" + f()`, "12"},
		{"function of a block leaves the one outside before", `function f() { return 1 } { var a = f(); function f() { return 2 } } a + "" + f()`, "12"},
		{"function of a block calls itself", `{ function f(n) { return n ? n * f(n - 1) : 1 } } f(4)`, "24"},
		{"function of a block has its name", `{ function f() { } } f.name`, "f"},
		{"two functions of a block with one name", `{ f(); function f() { return 1 } function f() { return 2 } } f()`, "2"},
		{"function of a block and a parenthesis behind it", `{ function f() {} (1) } typeof f`, "function"},
		{"functions in blocks in each other", `{ { function f() { if (1) { function g() { return 6 } } return g() } } } f()`, "6"},

		{"functions of a block that use each other early", `{ var r = g(); function f() { return 5 } function g() { return f() } } r`, "5"},
		{"no space between tokens", `if(1){const A=08;function f(){return A}}try{throw 1}catch(e if e){function e(){return 2}}catch(f){}for each(var v in[5]){function h(){return eval("v")}}A=9;A+f()+e()+h()`, "23"},
		{"no space in a function", `function k(){const A=1;{function f(){return A}A=2}try{throw 1}catch(e){function e(){return 2}}return A+f()+e()}k()`, "4"},

		{"const", `const A = 1; A`, "1"},
		{"const assigned to", `const A=1; A=2; A`, "1"},
		{"const assigned to in a function", `const A = 1; function f() { A = 2 } f(); A`, "1"},
		{"const counted", `const A = 1; A++; ++A; A += 5; A`, "1"},
		{"const declared twice", `const A = 1; const A = 2; A`, "1"},
		{"const with several names", `const A = 1, B = 2; A = 5; B = 5; A + B`, "3"},
		{"const without semicolon", "const A = 1\nA = 2\nA", "1"},
		{"const in a block", `if (true) { const A = 1 } A`, "1"},
		{"const without braces", `if (true) const A = 1; else const A = 2; A = 3; A`, "1"},
		{"const not reached", `if (false) const A = 1; A = 3; A`, "3"},
		{"const of a function", `function f() { const A = 1; A = 2; return A } f()`, "1"},
		{"const of a function in all ways", `function f() { const A = 1; var r = [A = 9, A += 3, A++, ++A, A]; for (A in {x: 1}); return r + "," + A } f()`, "9,4,1,2,1,1"},
		{"const of a function assigned to further in", `function f() { const A = 1; (function () { A = 2 })(); return A } f()`, "1"},
		{"const of a function hidden", `function f() { const A = 1; return (function (A) { A = 2; return A })() + A } f()`, "3"},
		{"const of a function hidden by catch", `function f() { const A = 1; try { throw 5 } catch (A) { A = 6; var r = A } return r + A } f()`, "7"},
		{"const of a function assigned to here and further in", `function f() { const A = 1; (function () { A = 2 })(); A = 3; (function () { A = 4 })(); A = 5; return A } f()`, "1"},
		{"const of a function behind a directive without semicolon", "function f() { 'a'\nconst A = 1; A = 2; return A } f()", "1"},
		{"const of a function before a count of something else", "function f() { const A = 1; var b = 1, r = A\n++b\nreturn r + b } f()", "3"},
		{"const of a function declared twice", `function f() { const A = 1; const A = 2; return A } f()`, "2"},
		{"const of a function behind a directive", `function f() { "a"; const A = 1; A = 2; return A } f()`, "1"},
		{"const in the head of a loop", `for (const i in {a: 1}) ; i`, "a"},
		{"const and eval", `const A = 1; eval("A = 2"); A`, "1"},
		{"const seen before it is declared", `var a = typeof A; const A = 1; a`, "undefined"},

		{"for each", `var r = ""; for each (var v in {a: 1, b: 2}) r += v; r`, "12"},
		{"for each of an array", `var r = 0; for each (var v in [1, 2, 3]) { if (v == 2) continue; r += v } r`, "4"},
		{"for each without var", `var v; for each (v in {a: 1, b: 2}) break; v`, "1"},
		{"for each to a member", `var o = {}; for each (o.x in {a: 1, b: 2}) ; o.x`, "2"},
		{"for each goes through prototypes", `function C() { this.a = 1 } C.prototype.b = 2; var r = 0; for each (var v in new C) r += v; r`, "3"},
		{"for each of nothing", `for each (var v in null) ; v`, "undefined"},
		{"for each with a comma", `var r; for each (var v in (1, [5])) r = v; r`, "5"},
		{"each as a name", `var each = 3; each`, "3"},

		{"catch with a condition that holds", `var r; try { throw 1 } catch (e if e == 1) { r = "a" } catch (e) { r = "b" } r`, "a"},
		{"catch with a condition that fails", `var r; try { throw 2 } catch (e if e == 1) { r = "a" } catch (f) { r = "b" + f } r`, "b2"},
		{"catch with three clauses", `var r; try { throw 2 } catch (e if e == 1) { r = 1 } catch (f if (f == 2)) { r = "x" + f } catch (g) { r = 3 } finally { r += "!" } r`, "x2!"},
		{"catch without clause that holds", `var r = 0; try { try { throw 3 } catch (e if e == 1) { r = 1 } catch (f if f == 2) { r = 2 } finally { r += 5 } } catch (x) { r += x } r`, "8"},
		{"catch does not catch from a clause", `var r = 0; try { try { throw 1 } catch (e if e == 1) { throw 9 } catch (e) { r = 1 } } catch (x) { r = x } r`, "9"},

		{"a variable named like what is caught", `try { throw 4 } catch (e) { var a = e, e = 5; var r = a + e } r`, "9"},
		{"a variable named like what is caught, with a condition", `try { throw 4 } catch (e if e == 4) { for (var e = 0; e < 3; e++); } e`, "3"},
		{"a variable named like what other clauses catch", `try { throw 4 } catch (e if e == 3) { } catch (e if e == 4) { var e = e + 1 } e`, "5"},
		{"a function named like what is caught", `try { throw 4 } catch (e) { function e() { return 6 } } e()`, "6"},
		{"a class of a regular expression with a strange range", `/^[.-\w]+$/.test("a-.") && /[\s-\d]/.test("-")`, "true"},

		{"HTML comments", "<!-- one\nvar a = 1; <!-- two\n --> three\na", "1"},
		{"a closing HTML comment inside of a line", "var a = 3, n = 0; while (a-->0) n++; n", "3"},
		{"zeros before decimal numbers", `[08, 09, 0089, 09.5, 010, 00, 0, 0x1F, 1.e3, .5].join()`, "8,9,89,9.5,8,0,0,31,1000,0.5"},
		{"escapes without digits", `"\user \xyz \u0041 \x41"`, "user xyz A A"},
		{"words reserved later", `var let = 1, yield = 2, await = 3, async = 4, of = 5, get = 6, set = 7, static = 8, implements = 9, package = 10; let + yield + await + async + of + get + set + static + implements + package`, "55"},
		{"words reserved earlier", `var abstract=1,boolean=1,byte=1,char=1,double=1,final=1,float=1,goto=1,int=1,long=1,native=1,short=1,synchronized=1,throws=1,transient=1,volatile=1; abstract+boolean+byte+char+double+final+float+goto+int+long+native+short+synchronized+throws+transient+volatile`, "16"},
		{"keywords as names of members", `var o = {default: 1, "class": 2, if: 3}; o.default + o.class + o.if`, "6"},
		{"a byte order mark", "\ufeff5", "5"},
		{"ends of lines", "var a = 1\rvar b = 2\r\nvar c = 3\u2028a + b + c", "6"},
		{"return before the end of a line", "function f() { return\n1 } typeof f()", "undefined"},
		{"counting behind the end of a line", "var a = 1, b = 1\na\n++b\na + b", "3"},
		{"counting a member of a regular expression", "var a = 1\n++/\"/.lastIndex\na", "1"},
		{"a division that looks like an expression", "var a = 8, g = 2; a / 2 / g", "2"},
		{"a regular expression behind a parenthesis", `var r = 0; if (true) /a/.test("a") && r++; r`, "1"},
		{"a regular expression behind a block", `{ } /}"/.source`, `}"`},
		{"a slash in a class", `/[/"]/.test('"')`, "true"},
		{"a division behind an object", `var a = {valueOf: function () { return 8 }} / 2; a`, "4"},
		{"continued strings", "'a\\\nb\\\r\nc'", "abc"},
		{"Latin-1", "'\xe4' // \xfc", "ä"},
		{"implicit globals", `function f() { a = 1 } f(); a`, "1"},
		{"with", `with ({a: 3}) a`, "3"},
		{"parameters of one name", `function f(a, a) { return a } f(1, 2)`, "2"},
		{"eval has the variables of its function", `function f() { var a = 5; return eval("a") } f()`, "5"},
		{"old syntax in eval", `eval("if (1) { function f() { return 08 } } f()")`, "8"},
		{"const in eval", `function f() { eval("const A = 1; A = 2"); return A } f()`, "1"},
		{"old syntax in Function", `new Function("a", "b", "const A = 08; A = 5; return A + a + b")(1, 2)`, "11"},
		{"Function remains the constructor", `var f = Function("return 1"); [f instanceof Function, f.constructor == Function, (function () {}).constructor == Function, f()].join()`, "true,true,true,1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := run(t, c.src); got != c.want {
				out, _ := Rewrite("", c.src)
				t.Errorf("%s\nbecame %s\ngot %q, want %q", c.src, out, got, c.want)
			}
		})
	}
}

func TestSourceThatIsFineComesThroughAsItIs(t *testing.T) {
	for _, src := range []string{
		"", "\ufeff// a\r\nvar a = 1;\r\n", "function f(a) { return a / 2 / 1 }\nf(3) // <!-- no\n",
		"application.onConnect = function (c) { this.acceptConnection(c); c.x = function () { return /[/]/g } }",
		"var f = x => { const a = `b${ {c: 1}.c }d`; return a }; class A { static get x() { return 1 } }\n",
		"for (const x of [1]) { trace(x) }", "let a = 1; const b = 2", "async function f() { await g() }", "function* g() { yield /a/ }",
		"a: for (;;) { break a }", "/* <!-- 08 const */ '<!-- 08 const' + \"function\"",
	} {
		got, err := Rewrite("", src)
		if err != nil || got != src {
			t.Errorf("%q became %q, %v", src, got, err)
		}
	}
}

func TestRewriteReportsWhatHasNoTokens(t *testing.T) {
	for _, c := range []struct {
		src, message string
		line, column int
		text         string
	}{
		{"a\n 'abc\nb", "unterminated string", 2, 2, " 'abc"},
		{"a\n/* b\nc", "unterminated comment", 2, 1, "/* b"},
		{"a\rä = /b\nc", "unterminated regular expression", 2, 5, "ä = /b"},
		{"`a${b}\n", "unterminated template", 1, 6, "`a${b}"},
		{strings.Repeat("a+", 2001) + "b", "expression with too many operators", 1, 4003, strings.Repeat("a+", 2001) + "b"},
		{"try{}" + strings.Repeat("catch(e if e){}", 101), "too many catch clauses", 1, 1506, "try{}" + strings.Repeat("catch(e if e){}", 101)},
		{strings.Repeat("class extends ", 5000), "nested too deeply", 1, 13987, strings.Repeat("class extends ", 5000)},
		{"a" + strings.Repeat(".b", 5002), "expression with too many members and calls", 1, 10004, "a" + strings.Repeat(".b", 5002)},
		{strings.Repeat("(", 5000), "nested too deeply", 1, 1000, strings.Repeat("(", 5000)},
	} {
		_, err := Rewrite("x.asc", c.src)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.20q: got %v", c.src, err)
			continue
		}
		want := SyntaxError{Name: "x.asc", Line: c.line, Column: c.column, Message: c.message, Text: c.text}
		if *syntax != want {
			t.Errorf("%.20q: got %+v", c.src, *syntax)
		}
	}
}

func TestPositionsStay(t *testing.T) {
	lines := []string{
		"<!-- x", "const A = 08; A = 3", "if (A) { g(); function f() { return 1 }", "function g() { return f() } }",
		"for each (var v in {a: 1})", "  f()", "try { throw 1 } catch (e if e == 2) {", "} catch (e if e == 1", ") { var e = 3 }",
		"function h() {", "const B = 1; B = '\\", "'; B++ }", "h(); eval('1')", "/* a", "*/ if (1) function k() {", " throw new Error(1) }",
	}
	src := strings.Join(lines, "\n") + "\nk()\n"
	out, err := Rewrite("main.asc", src)
	if err != nil {
		t.Fatal(err)
	}
	vm := goja.New()
	if err := Install(vm); err != nil {
		t.Fatal(err)
	}
	_, err = vm.RunScript("main.asc", out)
	var thrown *goja.Exception
	if !errors.As(err, &thrown) {
		t.Fatalf("got %v of %s", err, out)
	}
	var at []int
	for _, frame := range thrown.Stack() {
		at = append(at, frame.Position().Line)
	}
	if len(at) != 2 || at[0] != 16 || at[1] != 17 {
		t.Errorf("thrown on lines %v of %s", at, out)
	}
}
