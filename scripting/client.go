package scripting

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/dop251/goja"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/scripting/engine"
)

// client is the Go side of a Client object (server-side-api 2.3).
type client struct {
	host     *host
	conn     *apps.Client
	object   *goja.Object
	reply    *netconn.Reply[netconn.ConnectAnswer]
	rights   netconn.Rights
	accepted bool
	decided  bool
	gone     bool
	key      string // virtualKey
	report   goja.Value
	came     time.Time // when it connected
	rates    rates
}

var errDenied = errors.New("the application denies the lookup")

// clientOf returns what the script knows a client as, nil if it came before the script.
func clientOf(c *apps.Client) *client {
	x, _ := c.Value().(*client)
	return x
}

func (h *host) installClient() {
	far := func(get func(netconn.Far) any) engine.Property[*client] {
		return engine.Property[*client]{Get: func(c *client, call engine.Call) goja.Value { return call.Value(get(c.conn.Far())) }}
	}
	asked := func(get func(*netconn.ConnectRequest) string) engine.Property[*client] {
		return engine.Property[*client]{Get: func(c *client, call engine.Call) goja.Value {
			r := c.conn.Request()
			return call.Value(get(&r))
		}}
	}
	access := func(field func(*netconn.Rights) *string) engine.Property[*client] {
		return engine.Property[*client]{
			Get: func(c *client, call engine.Call) goja.Value { return call.Value(*field(&c.rights)) },
			Set: func(c *client, call engine.Call, v goja.Value) { c.setAccess(field, v) },
		}
	}
	h.clientClass = engine.Define(h.Engine, engine.Class[*client]{
		Name: "Client",
		Properties: map[string]engine.Property[*client]{
			"agent":           asked(func(r *netconn.ConnectRequest) string { return r.FlashVer }),
			"pageUrl":         asked(func(r *netconn.ConnectRequest) string { return r.PageURL }),
			"referrer":        asked(func(r *netconn.ConnectRequest) string { return r.SWFURL }),
			"uri":             asked(func(r *netconn.ConnectRequest) string { return r.TCURL }),
			"ip":              far(func(f netconn.Far) any { return hostPart(f.Address) }),
			"protocol":        far(func(f netconn.Far) any { return f.Protocol }),
			"protocolVersion": far(func(netconn.Far) any { return "" }),
			"secure":          far(func(f netconn.Far) any { return f.Secure }),
			"farID":           far(func(f netconn.Far) any { return f.PeerID }),
			"nearID":          far(func(f netconn.Far) any { return f.NearID }),
			"farNonce":        far(func(f netconn.Far) any { return f.FarNonce }),
			"nearNonce":       far(func(f netconn.Far) any { return f.NearNonce }),
			"farAddress":      far(func(f netconn.Far) any { return onlyPeers(f, f.Address) }),
			"nearAddress":     far(func(f netconn.Far) any { return onlyPeers(f, f.NearAddress) }),
			"id": {
				Get: func(c *client, call engine.Call) goja.Value { return call.Value(c.conn.ID()) },
				// Scripts older than the property have one of their own.
				Set: func(c *client, call engine.Call, v goja.Value) { call.Shadow("id", v) },
			},
			"readAccess":        access(func(r *netconn.Rights) *string { return &r.Read }),
			"writeAccess":       access(func(r *netconn.Rights) *string { return &r.Write }),
			"audioSampleAccess": access(func(r *netconn.Rights) *string { return &r.AudioSample }),
			"videoSampleAccess": access(func(r *netconn.Rights) *string { return &r.VideoSample }),
			"virtualKey": {
				Get: func(c *client, call engine.Call) goja.Value { return call.Value(c.key) },
				Set: func(c *client, _ engine.Call, v goja.Value) { c.key = v.String() },
			},
			"potentialNearAddresses": {Get: func(c *client, call engine.Call) goja.Value { return c.nearAddresses() }},
			"reportingAddresses": {
				Get: func(c *client, call engine.Call) goja.Value {
					if c.report != nil {
						return c.report
					}
					return c.nearAddresses()
				},
				Set: func(c *client, _ engine.Call, v goja.Value) { c.report = v },
			},
		},
		Methods: map[string]engine.Method[*client]{
			"call":              (*client).call,
			"checkBandwidth":    func(c *client, call engine.Call) goja.Value { return call.Value(c.conn.CheckBandwidth() == nil) },
			"getStreamLength":   func(c *client, call engine.Call) goja.Value { return call.Value(0) },
			"getBandwidthLimit": (*client).getBandwidthLimit,
			"setBandwidthLimit": (*client).setBandwidthLimit,
			"getStats":          (*client).getStats,
			"ping":              (*client).ping,
			"introducePeer":     (*client).introducePeer,
		},
	})
}

// hostPart is an address without its port.
func hostPart(address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil {
		return a.Addr().Unmap().String()
	}
	return address
}

// onlyPeers is an address of a client that has a peer ID, "" of others.
func onlyPeers(f netconn.Far, address string) string {
	if f.PeerID == "" {
		return ""
	}
	return address
}

