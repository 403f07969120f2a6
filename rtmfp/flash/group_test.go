package flash

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"filippo.io/bigmod"

	"afterglow/rtmfp"
)

var allGroups = []*modp{modp2, modp5, modp14, modp16}

// prime gives the prime as the key check has it: largest acceptable key plus 2^24.
func (g *modp) prime() *big.Int {
	return new(big.Int).Add(new(big.Int).SetBytes(g.largest), big.NewInt(1<<24))
}

// arctan of 1/x, times 2^bits.
func arctan(x int64, bits uint) *big.Int {
	term := new(big.Int).Lsh(big.NewInt(1), bits)
	term.Div(term, big.NewInt(x))
	sum, square := new(big.Int).Set(term), big.NewInt(x*x)
	for k := int64(3); term.Sign() > 0; k += 2 {
		term.Div(term, square)
		part := new(big.Int).Div(term, big.NewInt(k))
		if k%4 == 3 {
			part.Neg(part)
		}
		sum.Add(sum, part)
	}
	return sum
}

// TestPrimesFollowTheirFormula computes 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + c).
func TestPrimesFollowTheirFormula(t *testing.T) {
	for group, c := range map[*modp]int64{modp2: 129093, modp5: 741804, modp14: 124476, modp16: 240904} {
		n := uint(group.size() * 8)
		one := big.NewInt(1)
		pi := new(big.Int).Sub(new(big.Int).Lsh(arctan(5, n), 4), new(big.Int).Lsh(arctan(239, n), 2))
		middle := new(big.Int).Add(pi.Rsh(pi, 130), big.NewInt(c))
		prime := new(big.Int).Lsh(one, n)
		prime.Sub(prime, new(big.Int).Lsh(one, n-64))
		prime.Sub(prime, one)
		prime.Add(prime, middle.Lsh(middle, 64))
		if prime.Cmp(group.prime()) != 0 {
			t.Errorf("group %d: prime differs from its formula", group.id)
		}
		if half := new(big.Int).Rsh(prime, 1); !prime.ProbablyPrime(0) || !half.ProbablyPrime(0) {
			t.Errorf("group %d: not a safe prime", group.id)
		}
		if modulus := new(big.Int).SetBytes(group.modulus.Nat().Bytes(group.modulus)); modulus.Cmp(prime) != 0 {
			t.Errorf("group %d: modulus is not the prime", group.id)
		}
	}
}

func TestPowerAgreesWithBigInt(t *testing.T) {
	for _, g := range allGroups {
		exponent := bytes.Repeat([]byte{0xa7, 0x03, 0xff, 0x00}, g.exponent/4)
		base := bytes.Repeat([]byte{0x5c}, g.size()-1)
		nat, err := bigmod.NewNat().SetBytes(base, g.modulus)
		if err != nil {
			t.Fatal(err)
		}
		got := new(big.Int).SetBytes(g.power(nat, exponent))
		want := new(big.Int).Exp(new(big.Int).SetBytes(base), new(big.Int).SetBytes(exponent), g.prime())
		if got.Cmp(want) != 0 {
			t.Errorf("group %d: wrong power", g.id)
		}
	}
}

func TestLookupKnowsFourGroups(t *testing.T) {
	for id := range uint64(1 << 10) {
		known := id == 2 || id == 5 || id == 14 || id == 16
		if g := lookup(id); (g != nil) != known || known && uint64(g.id) != id {
			t.Errorf("lookup(%d) = %v", id, g)
		}
	}
	if lookup(1<<32+2) != nil {
		t.Error("a group number beyond 16 bits is taken for another")
	}
}

// withBits gives a number of size bytes with a leading one and so many ones in all.
func withBits(size, ones int) []byte {
	number := new(big.Int).SetBit(new(big.Int), size*8-1, 1)
	for i := range ones - 1 {
		number.SetBit(number, i, 1)
	}
	return number.Bytes()
}

func TestPublicKeysAreChecked(t *testing.T) {
	atLeast := func(g *modp, distance int64) []byte { // prime minus distance
		return new(big.Int).Sub(g.prime(), big.NewInt(distance)).Bytes()
	}
	few := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 203), big.NewInt(1)) // all ones, five zeros in front
	for _, bit := range []int{3, 9, 11, 50, 51, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150} {
		few.SetBit(few, bit, 0)
	}
	enough := new(big.Int).SetBit(new(big.Int).Set(few), 160, 0)
	for _, g := range allGroups {
		for name, c := range map[string]struct {
			key        []byte
			acceptable bool
		}{
			"empty":                 {nil, false},
			"zero":                  {make([]byte, g.size()), false},
			"one":                   {[]byte{1}, false},
			"2^24 - 1":              {[]byte{0xff, 0xff, 0xff}, false},
			"four bytes, few zeros": {[]byte{0xff, 0xff, 0xff, 0xff}, false},
			"small":                 {[]byte{0xaa, 0xaa, 0xaa, 0xaa}, true},
			"just below 16 ones":    {withBits(g.size(), 15), false},
			"16 ones":               {withBits(g.size(), 16), true},
			"just below 16 zeros":   {few.Bytes(), false},
			"16 zeros":              {enough.Bytes(), true},
			"16 zeros in front":     {append([]byte{0, 0}, few.Bytes()...), false},
			"largest":               {atLeast(g, 1<<24), true},
			"just too large":        {atLeast(g, 1<<24-1), false},
			"prime minus one":       {atLeast(g, 1), false},
			"prime":                 {g.prime().Bytes(), false},
			"longer than the prime": {append([]byte{1}, withBits(g.size(), 16)...), false},
			"leading zeros":         {append([]byte{0, 0, 0}, withBits(g.size(), 16)...), true},
		} {
			key, err := g.publicKey(c.key)
			if (err == nil) != c.acceptable {
				t.Errorf("group %d, %s: %v", g.id, name, err)
			}
			if err != nil && !errors.Is(err, rtmfp.ErrKeying) {
				t.Errorf("group %d, %s: %v is not ErrKeying", g.id, name, err)
			}
			if err == nil && (key[0] == 0 || !bytes.HasSuffix(c.key, key)) {
				t.Errorf("group %d, %s: key is %x", g.id, name, key)
			}
		}
	}
}
