package netconn

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"afterglow/amf"
	"afterglow/media"
)

// defaultInstance is the instance of clients that name none.
const defaultInstance = "_definst_"

// ErrTimeout is the answer to a question that the application left open.
var ErrTimeout = errors.New("the application did not answer in time")

// connect asks the Handler whether the client may come in.
func (c *Conn) connect(cmd *command) error {
	if c.request.Load() != nil {
		return c.refuse(cmd, Status{Code: CallFailed, Description: "The connection is open already."})
	}
	r, err := parseConnect(cmd)
	if err != nil {
		return err
	}
	c.request.Store(r)
	c.connectMessage.Store(&cmd.message)
	c.exec.ask()
	reply := NewReply(func(a ConnectAnswer) {
		c.do(func() { c.connected(cmd, r, a) })
	})
	reply.otherwise(c.config.QuestionTimeout, ConnectAnswer{Err: ErrTimeout})
	c.handler.Connect(c, *r, reply)
	return nil
}

func (c *Conn) connected(cmd *command, r *ConnectRequest, a ConnectAnswer) {
	c.exec.answered()
	c.connectMessage.Store(nil)
	if c.gone || c.closing {
		if a.Relay != nil {
			a.Relay.Close()
		}
		return
	}
	if a.Err != nil {
		c.reject(cmd, statusOf(a.Err, ConnectRejected, ""))
		return
	}
	if a.Relay != nil {
		c.relayTo(a)
		return
	}
	c.rights.CompareAndSwap(nil, &a.Rights)
	c.viewer = r.Media.Viewer()
	c.delivery = a.Delivery
	c.transport.Accepted()
	info := Status{Code: ConnectSuccess, Extra: []amf.Property{
		{Name: "objectEncoding", Value: float64(r.Encoding)},
		{Name: "data", Value: amf.NewECMAArray(amf.Property{Name: "version", Value: c.config.Version})},
	}}
	// The answer itself goes in AMF0, which even clients that ask for AMF3 expect here.
	_ = c.send(0, "_result", cmd.transaction, c.serverProperties(r), info.object(c.id))
	c.accepted.Store(true)
	if a.BWDone {
		_ = c.send(0, "onBWDone", 0, nil)
	}
	c.tellEarly()
}

// serverProperties say what the server is and, to a client that asks in this way, what it forwards (Enhanced RTMP v2,
// Enhancing NetConnection connect Command).
func (c *Conn) serverProperties(r *ConnectRequest) *amf.Object {
	o := amf.NewObject(
		amf.Property{Name: "fmsVer", Value: "FMS/" + c.config.Version},
		amf.Property{Name: "capabilities", Value: 127.0},
		amf.Property{Name: "mode", Value: 1.0},
	)
	if !enhanced(r.Object) {
		return o
	}
	all := func() *amf.Object {
		return amf.NewObject(amf.Property{Name: media.Wildcard, Value: float64(media.CanForward)})
	}
	o.Set("fourCcList", amf.NewArray(media.Wildcard))
	o.Set("videoFourCcInfoMap", all())
	o.Set("audioFourCcInfoMap", all())
	o.Set("capsEx", float64(capsReconnect|media.CapsMultitrack|media.CapsModEx|capsNanoseconds))
	return o
}

// The flags of capsEx that are not about media forms (Enhanced RTMP v2).
const (
	capsReconnect   = 0x01
	capsNanoseconds = 0x08
)

func enhanced(o *amf.Object) bool {
	for _, name := range []string{"fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx"} {
		if _, ok := o.Get(name); ok {
			return true
		}
	}
	return false
}

// reject answers connect with _error, tells the client to close, and closes.
func (c *Conn) reject(cmd *command, s Status) {
	_ = c.send(0, "_error", cmd.transaction, nil, s.object(""))
	_ = c.send(0, "close", 0, nil)
	c.close(s)
}

func parseConnect(cmd *command) (*ConnectRequest, error) {
	o, ok := cmd.object.(*amf.Object)
	if !ok {
		return nil, fmt.Errorf("%w: connect without a command object", ErrProtocol)
	}
	r := &ConnectRequest{
		TCURL:    o.String("tcUrl"),
		FlashVer: o.String("flashVer"),
		SWFURL:   o.String("swfUrl"),
		PageURL:  o.String("pageUrl"),
		Object:   o,
		Args:     cmd.args,
	}
	if o.Number("objectEncoding") == float64(AMF3) {
		r.Encoding = AMF3
	}
	r.App, r.Instance, r.Query = splitApp(o.String("app"))
	r.Media, r.Reconnect = parseCapabilities(o)
	return r, nil
}

// splitApp takes app[/instance][?query] apart. An instance may contain slashes.
func splitApp(s string) (app, instance, query string) {
	s, query, _ = strings.Cut(s, "?")
	app, instance, _ = strings.Cut(strings.Trim(s, "/"), "/")
	if instance == "" {
		instance = defaultInstance
	}
	return app, instance, query
}

func parseCapabilities(o *amf.Object) (media.Capabilities, bool) {
	caps := media.Capabilities{
		VideoCodecs:     int(o.Number("videoCodecs")),
		AudioCodecs:     int(o.Number("audioCodecs")),
		VideoFourCCInfo: infoMap(o, "videoFourCcInfoMap"),
		AudioFourCCInfo: infoMap(o, "audioFourCcInfoMap"),
		CapsEx:          int(o.Number("capsEx")),
	}
	if v, ok := o.Get("fourCcList"); ok {
		caps.FourCCList = stringList(v)
	}
	return caps, caps.CapsEx&capsReconnect != 0
}

func infoMap(o *amf.Object, name string) map[string]int {
	v, _ := o.Get(name)
	p, ok := properties(v)
	if !ok {
		return nil
	}
	out := make(map[string]int)
	for key, value := range p.All() {
		if n, ok := value.(float64); ok {
			out[key] = int(n)
		}
	}
	return out
}

func stringList(v amf.Value) []string {
	a, ok := v.(*amf.Array)
	if !ok {
		return nil
	}
	var out []string
	for _, e := range a.Dense {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// splitName takes a stream's name and query apart.
func splitName(s string) (name, query string) {
	name, query, _ = strings.Cut(s, "?")
	return name, query
}

// streamID is a message stream ID as a command carries it.
func streamID(v amf.Value) (uint32, bool) {
	switch v := v.(type) {
	case float64:
		if v >= 1 && v < 1<<32 {
			return uint32(v), true
		}
	case string:
		if n, err := strconv.ParseUint(v, 10, 32); err == nil {
			return uint32(n), true
		}
	}
	return 0, false
}
