package es3

import (
	"errors"
	"strings"
	"testing"
)

func TestSyntaxIsCheckedWithoutRunning(t *testing.T) {
	for _, good := range []string{
		"", "for each (var v in list) trace(v);", "try { f(); } catch (e if e.n) { } <!-- comment", "const A = 1; A = 2; throw 'not run';",
		"var x = 08; //# sourceMappingURL=missing.map",
	} {
		if err := CheckSyntax("main.asc", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestSyntaxErrorsHaveTheirPlace(t *testing.T) {
	for _, c := range []struct {
		src, text string
		line      int
	}{
		{"var a = 1;\nvar b = ;\n", "var b = ;", 2},
		{"a();\r\n\r\nif (x {\r\n", "if (x {", 3},
		{"f();\rvar s = 'open\rg();", "var s = 'open", 2},
		{"var a = 1;\nbreak;\n", "break;", 2},
		{"var x = <a>{b}</a>;", "var x = <a>{b}</a>;", 1},
		{"\n\nreturn 1;", "return 1;", 3},
	} {
		err := CheckSyntax("main.asc", c.src)
		var s *SyntaxError
		if !errors.As(err, &s) {
			t.Errorf("%q: %v", c.src, err)
			continue
		}
		if s.Name != "main.asc" || s.Line != c.line || s.Text != c.text || s.Message == "" || strings.Contains(s.Message, "main.asc") {
			t.Errorf("%q: %+v", c.src, s)
		}
	}
}

func FuzzCheckSyntax(f *testing.F) {
	f.Add("var a = 1;\nif (x {")
	f.Fuzz(func(t *testing.T, src string) {
		var s *SyntaxError
		if err := CheckSyntax("f", src); err != nil && (!errors.As(err, &s) || s.Line < 1 || s.Column < 1) {
			t.Errorf("%v", err)
		}
	})
}
