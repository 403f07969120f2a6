package flash

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// IdentityConfig says what an identity is. Its zero value is an identity with ephemeral keys in groups 2, 5 and 14 that can be
// found by its fingerprint alone, good enough for a client that only initiates.
type IdentityConfig struct {
	// Keys are static key pairs, at most one for each group. With them the peer ID proves who one is, and is the same after a
	// restart with the same configuration. Without them keys are ephemeral.
	Keys []*PrivateKey

	// Groups are those for ephemeral keys, default 2, 5 and 14. The order of Groups, or of Keys, is our preference as initiator.
	Groups []Group

	// Randomness makes the certificate of an identity with ephemeral keys, and so its peer ID, unique: at most 64 bytes, by
	// default 64 bytes from Random.
	Randomness []byte

	// AcceptsAncillary lets initiators find the identity by a URI, as clients do with servers.
	AcceptsAncillary bool

	// AcceptAncillary, if not nil, decides by the URI. It must be quick, and safe for concurrent use, and not keep the URI.
	AcceptAncillary func(ancillary []byte) bool

	// Hostname, if not empty, lets initiators find the identity by name.
	Hostname string

	// HMAC and Sequence say how packets are protected. HMACLength is the length in bytes of the HMACs that we send: 4 to 32,
	// default 16.
	HMAC, Sequence Protection
	HMACLength     int

	// PasswordID and Password, if Password is not nil, sign our keying for a far end that demands it (RFC 7425 4.3.5.1.1).
	PasswordID string
	Password   []byte

	// Random is the source for the certificate, default crypto/rand.Reader. Keying has its own.
	Random io.Reader
}

// Identity is a certificate with what proves it. Its methods are safe for concurrent use.
type Identity struct {
	certificate     *Certificate
	keys            []*PrivateKey // none: ephemeral
	acceptAncillary func([]byte) bool
	hmac, sequence  Protection
	hmacLength      uint64
	passwordID      string
	password        []byte
}

var _ rtmfp.Identity = (*Identity)(nil)

// NewIdentity makes an identity. It keeps copies only.
func NewIdentity(config IdentityConfig) (*Identity, error) {
	if err := config.setDefaults(); err != nil {
		return nil, err
	}
	certificate, err := parseCertificate(config.certificate())
	if err != nil {
		return nil, err
	}
	return &Identity{
		certificate:     certificate,
		keys:            slices.Clone(config.Keys),
		acceptAncillary: config.AcceptAncillary,
		hmac:            config.HMAC,
		sequence:        config.Sequence,
		hmacLength:      uint64(config.HMACLength),
		passwordID:      config.PasswordID,
		password:        bytes.Clone(config.Password),
	}, nil
}

// setDefaults checks the configuration and completes it.
func (c *IdentityConfig) setDefaults() error {
	if c.HMACLength == 0 {
		c.HMACLength = defaultHMAC
	}
	if c.HMACLength < minHMAC || c.HMACLength > maxHMAC {
		return fmt.Errorf("flash: HMACLength %d is not between %d and %d", c.HMACLength, minHMAC, maxHMAC)
	}
	if !c.HMAC.valid() || !c.Sequence.valid() {
		return errors.New("flash: unknown protection policy")
	}
	if len(c.Randomness) > saltSize {
		return fmt.Errorf("flash: Randomness is longer than %d bytes", saltSize)
	}
	if len(c.Keys) > 0 {
		return c.checkKeys()
	}
	return c.setEphemeral()
}

func (c *IdentityConfig) checkKeys() error {
	if len(c.Groups) > 0 || len(c.Randomness) > 0 {
		return errors.New("flash: Keys exclude Groups and Randomness")
	}
	for i, key := range c.Keys {
		if key == nil {
			return errors.New("flash: key is nil")
		}
		sameGroup := func(other *PrivateKey) bool { return other.group == key.group }
		if slices.ContainsFunc(c.Keys[:i], sameGroup) {
			return fmt.Errorf("flash: two keys in group %d", key.group.id)
		}
	}
	return nil
}

func (c *IdentityConfig) setEphemeral() error {
	if len(c.Groups) == 0 {
		c.Groups = []Group{Group2, Group5, Group14}
	}
	for _, group := range c.Groups {
		if lookup(uint64(group)) == nil {
			return fmt.Errorf("flash: no group %d", group)
		}
	}
	if len(c.Randomness) > 0 {
		return nil
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	c.Randomness = make([]byte, saltSize)
	_, err := io.ReadFull(c.Random, c.Randomness)
	return err
}

// certificate encodes the certificate: with the defaults for a server in exactly the 77 bytes of Adobe's, the only ones that
// librtmfp can skip.
func (c *IdentityConfig) certificate() []byte {
	var b []byte
	if c.Hostname != "" {
		b = wire.AppendOption(b, certificateHostname, []byte(c.Hostname))
	}
	if c.AcceptsAncillary {
		b = wire.AppendOption(b, certificateAcceptsAncillary, nil)
	}
	for _, key := range c.Keys {
		b = appendNumbered(b, certificateStaticKey, uint64(key.group.id), key.public)
	}
	if len(c.Keys) > 0 {
		return b
	}
	b = wire.AppendOption(b, certificateExtraRandomness, c.Randomness)
	for _, group := range c.Groups {
		b = appendNumbered(b, certificateEphemeralGroup, uint64(group), nil)
	}
	return b
}

// Certificate is our own; it is a [*Certificate].
func (i *Identity) Certificate() rtmfp.Certificate { return i.certificate }

// SelectedBy tells whether a discriminator asks for this identity (RFC 7425 4.4.3), and its ancillary data, if that is what
// decides, are accepted.
func (i *Identity) SelectedBy(discriminator []byte) bool {
	d, err := ParseDiscriminator(discriminator)
	if err != nil || !d.Selects(i.certificate) {
		return false
	}
	if d.Fingerprint != nil || d.Ancillary == nil || i.acceptAncillary == nil {
		return true
	}
	return i.acceptAncillary(d.Ancillary)
}

// Prevails tells whether we stay initiator in a glare: if our certificate is the lesser or the same (RFC 7425 4.3.6).
func (i *Identity) Prevails(far rtmfp.Certificate) bool {
	return bytes.Compare(i.certificate.encoded, far.Bytes()) <= 0
}

// Sign makes a signature with the password, or "X" without one (RFC 7425 4.3.5).
func (i *Identity) Sign(parameters []byte) []byte {
	if i.password == nil {
		return []byte("X")
	}
	return sign(i.passwordID, i.password, parameters)
}

// key gives our static key in a group, or nil.
func (i *Identity) key(group *modp) *PrivateKey {
	for _, key := range i.keys {
		if key.group == group {
			return key
		}
	}
	return nil
}
