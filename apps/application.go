package apps

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/amf"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/streams"
)

// Application is what an application decides. Each question is answered through its Reply, at once or later, from any
// goroutine; the client waits, nobody else does. The methods are called one at a time for each instance, on the instance's
// goroutine, in the order in which things happened; while one runs the other clients of the same instance wait, and nobody
// else. Embed [Live] for the answers that need no thought.
type Application interface {
	// Start is called before the first question to an instance; an error rejects the clients that come, until all of them
	// have gone and the instance is started anew.
	Start(i *Instance) error
	// Connect asks whether a client may come in.
	Connect(c *Client, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer])
	// Publish asks whether a client may publish; Instance.Publish makes the answer of one that may.
	Publish(c *Client, r netconn.PublishRequest, reply *netconn.Reply[netconn.PublishAnswer])
	// Play asks whether a client may play; Instance.Play makes the answer of one that may.
	Play(c *Client, r netconn.PlayRequest, reply *netconn.Reply[netconn.PlayAnswer])
	// Published tells that a client has begun to publish, and has been told so.
	Published(c *Client, r netconn.PublishRequest)
	// Call asks for a remote method. The answer netconn.ErrNoMethod leaves the method to the server.
	Call(c *Client, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer])
	// Introduce asks whether somebody may be introduced to a client of the instance, or whether a client of the instance may be
	// introduced to a peer that is not connected to this server. Instance.MayIntroduce knows what the configuration says.
	Introduce(i *Instance, r netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer])
	// Moved tells that a client that was accepted has another address than before, where everything of it goes on.
	Moved(c *Client, before netconn.Far)
	// Unpublished tells that a client has stopped publishing a stream, whatever made it stop.
	Unpublished(c *Client, name string)
	// Disconnected tells that a client that was accepted has gone, even if it had gone before, unless its instance has stopped.
	Disconnected(c *Client, reason error)
	// Changed says whether what an instance was started from has changed: one without clients is then started anew.
	Changed(i *Instance) bool
	// Idle returns for how long an instance is kept after its last client has gone.
	Idle(i *Instance) time.Duration
	// Stop tells that an instance is to be stopped. The answer false keeps one that would be stopped because it is idle.
	// Clients that are still there are disconnected then, of which Disconnected tells.
	Stop(i *Instance, why StopReason) bool
	// Stopped tells that an instance has stopped: nothing more is asked before it is started anew.
	Stopped(i *Instance)
}

// Direct is an Application whose Publish and Play are asked on the goroutine of the client's connection, at once and several
// at the same time: what the instance does for others holds up no stream. They must not block. Only behind what the client itself
// has sent before, a releaseStream for example, they are asked on the instance's goroutine when that has been answered.
type Direct interface {
	Application
	// Direct does nothing.
	Direct()
}

// unguided is what an application without code is.
type unguided struct{ Live }

// Direct does nothing.
func (unguided) Direct() {}

// Live is the application of live streams: everybody may connect and play, and publish whoever shows the key or is on
// this machine.
type Live struct{}

// Start does nothing.
func (Live) Start(*Instance) error { return nil }

// Connect accepts.
func (Live) Connect(c *Client, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	reply.Give(c.Accept())
}

// Publish accepts publishers that [Client.MayPublish] knows.
func (Live) Publish(c *Client, r netconn.PublishRequest, reply *netconn.Reply[netconn.PublishAnswer]) {
	if err := c.MayPublish(r); err != nil {
		reply.Give(netconn.PublishAnswer{Err: err})
		return
	}
	c.Instance().Publish(c, r, reply)
}

// Play accepts.
func (Live) Play(c *Client, r netconn.PlayRequest, reply *netconn.Reply[netconn.PlayAnswer]) {
	reply.Give(c.Instance().Play(r))
}

// Published does nothing.
func (Live) Published(*Client, netconn.PublishRequest) {}

// Call knows releaseStream where the configuration lets it evict, and leaves everything else to the server.
func (Live) Call(c *Client, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	if r.Method == "releaseStream" && len(r.Args) > 0 {
		if name, ok := r.Args[0].(string); ok {
			c.Instance().release(c, name)
		}
	}
	reply.Give(netconn.CallAnswer{Err: netconn.ErrNoMethod})
}

