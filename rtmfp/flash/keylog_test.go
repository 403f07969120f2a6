package flash

import (
	"bytes"
	"strings"
	"testing"

	"afterglow/rtmfp"
)

func TestKeyLogOpensBothDirections(t *testing.T) {
	require := Protection{Receive: Require}
	for name, config := range map[string]IdentityConfig{
		"checksums":       {HMAC: Protection{Receive: RequestNever}, Sequence: Protection{Receive: RequestNever}},
		"all":             {HMAC: require, Sequence: require, HMACLength: 20},
		"HMAC one way":    {HMAC: Protection{Send: SendNever}, HMACLength: 11},
		"numbers one way": {Sequence: Protection{Send: SendNever}},
	} {
		one, other, err := handshake(t, identity(t, config), identity(t, IdentityConfig{}))
		if err != nil {
			t.Fatal(err)
		}
		for end, keyings := range map[string][2]rtmfp.Keying{"initiator": {one, other}, "responder": {other, one}} {
			sent, received, err := ParseKeyLog("session=7 " + keyings[0].KeyLog + "\n")
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			plain := []byte("\x0d a packet")
			if got, err := sent.Open(seal(keyings[0].Cipher, plain)); err != nil || !bytes.HasPrefix(got, plain) {
				t.Errorf("%s, sent by %s: %v", name, end, err)
			}
			if got, err := received.Open(seal(keyings[1].Cipher, plain)); err != nil || !bytes.HasPrefix(got, plain) {
				t.Errorf("%s, received by %s: %v", name, end, err)
			}
		}
	}
}

func TestParseKeyLogRefusesOtherLines(t *testing.T) {
	keys := deriveKeys([]byte("secret"), []byte("near"), []byte("far"))
	line := formatKeyLog([]byte("secret"), &keys, terms{sendHMAC: 16})
	if strings.Contains(line, "\n") {
		t.Error("more than a line")
	}
	if _, _, err := ParseKeyLog(line); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		"", "flash", "secret=", line[:40],
		strings.Replace(line, "secret=", "secret=0", 1),
		strings.Replace(line, " encrypt=", " encrypt=00", 1),
		strings.Replace(line, " decrypt=", " else=", 1),
		strings.Replace(line, " encrypt=", " else=", 1),
		strings.Replace(line, "hmac-send=16", "hmac-send=33", 1),
		strings.Replace(line, "hmac-send=16", "hmac-send=3", 1),
		strings.Replace(line, "hmac-send=16", "hmac-send=x", 1),
	} {
		if _, _, err := ParseKeyLog(bad); err == nil {
			t.Errorf("%q is taken for a key log", bad)
		}
	}
}

func FuzzKeyLog(f *testing.F) {
	keys := deriveKeys([]byte("secret"), []byte("near"), []byte("far"))
	f.Add(formatKeyLog([]byte("secret"), &keys, terms{sendHMAC: 16, receiveSequence: true}))
	f.Fuzz(func(t *testing.T, line string) {
		if sent, received, err := ParseKeyLog(line); err == nil && (sent == nil || received == nil) {
			t.Error("neither ciphers nor an error")
		}
	})
}
