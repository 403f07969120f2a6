package wire

import (
	"bytes"
	"errors"
	"testing"
)

func TestOptionsThatLieAboutTheirLengthAreRefused(t *testing.T) {
	tests := []struct {
		name, hex string
		want      error
	}{
		{"longer than the rest", "03 0a 01", ErrTruncated},
		{"longer than any memory", "81 ff ff ff ff ff ff ff ff 7f 0a 01", ErrTruncated},
		{"length of more than 64 bits", "ff ff ff ff ff ff ff ff ff 7f 0a", ErrOverflow},
		{"type reaching out of the option", "01 8a 01", ErrTruncated},
		{"type of more than 64 bits", "0a ff ff ff ff ff ff ff ff ff 7f", ErrOverflow},
	}
	for _, test := range tests {
		if o, n, err := ParseOption(bytesOf(t, test.hex)); n != 0 || !errors.Is(err, test.want) {
			t.Errorf("%s: got %v of %d bytes, %v; want %v", test.name, o, n, err, test.want)
		}
	}
}

func TestReturnAssociationIsAnOption(t *testing.T) {
	for _, flowID := range []uint64{2, 300} {
		want := AppendOption([]byte{0xab}, OptionReturnAssociation, AppendVLU(nil, flowID))
		if got := AppendReturnAssociation([]byte{0xab}, flowID); !bytes.Equal(got, want) {
			t.Errorf("flow %d: got %x, want %x", flowID, got, want)
		}
	}
}

func TestUserDataWithBadOptionsIsRefused(t *testing.T) {
	for name, options := range map[string]string{
		"no marker":               "02 0a 02",
		"nothing":                 "",
		"option longer than data": "05 0a 02",
		"option without its type": "01 8a 00",
	} {
		if u, err := ParseUserData(bytesOf(t, "80 02 01 01"+options)); !errors.Is(err, ErrTruncated) {
			t.Errorf("%s: got %v, %v", name, u, err)
		}
		if u, err := ParseNextUserData(bytesOf(t, "80"+options), UserData{Sequence: 1}); !errors.Is(err, ErrTruncated) {
			t.Errorf("%s, next: got %v, %v", name, u, err)
		}
	}
}
