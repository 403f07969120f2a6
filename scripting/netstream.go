package scripting

import (
	"errors"

	"github.com/dop251/goja"

	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/scripting/engine"
)

// netStream is the Go side of a NetStream object, which publishes on another server (server-side-api 2.7).
type netStream struct {
	host   *host
	object *goja.Object
	nc     *netConnection
	client *netconn.Client // the connection that out publishes over
	out    *apps.Outgoing  // nil before the first publish over a connection
	source string          // what is attached, "" for nothing
	buffer float64         // seconds
}

var errNoNetConnection = errors.New("the first argument has to be a NetConnection")

// installNetStream defines the class NetStream when a script first asks for it.
func (h *host) installNetStream() {
	h.Lazy("NetStream", func() goja.Value { return h.netStreamClass().Constructor })
}

func (h *host) netStreamClass() *engine.Handle[*netStream] {
	type n = *netStream
	h.outClass = engine.Make(h.Engine, engine.Class[n]{
		Name: "NetStream",
		New: func(_ *engine.Engine, o *goja.Object, args []goja.Value) (n, error) {
			c := engine.Call{Engine: h.Engine, Args: args}
			nc, ok := h.netClass.Self(c.Arg(0))
			if !ok {
				return nil, errNoNetConnection
			}
			if group := c.String(1); group != "" && group != "connectToFMS" {
				h.notSupported("NetStream into a group")
			}
			return &netStream{host: h, object: o, nc: nc}, nil
		},
		Properties: map[string]engine.Property[n]{
			"bufferTime": {Get: func(n n, c engine.Call) goja.Value { return c.Value(n.buffer) }},
			"time": {Get: func(n n, c engine.Call) goja.Value {
				if n.out == nil {
					return c.Value(0)
				}
				return c.Value(n.out.Time().Seconds())
			}},
		},
		Methods: map[string]engine.Method[n]{
			"attach":        n.attach,
			"publish":       n.publish,
			"send":          n.send,
			"setBufferTime": func(n n, c engine.Call) goja.Value { n.buffer = seconds(c.Number(0, 0)).Seconds(); return nil },
			"close":         func(n n, _ engine.Call) goja.Value { n.unpublish(); return nil },
		},
	})
	return h.outClass
}

// attach takes a Stream, or false for none.
func (n *netStream) attach(c engine.Call) goja.Value {
	s, ok := n.host.streamClass.Self(c.Arg(0))
	n.source = ""
	if ok {
		n.source = s.name
	}
	if n.out != nil {
		n.out.Attach(n.source)
	}
	return c.Value(ok || !c.Arg(0).ToBoolean())
}

// publish takes (name, kind), or false to stop.
func (n *netStream) publish(c engine.Call) goja.Value {
	name := c.Arg(0)
	if goja.IsUndefined(name) || goja.IsNull(name) || name.StrictEquals(c.Value(false)) {
		n.unpublish()
		return c.Value(true)
	}
	if n.nc.client == nil {
		return n.fails(c, netconn.StreamFailed, "The NetConnection is not connected.")
	}
	if n.client != n.nc.client {
		n.close()
		n.client = n.nc.client
		n.out = n.host.instance.Outgoing(n.client, n.status)
		n.out.Attach(n.source)
	}
	n.nc.outgoing[n] = struct{}{}
	if !n.out.Publish(c.String(0), c.String(1)) {
		return n.fails(c, netconn.StreamInvalidArg, "There is no such name or kind of publishing: "+c.String(0)+", "+c.String(1))
	}
	return c.Value(true)
}

func (n *netStream) unpublish() {
	delete(n.nc.outgoing, n)
	if n.out != nil {
		n.out.Unpublish()
	}
}

// send takes (handler, values...).
func (n *netStream) send(c engine.Call) goja.Value {
	if len(c.Args) == 0 || n.out == nil {
		return c.Value(false)
	}
	return c.Value(n.out.Send(c.String(0), n.host.arguments(c.Args[1:])...))
}

// status is told what becomes of what the object publishes.
func (n *netStream) status(s netconn.Status) { n.host.status(n.object, s) }

// fails tells onStatus why something was not done, and returns false.
func (n *netStream) fails(c engine.Call, code netconn.Code, description string) goja.Value {
	details := c.String(0) // the arguments are the caller's afterwards
	n.host.Post(func() {
		n.status(netconn.Status{Code: code, Level: netconn.LevelError, Details: details, Description: description})
	})
	return c.Value(false)
}

// close ends publishing with the connection.
func (n *netStream) close() {
	if n.out == nil {
		return
	}
	n.out.Close()
	n.out, n.client = nil, nil
}
