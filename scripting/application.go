package scripting

import (
	"context"
	"io"
	"net/http"
	"time"

	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/scripting/engine"
)

// Options are what scripts may reach. What is nil cannot be reached.
type Options struct {
	// Dial connects to another server, or to this one, for the NetConnection class.
	Dial func(ctx context.Context, url string, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error)
	// HTTP makes the requests of XML, LoadVars, WebService and Flash Remoting.
	HTTP *http.Client
	// Socket connects XMLSocket and XMLStreams.
	Socket func(ctx context.Context, network, address string) (io.ReadWriteCloser, error)
	// Version is what application.server says.
	Version string
	// Hostname is what application.hostname says.
	Hostname string

	memory *engine.Memory // finds out which of the instances takes too much
	dials  *dials         // of the application
}

// Scripts makes applications of folders.
type Scripts struct{ options Options }

// New makes it.
func New(o Options) *Scripts {
	o.memory = engine.NewMemory()
	return &Scripts{options: o}
}

// Application returns the code of an application: that of its folder's script, or none.
func (s *Scripts) Application(string) apps.Application { return &application{scripts: s} }

// application is an application with a folder. Its instances keep a host as their value, nil without a script.
type application struct {
	apps.Live
	scripts *Scripts
	dials   dials
}

// hostOf returns the script of an instance, nil if it has none.
func hostOf(i *apps.Instance) *host {
	h, _ := i.Value().(*host)
	return h
}

// Start loads the script (server-side-api 1.3).
func (a *application) Start(i *apps.Instance) error {
	f := folderOf(i)
	main, ok := f.main()
	if !ok {
		return nil
	}
	o := a.scripts.options
	o.dials = &a.dials
	h, err := newHost(o, i, f)
	if err != nil {
		return err
	}
	i.SetValue(h)
	if err := h.load(main); err != nil {
		h.close()
		i.SetValue(nil)
		return err
	}
	return nil
}

// Connect asks application.onConnect.
func (a *application) Connect(c *apps.Client, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	if h := hostOf(c.Instance()); h != nil {
		h.connect(c, r, reply)
		return
	}
	a.Live.Connect(c, r, reply)
}

// Direct does nothing: no script is asked who may publish and play. Access lists are in the client's rights.
func (a *application) Direct() {}

// Publish lets clients publish that have the right to the name: an application with a script of its own is guarded by that
// alone, unless the configuration says otherwise.
func (a *application) Publish(c *apps.Client, r netconn.PublishRequest, reply *netconn.Reply[netconn.PublishAnswer]) {
	h := hostOf(c.Instance())
	if h == nil || h.folder.shipped || c.Instance().Settings().Publish.Own {
		a.Live.Publish(c, r, reply)
		return
	}
	c.Instance().Publish(c, r, reply)
}

// Published tells application.onPublish.
func (a *application) Published(c *apps.Client, r netconn.PublishRequest) {
	if h := hostOf(c.Instance()); h != nil {
		h.published(c, r)
	}
}

// Unpublished tells application.onUnpublish.
func (a *application) Unpublished(c *apps.Client, name string) {
	if h := hostOf(c.Instance()); h != nil {
		h.unpublished(c, name)
	}
}

// Call runs a method of the client's.
func (a *application) Call(c *apps.Client, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	h := hostOf(c.Instance())
	if h == nil {
		a.Live.Call(c, r, reply)
		return
	}
	h.called(c, r, reply, func() { a.Live.Call(c, r, reply) })
}

// Introduce asks application.onPeerLookup.
func (a *application) Introduce(i *apps.Instance, r netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
	if h := hostOf(i); h != nil && h.introduce(r, reply) {
		return
	}
	a.Live.Introduce(i, r, reply)
}

// Moved tells client.onFarAddressChange.
func (a *application) Moved(c *apps.Client, before netconn.Far) {
	if h := hostOf(c.Instance()); h != nil {
		h.moved(c)
	}
}

// Disconnected tells application.onDisconnect.
func (a *application) Disconnected(c *apps.Client, reason error) {
	if h := hostOf(c.Instance()); h != nil {
		h.disconnected(c)
	}
}

// Changed says whether a file that the script was loaded from has changed, or whether there is a script now where there
// was none.
func (a *application) Changed(i *apps.Instance) bool {
	now := folderOf(i)
	if h := hostOf(i); h != nil {
		return h.folder.changed(h.mainFile, now)
	}
	_, ok := now.main()
	return ok
}

// Idle is what the configuration says for instances that have a script.
func (a *application) Idle(i *apps.Instance) time.Duration {
	if hostOf(i) == nil {
		return 0
	}
	return i.Settings().Instances.Idle
}

// Stop asks application.onAppStop.
func (a *application) Stop(i *apps.Instance, why apps.StopReason) bool {
	if h := hostOf(i); h != nil {
		return h.stop(why)
	}
	return true
}

// Stopped ends the script.
func (a *application) Stopped(i *apps.Instance) {
	if h := hostOf(i); h != nil {
		h.close()
	}
}
