package wire

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestVLUsOfMoreThan64BitsOrTenBytesAreRefused(t *testing.T) {
	tests := []struct {
		name, hex string
		want      error
	}{
		{"nothing", "", ErrTruncated},
		{"65 bits", "82 80 80 80 80 80 80 80 80 00", ErrOverflow},
		{"70 bits", "ff ff ff ff ff ff ff ff ff 7f", ErrOverflow},
		{"eleven bytes for nothing", strings.Repeat("80", 10) + "00", ErrOverflow},
		{"ten bytes without an end", strings.Repeat("80", 10), ErrTruncated},
		{"bytes without an end", strings.Repeat("80", 1000), ErrOverflow},
	}
	for _, test := range tests {
		if v, n, err := ParseVLU(bytesOf(t, test.hex)); v != 0 || n != 0 || !errors.Is(err, test.want) {
			t.Errorf("%s: got %d of %d bytes, %v; want %v", test.name, v, n, err, test.want)
		}
	}
}

func TestSizeVLUIsWhatAppendVLUAppends(t *testing.T) {
	values := []uint64{0, math.MaxUint64}
	for shift := range 64 {
		values = append(values, 1<<shift-1, 1<<shift)
	}
	for _, v := range values {
		b := AppendVLU(nil, v)
		if len(b) != SizeVLU(v) || len(b) > MaxVLUSize {
			t.Errorf("%d: %d bytes, SizeVLU says %d", v, len(b), SizeVLU(v))
		}
		if got, n, err := ParseVLU(b); got != v || n != len(b) || err != nil {
			t.Errorf("%d: parsed as %d of %d bytes, %v", v, got, n, err)
		}
	}
}
