package apps

import (
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/sharedobjects"
	"afterglow/streams"
)

// StopReason says why an instance is stopped.
type StopReason uint8

// The reasons, with what Application.onAppStop calls them (server-side-api 1.4).
const (
	StopIdle     StopReason = iota // it has had no client for instances.idle: Application.GC
	StopShutdown                   // the server ends, or somebody stops or reloads the instance: Application.Shutdown
)

// Instance is one instance of an application: its clients, its streams and its shared objects. It is an actor: what
// the application decides for it is decided by one goroutine at a time, in order. Methods say where they may be called
// from; "the instance's goroutine" is where the methods of [Application] are called, and what [Instance.Do] was given.
type Instance struct {
	app     *application
	name    string
	hub     *streams.Hub
	mailbox mailbox
	born    time.Time
	ended   chan struct{}        // closed when it is no more
	clients map[*Client]struct{} // all that have been placed here; guarded by server.mu

	// What follows belongs to the instance's goroutine.
	running  bool                 // the application has started it and not been told that it has stopped
	stopping bool                 // its clients are being disconnected
	failure  error                // why it did not start
	members  map[*Client]struct{} // clients of this run, let in or not yet
	accepted []*Client            // those let in, in the order in which they came
	later    []func()             // what came while it was stopping
	timer    *time.Timer          // idle, or waiting for the last clients of one that stops
	objects  map[objectKey]*SharedObject
	stored   *sharedobjects.Namespace // nil without a place for persistent objects
	totals   struct{ connects, disconnects uint64 }

	value    atomic.Pointer[any]
	snapshot atomic.Pointer[InstanceInfo]
}

// application is an application that has been found, with the instances that it has now.
type application struct {
	server    *Server
	name      string
	code      Application
	config    atomic.Pointer[configs.Application]
	instances map[string]*Instance // guarded by server.mu
	clients   int                  // guarded by server.mu
}

// Name returns the application's and the instance's name with a slash between them. It may be called from anywhere.
func (i *Instance) Name() string { return i.app.name + "/" + i.name }

// Application returns the application's name, and Own the instance's own.
func (i *Instance) Application() string { return i.app.name }

// Own returns the instance's name without the application's.
func (i *Instance) Own() string { return i.name }

// Hub returns the instance's streams. It may be called from anywhere.
func (i *Instance) Hub() *streams.Hub { return i.hub }

// Settings returns what the configuration says for the application now. It may be called from anywhere; it must not be
// changed.
func (i *Instance) Settings() *configs.Application { return i.settings() }

// Server returns the server that the instance belongs to.
func (i *Instance) Server() *Server { return i.app.server }

// SetValue keeps something of the application's with the instance until it has stopped. It may be called from anywhere.
func (i *Instance) SetValue(v any) { i.value.Store(&v) }

// Value returns what SetValue was given, or nil. It may be called from anywhere.
func (i *Instance) Value() any {
	if v := i.value.Load(); v != nil {
		return *v
	}
	return nil
}

// Do runs f on the instance's goroutine, behind what waits there. It may be called from anywhere and does not wait. It
// reports false when the instance has ended.
func (i *Instance) Do(f func()) bool { return i.mailbox.post(f) }

// Busy returns what the instance does at the moment. It may be called from anywhere.
func (i *Instance) Busy() Busy { return i.mailbox.busy() }

// Clients returns the accepted clients in the order in which they came. It belongs to the instance's goroutine, and so
// does the slice, which is valid until the next client comes or goes.
func (i *Instance) Clients() []*Client { return i.accepted }

// Totals returns how many clients have connected and disconnected since the instance started. It belongs to the
// instance's goroutine.
func (i *Instance) Totals() (connects, disconnects uint64) {
	return i.totals.connects, i.totals.disconnects
}

func (i *Instance) settings() *configs.Application { return i.app.config.Load() }

// key is what publishers have to show: the application's own, or the server's.
func (i *Instance) key() string {
	if k := i.settings().Publish.Key; k != "" {
		return k
	}
	return *i.app.server.key.Load()
}

// Log returns where the events of the instance go. It may be called from anywhere.
func (i *Instance) Log() *slog.Logger { return i.log() }

