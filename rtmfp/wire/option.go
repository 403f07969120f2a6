package wire

// The options of user data that every endpoint understands (RFC 7016 2.3.11.1).
const (
	// OptionMetadata is the metadata that the user gives to a flow (RFC 7016 2.3.11.1.1).
	OptionMetadata = 0x00

	// OptionReturnAssociation is the ID, a VLU, of the flow that this one returns (RFC 7016 2.3.11.1.2).
	OptionReturnAssociation = 0x0a

	// OptionIgnorable is the lowest type of the options that a receiver ignores if it does not know them. A flow with an
	// unknown option below is to be rejected (RFC 7016 2.3.11.1).
	OptionIgnorable = 0x2000
)

// Option is a typed value in a list (RFC 7016 2.1.3).
type Option struct {
	// Type says what the value is; each list has its own types.
	Type uint64

	// Value aliases what was parsed.
	Value []byte

	// Marker is set for the empty option, which has neither type nor value and ends a list (RFC 7016 2.1.4).
	Marker bool
}

// AppendOption appends an option (RFC 7016 2.1.3).
func AppendOption(b []byte, typ uint64, value []byte) []byte {
	b = AppendVLU(b, uint64(SizeVLU(typ)+len(value)))
	b = AppendVLU(b, typ)
	return append(b, value...)
}

// AppendReturnAssociation appends the option that makes a flow the return of the far end's flow with this ID
// (RFC 7016 2.3.11.1.2).
func AppendReturnAssociation(b []byte, flowID uint64) []byte {
	b = AppendVLU(b, uint64(1+SizeVLU(flowID)))
	b = append(b, OptionReturnAssociation)
	return AppendVLU(b, flowID)
}

// AppendMarker appends the empty option that ends a list (RFC 7016 2.1.4).
func AppendMarker(b []byte) []byte { return append(b, 0) }

// ParseOption gives the option at the beginning of b, and its size in bytes. The error is ErrTruncated or ErrOverflow
// (RFC 7016 2.1.3).
func ParseOption(b []byte) (o Option, n int, err error) {
	payload, rest, err := parseCounted(b)
	if err != nil {
		return Option{}, 0, err
	}
	size := len(b) - len(rest)
	if len(payload) == 0 {
		return Option{Marker: true}, size, nil
	}
	typ, n, err := ParseVLU(payload)
	if err != nil {
		return Option{}, 0, err
	}
	return Option{Type: typ, Value: payload[n:]}, size, nil
}

// splitOptionList gives the options before the first marker, still raw but each of them well formed, and what follows it
// (RFC 7016 2.1.4).
func splitOptionList(b []byte) (options, rest []byte, err error) {
	for at := 0; ; {
		option, n, err := ParseOption(b[at:])
		if err != nil {
			return nil, nil, err
		}
		if option.Marker {
			return b[:at:at], b[at+n:], nil
		}
		at += n
	}
}
