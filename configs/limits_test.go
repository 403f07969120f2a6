package configs

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestLargeFilesAreRefused(t *testing.T) {
	_, err := load("big.yaml", []byte(strings.Repeat("#", maxFile+1)), Sources{})
	if err == nil || !strings.Contains(err.Error(), "larger than 1MB") {
		t.Errorf("got %v", err)
	}
	if _, err := load("full.yaml", []byte(strings.Repeat("#", maxFile)), Sources{}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

// TestAliasesTakeNoMemory loads a file whose aliases stand for 10^12 entries.
func TestAliasesTakeNoMemory(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	b.WriteString("rtmp: *a11\nlog: {level: *a11}\napplications: {live: *a11, <<: *a11}\n")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := load("bomb.yaml", []byte(b.String()), Sources{})
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"rtmp: an alias", "log.level: an alias", "applications.live: an alias"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"unknown keys":   unknownKeys(20_000),
		"applications":   "applications:\n  \"x.y\": 1\n" + strings.ReplaceAll(unknownKeys(20_000), "k", "  .k"),
		"list":           "rtmp: {proxyProtocol: [" + strings.Repeat("x, ", 20_000) + "]}",
		"nested in vain": strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
	} {
		_, err := load("test.yaml", []byte(text), Sources{})
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if got := strings.Count(err.Error(), "\n"); got > maxErrors {
			t.Errorf("%s: %d lines", name, got+1)
		}
	}
}

func unknownKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	return b.String()
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(Reference()), "AFTERGLOW_RTMP_LISTEN=:0", "rtmp.listen=:0")
	f.Add([]byte("applications: {live: {publish: {key: x}}, a-b: , a_b: }"), "AFTERGLOW_APPLICATIONS_A_B_MAXCLIENTS=1", "applications.=")
	f.Add([]byte("a: &a [*a]\nb: *a\n<<: *a\n? [x]\n: y\n"), "AFTERGLOW_=", "=")
	f.Add([]byte("rtmp: !!binary aGk=\nlog: !x {level: !!int 1}\n--- x"), "AFTERGLOW_APPLICATIONS__PUBLISH_KEY=", "applications")
	f.Add([]byte("applications: {live: {config: {a: 1, a: [2], b: &x y, c: *x}, directories: {/a: b, ..: }}}"), "", "applications.live.config={a: !!null x}")
	f.Add([]byte("rtmp: {proxyProtocol: [1, [2], {3: 4}, '']}"), "x", "rtmp.chunkSize=99999999999GB")
	f.Add([]byte("0"), "", "applications..config=")
	f.Fuzz(func(t *testing.T, data []byte, env, set string) {
		c, err := load("fuzz.yaml", data, Sources{Env: []string{env}, Set: []string{set}})
		if err != nil {
			if got := strings.Count(err.Error(), "\n"); got > maxErrors {
				t.Errorf("%d lines of errors", got+1)
			}
			return
		}
		if err := c.Check(); err != nil {
			t.Errorf("Check refuses what Load took: %v", err)
		}
		if changes := Diff(c, c); len(changes) != 0 {
			t.Errorf("differs from itself: %v", changes)
		}
		for name := range c.Applications.Named {
			if !c.Application(name).Named {
				t.Errorf("application %q is not named", name)
			}
		}
	})
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"", "0", "4096", "64KB", "16 MB", "1gb", "9223372036854775807B", "9223372036854775807KB", "MB", "-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := ParseSize(text)
		if err != nil {
			return
		}
		if size < 0 {
			t.Errorf("%q is %d", text, size)
		}
		if again, err := ParseSize(size.String()); err != nil || again != size {
			t.Errorf("%q: %d becomes %q and then %d, %v", text, size, size, again, err)
		}
	})
}
