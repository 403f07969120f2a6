package apps_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

// guests is an application that keeps a list of its clients, those that it has not let in yet included.
type guests struct {
	ledger
	came chan *apps.Client
	shut bool // leaves connects open
}

func newGuests() *guests { return &guests{came: make(chan *apps.Client, 10)} }

func (g *guests) Connect(c *apps.Client, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	if !g.shut {
		reply.Give(c.Accept())
	}
	g.came <- c
}

func (g *guests) Moved(c *apps.Client, before netconn.Far) {
	g.add("moved:" + c.Instance().Name() + ":" + before.Address)
}

// guest is a client that comes to an application with guests.
func (g *guests) guest(t *testing.T, h *house, name string) *netconn.Conn {
	t.Helper()
	p := netconntest.NewPeer(t, h.from(there))
	p.Connect(app(name))
	c := <-g.came
	if !g.shut {
		p.Until("0 onBWDone ")
	}
	return c.Conn
}

const sought = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// introduce asks the house and returns where the answer comes.
func introduce(h *house, from, to *netconn.Conn) <-chan netconn.IntroduceAnswer {
	answers := make(chan netconn.IntroduceAnswer, 1)
	r := netconn.IntroduceRequest{From: from, Address: there, PeerID: sought, To: to}
	netconn.Introduce(h.Server, r, netconn.Config{}, func(a netconn.IntroduceAnswer) { answers <- a })
	return answers
}

func TestWhoIsIntroducedToWhom(t *testing.T) {
	within(t, func(c *configs.Config) {
		rule := func(r configs.Introduction) configs.Overrides {
			return configs.Overrides{Peers: configs.PeersOverrides{Introduce: &r}}
		}
		c.Applications.Named = map[string]configs.Overrides{"all": {}, "own": rule(configs.IntroduceApplication), "none": rule(configs.IntroduceNobody)}
	}, func(t *testing.T, h *house) {
		g := newGuests()
		clients := make(map[string]*netconn.Conn)
		for _, name := range []string{"all", "own", "none"} {
			h.Register(name, g)
			for _, at := range []string{"/i", "/i#", "/j"} {
				clients[name+at] = g.guest(t, h, name+strings.TrimSuffix(at, "#"))
			}
		}
		g.shut = true
		clients["undecided"] = g.guest(t, h, "all")
		for _, test := range []struct{ from, to, refusal string }{
			{"all/i", "all/i#", ""},
			{"all/i", "all/j", ""},
			{"own/i", "all/i", ""},
			{"none/i", "all/i", ""},
			{"all/i", "", ""}, // a peer that is elsewhere, whom the application may know
			{"", "all/i", "not connected to this server"},
			{"undecided", "all/i", "not connected to this server"},
			{"all/i", "undecided", "has not been let in"},
			{"own/i", "own/i#", ""},
			{"own/i", "own/j", "not in the same instance"},
			{"all/i", "own/i", "not in the same instance"},
			{"own/i", "", "not in the same instance"},
			{"", "own/i", "not connected to this server"},
			{"none/i", "none/i#", "introduces nobody"},
			{"none/i", "", "introduces nobody"},
			{"", "", "neither of them is connected"},
			{"undecided", "undecided", "neither of them is connected"},
		} {
			before := h.log.count("introduction refused")
			a := <-introduce(h, clients[test.from], clients[test.to])
			if refused := a.Err != nil; refused != (test.refusal != "") || refused && !strings.Contains(a.Err.Error(), test.refusal) {
				t.Errorf("%q to %q: %v, want %q", test.from, test.to, a.Err, test.refusal)
			}
			asked := test.refusal != "neither of them is connected" // an application
			if logged := h.log.count("introduction refused") > before; logged != (asked && a.Err != nil) {
				t.Errorf("%q to %q: a refusal is logged: %v", test.from, test.to, logged)
			}
		}
		if h.log.count("level=DEBUG", "introduction refused", "app=own/i", "remote="+there, "peer="+sought, "not in the same instance") == 0 {
			t.Error("the log does not say who was refused what, and why")
		}
		if h.log.count("level=DEBUG", "msg=introduction ", "app=all/i", "remote="+there, "peer="+sought, "redirected=false") == 0 {
			t.Error("the log does not tell of an introduction")
		}
	})
}

