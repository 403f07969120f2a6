package flash

import (
	"bytes"
	"testing"
)

func TestSignatures(t *testing.T) {
	parameters := []byte("parameters")
	passwords := map[string][]byte{"ann": []byte("secret"), "old": []byte("former")}
	ann, old := sign("ann", []byte("secret"), parameters), sign("old", []byte("former"), parameters)
	wrong, stranger := sign("ann", []byte("guess"), parameters), sign("eve", []byte("secret"), parameters)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		signature []byte
		verified  bool
	}{
		"right":                  {ann, true},
		"two right":              {join(old, ann), true},
		"right and unknown":      {join(stranger, ann), true},
		"right and other option": {join(unhex(t, "03 7f aa bb"), ann), true},
		"right and wrong":        {join(ann, wrong), false},
		"wrong":                  {wrong, false},
		"unknown":                {stranger, false},
		"other parameters":       {sign("ann", []byte("secret"), []byte("else")), false},
		"empty":                  {nil, false},
		"X":                      {[]byte("X"), false},
		"malformed":              {ann[:len(ann)-1], false},
		"malformed behind":       {join(ann, []byte{5}), false},
		"too short for an HMAC":  {unhex(t, "03 1d aa bb"), false},
	} {
		strict, err := Profile{Passwords: passwords}.ParseCertificate(unhex(t, "02 15 02"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strict.Verify(parameters, c.signature); got != c.verified {
			t.Errorf("%s: verified is %t", name, got)
		}
		if !parse(t, unhex(t, "02 15 02")).Verify(parameters, c.signature) {
			t.Errorf("%s: refused although no password is required", name)
		}
	}
}

func TestIdentitySigns(t *testing.T) {
	if got := identity(t, IdentityConfig{}).Sign([]byte("parameters")); string(got) != "X" {
		t.Errorf("without a password the signature is %x", got)
	}
	got := identity(t, IdentityConfig{PasswordID: "ann", Password: []byte("secret")}).Sign([]byte("parameters"))
	if !signedBy(map[string][]byte{"ann": []byte("secret")}, []byte("parameters"), got) {
		t.Errorf("signature %x proves nothing", got)
	}
	if len(got) != 2+32+3 || got[0] != 36 || got[1] != 0x1d || string(got[34:]) != "ann" {
		t.Errorf("signature is %x", got)
	}
}
