package wire

import "math/bits"

// MaxVLUSize is the largest size of a VLU in bytes: ten digits of seven bits hold 64 bits.
const MaxVLUSize = 10

// AppendVLU appends v as a variable length unsigned integer in its shortest form (RFC 7016 2.1.2).
func AppendVLU(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	for shift := 7 * (SizeVLU(v) - 1); shift > 0; shift -= 7 {
		b = append(b, 0x80|byte(v>>shift))
	}
	return append(b, byte(v&0x7f))
}

// SizeVLU gives the number of bytes that AppendVLU appends for v.
func SizeVLU(v uint64) int {
	return (bits.Len64(v|1) + 6) / 7
}

// ParseVLU gives the variable length unsigned integer at the beginning of b, and its size in bytes (RFC 7016 2.1.2).
// Leading zero digits are allowed. The error is ErrTruncated, or ErrOverflow for more than 64 bits or more than
// MaxVLUSize bytes.
func ParseVLU(b []byte) (v uint64, n int, err error) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1, nil
	}
	return parseLongVLU(b)
}

func parseLongVLU(b []byte) (v uint64, n int, err error) {
	for i, digit := range b {
		if i == MaxVLUSize || v>>57 != 0 {
			return 0, 0, ErrOverflow
		}
		v = v<<7 | uint64(digit&0x7f)
		if digit < 0x80 {
			return v, i + 1, nil
		}
	}
	return 0, 0, ErrTruncated
}

// parseVLUs parses three numbers in a row, as user data and acknowledgements begin.
func parseVLUs(b []byte) (first, second, third uint64, rest []byte, err error) {
	first, n, err := ParseVLU(b)
	if err != nil {
		return 0, 0, 0, nil, err
	}
	b = b[n:]
	second, n, err = ParseVLU(b)
	if err != nil {
		return 0, 0, 0, nil, err
	}
	b = b[n:]
	third, n, err = ParseVLU(b)
	if err != nil {
		return 0, 0, 0, nil, err
	}
	return first, second, third, b[n:], nil
}
