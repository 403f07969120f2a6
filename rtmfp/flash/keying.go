package flash

import (
	"fmt"
	"io"

	"afterglow/rtmfp"
)

// initiation is the initiator's half of a keying. It does not change.
type initiation struct {
	identity  *Identity
	key       *PrivateKey // ours in the chosen group
	secret    []byte      // known already if the responder's key is static
	near      component
	component []byte
}

// Initiate chooses the first group of ours that far has too, and makes our component: with a new ephemeral key, or for a static
// one with new randomness (RFC 7425 4.6.1).
func (i *Identity) Initiate(random io.Reader, far rtmfp.Certificate) (rtmfp.Initiation, error) {
	responder, err := ofThisProfile(far)
	if err != nil {
		return nil, err
	}
	group, err := i.choose(responder)
	if err != nil {
		return nil, err
	}
	n := &initiation{identity: i, near: component{
		hmac:     i.hmac.initiator(),
		sequence: i.sequence.initiator(),
	}}
	n.near.hmacLength = i.hmacLengthFor(n.near.hmac)
	if err := n.takeKey(random, group); err != nil {
		return nil, err
	}
	if static := responder.staticKey(group.id); static != nil {
		if n.secret, err = n.key.sharedSecret(static); err != nil {
			return nil, err
		}
	}
	n.component = n.near.appendNegotiation(n.component)
	return n, nil
}

// takeKey chooses our key and begins the component with it.
func (n *initiation) takeKey(random io.Reader, group *modp) (err error) {
	if n.key = n.identity.key(group); n.key != nil {
		n.component = appendNumbered(nil, componentGroupSelect, uint64(group.id), nil)
		n.component, err = appendSalt(n.component, random)
		return err
	}
	if n.key, err = GenerateKey(random, group.id); err != nil {
		return fmt.Errorf("%w: %w", rtmfp.ErrKeying, err)
	}
	n.component = appendKey(nil, n.key)
	return nil
}

// Component is what the responder is sent.
func (n *initiation) Component() []byte { return n.component }

// Complete joins the responder's component.
func (n *initiation) Complete(answer []byte) (rtmfp.Keying, error) {
	far, err := parseComponent(answer)
	if err != nil {
		return rtmfp.Keying{}, err
	}
	agreed, err := n.identity.agree(&n.near, far)
	if err != nil {
		return rtmfp.Keying{}, err
	}
	secret, err := n.secretWith(far)
	if err != nil {
		return rtmfp.Keying{}, err
	}
	return newKeying(secret, n.component, answer, agreed), nil
}

// secretWith gives the shared secret, which only an ephemeral key of the responder can still contribute to. A static responder
// should not send one (RFC 7425 4.5.2.1); if it does, that does not count.
func (n *initiation) secretWith(far *component) ([]byte, error) {
	if n.secret != nil {
		return n.secret, nil
	}
	if far.ephemeral != n.key.group {
		return nil, fmt.Errorf("%w: responder sent no key in group %d", rtmfp.ErrKeying, n.key.group.id)
	}
	return n.key.sharedSecret(far.public)
}

// Respond answers an initiator. All that is cheap to refuse is refused before the first exponentiation; there are two with
// ephemeral keys, and one with static ones.
func (i *Identity) Respond(random io.Reader, far rtmfp.Certificate, asked []byte) ([]byte, rtmfp.Keying, error) {
	initiator, err := ofThisProfile(far)
	if err != nil {
		return nil, rtmfp.Keying{}, err
	}
	theirs, err := parseComponent(asked)
	if err != nil {
		return nil, rtmfp.Keying{}, err
	}
	ours := &component{
		hmac:     i.hmac.responder(theirs.hmac),
		sequence: i.sequence.responder(theirs.sequence),
	}
	ours.hmacLength = i.hmacLengthFor(ours.hmac)
	agreed, err := i.agree(ours, theirs)
	if err != nil {
		return nil, rtmfp.Keying{}, err
	}
	group, public, err := i.initiatorKey(initiator, theirs)
	if err != nil {
		return nil, rtmfp.Keying{}, err
	}
	answer := ours.appendNegotiation(nil)
	answer, secret, err := i.answer(answer, random, group, public)
	if err != nil {
		return nil, rtmfp.Keying{}, err
	}
	return answer, newKeying(secret, answer, asked, agreed), nil
}

// initiatorKey gives the group that an initiator chose, which must be one of ours, and its public key (RFC 7425 4.6.1).
func (i *Identity) initiatorKey(initiator *Certificate, theirs *component) (*modp, []byte, error) {
	group, public := theirs.ephemeral, theirs.public
	if initiator.isStatic() {
		group, public = theirs.selected, nil
	}
	if group == nil || theirs.ephemeral != nil && theirs.selected != nil {
		return nil, nil, fmt.Errorf("%w: initiator chose no group, or in the wrong manner", rtmfp.ErrKeying)
	}
	if !i.certificate.supports(group.id) || !initiator.supports(group.id) {
		return nil, nil, fmt.Errorf("%w: group %d is not in both certificates", rtmfp.ErrKeying, group.id)
	}
	if !initiator.isStatic() {
		return group, public, nil
	}
	public, err := group.publicKey(initiator.staticKey(group.id))
	return group, public, err
}

// answer appends our key, or the randomness that goes with a static one, and gives the shared secret.
func (i *Identity) answer(b []byte, random io.Reader, group *modp, public []byte) (answer, secret []byte, err error) {
	key := i.key(group)
	if key != nil {
		b, err = appendSalt(b, random)
	} else if key, err = GenerateKey(random, group.id); err == nil {
		b = appendKey(b, key)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", rtmfp.ErrKeying, err)
	}
	secret, err = key.sharedSecret(public)
	return b, secret, err
}

// choose gives the group in which we initiate.
func (i *Identity) choose(responder *Certificate) (*modp, error) {
	ours := i.certificate
	for _, group := range ours.ephemeral {
		if responder.supports(group) {
			return lookup(uint64(group)), nil
		}
	}
	for _, key := range ours.static {
		if responder.supports(key.group) {
			return lookup(uint64(key.group)), nil
		}
	}
	return nil, fmt.Errorf("%w: no group in common", rtmfp.ErrKeying)
}

// hmacLengthFor gives the length to announce: 0 if and only if we offer no HMAC (RFC 7425 4.5.2.4).
func (i *Identity) hmacLengthFor(f flags) uint64 {
	if !f.offers() {
		return 0
	}
	return i.hmacLength
}

// ofThisProfile gives a certificate that came from a Profile.
func ofThisProfile(far rtmfp.Certificate) (*Certificate, error) {
	certificate, ok := far.(*Certificate)
	if !ok {
		return nil, fmt.Errorf("%w: certificate of another profile", rtmfp.ErrKeying)
	}
	return certificate, nil
}

// newKeying computes what the end has that sent near and received far.
func newKeying(secret, near, far []byte, agreed terms) rtmfp.Keying {
	keys := deriveKeys(secret, near, far)
	return rtmfp.Keying{
		Cipher:    newPacketCipher(&keys, agreed),
		NearNonce: keys.nearNonce,
		FarNonce:  keys.farNonce,
		KeyLog:    formatKeyLog(secret, &keys, agreed),
	}
}
