package redirector

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"

	"afterglow/rtmfp/wire"
)

// Metadata is that of the flows of the protocol; what follows a zero byte after it is left to later versions.
const Metadata = "http://zenomt.com/ns/rtmfp#redirector"

// MaxMessage is the largest message in bytes that a [Server] takes.
const MaxMessage = 4096

// MaxAddresses is how many addresses a server may advertise, the observed one aside.
const MaxAddresses = 16

// The commands.
const (
	commandDraining     = 0x00
	commandSettings     = 0x05
	commandReflexive    = 0x0d
	commandLoad         = 0x0f
	commandUserData     = 0x10
	commandAuthenticate = 0x1d
)

// The options of commandSettings.
const (
	optionAddress  = 0x0a
	optionObserved = 0x0d
)

// exceptionBadAuthentication rejects a flow on which no password was proved.
const exceptionBadAuthentication = 0x0a

// errMalformed is the root of what is wrong with messages.
var errMalformed = errors.New("malformed message")

// isMetadata tells whether a flow speaks the protocol.
func isMetadata(metadata []byte) bool {
	rest, ok := bytes.CutPrefix(metadata, []byte(Metadata))
	return ok && (len(rest) == 0 || rest[0] == 0)
}

// proof is what shows that one knows a password. The nonce is the redirector's near nonce (RFC 7425 4.6.5).
func proof(password []byte, nonce [32]byte) []byte {
	mac := hmac.New(sha256.New, password)
	mac.Write(nonce[:])
	return mac.Sum(nil)
}

func appendAuthentication(b []byte, user string, password []byte, nonce [32]byte) []byte {
	b = append(b, commandAuthenticate)
	b = append(b, proof(password, nonce)...)
	return append(b, user...)
}

// parseAuthentication reads the payload of commandAuthenticate.
func parseAuthentication(payload []byte) (sum, user []byte, err error) {
	if len(payload) < sha256.Size {
		return nil, nil, fmt.Errorf("%w: proof of %d bytes", errMalformed, len(payload))
	}
	return payload[:sha256.Size], payload[sha256.Size:], nil
}

// settings is what a server wants to be offered as.
type settings struct {
	observed  bool // by its address as the redirector observes it
	addresses []wire.Address
}

func (s settings) append(b []byte) []byte {
	b = append(b, commandSettings)
	if s.observed {
		b = wire.AppendOption(b, optionObserved, nil)
	}
	for _, a := range s.addresses {
		b = wire.AppendOption(b, optionAddress, a.Append(nil))
	}
	return b
}

// parseSettings reads the payload of commandSettings. Options that are unknown, or empty, are passed over.
func parseSettings(payload []byte) (settings, error) {
	var s settings
	for len(payload) > 0 {
		option, n, err := wire.ParseOption(payload)
		if err != nil {
			return settings{}, fmt.Errorf("%w: settings: %w", errMalformed, err)
		}
		payload = payload[n:]
		if option.Marker {
			continue
		}
		if err := s.take(option); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

func (s *settings) take(option wire.Option) error {
	switch option.Type {
	case optionObserved:
		s.observed = true
	case optionAddress:
		a, _, err := wire.ParseAddress(option.Value)
		switch {
		case err != nil:
			return fmt.Errorf("%w: address: %w", errMalformed, err)
		case !isReachable(a.AddrPort):
			return fmt.Errorf("%w: nobody can be reached at %v", errMalformed, a.AddrPort)
		case len(s.addresses) == MaxAddresses:
			return fmt.Errorf("%w: more than %d addresses", errMalformed, MaxAddresses)
		}
		s.addresses = append(s.addresses, a)
	}
	return nil
}

// isReachable tells whether an address is one that a single endpoint can have.
func isReachable(a netip.AddrPort) bool {
	return a.IsValid() && a.Port() != 0 && !a.Addr().IsUnspecified() && !a.Addr().IsMulticast()
}

func appendLoad(b []byte, load uint64) []byte { return wire.AppendVLU(append(b, commandLoad), load) }

// parseLoad reads the payload of commandLoad.
func parseLoad(payload []byte) (uint64, error) {
	load, _, err := wire.ParseVLU(payload)
	if err != nil {
		return 0, fmt.Errorf("%w: load: %w", errMalformed, err)
	}
	return load, nil
}

func appendReflexive(b []byte, observed netip.AddrPort) []byte {
	return wire.Address{AddrPort: observed, Origin: wire.OriginObserved}.Append(append(b, commandReflexive))
}

// parseReflexive reads the payload of commandReflexive.
func parseReflexive(payload []byte) (netip.AddrPort, error) {
	a, _, err := wire.ParseAddress(payload)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: reflexive address: %w", errMalformed, err)
	}
	return a.AddrPort, nil
}
