package netconn

import (
	"fmt"

	"afterglow/amf"
	"afterglow/media"
)

// data relays a data message. @setDataFrame keeps what follows for those who join later and @clearDataFrame forgets it;
// neither name is relayed. The bytes behind the name are passed on as they came.
func (c *Conn) data(m Message) error {
	if m.StreamID == 0 {
		return c.broadcastRefused()
	}
	s := c.streams[m.StreamID]
	if s == nil || s.publishing == nil || len(m.Payload) == 0 {
		return nil
	}
	p := s.publishing.publisher
	name, rest, err := dataName(m)
	if err != nil {
		return fmt.Errorf("%w: data message: %w", ErrProtocol, err)
	}
	switch name {
	case "@setDataFrame":
		handler, _, err := dataName(Message{Type: TypeDataAMF0, Payload: rest})
		if err != nil {
			return fmt.Errorf("%w: @setDataFrame: %w", ErrProtocol, err)
		}
		if m.Type == TypeDataAMF3 {
			rest = append([]byte{0}, rest...)
		}
		s.written(p.SetData(handler, dataPacket(m, rest)))
	case "@clearDataFrame":
		handler, _, _ := dataName(Message{Type: TypeDataAMF0, Payload: rest})
		p.ClearData(handler)
	default:
		s.written(p.Write(dataPacket(m, m.Payload)))
	}
	return nil
}

// broadcastRefused counts data messages on the connection, which clients may not send.
func (c *Conn) broadcastRefused() error {
	const most = 1000
	if c.broadcasts++; c.broadcasts > most {
		return fmt.Errorf("%w: %d data messages on stream 0", ErrLimit, c.broadcasts)
	}
	return nil
}

func dataPacket(m Message, payload []byte) *media.Packet {
	p := media.NewPacket(media.KindData, m.Timestamp, payload)
	p.DataIsAMF3 = m.Type == TypeDataAMF3
	return p
}

// dataName reads the first value of a data message, a handler's name, and returns what follows it. A message that
// begins otherwise has no name and is relayed all the same.
func dataName(m Message) (name string, rest []byte, err error) {
	b := m.Payload
	if m.Type == TypeDataAMF3 {
		if len(b) == 0 || b[0] != 0 {
			return "", nil, fmt.Errorf("unknown format of AMF3 data")
		}
		b = b[1:]
	}
	d := amf.NewDecoder0(b, decodeOptions)
	v, err := d.Decode()
	if err != nil {
		return "", nil, err
	}
	name, _ = v.(string)
	return name, d.Remaining(), nil
}

// asPlayed takes @setDataFrame away, which is meant for servers: librtmfp sends it to those that play directly from it, too.
func asPlayed(m Message) Message {
	if m.Type != TypeDataAMF0 && m.Type != TypeDataAMF3 {
		return m
	}
	name, rest, err := dataName(m)
	if err != nil || name != "@setDataFrame" {
		return m
	}
	if m.Payload = rest; m.Type == TypeDataAMF3 {
		m.Payload = append([]byte{0}, rest...)
	}
	return m
}

// toAMF0 returns the form of a data packet for clients that know AMF0 only: values that AMF0 has no word for are left
// out with the message. It is made once for each packet.
func toAMF0(p *media.Packet) (*media.Packet, bool) {
	if !p.DataIsAMF3 {
		return p, true
	}
	if v := p.Derived(amf0Key); v != nil {
		q := v.(*media.Packet)
		return q, q != unsayable
	}
	q := unsayable
	if values, err := amf.DecodeExtended(p.Payload, decodeOptions); err == nil {
		if payload, err := amf.Append0(nil, values...); err == nil {
			q = media.NewPacket(media.KindData, p.Timestamp, payload)
		}
	}
	q = p.Derive(amf0Key, q).(*media.Packet)
	return q, q != unsayable
}

type formKey struct{ name string }

var (
	amf0Key   any = &formKey{"AMF0"}
	unsayable     = media.NewPacket(media.KindData, 0, nil)
)
