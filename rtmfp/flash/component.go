package flash

import (
	"fmt"
	"io"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// The options of a session keying component (RFC 7425 4.5.2).
const (
	componentEphemeralKey    = 0x0d
	componentExtraRandomness = 0x0e
	componentHMAC            = 0x1a
	componentGroupSelect     = 0x1d
	componentSequence        = 0x1e
)

// saltSize is the size of the extra randomness in certificates and components: a block of SHA-256 (RFC 7425 4.5.2.2).
const saltSize = 64

// component is a session keying component (RFC 7425 4.5).
type component struct {
	ephemeral  *modp  // group of public; nil if there is no key
	public     []byte // checked (RFC 7425 4.6.2), aliases what was parsed
	selected   *modp  // group that a static initiator selects, or nil
	hmac       flags
	hmacLength uint64
	sequence   flags
}

// parseComponent reads a component of at most 4096 bytes and 64 options. The random part matters only as a part of the whole.
// An option that we know must not occur twice.
func parseComponent(encoded []byte) (*component, error) {
	c := new(component)
	var seen uint64 // bit for each type
	err := eachOption(encoded, func(option wire.Option, _ int) error {
		if option.Marker {
			return fmt.Errorf("%w: marker in a keying component", rtmfp.ErrKeying)
		}
		take := c.reader(option.Type)
		if take == nil {
			return nil
		}
		if bit := uint64(1) << option.Type; seen&bit == 0 {
			seen |= bit
			return take(option.Value)
		}
		return fmt.Errorf("%w: keying component with option %#x twice", rtmfp.ErrKeying, option.Type)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// reader gives the method for a type of option, or nil if it is to be ignored.
func (c *component) reader(typ uint64) func(value []byte) error {
	switch typ {
	case componentEphemeralKey:
		return c.takeEphemeralKey
	case componentGroupSelect:
		return c.takeGroupSelect
	case componentHMAC:
		return c.takeHMAC
	case componentSequence:
		return c.takeSequence
	}
	return nil
}

func (c *component) takeEphemeralKey(value []byte) error {
	group, public, err := takeGroup(value)
	if err != nil {
		return err
	}
	c.ephemeral = group
	c.public, err = group.publicKey(public)
	return err
}

func (c *component) takeGroupSelect(value []byte) (err error) {
	c.selected, _, err = takeGroup(value)
	return err
}

func takeGroup(value []byte) (*modp, []byte, error) {
	id, rest, err := parseNumber(value)
	if err != nil {
		return nil, nil, err
	}
	group := lookup(id)
	if group == nil {
		return nil, nil, fmt.Errorf("%w: unknown group %d", rtmfp.ErrKeying, id)
	}
	return group, rest, nil
}

func (c *component) takeHMAC(value []byte) (err error) {
	if len(value) == 0 {
		return errEmptyNegotiation
	}
	c.hmac = flags(value[0])
	c.hmacLength, _, err = parseNumber(value[1:])
	return err
}

func (c *component) takeSequence(value []byte) error {
	if len(value) == 0 {
		return errEmptyNegotiation
	}
	c.sequence = flags(value[0])
	return nil
}

var errEmptyNegotiation = fmt.Errorf("%w: negotiation option without flags", rtmfp.ErrKeying)

// appendNegotiation appends the options for HMAC and session sequence numbers.
func (c *component) appendNegotiation(b []byte) []byte {
	b = wire.AppendOption(b, componentHMAC, wire.AppendVLU([]byte{byte(c.hmac)}, c.hmacLength))
	return wire.AppendOption(b, componentSequence, []byte{byte(c.sequence)})
}

// appendKey appends an ephemeral public key.
func appendKey(b []byte, key *PrivateKey) []byte {
	return appendNumbered(b, componentEphemeralKey, uint64(key.group.id), key.public)
}

// appendSalt appends extra randomness, without which two static ends would have the same keys each time.
func appendSalt(b []byte, random io.Reader) ([]byte, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(random, salt); err != nil {
		return nil, fmt.Errorf("%w: %w", rtmfp.ErrKeying, err)
	}
	return wire.AppendOption(b, componentExtraRandomness, salt), nil
}
