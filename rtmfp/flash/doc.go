// Package flash is the cryptography profile of RTMFP that Flash speaks: RFC 7425 section 4.
//
// [Profile] is what an endpoint is given, [NewIdentity] makes an identity to listen or dial with. Certificates name either
// groups for ephemeral Diffie-Hellman keys, which is what servers use, or static public keys, which is what makes a peer ID that
// only the holder of a private key can use.
//
// The initiator chooses the group of a session: the first in its own order that the other end has too. The responder takes any
// of those that its certificate names.
//
// Private exponents are short, as RFC 3526 section 8 allows, and of fixed length for each group, so that an exponentiation takes
// the same time for each of them: 256 bits in groups 2 and 5, 320 in group 14, 480 in group 16. What the profile demands of a shared secret, that its leading zero bytes be cut, is not constant in time
// (an attacker could learn from many handshakes with a key that is used again whether a secret was short), and nothing can be
// done about it but to prefer ephemeral keys.
package flash
