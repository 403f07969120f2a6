package flash

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"afterglow/rtmfp"
)

func TestCertificatesOfRealEnds(t *testing.T) {
	for _, b := range readBlocks(t, "testdata/librtmfp.txt") {
		server := parse(t, b.bytes(t, "server-certificate"))
		if server.isStatic() || !server.acceptsAncillary || !slices.Equal(server.ephemeral, []Group{2, 5, 14}) {
			t.Errorf("server's certificate is %+v", server)
		}
		client := parse(t, b.bytes(t, "client-certificate"))
		if id := client.PeerID(); !bytes.Equal(id[:], b.bytes(t, "client-peer-id")) {
			t.Errorf("client's peer ID is %s", id)
		}
		if !client.isStatic() || client.acceptsAncillary || !client.supports(2) || client.supports(14) {
			t.Errorf("client's certificate is %+v", client)
		}
		if !server.SelectedBy(b.bytes(t, "discriminator")) || client.SelectedBy(b.bytes(t, "discriminator")) {
			t.Error("the client's discriminator selects the wrong one")
		}
	}
}

func TestOnlyTheCanonicalSectionCounts(t *testing.T) {
	canonical := unhex(t, "02 15 02")
	for name, rest := range map[string]string{
		"nothing":        "",
		"marker":         "00",
		"two markers":    "00 00",
		"other options":  "00 01 0a  05 00 68 6f 73 74  02 15 0e  00  02 15 10",
		"a static key":   "00 04 1d 02 aa bb",
		"two hostnames":  "00 02 00 61  02 00 62",
		"malformed keys": "00 01 15 01 1d",
	} {
		c := parse(t, append(slices.Clone(canonical), unhex(t, rest)...))
		if c.PeerID() != sha256.Sum256(canonical) {
			t.Errorf("%s: fingerprint covers what follows the marker", name)
		}
		if c.acceptsAncillary || c.hostname != nil || c.isStatic() || !slices.Equal(c.ephemeral, []Group{2}) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestUnknownOptionsCountForTheFingerprint(t *testing.T) {
	encoded := unhex(t, "02 15 02  02 7a 01")
	if c := parse(t, encoded); c.PeerID() != sha256.Sum256(encoded) {
		t.Error("fingerprint misses an unknown option")
	}
}

func TestParseCertificateRefuses(t *testing.T) {
	for name, encoded := range map[string][]byte{
		"empty":                    nil,
		"no group":                 unhex(t, "01 0a"),
		"unknown groups only":      unhex(t, "02 15 03  02 15 7f"),
		"both kinds":               unhex(t, "02 15 02  04 1d 02 aa bb"),
		"two hostnames":            unhex(t, "02 15 02  02 00 61  02 00 61"),
		"two empty hostnames":      unhex(t, "02 15 02  01 00  01 00"),
		"truncated":                unhex(t, "02 15 02  05 0e 11"),
		"truncated after a marker": unhex(t, "02 15 02  00  05 0e 11"),
		"group without a number":   unhex(t, "01 15"),
		"group cut off":            unhex(t, "02 15 82"),
		"65 options":               append(unhex(t, "02 15 02"), bytes.Repeat([]byte{1, 0x0a}, 64)...),
		"more than 4096 bytes":     append(unhex(t, "02 15 02  a0 00 0e"), make([]byte, 4096)...),
	} {
		if c, err := (Profile{}).ParseCertificate(encoded); !errors.Is(err, rtmfp.ErrKeying) || c != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

func TestParseCertificateAcceptsUpToItsLimits(t *testing.T) {
	parse(t, append(unhex(t, "02 15 02"), bytes.Repeat([]byte{1, 0x0a}, 63)...))
	parse(t, append(unhex(t, "02 15 02  9f 7b 0e"), make([]byte, 4090)...))
}

func TestParseCertificateKeepsNothing(t *testing.T) {
	encoded := unhex(t, "02 15 02  05 00 68 6f 73 74")
	c := parse(t, encoded)
	clear(encoded)
	if string(c.hostname) != "host" || c.Bytes()[0] != 2 {
		t.Error("the certificate changes with the bytes from which it was parsed")
	}
}

func TestOfTwoKeysInAGroupTheFirstCounts(t *testing.T) {
	c := parse(t, unhex(t, "04 1d 02 aa bb  04 1d 02 cc dd  04 1d 0e ee ff"))
	if !bytes.Equal(c.staticKey(2), []byte{0xaa, 0xbb}) || !bytes.Equal(c.staticKey(14), []byte{0xee, 0xff}) || c.staticKey(5) != nil {
		t.Errorf("%+v", c.static)
	}
}

func TestCanonicalDiscriminator(t *testing.T) {
	one, other := parse(t, unhex(t, "02 15 02")), parse(t, unhex(t, "02 15 0e"))
	canonical := one.CanonicalDiscriminator()
	if len(canonical) != 34 || canonical[0] != 0x21 || canonical[1] != 0x0f {
		t.Errorf("%x", canonical)
	}
	if !one.SelectedBy(canonical) || other.SelectedBy(canonical) {
		t.Error("it does not select its own certificate alone")
	}
	clear(canonical)
	if one.PeerID() == (rtmfp.PeerID{}) {
		t.Error("it shares memory with the certificate")
	}
}

// certificates has examples for tests and fuzzing.
func certificates(t testing.TB) [][]byte {
	list := [][]byte{
		unhex(t, "02 15 02"),
		unhex(t, "05 00 68 6f 73 74  01 0a  02 15 0e  00  03 0e aa bb"),
		unhex(t, "04 1d 02 aa bb  04 1d 0e cc dd  00 00"),
	}
	for _, b := range readBlocks(t, "testdata/librtmfp.txt") {
		list = append(list, b.bytes(t, "server-certificate"), b.bytes(t, "client-certificate"))
	}
	return list
}

func FuzzCertificate(f *testing.F) {
	for _, encoded := range certificates(f) {
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		c, err := Profile{}.ParseCertificate(encoded)
		if err != nil {
			if !errors.Is(err, rtmfp.ErrKeying) {
				t.Errorf("%v is not ErrKeying", err)
			}
			return
		}
		if !bytes.Equal(c.Bytes(), encoded) || !c.SelectedBy(c.CanonicalDiscriminator()) {
			t.Error("the certificate is not what was parsed")
		}
	})
}

func parse(t testing.TB, encoded []byte) *Certificate {
	t.Helper()
	c, err := Profile{}.ParseCertificate(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*Certificate)
}

func identity(t testing.TB, config IdentityConfig) *Identity {
	t.Helper()
	i, err := NewIdentity(config)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
