package flash

import (
	"afterglow/rtmfp"
)

// Profile is the cryptography profile of RFC 7425 section 4. Its zero value asks no far end for a password.
type Profile struct {
	// Passwords are those by which a far end must sign its keying, by their identifiers (RFC 7425 4.3.5.1.1). Nil means that
	// any signature will do, as everywhere on the Internet; an empty map that none does. It must not change.
	Passwords map[string][]byte
}

var _ rtmfp.Crypto = Profile{}

// NewDefaultCipher makes a cipher with the Default Session Key (RFC 7425 4.1).
func (p Profile) NewDefaultCipher() rtmfp.Cipher {
	var keys sessionKeys
	copy(keys.encrypt[:], "Adobe Systems 02")
	keys.decrypt = keys.encrypt
	return newPacketCipher(&keys, terms{})
}

// ParseCertificate reads a certificate of at most 4096 bytes and 64 options (RFC 7425 4.3.1). It refuses one that names no group,
// or both groups for ephemeral keys and static keys. The result is a [*Certificate].
func (p Profile) ParseCertificate(encoded []byte) (rtmfp.Certificate, error) {
	certificate, err := parseCertificate(encoded)
	if err != nil {
		return nil, err
	}
	certificate.passwords = p.Passwords
	return certificate, nil
}

// PeerNamed gives the peer whom a discriminator names by its fingerprint (RFC 7425 4.4.2.3).
func (p Profile) PeerNamed(discriminator []byte) (rtmfp.PeerID, bool) {
	d, err := ParseDiscriminator(discriminator)
	if err != nil || d.Fingerprint == nil {
		return rtmfp.PeerID{}, false
	}
	return *d.Fingerprint, true
}
