package apps_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

func TestWhoMayPublish(t *testing.T) {
	const yes, no = netconn.PublishStart, netconn.PublishBadName
	within(t, func(c *configs.Config) {
		c.Applications.Named = map[string]configs.Overrides{
			"open":   {Publish: configs.PublishOverrides{Open: set(true)}},
			"closed": {Publish: configs.PublishOverrides{Open: set(false)}},
			"own":    {Publish: configs.PublishOverrides{Key: set("own-key")}},
		}
	}, func(t *testing.T, h *house) {
		for _, test := range []struct {
			name    string
			address string
			proxied bool
			app     string
			stream  string
			want    netconn.Code
		}{
			{"loopback needs no key", here, false, "live", "x", yes},
			{"loopback 6 needs no key", "[::1]:5", false, "live", "x", yes},
			{"elsewhere without", there, false, "live", "x", no},
			{"key with the stream", there, false, "live", "x?key=the-key", yes},
			{"key among others", there, false, "live", "x?a=b&key=the-key&c=d", yes},
			{"key beside nonsense", there, false, "live", "x?a=%zz&key=the-key&;", yes},
			{"key at connect", there, false, "live?key=the-key", "x", yes},
			{"key with an instance", there, false, "live/i?key=the-key", "x", yes},
			{"wrong key with the stream, right at connect", there, false, "live?key=the-key", "x?key=wrong", yes},
			{"wrong key", there, false, "live", "x?key=wrong", no},
			{"empty key", there, false, "live", "x?key=", no},
			{"half a key", there, false, "live", "x?key=the-ke", no},
			{"another spelling", there, false, "live", "x?Key=the-key", no},
			{"key in the name", there, false, "live", "x/key=the-other", no},
			{"through a proxy on this machine", here, true, "live", "x", no},
			{"through a proxy with the key", here, true, "live", "x?key=the-key", yes},
			{"open application", there, false, "open", "x", yes},
			{"open application through a proxy", here, true, "open", "x", yes},
			{"closed application from loopback", here, false, "closed", "x", no},
			{"closed application with the server's key", here, false, "closed", "x?key=the-key", yes},
			{"own key", there, false, "own", "x?key=own-key", yes},
			{"own key is wanted from loopback", here, false, "own", "x", no},
			{"server's key for an own one", there, false, "own", "x?key=the-key", no},
			{"an address that is none", "nonsense", false, "live", "x", no},
		} {
			p := connected(t, from{h, test.address, test.proxied}, app(test.app))
			if got := publishes(t, p, test.stream); got != test.want {
				t.Errorf("%s: %s", test.name, got)
			}
			p.Cut()
			synctest.Wait()
		}
		if h.log.count("the-key") != 0 || h.log.count("own-key") != 0 {
			t.Error("a key is in the log")
		}
		if n := h.log.count("publish refused", "stream=x", there, "needs the key"); n < 5 {
			t.Errorf("%d refusals are logged", n)
		}
	})
}

func TestWithoutAKeyNobodyElsePublishes(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		h.SetKey("")
		for _, stream := range []string{"x", "x?key=", "x?key"} {
			p := connected(t, h.from(there))
			if got := publishes(t, p, stream); got != netconn.PublishBadName {
				t.Errorf("%s: %s", stream, got)
			}
		}
	})
}

func TestAnswersSayWhatIsMissing(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		p := connected(t, h.from(there))
		p.CreateStream(1)
		p.Command(1, "publish", 0, nil, "x")
		p.Expect(`1 onStatus 0 null {level: "error", code: "NetStream.Publish.BadName", description: "publishing needs the key: put ?key=... behind the stream's name; it is what the configuration says as publish.key, or else what the server printed at its first start and keeps in the file publish.key under data.dir", details: "x", clientid: ID}`)
	})
}

func TestNameOfALivePublisherIsTaken(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		old, err := h.from(here).Dial(t, netconn.ConnectOptions{App: "live"}, netconn.ClientEvents{})
		if err != nil {
			t.Fatal(err)
		}
		stream, err := old.CreateStream(t.Context(), netconn.StreamEvents{})
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Publish(t.Context(), "x", "live"); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		p := connected(t, h.from(here))
		if got := publishes(t, p, "x"); got != netconn.PublishBadName {
			t.Errorf("the second gets %s", got)
		}
		if d := time.Since(begun); d != 0 {
			t.Errorf("the one that answers at once holds the other up for %v", d)
		}
		if err := old.Err(); err != nil {
			t.Errorf("the old one ends: %v", err)
		}
	})
}

func TestNameOfADeadPublisherIsGiven(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		frozen := connected(t, h.from(here))
		if got := publishes(t, frozen, "x"); got != netconn.PublishStart {
			t.Fatal(got)
		}
		begun := time.Now()
		p := connected(t, h.from(there), app("live?key=the-key"))
		p.CreateStream(1)
		p.Command(1, "publish", 0, nil, "x")
		p.Call("createStream") // waits behind the question
		other := connected(t, h.from(there), app("live?key=the-key"))
		other.CreateStream(1)
		other.Command(1, "publish", 0, nil, "x")
		got := []netconn.Code{code(p.Until("1 onStatus ")), code(other.Until("1 onStatus "))}
		slices.Sort(got)
		if !slices.Equal(got, []netconn.Code{netconn.PublishBadName, netconn.PublishStart}) {
			t.Errorf("of two newcomers one gets the name and keeps it: %v", got)
		}
		p.Expect("0 _result 3 null 2")
		if d := time.Since(begun); d != 2*time.Second {
			t.Errorf("given after %v", d)
		}
		if got := code(frozen.Until("1 onStatus ")); got != netconn.PublishBadName {
			t.Errorf("the old one gets %s", got)
		}
		p.ExpectNothing()
		other.ExpectNothing()
	})
}

