package web

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"afterglow/amf"
)

// An envelope is what Flash Remoting sends over HTTP: headers, and calls or their answers (AMF0 4.1). All numbers are in
// network byte order.

// envelopeHeader is a header of an envelope.
type envelopeHeader struct {
	name string
	must bool // the far end has to understand it
	data amf.Value
}

// envelopeBody is a call, or an answer to one.
type envelopeBody struct {
	target   string // the method, or "/1/onResult"
	response string // "/1", or "null"
	data     amf.Value
}

type envelope struct {
	headers []envelopeHeader
	bodies  []envelopeBody
}

// unknownLength stands for the length of a value that shows its own end.
const unknownLength = math.MaxUint32

var errEnvelope = errors.New("the answer is no Flash Remoting envelope")

// appendEnvelope writes an envelope. With encoding 3, objects are in AMF3 within AMF0.
func appendEnvelope(dst []byte, headers []envelopeHeader, calls [][]byte, encoding int) ([]byte, error) {
	dst = append(dst, 0, byte(encoding))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(headers)))
	for _, h := range headers {
		data, err := remotingValue(h.data, encoding)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", h.name, err)
		}
		dst = appendShort(dst, h.name)
		must := byte(0)
		if h.must {
			must = 1
		}
		dst = append(dst, must)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(data)))
		dst = append(dst, data...)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(calls)))
	for _, c := range calls {
		dst = append(dst, c...)
	}
	return dst, nil
}

// encodeCall writes a call as it stands in an envelope: the arguments are an array.
func encodeCall(method, response string, args []amf.Value, encoding int) ([]byte, error) {
	if len(method) > math.MaxUint16 {
		return nil, amf.ErrKey
	}
	var data []byte
	var err error
	if encoding == 3 {
		data, err = extendedArray(args)
	} else {
		data, err = amf.Append0(nil, amf.NewArray(args...))
	}
	if err != nil {
		return nil, err
	}
	b := appendShort(appendShort(nil, method), response)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...), nil
}

// extendedArray writes a strict array in AMF0 whose elements are in AMF3 where they are not simple.
func extendedArray(values []amf.Value) ([]byte, error) {
	const strictArray = 0x0a
	items, err := amf.AppendExtended(nil, values...)
	if err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint32([]byte{strictArray}, uint32(len(values)))
	return append(b, items[1:]...), nil // without the format selector
}

func remotingValue(v amf.Value, encoding int) ([]byte, error) {
	if encoding != 3 {
		return amf.Append0(nil, v)
	}
	b, err := amf.AppendExtended(nil, v)
	if err != nil {
		return nil, err
	}
	return b[1:], nil
}

// appendShort writes a text behind its length in two bytes.
func appendShort(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

// decodeEnvelope reads an envelope. The numbers of headers and bodies that it claims reserve nothing. Of one that is broken it
// returns what came before.
func decodeEnvelope(b []byte, o *amf.Options) (envelope, error) {
	r := envelopeReader{b: b, options: o}
	var e envelope
	if version := r.short(); version != 0 && version != 1 && version != 3 {
		return e, errEnvelope
	}
	n := int(r.short())
	for i := 0; i < n && r.err == nil; i++ {
		h := envelopeHeader{name: r.text(), must: r.byte() != 0}
		h.data = r.value()
		e.headers = append(e.headers, h)
	}
	n = int(r.short())
	for i := 0; i < n && r.err == nil; i++ {
		body := envelopeBody{target: r.text(), response: r.text()}
		body.data = r.value()
		e.bodies = append(e.bodies, body)
	}
	return e, r.err
}

// envelopeReader reads until something is wrong.
type envelopeReader struct {
	b       []byte
	options *amf.Options
	err     error
}

func (r *envelopeReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

// next takes n bytes, or nil when there are not as many.
func (r *envelopeReader) next(n int) []byte {
	if n > len(r.b) {
		r.fail(errEnvelope)
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *envelopeReader) byte() byte {
	if b := r.next(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *envelopeReader) short() uint16 {
	if b := r.next(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *envelopeReader) text() string { return string(r.next(int(r.short()))) }

// value reads a value behind its length, which may be left open.
func (r *envelopeReader) value() amf.Value {
	size := r.next(4)
	if size == nil {
		return nil
	}
	length := binary.BigEndian.Uint32(size)
	if length != unknownLength && uint64(length) > uint64(len(r.b)) {
		r.fail(errEnvelope)
		return nil
	}
	d := amf.NewDecoder0(r.b, r.options)
	if length != unknownLength {
		d = amf.NewDecoder0(r.next(int(length)), r.options)
	}
	v, err := d.Decode()
	if err != nil {
		r.fail(err)
		return nil
	}
	if length == unknownLength {
		r.next(d.Offset())
	}
	return v
}
