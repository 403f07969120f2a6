package flash

import (
	"crypto/sha256"
	"encoding"
	"hash"
)

// digest is a SHA-256 hash that can be put into a state that was saved.
type digest interface {
	hash.Hash
	encoding.BinaryUnmarshaler
	encoding.BinaryAppender
}

func newDigest() digest { return sha256.New().(digest) }

// packetMAC computes truncated HMACs with one key (RFC 7425 4.7.3.2). It holds the two states of SHA-256 into which the key
// brings it, a quarter of what crypto/hmac holds for a key that is used again, and just as quick.
type packetMAC struct {
	inner, outer []byte
	length       int // of an HMAC in bytes; 0: there is none
}

func newPacketMAC(d digest, key *[32]byte, length int) packetMAC {
	if length == 0 {
		return packetMAC{}
	}
	inner := keyState(d, key, 0x36)
	outer := keyState(d, key, 0x5c)
	return packetMAC{inner: inner, outer: outer, length: length}
}

// keyState is the state of the digest after a block with the padded key (RFC 2104).
func keyState(d digest, key *[32]byte, pad byte) []byte {
	var block [sha256.BlockSize]byte
	copy(block[:], key[:])
	for i := range block {
		block[i] ^= pad
	}
	d.Reset()
	d.Write(block[:])
	state, err := d.AppendBinary(make([]byte, 0, 112)) // it takes 108
	if err != nil {
		panic(err) // SHA-256 has no such error
	}
	return state
}

// sum computes the HMAC of data into out and gives its first bytes.
func (m *packetMAC) sum(d digest, data []byte, out *[sha256.Size]byte) []byte {
	restore(d, m.inner)
	d.Write(data)
	d.Sum(out[:0])
	restore(d, m.outer)
	d.Write(out[:])
	return d.Sum(out[:0])[:m.length]
}

func restore(d digest, state []byte) {
	if err := d.UnmarshalBinary(state); err != nil {
		panic(err) // the state is the digest's own
	}
}
