package flash

import (
	"crypto/hmac"
	"errors"

	"afterglow/rtmfp/wire"
)

// signaturePassword is the Simple Password option of a signature: an HMAC and the password's identifier (RFC 7425 4.3.5.1.1).
const signaturePassword = 0x1d

// errWrongPassword ends the reading of a signature.
var errWrongPassword = errors.New("flash: wrong password")

// sign makes a signature with one password.
func sign(id string, password, parameters []byte) []byte {
	sum := hmacSHA256(password, parameters)
	return wire.AppendOption(nil, signaturePassword, append(sum[:], id...))
}

// signedBy tells whether a signature proves at least one of the passwords and is wrong about none. Identifiers that are not
// known are ignored; what is malformed, "X" with it, proves nothing.
func signedBy(passwords map[string][]byte, parameters, signature []byte) bool {
	proven := false
	err := eachOption(signature, func(option wire.Option, _ int) error {
		if option.Type != signaturePassword || len(option.Value) < 32 {
			return nil
		}
		password, known := passwords[string(option.Value[32:])]
		if !known {
			return nil
		}
		sum := hmacSHA256(password, parameters)
		if !hmac.Equal(sum[:], option.Value[:32]) {
			return errWrongPassword
		}
		proven = true
		return nil
	})
	return err == nil && proven
}
