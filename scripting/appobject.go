package scripting

import (
	"net/netip"
	"strings"
	"time"

	"github.com/dop251/goja"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/scripting/engine"
)

// proxy is where calls of a method go instead of the script (Application.registerProxy).
type proxy struct {
	to     func(method string, done func(netconn.Result), args ...amf.Value) error
	method string
}

// installApplication makes the global application (server-side-api 2.2).
func (h *host) installApplication() {
	h.clients = h.VM.NewArray()
	array := h.VM.Get("Array").ToObject(h.VM).Get("prototype").ToObject(h.VM)
	h.push, _ = goja.AssertFunction(array.Get("push"))
	h.splice, _ = goja.AssertFunction(array.Get("splice"))
	class := engine.Make(h.Engine, engine.Class[*host]{
		Name: "Application",
		Properties: map[string]engine.Property[*host]{
			"allowDebug": {
				Get: func(h *host, c engine.Call) goja.Value { return c.Value(h.allowDebug) },
				Set: func(h *host, _ engine.Call, v goja.Value) { h.allowDebug = v.ToBoolean() },
			},
			"clients":  {Get: func(h *host, _ engine.Call) goja.Value { return h.clients }},
			"config":   {Get: func(h *host, _ engine.Call) goja.Value { return h.config() }},
			"hostname": {Get: func(h *host, c engine.Call) goja.Value { return c.Value(h.options.Hostname) }},
			"name":     {Get: func(h *host, c engine.Call) goja.Value { return c.Value(h.instance.Name()) }},
			"server":   {Get: func(h *host, c engine.Call) goja.Value { return c.Value(h.options.Version) }},
		},
		Methods: map[string]engine.Method[*host]{
			"acceptConnection":   (*host).acceptConnection,
			"rejectConnection":   (*host).rejectConnection,
			"redirectConnection": (*host).redirectConnection,
			"disconnect":         (*host).disconnect,
			"broadcastMsg":       (*host).broadcastMsg,
			"clearSharedObjects": (*host).clearSharedObjects,
			"clearStreams":       (*host).clearStreams,
			"gc": func(*host, engine.Call) goja.Value {
				return nil // Go collects garbage when it has to
			},
			"getStats":         (*host).getStats,
			"registerClass":    (*host).registerClass,
			"registerProxy":    (*host).registerProxy,
			"shutdown":         (*host).shutdown,
			"denyPeerLookup":   (*host).denyPeerLookup,
			"sendPeerRedirect": (*host).sendPeerRedirect,
		},
	})
	h.application = class.Wrap(h)
	_ = h.VM.GlobalObject().DefineDataProperty("application", h.application, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_TRUE)
}

// config is application.config, made when it is first asked for.
func (h *host) config() goja.Value {
	o := h.VM.NewObject()
	for name, value := range h.instance.Settings().Config {
		_ = o.Set(name, value)
	}
	h.Hide(h.application, "config", o)
	return o
}

// client returns the client that an argument is, or nil.
func (h *host) client(v goja.Value) *client {
	c, _ := h.clientClass.Self(v)
	return c
}

func (h *host) acceptConnection(c engine.Call) goja.Value {
	if client := h.client(c.Arg(0)); client != nil {
		client.accept()
	}
	return nil
}

// rejectConnection takes (client, description, errorObject), or as of old (client, errorObject).
func (h *host) rejectConnection(c engine.Call) goja.Value {
	client := h.client(c.Arg(0))
	if client == nil {
		return nil
	}
	description, object := h.refusal(c, 1)
	client.reject(description, object)
	return nil
}

// refusal takes a description and an error object, of which the first may be missing.
func (h *host) refusal(c engine.Call, from int) (string, goja.Value) {
	if _, isObject := c.Arg(from).(*goja.Object); isObject {
		return "", c.Arg(from)
	}
	return c.String(from), c.Arg(from + 1)
}

// redirectConnection takes (client, url, description, errorObject).
func (h *host) redirectConnection(c engine.Call) goja.Value {
	client := h.client(c.Arg(0))
	if client == nil {
		return nil
	}
	url := c.String(1)
	description, object := h.refusal(c, 2)
	if url == "" {
		client.reject(description, object)
		return nil
	}
	client.redirect(url, description, object)
	return nil
}

// disconnect ends an accepted client's connection.
func (h *host) disconnect(c engine.Call) goja.Value {
	client := h.client(c.Arg(0))
	if client == nil || client.gone || !client.accepted {
		return c.Value(false)
	}
	client.conn.Disconnect(netconn.Status{})
	return c.Value(true)
}

// broadcastMsg calls a method of every client without waiting for an answer.
func (h *host) broadcastMsg(c engine.Call) goja.Value {
	if len(c.Args) == 0 {
		return nil
	}
	args := h.arguments(c.Args[1:])
	for _, client := range h.present {
		_ = client.conn.Call(c.String(0), nil, args...)
	}
	return nil
}

func (h *host) clearSharedObjects(c engine.Call) goja.Value {
	return c.Value(h.instance.ClearSharedObjects(c.String(0)))
}

// clearStreams deletes recorded streams, of which there are none yet.
func (h *host) clearStreams(c engine.Call) goja.Value {
	path := c.String(0)
	h.Post(func() {
		h.status(h.application, netconn.Status{Code: "NetStream.Clear.Failed", Level: netconn.LevelError,
			Description: "There are no recorded streams on this server.", Details: path})
	})
	return c.Value(false)
}

