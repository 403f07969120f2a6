package apps

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/sharedobjects"
	"afterglow/streams"
)

// Options are what a Server needs.
type Options struct {
	// Config is the whole configuration; nil is the default one.
	Config *configs.Config
	// Key is what publishers show where the configuration names no other.
	Key string
	// Log gets one event for each thing that happens; nil is slog.Default.
	Log *slog.Logger
	// SharedObjects keeps persistent shared objects; nil keeps none.
	SharedObjects *sharedobjects.Store
	// Code returns the code of an application that nobody has registered any for; nil, or a nil answer, is Live. It is asked
	// once for each application.
	Code func(name string) Application
}

// Stats counts what clients did.
type Stats struct {
	Streams  streams.Stats
	Accepted atomic.Uint64 // connects accepted
	Rejected atomic.Uint64 // connects rejected
	Clients  atomic.Int64  // clients now
	// Instances and SharedObjects are how many are in use now.
	Instances, SharedObjects atomic.Int64
	// Problems counts errors and warnings of applications' scripts.
	Problems atomic.Uint64
}

// Server has the applications. It is a netconn.Handler.
type Server struct {
	options Options
	log     *slog.Logger
	config  atomic.Pointer[configs.Config]
	key     atomic.Pointer[string]
	stats   Stats

	mu    sync.Mutex
	codes map[string]Application
	apps  map[string]*application
}

// NewServer makes a server with the applications that the configuration and its folder name, and the shipped ones.
func NewServer(o Options) *Server {
	if o.Config == nil {
		o.Config = configs.Default()
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{options: o, log: o.Log, codes: make(map[string]Application), apps: make(map[string]*application)}
	s.config.Store(o.Config)
	s.SetKey(o.Key)
	return s
}

// Register gives an application its code, before the first client.
func (s *Server) Register(name string, a Application) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[name] = a
}

// Stats returns the server's counters, which go on counting.
func (s *Server) Stats() *Stats { return &s.stats }

// SetKey changes what publishers show where the configuration names no other key.
func (s *Server) SetKey(key string) { s.key.Store(&key) }

// SetConfig changes the settings of all applications; clients stay.
func (s *Server) SetConfig(c *configs.Config) {
	s.config.Store(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, a := range s.apps {
		settings := c.Application(name)
		a.config.Store(&settings)
		for _, i := range a.instances {
			i.hub.SetConfig(hubConfig(settings.Play))
		}
	}
}

// exists says whether there is an application of that name; folder tells whether it has a folder. The caller holds mu.
func (s *Server) exists(name string, folder bool) bool {
	if s.codes[name] != nil || isShipped(name) {
		return true
	}
	return folder || s.config.Load().Application(name).Named
}

// hasFolder says whether the applications folder has one of that name. It may wait for the disk, so nobody holds mu.
func (s *Server) hasFolder(name string) bool {
	if isShipped(name) || !validName(name) {
		return false
	}
	info, err := os.Stat(filepath.Join(s.config.Load().Applications.Dir, name))
	return err == nil && info.IsDir()
}

// validName keeps names that a client sends inside the applications folder.
func validName(name string) bool {
	return name != "" && name != "." && !strings.ContainsAny(name, `/\:`+"\x00") && filepath.IsLocal(name) && fs.ValidPath(name)
}

// application returns the application of that name, or nil. The caller holds mu.
func (s *Server) application(name string, folder bool) *application {
	if !s.exists(name, folder) {
		return nil // though it may have existed before the configuration changed
	}
	if a := s.apps[name]; a != nil {
		return a
	}
	a := &application{server: s, name: name, code: s.codes[name], instances: make(map[string]*Instance)}
	if a.code == nil && s.options.Code != nil {
		a.code = s.options.Code(name)
	}
	if a.code == nil {
		a.code = unguided{}
	}
	settings := s.config.Load().Application(name)
	a.config.Store(&settings)
	s.apps[name] = a
	return a
}

// maxInstanceName bounds the names that clients give to instances, in bytes.
const maxInstanceName = 255

// place puts a client into an instance, a new one if need be.
func (s *Server) place(c *Client, r netconn.ConnectRequest) error {
	folder := s.hasFolder(r.App)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.application(r.App, folder)
	if a == nil {
		code := netconn.ConnectRejected
		if s.config.Load().Connect.Unknown == configs.UnknownInvalidApp {
			code = netconn.ConnectInvalidApp
		}
		return netconn.Status{Code: code, Description: reject("Application (%s) is not defined.", clip(r.App))}
	}
	if len(r.Instance) > maxInstanceName {
		return netconn.Status{Code: netconn.ConnectRejected, Description: reject("Instance name is longer than %d bytes.", maxInstanceName)}
	}
	if most := a.config.Load().MaxClients; most > 0 && a.clients >= most {
		return netconn.Status{Code: netconn.ConnectRejected, Description: reject("Application (%s) has %d clients, the limit.", a.name, most)}
	}
	i := a.instances[r.Instance]
	if i == nil {
		if most := a.config.Load().Instances.MaxInstances; len(a.instances) >= most {
			return netconn.Status{Code: netconn.ConnectRejected, Description: reject("Application (%s) has %d instances, the limit.", a.name, most)}
		}
		i = s.newInstance(a, r.Instance)
	}
	i.clients[c] = struct{}{}
	a.clients++
	c.instance = i
	return nil
}

// newInstance makes an instance. The caller holds mu.
func (s *Server) newInstance(a *application, name string) *Instance {
	i := &Instance{app: a, name: name, born: time.Now(), ended: make(chan struct{}), clients: make(map[*Client]struct{}), members: make(map[*Client]struct{})}
	i.hub = streams.NewHubWithStats(hubConfig(a.config.Load().Play), &s.stats.Streams)
	if s.options.SharedObjects != nil {
		i.stored = s.options.SharedObjects.Instance(a.name, name)
	}
	a.instances[name] = i
	s.stats.Instances.Add(1)
	return i
}

// leave takes a client out of its instance. It belongs to the instance's goroutine.
func (s *Server) leave(c *Client, reason error) {
	i := c.instance
	i.exit(c, reason)
	s.mu.Lock()
	if _, was := i.clients[c]; was {
		delete(i.clients, c)
		i.app.clients--
	}
	s.mu.Unlock()
	i.vacated()
}

// Instances returns the instances that there are, in no order.
func (s *Server) Instances() []*Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Instance
	for _, a := range s.apps {
		for _, i := range a.instances {
			out = append(out, i)
		}
	}
	return out
}

