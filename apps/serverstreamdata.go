package apps

import (
	"afterglow/amf"
	"afterglow/media"
)

// dataMessage is the values of a data message: the handler's name and its arguments.
type dataMessage struct {
	payload []byte
	amf3    bool
}

// newDataMessage writes a data message in AMF0, or in AMF3 if it has values that AMF0 has no word for.
func newDataMessage(handler string, args []amf.Value) (dataMessage, error) {
	values := append([]amf.Value{handler}, args...)
	if b, err := amf.Append0(nil, values...); err == nil {
		return dataMessage{payload: b}, nil
	}
	b, err := amf.AppendExtended(nil, values...)
	return dataMessage{payload: b, amf3: true}, err
}

// packet makes a packet of the message, with the time 0.
func (m dataMessage) packet() *media.Packet {
	p := media.NewPacket(media.KindData, 0, m.payload)
	p.DataIsAMF3 = m.amf3
	return p
}

// dataSink is where a data message can go. Each function reports false when it goes nowhere.
type dataSink struct {
	write func(dataMessage) bool
	keep  func(handler string, m dataMessage) bool
	clear func(handler string) bool
}

// send sends a data message, of which @setDataFrame and @clearDataFrame are kept and forgotten (server-side-api 3.5.4).
func send(handler string, args []amf.Value, to dataSink) bool {
	kept := ""
	if handler == setDataFrame || handler == clearDataFrame {
		if len(args) == 0 {
			return false
		}
		if kept, _ = args[0].(string); kept == "" {
			return false
		}
	}
	switch handler {
	case clearDataFrame:
		return to.clear(kept)
	case setDataFrame:
		m, err := newDataMessage(kept, args[1:])
		return err == nil && to.keep(kept, m)
	}
	m, err := newDataMessage(handler, args)
	return err == nil && to.write(m)
}

const (
	setDataFrame   = "@setDataFrame"
	clearDataFrame = "@clearDataFrame"
)

// dataHandler returns the handler's name of a data packet, "" if it has none.
func dataHandler(p *media.Packet) string {
	v, err := amf.NewDecoder0(values0(p), &amf.Options{}).Decode()
	if err != nil {
		return ""
	}
	name, _ := v.(string)
	return name
}

// values0 is the payload of a data packet without the format byte of AMF3.
func values0(p *media.Packet) []byte {
	if p.DataIsAMF3 && len(p.Payload) > 0 {
		return p.Payload[1:]
	}
	return p.Payload
}