func TestWhoIsIntroducedFollowsTheConfiguration(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		g := newGuests()
		h.Register("live", g)
		one, two := g.guest(t, h, "live"), g.guest(t, h, "live")
		if a := <-introduce(h, one, two); a.Err != nil {
			t.Error(a.Err)
		}
		c := configs.Default()
		c.Peers.Introduce = configs.IntroduceNobody
		h.SetConfig(c)
		if a := <-introduce(h, one, two); a.Err == nil {
			t.Error("introduced")
		}
	})
}

// matchmaker is an application with a mind of its own about introductions.
type matchmaker struct {
	*guests
	decide func(*apps.Instance, netconn.IntroduceRequest, *netconn.Reply[netconn.IntroduceAnswer])
}

func (m matchmaker) Introduce(i *apps.Instance, r netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
	m.decide(i, r, reply)
}

func TestApplicationDecidesLaterWhomToIntroduce(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		m := matchmaker{guests: newGuests()}
		m.decide = func(i *apps.Instance, r netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
			time.AfterFunc(3*time.Second, func() { reply.Give(netconn.IntroduceAnswer{Err: i.MayIntroduce(r)}) })
		}
		h.Register("app", m)
		one, two := m.guest(t, h, "app"), m.guest(t, h, "app")
		begun := time.Now()
		yes, no := introduce(h, one, two), introduce(h, nil, two)
		connected(t, h.from(there), app("live"))
		if d := time.Since(begun); d != 0 {
			t.Errorf("another client waited %v", d)
		}
		if a := <-yes; a.Err != nil {
			t.Error(a.Err)
		}
		if a := <-no; a.Err == nil {
			t.Error("a stranger was introduced")
		}
		if d := time.Since(begun); d != 3*time.Second {
			t.Errorf("answered after %v", d)
		}
	})
}

func TestApplicationThatDecidesNothingIntroducesNobody(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		m := matchmaker{guests: newGuests()}
		var late *netconn.Reply[netconn.IntroduceAnswer]
		m.decide = func(_ *apps.Instance, _ netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
			late = reply
		}
		h.Register("app", m)
		one, two := m.guest(t, h, "app"), m.guest(t, h, "app")
		begun := time.Now()
		answer := introduce(h, one, two)
		if a := <-answer; !errors.Is(a.Err, netconn.ErrTimeout) || time.Since(begun) != 30*time.Second {
			t.Errorf("got %v after %v", a.Err, time.Since(begun))
		}
		synctest.Wait() // whoever decides has been asked, and set late
		late.Give(netconn.IntroduceAnswer{})
		synctest.Wait()
		if len(answer) > 0 {
			t.Error("a second answer")
		}
	})
}

func TestApplicationSendsElsewhereWhoSeeksAPeer(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		elsewhere := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:1935"), netip.MustParseAddrPort("[2001:db8::9]:1935")}
		m := matchmaker{guests: newGuests()}
		m.decide = func(i *apps.Instance, r netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
			if i.Name() != "app/_definst_" || r.PeerID != sought || r.To != nil || r.Address != there {
				t.Errorf("%s is asked %+v", i.Name(), r)
			}
			reply.Give(netconn.IntroduceAnswer{Redirect: elsewhere})
		}
		h.Register("app", m)
		if a := <-introduce(h, m.guest(t, h, "app"), nil); a.Err != nil || !slices.Equal(a.Redirect, elsewhere) {
			t.Errorf("got %+v", a)
		}
		if h.log.count("msg=introduction ", "redirected=true") != 1 {
			t.Error("the redirection is not logged")
		}
	})
}

