package apps_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

// diarist is an application that writes down what it is told, and does as a test says.
type diarist struct {
	apps.Live
	mu      sync.Mutex
	lines   []string
	idle    time.Duration
	keep    atomic.Bool // refuses to stop while it is only idle
	changed atomic.Bool
	call    func(c *apps.Client, r netconn.CallRequest)
	last    *apps.Instance
}

func (d *diarist) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// read returns what was written since the last time, once all is quiet.
func (d *diarist) read() string {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := strings.Join(d.lines, ", ")
	d.lines = nil
	return s
}

func (d *diarist) Start(i *apps.Instance) error {
	d.last = i
	d.write("start")
	return nil
}

func (d *diarist) Connect(c *apps.Client, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	d.write("connect")
	reply.Give(c.Accept())
}

func (d *diarist) Call(c *apps.Client, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	if d.call != nil {
		d.call(c, r)
	}
	reply.Give(netconn.CallAnswer{Value: r.Method})
}

func (d *diarist) Disconnected(*apps.Client, error)  { d.write("gone") }
func (d *diarist) Changed(*apps.Instance) bool       { return d.changed.Load() }
func (d *diarist) Idle(*apps.Instance) time.Duration { return d.idle }
func (d *diarist) Stopped(*apps.Instance)            { d.write("stopped") }
func (d *diarist) Stop(_ *apps.Instance, why apps.StopReason) bool {
	d.write("stop %s", map[apps.StopReason]string{apps.StopIdle: "idle", apps.StopShutdown: "shutdown"}[why])
	return !d.keep.Load()
}

// diary runs a test with a diarist.
func diary(t *testing.T, d *diarist, change func(*configs.Config), run func(t *testing.T, h *house)) {
	within(t, change, func(t *testing.T, h *house) {
		h.Register("app", d)
		t.Cleanup(func() {
			d.keep.Store(false)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_ = h.Close(ctx)
		})
		run(t, h)
	})
}