// connect asks application.onConnect about a client, which is accepted if there is no such handler (server-side-api 2.2,
// onConnect contract).
func (h *host) connect(conn *apps.Client, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	c := &client{host: h, conn: conn, reply: reply, rights: conn.Accept().Rights, came: time.Now()}
	c.object = h.clientClass.Wrap(c)
	conn.SetValue(c)
	v, has, err := h.CallMethod(h.application, "onConnect", append([]goja.Value{c.object}, h.values.ToScripts(r.Args)...)...)
	if c.decided {
		return
	}
	if err != nil {
		c.reject("The application failed.", nil)
		return
	}
	if !has {
		c.accept()
		return
	}
	switch {
	case v.StrictEquals(h.VM.ToValue(true)):
		c.accept()
	case v.StrictEquals(h.VM.ToValue(false)):
		c.reject("", nil)
	}
	// Anything else leaves the client waiting until the script decides.
}

// accept lets the client in.
func (c *client) accept() {
	if c.decided {
		return
	}
	c.decided = true
	if c.conn.Gone() {
		c.gone = true
		return // nobody is told of who never came in
	}
	a := c.conn.Accept()
	a.Rights = c.rights
	a.BWDone = false // that is the script's affair
	if !c.reply.Give(a) {
		return // it has gone, or has waited too long
	}
	c.accepted = true
	c.host.present = append(c.host.present, c)
	_ = c.host.Within(func() { c.host.mustCall(c.host.push, c.object) })
}

// reject turns the client away.
func (c *client) reject(description string, application goja.Value) {
	c.refuse(netconn.Status{Code: netconn.ConnectRejected, Description: description}, application)
}

// redirect turns the client away and tells it where to go.
func (c *client) redirect(url, description string, application goja.Value) {
	var s netconn.Status
	if !errors.As(c.conn.Redirect(url).Err, &s) {
		return
	}
	if description != "" {
		s.Description = description
	}
	c.refuse(s, application)
}

func (c *client) refuse(s netconn.Status, application goja.Value) {
	if c.decided {
		return
	}
	c.decided = true
	if s.Description == "" {
		s.Description = "Connection failed."
	}
	if application != nil && !goja.IsUndefined(application) {
		if v, err := c.host.values.FromScript(application); err == nil {
			s.Extra = append(s.Extra, amf.Property{Name: "application", Value: v})
		}
	}
	c.gone = true
	c.reply.Give(netconn.ConnectAnswer{Err: s})
}

// disconnected tells application.onDisconnect of a client that was let in.
func (h *host) disconnected(conn *apps.Client) {
	c := clientOf(conn)
	if c == nil || c.host != h {
		return
	}
	c.gone = true
	h.gone.add(conn.Traffic())
	h.removeClient(c)
	_, _, _ = h.CallMethod(h.application, "onDisconnect", c.object)
}

// removeClient takes a client out of those that are present, and out of application.clients wherever it is there.
func (h *host) removeClient(c *client) {
	h.present = slices.DeleteFunc(h.present, func(x *client) bool { return x == c })
	_ = h.Within(func() {
		n := int(number(h.clients.Get("length")))
		if n > 2*len(h.present)+mostStrangers {
			h.listClients()
			return
		}
		for at := range n {
			if v := h.clients.Get(itoa(at)); v != nil && v.SameAs(c.object) {
				h.mustCall(h.splice, h.VM.ToValue(at), h.VM.ToValue(1))
				return
			}
		}
	})
}

// mostStrangers is how many elements that are no clients a script may leave in application.clients.
const mostStrangers = 10000

// listClients makes application.clients anew: a script has made it so long that nobody can look through it.
func (h *host) listClients() {
	_ = h.clients.Set("length", 0)
	for _, c := range h.present {
		h.mustCall(h.push, c.object)
	}
}

// mustCall calls a method of application.clients within script, which its exceptions end.
func (h *host) mustCall(method goja.Callable, args ...goja.Value) {
	if _, err := method(h.clients, args...); err != nil {
		h.Rethrow(err)
	}
}

// setAccess changes what the client may do, from now on (server-side-api 4.1).
func (c *client) setAccess(field func(*netconn.Rights) *string, v goja.Value) {
	list := ""
	if !goja.IsUndefined(v) && !goja.IsNull(v) {
		list = v.String()
	}
	if slices.Contains([]byte(list), '\\') {
		c.host.Throw("an access list has a backslash: %s", list)
	}
	*field(&c.rights) = list
	if c.accepted && !c.gone {
		c.conn.SetRights(c.rights)
	}
}

// call calls a method of the client's (method, result object, arguments...).
func (c *client) call(call engine.Call) goja.Value {
	if c.gone || len(call.Args) == 0 {
		return call.Value(false)
	}
	var args []amf.Value
	if len(call.Args) > 2 {
		args = c.host.arguments(call.Args[2:])
	}
	err := c.conn.Call(call.String(0), c.host.responder(call.Arg(1)), args...)
	return call.Value(err == nil)
}