func TestReleaseStreamEvictsWithTheSameKey(t *testing.T) {
	within(t, func(c *configs.Config) {
		c.Publish.Takeover = configs.TakeoverRelease
		c.Applications.Named = map[string]configs.Overrides{"open": {Publish: configs.PublishOverrides{Open: set(true)}}}
	}, func(t *testing.T, h *house) {
		for _, test := range []struct {
			name         string
			app          string
			old, new     string // names with their queries
			from         string // where the newcomer is
			wantReleased bool
		}{
			{"same key", "open", "x?key=a", "x?key=a", there, true},
			{"another key", "open", "x?key=a", "x?key=b", there, false},
			{"no key", "open", "x?key=a", "x", there, false},
			{"no key on both sides", "open", "x", "x", there, false},
			{"another name", "open", "x?key=a", "y?key=a", there, false},
			{"the application's key", "live", "x?key=the-key", "x?key=the-key", there, true},
			{"loopback stands for the key", "live", "x?key=the-key", "x", here, true},
		} {
			old := connected(t, h.from(there), app(test.app))
			if got := publishes(t, old, test.old); got != netconn.PublishStart {
				t.Fatalf("%s: %s", test.name, got)
			}
			p := connected(t, h.from(test.from), app(test.app))
			p.Call("releaseStream", test.new)
			p.Until("0 _result 2 null undefined")
			synctest.Wait()
			want := 0
			if test.wantReleased {
				want = 1
				if got := code(old.Until("1 onStatus ")); got != netconn.PublishBadName {
					t.Errorf("%s: the old one gets %s", test.name, got)
				}
				p.CreateStream(1)
				p.Command(1, "publish", 0, nil, test.new)
				if got := code(p.Until("1 onStatus ")); got != netconn.PublishStart {
					t.Errorf("%s: the newcomer gets %s", test.name, got)
				}
			}
			if got := h.log.count("publisher released"); got != want {
				t.Errorf("%s: %d released, want %d", test.name, got, want)
			}
			h.log.text.Reset()
			old.Cut()
			p.Cut()
			synctest.Wait()
		}
	})
}

func TestReleaseStreamEvictsNobodyUnderAnotherRule(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		old := connected(t, h.from(here))
		publishes(t, old, "x?key=the-key")
		p := connected(t, h.from(here))
		p.Call("releaseStream", "x?key=the-key")
		p.Until("0 _result 2 null undefined")
		old.ExpectNothing()
	})
}

func TestLastPublisherAlwaysGetsTheName(t *testing.T) {
	within(t, func(c *configs.Config) { c.Publish.Takeover = configs.TakeoverAlways }, func(t *testing.T, h *house) {
		var last *netconntest.Peer
		for range 3 {
			p := connected(t, h.from(here))
			if got := publishes(t, p, "x"); got != netconn.PublishStart {
				t.Errorf("the newcomer gets %s", got)
			}
			if last != nil {
				if got := code(last.Until("1 onStatus ")); got != netconn.PublishBadName {
					t.Errorf("the old one gets %s", got)
				}
				last.ExpectNothing()
			}
			last = p
		}
	})
}

func TestSettingsAreTakenOver(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		try := func(name, stream string) netconn.Code {
			p := netconntest.NewPeer(t, h.from(there))
			p.Connect(app(name))
			if line := p.Until("0 _"); line[:7] != "0 _resu" {
				return code(line)
			}
			p.Expect("0 onBWDone 0 null")
			defer synctest.Wait()
			defer p.Cut()
			return publishes(t, p, stream)
		}
		stay := connected(t, h.from(there))
		playing := connected(t, h.from(there))
		playing.CreateStream(1)
		playing.Command(1, "play", 0, nil, "x")
		if got := try("live", "x?key=the-key"); got != netconn.PublishStart {
			t.Error(got)
		}
		if got := try("more", "x"); got != netconn.ConnectRejected {
			t.Error(got)
		}
		config := configs.Default()
		config.Publish.Key = "new-key"
		config.Play.MaxLag = 3 * time.Second
		config.Applications.Named = map[string]configs.Overrides{"more": {Publish: configs.PublishOverrides{Open: set(true)}, MaxClients: set(1)}}
		h.SetConfig(config)
		if got := try("live", "x?key=the-key"); got != netconn.PublishBadName {
			t.Errorf("the old key: %s", got)
		}
		if got := try("live", "x?key=new-key"); got != netconn.PublishStart {
			t.Errorf("the new key: %s", got)
		}
		if got := try("more", "x"); got != netconn.PublishStart {
			t.Errorf("a new application: %s", got)
		}
		if got := h.Instances()[0].Hub().Config().MaxLag; got != 3*time.Second {
			t.Errorf("an instance that runs has a lag of %v", got)
		}
		h.SetConfig(configs.Default())
		h.SetKey("third-key")
		if got := try("more", "x"); got != netconn.ConnectRejected {
			t.Errorf("an application that is no more: %s", got)
		}
		if got := publishes(t, stay, "x?key=third-key"); got != netconn.PublishStart {
			t.Errorf("a client that stayed: %s", got)
		}
		playing.Until(`1 onStatus 0 null {level: "status", code: "NetStream.Play.PublishNotify"`)
	})
}
