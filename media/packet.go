package media

import "sync/atomic"

// Kind tells what a packet carries; its values are the RTMP message types (RTMP 1.0 7.1).
type Kind uint8

// The kinds of packets. Data comes as message type 18 (AMF0) or 15 (AMF3); both are KindData.
const (
	KindAudio Kind = 8
	KindVideo Kind = 9
	KindData  Kind = 18
)

// MessageTypeDataAMF3 is the RTMP message type, and the FLV tag type, of data in AMF3 (Enhanced RTMP v2, Enabling AMF3).
const MessageTypeDataAMF3 = 15

// String returns the English name of the kind.
func (k Kind) String() string {
	switch k {
	case KindAudio:
		return "audio"
	case KindVideo:
		return "video"
	case KindData:
		return "data"
	}
	return "unknown kind"
}

// Packet is one media message. It is immutable once published, and any number
// of goroutines may read it at the same time; make it with [NewPacket] or
// [FromMessage] and share it by pointer.
type Packet struct {
	// Kind tells what the packet carries.
	Kind Kind
	// Timestamp is the decoding time in milliseconds; it wraps at 2^32, see [Elapsed].
	Timestamp uint32
	// Payload is the FLV tag body, which is the RTMP message payload. Nobody may modify it.
	Payload []byte
	// Info is what a look at the payload told.
	Info

	layout layout
	forms  atomic.Pointer[form]
}

// NewPacket makes a packet and looks into its payload, which it keeps and
// nobody may modify afterwards. Malformed media yields a packet whose Err is set.
func NewPacket(kind Kind, timestamp uint32, payload []byte) *Packet {
	p := &Packet{Kind: kind, Timestamp: timestamp, Payload: payload}
	p.Info, p.layout = parse(kind, payload)
	return p
}

// FromMessage makes a packet of an RTMP message or FLV tag by its type number:
// 8, 9, 18, or 15, whose packet has DataIsAMF3 set. It reports false for every other type.
func FromMessage(messageType uint8, timestamp uint32, payload []byte) (*Packet, bool) {
	switch messageType {
	case uint8(KindAudio), uint8(KindVideo), uint8(KindData):
		return NewPacket(Kind(messageType), timestamp, payload), true
	case MessageTypeDataAMF3:
		p := NewPacket(KindData, timestamp, payload)
		p.DataIsAMF3 = true
		return p, true
	}
	return nil, false
}

// MessageType returns the RTMP message type, and FLV tag type, of the packet: 8, 9, 18, or 15 for data in AMF3.
func (p *Packet) MessageType() uint8 {
	if p.DataIsAMF3 {
		return MessageTypeDataAMF3
	}
	return uint8(p.Kind)
}

// WithTimestamp returns a packet with another timestamp in milliseconds. It
// shares the payload and the Info; derived forms stay behind, since they may contain the time.
func (p *Packet) WithTimestamp(timestamp uint32) *Packet {
	return &Packet{
		Kind:      p.Kind,
		Timestamp: timestamp,
		Payload:   p.Payload,
		Info:      p.Info,
		layout:    p.layout,
	}
}

// Supersedes reports whether p makes old needless to somebody who joins later:
// both are codec configuration (or both metadata frames, or both multichannel
// configuration) of one kind, and every track of old is among those of p.
func (p *Packet) Supersedes(old *Packet) bool {
	if p.Kind != old.Kind || p.Err != nil || !p.isState() || p.stateClass() != old.stateClass() {
		return false
	}
	mine, ok := p.trackSet()
	theirs, okOld := old.trackSet()
	if !ok || !okOld {
		return false
	}
	for i := range mine {
		if theirs[i]&^mine[i] != 0 {
			return false
		}
	}
	return true
}

func (p *Packet) isState() bool { return p.Config || p.Metadata }

// stateClass folds the two mutually exclusive forms of sequence start into one.
func (p *Packet) stateClass() PacketType {
	if p.Type == PacketMPEG2TSSequenceStart {
		return PacketSequenceStart
	}
	return p.Type
}

func (p *Packet) trackSet() (set [4]uint64, ok bool) {
	for t, err := range p.Tracks() {
		if err != nil {
			return set, false
		}
		set[t.ID/64] |= 1 << (t.ID % 64)
	}
	return set, true
}
