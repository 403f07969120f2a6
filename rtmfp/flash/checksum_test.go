package flash

import (
	"math/rand/v2"
	"testing"
)

// plainChecksum is RFC 7425 4.7.3.1 word by word.
func plainChecksum(data []byte) uint16 {
	var sum uint32
	for ; len(data) > 1; data = data[2:] {
		sum += uint32(data[0])<<8 | uint32(data[1])
	}
	if len(data) == 1 {
		sum += uint32(data[0])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func TestChecksumOfEveryLength(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for length := range 300 {
		data := make([]byte, length)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		if got, want := checksum(data), plainChecksum(data); got != want {
			t.Errorf("%d random bytes: %04x, not %04x", length, got, want)
		}
		for i := range data {
			data[i] = 0xff
		}
		if got, want := checksum(data), plainChecksum(data); got != want {
			t.Errorf("%d bytes ff: %04x, not %04x", length, got, want)
		}
	}
}

func TestChecksumTakesAnOddByteForTheLowerHalf(t *testing.T) {
	if got := checksum([]byte{0x12, 0x34, 0x56}); got != ^uint16(0x1234+0x56) {
		t.Errorf("%04x", got)
	}
}

func FuzzChecksum(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, want := checksum(data), plainChecksum(data); got != want {
			t.Errorf("%04x, not %04x", got, want)
		}
	})
}
