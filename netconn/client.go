package netconn

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"afterglow/amf"
	"afterglow/media"
)

// ClientEvents is what a client wants to hear of. Nil functions hear nothing. They are called by the transport's
// reader, in order, and should not block.
type ClientEvents struct {
	// Status gets the statuses of the connection itself, a reconnect request among them.
	Status func(Status)
	// Call answers a method that the server calls. A nil function and ErrNoMethod answer that there is none.
	Call func(method string, args []amf.Value) (amf.Value, error)
	// CallLater is asked instead of Call, if it is there, and answers when it can.
	CallLater func(method string, args []amf.Value, reply *Reply[CallAnswer])
	// Closed tells that the connection has ended.
	Closed func(reason error)
}

// ConnectOptions are the fields of a connect command (RTMP 1.0 section 7.2.1.1).
type ConnectOptions struct {
	App      string
	TCURL    string
	FlashVer string // default: what encoders say
	SWFURL   string
	PageURL  string
	Encoding Encoding
	// ClassicOnly leaves out what Enhanced RTMP adds: the client then gets classic tags only.
	ClassicOnly bool
	// Object has further properties, which replace those made from the fields above.
	Object []amf.Property
	// Args follow the command object.
	Args []amf.Value
}

// Client is a client's end of a NetConnection. Its methods may be called from any goroutine; those with a context wait
// for the server's answer, and must not be called from an event.
type Client struct {
	transport Transport
	events    ClientEvents
	calls     calls
	encoding  atomic.Uint32
	closed    chan struct{}

	mu      sync.Mutex
	streams map[uint32]*ClientStream
	shared  map[sharedObjectKey]*RemoteSharedObject
	told    Status // why the connection is about to end, as the server says
	err     error
	gone    bool
}

// NewClient makes the client's end of a connection that transport carries.
func NewClient(t Transport, e ClientEvents) *Client {
	return &Client{transport: t, events: e, closed: make(chan struct{}), streams: make(map[uint32]*ClientStream)}
}

// Done is closed when the connection has ended; Err then says why.
func (c *Client) Done() <-chan struct{} { return c.closed }

// Err returns why the connection has ended, nil while it lasts: a Status if the server has said why.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Far describes the server.
func (c *Client) Far() Far { return c.transport.Far() }

// Close ends the connection after what is queued has been sent.
func (c *Client) Close() { c.transport.CloseAfterFlush(ErrDisconnected) }

// Closed is called by the transport when it has ended.
func (c *Client) Closed(reason error) {
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return
	}
	if c.told.Code != "" { // which says more than that the server has gone
		reason = c.told
	}
	c.gone, c.err = true, reason
	all, shared := c.streams, c.shared
	c.streams, c.shared = nil, nil
	c.mu.Unlock()
	c.calls.close()
	for _, r := range shared {
		r.ended(reason)
	}
	for _, s := range all {
		s.outbox.close()
	}
	if c.events.Closed != nil {
		c.events.Closed(reason)
	}
	close(c.closed)
}

// Connect sends the connect command and returns the server's information object, or a Status as the error when it
// rejects.
func (c *Client) Connect(ctx context.Context, o ConnectOptions) (Status, error) {
	r, err := c.ask(ctx, "connect", o.object(), o.Args...)
	if err != nil {
		return Status{}, err
	}
	s := parseStatus(r.Value)
	if o.Encoding == AMF3 && encodingOf(s) == AMF3 {
		c.encoding.Store(uint32(AMF3))
	}
	return s, nil
}

func encodingOf(s Status) Encoding {
	for _, p := range s.Extra {
		if p.Name == "objectEncoding" && p.Value == float64(AMF3) {
			return AMF3
		}
	}
	return AMF0
}

const defaultFlashVer = "FMLE/3.0 (compatible; Afterglow)"

