package configs

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestDefaults(t *testing.T) {
	want := &Config{
		Data:         Data{Dir: "./data"},
		Applications: Applications{Dir: "./applications", Named: map[string]Overrides{"live": {}}},
		Log:          Log{Level: LevelInfo, Format: FormatText},
		RTMP:         RTMP{Listen: ":1935", ChunkSize: 4096, WindowSize: 2_500_000},
		RTMFP: RTMFP{
			Listen:    ":1935",
			KeepAlive: 10 * time.Second,
			GiveUp:    time.Minute,
			ClientKeepAlive: ClientKeepAlive{
				Server: 20 * time.Second, Peers: 20 * time.Second, ServerBehindNAT: 15 * time.Second, PeersBehindNAT: 10 * time.Second,
			},
			QueueBytes:  4 << 20,
			QueueTime:   20 * time.Second,
			StartupRate: 20_000,
		},
		Connect: Connect{Timeout: 30 * time.Second, Unknown: UnknownRejected},
		Publish: Publish{Takeover: TakeoverDead, PingTimeout: 2 * time.Second},
		Play: Play{
			GOPCache:      true,
			GOPCacheBytes: 16 << 20,
			MaxLag:        3 * time.Second,
			Write:         Write{Mode: WriteAdaptive, Delay: 100 * time.Millisecond},
			Lifetime:      Lifetime{Audio: 2200 * time.Millisecond, Video: 2 * time.Second, PreviousGroup: 100 * time.Millisecond},
		},
		Peers:     Peers{Introduce: IntroduceConnected, IntroductionsPerClient: 20},
		Instances: Instances{Idle: 20 * time.Minute, MaxInstances: 15_000},
		Scripts: Scripts{
			Library:       "./scriptlib",
			MaxTime:       10 * time.Second,
			MaxMemory:     128 << 20,
			MaxDepth:      1000,
			MaxTimers:     10_000,
			Reload:        ReloadIdle,
			Isolation:     IsolationNone,
			ProcessMemory: 512 << 20,
			HTTPTimeout:   time.Minute,
		},
		SharedObjects: SharedObjects{
			CommitInterval:  time.Second,
			ResyncDepth:     -1,
			MaxProperties:   10_000,
			MaxPropertySize: 512 << 10,
			MaxSize:         1 << 20,
			MaxObjects:      50_000,
			MaxPerClient:    1000,
		},
		Limits: Limits{
			Connections:           20_000,
			ConnectionsPerAddress: 10_000,
			HandshakeTime:         10 * time.Second,
			ConnectTime:           30 * time.Second,
			IdleTime:              time.Minute,
			PingTimeout:           time.Minute,
			WriteTime:             20 * time.Second,
			MessageBeforePublish:  1 << 20,
			Message:               1<<24 - 1,
			ChunkStreams:          64,
			StreamsPerConnection:  32,
			PendingBytes:          2 << 20,
		},
		Metrics:  Metrics{Listen: "127.0.0.1:1936"},
		Shutdown: Shutdown{Time: 10 * time.Second},
	}
	if diff := cmp.Diff(want, Default()); diff != "" {
		t.Errorf("Default() (-want +got):\n%s", diff)
	}
	if err := Default().Check(); err != nil {
		t.Errorf("Check: %v", err)
	}
}

func TestReferenceLoadsWithoutErrors(t *testing.T) {
	l := newLoader()
	l.file("afterglow.yaml", []byte(Reference()))
	if err := l.errors.sorted(); err != nil {
		t.Fatal(err)
	}
}

// settings returns the place of every key and section in the default file.
func settings(t *testing.T) map[string]*yaml.Node {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(Reference()), &document); err != nil {
		t.Fatal(err)
	}
	found := make(map[string]*yaml.Node)
	var walk func(prefix string, node *yaml.Node)
	walk = func(prefix string, node *yaml.Node) {
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := join(prefix, node.Content[i].Value)
			found[key] = node.Content[i]
			walk(key, node.Content[i+1])
		}
	}
	walk("", document.Content[0])
	return found
}

func TestReferenceExplainsEveryKey(t *testing.T) {
	found := settings(t)
	for _, f := range serverFields {
		key, written := found[f.key]
		if !written {
			t.Errorf("%s is not in the default file", f.key)
			continue
		}
		comment := key.HeadComment
		if comment == "" {
			t.Errorf("%s has no comment", f.key)
		}
		for _, word := range append([]string{f.min, f.max}, f.choice...) {
			if f.max == "64KB" && f.min == "128" && word == "64KB" {
				word = "128 to 64KB"
			}
			if !strings.Contains(comment, word) {
				t.Errorf("the comment of %s does not say %q", f.key, word)
			}
		}
		if restart := strings.Contains(comment, "[restart]"); restart == f.reload {
			t.Errorf("the comment of %s and its reload tag do not agree", f.key)
		}
	}
}

// TestReferenceExampleHasEveryOverride uncomments the example at the end of the file, but not the prose in it, whose "#"
// stands further in.
func TestReferenceExampleHasEveryOverride(t *testing.T) {
	before, example, found := strings.Cut(Reference(), "  #stage:\n")
	if !found {
		t.Fatal("no example")
	}
	text := before + "  stage:\n" + regexp.MustCompile(`(?m)^  #`).ReplaceAllString(example, "  ")
	c, err := load("afterglow.yaml", []byte(text), Sources{})
	if err != nil {
		t.Fatal(err)
	}
	stage := reflect.ValueOf(c.Applications.Named["stage"])
	plain := reflect.ValueOf(*Default())
	for _, f := range applicationFields {
		shown := f.show(stage)
		if shown == notSet {
			t.Errorf("the example does not show %s", f.key)
		}
		if server, _, found := locate(f.key); found && f.kind.Kind() != reflect.String && shown == server.format(plain.FieldByIndex(server.index)) {
			t.Errorf("the example of %s is the default", f.key)
		}
		limits := strings.TrimPrefix(f.min+" to "+f.max, " to ")
		if !strings.Contains(Reference(), limits) {
			t.Errorf("the limits of %s (%s) are not in the default file", f.key, limits)
		}
	}
}

func TestEveryKeyHasATypeAndLimits(t *testing.T) {
	for _, f := range append(serverFields[:len(serverFields):len(serverFields)], applicationFields...) {
		bounded := f.kind.Kind() == reflect.Bool || f.kind == prefixesType || len(f.choice) > 1 || f.check != "" ||
			f.min != "" && f.max != ""
		if !bounded {
			t.Errorf("%s (%s) has no limits", f.key, f.kind)
		}
		if f.kind == durationType && strings.HasSuffix(f.allowed(), "such as ") {
			t.Errorf("%s has no example", f.key)
		}
		for _, limit := range []string{f.min, f.max} {
			if limit == "" {
				continue
			}
			if _, ok := f.parse(limit); !ok {
				t.Errorf("%s does not accept its own limit %s", f.key, limit)
			}
		}
	}
}
