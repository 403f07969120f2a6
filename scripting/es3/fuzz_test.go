package es3

import (
	"strings"
	"testing"

	"github.com/dop251/goja"
	goparser "github.com/dop251/goja/parser"
)

// accepts reports whether goja compiles the source.
func accepts(src string) bool {
	program, err := goja.Parse("", src, goparser.WithDisableSourceMaps)
	if err != nil {
		return false
	}
	_, err = goja.CompileAST(program, false)
	return err == nil
}

// lines counts as goja does.
func lines(src string) int {
	count := 1
	for src != "" {
		size := lineEnd(src)
		if size > 0 {
			count++
		}
		src = src[max(size, 1):]
	}
	return count
}

func containsAny(src string, words ...string) bool {
	for _, word := range words {
		if strings.Contains(src, word) {
			return true
		}
	}
	return false
}

func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{
		"if (a) { function f() { return 08 } } f()", "const A = 1; A = 2", "function f() { const A = 1; A++ }", "for each (var v in o) ;",
		"try { } catch (e if e) { } catch (f) { } finally { }", "<!-- a\n--> b", "a = b / c / d; /e[/]/g.test(f)", "`a${b`c`}d`", "x => { }",
		"class A extends B { static get x() { return /a/ } y = 1 }", "switch (a) { case 1: f(); function f() { } default: }", "'a\\\nb' \"\\u00\"",
		"eval('a' + eval(b))", "a: do function f() { } while (1) ; else", "if (1) const A = 1; else ;", "x = { get a() { }, b: function () { }, 'c': 1, [d]: 2 }",
		"\ufeffa\r\nb\u2028c", "let a = 1, { b } = c", "async function f() { await /a/ }", "function* g() { yield /a/; yield\n/b/ }", "new.target", "a?.5:b?.c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 4000 {
			return // goja takes long
		}
		out, err := Rewrite("", src)
		valid := accepts(src)
		if err != nil {
			if valid && !strings.Contains(err.Error(), "unterminated regular expression") { // goja takes "/["
				t.Fatalf("goja takes what Rewrite does not: %v", err)
			}
			return
		}
		if got, want := lines(out), lines(toUTF8(src)); got != want {
			t.Fatalf("%d lines became %d: %q", want, got, out)
		}
		if !valid {
			return
		}
		if !containsAny(src, "const", "function", "eval", "<!--", "\\") && out != src {
			t.Fatalf("changed without need: %q", out)
		}
		if !containsAny(src, "let", "const", "class", "catch", "use strict", "<!--") && !accepts(out) {
			t.Fatalf("goja does not take what became of it: %q", out)
		}
	})
}

func FuzzScan(f *testing.F) {
	f.Add("a = /b/ + 'c' // d")
	f.Fuzz(func(t *testing.T, src string) {
		tokens, _ := Scan(src)
		src = toUTF8(src)
		end := 0
		for _, token := range tokens {
			if token.Offset < end || !strings.HasPrefix(src[token.Offset:], token.Text) || token.Text == "" {
				t.Fatalf("%+v is not where it says", token)
			}
			end = token.Offset + len(token.Text)
			if want := lines(src[:token.Offset]); token.Line != want {
				t.Fatalf("%+v is on line %d", token, want)
			}
		}
	})
}
