package trace

import (
	"net/netip"
	"time"

	"afterglow/rtmfp/wire"
)

// Kind says what an event is.
type Kind string

// The kinds of events.
const (
	KindEnd     Kind = "end"     // an address is seen for the first time, and gets a name
	KindSession Kind = "session" // a session begins, or its keys turn up
	KindPacket  Kind = "packet"  // a packet, or a datagram that could not be decoded
	KindChunk   Kind = "chunk"   // a chunk of a packet
	KindFlow    Kind = "flow"    // a flow begins or ends
	KindMessage Kind = "message" // a message is complete
	KindGap     Kind = "gap"     // fragments of a flow will not come
	KindNote    Kind = "note"    // something that the reader should know
	KindSummary Kind = "summary" // what there was, at the end
)

// Event is a line of the trace. With Options.JSON it is printed as it is, with names in lower case.
type Event struct {
	Kind Kind `json:"kind"`

	// Time is in milliseconds since the first datagram.
	Time float64 `json:"time"`

	// From and To are the addresses of the datagram.
	From netip.AddrPort `json:"from,omitzero"`
	To   netip.AddrPort `json:"to,omitzero"`

	// Session is the number of the session in this trace, 0 outside of any. ID is the session ID of the datagram, 8 digits.
	Session int    `json:"session,omitempty"`
	ID      string `json:"id,omitempty"`

	// Packet is the header of the packet.
	Packet *PacketHeader `json:"packet,omitempty"`
	opens  bool          // the first line about the packet, which text shows the header on

	// Chunk is the type of a chunk.
	Chunk string `json:"chunk,omitempty"`

	// Flow is the number of a flow, given by its sender. Sequence is the number of a fragment, or of a message's first, Last that of
	// its last.
	Flow     *uint64 `json:"flow,omitempty"`
	Sequence uint64  `json:"sequence,omitempty"`
	Last     uint64  `json:"last,omitempty"`

	// Retransmission marks fragments that were seen before, Abandoned those that the sender gave up, Replayed whole packets that
	// were seen before.
	Retransmission bool `json:"retransmission,omitempty"`
	Abandoned      bool `json:"abandoned,omitempty"`
	Replayed       bool `json:"replayed,omitempty"`

	// Message is what a message was.
	Message *Message `json:"message,omitempty"`

	// Text is the event in words.
	Text string `json:"text,omitempty"`

	// Payload is the bytes of a message or chunk in hexadecimal digits, if Options.Hex is set.
	Payload string `json:"payload,omitempty"`

	// Summary is one of the things that a trace ends with.
	Summary *Summary `json:"summary,omitempty"`
}

// PacketHeader is the beginning of a packet.
type PacketHeader struct {
	Mode                string `json:"mode"`
	TimeCritical        bool   `json:"timeCritical,omitempty"`
	TimeCriticalReverse bool   `json:"timeCriticalReverse,omitempty"`

	// Timestamp and Echo are in ticks of 4 ms, absent if nil.
	Timestamp *uint16 `json:"timestamp,omitempty"`
	Echo      *uint16 `json:"echo,omitempty"`

	// Size is that of the datagram in bytes.
	Size int `json:"size"`
}

func newPacketHeader(h wire.Header, size int) *PacketHeader {
	p := &PacketHeader{Mode: h.Mode.String(), TimeCritical: h.TimeCritical, TimeCriticalReverse: h.TimeCriticalReverse, Size: size}
	if h.HasTimestamp {
		p.Timestamp = &h.Timestamp
	}
	if h.HasTimestampEcho {
		p.Echo = &h.TimestampEcho
	}
	return p
}

// Message is a message of a flow.
type Message struct {
	// Flow is what the flow is for, such as "TC stream 1".
	Flow string `json:"flow"`

	// Type is the kind of message in words, Number its type number, absent if the flow is of an unknown kind.
	Type   string `json:"type"`
	Number *uint8 `json:"number,omitempty"`

	// Timestamp is that of an RTMP message in milliseconds.
	Timestamp *uint32 `json:"timestamp,omitempty"`

	// Size is that of the payload in bytes.
	Size int `json:"size"`

	// Text is the content in words.
	Text string `json:"text,omitempty"`
}

// milliseconds gives a duration in the unit of events, without digits that no clock has.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
