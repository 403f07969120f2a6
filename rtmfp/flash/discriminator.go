package flash

import (
	"bytes"
	"fmt"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// The options of an endpoint discriminator (RFC 7425 4.4.2).
const (
	discriminatorHostname    = 0x00
	discriminatorAncillary   = 0x0a
	discriminatorFingerprint = 0x0f
)

// Discriminator is an endpoint discriminator (RFC 7425 4.4): whom an initiator looks for. What is nil is not in it; what is
// empty is.
type Discriminator struct {
	// Fingerprint is the peer ID of exactly one identity; with it nothing else counts.
	Fingerprint *rtmfp.PeerID

	// Hostname is what the certificate must have as hostname.
	Hostname []byte

	// Ancillary is in practice the URI to which a client connects; some clients send its path alone.
	Ancillary []byte
}

// Append appends the encoded discriminator.
func (d Discriminator) Append(b []byte) []byte {
	if d.Fingerprint != nil {
		b = wire.AppendOption(b, discriminatorFingerprint, d.Fingerprint[:])
	}
	if d.Hostname != nil {
		b = wire.AppendOption(b, discriminatorHostname, d.Hostname)
	}
	if d.Ancillary != nil {
		b = wire.AppendOption(b, discriminatorAncillary, d.Ancillary)
	}
	return b
}

// URI is the discriminator by which a client looks for the server of a URI, such as rtmfp://server/app (RFC 7425 4.4.2.2).
func URI(uri string) []byte { return Discriminator{Ancillary: []byte(uri)}.Append(nil) }

// ParseDiscriminator reads a discriminator of at most 4096 bytes and 64 options; the result aliases it. Unknown options are
// ignored; the error for a malformed one, or for a repeated option, wraps [rtmfp.ErrKeying].
func ParseDiscriminator(encoded []byte) (Discriminator, error) {
	var d Discriminator
	err := eachOption(encoded, func(option wire.Option, _ int) error { return d.take(option) })
	if err != nil {
		return Discriminator{}, err
	}
	return d, nil
}

func (d *Discriminator) take(option wire.Option) error {
	if option.Marker {
		return fmt.Errorf("%w: marker in a discriminator", rtmfp.ErrKeying)
	}
	var repeated bool
	switch option.Type {
	case discriminatorHostname:
		repeated, d.Hostname = d.Hostname != nil, option.Value
	case discriminatorAncillary:
		repeated, d.Ancillary = d.Ancillary != nil, option.Value
	case discriminatorFingerprint:
		if len(option.Value) != len(d.Fingerprint) {
			return fmt.Errorf("%w: fingerprint with %d bytes", rtmfp.ErrKeying, len(option.Value))
		}
		repeated, d.Fingerprint = d.Fingerprint != nil, (*rtmfp.PeerID)(option.Value)
	}
	if repeated {
		return fmt.Errorf("%w: discriminator with option %#x twice", rtmfp.ErrKeying, option.Type)
	}
	return nil
}

// Selects tells whether the discriminator selects a certificate (RFC 7425 4.4.3 figure 1).
func (d Discriminator) Selects(c *Certificate) bool {
	if d.Fingerprint != nil {
		return *d.Fingerprint == c.peerID
	}
	if d.Hostname != nil && (c.hostname == nil || !bytes.Equal(d.Hostname, c.hostname)) {
		return false
	}
	if d.Ancillary != nil {
		return c.acceptsAncillary
	}
	return d.Hostname != nil
}
