package rtmfp

import (
	"encoding/hex"
	"errors"
	"io"
)

// ErrVerification is what a [Cipher] says of a packet that is not authentic: wrong key, wrong checksum or HMAC, or a length
// that no packet has. Such a packet is counted and dropped (RFC 7425 4.7.3).
var ErrVerification = errors.New("rtmfp: packet failed verification")

// ErrReplay is what a [Cipher] says of an authentic packet whose session sequence number was seen before, or is older than
// the window that it keeps (RFC 7425 4.7.3.3).
var ErrReplay = errors.New("rtmfp: packet was seen before")

// ErrKeying is the root of all errors by which a cryptography profile refuses a far end's certificate or keying component.
var ErrKeying = errors.New("rtmfp: keying not acceptable")

// PeerID names an identity: the fingerprint of its certificate (RFC 7425 4.3.2).
type PeerID [32]byte

// String is the form that Flash shows: 64 small hexadecimal digits.
func (p PeerID) String() string { return hex.EncodeToString(p[:]) }

// Crypto is a cryptography profile as RFC 7016 sections 2.2.3 and 3.2 leave it open. Package flash has the one that Flash speaks.
// Its methods are safe for concurrent use.
type Crypto interface {
	// NewDefaultCipher makes a cipher with the Default Session Key, by which startup packets are sealed (RFC 7016 2.2.3).
	// Each core has its own.
	NewDefaultCipher() Cipher

	// ParseCertificate reads a far end's certificate and keeps nothing of encoded. Its error wraps ErrKeying.
	ParseCertificate(encoded []byte) (Certificate, error)

	// PeerNamed gives the peer whom an endpoint discriminator names by its fingerprint, if it does.
	PeerNamed(discriminator []byte) (PeerID, bool)
}

// Certificate is a far end's or our own certificate, immutable.
type Certificate interface {
	// Bytes is the certificate as it travels. Not to be changed.
	Bytes() []byte

	// PeerID is the fingerprint.
	PeerID() PeerID

	// CanonicalDiscriminator is the endpoint discriminator that names this certificate and no other (RFC 7016 3.2).
	CanonicalDiscriminator() []byte

	// SelectedBy tells whether an endpoint discriminator selects this certificate.
	SelectedBy(discriminator []byte) bool

	// Verify tells whether signature is acceptable for the signed parameters of an initial keying chunk.
	Verify(parameters, signature []byte) bool
}

// Identity is one of our own identities: a certificate with what is needed to prove it. Its methods are safe for concurrent
// use; Initiate, Respond and Initiation.Complete cost a modular exponentiation and are never called on a shard.
type Identity interface {
	// Certificate is our own.
	Certificate() Certificate

	// SelectedBy tells whether a discriminator in an IHello asks for this identity.
	SelectedBy(discriminator []byte) bool

	// Prevails tells whether we stay initiator when both ends began (RFC 7016 3.5.1.3).
	Prevails(far Certificate) bool

	// Sign makes the signature field of an initial keying chunk.
	Sign(parameters []byte) []byte

	// Initiate begins keying with the holder of far as initiator.
	Initiate(random io.Reader, far Certificate) (Initiation, error)

	// Respond answers the keying component of an initiator: it gives the component that goes back and the finished keying.
	// Nothing of component is kept.
	Respond(random io.Reader, far Certificate, component []byte) (answer []byte, keying Keying, err error)
}

// Initiation is the initiator's half of a keying that waits for the responder's.
type Initiation interface {
	// Component is the Session Key Initiator Component to send (RFC 7016 2.3.7).
	Component() []byte

	// Complete joins the Session Key Responder Component. It may be called again with another one when it failed.
	Complete(component []byte) (Keying, error)
}

// Keying is what two ends share once they have keyed.
type Keying struct {
	// Cipher seals and opens the session's packets.
	Cipher Cipher

	// NearNonce and FarNonce are secrets that only the two ends know; one's near nonce is the other's far nonce (RFC 7425 4.6.5).
	NearNonce, FarNonce [32]byte

	// KeyLog describes the keys in one line for a decoder of captured packets; see [CoreConfig].KeyLog.
	KeyLog string
}

// Cipher seals and opens the packets of one session, or of the startup pseudo-session. It works in place, allocates nothing, and
// belongs to one goroutine. "Plain packet" is RFC 7016 2.2.4, from the flags byte on; "sealed packet" is what follows the
// scrambled session ID in the datagram (RFC 7016 2.2.2).
type Cipher interface {
	// Front is the number of bytes that the next call of Seal needs before the plain packet (at most 12).
	Front() int

	// Back is the largest number of bytes that Seal adds behind the plain packet: padding and HMAC (at most 47).
	Back() int

	// Seal turns buffer, which holds Front() bytes to be filled and then a plain packet, into a sealed packet in the same
	// array, whose capacity must have Back() bytes more. It returns the sealed packet, which begins where buffer does.
	Seal(buffer []byte) []byte

	// Open verifies and opens a sealed packet in place and returns the plain packet within it, padding included.
	// The bytes of sealed are undefined after an error, which is ErrVerification or ErrReplay.
	Open(sealed []byte) ([]byte, error)
}
