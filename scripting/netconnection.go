package scripting

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/dop251/goja"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/scripting/engine"
	"afterglow/scripting/web"
)

// netConnection is the Go side of a NetConnection object (server-side-api 2.6).
type netConnection struct {
	host     *host
	object   *goja.Object
	client   *netconn.Client // nil while it is not connected
	cancel   context.CancelFunc
	remoting *web.Remoting // of a gateway
	uri      string
	encoding netconn.Encoding
	attempt  int          // counts calls of connect and close, so that what belongs to an earlier one is known
	told     netconn.Code // what the other server has said last
	objects  map[*sharedObject]struct{}
	outgoing map[*netStream]struct{}
}

// installNetConnection defines the class when a script first asks for it.
func (h *host) installNetConnection() {
	h.Lazy("NetConnection", func() goja.Value { return h.netConnectionClass().Constructor })
}

func (h *host) netConnectionClass() *engine.Handle[*netConnection] {
	type nc = *netConnection
	far := func(get func(netconn.Far) string) engine.Property[nc] {
		return engine.Property[nc]{Get: func(n nc, c engine.Call) goja.Value {
			if n.client == nil {
				return c.Value("")
			}
			return c.Value(get(n.client.Far()))
		}}
	}
	h.netClass = engine.Make(h.Engine, engine.Class[nc]{
		Name: "NetConnection",
		New: func(_ *engine.Engine, o *goja.Object, _ []goja.Value) (nc, error) {
			n := &netConnection{host: h, object: o, encoding: netconn.AMF3,
				objects: make(map[*sharedObject]struct{}), outgoing: make(map[*netStream]struct{})}
			return n, nil
		},
		Properties: map[string]engine.Property[nc]{
			"isConnected": {Get: func(n nc, c engine.Call) goja.Value { return c.Value(n.client != nil || n.remoting != nil) }},
			"uri":         {Get: func(n nc, c engine.Call) goja.Value { return c.Value(n.uri) }},
			"objectEncoding": {
				Get: func(n nc, c engine.Call) goja.Value { return c.Value(int(n.encoding)) },
				Set: func(n nc, _ engine.Call, v goja.Value) { n.setEncoding(v.ToFloat()) },
			},
			"farID":     far(func(f netconn.Far) string { return f.PeerID }),
			"nearID":    far(func(f netconn.Far) string { return f.NearID }),
			"farNonce":  far(func(f netconn.Far) string { return f.FarNonce }),
			"nearNonce": far(func(f netconn.Far) string { return f.NearNonce }),
		},
		Methods: map[string]engine.Method[nc]{
			"connect":   nc.connect,
			"call":      nc.call,
			"addHeader": nc.addHeader,
			"close":     func(n nc, _ engine.Call) goja.Value { n.close(); return nil },
		},
	})
	return h.netClass
}

func (n *netConnection) setEncoding(v float64) {
	if n.encoding = netconn.AMF3; v == 0 {
		n.encoding = netconn.AMF0
	}
}

// serverAgent is what other servers are told as client.agent: their scripts know a server by how it begins
// (server-side-api 2.3).
const serverAgent = "FlashCom/5.0.0 Afterglow"

// connect takes (uri, arguments...). What comes of it is told to onStatus.
func (n *netConnection) connect(c engine.Call) goja.Value {
	n.close()
	n.uri = c.String(0)
	scheme, _, _ := strings.Cut(n.uri, ":")
	switch strings.ToLower(scheme) {
	case "http", "https":
		n.remoting = n.host.web.Remoting(n.uri)
		n.remoting.ObjectEncoding = int(n.encoding)
		return c.Value(true)
	case "rtmp", "rtmps", "rtmfp":
	default:
		n.fails(errors.New("a NetConnection connects to rtmp, rtmps, rtmfp, http and https URLs: " + n.uri))
		return c.Value(false)
	}
	if n.host.options.Dial == nil {
		n.fails(errors.New("scripts may not connect to other servers here"))
		return c.Value(false)
	}
	var args []amf.Value
	if len(c.Args) > 1 {
		args = n.host.arguments(c.Args[1:])
	}
	done, ok := n.host.options.dials.begin()
	if !ok || len(n.host.nets) >= mostConnections {
		if ok {
			done()
		}
		n.fails(errTooManyConnections)
		return c.Value(false)
	}
	n.host.nets[n] = struct{}{}
	n.attempt++
	n.told = ""
	ctx, cancel := context.WithCancel(n.host.context)
	n.cancel = cancel
	go n.dial(ctx, n.uri, n.attempt, netconn.ConnectOptions{FlashVer: serverAgent, Encoding: n.encoding, Args: args}, done)
	return c.Value(true)
}

// mostCallsOfServer is how many calls and statuses of one server wait for the script; what comes beyond them is refused.
const mostCallsOfServer = 1000

var errBusy = errors.New("the script is busy: too many calls wait for it")

