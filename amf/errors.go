package amf

import (
	"errors"
	"fmt"
)

var (
	// ErrTruncated says that the input ended inside a value, or that a length
	// or count claims more than the input holds.
	ErrTruncated = errors.New("truncated")
	// ErrLimit says that a limit of [Limits], or of the format itself, was
	// passed.
	ErrLimit = errors.New("limit passed")
	// ErrBadReference says that a reference leads to nothing that came before.
	ErrBadReference = errors.New("bad reference")
	// ErrUnknownMarker says that a type marker is undefined, or reserved as
	// movieclip and recordset are (AMF0 2.6, 2.16), or out of place.
	ErrUnknownMarker = errors.New("unknown type marker")
	// ErrUnknownClass says that an externalizable object is of a class that the
	// [Registry] does not know, or that its codec refused it.
	ErrUnknownClass = errors.New("unknown externalizable class")
	// ErrFormat says that the format selector of an extended message is not 0
	// (RTMP errata 7.2).
	ErrFormat = errors.New("unknown format selector")
	// ErrNotInAMF0 says that AMF0 has no form for a value.
	ErrNotInAMF0 = errors.New("value has no AMF0 form")
	// ErrKey says that a property or class name cannot be written: longer than
	// 65,535 bytes in AMF0, or empty in AMF3 where the empty name ends a list.
	ErrKey = errors.New("name cannot be encoded")
	// ErrType says that an encoder was given a Go value that is not a [Value].
	ErrType = errors.New("not an AMF value")
)

// DecodeError tells where in the input decoding failed. Err is or wraps one of
// the sentinel errors of this package.
type DecodeError struct {
	// Offset counts bytes from the start of the input.
	Offset int
	// Err says what is wrong there.
	Err error
}

// Error returns the message with its offset.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("amf: %v at byte %d", e.Err, e.Offset)
}

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }
