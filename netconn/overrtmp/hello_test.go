package overrtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"afterglow/netconn"
)

func TestHelloIsReadAsItWasWritten(t *testing.T) {
	h := Hello{Secret: "s", Client: "ABC", Far: netconn.Far{
		Address: "192.0.2.1:5", Protocol: "rtmfp", Secure: true, Loopback: true, PeerID: "p", NearID: "n", FarNonce: "f", NearNonce: "m", NearAddress: "a:1"}}
	b, err := h.append(nil)
	if err != nil {
		t.Fatal(err)
	}
	rest := bytes.NewReader(append(b, "behind"...))
	got, err := readHello(rest)
	if err != nil || got != h || rest.Len() != len("behind") {
		t.Errorf("%+v, %v, %d bytes are left", got, err, rest.Len())
	}
}

func TestHelloIsBounded(t *testing.T) {
	if _, err := readHello(bytes.NewReader(binary.BigEndian.AppendUint32(nil, mostHello+1))); !errors.Is(err, errHello) {
		t.Errorf("got %v", err)
	}
	if _, err := (Hello{Client: string(make([]byte, mostHello))}).append(nil); !errors.Is(err, errHello) {
		t.Errorf("written: %v", err)
	}
}

// FuzzHello reads no more than the hello says, and nothing panics.
func FuzzHello(f *testing.F) {
	b, _ := Hello{Secret: "s"}.append(nil)
	f.Add(b)
	f.Add([]byte{0, 0, 0, 1, '{'})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		if _, err := readHello(io.LimitReader(r, mostHello+4)); err == nil && len(b)-r.Len() != 4+int(binary.BigEndian.Uint32(b)) {
			t.Errorf("%d of %d bytes were read", len(b)-r.Len(), len(b))
		}
	})
}