// Connect asks the application that the client names.
func (s *Server) Connect(conn *netconn.Conn, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	c := &Client{Conn: conn, request: r}
	if err := s.place(c, r); err != nil {
		s.rejected(conn, r, err)
		reply.Give(netconn.ConnectAnswer{Err: err})
		return
	}
	c.asked = netconn.NewReply(func(a netconn.ConnectAnswer) {
		s.decided(c, a.Err)
		if !reply.Give(a) && a.Relay != nil {
			a.Relay.Close()
		}
	})
	conn.SetValue(c)
	c.instance.Do(func() { c.instance.connect(c) })
}

// connect asks the application about a client.
func (i *Instance) connect(c *Client) {
	if i.stopping {
		i.later = append(i.later, func() { i.connect(c) })
		return
	}
	if c.state.Load() != asking {
		return // it went before its turn came
	}
	i.forget()
	if len(i.members) == 0 && i.running && i.app.code.Changed(i) {
		i.restart()
	}
	i.members[c] = struct{}{}
	if err := i.begin(); err != nil {
		c.asked.Give(netconn.ConnectAnswer{Err: netconn.Status{
			Code: netconn.ConnectRejected, Description: reject("Application (%s) did not start: %v", clip(i.app.name), err)}})
		return
	}
	i.app.code.Connect(c, c.request, c.asked)
}

// restart ends the run of an instance without clients, so that it starts anew.
func (i *Instance) restart() {
	i.log().Info("application has changed and is loaded anew")
	i.app.code.Stop(i, StopShutdown)
	i.stopped()
	i.closeObjects()
	i.value.Store(nil)
}

// decided counts what an application has answered to connect. The client may have gone meanwhile.
func (s *Server) decided(c *Client, err error) {
	c.turn.Lock()
	defer c.turn.Unlock()
	i := c.instance
	switch {
	case err == nil && c.state.CompareAndSwap(asking, accepted):
		s.stats.Accepted.Add(1)
		s.stats.Clients.Add(1)
		s.log.Info("connect", "client", c.ID(), "remote", c.Far().Address, "protocol", c.Far().Protocol, "app", i.Name(), "agent", clip(c.request.FlashVer))
		if b := i.settings().Bandwidth; b.ToClient > 0 || b.ToServer > 0 {
			c.limit(b)
		}
		i.Do(func() { i.enter(c) })
	case err == nil:
		i.Do(func() { i.missed(c) })
	case c.state.CompareAndSwap(asking, gone):
		s.rejected(c.Conn, c.request, err)
		i.Do(func() { s.leave(c, err) })
	}
}

func (s *Server) rejected(conn *netconn.Conn, r netconn.ConnectRequest, err error) {
	s.stats.Rejected.Add(1)
	s.log.Warn("connect rejected", "client", conn.ID(), "remote", conn.Far().Address, "app", clip(r.App), "reason", err)
}

// client returns what Connect attached; every later question comes from an accepted client.
func client(conn *netconn.Conn) *Client {
	c, _ := conn.Value().(*Client)
	return c
}