func TestTheApplicationOfWhoIsSoughtIsAsked(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		asked := make(chan string, 1)
		m := matchmaker{guests: newGuests()}
		m.decide = func(i *apps.Instance, _ netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
			asked <- i.Name()
			reply.Give(netconn.IntroduceAnswer{})
		}
		h.Register("app", m)
		one, two := m.guest(t, h, "app/one"), m.guest(t, h, "app/two")
		for _, test := range []struct {
			from, to *netconn.Conn
			want     string
		}{{one, two, "app/two"}, {two, one, "app/one"}, {nil, two, "app/two"}, {one, nil, "app/one"}} {
			introduce(h, test.from, test.to)
			if got := <-asked; got != test.want {
				t.Errorf("%s was asked, not %s", got, test.want)
			}
		}
	})
}

func TestApplicationHearsThatAClientMoved(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		g := newGuests()
		h.Register("app", g)
		c := g.guest(t, h, "app")
		g.take()
		c.Moved(netconn.Far{Address: "192.0.2.1:1"})
		if got := g.take(); got != "moved:app/_definst_:192.0.2.1:1" {
			t.Errorf("the application heard %q", got)
		}
		if h.log.count("level=INFO", "client moved", "client="+c.ID(), "remote="+there, "before=192.0.2.1:1", "app=app/_definst_") != 1 {
			t.Error("the move is not logged")
		}
	})
}

func TestApplicationHearsNothingOfMovesOfThoseItHasNotLetIn(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		g := newGuests()
		h.Register("app", g)
		p := connected(t, h.from(there), app("app"))
		gone := (<-g.came).Conn
		p.Cut()
		synctest.Wait()
		g.shut = true
		undecided := g.guest(t, h, "app")
		g.take()
		for _, c := range []*netconn.Conn{gone, undecided} {
			c.Moved(netconn.Far{Address: "192.0.2.1:1"})
			h.Moved(c, netconn.Far{Address: "192.0.2.1:1"})
		}
		if got := g.take(); got != "" || h.log.count("client moved") > 0 {
			t.Errorf("the application heard %q", got)
		}
	})
}

func TestClientsAreToldWhereElseToConnect(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		h.Register("app", signpost{})
		p := netconntest.NewPeer(t, h.from(there))
		p.Connect(app("app"))
		p.Expect(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "Redirected to rtmfp://other.example/app", `+
			`ex: {code: 302, redirect: "rtmfp://other.example/app?key=hush"}}`, "0 close 0 null")
		p.ExpectEnd()
		if h.log.count("connect rejected", "Redirected to rtmfp://other.example/app") != 1 || h.log.count("hush") != 0 {
			t.Error("the log does not say where to, or says too much")
		}
		if s := h.Stats(); s.Rejected.Load() != 1 || s.Accepted.Load() != 0 || len(h.Instances()) != 0 {
			t.Error("the client that was sent away is here")
		}
	})
}

// signpost is an application that sends everybody elsewhere.
type signpost struct{ apps.Live }

func (signpost) Connect(c *apps.Client, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	reply.Give(c.Redirect("rtmfp://other.example/app?key=hush"))
}

func TestMediaLivesAsLongAsTheApplicationSays(t *testing.T) {
	within(t, func(c *configs.Config) {
		c.Applications.Named = map[string]configs.Overrides{"fast": {Play: configs.PlayOverrides{
			Lifetime: configs.LifetimeOverrides{Video: set(time.Second), PreviousGroup: set(50 * time.Millisecond)},
		}}}
	}, func(t *testing.T, h *house) {
		g := newGuests()
		h.Register("live", g)
		h.Register("fast", g)
		for name, want := range map[string]netconn.Lifetimes{
			"live": {Audio: 2200 * time.Millisecond, Video: 2 * time.Second, PreviousGroup: 100 * time.Millisecond},
			"fast": {Audio: 2200 * time.Millisecond, Video: time.Second, PreviousGroup: 50 * time.Millisecond},
		} {
			p := netconntest.NewPeer(t, h.from(there))
			p.Connect(app(name))
			if got := (<-g.came).Accept().Delivery.Lifetimes; got != want {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
			}
			p.Until("0 onBWDone ")
		}
	})
}
