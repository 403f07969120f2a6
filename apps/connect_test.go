package apps_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

func TestUnknownApplicationIsRejected(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		p := netconntest.NewPeer(t, h.from(there))
		p.Connect(app("nope/instance?x=1"))
		p.Expect(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (nope) is not defined."}`, "0 close 0 null")
		p.ExpectEnd()
		if h.Stats().Rejected.Load() != 1 || h.log.count("connect rejected", "app=nope", there, "is not defined") != 1 {
			t.Error("the rejection is not counted or not logged")
		}
	})
	within(t, func(c *configs.Config) { c.Connect.Unknown = configs.UnknownInvalidApp }, func(t *testing.T, h *house) {
		p := netconntest.NewPeer(t, h.from(there))
		p.Connect(app("nope"))
		p.Expect(`0 _error 1 null {level: "error", code: "NetConnection.Connect.InvalidApp", description: "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (nope) is not defined."}`, "0 close 0 null")
		p.ExpectEnd()
	})
}

func TestApplicationsAreFound(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"applications/mine/sub", "secret", "applications/.hidden"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "applications", "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	within(t, func(c *configs.Config) {
		c.Applications.Dir = filepath.Join(root, "applications")
		c.Applications.Named = map[string]configs.Overrides{"named": {}}
	}, func(t *testing.T, h *house) {
		h.Register("code", apps.Live{})
		for name, want := range map[string]string{
			"live": "live/_definst_", "mine": "mine/_definst_", "named": "named/_definst_", "code/a/b": "code/a/b", "/live/x/": "live/x",
			"mine/../secret": "mine/../secret", // an instance is a name, not a path
			"file":           "", "..": "", ".": "", "": "", "../secret": "", `..\secret`: "", "secret": "", "mine\x00": "", "c:mine": "",
			"/": "", "./mine": "", "....//secret": "", strings.Repeat("x", 5000): "", "mine ": "", "%2e%2e": "", "live\nlive": "",
		} {
			p := netconntest.NewPeer(t, h.from(there))
			p.Connect(app(name))
			line := p.Until("0 _")
			if accepted := strings.HasPrefix(line, "0 _result "); accepted != (want != "") {
				t.Errorf("%.40q: %s", name, line)
			} else if accepted {
				if all := h.Instances(); len(all) != 1 || all[0].Name() != want {
					t.Errorf("%q is in %v", name, all)
				}
			} else if len(line) > 500 {
				t.Errorf("%.40q: a rejection of %d bytes", name, len(line))
			}
			p.Cut()
			synctest.Wait()
		}
	})
}

func TestLongInstanceNameIsRejected(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		p := netconntest.NewPeer(t, h.from(there))
		p.Connect(app("live/" + strings.Repeat("x", 256)))
		p.Until(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected"`)
	})
}

// ledger is an application that counts.
type ledger struct {
	apps.Live
	mu      sync.Mutex
	entries []string
	broken  bool
}

func (l *ledger) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, s)
}

func (l *ledger) take() string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := strings.Join(l.entries, " ")
	l.entries = nil
	return s
}

func (l *ledger) Start(i *apps.Instance) error {
	l.add("start:" + i.Name())
	if l.broken {
		return errors.New("no script")
	}
	return nil
}

func (l *ledger) Stop(i *apps.Instance, _ apps.StopReason) bool {
	l.add("stop:" + i.Name())
	return true
}

func (l *ledger) Unpublished(_ *apps.Client, name string) { l.add("unpublished:" + name) }

func (l *ledger) Disconnected(c *apps.Client, _ error) { l.add("gone:" + c.Instance().Name()) }

func TestInstancesAreSeparateAndEndWithTheirLastClient(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		l := &ledger{}
		h.Register("app", l)
		one, err := h.from(here).Dial(t, netconn.ConnectOptions{App: "app/one"}, netconn.ClientEvents{})
		if err != nil {
			t.Fatal(err)
		}
		stream, err := one.CreateStream(t.Context(), netconn.StreamEvents{})
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Publish(t.Context(), "x", "live"); err != nil {
			t.Fatal(err)
		}
		two := connected(t, h.from(here), app("app/two"))
		if got := publishes(t, two, "x"); got != netconn.PublishStart {
			t.Errorf("a name of another instance: %s", got)
		}
		again := connected(t, h.from(here), app("app/one"))
		if got := publishes(t, again, "x"); got != netconn.PublishBadName {
			t.Errorf("the same name: %s", got)
		}
		if got := l.take(); got != "start:app/one start:app/two" {
			t.Error(got)
		}
		one.Close()
		<-one.Done()
		if got := l.take(); got != "unpublished:x gone:app/one" {
			t.Error(got)
		}
		again.Cut()
		if got := l.take(); got != "gone:app/one stop:app/one" {
			t.Error(got)
		}
		connected(t, h.from(here), app("app/one"))
		if got := l.take(); got != "start:app/one" || len(h.Instances()) != 2 {
			t.Error(got)
		}
	})
}

func TestApplicationThatDoesNotStartRejects(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		l := &ledger{broken: true}
		h.Register("app", l)
		for range 2 {
			p := netconntest.NewPeer(t, h.from(here))
			p.Connect(app("app"))
			p.Expect(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (app) did not start: no script"}`, "0 close 0 null")
			p.ExpectEnd()
			if got := l.take(); got != "start:app/_definst_" { // and is tried anew; what did not start does not stop
				t.Error(got)
			}
		}
	})
}

