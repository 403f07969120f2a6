package flash

import (
	"bytes"
	"errors"
	"testing"
	"testing/iotest"
)

func TestServerCertificateHasAdobesShape(t *testing.T) {
	got := identity(t, IdentityConfig{AcceptsAncillary: true, Random: constant(0x5a)}).Certificate().Bytes()
	want := append(unhex(t, "01 0a  41 0e"), bytes.Repeat([]byte{0x5a}, 64)...)
	want = append(want, unhex(t, "02 15 02  02 15 05  02 15 0e")...)
	if len(got) != 77 || !bytes.Equal(got, want) {
		t.Errorf("%d bytes: %x", len(got), got)
	}
}

func TestEveryEphemeralIdentityIsAnother(t *testing.T) {
	if identity(t, IdentityConfig{}).certificate.peerID == identity(t, IdentityConfig{}).certificate.peerID {
		t.Error("two identities have one peer ID")
	}
}

func TestIdentitySurvivesARestart(t *testing.T) {
	first := generate(t, Group2)
	again, err := ParsePrivateKey(first.Export())
	if err != nil {
		t.Fatal(err)
	}
	one := identity(t, IdentityConfig{Keys: []*PrivateKey{first}, Hostname: "host"})
	other := identity(t, IdentityConfig{Keys: []*PrivateKey{again}, Hostname: "host"})
	if one.certificate.peerID != other.certificate.peerID {
		t.Error("a static identity has another peer ID after a restart")
	}
	random := []byte("chosen")
	one = identity(t, IdentityConfig{Randomness: random})
	if other := identity(t, IdentityConfig{Randomness: random}); one.certificate.peerID != other.certificate.peerID {
		t.Error("an ephemeral identity has another peer ID although its randomness is given")
	}
}

func TestClientCertificateHasFlashsShape(t *testing.T) {
	key := generate(t, Group2)
	got := identity(t, IdentityConfig{Keys: []*PrivateKey{key}}).Certificate().Bytes()
	if want := append(unhex(t, "81 02 1d 02"), key.public...); !bytes.Equal(got, want) {
		t.Errorf("%x", got)
	}
}

func TestSeveralStaticKeysKeepTheirOrder(t *testing.T) {
	keys := []*PrivateKey{generate(t, Group14), generate(t, Group2), generate(t, Group5)}
	c := identity(t, IdentityConfig{Keys: keys, AcceptsAncillary: true, Hostname: "host"}).certificate
	if string(c.hostname) != "host" || !c.acceptsAncillary || len(c.static) != 3 {
		t.Fatalf("%+v", c)
	}
	for i, key := range keys {
		if c.static[i].group != key.Group() || !bytes.Equal(c.static[i].public, key.public) {
			t.Errorf("key %d differs", i)
		}
	}
}

func TestNewIdentityRefuses(t *testing.T) {
	key, broken := generate(t, Group2), errors.New("broken")
	for name, config := range map[string]IdentityConfig{
		"short HMAC":           {HMACLength: 3},
		"long HMAC":            {HMACLength: 33},
		"unknown send policy":  {HMAC: Protection{Send: 3}},
		"unknown want":         {Sequence: Protection{Receive: 4}},
		"unknown group":        {Groups: []Group{2, 3}},
		"much randomness":      {Randomness: make([]byte, 65)},
		"keys and groups":      {Keys: []*PrivateKey{key}, Groups: []Group{2}},
		"keys and randomness":  {Keys: []*PrivateKey{key}, Randomness: []byte{1}},
		"two keys in a group":  {Keys: []*PrivateKey{key, generate(t, Group5), key}},
		"a nil key":            {Keys: []*PrivateKey{nil}},
		"a broken source":      {Random: iotest.ErrReader(broken)},
		"a hostname of 4 KiB":  {Hostname: string(make([]byte, 4096))},
		"more groups than fit": {Groups: make65Groups()},
	} {
		if _, err := NewIdentity(config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func make65Groups() (groups []Group) {
	for range 65 {
		groups = append(groups, Group2)
	}
	return groups
}

func TestAncillaryDataAreFiltered(t *testing.T) {
	var asked []string
	i := identity(t, IdentityConfig{AcceptsAncillary: true, Hostname: "host", AcceptAncillary: func(ancillary []byte) bool {
		asked = append(asked, string(ancillary))
		return string(ancillary) == "good"
	}})
	id := i.certificate.peerID
	for name, c := range map[string]struct {
		d        Discriminator
		selected bool
	}{
		"good":                     {Discriminator{Ancillary: []byte("good")}, true},
		"bad":                      {Discriminator{Ancillary: []byte("bad")}, false},
		"hostname alone":           {Discriminator{Hostname: []byte("host")}, true},
		"hostname and bad":         {Discriminator{Hostname: []byte("host"), Ancillary: []byte("bad")}, false},
		"fingerprint and bad":      {Discriminator{Fingerprint: &id, Ancillary: []byte("bad")}, true},
		"other hostname, but good": {Discriminator{Hostname: []byte("else"), Ancillary: []byte("good")}, false},
		"nothing":                  {Discriminator{}, false},
	} {
		if got := i.SelectedBy(c.d.Append(nil)); got != c.selected {
			t.Errorf("%s: selected is %t", name, got)
		}
	}
	if len(asked) != 3 {
		t.Errorf("asked for %q", asked)
	}
	if i.SelectedBy([]byte{9}) {
		t.Error("selected by rubbish")
	}
}

// TestGlare compares certificates byte by byte, the shorter one first (RFC 7425 4.3.6).
func TestGlare(t *testing.T) {
	near := identity(t, IdentityConfig{Groups: []Group{5}, Randomness: []byte{0x80}}) // 02 0e 80 02 15 05
	for encoded, prevails := range map[string]bool{
		"02 0e 80  02 15 05":           true,
		"02 0e 81  02 15 02":           true,
		"02 0e 7f  02 15 10":           false,
		"02 0e 80  02 15 05  00":       true,
		"02 0e 80  02 15 02  02 15 05": false,
		"02 15 05":                     true,
		"01 0a  02 15 05":              false,
	} {
		if got := near.Prevails(parse(t, unhex(t, encoded))); got != prevails {
			t.Errorf("against %s: prevails is %t", encoded, got)
		}
	}
}
