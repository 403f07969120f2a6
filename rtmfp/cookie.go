package rtmfp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"time"
)

// cookieSize is what librtmfp requires of a cookie.
const cookieSize = 64

// The parts of a cookie: when it was made, for which of our identities, a proof that we made it, and a proof that binds it to the
// initiator's address. A cookie whose first proof holds and whose second does not came from another address (RFC 7016 3.5.1.2).
const (
	cookieIdentity = 8
	cookieOurs     = 16
	cookieBound    = 40
)

type cookie [cookieSize]byte

type cookieVerdict int

const (
	cookieForged cookieVerdict = iota
	cookieExpired
	cookieMoved
	cookieGood
)

// cookieJar makes and checks cookies without keeping any (RFC 7016 3.5.1.1.2).
type cookieJar struct {
	mac      hash.Hash
	lifetime time.Duration
	proved   [cookieBound + 19]byte // what a proof is made of, kept so that a flood of hellos leaves nothing to collect
	sum      [sha256.Size]byte
}

func newCookieJar(secret [32]byte, lifetime time.Duration) cookieJar {
	return cookieJar{mac: hmac.New(sha256.New, secret[:]), lifetime: lifetime}
}

func (j *cookieJar) make(now Instant, near PeerID, from Path) (c cookie) {
	binary.BigEndian.PutUint64(c[:], uint64(now))
	copy(c[cookieIdentity:cookieOurs], near[:])
	copy(c[cookieOurs:cookieBound], j.prove(c[:cookieOurs], nil))
	copy(c[cookieBound:], j.prove(c[:cookieBound], &from))
	return c
}

// check judges a cookie and gives the beginning of the peer ID of the identity that it was made for.
func (j *cookieJar) check(now Instant, b []byte, from Path) (near [8]byte, verdict cookieVerdict) {
	if len(b) != cookieSize || !hmac.Equal(b[cookieOurs:cookieBound], j.prove(b[:cookieOurs], nil)[:cookieBound-cookieOurs]) {
		return near, cookieForged
	}
	copy(near[:], b[cookieIdentity:])
	made := Instant(binary.BigEndian.Uint64(b))
	if now.Sub(made) > j.lifetime {
		return near, cookieExpired
	}
	if !hmac.Equal(b[cookieBound:], j.prove(b[:cookieBound], &from)[:cookieSize-cookieBound]) {
		return near, cookieMoved
	}
	return near, cookieGood
}

func (j *cookieJar) prove(b []byte, from *Path) []byte {
	proved := append(j.proved[:0], b...)
	if from != nil {
		ip := from.Addr.Addr().As16()
		proved = append(proved, ip[:]...)
		proved = binary.BigEndian.AppendUint16(proved, from.Addr.Port())
		proved = append(proved, from.Interface)
	}
	j.mac.Reset()
	j.mac.Write(proved)
	return j.mac.Sum(j.sum[:0])
}