// dial runs on a goroutine of its own. done is called when there is no connection, or none any more.
func (n *netConnection) dial(ctx context.Context, uri string, attempt int, o netconn.ConnectOptions, done func()) {
	var client *netconn.Client
	var waiting atomic.Int32     // calls of the server's that the script has not come to yet
	ready := make(chan struct{}) // nothing of the connection is heard before the script knows it
	post := func(f func()) {
		n.host.Post(func() {
			if n.attempt == attempt {
				f()
			}
		})
	}
	client, err := n.host.options.Dial(ctx, uri, o, netconn.ClientEvents{
		Status: func(s netconn.Status) {
			if waiting.Add(1) > mostCallsOfServer {
				waiting.Add(-1)
				return
			}
			n.host.Post(func() {
				waiting.Add(-1)
				if n.attempt == attempt {
					n.status(s)
				}
			})
		},
		CallLater: func(method string, args []amf.Value, reply *netconn.Reply[netconn.CallAnswer]) {
			if waiting.Add(1) > mostCallsOfServer {
				waiting.Add(-1)
				reply.Give(netconn.CallAnswer{Err: errBusy})
				return
			}
			if !n.host.Post(func() { waiting.Add(-1); n.called(attempt, method, args, reply) }) {
				waiting.Add(-1)
				reply.Give(netconn.CallAnswer{Err: netconn.ErrNoMethod})
			}
		},
		Closed: func(reason error) {
			done()
			go func() {
				<-ready
				post(func() {
					if n.client != nil { // else it never was, which is told already
						n.ended(reason)
					}
				})
			}()
		},
	})
	if err != nil {
		done()
	}
	if !n.host.Post(func() { n.dialled(attempt, client, err) }) && client != nil {
		client.Close()
	}
	close(ready)
}

// dialled tells the script what came of connect.
func (n *netConnection) dialled(attempt int, client *netconn.Client, err error) {
	switch {
	case n.attempt != attempt:
		if client != nil {
			client.Close()
		}
	case err != nil:
		delete(n.host.nets, n)
		n.fails(err)
	default:
		n.client = client
		for o := range n.objects {
			o.attach()
		}
		n.host.status(n.object, netconn.Status{Code: netconn.ConnectSuccess, Description: "Connection succeeded."})
	}
}

// fails tells onStatus why there is no connection.
func (n *netConnection) fails(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	var s netconn.Status
	if !errors.As(err, &s) {
		s = netconn.Status{Code: netconn.ConnectFailed, Description: err.Error()}
	}
	attempt := n.attempt
	n.host.Post(func() {
		if n.attempt == attempt {
			n.host.status(n.object, s)
		}
	})
}

// status tells onStatus what the other server says.
func (n *netConnection) status(s netconn.Status) {
	n.told = s.Code
	n.host.status(n.object, s)
}

// ended tells onStatus that the connection is no more, and why, unless the other server has said so.
func (n *netConnection) ended(reason error) {
	n.forget()
	var s netconn.Status
	if errors.As(reason, &s) && s.Code != netconn.ConnectClosed && s.Code != n.told {
		n.host.status(n.object, s)
	}
	n.host.status(n.object, netconn.Status{Code: netconn.ConnectClosed, Level: netconn.LevelStatus})
}

// forget ends what went over the connection.
func (n *netConnection) forget() {
	n.client = nil
	delete(n.host.nets, n)
	for o := range n.objects {
		o.shared.Detach()
	}
	for s := range n.outgoing {
		s.close()
	}
	clear(n.outgoing)
}

// close ends the connection without a word to the script.
func (n *netConnection) close() {
	n.attempt++
	if n.cancel != nil {
		n.cancel() // what is under way
		n.cancel = nil
	}
	if n.client != nil {
		n.client.Close()
	}
	if n.remoting != nil {
		n.remoting.Close()
		n.remoting = nil
	}
	n.forget()
}

// call takes (method, result object, arguments...).
func (n *netConnection) call(c engine.Call) goja.Value {
	var args []amf.Value
	if len(c.Args) > 2 {
		args = n.host.arguments(c.Args[2:])
	}
	done := n.host.responder(c.Arg(1))
	if n.remoting != nil {
		n.remoting.Call(c.String(0), func(v amf.Value, err error) {
			if done != nil {
				done(gatewayResult(v, err))
			}
		}, args...)
		return c.Value(true)
	}
	if n.client == nil {
		return c.Value(false)
	}
	return c.Value(n.client.CallAsync(c.String(0), done, args...) == nil)
}

// gatewayResult is what a gateway has answered, as that of a call: what the service threw is for onStatus as it came.
func gatewayResult(v amf.Value, err error) netconn.Result {
	var thrown *web.StatusError
	if errors.As(err, &thrown) {
		return netconn.Result{Value: thrown.Info, Err: err}
	}
	return netconn.Result{Value: v, Err: err}
}

// forward calls a method of the other server for a client (Application.registerProxy).
func (n *netConnection) forward(method string, done func(netconn.Result), args ...amf.Value) error {
	if n.client == nil {
		return errors.New("the server that has the method is not connected")
	}
	return n.client.CallAsync(method, done, args...)
}

// addHeader takes (name, must understand, value), for gateways.
func (n *netConnection) addHeader(c engine.Call) goja.Value {
	if n.remoting != nil {
		n.remoting.AddHeader(c.String(0), c.Bool(1, false), n.host.arguments([]goja.Value{c.Arg(2)})[0])
	}
	return nil
}

// called runs a method of the object that the other server calls.
func (n *netConnection) called(attempt int, method string, args []amf.Value, reply *netconn.Reply[netconn.CallAnswer]) {
	if n.attempt != attempt {
		reply.Give(netconn.CallAnswer{Err: netconn.ErrNoMethod})
		return
	}
	f, this, ok := n.host.method(n.object, method)
	if !ok {
		f, this, ok = n.host.resolve(n.object, method)
	}
	if !ok {
		reply.Give(netconn.CallAnswer{Err: netconn.ErrNoMethod})
		return
	}
	reply.Give(n.host.answer(n.host.Call(f, this, n.host.values.ToScripts(args)...)))
}