func expect(t *testing.T, d *diarist, want string) {
	t.Helper()
	if got := d.read(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestIdleInstanceIsKeptForAWhile(t *testing.T) {
	d := &diarist{idle: time.Minute}
	diary(t, d, nil, func(t *testing.T, h *house) {
		p := connected(t, h.from(here), app("app"))
		p.Cut()
		expect(t, d, "start, connect, gone")
		time.Sleep(59 * time.Second)
		p = connected(t, h.from(here), app("app"))
		time.Sleep(30 * time.Second)
		expect(t, d, "connect")
		p.Cut()
		time.Sleep(59 * time.Second)
		expect(t, d, "gone")
		time.Sleep(2 * time.Second)
		expect(t, d, "stop idle, stopped")
		if n := len(h.Instances()); n != 0 {
			t.Errorf("%d instances are left", n)
		}
	})
}

func TestIdleInstanceStaysIfTheApplicationWants(t *testing.T) {
	d := &diarist{idle: time.Minute}
	d.keep.Store(true)
	diary(t, d, nil, func(t *testing.T, h *house) {
		connected(t, h.from(here), app("app")).Cut()
		time.Sleep(time.Minute + time.Second)
		expect(t, d, "start, connect, gone, stop idle")
		time.Sleep(time.Minute)
		expect(t, d, "stop idle") // it is asked again
		d.keep.Store(false)
		time.Sleep(time.Minute)
		expect(t, d, "stop idle, stopped")
	})
}

func TestShutdownTellsTheApplicationBeforeItsClientsGo(t *testing.T) {
	d := &diarist{idle: time.Minute}
	diary(t, d, nil, func(t *testing.T, h *house) {
		one, two := connected(t, h.from(here), app("app")), connected(t, h.from(there), app("app"))
		d.read()
		d.last.Shutdown("Closing time.")
		for _, p := range []*netconntest.Peer{one, two} {
			p.Until(`0 onStatus 0 null {level: "error", code: "NetConnection.Connect.AppShutdown", description: "Closing time."`)
			p.ExpectEnd()
		}
		expect(t, d, "stop shutdown, gone, gone, stopped")
		connected(t, h.from(here), app("app"))
		expect(t, d, "start, connect")
	})
}

func TestClientThatComesWhileTheInstanceStopsFindsItStartedAnew(t *testing.T) {
	d := &diarist{idle: time.Minute}
	diary(t, d, nil, func(t *testing.T, h *house) {
		old := connected(t, h.from(here), app("app"))
		d.read()
		i := d.last
		hold := make(chan struct{})
		i.Do(func() { <-hold })
		i.Shutdown("")
		late := netconntest.NewPeer(t, h.from(there))
		late.Connect(app("app"))
		synctest.Wait()
		close(hold)
		old.Until("0 onStatus ")
		old.ExpectEnd()
		late.Until("0 _result 1 ")
		expect(t, d, "stop shutdown, gone, stopped, start, connect")
	})
}

func TestKilledInstanceTellsItsApplicationNothingOfItsClients(t *testing.T) {
	d := &diarist{idle: time.Minute}
	diary(t, d, nil, func(t *testing.T, h *house) {
		p := connected(t, h.from(here), app("app"))
		other := connected(t, h.from(here))
		d.read()
		d.last.Kill(errors.New("out of memory"))
		p.Until(`0 onStatus 0 null {level: "error", code: "NetConnection.Connect.AppShutdown", description: "out of memory"`)
		p.ExpectEnd()
		expect(t, d, "stopped")
		if h.log.count("instance killed", "out of memory") != 1 {
			t.Error("it is not logged")
		}
		other.Call("releaseStream", "x") // another application does not notice
		other.Until("0 _result ")
		connected(t, h.from(here), app("app"))
		expect(t, d, "start, connect")
	})
}

func TestChangedApplicationIsLoadedAnewWhenItHasNoClients(t *testing.T) {
	d := &diarist{idle: time.Hour}
	diary(t, d, nil, func(t *testing.T, h *house) {
		p := connected(t, h.from(here), app("app"))
		d.changed.Store(true)
		second := connected(t, h.from(here), app("app"))
		h.Reload()
		expect(t, d, "start, connect, connect") // not while somebody is there
		p.Cut()
		second.Cut()
		expect(t, d, "gone, gone")
		connected(t, h.from(here), app("app"))
		expect(t, d, "stop shutdown, stopped, start, connect")
	})
}

func TestReloadNowDisconnectsClients(t *testing.T) {
	d := &diarist{idle: time.Hour}
	diary(t, d, func(c *configs.Config) { c.Scripts.Reload = configs.ReloadNow }, func(t *testing.T, h *house) {
		p := connected(t, h.from(here), app("app"))
		h.Reload()
		expect(t, d, "start, connect") // nothing has changed
		d.changed.Store(true)
		h.Reload()
		p.Until(`0 onStatus 0 null {level: "error", code: "NetConnection.Connect.AppShutdown"`)
		p.ExpectEnd()
		expect(t, d, "stop shutdown, gone, stopped")
	})
}

func TestInstanceLoadedAtTheStartIsNotIdle(t *testing.T) {
	d := &diarist{idle: time.Minute}
	yes := true
	diary(t, d, func(c *configs.Config) {
		c.Applications.Named = map[string]configs.Overrides{"app": {LoadOnStart: &yes}, "other": {}}
	}, func(t *testing.T, h *house) {
		h.LoadOnStartup()
		time.Sleep(time.Hour)
		expect(t, d, "start")
		if n := len(h.Instances()); n != 1 {
			t.Errorf("%d instances", n)
		}
		connected(t, h.from(here), app("app")).Cut()
		time.Sleep(2 * time.Minute)
		expect(t, d, "connect, gone, stop idle, stopped")
	})
}

func TestCloseStopsEverythingAndWaits(t *testing.T) {
	d := &diarist{idle: time.Hour}
	diary(t, d, nil, func(t *testing.T, h *house) {
		connected(t, h.from(here), app("app/one"))
		connected(t, h.from(here), app("app/two")).Cut()
		synctest.Wait()
		d.read()
		if err := h.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := d.read(); strings.Count(got, "stop shutdown") != 2 || strings.Count(got, "stopped") != 2 || strings.Count(got, "gone") != 1 {
			t.Error(got)
		}
	})
}

func TestCloseGivesUpOnAnInstanceThatHangs(t *testing.T) {
	d := &diarist{idle: time.Hour}
	diary(t, d, nil, func(t *testing.T, h *house) {
		connected(t, h.from(here), app("app"))
		hold := make(chan struct{})
		defer close(hold)
		d.last.Do(func() { <-hold })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := h.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "app/_definst_") {
			t.Errorf("got %v", err)
		}
	})
}

func TestFullMailboxHoldsItsClientAndNobodyElse(t *testing.T) {
	d := &diarist{idle: time.Hour}
	diary(t, d, nil, func(t *testing.T, h *house) {
		busy, other := connected(t, h.from(here), app("app/busy")), connected(t, h.from(here), app("app/other"))
		var i *apps.Instance
		for _, x := range h.Instances() {
			if x.Own() == "busy" {
				i = x
			}
		}
		hold := make(chan struct{})
		i.Do(func() { <-hold })
		synctest.Wait()
		const calls = 500
		go func() {
			for range calls {
				busy.Call("x")
			}
		}()
		synctest.Wait()
		if n := i.Busy().Waiting; n < 50 || n > 70 {
			t.Errorf("%d calls wait", n)
		}
		if i.Busy().Running == 0 {
			t.Error("it does not say that it is busy")
		}
		other.Call("x")
		other.Until(`0 _result 2 null "x"`)
		close(hold)
		for range calls {
			busy.Until("0 _result ")
		}
	})
}

// hasty is an application that lets streams pass by its mailbox.
type hasty struct{ *diarist }

func (hasty) Direct() {}

func TestClientThatPublishesAgainAndAgainIsHeldWhileTheInstanceIsBusy(t *testing.T) {
	d := &diarist{idle: time.Hour}
	diary(t, d, nil, func(t *testing.T, h *house) {
		h.Register("hasty", hasty{d})
		p := connected(t, h.from(here), app("hasty"))
		p.CreateStream(1)
		synctest.Wait()
		i, hold := d.last, make(chan struct{})
		i.Do(func() { <-hold })
		const times = 500
		go func() {
			for range times {
				p.Command(1, "publish", 0, nil, "x")
				p.Command(1, "closeStream", 0, nil)
			}
			p.Call("last")
		}()
		synctest.Wait()
		if n := i.Busy().Waiting; n < 50 || n > 70 {
			t.Errorf("%d notices wait", n)
		}
		close(hold)
		p.Until("0 _result ")
	})
}
