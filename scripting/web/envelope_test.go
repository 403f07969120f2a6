package web

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"afterglow/amf"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEnvelopesHaveTheirBytes(t *testing.T) {
	call, err := encodeCall("s.m", "/1", []amf.Value{1, "x"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := appendEnvelope(nil, []envelopeHeader{{"H", true, true}}, [][]byte{call}, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, `0000 0001 0001 48 01 00000002 0101
		0001 0003 732e6d 0002 2f31 00000012 0a 00000002 00 3ff0000000000000 02 0001 78`)
	if !bytes.Equal(got, want) {
		t.Errorf("\n%x instead of\n%x", got, want)
	}
	call, _ = encodeCall("s.m", "/2", []amf.Value{"x", amf.NewObject(amf.Property{Name: "a", Value: 1})}, 3)
	got, _ = appendEnvelope(nil, nil, [][]byte{call}, 3)
	want = unhex(t, `0003 0000 0001 0003 732e6d 0002 2f32 00000012 0a 00000002 02 0001 78 11 0a0b01 0361 0401 01`)
	if !bytes.Equal(got, want) {
		t.Errorf("\n%x instead of\n%x", got, want)
	}
}

func TestAnswersAreRead(t *testing.T) {
	e, err := decodeEnvelope(unhex(t, `0000 0001 0001 48 00 ffffffff 02 0001 78
		0002 000b 2f312f6f6e526573756c74 0004 6e756c6c ffffffff 00 4000000000000000
		000b 2f322f6f6e526573756c74 0000 00000004 11 0603 79`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.headers) != 1 || e.headers[0] != (envelopeHeader{"H", false, "x"}) {
		t.Error("the header is", e.headers)
	}
	if len(e.bodies) != 2 || e.bodies[0] != (envelopeBody{"/1/onResult", "null", 2.0}) || e.bodies[1] != (envelopeBody{"/2/onResult", "", "y"}) {
		t.Error("the bodies are", e.bodies)
	}
}

func TestBrokenAnswersAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              ``,
		"a web page":           `3c68746d6c3e`,
		"headers that lack":    `0000 ffff 0001`,
		"bodies that lack":     `0000 0000 ffff 0001`,
		"a length that lies":   `0000 0000 0001 0001 61 0001 62 7fffffff 05`,
		"a value that is none": `0000 0000 0001 0001 61 0001 62 00000001 ff`,
		"no value at all":      `0000 0000 0001 0001 61 0001 62 00000000`,
		"a name that is cut":   `0000 0000 0001 00ff 61 0001 62 00000000`,
	} {
		if e, err := decodeEnvelope(unhex(t, text), nil); err == nil {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add(unhex(f, `0000 0001 0001 48 00 ffffffff 02 0001 78 0001 000b 2f312f6f6e526573756c74 0004 6e756c6c ffffffff 00 4000000000000000`))
	f.Add(unhex(f, `0003 0000 0001 0003 732e6d 0002 2f32 00000011 0a 00000002 02 0001 78 11 0a0b01 0361 0401 01`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEnvelope(b, &amf.Options{Limits: amf.Limits{MaxElements: 1000}})
		if err == nil && len(b) < 6 {
			t.Error("an envelope of", len(b), "bytes:", e)
		}
	})
}