func (o ConnectOptions) object() *amf.Object {
	if o.FlashVer == "" {
		o.FlashVer = defaultFlashVer
	}
	v := amf.NewObject(
		amf.Property{Name: "app", Value: o.App},
		amf.Property{Name: "flashVer", Value: o.FlashVer},
		amf.Property{Name: "tcUrl", Value: o.TCURL},
		amf.Property{Name: "fpad", Value: false},
		amf.Property{Name: "capabilities", Value: 239.0},
		amf.Property{Name: "audioCodecs", Value: float64(0x0FFF)},
		amf.Property{Name: "videoCodecs", Value: float64(0x00FF)},
		amf.Property{Name: "videoFunction", Value: 1.0},
		amf.Property{Name: "objectEncoding", Value: float64(o.Encoding)},
	)
	if o.SWFURL != "" {
		v.Set("swfUrl", o.SWFURL)
	}
	if o.PageURL != "" {
		v.Set("pageUrl", o.PageURL)
	}
	if !o.ClassicOnly {
		v.Set("fourCcList", amf.NewArray(media.Wildcard))
		// Two objects: nginx-rtmp closes the connection for a reference to an object that it has read already.
		for _, name := range []string{"videoFourCcInfoMap", "audioFourCcInfoMap"} {
			v.Set(name, amf.NewObject(amf.Property{Name: media.Wildcard, Value: float64(media.CanForward)}))
		}
		v.Set("capsEx", float64(capsReconnect|media.CapsMultitrack|media.CapsModEx|capsNanoseconds))
	}
	for _, p := range o.Object {
		v.Set(p.Name, p.Value)
	}
	return v
}

// ask calls a method and waits for the answer.
func (c *Client) ask(ctx context.Context, method string, object amf.Value, args ...amf.Value) (Result, error) {
	answer := make(chan Result, 1)
	if err := c.start(method, object, func(r Result) { answer <- r }, args...); err != nil {
		return Result{}, err
	}
	select {
	case r := <-answer:
		return r, c.explain(r.Err)
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// explain prefers why the connection ended over the fact that it did.
func (c *Client) explain(err error) error {
	if errors.Is(err, ErrDisconnected) {
		if why := c.Err(); why != nil {
			return why
		}
	}
	return err
}

func (c *Client) start(method string, object amf.Value, done func(Result), args ...amf.Value) error {
	transaction, err := c.calls.add(done)
	if err != nil {
		return err
	}
	return c.send(0, method, transaction, append([]amf.Value{object}, args...)...)
}

func (c *Client) send(streamID uint32, name string, transaction float64, values ...amf.Value) error {
	m, err := commandMessage(Encoding(c.encoding.Load()), streamID, name, transaction, values...)
	if err != nil {
		return err
	}
	c.transport.Send(m, Treatment{Class: ClassControl})
	return nil
}

// Call calls a method of the server and waits for its answer; an _error is returned as a Status.
func (c *Client) Call(ctx context.Context, method string, args ...amf.Value) (amf.Value, error) {
	r, err := c.ask(ctx, method, nil, args...)
	return r.Value, err
}

// CallAsync calls a method of the server and does not wait; done, which may be nil, gets the answer from the transport's
// reader and should not block.
func (c *Client) CallAsync(method string, done func(Result), args ...amf.Value) error {
	return c.start(method, nil, done, args...)
}

// Notify calls a method of the server that needs no answer.
func (c *Client) Notify(method string, args ...amf.Value) error {
	return c.start(method, nil, nil, args...)
}

// CreateStream asks the server for a NetStream.
func (c *Client) CreateStream(ctx context.Context, e StreamEvents) (*ClientStream, error) {
	r, err := c.ask(ctx, "createStream", nil)
	if err != nil {
		return nil, err
	}
	id, ok := streamID(r.Value)
	if !ok {
		return nil, errors.New("createStream: the server answers " + amf.Format(r.Value))
	}
	s, err := c.AdoptStream(id, e)
	if err == nil {
		c.transport.StreamOpened(id)
	}
	return s, err
}

// AdoptStream makes a NetStream of an ID on which both ends have agreed without createStream, as peers do (RFC 7425 section
// 5.4.1).
func (c *Client) AdoptStream(id uint32, e StreamEvents) (*ClientStream, error) {
	s := &ClientStream{client: c, id: id, events: e, statuses: make(chan Status, 16)}
	s.outbox.limit = outboxLimit
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil, ErrDisconnected
	}
	c.streams[id] = s
	return s, nil
}

// SetPeerInfo tells the server at which addresses other clients may reach this one (RFC 7425 section 5.3.3). Each is written
// as host:port.
func (c *Client) SetPeerInfo(addresses ...string) error {
	args := make([]amf.Value, len(addresses))
	for i, a := range addresses {
		args[i] = a
	}
	return c.start("setPeerInfo", nil, nil, args...)
}

// Receive takes a message from the transport.
func (c *Client) Receive(m Message) (more bool) {
	if err := c.dispatch(m); err != nil {
		c.transport.CloseAfterFlush(err)
	}
	return true
}

func (c *Client) stream(id uint32) *ClientStream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams[id]
}

