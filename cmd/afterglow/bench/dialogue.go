package bench

import (
	"afterglow/amf"
	"afterglow/rtmfp"
)

// lines are the messages that all who connect to an application over RTMFP send, and the transactions in them.
type lines struct {
	connect  []byte
	peerInfo []byte
	create   []byte
}

const (
	connectTransaction = 1
	createTransaction  = 2
)

func newLines(t target) (*lines, error) {
	connect, err := amf.Append0(nil, "connect", float64(connectTransaction), connectProperties(t))
	if err != nil {
		return nil, err
	}
	// Without addresses: who lives on many sessions of one socket is no peer.
	peerInfo, err := amf.Append0(nil, "setPeerInfo", 0.0, nil)
	if err != nil {
		return nil, err
	}
	create, err := amf.Append0(nil, "createStream", float64(createTransaction), nil)
	if err != nil {
		return nil, err
	}
	return &lines{connect: tcCommand(connect), peerInfo: tcCommand(peerInfo), create: tcCommand(create)}, nil
}

// dialogue is a client's half of the talk that gives it a stream over RTMFP (RFC 7425 5.3). It belongs to its session's shard.
type dialogue struct {
	lines *lines
	near  *rtmfp.SendFlow    // our control flow
	far   *rtmfp.ReceiveFlow // the server's, with which all our further flows are associated
}

// begin says connect on a new control flow. The handler hears of its end, which is the connection's.
func (d *dialogue) begin(s *rtmfp.Session, handler rtmfp.SendHandler) error {
	var err error
	d.near, err = s.OpenFlow(rtmfp.FlowConfig{Metadata: tcMetadata(0), Priority: rtmfp.PriorityCommand, Handler: handler})
	if err != nil {
		return err
	}
	return d.say(d.lines.connect)
}

func (d *dialogue) say(line []byte) error {
	_, err := d.near.Send(rtmfp.Outgoing{Body: line})
	return err
}

// admits says whether a flow of the server belongs to the connection (RFC 7425 5.3.2, 5.3.5.2), and to which of its streams.
func (d *dialogue) admits(f *rtmfp.ReceiveFlow) (streamID uint32, ok bool) {
	if d.near == nil || f.Associated() != d.near {
		return 0, false
	}
	if streamID, ok = parseTCMetadata(f.Metadata()); ok && streamID == 0 && d.far == nil {
		d.far = f
	}
	return streamID, ok
}

// answer goes on after a command of the server. It returns the stream's ID when that has come.
func (d *dialogue) answer(c command) (streamID uint32, ok bool, err error) {
	switch {
	case c.name != "_result":
	case c.transaction == connectTransaction:
		if err := d.say(d.lines.peerInfo); err != nil {
			return 0, false, err
		}
		return 0, false, d.say(d.lines.create)
	case c.transaction == createTransaction:
		return uint32(c.number), true, nil
	}
	return 0, false, nil
}

// stream opens a flow of a stream (RFC 7425 5.3.5.1).
func (d *dialogue) stream(id uint32, priority rtmfp.Priority, handler rtmfp.SendHandler) (*rtmfp.SendFlow, error) {
	return d.near.Session().OpenFlow(rtmfp.FlowConfig{
		Metadata: tcMetadata(id), Return: d.far, Priority: priority, Handler: handler,
	})
}
