package flash

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// The options of a certificate (RFC 7425 4.3.3).
const (
	certificateHostname         = 0x00
	certificateAcceptsAncillary = 0x0a
	certificateExtraRandomness  = 0x0e
	certificateEphemeralGroup   = 0x15
	certificateStaticKey        = 0x1d
)

// Certificate is an identity's public half (RFC 7425 4.3). It is immutable.
type Certificate struct {
	encoded          []byte
	peerID           rtmfp.PeerID
	hostname         []byte // nil: none
	acceptsAncillary bool
	ephemeral        []Group     // for ephemeral keys, in their order
	static           []staticKey // or static keys, in their order
	passwords        map[string][]byte
}

// staticKey is an entry of a certificate; the key is not checked.
type staticKey struct {
	group  Group
	public []byte
}

var _ rtmfp.Certificate = (*Certificate)(nil)

func parseCertificate(encoded []byte) (*Certificate, error) {
	if len(encoded) > maxListBytes {
		return nil, fmt.Errorf("%w: certificate with %d bytes", rtmfp.ErrKeying, len(encoded))
	}
	c := &Certificate{encoded: bytes.Clone(encoded)}
	canonical, marked := 0, false
	err := eachOption(c.encoded, func(option wire.Option, end int) error {
		marked = marked || option.Marker
		if marked {
			return nil
		}
		canonical = end
		return c.take(option)
	})
	if err != nil {
		return nil, err
	}
	if (len(c.ephemeral) == 0) == (len(c.static) == 0) {
		return nil, fmt.Errorf("%w: certificate has %d known groups for ephemeral keys and %d static keys",
			rtmfp.ErrKeying, len(c.ephemeral), len(c.static))
	}
	c.peerID = sha256.Sum256(c.encoded[:canonical])
	return c, nil
}

// take reads an option of the canonical section. Groups and types that we do not know are no error.
func (c *Certificate) take(option wire.Option) error {
	switch option.Type {
	case certificateHostname:
		if c.hostname != nil {
			return fmt.Errorf("%w: certificate with two hostnames", rtmfp.ErrKeying)
		}
		c.hostname = option.Value
	case certificateAcceptsAncillary:
		c.acceptsAncillary = true
	case certificateEphemeralGroup, certificateStaticKey:
		return c.takeGroup(option)
	}
	return nil
}

func (c *Certificate) takeGroup(option wire.Option) error {
	id, public, err := parseNumber(option.Value)
	if err != nil {
		return err
	}
	group := lookup(id)
	switch {
	case group == nil:
	case option.Type == certificateEphemeralGroup:
		c.ephemeral = append(c.ephemeral, group.id)
	default:
		c.static = append(c.static, staticKey{group.id, public})
	}
	return nil
}

// Bytes is the certificate as it travels. Not to be changed.
func (c *Certificate) Bytes() []byte { return c.encoded }

// PeerID is the SHA-256 hash of the canonical section (RFC 7425 4.3.2).
func (c *Certificate) PeerID() rtmfp.PeerID { return c.peerID }

// CanonicalDiscriminator is the 34 bytes that select this certificate alone (RFC 7425 4.4.4).
func (c *Certificate) CanonicalDiscriminator() []byte {
	return Discriminator{Fingerprint: &c.peerID}.Append(nil)
}

// SelectedBy tells whether a discriminator selects the certificate (RFC 7425 4.4.3); what is malformed selects none.
func (c *Certificate) SelectedBy(discriminator []byte) bool {
	d, err := ParseDiscriminator(discriminator)
	return err == nil && d.Selects(c)
}

// Verify tells whether the signature of an initial keying chunk will do (RFC 7425 4.3.5): always, unless the profile has passwords.
func (c *Certificate) Verify(parameters, signature []byte) bool {
	return c.passwords == nil || signedBy(c.passwords, parameters, signature)
}

// supports tells whether the holder can key in a group.
func (c *Certificate) supports(group Group) bool {
	for _, g := range c.ephemeral {
		if g == group {
			return true
		}
	}
	return c.staticKey(group) != nil
}

// isStatic tells whether the certificate has static keys.
func (c *Certificate) isStatic() bool { return len(c.static) > 0 }

// staticKey gives the first static key in a group, or nil.
func (c *Certificate) staticKey(group Group) []byte {
	for _, key := range c.static {
		if key.group == group {
			return key.public
		}
	}
	return nil
}
