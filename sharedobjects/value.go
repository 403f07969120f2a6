package sharedobjects

import (
	"errors"
	"fmt"

	"afterglow/amf"
)

// encode returns a value in the form in which it is kept (the body of an RTMP command without its format selector, so that
// every value that either version of AMF can carry is kept as it was), and a copy of it.
func encode(v amf.Value, maxBytes int) ([]byte, amf.Value, error) {
	e := amf.NewEncoderExtended(nil, &amf.Options{Limits: amf.Limits{MaxBytes: min(maxBytes, amf.DefaultMaxBytes-1) + 1}})
	if err := e.Encode(v); err != nil {
		return nil, nil, valueError(err)
	}
	encoded := e.Bytes()[1:]
	if len(encoded) > maxBytes {
		return nil, nil, fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, len(encoded), maxBytes)
	}
	switch v.(type) {
	case nil, bool, float64, string, amf.UndefinedType:
		return encoded, v, nil
	}
	// Decoding makes the copy, and makes sure that the value can be read back from the disk.
	value, err := decode(encoded)
	if err != nil {
		return nil, nil, valueError(err)
	}
	return encoded, value, nil
}

func valueError(err error) error {
	if errors.Is(err, amf.ErrLimit) {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return fmt.Errorf("%w: %w", ErrValue, err)
}

// decode reads what encode wrote.
func decode(encoded []byte) (amf.Value, error) {
	values, err := amf.DecodeExtended(append([]byte{0}, encoded...), nil)
	if err != nil {
		return nil, err
	}
	if len(values) != 1 {
		return nil, fmt.Errorf("%d values instead of one", len(values))
	}
	return values[0], nil
}

// copyOf returns the value of a slot, nothing of which is shared if it can be modified.
func copyOf(s *slot) amf.Value {
	switch s.value.(type) {
	case nil, bool, float64, string, amf.UndefinedType, amf.UnsupportedType, amf.Date:
		return s.value
	}
	v, err := decode(s.encoded)
	if err != nil {
		return s.value // not reached: what is in a slot has been decoded before
	}
	return v
}
