package configs

import (
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestApplicationFollowsTheServer(t *testing.T) {
	c := Default()
	c.Publish.Takeover = TakeoverAlways
	c.Play.MaxLag = 3 * time.Second
	for name, named := range map[string]bool{"live": true, "unheard-of": false} {
		want := Application{Name: name, Named: named, Publish: ApplicationPublish{Publish: c.Publish}, Play: c.Play, Peers: c.Peers,
			Instances: c.Instances, Scripts: c.Scripts, SharedObjects: c.SharedObjects, Bandwidth: c.Bandwidth, Access: c.Access}
		if diff := cmp.Diff(want, c.Application(name)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestEveryOverrideTakesEffect sets each field of Overrides alone and looks for it in the Application.
func TestEveryOverrideTakesEffect(t *testing.T) {
	for _, f := range applicationFields {
		value := clamp(f, other(f, 0))
		if f.key == "publish.open" || f.key == "loadOnStart" {
			value = "true"
		}
		c, err := load("", nil, Sources{Set: []string{"applications.stage." + f.key + "=" + value}})
		if err != nil {
			t.Fatal(err)
		}
		plain, own := c.Application("live"), c.Application("stage")
		own.Name = plain.Name
		if reflect.DeepEqual(plain, own) {
			t.Errorf("%s changes nothing", f.key)
		}
		if want := Default().Application("live"); !reflect.DeepEqual(want, plain) {
			t.Errorf("%s of one application reaches another", f.key)
		}
	}
}

func TestOwnPublishSetting(t *testing.T) {
	for set, want := range map[string]ApplicationPublish{
		"publish.open=true":    {Open: true, Own: true, Publish: Publish{Key: "server"}},
		"publish.open=false":   {Own: true, Publish: Publish{Key: "server"}},
		"publish.key=own":      {Own: true, Publish: Publish{Key: "own"}},
		"publish.key=":         {Publish: Publish{Key: "server"}},
		"play.maxLag=1s":       {Publish: Publish{Key: "server"}},
		"publish.pingTimeout=": {},
	} {
		c, err := load("", nil, Sources{Set: []string{"publish.key=server", "applications.live." + set}})
		if set == "publish.pingTimeout=" {
			if err == nil {
				t.Error("an empty time was accepted")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got := c.Application("live").Publish
		want.Takeover, want.PingTimeout = TakeoverDead, 2*time.Second
		if got != want {
			t.Errorf("%s: got %+v, want %+v", set, got, want)
		}
	}
}

func TestCheckFindsWhatAProgramSetWrongly(t *testing.T) {
	long, negative, key := time.Hour, -1, "a b"
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"range":       {func(c *Config) { c.RTMP.ChunkSize = 127 }, "rtmp.chunkSize"},
		"choice":      {func(c *Config) { c.Publish.Takeover = "never" }, "publish.takeover"},
		"address":     {func(c *Config) { c.Metrics.Listen = "nowhere" }, "metrics.listen"},
		"path":        {func(c *Config) { c.Data.Dir = "" }, "data.dir"},
		"prefix":      {func(c *Config) { c.RTMP.ProxyProtocol = []netip.Prefix{{}} }, "rtmp.proxyProtocol"},
		"no listener": {func(c *Config) { c.RTMP.Listen, c.RTMFP.Listen = "", "" }, "rtmp.listen"},
		"server":      {func(c *Config) { c.RTMFP.Redirect.Servers = []string{"a:1", ""} }, "rtmfp.redirect.servers"},
		"redirector":  {func(c *Config) { c.RTMFP.Redirectors = []string{"rtmfp://hush"} }, "rtmfp.redirectors: (secret)"},
		"half a pair": {func(c *Config) { c.RTMPS.Key = "key.pem" }, "rtmps.certificate"},
		"messages":    {func(c *Config) { c.Limits.Message = 4 * KB }, "limits.messageBeforePublish"},
		"same port":   {func(c *Config) { c.Metrics.Listen = c.RTMP.Listen }, "metrics.listen"},
		"zero value":  {func(c *Config) { *c = Config{} }, "limits.connections"},
		"name":        {func(c *Config) { c.Applications.Named["a/b"] = Overrides{} }, "applications.a/b"},
		"override": {func(c *Config) {
			c.Applications.Named["live"] = Overrides{Play: PlayOverrides{Write: WriteOverrides{Delay: &long}}}
		}, "applications.live.play.write.delay"},
		"clients": {func(c *Config) { c.Applications.Named["live"] = Overrides{MaxClients: &negative} }, "applications.live.maxClients"},
		"variables": {func(c *Config) {
			c.Applications.Named["live"] = Overrides{Config: map[string]string{"a-b": ""}}
		}, "applications.live.config: (secret)"},
		"directories": {func(c *Config) {
			c.Applications.Named["live"] = Overrides{Directories: map[string]string{"/a/../b": "c"}}
		}, "applications.live.directories"},
		"own key": {func(c *Config) {
			c.Applications.Named["live"] = Overrides{Publish: PublishOverrides{Key: &key}}
		}, "applications.live.publish.key"},
	} {
		c := Default()
		test.change(c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want one about %s", name, err, test.want)
		}
	}
}

func TestFreePortsMayBeTheSame(t *testing.T) {
	c := Default()
	c.RTMP.Listen, c.RTMPS.Listen, c.Metrics.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}

func TestRTMPAndRTMFPShareAPort(t *testing.T) {
	c := Default()
	c.RTMP.Listen, c.RTMFP.Listen = "127.0.0.1:1935", "127.0.0.1:1935" // one is TCP, the other UDP
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}

func TestOneListenerOfAnyKindIsEnough(t *testing.T) {
	for _, only := range []func(*Config){
		func(c *Config) { c.RTMP.Listen = ":1" }, func(c *Config) { c.RTMPS.Listen = ":1" }, func(c *Config) { c.RTMFP.Listen = ":1" },
	} {
		c := Default()
		c.RTMP.Listen, c.RTMFP.Listen = "", ""
		only(c)
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestDiffOfEveryKey(t *testing.T) {
	for _, key := range allKeys() {
		f, _, _ := locate(key)
		c, err := load("", nil, Sources{Set: append(companion(key), key+"="+clamp(f, other(f, 0)))})
		if err != nil {
			t.Fatal(err)
		}
		var found bool
		for _, change := range Diff(Default(), c) {
			if change.Key != key {
				continue
			}
			found = true
			// Nothing of an application that is new must stay as it was.
			reload := f.reload || strings.HasPrefix(key, "applications.My-Stage_2.")
			if change.Reloadable != reload || change.Old == change.New && !f.secret {
				t.Errorf("%s: %+v", key, change)
			}
			if f.secret && strings.Contains(change.New, other(f, 0)) {
				t.Errorf("%s: the secret shows: %+v", key, change)
			}
		}
		if !found {
			t.Errorf("%s: the change was not found", key)
		}
	}
}

func TestDiffTellsApplicationsThatComeAndGo(t *testing.T) {
	old, changed := Default(), Default()
	delete(changed.Applications.Named, "live")
	changed.Applications.Named["stage"] = Overrides{}
	want := []Change{
		{Key: "applications.live", Old: "(named)", New: "(not set)", Reloadable: true},
		{Key: "applications.stage", Old: "(not set)", New: "(named)", Reloadable: true},
	}
	if diff := cmp.Diff(want, Diff(old, changed)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDefaultIsFreshEachTime(t *testing.T) {
	Default().Applications.Named["x"] = Overrides{}
	if _, shared := Default().Applications.Named["x"]; shared {
		t.Error("two defaults share a map")
	}
}

func TestRestartIsNeededForListenersAndFolders(t *testing.T) {
	var got []string
	for _, f := range serverFields {
		if !f.reload {
			got = append(got, f.key)
		}
	}
	want := []string{"data.dir", "applications.dir", "log.format", "rtmp.listen", "rtmps.listen",
		"rtmfp.listen", "rtmfp.startupRate", "rtmfp.keyLog", "scripts.isolation", "sharedObjects.commitInterval", "metrics.listen"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = nil
	for _, f := range applicationFields {
		if !f.reload {
			got = append(got, f.key)
		}
	}
	if diff := cmp.Diff([]string{"scripts.isolation"}, got); diff != "" {
		t.Errorf("of an application (-want +got):\n%s", diff)
	}
}

func TestLogLevels(t *testing.T) {
	for level, want := range map[LogLevel]slog.Level{
		LevelDebug: slog.LevelDebug, LevelInfo: slog.LevelInfo, LevelWarn: slog.LevelWarn, LevelError: slog.LevelError, "": slog.LevelInfo,
	} {
		if got := level.Level(); got != want {
			t.Errorf("%q: got %v, want %v", level, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "4096": 4096, "64KB": 65536, "64 kb": 65536, "16MB": 16 << 20, "1GB": 1 << 30, "7B": 7, "007": 7, "1TB": 1 << 40,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for size, want := range map[Size]string{0: "0", 1000: "1000", 4096: "4KB", 1 << 20: "1MB", 1<<24 - 1: "16777215", 3 << 30: "3GB", 2 << 40: "2TB"} {
		if got := size.String(); got != want {
			t.Errorf("%d: got %q, want %q", int64(size), got, want)
		}
	}
}
