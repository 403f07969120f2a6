package flash

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"afterglow/rtmfp"
)

func TestGeneratedPublicKeysHaveFullLength(t *testing.T) {
	// One exponent in 256 gives a shorter key: among 600 some do, as the test of the raw power shows.
	shorter := 0
	for range 600 {
		exponent := make([]byte, modp2.exponent)
		rand.Read(exponent)
		if modp2.power(modp2.two, exponent)[0] != 0 {
			continue
		}
		shorter++
		key, err := GenerateKey(io.MultiReader(bytes.NewReader(exponent), rand.Reader), Group2)
		if err != nil {
			t.Fatal(err)
		}
		if len(key.public) != modp2.size() || bytes.Equal(key.exponent, exponent) {
			t.Errorf("public key has %d bytes", len(key.public))
		}
	}
	t.Logf("%d of 600 exponents have a short public key", shorter)
}

func TestGenerateKeyGivesUpWithoutRandomness(t *testing.T) {
	if _, err := GenerateKey(constant(0), Group2); !errors.Is(err, errNoKey) {
		t.Errorf("zeros: %v", err)
	}
	broken := errors.New("broken")
	if _, err := GenerateKey(iotest.ErrReader(broken), Group2); !errors.Is(err, broken) {
		t.Errorf("broken source: %v", err)
	}
	if _, err := GenerateKey(rand.Reader, 3); err == nil {
		t.Error("a key in an unknown group")
	}
}

// constant is a source of randomness that has none.
type constant byte

func (c constant) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

func TestPrivateKeySurvivesExport(t *testing.T) {
	for _, group := range []Group{Group2, Group5, Group14, Group16} {
		key := generate(t, group)
		again, err := ParsePrivateKey(key.Export())
		if err != nil {
			t.Fatal(err)
		}
		if again.Group() != group || !bytes.Equal(again.exponent, key.exponent) || !bytes.Equal(again.public, key.public) {
			t.Errorf("group %d: another key", group)
		}
	}
}

func TestParsePrivateKeyRefusesOtherText(t *testing.T) {
	digits := strings.Repeat("a7", 32)
	for _, text := range []string{
		"", ":", "modp2", "modp2:", digits, "2:" + digits, "modp:" + digits, "modp3:" + digits, "modp65538:" + digits,
		"modp2:" + digits[2:], "modp2:" + digits + "00", "modp2:" + digits[1:] + "g", "modp2:" + strings.Repeat("00", 32),
	} {
		if _, err := ParsePrivateKey(text); err == nil {
			t.Errorf("%q is taken for a key", text)
		}
	}
	if _, err := ParsePrivateKey("modp2:" + digits); err != nil {
		t.Error(err)
	}
}

func TestPrintingAKeyDoesNotShowIt(t *testing.T) {
	key := generate(t, Group2)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, key); text != "modp2 private key" {
			t.Errorf("%s prints %q", verb, text)
		}
	}
}

// shortSecret is a pair of keys whose shared secret begins with zero bytes.
type shortSecret struct {
	group      Group
	one, other *PrivateKey
	zeros      int
	sum        []byte
}

func shortSecrets(t testing.TB) (pairs []shortSecret) {
	t.Helper()
	for _, b := range readBlocks(t, "testdata/short-secrets.txt") {
		pair := shortSecret{group: Group(b.number(t, "group")), zeros: b.number(t, "zeros"), sum: b.bytes(t, "sum")}
		for name, key := range map[string]**PrivateKey{"one": &pair.one, "other": &pair.other} {
			parsed, err := ParsePrivateKey(fmt.Sprintf("modp%d:%s", pair.group, b.text(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			*key = parsed
		}
		pairs = append(pairs, pair)
	}
	if len(pairs) != len(allGroups) {
		t.Fatalf("%d pairs of keys", len(pairs))
	}
	return pairs
}

func TestSharedSecretsHaveNoLeadingZeros(t *testing.T) {
	for _, pair := range shortSecrets(t) {
		for _, ends := range [][2]*PrivateKey{{pair.one, pair.other}, {pair.other, pair.one}} {
			secret, err := ends[0].sharedSecret(ends[1].public)
			if err != nil {
				t.Fatal(err)
			}
			if len(secret) != pair.one.group.size()-pair.zeros {
				t.Errorf("group %d: secret has %d bytes", pair.group, len(secret))
			}
			if sum := sha256.Sum256(secret); !bytes.Equal(sum[:], pair.sum) {
				t.Errorf("group %d: wrong secret", pair.group)
			}
		}
	}
}

func TestSharedSecretChecksTheFarKey(t *testing.T) {
	key := generate(t, Group2)
	for _, far := range [][]byte{nil, {1}, modp2.prime().Bytes()} {
		if _, err := key.sharedSecret(far); !errors.Is(err, rtmfp.ErrKeying) {
			t.Errorf("far key %x: %v", far, err)
		}
	}
}

func generate(t testing.TB, group Group) *PrivateKey {
	t.Helper()
	key, err := GenerateKey(rand.Reader, group)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
