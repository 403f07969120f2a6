package flash

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"filippo.io/bigmod"

	"afterglow/rtmfp"
)

// PrivateKey is a Diffie-Hellman key pair. It is immutable.
type PrivateKey struct {
	group    *modp
	exponent []byte // always group.exponent bytes
	public   []byte // without leading zero bytes
}

// errNoKey is very unlikely with a source of real randomness.
var errNoKey = errors.New("flash: no acceptable key from this source of randomness")

// GenerateKey makes a key pair. Its public key has exactly the length of the group's prime: about one key in 256 begins with a
// zero byte, which must not be sent (RFC 7425 4.6.2), and there are readers that cannot bear a shorter one; such a key is not used.
func GenerateKey(random io.Reader, group Group) (*PrivateKey, error) {
	g := lookup(uint64(group))
	if g == nil {
		return nil, fmt.Errorf("flash: no group %d", group)
	}
	exponent := make([]byte, g.exponent)
	for range 16 {
		if _, err := io.ReadFull(random, exponent); err != nil {
			return nil, err
		}
		if key, err := newPrivateKey(g, exponent); err == nil && len(key.public) == g.size() {
			return key, nil
		}
	}
	return nil, errNoKey
}

func newPrivateKey(g *modp, exponent []byte) (*PrivateKey, error) {
	public, err := g.publicKey(g.power(g.two, exponent))
	if err != nil {
		return nil, err
	}
	return &PrivateKey{group: g, exponent: exponent, public: public}, nil
}

// Group is the group of the key.
func (k *PrivateKey) Group() Group { return k.group.id }

// Export is the secret as text for [ParsePrivateKey], to be kept where only its owner can read it. There is no method by which
// printing or logging a key would show it.
func (k *PrivateKey) Export() string {
	return fmt.Sprintf("modp%d:%s", k.group.id, hex.EncodeToString(k.exponent))
}

// String tells the group alone.
func (k *PrivateKey) String() string { return fmt.Sprintf("modp%d private key", k.group.id) }

// GoString is String.
func (k *PrivateKey) GoString() string { return k.String() }

// ParsePrivateKey reads what [PrivateKey.Export] wrote.
func ParsePrivateKey(text string) (*PrivateKey, error) {
	name, digits, _ := strings.Cut(text, ":")
	id, err := strconv.ParseUint(strings.TrimPrefix(name, "modp"), 10, 16)
	if err != nil || !strings.HasPrefix(name, "modp") {
		return nil, errors.New("flash: private key does not begin with its group")
	}
	g := lookup(id)
	if g == nil {
		return nil, fmt.Errorf("flash: no group %d", id)
	}
	exponent, err := hex.DecodeString(digits)
	if err != nil || len(exponent) != g.exponent {
		return nil, fmt.Errorf("flash: private key of group %d is not %d hexadecimal digits", id, 2*g.exponent)
	}
	return newPrivateKey(g, exponent)
}

// sharedSecret is DH_SECRET of RFC 7425 4.6.2 with a far public key, which it checks.
func (k *PrivateKey) sharedSecret(far []byte) ([]byte, error) {
	public, err := k.group.publicKey(far)
	if err != nil {
		return nil, err
	}
	base, err := bigmod.NewNat().SetBytes(public, k.group.modulus)
	if err != nil {
		return nil, fmt.Errorf("%w: public key too large for group %d", rtmfp.ErrKeying, k.group.id)
	}
	return trim(k.group.power(base, k.exponent)), nil
}
