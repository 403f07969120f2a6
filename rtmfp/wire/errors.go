package wire

import "errors"

// The errors of parsers, all of them without details: they are met at line rate when someone sends rubbish.
var (
	// ErrTruncated means that the input ends inside of what is to be parsed.
	ErrTruncated = errors.New("wire: truncated")

	// ErrOverflow means a number of more than 64 bits, or one written in more than 10 bytes.
	ErrOverflow = errors.New("wire: number too large")

	// ErrMode means a packet with mode 0, which is not allowed (RFC 7016 2.2.4).
	ErrMode = errors.New("wire: forbidden packet mode")

	// ErrSequence means user data whose sequence number is zero or beyond 64 bits, or whose forward sequence number is
	// beyond it, or the same without being abandoned (RFC 7016 2.3.11).
	ErrSequence = errors.New("wire: impossible sequence number")

	// ErrEmpty means a packet fragment without bytes (RFC 7016 2.3.1).
	ErrEmpty = errors.New("wire: empty fragment")
)