// responder has the answer to a call given to onResult or onStatus of an object; nil asks for none.
func (h *host) responder(v goja.Value) func(netconn.Result) {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil
	}
	return func(r netconn.Result) {
		if errors.Is(r.Err, netconn.ErrDisconnected) {
			return
		}
		h.Post(func() { h.answered(o, r) })
	}
}

func (h *host) answered(o *goja.Object, r netconn.Result) {
	if r.Err == nil {
		_, _, _ = h.CallMethod(o, "onResult", h.values.ToScript(r.Value))
		return
	}
	info := h.values.ToScript(r.Value)
	if _, isObject := info.(*goja.Object); !isObject {
		info = h.info(statusOf(r.Err))
	}
	if _, has, _ := h.CallMethod(o, "onStatus", info); !has {
		_, _, _ = h.CallMethod(h.application, "onStatus", info)
	}
}

// statusOf makes a status of an error.
func statusOf(err error) netconn.Status {
	var s netconn.Status
	if !errors.As(err, &s) {
		s = netconn.Status{Code: netconn.CallFailed, Level: netconn.LevelError, Description: err.Error()}
	}
	return s
}

// getBandwidthLimit takes 0 for what the client sends and 1 for what it gets.
func (c *client) getBandwidthLimit(call engine.Call) goja.Value {
	b := c.conn.Bandwidth()
	if call.Number(0, 0) == 1 {
		return call.Value(b.ToClient)
	}
	return call.Value(b.ToServer)
}

// setBandwidthLimit takes (to the client, to the server) in bytes a second, 0 changing nothing.
func (c *client) setBandwidthLimit(call engine.Call) goja.Value {
	b, caps := c.conn.Bandwidth(), c.host.instance.Settings().Bandwidth
	b.ToClient = capped(call.Number(0, 0), b.ToClient, int(caps.CapToClient))
	b.ToServer = capped(call.Number(1, 0), b.ToServer, int(caps.CapToServer))
	c.conn.SetBandwidth(b)
	return nil
}

func capped(wanted float64, now, most int) int {
	if !(wanted > 0) || wanted > 1<<40 {
		return now
	}
	if most > 0 {
		return min(int(wanted), most)
	}
	return int(wanted)
}

// getStats returns what the client has sent and received.
func (c *client) getStats(call engine.Call) goja.Value {
	t := c.conn.Traffic()
	received, sent := c.rates.measure(c.came, time.Now(), t.BytesIn, t.BytesOut)
	return c.host.object(
		"bytes_in", t.BytesIn, "bytes_out", t.BytesOut, "msg_in", t.MessagesIn, "msg_out", t.MessagesOut, "msg_dropped", t.MessagesDropped,
		"ping_rtt", c.conn.RoundTrip().Milliseconds(),
		"audio_queue_msgs", t.QueuedAudio.Messages, "video_queue_msgs", t.QueuedVideo.Messages, "so_queue_msgs", t.QueuedSharedObject.Messages, "data_queue_msgs", t.QueuedData.Messages,
		"dropped_audio_msgs", t.DroppedAudio.Messages, "dropped_video_msgs", t.DroppedVideo.Messages,
		"audio_queue_bytes", t.QueuedAudio.Bytes, "video_queue_bytes", t.QueuedVideo.Bytes, "so_queue_bytes", t.QueuedSharedObject.Bytes, "data_queue_bytes", t.QueuedData.Bytes,
		"dropped_audio_bytes", t.DroppedAudio.Bytes, "dropped_video_bytes", t.DroppedVideo.Bytes, "bw_out", received, "bw_in", sent, "client_id", c.conn.ID()) // seen from the client
}

func (c *client) ping(call engine.Call) goja.Value {
	if c.gone {
		return call.Value(false)
	}
	c.conn.Ping(0, func(bool) {})
	return call.Value(true)
}

// nearAddresses are what the client says it can be reached at.
func (c *client) nearAddresses() goja.Value {
	var out []any
	for _, a := range c.conn.PeerAddresses() {
		out = append(out, a.String())
	}
	return c.host.VM.NewArray(out...)
}

// moved tells client.onFarAddressChange.
func (h *host) moved(conn *apps.Client) {
	if c := clientOf(conn); c != nil && c.host == h {
		_, _, _ = h.CallMethod(c.object, "onFarAddressChange")
	}
}

// published and unpublished tell application.onPublish and onUnpublish.
func (h *host) published(conn *apps.Client, r netconn.PublishRequest) {
	s := h.stream(r.Name)
	s.query = r.Query
	h.aboutStream("onPublish", conn, s)
}

func (h *host) unpublished(conn *apps.Client, name string) {
	h.aboutStream("onUnpublish", conn, h.stream(name))
}

func (h *host) aboutStream(handler string, conn *apps.Client, s *stream) {
	c := clientOf(conn)
	if c == nil || c.host != h {
		return
	}
	_, _, _ = h.CallMethod(h.application, handler, c.object, s.object)
}
