package amf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Encoder writes values of one message and shares reference tables over them:
// a pointer that comes a second time is written as a reference. It is not safe
// for concurrent use.
type Encoder struct {
	dst   []byte
	start int

	limits   Limits
	registry *Registry
	depth    int

	next    func(*Encoder, Value) error
	objects refTable[Value] // AMF0 references
	strings refTable[string]
	complex refTable[Value] // AMF3 references
	traits  refTable[string]
	scratch []byte
	err     error
}

// NewEncoder0 returns an encoder that appends AMF0 values to dst.
func NewEncoder0(dst []byte, o *Options) *Encoder {
	return newEncoder(dst, o, (*Encoder).value0)
}

// NewEncoder3 returns an encoder that appends AMF3 values to dst.
func NewEncoder3(dst []byte, o *Options) *Encoder {
	return newEncoder(dst, o, (*Encoder).value3)
}

// NewEncoderExtended returns an encoder that appends to dst a format selector
// and then values as [AppendExtended] does.
func NewEncoderExtended(dst []byte, o *Options) *Encoder {
	e := newEncoder(dst, o, (*Encoder).extended)
	e.dst = append(e.dst, 0)
	return e
}

func newEncoder(dst []byte, o *Options, next func(*Encoder, Value) error) *Encoder {
	e := &Encoder{dst: dst, start: len(dst), next: next}
	e.limits, e.registry = o.resolve()
	return e
}

// Encode appends a value. It returns ErrType, ErrKey, ErrNotInAMF0, ErrLimit
// or ErrUnknownClass; then nothing of v is written, and all later calls return
// the same error, because references may lead into what was taken back.
func (e *Encoder) Encode(v Value) error {
	if e.err != nil {
		return e.err
	}
	mark := len(e.dst)
	if err := e.next(e, v); err != nil {
		e.dst = e.dst[:mark]
		e.err = fmt.Errorf("amf: %w", err)
	}
	return e.err
}

// Bytes returns dst with what was appended to it.
func (e *Encoder) Bytes() []byte { return e.dst }

// Append0 appends values in AMF0. On an error, one of those of
// [Encoder.Encode], it returns dst as it was.
func Append0(dst []byte, v ...Value) ([]byte, error) {
	return NewEncoder0(dst, nil).all(v)
}

// Append3 appends values in AMF3. On an error, one of those of
// [Encoder.Encode], it returns dst as it was.
func Append3(dst []byte, v ...Value) ([]byte, error) {
	return NewEncoder3(dst, nil).all(v)
}

// AppendExtended appends the body of an RTMP command or data message of type
// 17 or 15 (RTMP errata 7.2): the format selector 0, strings, numbers,
// booleans, null and undefined in AMF0, and all else in AMF3 behind the
// avmplus marker. An object that AMF3 cannot express because of an empty name
// goes out in AMF0. On an error, one of those of [Encoder.Encode], it returns
// dst as it was.
func AppendExtended(dst []byte, v ...Value) ([]byte, error) {
	return NewEncoderExtended(dst, nil).all(v)
}

// AppendString0 appends a string in AMF0, a long string if it needs to be. A
// string of 4 GiB or more is cut.
func AppendString0(dst []byte, s string) []byte {
	if len(s) <= math.MaxUint16 {
		dst = binary.BigEndian.AppendUint16(append(dst, string0), uint16(len(s)))
		return append(dst, s...)
	}
	n := uint32(min(uint64(len(s)), math.MaxUint32))
	dst = binary.BigEndian.AppendUint32(append(dst, longString0), n)
	return append(dst, s[:n]...)
}

func (e *Encoder) all(values []Value) ([]byte, error) {
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			return e.dst[:e.start], err
		}
	}
	return e.dst, nil
}

// extended writes a value of a message with object encoding 3.
func (e *Encoder) extended(v Value) error {
	if _, ok := number(v); ok {
		return e.value0(v)
	}
	switch v.(type) {
	case nil, bool, string, UndefinedType, UnsupportedType:
		return e.value0(v)
	}
	mark := len(e.dst)
	e.dst = append(e.dst, avmplusMarker)
	e.resetTables3()
	err := e.value3(v)
	if isEmptyName(err) {
		e.dst = e.dst[:mark]
		e.depth = 0
		return e.value0(v)
	}
	return err
}

// room makes sure that n more bytes are within the limit.
func (e *Encoder) room(n int) error {
	if n > e.limits.MaxBytes-(len(e.dst)-e.start) {
		return fmt.Errorf("%w: %d bytes", ErrLimit, e.limits.MaxBytes)
	}
	return nil
}

// enter goes one level down; leave must follow if it returns no error.
func (e *Encoder) enter() error {
	if e.depth >= e.limits.MaxDepth {
		return fmt.Errorf("%w: depth %d", ErrLimit, e.limits.MaxDepth)
	}
	e.depth++
	return nil
}

func (e *Encoder) leave() { e.depth-- }

func (e *Encoder) u8(b byte) { e.dst = append(e.dst, b) }

func (e *Encoder) u32(n uint32) {
	e.dst = binary.BigEndian.AppendUint32(e.dst, n)
}

func (e *Encoder) double(f float64) {
	e.dst = binary.BigEndian.AppendUint64(e.dst, math.Float64bits(f))
}

func (e *Encoder) text(s string) error {
	if err := e.room(len(s)); err != nil {
		return err
	}
	e.dst = append(e.dst, s...)
	return nil
}