// slowStart takes its time for one instance.
type slowStart struct{ apps.Live }

func (slowStart) Start(i *apps.Instance) error {
	if i.Name() == "app/slow" {
		time.Sleep(10 * time.Second)
	}
	return nil
}

func TestSlowStartHoldsNobodyElseUp(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		h.Register("app", slowStart{})
		begun := time.Now()
		slow := netconntest.NewPeer(t, h.from(here))
		slow.Connect(app("app/slow"))
		synctest.Wait()
		connected(t, h.from(here), app("app/fast"))
		connected(t, h.from(here), app("live"))
		if d := time.Since(begun); d != 0 {
			t.Errorf("others waited %v", d)
		}
		slow.Until("0 _result 1 ")
		if d := time.Since(begun); d != 10*time.Second {
			t.Errorf("it started after %v", d)
		}
	})
}

func TestClientsHaveALimit(t *testing.T) {
	within(t, func(c *configs.Config) {
		c.Applications.Named = map[string]configs.Overrides{"small": {MaxClients: set(2)}}
	}, func(t *testing.T, h *house) {
		first := connected(t, h.from(there), app("small"))
		connected(t, h.from(there), app("small/other"))
		p := netconntest.NewPeer(t, h.from(there))
		p.Connect(app("small/third"))
		p.Expect(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (small) has 2 clients, the limit."}`, "0 close 0 null")
		p.ExpectEnd()
		first.Cut()
		synctest.Wait()
		connected(t, h.from(there), app("small"))
		if s := h.Stats(); s.Clients.Load() != 2 || s.Accepted.Load() != 3 || s.Rejected.Load() != 1 {
			t.Errorf("%d clients, %d accepted, %d rejected", s.Clients.Load(), s.Accepted.Load(), s.Rejected.Load())
		}
	})
}

// door leaves connect open until the test answers.
type door struct {
	ledger
	asked chan func(error)
}

func (d *door) Connect(c *apps.Client, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	d.asked <- func(err error) {
		a := c.Accept()
		a.Err = err
		reply.Give(a)
	}
}

func TestUndecidedClientLeavesItsInstance(t *testing.T) {
	within(t, func(c *configs.Config) { c.Connect.Timeout = 5 * time.Second }, func(t *testing.T, h *house) {
		d := &door{asked: make(chan func(error), 10)}
		h.Register("app", d)
		gone := netconntest.NewPeer(t, h.from(here))
		gone.Connect(app("app"))
		answer := <-d.asked
		gone.Cut()
		if got := d.take(); got != "start:app/_definst_ stop:app/_definst_" || len(h.Instances()) > 0 {
			t.Error(got)
		}
		answer(nil)
		if got := d.take(); got != "" { // the instance has stopped, of which the application was told
			t.Error(got)
		}

		late := netconntest.NewPeer(t, h.from(here))
		late.Connect(app("app"))
		answer = <-d.asked
		late.Until(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "the application did not answer in time"}`)
		late.Until("0 close ")
		late.ExpectEnd()
		synctest.Wait()
		answer(errors.New("no"))
		if got := d.take(); got != "start:app/_definst_ stop:app/_definst_" {
			t.Error(got)
		}
		if s := h.Stats(); s.Accepted.Load() != 0 || s.Rejected.Load() != 2 {
			t.Errorf("%d accepted, %d rejected", s.Accepted.Load(), s.Rejected.Load())
		}
	})
}

func TestApplicationAnswersLater(t *testing.T) {
	within(t, nil, func(t *testing.T, h *house) {
		d := &door{asked: make(chan func(error), 10)}
		h.Register("app", d)
		begun := time.Now()
		yes, no := netconntest.NewPeer(t, h.from(here)), netconntest.NewPeer(t, h.from(here))
		yes.Connect(app("app/yes"))
		accept := <-d.asked
		no.Connect(app("app/no"))
		reject := <-d.asked
		yes.Call("createStream")
		yes.Command(1, "publish", 0, nil, "x", "live")
		yes.Call("createStream")
		time.AfterFunc(3*time.Second, func() { accept(nil) })
		time.AfterFunc(3*time.Second, func() { reject(netconn.Status{Code: netconn.ConnectRejected, Description: "closed today"}) })

		other := connected(t, h.from(here), app("live"))
		if got := publishes(t, other, "y"); got != netconn.PublishStart || time.Since(begun) != 0 {
			t.Errorf("another client: %s after %v", got, time.Since(begun))
		}
		yes.Until("0 _result 1 ")
		yes.Expect("0 onBWDone 0 null", "0 _result 2 null 1")
		yes.Until(`1 onStatus 0 null {level: "status", code: "NetStream.Publish.Start"`)
		yes.Expect("0 _result 3 null 2")
		no.Expect(`0 _error 1 null {level: "error", code: "NetConnection.Connect.Rejected", description: "closed today"}`, "0 close 0 null")
		no.ExpectEnd()
		if time.Since(begun) < 3*time.Second {
			t.Errorf("answered after %v", time.Since(begun))
		}
	})
}
