package configs

import (
	"errors"
	"flag"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// other returns a value for the field that differs from its default and from each other one of the same turn.
func other(f field, turn int) string {
	switch {
	case f.key == "log.format":
		return "json" // the only one that is not the default
	case f.key == "connect.unknown":
		return "invalidApp"
	case f.key == "scripts.reload":
		return "now"
	case f.key == "scripts.isolation":
		return "process"
	case f.key == "config":
		return []string{`{"a": "x, y: {}\n"}`, `{"$b_1": "", "c": "\"ä\x7f\u2028"}`, `{}`}[turn]
	case f.key == "directories":
		return []string{`{"/a": "./a"}`, `{"/b": "b c", "/b/c.d": "/"}`, `{}`}[turn]
	case f.key == "rtmfp.redirect.servers":
		return []string{"192.0.2.1:1935,[2001:db8::1]:1", "other.example:1935", "a_b:65535"}[turn]
	case f.key == "rtmfp.redirectors":
		return []string{"rtmfp://a:b@c:1935/n", "rtmfp://c.d:1/n,rtmfp://u:p@[::1]:2/m", "rtmfp://u:%2C@c:1/n%2Fm"}[turn]
	case len(f.choice) > 0:
		rest := make([]string, 0, len(f.choice))
		for _, word := range f.choice {
			if word != map[string]string{"log.level": "info", "publish.takeover": "dead", "play.write.mode": "adaptive", "peers.introduce": "connected"}[f.key] {
				rest = append(rest, word)
			}
		}
		return rest[turn%len(rest)]
	case f.kind == durationType:
		return []string{"789ms", "678ms", "567ms"}[turn]
	case f.kind == sizeType:
		return []string{"65537", "65KB", "66KB"}[turn]
	case f.kind == prefixesType:
		return []string{"10.0.0.0/8,::1/128", "192.0.2.1/32", "10.1.0.0/16"}[turn]
	case f.kind.Kind() == reflect.Int:
		return []string{"21", "22", "23"}[turn]
	case f.kind.Kind() == reflect.Bool:
		return "false"
	case f.check == "address":
		return []string{"127.0.0.1:0", "[::1]:0", ":0"}[turn]
	default:
		return []string{"a-b", "c.d", "e_f"}[turn]
	}
}

// companion returns what else must be set so that the value of a key is allowed together with the rest.
func companion(key string) []string {
	switch key {
	case "rtmps.certificate":
		return []string{"rtmps.key=x"}
	case "rtmps.key":
		return []string{"rtmps.certificate=x"}
	case "limits.message":
		return []string{"limits.messageBeforePublish=4KB"}
	}
	return nil
}

// clamp keeps a size under the limit of its key, and a time above.
func clamp(f field, text string) string {
	if _, ok := f.parse(text); ok {
		return text
	}
	for _, further := range map[string][]string{
		"65537": {"129", "33MB"}, "65KB": {"1KB", "34MB"}, "66KB": {"2KB", "35MB"},
		"789ms": {"31s"}, "678ms": {"32s"}, "567ms": {"33s"},
	}[text] {
		if _, ok := f.parse(further); ok {
			return further
		}
	}
	return text
}

func nested(key, value string) string {
	var b strings.Builder
	words := strings.Split(key, ".")
	for depth, word := range words {
		b.WriteString(strings.Repeat("  ", depth) + word + ":")
		if depth == len(words)-1 {
			if !strings.HasPrefix(value, "{") {
				value = `"` + value + `"`
			}
			b.WriteString(" " + value)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// get returns the text of the value at a full key, which must exist.
func get(t *testing.T, c *Config, key string) string {
	t.Helper()
	f, application, found := locate(key)
	if !found {
		t.Fatalf("no key %s", key)
	}
	if application == "" {
		return f.format(reflect.ValueOf(c).Elem().FieldByIndex(f.index))
	}
	return f.show(reflect.ValueOf(c.Applications.Named[application]))
}

func allKeys() []string {
	var keys []string
	for _, f := range serverFields {
		keys = append(keys, f.key)
	}
	for _, f := range applicationFields {
		keys = append(keys, "applications.live."+f.key, "applications.My-Stage_2."+f.key)
	}
	return keys
}

func TestLaterLayersWinForEveryKey(t *testing.T) {
	for _, key := range allKeys() {
		f, _, _ := locate(key)
		value := func(turn int) string { return clamp(f, other(f, turn)) }
		file := nested(key, value(0))
		if strings.HasPrefix(key, "applications.My-Stage_2.") && f.key != "maxClients" {
			file += "  my-other: {maxClients: 1}\n"
		}
		env := []string{EnvName(key) + "=" + value(1)}
		set := []string{key + "=" + value(2)}
		for _, test := range []struct {
			layers  string
			sources Sources
			file    string
			want    string
		}{
			{"file", Sources{Set: companion(key)}, file, value(0)},
			{"environment", Sources{Env: env, Set: companion(key)}, file, value(1)},
			{"set", Sources{Env: env, Set: append(companion(key), set...)}, file, value(2)},
			{"set without a file", Sources{Set: append(companion(key), set...)}, "", value(2)},
		} {
			c, err := load("test.yaml", []byte(test.file), test.sources)
			if err != nil {
				t.Errorf("%s from %s: %v", key, test.layers, err)
				continue
			}
			if got := get(t, c, key); got != test.want {
				t.Errorf("%s from %s: got %q, want %q", key, test.layers, got, test.want)
			}
			if test.layers == "set" && get(t, c, key) == get(t, Default(), key) {
				t.Errorf("%s: the test's value is the default", key)
			}
		}
	}
}

func TestEnvironmentNamesAreDistinct(t *testing.T) {
	seen := make(map[string]string)
	for _, f := range serverFields {
		if first, twice := seen[EnvName(f.key)]; twice {
			t.Errorf("%s and %s share %s", first, f.key, EnvName(f.key))
		}
		seen[EnvName(f.key)] = f.key
		if foreign(EnvName(f.key)) {
			t.Errorf("%s is taken for somebody else's variable", EnvName(f.key))
		}
	}
	for _, long := range applicationFields {
		for _, short := range applicationFields {
			if strings.HasSuffix(envWord(long.key), "_"+envWord(short.key)) {
				t.Errorf("in a variable, %s can be taken for %s of an application with a longer name", long.key, short.key)
			}
		}
	}
}

func TestEnvironmentOfOthersIsIgnored(t *testing.T) {
	_, err := load("", nil, Sources{Env: []string{
		"PATH=/bin", "AFTERGLOW=1", "RTMP_LISTEN=x", "AFTERGLOW_SERVICE_HOST=10.0.0.1", "AFTERGLOW_PORT=tcp://10.0.0.1:1935",
		"AFTERGLOW_PORT_1935_TCP_ADDR=10.0.0.1", "AFTERGLOW_SOAK=1",
	}})
	if err != nil {
		t.Error(err)
	}
}

func TestEnvironmentNamesANewApplicationInLowerCase(t *testing.T) {
	c, err := load("", nil, Sources{Env: []string{"AFTERGLOW_APPLICATIONS_MAIN_STAGE_PUBLISH_OPEN=true"}})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Application("main_stage").Publish.Open {
		t.Errorf("main_stage is not open; named: %v", c.Applications.Named)
	}
}

func TestFileIsFoundInTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Load(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), c); diff != "" {
		t.Errorf("without a file (-default +got):\n%s", diff)
	}
	if err := os.WriteFile(DefaultFile, []byte("log: {level: warn}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = Load(Sources{}); err != nil || c.Log.Level != LevelWarn {
		t.Errorf("with a file: %+v, %v", c, err)
	}
}

func TestNamedFileMustExist(t *testing.T) {
	_, err := Load(Sources{File: filepath.Join(t.TempDir(), "none.yaml")})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestEmptyFilesAndSectionsChangeNothing(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "{}", "rtmp:\n", "rtmp:\napplications:\n  live:\n    publish:\n", "null"} {
		c, err := load("test.yaml", []byte(text), Sources{})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(Default(), c); diff != "" {
			t.Errorf("%q (-default +got):\n%s", text, diff)
		}
	}
}

func TestProxyRangesAreRead(t *testing.T) {
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}
	for _, test := range []struct {
		name, file string
		sources    Sources
	}{
		{"list", "rtmp:\n  proxyProtocol:\n    - 10.1.2.3/8\n    - 2001:db8::1\n", Sources{}},
		{"set", "", Sources{Set: []string{"rtmp.proxyProtocol=10.0.0.0/8, 2001:db8::1"}}},
	} {
		c, err := load("test.yaml", []byte(test.file), test.sources)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := c.RTMP.ProxyProtocol
		if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("%s: got %v, want %v", test.name, got, want)
		}
	}
	c, err := load("", []byte("rtmp: {proxyProtocol: [10.0.0.0/8]}"), Sources{Set: []string{"rtmp.proxyProtocol="}})
	if err != nil || len(c.RTMP.ProxyProtocol) != 0 {
		t.Errorf("emptied: %v, %v", c, err)
	}
}

func TestListsAreRead(t *testing.T) {
	want := []string{"192.0.2.1:1935", "other.example:1"}
	for _, test := range []struct {
		name, file string
		sources    Sources
	}{
		{"list", "rtmfp: {redirect: {servers: ['192.0.2.1:1935', other.example:1]}}", Sources{}},
		{"text", "rtmfp: {redirect: {servers: '192.0.2.1:1935,other.example:1'}}", Sources{}},
		{"set", "", Sources{Set: []string{"rtmfp.redirect.servers= 192.0.2.1:1935 , other.example:1"}}},
	} {
		c, err := load("test.yaml", []byte(test.file), test.sources)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(want, c.RTMFP.Redirect.Servers); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	c, err := load("", []byte("rtmfp: {redirect: {servers: [a:1]}}"), Sources{Set: []string{"rtmfp.redirect.servers="}})
	if err != nil || len(c.RTMFP.Redirect.Servers) != 0 {
		t.Errorf("emptied: %v, %v", c, err)
	}
}

// TestErrorMessages compares with testdata/errors: NAME.yaml is the file, NAME.env and NAME.set (if any) the other
// layers, a line each, and NAME.golden the message.
func TestErrorMessages(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		base := strings.TrimSuffix(file, ".yaml")
		t.Run(filepath.Base(base), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = load("afterglow.yaml", data, Sources{Env: lines(t, base+".env"), Set: lines(t, base+".set")})
			var all Errors
			if !errors.As(err, &all) {
				t.Fatalf("got %v, want Errors", err)
			}
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(base+".golden", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(base + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func lines(t *testing.T, path string) []string {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func TestOutOfRangeIsRefusedForEveryKey(t *testing.T) {
	for _, key := range allKeys() {
		f, _, _ := locate(key)
		var bad []string
		switch {
		case f.kind == durationType:
			low, _ := time.ParseDuration(f.min)
			high, _ := time.ParseDuration(f.max)
			bad = []string{(low - 1).String(), (high + 1).String(), "5", "soon", ""}
		case f.kind == sizeType:
			low, _ := ParseSize(f.min)
			high, _ := ParseSize(f.max)
			bad = []string{(low - 1).String(), (high + 1).String(), "1.5MB", "-4KB", "9223372036854775807GB", "4 k", ""}
		case f.kind.Kind() == reflect.Int:
			low, _ := strconv.Atoi(f.min)
			high, _ := strconv.Atoi(f.max)
			bad = []string{strconv.Itoa(low - 1), strconv.Itoa(high + 1), "1e3", "0x10", "99999999999999999999", ""}
		case f.kind.Kind() == reflect.Bool:
			bad = []string{"yes", "1", "True", ""}
		case f.kind == mapType:
			bad = []string{"a", "[a, b]", "{a: 1", "null", "{/a: }", "{? [a] : b}", "{x: {y: z}}", "{a: *b}", "{x: 1}\n---\n{}"}
		case f.check == "server":
			bad = []string{"host", ":1935", "host:0", "host:65536", "0.0.0.0:1", "[::]:1", "224.0.0.1:1", "rtmfp://host:1", "a:1,,b:1", "a b:1"}
		case f.check == "redirector":
			bad = []string{"host:1935", "rtmp://a:1/n", "rtmfp://a:1", "rtmfp://a:1/", "rtmfp://a/n", "rtmfp://:1/n", "rtmfp://u@a:1/n",
				"rtmfp://u:@a:1/n", "rtmfp://:p@a:1/n", "rtmfp://a:1/n?x", "rtmfp://a:1/n?", "rtmfp://a:1/n#x", "rtmfp://a:1/%0a",
				"rtmfp://a:1/%zz", "rtmfp://a:1/" + strings.Repeat("n", maxRedirectorName+1), "rtmfp://u:a,b@a:1/n"}
		case f.kind == prefixesType:
			bad = []string{"10.0.0.0/33", "host", "10.0.0.0/8,,::1"}
		case len(f.choice) > 0:
			bad = []string{strings.ToUpper(f.choice[0]), "", f.choice[0] + " "}
		case f.check == "address":
			bad = []string{"1935", "127.0.0.1", ":65536", ":rtmp", "a b:1", "::1:1935", ":-1"}
		case f.check == "key":
			bad = []string{"a b", "ü", "a&b", strings.Repeat("k", maxPublishKey+1)}
		default:
			bad = []string{"a\x00b", "a\nb", strings.Repeat("p", maxPath+1)}
			if f.check == "paths" {
				bad = append(bad, `\a`)
			}
			if !f.empty {
				bad = append(bad, "")
			}
		}
		for _, text := range bad {
			_, err := load("", nil, Sources{Set: []string{key + "=" + text}})
			if err == nil {
				t.Errorf("%s=%q was accepted", key, text)
				continue
			}
			if message := err.Error(); !strings.Contains(message, key) || !strings.Contains(message, f.allowed()) {
				t.Errorf("%s=%q: the message says not what is allowed: %s", key, text, message)
			}
		}
	}
}

func TestSecretsStayOutOfMessages(t *testing.T) {
	for _, set := range []string{"publish.key=hush hush", "applications.live.publish.key=hush hush", "rtmfp.redirectors=rtmfp://u:hush@h/n"} {
		_, err := load("", nil, Sources{Set: []string{set}})
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", set, err)
		}
	}
}

func TestApplicationWithoutANameIsRefused(t *testing.T) {
	for _, set := range []string{"applications..maxClients=1", "applications..config={}", "applications..=1"} {
		if c, err := load("", nil, Sources{Set: []string{set}}); err == nil {
			t.Errorf("%s was accepted: %+v", set, c)
		}
	}
	_, err := load("", nil, Sources{Set: []string{"applications..maxClients=1"}})
	if err == nil || !strings.Contains(err.Error(), allowedApplicationName) {
		t.Errorf("got %v", err)
	}
}

func TestMessagesAreOneLineEach(t *testing.T) {
	_, err := load("", []byte("\"a\\nb\": 1\nlog: {level: \"a\\nb\"}\napplications: {\"x\\ny\": {}}\n"),
		Sources{Env: []string{"AFTERGLOW_A\nB=1"}, Set: []string{"c\nd=1", "e\nf"}})
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("got %v", err)
	}
	if got := strings.Count(err.Error(), "\n") + 1; len(all) != 6 || got != 6 {
		t.Errorf("%d errors in %d lines:\n%v", len(all), got, err)
	}
}

func TestErrorsCarryTheirPlace(t *testing.T) {
	_, err := load("my.yaml", []byte("log:\n  level: loud\n"), Sources{})
	var first *Error
	if !errors.As(err, &first) {
		t.Fatalf("got %v", err)
	}
	if first.Source != "my.yaml" || first.Line != 2 || first.Key != "log.level" {
		t.Errorf("got %+v", first)
	}
}
