package configs

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMapsAreRead(t *testing.T) {
	want := map[string]string{"title": "News, today", "rows": "20", "ratio": "1.50", "on": "yes", "blank": "", "_$1": "a\nb"}
	const flow = `{title: "News, today", rows: 20, ratio: 1.50, on: yes, blank: "", _$1: "a\nb"}`
	for _, test := range []struct {
		name, file string
		sources    Sources
	}{
		{"block", "applications:\n  live:\n    config:\n      title: News, today\n      rows: 20\n      ratio: 1.50\n" +
			"      on: yes\n      blank: ''\n      _$1: |-\n        a\n        b\n", Sources{}},
		{"flow", "applications: {live: {config: " + flow + "}}", Sources{}},
		{"set", "", Sources{Set: []string{"applications.live.config=" + flow}}},
		{"environment", "", Sources{Env: []string{"AFTERGLOW_APPLICATIONS_LIVE_CONFIG=" + flow}}},
	} {
		c, err := load("test.yaml", []byte(test.file), test.sources)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(want, c.Application("live").Config); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestMapsAreReplacedAsAWhole(t *testing.T) {
	file := []byte("applications: {live: {directories: {/a: a, /b: b}}}")
	for set, want := range map[string]map[string]string{
		"applications.live.directories={/c: c}": {"/c": "c"},
		"applications.live.directories={}":      {},
		"applications.live.directories=":        {},
		"applications.live.maxClients=1":        {"/a": "a", "/b": "b"},
	} {
		c, err := load("test.yaml", file, Sources{Set: []string{set}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, c.Application("live").Directories); diff != "" {
			t.Errorf("%s (-want +got):\n%s", set, diff)
		}
	}
}

func TestMapWithoutEntriesChangesNothing(t *testing.T) {
	c, err := load("test.yaml", []byte("applications:\n  live:\n    config:\n      # title: News\n"), Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if got := Diff(Default(), c); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestMapsAreBounded(t *testing.T) {
	most := make(map[string]string)
	for i := range maxEntries {
		most[fmt.Sprintf("a%d", i)] = "x"
	}
	more := maps.Clone(most)
	more["b"] = "x"
	long := strings.Repeat("n", maxVariableName)
	folder := "/" + strings.Repeat("n", maxDirectory-1)
	for _, test := range []struct {
		key    string
		values map[string]string
		good   bool
	}{
		{"config", most, true}, {"config", more, false},
		{"config", map[string]string{long: ""}, true}, {"config", map[string]string{long + "n": ""}, false},
		{"config", map[string]string{"a": strings.Repeat("v", maxVariable)}, true},
		{"config", map[string]string{"a": strings.Repeat("v", maxVariable+1)}, false},
		{"directories", map[string]string{folder: "x"}, true}, {"directories", map[string]string{folder + "n": "x"}, false},
		{"directories", map[string]string{"/a": strings.Repeat("p", maxPath)}, true},
		{"directories", map[string]string{"/a": strings.Repeat("p", maxPath+1)}, false},
	} {
		text := formatMap(test.values)
		_, set := load("", nil, Sources{Set: []string{"applications.live." + test.key + "=" + text}})
		_, file := load("test.yaml", []byte("applications: {live: {"+test.key+": "+text+"}}"), Sources{})
		if (set == nil) != test.good || (file == nil) != test.good {
			t.Errorf("%s %.80s: --set: %v; file: %v", test.key, text, set, file)
		}
		f, _, _ := locate("applications.live." + test.key)
		if f.permits(reflect.ValueOf(test.values)) != test.good {
			t.Errorf("%s %.80s: Check and Load differ", test.key, text)
		}
	}
}

func TestMapDoesNotDifferFromItself(t *testing.T) {
	c, err := load("", nil, Sources{Set: []string{"applications.live.config={a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9}"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if got := Diff(c, c); len(got) != 0 {
			t.Fatalf("got %v", got)
		}
	}
}

func TestNamesInMaps(t *testing.T) {
	for name, good := range map[string]bool{
		"a": true, "$": true, "_1": true, "null": true, "": false, "1a": false, "a-b": false, "a.b": false, "ä": false, "a b": false,
	} {
		if validVariableName(name) != good {
			t.Errorf("variable %q: %v", name, !good)
		}
	}
	for name, good := range map[string]bool{
		"/a": true, "/a/b": true, "/.a": true, "/a b": true, "/ä": true, "": false, "/": false, "a": false, "/a/": false, "//a": false,
		"/a//b": false, "/.": false, "/..": false, "/a/../b": false, "/a/.": false, `/a\b`: false, "/a\n": false, "/\xff": false,
	} {
		if validDirectory(name) != good {
			t.Errorf("directory %q: %v", name, !good)
		}
	}
}

func TestEntryOfAMapIsNoKey(t *testing.T) {
	_, err := load("", nil, Sources{Set: []string{"applications.live.config.title=News"}})
	if err == nil || !strings.Contains(err.Error(), "applications.live.config is set as a whole") {
		t.Errorf("got %v", err)
	}
}

func TestVariablesOfScriptsStayOutOfMessages(t *testing.T) {
	for _, test := range []string{"{password: hush, b: [x]}", "{password: [hush]}", "{password: {hush: x}}", "{password: hush, password: hush}", "hush"} {
		for _, sources := range []struct {
			file string
			set  []string
		}{{file: "applications: {live: {config: " + test + "}}"}, {set: []string{"applications.live.config=" + test}}} {
			_, err := load("test.yaml", []byte(sources.file), Sources{Set: sources.set})
			if err == nil || strings.Contains(err.Error(), "hush") {
				t.Errorf("%s: %v", test, err)
			}
		}
	}
}

func TestLibraries(t *testing.T) {
	for library, want := range map[string][]string{"": nil, "./a": {"./a"}, "a;b c;;d": {"a", "b c", "d"}} {
		if diff := cmp.Diff(want, Scripts{Library: library}.Libraries(), cmpEmpty); diff != "" {
			t.Errorf("%q (-want +got):\n%s", library, diff)
		}
	}
}

var cmpEmpty = cmp.FilterValues(func(a, b []string) bool { return len(a)+len(b) == 0 }, cmp.Ignore())

func FuzzMap(f *testing.F) {
	f.Add("config", `{a: 1, "b": "x\ny", $c: !!binary aGk=}`)
	f.Add("directories", `{/a: ../b, "/c d": "e\u2028"}`)
	f.Add("config", "? a\n: b\n<<: {}\n")
	f.Add("config", "{a: &x [*x], b: *x}")
	f.Fuzz(func(t *testing.T, key, text string) {
		field, _, found := locate("applications.live." + key)
		if !found || field.kind != mapType {
			return
		}
		value, ok := field.parse(text)
		if !ok {
			return
		}
		shown := field.format(value)
		if again, ok := field.parse(shown); !ok || !reflect.DeepEqual(again.Interface(), value.Interface()) {
			t.Errorf("%q becomes %q and then %v", text, shown, again)
		}
		if strings.ContainsAny(shown, "\n\r") {
			t.Errorf("%q has lines", shown)
		}
	})
}
