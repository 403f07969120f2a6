package netconn

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"afterglow/amf"
	"afterglow/media"
)

// Config bounds what a client can do. A zero field means its default.
type Config struct {
	// QuestionTimeout is how long the Handler may leave connect, publish and play unanswered. Default 30 s.
	QuestionTimeout time.Duration
	// WaitingBytes is how much may wait behind an open question before the transport is paused, in bytes.
	// Default 1 MiB.
	WaitingBytes int
	// Streams is the number of NetStreams that a client may have. Default 32.
	Streams int
	// Version is what the server says it is: four numbers, as players parse them. Default 5,0,7,1.
	Version string
	// BandwidthProbe is how a client's bandwidth is measured.
	BandwidthProbe BandwidthProbe
}

func (c Config) withDefaults() Config {
	if c.QuestionTimeout <= 0 {
		c.QuestionTimeout = 30 * time.Second
	}
	if c.WaitingBytes <= 0 {
		c.WaitingBytes = 1 << 20
	}
	if c.Streams <= 0 {
		c.Streams = 32
	}
	if c.Version == "" {
		c.Version = "5,0,7,1"
	}
	c.BandwidthProbe = c.BandwidthProbe.withDefaults()
	return c
}

// Conn is a server's end of a NetConnection.
type Conn struct {
	transport Transport
	handler   Handler
	config    Config
	id        string
	created   time.Time
	exec      executor
	calls     calls
	pings     pings
	heard     atomic.Int64 // when the far end last sent something, nanoseconds since created

	request        atomic.Pointer[ConnectRequest] // set once the client has asked
	connectMessage atomic.Pointer[Message]        // the same as it came, until it is answered
	accepted       atomic.Bool
	rights         atomic.Pointer[Rights]
	value          atomic.Value // what the Handler attached

	ending ending

	peerAddresses atomic.Pointer[[]netip.AddrPort]

	// What follows belongs to the running affair of exec.
	streams   map[uint32]*Stream
	free      uint32 // no smaller stream ID is free
	viewer    media.Viewer
	delivery  Delivery
	closing   bool
	gone      bool
	closedFor error
	bandwidth *bandwidthCheck
	relayed   *Relayed // to whom the client was handed over, nil if it was not
	throttle  throttle
	counts    counts
	// What the application has said before the client was accepted.
	early      []Message
	earlyBytes int
	// How often the client did what is refused, up to a limit.
	overStreams int
	broadcasts  int
}

// NewConn makes the server's end of a connection that transport carries.
func NewConn(t Transport, h Handler, config Config) *Conn {
	c := &Conn{transport: t, handler: h, config: config.withDefaults(), created: time.Now()}
	if n, ok := t.(NamedTransport); ok {
		c.id = n.ClientID()
	}
	if c.id == "" {
		c.id = newClientID()
	}
	return c
}

func newClientID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var b [8]byte
	rand.Read(b[:])
	for i := range b {
		b[i] = letters[b[i]&31]
	}
	return string(b[:])
}

// ID returns the client's ID, 8 characters, as clients see it in status messages.
func (c *Conn) ID() string { return c.id }

// Far describes the far end.
func (c *Conn) Far() Far { return c.transport.Far() }

// Request returns what the client asked for when it connected, nil before.
func (c *Conn) Request() *ConnectRequest { return c.request.Load() }

// ConnectMessage returns the connect command as it came, for whoever passes it on. It is nil before the client has asked, and when it
// has its answer.
func (c *Conn) ConnectMessage() *Message { return c.connectMessage.Load() }

// Accepted says whether the client has been let in.
func (c *Conn) Accepted() bool { return c.accepted.Load() }

// Since returns when the connection was made.
func (c *Conn) Since() time.Time { return c.created }

// Rights returns what the client may do.
func (c *Conn) Rights() Rights {
	if r := c.rights.Load(); r != nil {
		return *r
	}
	return Rights{}
}

// SetRights changes what the client may do from now on.
func (c *Conn) SetRights(r Rights) { c.rights.Store(&r) }

// SetValue attaches something of the Handler's to the connection; it must always have the same type.
func (c *Conn) SetValue(v any) { c.value.Store(v) }

// Value returns what SetValue attached.
func (c *Conn) Value() any { return c.value.Load() }

// Idle returns how long the far end has sent nothing.
func (c *Conn) Idle() time.Duration {
	return time.Since(c.created) - time.Duration(c.heard.Load())
}

// Receive takes a message from the transport. It answers false when the transport should not bring more until its
// Resume is called.
func (c *Conn) Receive(m Message) (more bool) {
	c.heard.Store(int64(time.Since(c.created)))
	c.counts.in.Add(1)
	if c.pings.any.Load() {
		c.pings.answer(true)
	}
	more = c.exec.deliver(m, c.config.WaitingBytes, c.handle, c.transport.Resume)
	return c.throttled(len(m.Payload)) && more
}

// do runs f among the connection's affairs.
func (c *Conn) do(f func()) { c.exec.do(f, c.handle, c.transport.Resume) }

// Closed tells that the transport has ended. The Handler learns of it when everything of the client has ended.
func (c *Conn) Closed(reason error) {
	c.do(func() {
		if c.gone {
			return
		}
		c.gone = true
		if c.closedFor != nil {
			reason = c.closedFor
		}
		c.exec.discard()
		for _, s := range c.streams {
			s.end()
		}
		c.streams = nil
		c.calls.close()
		c.early = nil
		c.pings.close()
		c.throttle.stop()
		c.ending.tell()
		if c.relayed != nil {
			c.relayed.close()
		}
		if c.request.Load() != nil {
			c.handler.Disconnected(c, reason)
		}
	})
}

