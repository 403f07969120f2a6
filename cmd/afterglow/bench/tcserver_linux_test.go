package bench

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"afterglow/amf"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// tcServer is as little of a server over RTMFP as players and publishers can tell from a real one: it forwards what is published.
// All of it runs on one shard.
type tcServer struct {
	endpoint *rtmfp.Endpoint
	streams  map[string]*tcStream
	from     map[netip.AddrPort]int // sessions by the address that they came from

	// played, if not nil, takes players over.
	played func(*tcConn)
	// relay, if not nil, is told of all media too.
	relay func(kind byte, timestamp uint32, payload []byte)
}

type tcStream struct {
	name    string
	viewers []*tcConn
	config  [2][]byte // by track
}

const tcStreamID = 7

// serveTC listens at a loopback address, with what s says.
func serveTC(ctx context.Context, address string, s *tcServer) error {
	identity, err := flash.NewIdentity(flash.IdentityConfig{AcceptsAncillary: true})
	if err != nil {
		return err
	}
	s.streams, s.from = map[string]*tcStream{}, map[netip.AddrPort]int{}
	s.endpoint, err = rtmfp.Listen(ctx, rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{address}, Shards: 1, Identity: identity, Listener: rtmfp.Listener{Accept: s.accept},
	})
	return err
}

// startTC is serveTC for a test.
func startTC(t *testing.T, address string, s *tcServer) *tcServer {
	t.Helper()
	if err := serveTC(t.Context(), address, s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.endpoint.Close() })
	return s
}

func (s *tcServer) url() string { return "rtmfp://" + s.endpoint.Addrs()[0].String() + "/live" }

func (s *tcServer) stream(name string) *tcStream {
	if s.streams[name] == nil {
		s.streams[name] = &tcStream{name: name}
	}
	return s.streams[name]
}

func (s *tcServer) accept(session *rtmfp.Session) rtmfp.SessionHandler {
	s.from[session.Path().Addr]++
	return &tcConn{server: s, session: session}
}

// tcConn is one client's connection.
type tcConn struct {
	server  *tcServer
	session *rtmfp.Session
	far     *rtmfp.ReceiveFlow // the client's control flow
	near    *rtmfp.SendFlow    // ours
	status  *rtmfp.SendFlow
	media   [2]*rtmfp.SendFlow
	play    *rtmfp.ReceiveFlow // on which play has come
	publish *tcStream
	info    bool // setPeerInfo has come
}

func (c *tcConn) Opened(*rtmfp.Session)            {}
func (c *tcConn) Moved(*rtmfp.Session, rtmfp.Path) {}
func (c *tcConn) Ended(*rtmfp.ReceiveFlow, error)  {}
func (c *tcConn) Closed(_ *rtmfp.Session, _ error) { c.leave() }
func (c *tcConn) flow(id uint32) (f *rtmfp.SendFlow) {
	f, _ = c.session.OpenFlow(rtmfp.FlowConfig{Metadata: tcMetadata(id), Return: c.far})
	return f
}

func (c *tcConn) leave() {
	for _, s := range c.server.streams {
		s.viewers = slices.DeleteFunc(s.viewers, func(v *tcConn) bool { return v == c })
	}
}

func (c *tcConn) Flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	id, ok := parseTCMetadata(f.Metadata())
	switch {
	case !ok:
		return nil
	case id == 0 && c.far == nil:
		c.far = f
		c.near = c.flow(0)
	case c.near == nil || f.Associated() != c.near || id != tcStreamID || !c.info:
		return nil
	}
	return c
}

func (c *tcConn) Message(f *rtmfp.ReceiveFlow, m rtmfp.Message) {
	kind, timestamp, payload, _ := parseTC(m.Data)
	if c.publish != nil && (kind == typeAudio || kind == typeVideo) {
		c.publish.forward(kind, timestamp, payload)
		if c.server.relay != nil {
			c.server.relay(kind, timestamp, payload)
		}
		return
	}
	if kind != typeCommand {
		return
	}
	values, err := amf.Decode0(payload, nil)
	if err != nil {
		return
	}
	c.command(f, parseCommand(values), values)
}

func (c *tcConn) command(f *rtmfp.ReceiveFlow, command command, values []amf.Value) {
	switch command.name {
	case "connect":
		c.say(c.near, "_result", command.transaction, nil, amf.NewObject(
			amf.Property{Name: "level", Value: "status"}, amf.Property{Name: "code", Value: "NetConnection.Connect.Success"}))
	case "setPeerInfo":
		c.info = true
	case "createStream":
		c.say(c.near, "_result", command.transaction, nil, float64(tcStreamID))
	case "publish":
		c.publish = c.server.stream(values[3].(string))
		c.openStream()
		c.onStatus("status", "NetStream.Publish.Start")
	case "play":
		c.openStream()
		c.play = f
		if c.server.played != nil {
			c.server.played(c)
			return
		}
		c.onStatus("status", "NetStream.Play.Start")
		s := c.server.stream(values[3].(string))
		s.viewers = append(s.viewers, c)
		for i, kind := range []byte{typeVideo, typeAudio} {
			c.send(kind, 0, s.config[i])
		}
	}
}

func (c *tcConn) openStream() {
	c.status, c.media = c.flow(tcStreamID), [2]*rtmfp.SendFlow{c.flow(tcStreamID), c.flow(tcStreamID)}
}

func (c *tcConn) say(f *rtmfp.SendFlow, values ...amf.Value) {
	b, _ := amf.Append0(nil, values...)
	_, _ = f.Send(rtmfp.Outgoing{Body: tcCommand(b)})
}

func (c *tcConn) onStatus(level, code string) {
	c.say(c.status, "onStatus", 0.0, nil, amf.NewObject(
		amf.Property{Name: "level", Value: level}, amf.Property{Name: "code", Value: code}))
}

func (c *tcConn) send(kind byte, timestamp uint32, payload []byte) rtmfp.MessageID {
	head := tcHead(kind, timestamp)
	id, _ := c.media[track(kind)].Send(rtmfp.Outgoing{Head: head[:], Body: payload})
	return id
}

func (s *tcStream) forward(kind byte, timestamp uint32, payload []byte) {
	payload = slices.Clone(payload)
	if _, ok := findStamp(kind, payload); !ok {
		s.config[track(kind)] = payload
	}
	for _, v := range s.viewers {
		v.send(kind, timestamp, payload)
	}
}
