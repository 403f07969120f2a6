package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
	"afterglow/streams"
)

// held is everything that a reload must have changed, read from where it takes effect.
type held struct {
	door     *rtmp.Server // its fields only
	front    overrtmp.Config
	rtmfp    overrtmfp.Config
	peers    configs.Peers
	hub      streams.Config
	delivery netconn.Delivery
	app      configs.Application // as its instance has it
	log      *slog.Logger
	config   *configs.Config
}

// spy is an application that shows how its instance is configured.
type spy struct {
	apps.Live
	seen chan held
}

func (s spy) Connect(c *apps.Client, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	answer := c.Accept()
	s.seen <- held{hub: c.Instance().Hub().Config(), delivery: answer.Delivery, app: *c.Instance().Settings()}
	reply.Give(answer)
}

// look reads what holds for a client that comes now.
func (s spy) look(t *testing.T, n *testNode) held {
	t.Helper()
	c := dial(t, n.url())
	if code := c.connect("spy"); code != "NetConnection.Connect.Success" {
		t.Fatal(code)
	}
	h := <-s.seen
	_ = c.Close()
	h.front, h.log, h.config = n.front.Config(), n.log, n.config.Load()
	h.rtmfp, h.peers = n.rtmfp.front.Config(), h.config.Application("spy").Peers
	n.rtmp.Update(func(r *rtmp.Server) {
		h.door = &rtmp.Server{Limits: r.Limits, HandshakeTimeout: r.HandshakeTimeout, WriteTimeout: r.WriteTimeout,
			MaxConns: r.MaxConns, MaxConnsPerAddr: r.MaxConnsPerAddr}
	})
	return h
}

