package flash

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/bits"

	"filippo.io/bigmod"

	"afterglow/rtmfp"
)

// Group is the number of a MODP Diffie-Hellman group with generator 2 (RFC 7425 4.2).
type Group uint16

// The groups that this package knows: 1024 and 1536 bits for the sake of old ends (all have group 2, many have no other), 2048
// and 4096 bits for strength.
const (
	Group2  Group = 2
	Group5  Group = 5
	Group14 Group = 14
	Group16 Group = 16
)

// modp is the arithmetic of a group. It is immutable.
type modp struct {
	id       Group
	modulus  *bigmod.Modulus
	two      *bigmod.Nat
	largest  []byte // of the acceptable public keys (RFC 7425 4.6.2)
	exponent int    // length of a private exponent in bytes
}

// The lengths of exponents are the greater estimates of RFC 3526 section 8, which has none for group 2.
var (
	modp2  = newMODP(Group2, prime2, 256)
	modp5  = newMODP(Group5, prime5, 256)
	modp14 = newMODP(Group14, prime14, 320)
	modp16 = newMODP(Group16, prime16, 480)
)

// newMODP makes a group of constants of ours: what it panics at no far end can reach.
func newMODP(id Group, prime string, exponentBits int) *modp {
	largest, err := hex.DecodeString(prime)
	if err != nil {
		panic(err)
	}
	modulus, err := bigmod.NewModulus(largest)
	if err != nil {
		panic(err)
	}
	two, err := bigmod.NewNat().SetBytes([]byte{2}, modulus)
	if err != nil {
		panic(err)
	}
	largest[len(largest)-4]-- // minus 2^24; the last eight bytes of all these primes are ff
	return &modp{id: id, modulus: modulus, two: two, largest: largest, exponent: exponentBits / 8}
}

// lookup finds a group by the number that a far end sent, or nil if we do not know it.
func lookup(id uint64) *modp {
	switch id {
	case uint64(Group2):
		return modp2
	case uint64(Group5):
		return modp5
	case uint64(Group14):
		return modp14
	case uint64(Group16):
		return modp16
	}
	return nil
}

// size is the length of the prime in bytes.
func (g *modp) size() int { return len(g.largest) }

// power raises base in constant time for all exponents of one length. The result has the length of the prime.
func (g *modp) power(base *bigmod.Nat, exponent []byte) []byte {
	return bigmod.NewNat().Exp(base, exponent, g.modulus).Bytes(g.modulus)
}

// publicKey checks a public key by RFC 7425 4.6.2 and gives it without the leading zero bytes that it should not have.
func (g *modp) publicKey(key []byte) ([]byte, error) {
	key = trim(key)
	if len(key) < 4 {
		return nil, fmt.Errorf("%w: public key below 2^24", rtmfp.ErrKeying)
	}
	if len(key) > g.size() || len(key) == g.size() && bytes.Compare(key, g.largest) > 0 {
		return nil, fmt.Errorf("%w: public key too large for group %d", rtmfp.ErrKeying, g.id)
	}
	ones := 0
	for _, b := range key {
		ones += bits.OnesCount8(b)
	}
	zeros := len(key)*8 - bits.LeadingZeros8(key[0]) - ones
	if ones < 16 || zeros < 16 {
		return nil, fmt.Errorf("%w: public key with %d one and %d zero bits", rtmfp.ErrKeying, ones, zeros)
	}
	return key, nil
}

// trim cuts leading zero bytes, which neither public keys nor shared secrets have (RFC 7425 4.6.2).
func trim(number []byte) []byte { return bytes.TrimLeft(number, "\x00") }
