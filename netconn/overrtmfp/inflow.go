package overrtmfp

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"afterglow/netconn"
	"afterglow/rtmfp"
)

// headSize is what stands before the payload of an RTMP message in a flow: type and timestamp (RFC 7425 5.1.2).
const headSize = 1 + 4

// holds are the reasons for which messages of a flow are not taken.
type holds uint8

const (
	heldByConnection holds = 1 << iota // the NetConnection cannot take more
	heldBySync                         // a barrier waits for other flows
)

// inflow is a flow that comes in.
type inflow struct {
	link     *link
	flow     *rtmfp.ReceiveFlow
	streamID uint32
	held     holds
}

// Message takes an RTMP message (RFC 7425 5.1.2). One of a type that has no place in RTMFP is ignored and counted.
func (f *inflow) Message(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
	l := f.link
	if len(m.Data) < headSize || !carried(m.Data[0]) {
		l.counts.Ignored.Add(1)
		return
	}
	message := netconn.Message{
		Type: m.Data[0], Timestamp: binary.BigEndian.Uint32(m.Data[1:]), StreamID: f.streamID, Payload: bytes.Clone(m.Data[headSize:]),
	}
	switch message.Type {
	case netconn.TypeUserControl:
		if f.control(message.Payload) {
			return
		}
	case netconn.TypeAudio, netconn.TypeVideo:
		l.watch.fed()
	}
	l.deliver(message)
}

// carried says whether a message type has a meaning here. The protocol control messages of the chunk stream have none (RFC
// 7425 5.1).
func carried(messageType byte) bool {
	switch messageType {
	case netconn.TypeUserControl, netconn.TypeAudio, netconn.TypeVideo, netconn.TypeDataAMF0, netconn.TypeDataAMF3,
		netconn.TypeCommandAMF0, netconn.TypeCommandAMF3, netconn.TypeSharedObjectAMF0, netconn.TypeSharedObjectAMF3:
		return true
	}
	return false
}

// control follows the user control events that the transport alone knows.
func (f *inflow) control(payload []byte) (done bool) {
	switch kind, first, second := event(payload); kind {
	case eventFlowSync:
		f.link.syncs.arrived(f, first, second)
		return true
	case eventKeepAlive:
		f.link.advised(first, second)
		return true
	}
	return false
}

// hold and release stop and continue taking messages; the far end may go on until the flow's buffer is full.
func (f *inflow) hold(why holds) {
	f.held |= why
	f.flow.Pause()
}

func (f *inflow) release(why holds) {
	if f.held&why == 0 {
		return
	}
	if f.held &^= why; f.held == 0 {
		f.flow.Resume()
	}
}

// Ended takes the flow out of the link. The far end closes the connection by closing its control flow (RFC 7425 5.3.6).
func (f *inflow) Ended(_ *rtmfp.ReceiveFlow, err error) {
	l := f.link
	delete(l.inflows, f)
	l.syncs.left(f, len(l.inflows))
	switch {
	case f != l.control:
	case err != nil && l.session.IsOpen(): // the flow itself was rejected
		l.abort(fmt.Errorf("%w: %w", netconn.ErrLimit, err))
	default:
		l.hungUp(err)
	}
}