// effects has a new value for each key whose effect is one number, and where the number is.
var effects = []struct {
	key, value string
	got        func(held) any
	want       any
}{
	{"log.level", "error", func(h held) any { return h.log.Enabled(context.Background(), slog.LevelWarn) }, false},
	{"rtmp.chunkSize", "8KB", func(h held) any { return h.front.ChunkSize }, 8192},
	{"rtmp.windowSize", "1MB", func(h held) any { return h.front.WindowSize }, uint32(1 << 20)},
	{"connect.timeout", "7s", func(h held) any { return h.front.NetConn.QuestionTimeout }, 7 * time.Second},
	{"play.gopCache", "false", func(h held) any { return h.hub.NoGOPCache }, true},
	{"play.gopCacheBytes", "1MB", func(h held) any { return h.hub.CacheBytes }, 1 << 20},
	{"play.maxLag", "4s", func(h held) any { return h.hub.MaxLag }, 4 * time.Second},
	{"play.write.mode", "off", func(h held) any { return h.delivery.Mode }, netconn.WriteOff},
	{"play.write.delay", "70ms", func(h held) any { return h.delivery.Delay }, 70 * time.Millisecond},
	{"limits.connections", "77", func(h held) any { return [2]int{h.door.MaxConns, h.rtmfp.Sessions} }, [2]int{77, 77}},
	{"limits.connectionsPerAddress", "66", func(h held) any { return [2]int{h.door.MaxConnsPerAddr, h.rtmfp.SessionsPerAddress} }, [2]int{66, 66}},
	{"limits.handshakeTime", "3s", func(h held) any { return h.door.HandshakeTimeout }, 3 * time.Second},
	{"limits.connectTime", "4s", func(h held) any { return [2]time.Duration{h.front.ConnectTime, h.rtmfp.Limits.ConnectTime} }, [2]time.Duration{4 * time.Second, 4 * time.Second}},
	{"limits.idleTime", "5s", func(h held) any { return h.front.IdleTime }, 5 * time.Second},
	{"limits.pingTimeout", "6s", func(h held) any { return h.front.PingTimeout }, 6 * time.Second},
	{"limits.writeTime", "8s", func(h held) any { return h.door.WriteTimeout }, 8 * time.Second},
	{"limits.messageBeforePublish", "64KB", func(h held) any {
		return [2]int{h.front.MessageSizeBeforePublish, h.rtmfp.Limits.MessageSizeBeforePublish}
	}, [2]int{64 << 10, 64 << 10}},
	{"limits.message", "2MB", func(h held) any {
		return [3]int{h.front.MessageSize, h.door.Limits.MessageSize, h.rtmfp.Limits.MessageSize}
	}, [3]int{2 << 20, 2 << 20, 2 << 20}},
	{"limits.chunkStreams", "9", func(h held) any { return h.door.Limits.ChunkStreams }, 9},
	{"limits.streamsPerConnection", "3", func(h held) any { return h.front.NetConn.Streams }, 3},
	{"limits.pendingBytes", "1MB", func(h held) any { return [2]int{h.front.NetConn.WaitingBytes, h.door.Limits.PendingBytes} }, [2]int{1 << 20, 1 << 20}},
	{"rtmfp.keepAlive", "3s", func(h held) any { return h.rtmfp.Silence }, 3 * time.Second},
	{"rtmfp.giveUp", "4s", func(h held) any { return h.rtmfp.GiveUp }, 4 * time.Second},
	{"rtmfp.clientKeepAlive.server", "11s", func(h held) any { return h.rtmfp.KeepAlive.Server }, 11 * time.Second},
	{"rtmfp.clientKeepAlive.peers", "12s", func(h held) any { return h.rtmfp.KeepAlive.Peers }, 12 * time.Second},
	{"rtmfp.clientKeepAlive.serverBehindNAT", "13s", func(h held) any { return h.rtmfp.NATKeepAlive.Server }, 13 * time.Second},
	{"rtmfp.clientKeepAlive.peersBehindNAT", "14s", func(h held) any { return h.rtmfp.NATKeepAlive.Peers }, 14 * time.Second},
	{"rtmfp.queueBytes", "1MB", func(h held) any { return h.rtmfp.Limits.QueueBytes }, 1 << 20},
	{"rtmfp.queueTime", "9s", func(h held) any { return h.rtmfp.Limits.QueueTime }, 9 * time.Second},
	{"rtmfp.redirect.servers", "127.0.0.9:1", func(h held) any { return fmt.Sprint(h.rtmfp.Redirect) }, "[127.0.0.9:1]"},
	{"rtmfp.redirect.above", "44", func(h held) any { return h.rtmfp.RedirectAbove }, 44},
	{"play.lifetime.audio", "1s", func(h held) any { return h.delivery.Lifetimes.Audio }, time.Second},
	{"play.lifetime.video", "1s", func(h held) any { return h.delivery.Lifetimes.Video }, time.Second},
	{"play.lifetime.previousGroup", "1s", func(h held) any { return h.delivery.Lifetimes.PreviousGroup }, time.Second},
	{"peers.introduce", "nobody", func(h held) any { return h.peers.Introduce }, configs.IntroduceNobody},
	{"peers.introductionsPerClient", "5", func(h held) any { return h.rtmfp.Introductions }, 5},
	{"instances.idle", "7m", func(h held) any { return h.app.Instances.Idle }, 7 * time.Minute},
	{"instances.max", "33", func(h held) any { return h.app.Instances.MaxInstances }, 33},
	{"scripts.library", "./a;./b", func(h held) any { return fmt.Sprint(h.app.Scripts.Libraries()) }, "[./a ./b]"},
	{"scripts.maxTime", "3s", func(h held) any { return h.app.Scripts.MaxTime }, 3 * time.Second},
	{"scripts.maxMemory", "3MB", func(h held) any { return h.app.Scripts.MaxMemory }, 3 * configs.MB},
	{"scripts.maxDepth", "99", func(h held) any { return h.app.Scripts.MaxDepth }, 99},
	{"scripts.maxTimers", "88", func(h held) any { return h.app.Scripts.MaxTimers }, 88},
	{"scripts.reload", "now", func(h held) any { return h.app.Scripts.Reload }, configs.ReloadNow},
	{"scripts.processMemory", "64MB", func(h held) any { return h.app.Scripts.ProcessMemory }, 64 * configs.MB},
	{"scripts.httpTimeout", "4s", func(h held) any { return h.app.Scripts.HTTPTimeout }, 4 * time.Second},
	{"sharedObjects.resyncDepth", "55", func(h held) any { return h.app.SharedObjects.ResyncDepth }, 55},
	{"sharedObjects.lockTimeout", "5s", func(h held) any { return h.app.SharedObjects.LockTimeout }, 5 * time.Second},
	{"sharedObjects.maxProperties", "44", func(h held) any { return h.app.SharedObjects.MaxProperties }, 44},
	{"sharedObjects.maxPropertySize", "4KB", func(h held) any { return h.app.SharedObjects.MaxPropertySize }, 4 * configs.KB},
	{"sharedObjects.maxSize", "5KB", func(h held) any { return h.app.SharedObjects.MaxSize }, 5 * configs.KB},
	{"sharedObjects.maxObjects", "22", func(h held) any { return h.app.SharedObjects.MaxObjects }, 22},
	{"sharedObjects.maxPerClient", "11", func(h held) any { return h.app.SharedObjects.MaxPerClient }, 11},
	{"bandwidth.toClient", "1MB", func(h held) any { return h.app.Bandwidth.ToClient }, configs.MB},
	{"bandwidth.toServer", "2MB", func(h held) any { return h.app.Bandwidth.ToServer }, 2 * configs.MB},
	{"bandwidth.capToClient", "3MB", func(h held) any { return h.app.Bandwidth.CapToClient }, 3 * configs.MB},
	{"bandwidth.capToServer", "4MB", func(h held) any { return h.app.Bandwidth.CapToServer }, 4 * configs.MB},
	{"access.audioSample", "/a", func(h held) any { return h.app.Access.AudioSample }, "/a"},
	{"access.videoSample", "/v", func(h held) any { return h.app.Access.VideoSample }, "/v"},
	{"shutdown.time", "9s", func(h held) any { return h.config.Shutdown.Time }, 9 * time.Second},
}

