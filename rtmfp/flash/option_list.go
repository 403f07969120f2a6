package flash

import (
	"fmt"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// Bounds of every list of options that a far end sends: certificate, discriminator, keying component and signature. The largest in
// use, a component with a key of 4096 bits beside a certificate with three keys, is a quarter of it.
const (
	maxListBytes   = 4096
	maxListOptions = 64
)

// eachOption gives all options and markers of a list to visit, each with the offset at which it ends, until there is an error.
func eachOption(list []byte, visit func(option wire.Option, end int) error) error {
	if len(list) > maxListBytes {
		return fmt.Errorf("%w: list of options with %d bytes", rtmfp.ErrKeying, len(list))
	}
	for end, count := 0, 0; end < len(list); count++ {
		if count == maxListOptions {
			return fmt.Errorf("%w: more than %d options", rtmfp.ErrKeying, maxListOptions)
		}
		option, n, err := wire.ParseOption(list[end:])
		if err != nil {
			return fmt.Errorf("%w: %w", rtmfp.ErrKeying, err)
		}
		end += n
		if err := visit(option, end); err != nil {
			return err
		}
	}
	return nil
}

// parseNumber reads a VLU that begins an option's value, such as a group, and gives what follows it.
func parseNumber(value []byte) (number uint64, rest []byte, err error) {
	number, n, err := wire.ParseVLU(value)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", rtmfp.ErrKeying, err)
	}
	return number, value[n:], nil
}

// appendNumbered appends an option whose value begins with a VLU.
func appendNumbered(b []byte, typ, number uint64, rest []byte) []byte {
	return wire.AppendOption(b, typ, append(wire.AppendVLU(nil, number), rest...))
}
