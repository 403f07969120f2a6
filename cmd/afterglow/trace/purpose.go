package trace

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"afterglow/rtmfp/wire"
)

// purpose is what a flow is for, as its metadata tell.
type purpose struct {
	kind     flowKind
	streamID uint64
	anyOrder bool // messages may be taken in the order of arrival
	metadata []byte
}

type flowKind uint8

// The kinds of flows: RTMP messages (RFC 7425 5.1.1), and those of RTMFP groups, between client and server and among peers.
const (
	flowUnseen  flowKind = iota // it began before the capture
	flowUnknown                 // other metadata
	flowRTMP
	flowGroupControl
	flowGroup
)

// parsePurpose reads the metadata of a flow.
func parsePurpose(metadata []byte) purpose {
	p := purpose{kind: flowUnknown, metadata: metadata}
	switch {
	case len(metadata) >= 4 && metadata[0] == 'T' && metadata[1] == 'C':
		const hasStream, arrivalOrder = 0x04, 0x01
		id, _, err := wire.ParseVLU(metadata[3:])
		if err == nil && metadata[2]&hasStream != 0 {
			p.kind, p.streamID, p.anyOrder = flowRTMP, id, metadata[2]&arrivalOrder != 0
		}
	case string(metadata) == "GC":
		p.kind = flowGroupControl
	case len(metadata) == 3 && metadata[0] == 'G' && metadata[1] == 'R':
		p.kind = flowGroup
	}
	return p
}

// String is the purpose in words.
func (p purpose) String() string {
	switch p.kind {
	case flowUnseen:
		return "began before the capture"
	case flowRTMP:
		if p.anyOrder {
			return fmt.Sprintf("TC stream %d, any order", p.streamID)
		}
		return fmt.Sprintf("TC stream %d", p.streamID)
	case flowGroupControl:
		return "GC group control"
	case flowGroup:
		return "GR " + groupFlowName(p.metadata[2])
	}
	text := "metadata " + hex.EncodeToString(p.metadata)
	if legible(p.metadata) {
		text += fmt.Sprintf(" %q", p.metadata)
	}
	return text
}

// short is the purpose without what the line that tells of the flow's beginning has said.
func (p purpose) short() string {
	switch {
	case p.kind == flowRTMP:
		return fmt.Sprintf("TC stream %d", p.streamID)
	case p.kind == flowUnknown && legible(p.metadata):
		return strconv.Quote(string(p.metadata))
	}
	return p.String()
}

// groupFlowName names the flows among members of a group by the last byte of their metadata.
func groupFlowName(b byte) string {
	switch b {
	case 0x11:
		return "multicast control"
	case 0x12:
		return "multicast data"
	case 0x18:
		return "posting keys"
	case 0x19:
		return "posting values"
	case 0x1c:
		return "group"
	case 0x1d:
		return "group messages"
	}
	return fmt.Sprintf("%02x", b)
}

// message reads a message of such a flow.
func (p purpose) message(b []byte) Message {
	switch p.kind {
	case flowRTMP:
		return rtmpMessage(p.short(), b)
	case flowUnseen:
		if looksLikeRTMP(b) {
			return rtmpMessage("TC? "+p.String(), b)
		}
	case flowGroupControl, flowGroup:
		return groupMessage(p, b)
	}
	return Message{Flow: p.short(), Type: "message", Size: len(b), Text: preview(b)}
}

// rtmpHeader is the size of type and timestamp before the payload (RFC 7425 5.1.2).
const rtmpHeader = 5

func rtmpMessage(flow string, b []byte) Message {
	if len(b) < rtmpHeader {
		return Message{Flow: flow, Type: "too short for RTMP", Size: len(b), Text: preview(b)}
	}
	number, timestamp, payload := b[0], binary.BigEndian.Uint32(b[1:]), b[rtmpHeader:]
	m := Message{Flow: flow, Number: &number, Timestamp: &timestamp, Size: len(payload)}
	m.Type, m.Text = describeRTMP(number, timestamp, payload)
	return m
}

// looksLikeRTMP guesses, for flows whose metadata were not captured.
func looksLikeRTMP(b []byte) bool {
	if len(b) < rtmpHeader {
		return false
	}
	switch b[0] {
	case typeControl, typeAudio, typeVideo, typeData3, typeCommand3, typeData, typeCommand:
		return true
	}
	return false
}

func groupMessage(p purpose, b []byte) Message {
	m := Message{Flow: p.short(), Type: "empty group message", Size: len(b), Text: preview(b)}
	if len(b) > 0 {
		number := b[0]
		m.Number, m.Type = &number, groupMessageName(p, number)
	}
	return m
}

// groupMessageName names the messages of groups whose meaning is known, by their first byte.
func groupMessageName(p purpose, number byte) string {
	if p.kind == flowGroupControl {
		switch number {
		case 0x01:
			return "join group"
		case 0x0b:
			return "group member"
		}
		return fmt.Sprintf("group control %02x", number)
	}
	switch uint16(p.metadata[2])<<8 | uint16(number) {
	case 0x1c01:
		return "group hello"
	case 0x1c0a:
		return "group report"
	case 0x1c0c:
		return "drop neighbour"
	case 0x1c0e, 0x1c0f:
		return "begin group"
	case 0x1121:
		return "multicast stream"
	case 0x1122:
		return "fragments map"
	case 0x1123:
		return "push mask"
	case 0x112b:
		return "pull request"
	case 0x1200, 0x1210, 0x1220, 0x1230:
		return "multicast fragment"
	}
	return fmt.Sprintf("group message %02x", number)
}