// behaviours are the tests of the reloadable keys whose effect is not one number.
var behaviours = map[string]func(*testing.T){
	"rtmp.proxyProtocol":  TestTrustInProxiesIsReloaded,
	"rtmps.certificate":   TestCertificateIsReloaded,
	"rtmps.key":           TestCertificateIsReloaded,
	"connect.unknown":     TestAnswerToUnknownApplicationsIsReloaded,
	"publish.key":         TestPublishKeyIsReloaded,
	"publish.takeover":    TestTakeoverIsReloaded,
	"publish.pingTimeout": TestTakeoverIsReloaded,
	"rtmfp.redirectors":   TestServerRegistersAtTheRedirectorsOfTheConfiguration,
}

func TestReloadTakesEffect(t *testing.T) {
	n := prepareNode(t)
	s := spy{seen: make(chan held, 1)}
	n.apps.Register("spy", s)
	n.begin(t)
	before := s.look(t, n)
	for _, e := range effects {
		if got := e.got(before); got == e.want {
			t.Errorf("%s is %v already", e.key, got)
		}
		old := n.sources.Set
		n.reconfigure(e.key + "=" + e.value)
		if got := e.got(s.look(t, n)); got != e.want {
			t.Errorf("%s=%s: got %v, want %v", e.key, e.value, got, e.want)
		}
		n.logs.await(t, "configuration changed", "key="+e.key, "new="+e.value)
		n.sources.Set = old
		n.reload()
		if got, want := e.got(s.look(t, n)), e.got(before); got != want {
			t.Errorf("%s, back again: got %v, want %v", e.key, got, want)
		}
	}
}

// TestSettingsThatOnlyApplicationsHaveAreReloaded has the keys that the default file only shows in its example.
func TestSettingsThatOnlyApplicationsHaveAreReloaded(t *testing.T) {
	n := prepareNode(t)
	s := spy{seen: make(chan held, 1)}
	n.apps.Register("spy", s)
	n.begin(t)
	if got := s.look(t, n).app; got.LoadOnStart || len(got.Config)+len(got.Directories) > 0 {
		t.Errorf("at first: %+v", got)
	}
	old := n.sources.Set
	n.reconfigure("applications.spy.loadOnStart=true", "applications.spy.config={title: hush}", "applications.spy.directories={/media: ./m}")
	if got := s.look(t, n).app; !got.LoadOnStart || got.Config["title"] != "hush" || got.Directories["/media"] != "./m" {
		t.Errorf("reloaded: %+v", got)
	}
	n.logs.await(t, "configuration changed", "key=applications.spy.config")
	if strings.Contains(n.logs.String(), "hush") {
		t.Error("what the script sees is in the log")
	}
	n.sources.Set = old
	n.reload()
	if got := s.look(t, n).app; got.LoadOnStart || len(got.Config)+len(got.Directories) > 0 {
		t.Errorf("back again: %+v", got)
	}
}

// TestEveryReloadableKeyIsTested reads from the default file which keys need a restart.
func TestEveryReloadableKeyIsTested(t *testing.T) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(configs.Reference()), &document); err != nil {
		t.Fatal(err)
	}
	tested := maps.Clone(behaviours)
	for _, e := range effects {
		tested[e.key] = TestReloadTakesEffect
	}
	keys := 0
	var walk func(prefix string, node *yaml.Node)
	walk = func(prefix string, node *yaml.Node) {
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := prefix + node.Content[i].Value
			if node.Content[i+1].Kind == yaml.MappingNode {
				walk(key+".", node.Content[i+1])
				continue
			}
			keys++
			restart := strings.Contains(node.Content[i].HeadComment, "[restart]")
			if !restart && tested[key] == nil {
				t.Errorf("no test reloads %s", key)
			}
			delete(tested, key)
		}
	}
	walk("", document.Content[0])
	if keys < 30 || len(tested) > 0 {
		t.Errorf("%d keys; tests for keys that there are not: %v", keys, slices.Collect(maps.Keys(tested)))
	}
}