// getStats returns what the clients have sent and received, those that have gone included.
func (h *host) getStats(c engine.Call) goja.Value {
	total := h.gone
	for _, client := range h.present {
		total.add(client.conn.Traffic())
	}
	connects, disconnects := h.instance.Totals()
	received, sent := h.rates.measure(h.born, time.Now(), total.in, total.out)
	return h.object("bytes_in", total.in, "bytes_out", total.out, "msg_in", total.messagesIn, "msg_out", total.messagesOut,
		"msg_dropped", total.dropped, "total_connects", connects, "total_disconnects", disconnects, "bw_out", received, "bw_in", sent) // seen from the clients
}

// registerClass takes (name, constructor), null unregistering the name.
func (h *host) registerClass(c engine.Call) goja.Value {
	name := c.String(0)
	constructor, ok := c.Arg(1).(*goja.Object)
	if !ok {
		h.values.Unregister(name)
		return c.Value(true)
	}
	if _, ok := goja.AssertConstructor(constructor); !ok {
		return c.Value(false)
	}
	h.values.Register(name, constructor)
	return c.Value(true)
}

// registerProxy takes (method, NetConnection or Client, name of the method there).
func (h *host) registerProxy(c engine.Call) goja.Value {
	method := c.String(0)
	p := proxy{method: method}
	if name := c.String(2); name != "" {
		p.method = name
	}
	if to := h.client(c.Arg(1)); to != nil {
		p.to = to.conn.Call
	} else if n, ok := h.netClass.Self(c.Arg(1)); ok {
		p.to = n.forward
	} else {
		delete(h.proxies, method)
		return c.Value(true)
	}
	h.proxies[method] = p
	return c.Value(true)
}

func (h *host) shutdown(engine.Call) goja.Value {
	h.instance.Shutdown("The application shuts down.")
	return nil
}

// lookup is the tag of a peer lookup event.
type lookup struct {
	reply *netconn.Reply[netconn.IntroduceAnswer]
}

// introduce asks application.onPeerLookup, if the script has it, and says whether it has.
func (h *host) introduce(r netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) bool {
	if _, ok := h.Method(h.application, "onPeerLookup"); !ok {
		return false
	}
	e := h.object("targetPeerID", r.PeerID, "initiatorAddress", r.Address, "address", r.Address)
	if r.From != nil {
		h.define(e, "initiatorPeerID", h.VM.ToValue(r.From.Far().PeerID))
		h.define(e, "peerID", h.VM.ToValue(r.From.Far().PeerID))
	}
	tag := h.VM.ToValue(&lookup{reply})
	h.define(e, "tag", tag)
	asked := h.lookup
	h.lookup = &lookup{reply}
	_, _, _ = h.CallMethod(h.application, "onPeerLookup", e)
	h.lookup = asked
	if reply.Given() {
		return true
	}
	// The script has decided nothing: the configuration does.
	reply.Give(netconn.IntroduceAnswer{Err: h.instance.MayIntroduce(r)})
	return true
}

// lookupOf finds the question that an event is about.
func (h *host) lookupOf(v goja.Value) *lookup {
	e, ok := v.(*goja.Object)
	if !ok {
		return h.lookup
	}
	if tag := e.Get("tag"); tag != nil {
		if l, ok := tag.Export().(*lookup); ok {
			return l
		}
	}
	return h.lookup
}

// introducePeer takes (peer ID, address, tag of the lookup event): the client is told of the peer, and the peer of the
// client.
func (c *client) introducePeer(call engine.Call) goja.Value {
	l, ok := call.Arg(2).Export().(*lookup)
	if !ok {
		if l = c.host.lookup; l == nil {
			return call.Value(false)
		}
	}
	return call.Value(l.reply.Give(netconn.IntroduceAnswer{}))
}

func (h *host) denyPeerLookup(c engine.Call) goja.Value {
	l := h.lookupOf(c.Arg(0))
	if l == nil {
		return c.Value(false)
	}
	return c.Value(l.reply.Give(netconn.IntroduceAnswer{Err: errDenied}))
}

// sendPeerRedirect takes (addresses, event).
func (h *host) sendPeerRedirect(c engine.Call) goja.Value {
	l := h.lookupOf(c.Arg(1))
	addresses := h.addresses(c.Arg(0))
	if l == nil || len(addresses) == 0 {
		return c.Value(false)
	}
	return c.Value(l.reply.Give(netconn.IntroduceAnswer{Redirect: addresses}))
}

// addresses takes an array of addresses, or one.
func (h *host) addresses(v goja.Value) []netip.AddrPort {
	var texts []string
	if o, ok := v.(*goja.Object); ok {
		n := int(min(100, max(0, number(o.Get("length")))))
		for at := range n {
			texts = append(texts, text(o.Get(itoa(at))))
		}
	} else {
		texts = strings.Split(text(v), ",")
	}
	var out []netip.AddrPort
	for _, t := range texts {
		if a, err := netip.ParseAddrPort(strings.TrimSpace(t)); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// traffic sums what clients have sent and received.
type traffic struct{ in, out, messagesIn, messagesOut, dropped uint64 }

func (t *traffic) add(x netconn.Traffic) {
	t.in += x.BytesIn
	t.out += x.BytesOut
	t.messagesIn += x.MessagesIn
	t.messagesOut += x.MessagesOut
	t.dropped += x.MessagesDropped
}
