package netconn

import (
	"errors"
	"net/netip"
	"time"

	"afterglow/media"
)

// The message types that reach this package (RTMP 1.0 sections 6.1.1 and 7.1).
const (
	TypeUserControl      uint8 = 4
	TypeAudio            uint8 = 8
	TypeVideo            uint8 = 9
	TypeDataAMF3         uint8 = 15
	TypeSharedObjectAMF3 uint8 = 16
	TypeCommandAMF3      uint8 = 17
	TypeDataAMF0         uint8 = 18
	TypeSharedObjectAMF0 uint8 = 19
	TypeCommandAMF0      uint8 = 20
)

// Message is one message of a connection, without what its transport adds.
type Message struct {
	Type      uint8
	Timestamp uint32 // milliseconds, modulo 2^32
	StreamID  uint32 // 0 is the NetConnection itself
	Payload   []byte
}

// Class is what a message is to those who decide on its priority.
type Class uint8

// The classes, most urgent first.
const (
	ClassControl Class = iota
	ClassData
	ClassAudio
	ClassVideo
)

// Treatment says how a message wants to be carried. Zero times are no limit; a transport that cannot drop ignores them.
type Treatment struct {
	Class    Class
	StartBy  time.Duration // give up if sending has not begun after so long
	FinishBy time.Duration // give up if it is not delivered after so long
}

// Handle is a message under way.
type Handle interface {
	// Abandon gives the message up if it is not gone yet.
	Abandon()
	// Delivered says whether the far end has it, as far as the transport can tell.
	Delivered() bool
}

// Out is what a Source gives: a packet, whose wire form viewers of the same feed share, or a message.
type Out struct {
	Packet  *media.Packet
	Message *Message
	// InPlace says that the message must come behind the packets before it and before those after it, also where messages can
	// overtake each other.
	InPlace bool
}

// Source is where a transport pulls the media of a NetStream from. Next is called by one goroutine at a time and does
// not block; budget is roughly how many bytes the transport can take now. Feed is equal for sources whose packets are
// the same, and nil for one that is alone.
type Source interface {
	Next(budget int) (Out, bool)
	Feed() any
}

// WriteMode says when a transport writes media.
type WriteMode uint8

// The write modes: adaptive merges wake-ups only as the processor gets busy, off never waits, fixed waits a given time.
const (
	WriteAdaptive WriteMode = iota
	WriteOff
	WriteFixed
)

// Delivery is how media is written to a client.
type Delivery struct {
	Mode  WriteMode
	Delay time.Duration // ceiling of adaptive, time of fixed; zero is 100 ms
	// Lifetimes hold over transports that can give media up.
	Lifetimes
}

// Lifetimes say how long media may wait for the network before it is given up. Zero fields are the transport's defaults.
type Lifetimes struct {
	Audio time.Duration // from queueing until the first byte is sent
	Video time.Duration
	// PreviousGroup is how long frames of a group of pictures still may begin to be sent once the next group is there.
	// Negative: as long as Video says.
	PreviousGroup time.Duration
}

// Waker wakes a transport when a source has something. It is what streams.SubscribeOptions takes.
type Waker interface{ Wake() }

// Transport carries one connection. Its methods may be called from any goroutine and never block.
type Transport interface {
	// Send queues a message. One that cannot be sent any more is dropped silently: Conn.Closed tells.
	Send(m Message, t Treatment) Handle
	// Barrier keeps messages of a stream that are sent later behind those sent before, across flows.
	Barrier(streamID uint32)
	// Accepted is called once before a server's answer to connect, for what the transport says then, Stream Begin of
	// stream 0 included.
	Accepted()
	// Publishing tells whether the far end may send large messages now.
	Publishing(on bool)
	// Attach begins to pull a stream's media, and returns what is to be woken when the source has more. Sources of the
	// same feed get the same Waker. Detach ends it: no Next is under way when it returns.
	Attach(streamID uint32, s Source, d Delivery) Waker
	Detach(streamID uint32)
	// Pull tells that a source has something for this client alone, such as its first picture.
	Pull()
	// StreamOpened and StreamClosed tell which NetStreams the far end may use, each before the far end hears of it.
	StreamOpened(streamID uint32)
	StreamClosed(streamID uint32)
	// Heard returns how many bytes have come from the far end, and whether more would be heard: not while Receive has
	// paused the transport.
	Heard() (n uint64, listening bool)
	// Resume asks for messages again after Receive has answered pause.
	Resume()
	// CloseAfterFlush ends the connection when everything queued has been sent.
	CloseAfterFlush(reason error)
	// Far describes the far end.
	Far() Far
}

// Far is what a transport knows of the far end.
type Far struct {
	Address  string // host and port
	Protocol string // rtmp, rtmps, rtmfp
	Secure   bool
	Loopback bool // connected from this machine itself, with no proxy in between
	// PeerID and NearID are the fingerprints of the far end's and our own certificate, 64 hexadecimal digits; FarNonce and
	// NearNonce are secrets that only the two ends know, in the same form. They are empty over transports without them.
	PeerID, NearID      string
	FarNonce, NearNonce string
	NearAddress         string // host and port where the far end reaches us, as far as the transport knows
}

// NamedTransport is a Transport whose far end has an ID already, since it came in elsewhere and was handed over by a Relay.
type NamedTransport interface {
	// ClientID returns that ID, or "". It is called when the connection is made.
	ClientID() string
}

// PeerTransport is a Transport whose far end can be introduced to others (RFC 7425 5.3.3).
type PeerTransport interface {
	// PeerInfo tells the addresses by which the far end says it can be reached, which replace those told before.
	PeerInfo(addresses []netip.AddrPort)
}

// DeliveryStats is what a transport has done with the media of one NetStream.
type DeliveryStats struct {
	Audio, Video, Data KindStats
	// Groups is how many groups of pictures lost their tail because the network could not carry them.
	Groups uint64
	// QueuedBytes are neither delivered nor given up, of all streams of the connection.
	QueuedBytes int
	// RoundTrip is the smoothed round trip time, zero if unknown.
	RoundTrip time.Duration
}

// KindStats counts the messages of one kind: handed to the transport, delivered, and given up; and payload bytes delivered.
type KindStats struct {
	Sent, Delivered, Abandoned uint64
	Bytes                      uint64
}

// DeliveryReporter is a Transport that knows what becomes of media.
type DeliveryReporter interface {
	// DeliveryStats returns the figures of a stream that plays, as they were within the last second, or false.
	DeliveryStats(streamID uint32) (DeliveryStats, bool)
}

// Flusher is a Transport on which messages of one stream can overtake those of another.
type Flusher interface {
	// Flushed is closed when everything that was sent on a stream is delivered or given up.
	Flushed(streamID uint32) <-chan struct{}
}

// Errors that end a connection because of what the far end sent.
var (
	// ErrProtocol is a message that does not belong where it came.
	ErrProtocol = errors.New("protocol error")
	// ErrLimit is too much of something.
	ErrLimit = errors.New("limit exceeded")
)
