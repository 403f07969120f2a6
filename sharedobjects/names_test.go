package sharedobjects

import (
	"errors"
	"strings"
	"testing"
)

func TestValidName(t *testing.T) {
	for _, name := range []string{"users", "rooms/1/users", "/a", "ä-_.()[]{}|@!$^*+=`", strings.Repeat("n", 255)} {
		if err := ValidName(name); err != nil {
			t.Error(err)
		}
	}
	bad := []string{"", "a\x00", "a\n", "a\u0085", "\xff", strings.Repeat("n", 256)}
	for _, c := range " ~%&\\;:\"',<>?#" {
		bad = append(bad, "a"+string(c)+"b")
	}
	for _, name := range bad {
		if err := ValidName(name); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"/", "a/b", true},
		{"", "a", false},
		{"/a", "a", true},
		{"a", "/a", true},
		{"/a", "a/b", false},
		{"/a/*", "a/b", true},
		{"/a/*", "a/b/c", true},
		{"/a/*", "a", false},
		{"/a/*", "ab", false},
		{"/a?", "ab", true},
		{"/a?", "aä", true},
		{"/a?b", "a/b", false},
		{"/*b*d", "abcbcd", true},
		{"/*b*d", "abcbc", false},
		{"/?", "", false},
		{"/*", "", true},
		{"/*?", "ab", true},
	} {
		if got := Match(test.pattern, test.name); got != test.want {
			t.Errorf("Match(%q, %q) = %t", test.pattern, test.name, got)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("/a/*?", "a/bc")
	f.Add("*\xff*", "\xff\xfe")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		Match(pattern, name)
		if !strings.ContainsAny(name, "*?") && name != "" && !strings.HasPrefix(name, "/") {
			if !Match(name, name) || !Match("/"+name, name) || !Match("*"+name+"*", name) {
				t.Errorf("%q does not match itself", name)
			}
		}
	})
}