// Introduce does as the configuration says.
func (Live) Introduce(i *Instance, r netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
	reply.Give(netconn.IntroduceAnswer{Err: i.MayIntroduce(r)})
}

// Moved does nothing.
func (Live) Moved(*Client, netconn.Far) {}

// Unpublished does nothing.
func (Live) Unpublished(*Client, string) {}

// Disconnected does nothing.
func (Live) Disconnected(*Client, error) {}

// Changed says no.
func (Live) Changed(*Instance) bool { return false }

// Idle keeps no instance.
func (Live) Idle(*Instance) time.Duration { return 0 }

// Stop agrees.
func (Live) Stop(*Instance, StopReason) bool { return true }

// Stopped does nothing.
func (Live) Stopped(*Instance) {}

// ErrKey is the answer to a publisher that shows no key, or a wrong one.
var ErrKey = errors.New("publishing needs the key: put ?key=... behind the stream's name; it is what the configuration says as publish.key, or else what the server printed at its first start and keeps in the file publish.key under data.dir")

// Client is a client of an instance.
type Client struct {
	*netconn.Conn
	instance *Instance
	request  netconn.ConnectRequest
	state    atomic.Int32
	told     atomic.Int32                          // lines of log about its streams
	queued   atomic.Int32                          // its messages in the instance's mailbox
	noticed  atomic.Int32                          // what the instance is to be told of it
	turn     sync.Mutex                            // held while its state changes and the instance is told of it
	asked    *netconn.Reply[netconn.ConnectAnswer] // set before the instance knows it
	value    any
	follows  map[*SharedObject]struct{} // belongs to the instance's goroutine
}

// The states of a Client: it changes once or twice, in this order.
const (
	asking int32 = iota
	accepted
	gone
)

// Instance returns where the client is.
func (c *Client) Instance() *Instance { return c.instance }

// Request returns how the client connected.
func (c *Client) Request() netconn.ConnectRequest { return c.request }

// SetValue keeps something of the application's with the client, Value returns it. Both belong to the instance's goroutine.
func (c *Client) SetValue(v any) { c.value = v }

// Value returns what SetValue was given.
func (c *Client) Value() any { return c.value }

// mostTold is how many lines of log the streams of one client are worth.
const mostTold = 100

// tell logs what a client did with a stream, unless it does so again and again.
func (c *Client) tell(level slog.Level, what string, attrs ...any) {
	n := c.told.Add(1)
	if n > mostTold {
		return
	}
	attrs = append([]any{"client", c.ID(), "remote", c.Far().Address}, attrs...)
	c.instance.log().Log(context.Background(), level, what, attrs...)
	if n == mostTold {
		c.instance.log().Warn("no more of this client's streams is logged", "client", c.ID(), "remote", c.Far().Address, "lines", mostTold)
	}
}

// Gone says whether the client has gone, or has been turned away. It may be called from anywhere.
func (c *Client) Gone() bool { return c.state.Load() == gone }

// Accept is the answer that lets a client in with all rights and the application's way of writing media.
func (c *Client) Accept() netconn.ConnectAnswer {
	p := c.instance.settings().Play
	d := netconn.Delivery{Delay: p.Write.Delay, Lifetimes: netconn.Lifetimes(p.Lifetime)}
	switch p.Write.Mode {
	case configs.WriteOff:
		d.Mode = netconn.WriteOff
	case configs.WriteFixed:
		d.Mode = netconn.WriteFixed
	}
	rights := netconn.AllRights
	rights.AudioSample, rights.VideoSample = c.instance.settings().Access.AudioSample, c.instance.settings().Access.VideoSample
	return netconn.ConnectAnswer{Rights: rights, Delivery: d, BWDone: true}
}

// limit sets the bandwidth of a client for whom the application has set none.
func (c *Client) limit(b configs.Bandwidth) {
	if c.Bandwidth() == (netconn.Bandwidth{}) {
		c.SetBandwidth(netconn.Bandwidth{ToClient: int(b.ToClient), ToServer: int(b.ToServer)})
	}
}

// Redirect is the answer that turns a client away and tells it the URL to connect to instead. Flash leaves it to the
// application's own code to do so.
func (*Client) Redirect(to string) netconn.ConnectAnswer {
	shown, _, _ := strings.Cut(to, "?") // what follows may be a key, and the description is logged
	return netconn.ConnectAnswer{Err: netconn.Status{
		Code:        netconn.ConnectRejected,
		Description: "Redirected to " + shown,
		Extra: []amf.Property{{Name: "ex", Value: amf.NewObject(
			amf.Property{Name: "code", Value: 302.0},
			amf.Property{Name: "redirect", Value: to},
		)}},
	}}
}