func TestKeysThatNeedARestartStayAndAreNamed(t *testing.T) {
	n := startNode(t)
	address, data := n.addressOf("rtmp"), n.config.Load().Data.Dir
	for range 2 { // each time, not only the first
		before := len(n.logs.String())
		n.reconfigure("rtmp.listen=127.0.0.1:1", "rtmps.listen=127.0.0.1:2", "metrics.listen=127.0.0.1:3", "data.dir="+t.TempDir(),
			"log.format=json", "applications.dir="+t.TempDir(), "scripts.isolation=process", "sharedObjects.commitInterval=9s",
			"applications.live.scripts.isolation=process")
		said := n.logs.String()[before:]
		for _, key := range []string{"rtmp.listen", "rtmps.listen", "metrics.listen", "data.dir", "log.format", "applications.dir",
			"scripts.isolation", "sharedObjects.commitInterval", "applications.live.scripts.isolation"} {
			if lineWith(said, []string{"needs a restart", "key=" + key}) == "" {
				t.Errorf("nothing said about %s in\n%s", key, said)
			}
		}
		if lineWith(said, []string{"configuration reloaded", "changed=0", "need_restart=9"}) == "" {
			t.Errorf("no summary in\n%s", said)
		}
	}
	if got := n.config.Load().Application("live"); got.Scripts.Isolation != configs.IsolationNone || got.SharedObjects.CommitInterval != time.Second {
		t.Errorf("live: %+v", got)
	}
	if got := n.config.Load(); got.Data.Dir != data || got.RTMP.Listen != "127.0.0.1:0" {
		t.Errorf("data.dir %s, rtmp.listen %s", got.Data.Dir, got.RTMP.Listen)
	}
	if code := dial(t, "rtmp://"+address+"/live").publishAs("x"); code != granted {
		t.Error(code)
	}
}