// Disconnect tells the client why, if the status has a code, and ends the connection.
func (c *Conn) Disconnect(s Status) {
	c.do(func() {
		if s.Code != "" && !c.closing {
			c.status(0, s)
		}
		if s.Code == "" {
			c.close(ErrDisconnected)
			return
		}
		c.close(s)
	})
}

// close ends the connection after what is queued. It is an affair.
func (c *Conn) close(reason error) {
	if c.closing {
		return
	}
	c.closing, c.closedFor = true, reason
	c.early = nil
	c.exec.discard()
	c.transport.CloseAfterFlush(reason)
}

// Fail ends the connection because of what the client did, which it is told.
func (c *Conn) Fail(err error) { c.do(func() { c.fail(err) }) }

// fail ends the connection because of what the client did, which it is told.
func (c *Conn) fail(err error) {
	if c.closing {
		return
	}
	code := ConnectClosed
	switch {
	case !c.accepted.Load():
		code = ConnectRejected
	case errors.Is(err, amf.ErrTruncated) || errors.Is(err, amf.ErrLimit) || errors.Is(err, amf.ErrUnknownMarker) || errors.Is(err, amf.ErrBadReference) || errors.Is(err, amf.ErrFormat):
		code = CallBadVersion
	}
	c.status(0, Status{Code: code, Level: LevelError, Description: err.Error()})
	c.close(err)
}

func (c *Conn) handle(m Message) {
	if c.closing || c.gone {
		return
	}
	if err := c.dispatch(m); err != nil {
		c.fail(err)
	}
}

func (c *Conn) dispatch(m Message) error {
	if c.relayed != nil {
		return c.relayed.forward(m)
	}
	switch m.Type {
	case TypeCommandAMF0, TypeCommandAMF3:
		cmd, err := parseCommand(m)
		if err != nil {
			return err
		}
		return c.command(cmd)
	case TypeUserControl:
		return c.userControl(m)
	}
	if !c.accepted.Load() {
		return fmt.Errorf("%w: a message of type %d before connect", ErrProtocol, m.Type)
	}
	switch m.Type {
	case TypeAudio, TypeVideo:
		return c.media(m)
	case TypeDataAMF0, TypeDataAMF3:
		return c.data(m)
	case TypeSharedObjectAMF0, TypeSharedObjectAMF3:
		return c.sharedObject(m)
	}
	return nil
}

// command runs a command by its name: first what a NetConnection is made of, then what belongs to a stream, then the
// application's methods and the optional built-ins.
func (c *Conn) command(cmd *command) error {
	if cmd.name == "connect" {
		return c.connect(cmd)
	}
	if !c.accepted.Load() {
		return fmt.Errorf("%w: command %s before connect", ErrProtocol, clip(cmd.name))
	}
	if run, ok := connCommands[cmd.name]; ok {
		return run(c, cmd)
	}
	if run, ok := streamCommands[cmd.name]; ok && cmd.streamID != 0 {
		if s := c.streams[cmd.streamID]; s != nil {
			return run(s, cmd)
		}
		return nil // a stream that was just deleted
	}
	return c.call(cmd)
}

var connCommands map[string]func(*Conn, *command) error

func init() {
	connCommands = map[string]func(*Conn, *command) error{
		"createStream": (*Conn).createStream,
		"deleteStream": (*Conn).deleteStream,
		"setPeerInfo":  (*Conn).peerInfo,
		"_result":      (*Conn).answer,
		"_error":       (*Conn).answer,
	}
}

func (c *Conn) answer(cmd *command) error {
	c.calls.answer(cmd)
	return nil
}

// clip shortens what a client sent for a message to people.
func clip(s string) string {
	const most = 64
	s = strings.ToValidUTF8(s, "?")
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}

// encoding is how commands to the client are encoded.
func (c *Conn) encoding() Encoding {
	if r := c.request.Load(); r != nil && c.accepted.Load() {
		return r.Encoding
	}
	return AMF0
}

// send encodes and queues a command.
func (c *Conn) send(streamID uint32, name string, transaction float64, values ...amf.Value) error {
	m, err := commandMessage(c.encoding(), streamID, name, transaction, values...)
	if err != nil {
		return err
	}
	c.transmit(m, ClassControl)
	return nil
}

// status sends an onStatus on a stream, or on the connection for stream 0.
func (c *Conn) status(streamID uint32, s Status) {
	_ = c.send(streamID, "onStatus", 0, nil, s.object(c.id))
}

// result and refuse answer a command, if it asks for an answer.
func (c *Conn) result(cmd *command, values ...amf.Value) error {
	if cmd.transaction == 0 {
		return nil
	}
	return c.send(0, "_result", cmd.transaction, values...)
}

func (c *Conn) refuse(cmd *command, s Status) error {
	if cmd.transaction == 0 {
		return nil
	}
	return c.send(0, "_error", cmd.transaction, nil, s.object(""))
}

// RequestReconnect asks the client to connect anew, to tcURL or, when that is empty, to where it is (Enhanced RTMP
// v2, Reconnect Request). It reports false for a client that has not said that it can.
func (c *Conn) RequestReconnect(tcURL, description string) bool {
	r := c.request.Load()
	if r == nil || !r.Reconnect {
		return false
	}
	s := Status{Code: ConnectReconnectRequest, Description: description}
	if tcURL != "" {
		s.Extra = []amf.Property{{Name: "tcUrl", Value: tcURL}}
	}
	c.do(func() {
		if c.accepted.Load() {
			c.status(0, s)
		}
	})
	return true
}