// MayPublish says whether the application's guard lets a client publish: from this machine, to an open application, or
// with the key. It returns nil or ErrKey.
func (c *Client) MayPublish(r netconn.PublishRequest) error {
	p := c.instance.settings().Publish
	if p.Open || (!p.Own && c.Far().Loopback) {
		return nil
	}
	if _, right := c.shows(r.Query); right {
		return nil
	}
	return ErrKey
}

// shows returns the key that the client has shown with the stream's name or at connect, and whether it is the
// application's.
func (c *Client) shows(query string) (shown string, right bool) {
	key := c.instance.key()
	for _, q := range []string{query, c.request.Query} {
		// What else the query has, be it malformed, is others' affair.
		values, _ := url.ParseQuery(q)
		if !values.Has("key") {
			continue
		}
		if shown = values.Get("key"); key != "" && same(shown, key) {
			return shown, true
		}
	}
	return shown, false
}

// same compares keys in a time that tells nothing of where they differ.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// claimKey is what proves that a later publisher is the same: the key it showed, or the application's for clients on
// this machine, who need none.
func (c *Client) claimKey(query string) string {
	if shown, _ := c.shows(query); shown != "" || !c.Far().Loopback {
		return shown
	}
	return c.instance.key()
}

// Publish gives a client the right to a stream's name, or finds out whether it can have it (publish.takeover).
func (i *Instance) Publish(c *Client, r netconn.PublishRequest, reply *netconn.Reply[netconn.PublishAnswer]) {
	claim := streams.Claim{Owner: c, Key: c.claimKey(r.Query)}
	claim.Evicted = func(p *streams.Publisher) {
		c.tell(slog.LevelInfo, "publisher evicted", "stream", r.Name)
		r.Stream.Evict(p)
	}
	take := func() {
		p, err := i.hub.Publish(r.Name, claim)
		i.answerPublish(c, r, reply, p, err)
	}
	settings := i.settings().Publish
	claim.Take = settings.Takeover == configs.TakeoverAlways
	holder := i.hub.Publisher(r.Name)
	if holder == nil || claim.Take {
		take()
		return
	}
	owner, ok := holder.Owner().(*Client)
	if !ok {
		take()
		return
	}
	owner.Ping(settings.PingTimeout, func(alive bool) {
		// Somebody else may have taken the name meanwhile, who keeps it.
		if !alive {
			holder.Evict()
		}
		take()
	})
}

func (i *Instance) answerPublish(c *Client, r netconn.PublishRequest, reply *netconn.Reply[netconn.PublishAnswer], p *streams.Publisher, err error) {
	if errors.Is(err, streams.ErrNameTaken) {
		err = netconn.Status{Code: netconn.PublishBadName, Details: r.Name}
	}
	if !reply.Give(netconn.PublishAnswer{Publisher: p, Err: err}) && p != nil {
		p.Close()
		return
	}
	if err == nil {
		c.tell(slog.LevelInfo, "publish", "stream", r.Name, "agent", clip(c.request.FlashVer))
	}
}

// Play lets a client have a stream, from its newest keyframe or as soon as somebody publishes it.
func (i *Instance) Play(r netconn.PlayRequest) netconn.PlayAnswer {
	return netconn.PlayAnswer{Subscriber: i.hub.Subscribe(r.Name, streams.SubscribeOptions{})}
}

// release evicts the publisher of a name for a client that shows the same key (publish.takeover: release).
func (i *Instance) release(c *Client, full string) {
	if i.settings().Publish.Takeover != configs.TakeoverRelease {
		return
	}
	name, query, _ := strings.Cut(full, "?")
	holder := i.hub.Publisher(name)
	if holder == nil || holder.Owner() == c || holder.Key() == "" || !same(holder.Key(), c.claimKey(query)) {
		return
	}
	c.tell(slog.LevelInfo, "publisher released", "stream", name)
	holder.Evict()
}

// reject is the description of a rejection by the server itself, as Adobe's server words it.
func reject(format string, args ...any) string {
	return "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : " + fmt.Sprintf(format, args...)
}
