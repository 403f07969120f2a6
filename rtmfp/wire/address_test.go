package wire

import (
	"net/netip"
	"testing"
)

func TestAddressesAreWrittenInTheirShortestForm(t *testing.T) {
	tests := []struct {
		name    string
		address Address
		want    string
	}{
		{"mapped", at("[::ffff:192.0.2.1]:80", OriginLocal), "01 c0000201 0050"},
		{"with a zone", at("[fe80::1%eth0]:80", OriginLocal), "81 fe80 0000 0000 0000 0000 0000 0000 0001 0050"},
		{"zero", Address{}, "00 00000000 0000"},
		{"of an origin that does not exist", Address{AddrPort: netip.MustParseAddrPort("1.2.3.4:5"), Origin: 0xfe}, "02 01020304 0005"},
	}
	for _, test := range tests {
		if got, want := test.address.Append(nil), bytesOf(t, test.want); string(got) != string(want) {
			t.Errorf("%s: got %x, want %x", test.name, got, want)
		}
	}
}

func TestRedirectTakes64DestinationsAndIgnoresTheRest(t *testing.T) {
	r := Redirect{TagEcho: []byte{1}}
	for range MaxDestinations + 1 {
		r.Destinations = append(r.Destinations, at("192.0.2.1:80", OriginRelay))
	}
	chunk, _, _ := NextChunk(r.Append(nil))
	payload := append(chunk.Payload, 0x80) // cut, but behind the limit
	got, err := ParseRedirect(payload)
	if err != nil || len(got.Destinations) != MaxDestinations {
		t.Errorf("got %d destinations, %v", len(got.Destinations), err)
	}
}
