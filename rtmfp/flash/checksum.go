package flash

import (
	"encoding/binary"
	"math/bits"
)

// checksum is the ones' complement of the ones' complement sum of 16-bit words in network order. Unlike RFC 1071 it takes an odd
// last byte for the lower half of its word (RFC 7425 4.7.3.1).
func checksum(data []byte) uint16 {
	var sum, carry uint64
	for len(data) >= 32 {
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(data), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(data[8:]), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(data[16:]), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(data[24:]), carry)
		data = data[32:]
	}
	for len(data) >= 2 {
		sum, carry = bits.Add64(sum, uint64(binary.BigEndian.Uint16(data)), carry)
		data = data[2:]
	}
	if len(data) == 1 {
		sum, carry = bits.Add64(sum, uint64(data[0]), carry)
	}
	sum, carry = bits.Add64(sum, carry, 0)
	return ^fold(sum, carry)
}

// fold adds the four words of sum, and the carry of the addition that gave it, with end-around carry.
func fold(sum, carry uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff + carry      // 33 bits
	sum = sum>>32 + sum>>16&0xffff + sum&0xffff // 17 bits, not all of them ones
	return uint16(sum>>16 + sum)
}