func (c *Client) dispatch(m Message) error {
	switch m.Type {
	case TypeCommandAMF0, TypeCommandAMF3:
		cmd, err := parseCommand(m)
		if err != nil {
			return err
		}
		return c.command(cmd)
	case TypeAudio, TypeVideo, TypeDataAMF0, TypeDataAMF3:
		m = asPlayed(m)
		if s := c.stream(m.StreamID); s != nil && s.events.Packet != nil {
			if p, ok := media.FromMessage(m.Type, m.Timestamp, m.Payload); ok {
				s.events.Packet(p)
			}
		}
	case TypeSharedObjectAMF0, TypeSharedObjectAMF3:
		return c.sharedObject(m)
	}
	return nil
}

func (c *Client) command(cmd *command) error {
	switch cmd.name {
	case "_result", "_error":
		c.calls.answer(cmd)
		return nil
	case "onStatus":
		c.status(cmd)
		return nil
	case "close":
		c.transport.CloseAfterFlush(ErrDisconnected)
		return nil
	}
	if s := c.stream(cmd.streamID); s != nil && s.events.Call != nil {
		s.events.Call(cmd.name, cmd.args)
		return nil
	}
	if c.events.CallLater != nil {
		c.events.CallLater(cmd.name, cmd.args, NewReply(func(a CallAnswer) { _ = c.reply(cmd, a) }))
		return nil
	}
	a := CallAnswer{Err: ErrNoMethod}
	if c.events.Call != nil {
		a.Value, a.Err = c.events.Call(cmd.name, cmd.args)
	}
	return c.reply(cmd, a)
}

// reply answers a call of the server's, if it asks for an answer.
func (c *Client) reply(cmd *command, a CallAnswer) error {
	switch {
	case cmd.transaction == 0:
		return nil
	case a.Err != nil:
		return c.send(0, "_error", cmd.transaction, nil, statusOf(a.Err, CallFailed, "").object(""))
	}
	return c.send(0, "_result", cmd.transaction, nil, a.Value)
}

func (c *Client) status(cmd *command) {
	info := cmd.arg(0)
	if len(cmd.args) == 0 {
		info = cmd.object // librtmfp, as the publisher of a direct stream, leaves out the null before it
	}
	s := parseStatus(info)
	if stream := c.stream(cmd.streamID); stream != nil {
		stream.status(s)
		return
	}
	if cmd.streamID != 0 && strings.HasPrefix(string(s.Code), "NetStream.") {
		return // of a stream that has been given back meanwhile
	}
	if strings.HasPrefix(string(s.Code), "NetConnection.Connect.") && s.Code != ConnectReconnectRequest {
		c.mu.Lock()
		c.told = s
		c.mu.Unlock()
	}
	if c.events.Status != nil {
		c.events.Status(s)
	}
}