func (i *Instance) log() *slog.Logger {
	return i.app.server.log.With("app", i.Name())
}

func hubConfig(p configs.Play) streams.Config {
	return streams.Config{NoGOPCache: !p.GOPCache, CacheBytes: int(p.GOPCacheBytes), MaxLag: p.MaxLag}
}

// begin has the application start the instance if it does not run, and returns why it could not.
func (i *Instance) begin() error {
	if i.running || i.failure != nil {
		return i.failure
	}
	i.totals.connects, i.totals.disconnects = 0, 0
	if i.failure = i.app.code.Start(i); i.failure != nil {
		i.log().Error("application did not start", "reason", i.failure)
		return i.failure
	}
	i.running = true
	i.publishInfo()
	return nil
}

// enter counts a client among those that have been let in.
func (i *Instance) enter(c *Client) {
	if _, here := i.members[c]; !here {
		return
	}
	i.accepted = append(i.accepted, c)
	i.totals.connects++
	i.publishInfo()
}

// exit forgets a client and what it followed, and tells the application.
func (i *Instance) exit(c *Client, reason error) {
	at := slices.Index(i.accepted, c)
	if at >= 0 {
		// The slice that Clients gave away stays as it is.
		i.accepted = append(slices.Clone(i.accepted[:at]), i.accepted[at+1:]...)
		i.totals.disconnects++
	}
	i.unfollow(c)
	_, here := i.members[c]
	delete(i.members, c)
	if at >= 0 && here && i.running {
		i.app.code.Disconnected(c, reason)
	}
	i.publishInfo()
}

// missed tells the application of a client that had gone before it was accepted.
func (i *Instance) missed(c *Client) {
	if i.running {
		i.app.code.Disconnected(c, netconn.ErrDisconnected)
	}
}

// vacated is called after a client has left: an instance without clients ends, at once or after a while.
func (i *Instance) vacated() {
	if i.stopping {
		if len(i.members) == 0 {
			i.finish()
		}
		return
	}
	if !i.empty() {
		return
	}
	switch idle := i.app.code.Idle(i); {
	case !i.running || idle <= 0:
		i.unload(StopIdle)
	default:
		i.after(idle, func() { i.unload(StopIdle) })
	}
}

// empty says whether no client is here or on its way.
func (i *Instance) empty() bool {
	s := i.app.server
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(i.clients) == 0
}

// after runs f on the instance's goroutine unless something else is to be waited for by then.
func (i *Instance) after(d time.Duration, f func()) {
	i.forget()
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		i.Do(func() {
			if i.timer == t {
				i.timer = nil
				f()
			}
		})
	})
	i.timer = t
}

func (i *Instance) forget() {
	if i.timer != nil {
		i.timer.Stop()
		i.timer = nil
	}
}

// unload stops an instance that has no clients, unless the application wants to keep it.
func (i *Instance) unload(why StopReason) {
	if !i.empty() || i.stopping {
		return
	}
	if i.running && !i.app.code.Stop(i, why) && why == StopIdle {
		if idle := i.app.code.Idle(i); idle > 0 {
			i.after(idle, func() { i.unload(StopIdle) })
			return
		}
	}
	i.finish()
}

// stopTime is how long the clients of an instance that stops have to go.
const stopTime = 5 * time.Second

// Shutdown stops the instance: the application is told, then its clients are disconnected with
// NetConnection.Connect.AppShutdown, each of which it is told, then it ends (server-side-api 1.4). Clients that come
// meanwhile find it started anew. It may be called from anywhere and does not wait.
func (i *Instance) Shutdown(description string) {
	i.Do(func() { i.shutdown(description) })
}

func (i *Instance) shutdown(description string) {
	if i.stopping {
		return
	}
	if i.running {
		i.app.code.Stop(i, StopShutdown)
	}
	i.disconnectAll(description)
}

// Kill stops the instance because it has gone wrong: the application is told nothing of its clients, who are
// disconnected with NetConnection.Connect.AppShutdown. It may be called from anywhere and does not wait.
func (i *Instance) Kill(why error) {
	i.Do(func() {
		if !i.running || i.stopping {
			return
		}
		i.log().Error("instance killed", "reason", why)
		i.stopped()
		i.disconnectAll(why.Error())
	})
}