// Publish asks the client's application.
func (s *Server) Publish(conn *netconn.Conn, r netconn.PublishRequest, reply *netconn.Reply[netconn.PublishAnswer]) {
	c := client(conn)
	answer := netconn.NewReply(func(a netconn.PublishAnswer) {
		if a.Err != nil {
			c.tell(slog.LevelWarn, "publish refused", "stream", clip(r.Name), "reason", a.Err)
		}
		if !reply.Give(a) && a.Publisher != nil {
			a.Publisher.Close()
		}
	})
	if direct, ok := c.instance.app.code.(Direct); ok && !c.waits() {
		direct.Publish(c, r, answer)
		return
	}
	c.instance.ask(c, func() { c.instance.app.code.Publish(c, r, answer) }, func() { answer.Give(netconn.PublishAnswer{Err: errStopped}) })
}

// Published tells the client's application.
func (s *Server) Published(conn *netconn.Conn, r netconn.PublishRequest) {
	c := client(conn)
	c.instance.notice(c, func() { c.instance.app.code.Published(c, r) })
}

// Play asks the client's application.
func (s *Server) Play(conn *netconn.Conn, r netconn.PlayRequest, reply *netconn.Reply[netconn.PlayAnswer]) {
	c := client(conn)
	answer := netconn.NewReply(func(a netconn.PlayAnswer) {
		if a.Err != nil {
			c.tell(slog.LevelWarn, "play refused", "stream", clip(r.Name), "reason", a.Err)
		} else {
			c.instance.log().Debug("play", "client", c.ID(), "remote", c.Far().Address, "stream", clip(r.Name))
		}
		if !reply.Give(a) && a.Subscriber != nil {
			a.Subscriber.Close()
		}
	})
	if direct, ok := c.instance.app.code.(Direct); ok && !c.waits() {
		direct.Play(c, r, answer)
		return
	}
	c.instance.ask(c, func() { c.instance.app.code.Play(c, r, answer) }, func() { answer.Give(netconn.PlayAnswer{Err: errStopped}) })
}

// Call asks the client's application.
func (s *Server) Call(conn *netconn.Conn, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	c := client(conn)
	c.instance.ask(c, func() { c.instance.app.code.Call(c, r, reply) }, func() { reply.Give(netconn.CallAnswer{Err: errStopped}) })
}

// Introduce asks the application of the peer that is sought, or else of the client that seeks it.
func (s *Server) Introduce(r netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
	i := instanceOf(r.To)
	if i == nil {
		i = instanceOf(r.From)
	}
	if i == nil {
		reply.Give(netconn.IntroduceAnswer{Err: errStranger})
		return
	}
	answer := netconn.NewReply(func(a netconn.IntroduceAnswer) {
		if a.Err != nil {
			i.log().Debug("introduction refused", "remote", r.Address, "peer", r.PeerID, "reason", a.Err)
		} else {
			i.log().Debug("introduction", "remote", r.Address, "peer", r.PeerID, "redirected", len(a.Redirect) > 0)
		}
		reply.Give(a)
	})
	i.Do(func() {
		if !i.running {
			answer.Give(netconn.IntroduceAnswer{Err: errStopped})
			return
		}
		i.app.code.Introduce(i, r, answer)
	})
}

// Moved tells the client's application.
func (s *Server) Moved(conn *netconn.Conn, before netconn.Far) {
	c := client(conn)
	if c == nil || c.state.Load() != accepted {
		return
	}
	c.tell(slog.LevelInfo, "client moved", "before", before.Address)
	c.instance.tell(c, func() { c.instance.app.code.Moved(c, before) })
}

// Unpublished tells the client's application.
func (s *Server) Unpublished(conn *netconn.Conn, name string) {
	c := client(conn)
	c.tell(slog.LevelInfo, "unpublish", "stream", name)
	c.instance.notice(c, func() { c.instance.app.code.Unpublished(c, name) })
}

// Refused logs what a client was refused without its application being asked.
func (s *Server) Refused(conn *netconn.Conn, st netconn.Status) {
	client(conn).tell(slog.LevelWarn, "refused", "stream", clip(st.Details), "reason", st)
}

// Disconnected tells the client's application.
func (s *Server) Disconnected(conn *netconn.Conn, reason error) {
	c := client(conn)
	if c == nil {
		return
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	switch c.state.Swap(gone) {
	case accepted:
		s.stats.Clients.Add(-1)
		attrs := []any{"client", conn.ID(), "remote", conn.Far().Address, "app", c.instance.Name()}
		if why := ended(reason); why != "" {
			attrs = append(attrs, "reason", why)
		}
		s.log.Info("disconnect", attrs...)
		c.instance.Do(func() { s.leave(c, reason) })
	case asking:
		s.rejected(conn, c.request, reason)
		c.instance.Do(func() { s.leave(c, reason) })
	}
}

// ended words why this end closed a connection, "" where the far end went or did what its transport knows and logs.
func ended(reason error) string {
	var status netconn.Status
	switch {
	case reason == nil || errors.Is(reason, netconn.ErrDisconnected):
		return "closed"
	case errors.As(reason, &status):
		return status.Error()
	}
	return ""
}

// clip shortens what a client sent for the log.
func clip(s string) string {
	const most = 128
	s = strings.ToValidUTF8(s, "?")
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
