package netconn

import (
	"errors"
	"net/netip"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/streams"
)

// Handler is asked what a server's clients may do, and told what they did. Questions carry a Reply: nothing of the
// client is handled until it is given, but nobody else waits. Methods are called for one connection at a time.
type Handler interface {
	// Connect asks whether a client may come in.
	Connect(c *Conn, r ConnectRequest, reply *Reply[ConnectAnswer])
	// Publish asks whether a client may publish; the answer holds the right to the name.
	Publish(c *Conn, r PublishRequest, reply *Reply[PublishAnswer])
	// Play asks whether a client may play; the answer says from where.
	Play(c *Conn, r PlayRequest, reply *Reply[PlayAnswer])
	// Call asks for a remote method. Other messages of the client are handled meanwhile. ErrNoMethod gets the client
	// a built-in of that name, or an error.
	Call(c *Conn, r CallRequest, reply *Reply[CallAnswer])
	// Introduce asks whether somebody may be introduced to a peer. Other messages are handled meanwhile.
	Introduce(r IntroduceRequest, reply *Reply[IntroduceAnswer])
	// Moved tells that a client has another address than before, at which everything of it goes on.
	Moved(c *Conn, before Far)
	// SharedObject brings what an accepted client wants of a shared object. Conn.SendSharedObject answers.
	SharedObject(c *Conn, m *SharedObjectMessage)
	// Published tells that a client has begun to publish what it was permitted to, behind its NetStream.Publish.Start.
	Published(c *Conn, r PublishRequest)
	// Unpublished tells that a client has stopped publishing a name, whatever made it stop.
	Unpublished(c *Conn, name string)
	// Refused tells that a client asked for something that its rights or this server rule out, so that nobody was asked.
	Refused(c *Conn, s Status)
	// Disconnected tells, once for each Connect, that the client has gone, and why; its streams are closed already. It
	// comes for clients that were rejected, and for those whose Connect has no answer yet, too.
	Disconnected(c *Conn, reason error)
}

// ErrNoMethod is the answer to a call of a method that is not there.
var ErrNoMethod = errors.New("no such method")

// ConnectRequest is a client's connect command (RTMP 1.0 section 7.2.1.1, Enhanced RTMP v2).
type ConnectRequest struct {
	App      string // application name
	Instance string // instance name, _definst_ when the client names none
	Query    string // what follows the question mark, without it
	TCURL    string
	FlashVer string
	SWFURL   string
	PageURL  string
	Encoding Encoding
	Media    media.Capabilities
	// Reconnect says that the client follows a reconnect request (Enhanced RTMP v2, capsEx).
	Reconnect bool
	// Object is the whole command object, Args the arguments behind it.
	Object *amf.Object
	Args   []amf.Value
}

// ConnectAnswer accepts or rejects a client.
type ConnectAnswer struct {
	// Err rejects. A Status is sent as it is, anything else as the description of NetConnection.Connect.Rejected.
	Err error
	// Rights of an accepted client.
	Rights Rights
	// Delivery of the media that it plays.
	Delivery Delivery
	// BWDone sends onBWDone after accepting, which old players wait for.
	BWDone bool
	// Relay, if there is one, is to whom the client is handed over. Of the other fields only Delivery then means something.
	Relay Relay
}

// PublishRequest is a publish command.
type PublishRequest struct {
	Stream *Stream
	Name   string // with its type prefix, without its query
	Query  string
	Type   string // live, record, append, appendWithGap
}

// PublishAnswer permits or refuses to publish. The connection closes Publisher when the client stops.
type PublishAnswer struct {
	Err       error
	Publisher *streams.Publisher
}

// PlayRequest is a play command. Times are in milliseconds; Start is PlayLiveOrRecorded or PlayLive or not negative,
// Duration is negative for no end.
type PlayRequest struct {
	Stream   *Stream
	Name     string
	Query    string
	Start    float64
	Duration float64
}

// The special values of PlayRequest.Start.
const (
	PlayLiveOrRecorded = -2
	PlayLive           = -1
)

// PlayAnswer permits or refuses to play. The connection closes Subscriber when the client stops.
type PlayAnswer struct {
	Err        error
	Subscriber *streams.Subscriber
}

// IntroduceRequest is somebody's wish to be introduced to a peer (RFC 7016 section 3.5.1.6, RFC 7425 section 5.4.1).
type IntroduceRequest struct {
	// From is the client that asks, nil if who asks is not connected; Address is where the wish came from.
	From    *Conn
	Address string
	// PeerID is whom it seeks, 64 hexadecimal digits, and To that client, nil if it is not connected here.
	PeerID string
	To     *Conn
}

// IntroduceAnswer permits or refuses an introduction. Who is refused hears nothing.
type IntroduceAnswer struct {
	Err error
	// Redirect, if not empty, is sent instead of the peer's own addresses, and the peer is not told.
	Redirect []netip.AddrPort
}

// CallRequest is a remote call.
type CallRequest struct {
	Method string
	Args   []amf.Value
	// WantsAnswer is false for calls with transaction 0.
	WantsAnswer bool
}

// CallAnswer is what a remote method returns. Err becomes the far end's _error: a Status as it is, anything else as
// the description of NetConnection.Call.Failed.
type CallAnswer struct {
	Value amf.Value
	Err   error
}

// statusOf makes an error a status, with the given code unless it has one.
func statusOf(err error, code Code, details string) Status {
	var s Status
	if !errors.As(err, &s) {
		s = Status{Code: code, Description: err.Error()}
	}
	if s.Details == "" {
		s.Details = details
	}
	return s
}
