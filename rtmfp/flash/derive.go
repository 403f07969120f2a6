package flash

import (
	"crypto/hmac"
	"crypto/sha256"
)

// sessionKeys are what an end computes from the shared secret and both keying components (RFC 7425 4.6.3 to 4.6.5).
type sessionKeys struct {
	encrypt, decrypt      [32]byte // AES takes the first half
	hmacSend, hmacReceive [32]byte
	nearNonce, farNonce   [32]byte
}

// deriveKeys computes the keys of the end that sent the component near and received the component far.
func deriveKeys(secret, near, far []byte) sessionKeys {
	outward, inward := hmacSHA256(far, near), hmacSHA256(near, far)
	keys := sessionKeys{
		encrypt:   hmacSHA256(secret, outward[:]),
		decrypt:   hmacSHA256(secret, inward[:]),
		nearNonce: hmacSHA256(secret, near),
		farNonce:  hmacSHA256(secret, far),
	}
	keys.deriveHMAC(secret)
	return keys
}

// deriveHMAC computes the HMAC keys from the packet keys.
func (k *sessionKeys) deriveHMAC(secret []byte) {
	k.hmacSend = hmacSHA256(secret, k.encrypt[:])
	k.hmacReceive = hmacSHA256(secret, k.decrypt[:])
}

func hmacSHA256(key, message []byte) (sum [32]byte) {
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	mac.Sum(sum[:0])
	return sum
}
