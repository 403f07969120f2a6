package sharedobjects

import "errors"

// Errors of objects and stores.
var (
	// ErrName says that a name is empty, too long or has characters that are not allowed: see [ValidName] for objects,
	// [MaxPropertyName] for properties.
	ErrName = errors.New("name not allowed")
	// ErrTooMany says that an object has as many properties as Limits.MaxProperties allows.
	ErrTooMany = errors.New("too many properties")
	// ErrTooLarge says that a value is larger than Limits.MaxPropertyBytes, or than the amf package decodes.
	ErrTooLarge = errors.New("value too large")
	// ErrObjectTooLarge says that an object would grow beyond Limits.MaxObjectBytes.
	ErrObjectTooLarge = errors.New("object too large")
	// ErrValue says that AMF cannot carry a value.
	ErrValue = errors.New("value cannot be encoded")
	// ErrNotFound says that an object was never stored.
	ErrNotFound = errors.New("no such shared object")
	// ErrTemporary says that an object does not belong to the store that was asked to write it.
	ErrTemporary = errors.New("object is not of this store")
	// ErrClosed says that the store has closed.
	ErrClosed = errors.New("store is closed")
)

// MaxPropertyName is how long the name of a property may be, in bytes. It must not be empty.
const MaxPropertyName = 1024

// Default limits, used for each field of [Limits] that is zero.
const (
	DefaultMaxProperties    = 1 << 14
	DefaultMaxPropertyBytes = 1 << 20
	DefaultMaxObjectBytes   = 1 << 23
	DefaultMaxRemembered    = 1 << 12
)

// Limits bounds one object. A zero field has its default, a negative one is no limit (server-side-api 5.1
// SharedObjManager/MaxProperties and MaxPropertySize). An object that already exceeds a limit when it is loaded or given new
// limits keeps what it has; it can shrink but not grow.
type Limits struct {
	// MaxProperties is how many properties an object may have; default 16,384.
	MaxProperties int
	// MaxPropertyBytes is how large a value may be, encoded in AMF, in bytes; default 1 MiB. What the amf package refuses by
	// its own limits (16 MiB, 65,536 elements, depth 128) is refused without a limit too.
	MaxPropertyBytes int
	// MaxObjectBytes bounds the names and encoded values of an object together, in bytes; default 8 MiB, so that all of it
	// fits in one message.
	MaxObjectBytes int
	// MaxRemembered is how many removed properties an object remembers for clients that were away; default 4,096. Beyond it
	// the oldest are forgotten as by [Object.Purge].
	MaxRemembered int
}

// noLimit stands for a limit that is off.
const noLimit = int(^uint(0) >> 1)

func (l Limits) resolve() Limits {
	return Limits{
		MaxProperties:    limit(l.MaxProperties, DefaultMaxProperties),
		MaxPropertyBytes: limit(l.MaxPropertyBytes, DefaultMaxPropertyBytes),
		MaxObjectBytes:   limit(l.MaxObjectBytes, DefaultMaxObjectBytes),
		MaxRemembered:    limit(l.MaxRemembered, DefaultMaxRemembered),
	}
}

func limit(n, standard int) int {
	switch {
	case n == 0:
		return standard
	case n < 0:
		return noLimit
	}
	return n
}