// disconnectAll ends the connections of all clients and goes on when they have gone.
func (i *Instance) disconnectAll(description string) {
	i.stopping = true
	status := netconn.Status{Code: netconn.ConnectAppShutdown, Level: netconn.LevelError, Description: description}
	for c := range i.members {
		if c.state.Load() == accepted {
			c.Disconnect(status)
		} else {
			c.asked.Give(netconn.ConnectAnswer{Err: status})
		}
	}
	if len(i.members) == 0 {
		i.finish()
		return
	}
	i.after(stopTime, i.finish)
}

// stopped tells the application that the instance's run is over.
func (i *Instance) stopped() {
	if i.running {
		i.running = false
		i.app.code.Stopped(i)
	}
}

// finish ends the instance's run, and the instance if nobody has come meanwhile.
func (i *Instance) finish() {
	i.forget()
	for _, c := range i.accepted { // whose connections do not end although they should
		if i.running {
			i.app.code.Disconnected(c, errStopped)
		}
	}
	i.stopped()
	i.stopping, i.failure = false, nil
	i.value.Store(nil)
	i.accepted = nil
	clear(i.members)
	i.closeObjects()
	s := i.app.server
	s.mu.Lock()
	if len(i.clients) == 0 && i.app.instances[i.name] == i {
		delete(i.app.instances, i.name)
		i.mailbox.end()
		close(i.ended)
		s.stats.Instances.Add(-1)
	}
	s.mu.Unlock()
	later := i.later
	i.later = nil
	for _, f := range later {
		f()
	}
}

// tell runs f on the instance's goroutine for a client of its present run.
func (i *Instance) tell(c *Client, f func()) {
	i.Do(func() {
		if _, here := i.members[c]; here && i.running {
			f()
		}
	})
}

// notice is tell for what a client causes as often as it likes, within one of its affairs: beyond mostQueued it is not read
// until less waits.
func (i *Instance) notice(c *Client, f func()) {
	held := c.noticed.Add(1) > mostQueued
	if held {
		c.Hold()
	}
	done := func() {
		c.noticed.Add(-1)
		if held {
			c.Release()
		}
	}
	posted := i.Do(func() {
		if _, here := i.members[c]; here && i.running {
			f()
		}
		done()
	})
	if !posted {
		done()
	}
}

// mostQueued is how many messages of one client wait in the mailbox before the client is paused.
const mostQueued = 64

// ask is tell for what a client sends as often as it likes: beyond mostQueued it is not read until less waits. refuse,
// which may be nil, is called instead when the client's instance has stopped.
func (i *Instance) ask(c *Client, f, refuse func()) {
	held := c.queued.Add(1) > mostQueued
	if held {
		c.Hold()
	}
	posted := i.Do(func() {
		_, here := i.members[c]
		switch {
		case here && i.running:
			f()
		case refuse != nil:
			refuse()
		}
		c.queued.Add(-1)
		if held {
			c.Release()
		}
	})
	if !posted && refuse != nil {
		refuse()
	}
}

// waits says whether something that the client has sent before is not handled yet.
func (c *Client) waits() bool { return c.queued.Load() > 0 }

// errStopped is the answer to what comes to an instance that stops.
var errStopped = errors.New("the application has stopped")

// InstanceInfo is a snapshot of an instance.
type InstanceInfo struct {
	Name          string
	Since         time.Time
	Running       bool
	Clients       int
	SharedObjects int
}

func (i *Instance) publishInfo() {
	i.snapshot.Store(&InstanceInfo{Name: i.Name(), Since: i.born, Running: i.running, Clients: len(i.accepted), SharedObjects: len(i.objects)})
}

// Info returns a snapshot of the instance, without asking its goroutine. It may be called from anywhere.
func (i *Instance) Info() InstanceInfo {
	if p := i.snapshot.Load(); p != nil {
		return *p
	}
	return InstanceInfo{Name: i.Name(), Since: i.born}
}
