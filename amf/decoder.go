package amf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Decoder reads the values of one message. References reach back over all that
// it has read. It is not safe for concurrent use.
type Decoder struct {
	b   []byte
	off int

	limits   Limits
	registry *Registry
	depth    int
	elements int // values decoded
	repeated int // bytes of names and strings that references repeated

	next    func(*Decoder) (Value, error)
	objects []Value // AMF0 references
	tables  tables3
	err     error
}

// NewDecoder0 returns a decoder of AMF0 values. It does not keep b's bytes in
// the values.
func NewDecoder0(b []byte, o *Options) *Decoder {
	return newDecoder(b, o, (*Decoder).value0)
}

// NewDecoder3 returns a decoder of AMF3 values. It does not keep b's bytes in
// the values.
func NewDecoder3(b []byte, o *Options) *Decoder {
	return newDecoder(b, o, (*Decoder).value3)
}

func newDecoder(b []byte, o *Options, next func(*Decoder) (Value, error)) *Decoder {
	d := &Decoder{b: b, next: next}
	d.limits, d.registry = o.resolve()
	if len(b) > d.limits.MaxBytes {
		d.err = d.fail(ErrLimit)
	}
	return d
}

// Decode returns the next value. Its errors are of type [*DecodeError]; after
// the first one the decoder stays where it is and returns the same again. At
// the end of the input it returns ErrTruncated: ask [Decoder.More] first.
func (d *Decoder) Decode() (Value, error) {
	if d.err != nil {
		return nil, d.err
	}
	v, err := d.next(d)
	if err != nil {
		d.err = err
		return nil, err
	}
	return v, nil
}

// More reports whether input is left.
func (d *Decoder) More() bool { return d.off < len(d.b) }

// Remaining returns the input that is left. It aliases the input.
func (d *Decoder) Remaining() []byte { return d.b[d.off:] }

// Offset returns how many bytes of the input have been read.
func (d *Decoder) Offset() int { return d.off }

// Decode0 decodes all AMF0 values of a message. On an error it returns the
// values before it together with the error, a [*DecodeError].
func Decode0(b []byte, o *Options) ([]Value, error) {
	return NewDecoder0(b, o).all()
}

// Decode3 decodes all AMF3 values of a message, with one set of reference
// tables (AMF3 4.1). On an error it returns the values before it together with
// the error, a [*DecodeError].
func Decode3(b []byte, o *Options) ([]Value, error) {
	return NewDecoder3(b, o).all()
}

// DecodeExtended decodes the body of an RTMP command or data message of type
// 17 or 15: a format selector, then AMF0 values, each of which may switch to
// AMF3 (RTMP errata 7.2). On an error it returns the values before it together
// with the error, a [*DecodeError].
func DecodeExtended(b []byte, o *Options) ([]Value, error) {
	d := NewDecoder0(b, o)
	if d.err != nil {
		return nil, d.err
	}
	selector, err := d.u8()
	if err != nil {
		return nil, err
	}
	if selector != 0 {
		d.off = 0
		return nil, d.fail(fmt.Errorf("%w %d", ErrFormat, selector))
	}
	return d.all()
}

func (d *Decoder) all() ([]Value, error) {
	if d.err != nil {
		return nil, d.err
	}
	var values []Value
	for d.More() {
		v, err := d.Decode()
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

func (d *Decoder) fail(err error) error {
	return &DecodeError{Offset: d.off, Err: err}
}

// failMarker reports the marker that was just read.
func (d *Decoder) failMarker(marker byte) error {
	d.off--
	return d.fail(fmt.Errorf("%w 0x%02X", ErrUnknownMarker, marker))
}

// count charges one value to the limit.
func (d *Decoder) count() error {
	if d.elements++; d.elements > d.limits.MaxElements {
		return d.fail(fmt.Errorf("%w: %d elements", ErrLimit, d.limits.MaxElements))
	}
	return nil
}

// repeat charges bytes that a reference stands for, so that walking what was
// decoded costs no more than MaxBytes however often a long string recurs.
func (d *Decoder) repeat(n int) error {
	if d.repeated += n; d.repeated > d.limits.MaxBytes {
		return d.fail(fmt.Errorf("%w: %d bytes by reference", ErrLimit, d.limits.MaxBytes))
	}
	return nil
}

// enter goes one level down; leave must follow if it returns no error.
func (d *Decoder) enter() error {
	if d.depth >= d.limits.MaxDepth {
		return d.fail(fmt.Errorf("%w: depth %d", ErrLimit, d.limits.MaxDepth))
	}
	d.depth++
	return nil
}

func (d *Decoder) leave() { d.depth-- }

// take returns the next n bytes of the input.
func (d *Decoder) take(n uint64) ([]byte, error) {
	if n > uint64(len(d.b)-d.off) {
		return nil, d.fail(ErrTruncated)
	}
	b := d.b[d.off : d.off+int(n)]
	d.off += int(n)
	return b, nil
}

func (d *Decoder) u8() (byte, error) {
	b, err := d.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (d *Decoder) u16() (uint16, error) {
	b, err := d.take(2)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint16(b), nil
}

func (d *Decoder) u32() (uint32, error) {
	b, err := d.take(4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

func (d *Decoder) double() (float64, error) {
	b, err := d.take(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

func (d *Decoder) text(n uint64) (string, error) {
	b, err := d.take(n)
	return string(b), err
}
