package flash

import (
	"bytes"
	"testing"
)

func TestKeysOfRealSessions(t *testing.T) {
	for _, b := range readBlocks(t, "testdata/librtmfp.txt") {
		secret, skic, skrc := b.bytes(t, "secret"), b.bytes(t, "skic"), b.bytes(t, "skrc")
		keys := deriveKeys(secret, skic, skrc)
		for name, got := range map[string][32]byte{
			"encrypt": keys.encrypt, "decrypt": keys.decrypt,
			"hmac-send": keys.hmacSend, "hmac-receive": keys.hmacReceive,
			"near-nonce": keys.nearNonce, "far-nonce": keys.farNonce,
		} {
			if !bytes.Equal(got[:], b.bytes(t, name)) {
				t.Errorf("%s is %x", name, got)
			}
		}
		far := deriveKeys(secret, skrc, skic)
		if far.encrypt != keys.decrypt || far.hmacReceive != keys.hmacSend || far.nearNonce != keys.farNonce {
			t.Error("the responder has other keys")
		}
	}
}