func TestFailedReloadSaysWhereAndChangesNothing(t *testing.T) {
	n := startNode(t)
	c := dial(t, n.url())
	if code := c.connect("live"); code != "NetConnection.Connect.Success" {
		t.Fatal(code)
	}
	if err := os.WriteFile(n.sources.File, []byte("limits:\n  connections: 5\n  idleTime: never\nnonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := n.config.Load()
	n.reload()
	n.logs.await(t, "configuration not reloaded", n.sources.File+":3", "limits.idleTime")
	n.logs.await(t, "configuration not reloaded", n.sources.File+":4", "nonsense")
	if n.config.Load() != before {
		t.Error("something was taken over")
	}
	if code := c.publish("x"); code != granted {
		t.Errorf("the client was disturbed: %s", code)
	}
}

func TestReloadDropsNobodyAndLimitsNewcomers(t *testing.T) {
	n := startNode(t)
	c := dial(t, n.url())
	if code := c.connect("live"); code != "NetConnection.Connect.Success" {
		t.Fatal(code)
	}
	n.reconfigure("limits.connections=1")
	if _, err := dialWith(t, new(rtmp.Dialer), n.url()); err == nil {
		t.Error("a second connection was taken")
	}
	if code := c.publish("x"); code != granted {
		t.Errorf("the client was disturbed: %s", code)
	}
}

func TestShorterIdleTimeHoldsForConnectionsThatAreThere(t *testing.T) {
	n := startNode(t, "limits.idleTime=24h", "limits.pingTimeout=10ms")
	c := dial(t, n.url())
	if code := c.connect("live"); code != "NetConnection.Connect.Success" {
		t.Fatal(code)
	}
	n.reconfigure("limits.idleTime=10ms")
	// The client answers no ping, because it does not read.
	n.logs.await(t, "connection ended", "does not answer")
}

func TestTrustInProxiesIsReloaded(t *testing.T) {
	n := startNode(t)
	header := proxyHeader(t, 2, "203.0.113.7:4711")
	if _, err := dialWith(t, through(header), n.url()); err == nil {
		t.Error("the header of a stranger was taken")
	}
	n.reconfigure(trustLoopback)
	if _, err := dialWith(t, through(header), n.url()); err != nil {
		t.Error(err)
	}
	n.reconfigure("rtmp.proxyProtocol=")
	if _, err := dialWith(t, through(header), n.url()); err == nil {
		t.Error("still trusted")
	}
}

func TestAnswerToUnknownApplicationsIsReloaded(t *testing.T) {
	n := startNode(t)
	expect := func(app, want string) {
		t.Helper()
		if code := dial(t, n.url()).connect(app); code != want {
			t.Errorf("%s: %s, want %s", app, code, want)
		}
	}
	expect("stage", "NetConnection.Connect.Rejected")
	old := n.sources.Set
	n.reconfigure("connect.unknown=invalidApp")
	expect("stage", "NetConnection.Connect.InvalidApp")
	n.reconfigure("applications.stage.maxClients=5")
	expect("stage", "NetConnection.Connect.Success")
	n.sources.Set = old
	n.reload()
	expect("stage", "NetConnection.Connect.Rejected")
}

func TestPublishKeyIsReloaded(t *testing.T) {
	n := startNode(t, trustLoopback)
	expect := func(key, want string) {
		t.Helper()
		c, err := dialWith(t, through(proxyHeader(t, 1, "203.0.113.7:4711")), n.url())
		if err != nil {
			t.Fatal(err)
		}
		got := c.publishAs("x?key=" + key)
		if want == granted && got != granted || want != granted && got == granted {
			t.Errorf("with key %s: %s, want %s", key, got, want)
		}
		_ = c.Close()
		if got == granted {
			n.logs.await(t, "msg=disconnect")
		}
	}
	made := n.key.value
	expect(made, granted)
	old := n.sources.Set
	n.reconfigure("publish.key=changed-key")
	expect(made, refused)
	expect("changed-key", granted)
	n.sources.Set = old
	n.reload()
	expect("changed-key", refused)
	expect(made, granted)
	if strings.Contains(n.logs.String(), "changed-key") || strings.Contains(n.logs.String(), made) {
		t.Error("a key is in the log")
	}
}

func TestReloadWithoutKeyMakesOne(t *testing.T) {
	n := startNode(t, trustLoopback, "publish.key=configured")
	n.reconfigure("publish.key=")
	n.logs.await(t, "publish key made", keyFile)
	made, err := keptKey(n.config.Load())
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"configured": false, made.value: true} {
		c, err := dialWith(t, through(proxyHeader(t, 1, "203.0.113.7:4711")), n.url())
		if err != nil {
			t.Fatal(err)
		}
		if got := c.publishAs("x?key=" + key); (got == granted) != want {
			t.Errorf("with key %s: %s", key, got)
		}
	}
}

func TestTakeoverIsReloaded(t *testing.T) {
	n := startNode(t, "publish.pingTimeout=1m")
	holder := dial(t, n.url())
	if code := holder.publishAs("x"); code != granted {
		t.Fatal(code)
	}
	n.reconfigure("publish.takeover=always")
	second := dial(t, n.url())
	if code := second.publishAs("x"); code != granted {
		t.Fatalf("always: %s", code)
	}
	// A holder that does not read does not answer the ping.
	n.reconfigure("publish.takeover=dead", "publish.pingTimeout=10ms")
	third := dial(t, n.url())
	if code := third.publishAs("x"); code != granted {
		t.Fatalf("dead: %s", code)
	}
	// One that reads does, and keeps the name.
	n.reconfigure("publish.pingTimeout=1m")
	go func() {
		for {
			if _, err := third.ReadMessage(); err != nil {
				return
			}
		}
	}()
	if code := dial(t, n.url()).publishAs("x"); code != refused {
		t.Errorf("alive: %s", code)
	}
	_ = third.Close()
}

func TestApplicationsOfTheirOwnAreReloaded(t *testing.T) {
	n := startNode(t, "applications.stage.publish.key=first")
	publish := func(key string) string {
		c := dial(t, n.url())
		if code := c.connect("stage"); code != "NetConnection.Connect.Success" {
			t.Fatal(code)
		}
		c.send(0, "createStream", 2.0, nil)
		c.send(1, "publish", 3.0, nil, amf.Value("s"+key+"?key="+key), "live")
		return c.status()
	}
	if code := publish("first"); code != granted {
		t.Error(code)
	}
	n.reconfigure("applications.stage.publish.key=second")
	if code := publish("first"); code == granted {
		t.Error("the old key is still taken")
	}
	if code := publish("second"); code != granted {
		t.Error(code)
	}
	n.reconfigure("applications.stage.maxClients=1")
	if code := dial(t, n.url()).connect("stage"); code != "NetConnection.Connect.Rejected" {
		t.Errorf("over maxClients: %s", code)
	}
}
