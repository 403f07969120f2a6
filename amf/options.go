package amf

// Default limits, used for each field of [Limits] that is zero.
const (
	DefaultMaxDepth    = 128
	DefaultMaxElements = 1 << 16
	// DefaultMaxBytes is one more than the longest RTMP message.
	DefaultMaxBytes = 1 << 24
)

// Options tells decoders and encoders what they may do. A nil *Options has all
// defaults. Options may be shared once filled in.
type Options struct {
	// Limits bounds what one message may cost.
	Limits Limits
	// Registry knows externalizable classes. A nil Registry knows the ones
	// that [Registry] lists.
	Registry *Registry
}

// Limits bounds what one decoder or encoder takes over its whole life. A field
// that is zero or negative has its default.
type Limits struct {
	// MaxDepth is how many objects and arrays may be nested; default 128.
	MaxDepth int
	// MaxElements is how many values may be decoded, each element and property
	// counted, numbers in typed vectors not; default 65,536.
	MaxElements int
	// MaxBytes bounds in bytes the input of a decoder, the names and strings
	// that references repeat in it, and the output of an encoder; default
	// 16 MiB.
	MaxBytes int
}

// resolve returns the limits and registry to use, with defaults filled in.
func (o *Options) resolve() (Limits, *Registry) {
	if o == nil {
		o = &Options{}
	}
	l := o.Limits
	if l.MaxDepth <= 0 {
		l.MaxDepth = DefaultMaxDepth
	}
	if l.MaxElements <= 0 {
		l.MaxElements = DefaultMaxElements
	}
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	return l, o.Registry
}
