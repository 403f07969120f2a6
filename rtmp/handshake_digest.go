package rtmp

import (
	"crypto/hmac"
	"crypto/sha256"
)

// The keys that Flash Player and Adobe's servers sign handshakes with: a text, used alone for the digest in C1 and S1,
// and 32 bytes behind it, used with the text for C2 and S2.
const (
	clientKeyText = 30
	serverKeyText = 36
)

var (
	keyTail = []byte{
		0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
		0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE,
	}
	clientKey = append([]byte("Genuine Adobe Flash Player 001"), keyTail...)
	serverKey = append([]byte("Genuine Adobe Flash Media Server 001"), keyTail...)
)

// digestScheme is where the digest lies in C1 and S1: the four bytes at base, added up modulo 728, are its distance
// from the end of those four.
type digestScheme struct{ base int }

var (
	digestScheme0 = digestScheme{base: 8}
	digestScheme1 = digestScheme{base: 772}
)

func (s digestScheme) handshake() Handshake {
	if s == digestScheme1 {
		return HandshakeDigestScheme1
	}
	return HandshakeDigest
}

func (s digestScheme) offset(p []byte) int {
	b := p[s.base : s.base+4]
	return (int(b[0])+int(b[1])+int(b[2])+int(b[3]))%728 + s.base + 4
}

// digest computes what should stand at the scheme's offset: the HMAC of everything else.
func (s digestScheme) digest(p, key []byte) []byte {
	at := s.offset(p)
	h := hmac.New(sha256.New, key)
	h.Write(p[:at])
	h.Write(p[at+sha256.Size:])
	return h.Sum(nil)
}

// sign puts the digest into p and returns it.
func (s digestScheme) sign(p, key []byte) []byte {
	d := s.digest(p, key)
	copy(p[s.offset(p):], d)
	return d
}

// findDigest looks for a valid digest in either place.
func findDigest(p, key []byte) (digestScheme, []byte, bool) {
	for _, s := range []digestScheme{digestScheme0, digestScheme1} {
		at := s.offset(p)
		d := s.digest(p, key)
		if hmac.Equal(d, p[at:at+sha256.Size]) {
			return s, d, true
		}
	}
	return digestScheme{}, nil, false
}

// answerDigest is what the last 32 bytes of S2 and C2 must be: an HMAC keyed with the far end's own digest.
func answerDigest(p, key, theirs []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(theirs)
	h2 := hmac.New(sha256.New, h.Sum(nil))
	h2.Write(p[:handshakeSize-sha256.Size])
	return h2.Sum(nil)
}

func signAnswer(p, key, theirs []byte) {
	copy(p[handshakeSize-sha256.Size:], answerDigest(p, key, theirs))
}
