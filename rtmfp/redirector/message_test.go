package redirector

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"afterglow/rtmfp/wire"
)

// The proof is HMAC-SHA256 with the key "secret" over the bytes 0 to 31, computed by another program.
func TestMessagesHaveTheirGoldenBytes(t *testing.T) {
	var nonce [32]byte
	for i := range nonce {
		nonce[i] = byte(i)
	}
	listed := wire.Address{AddrPort: netip.MustParseAddrPort("192.0.2.7:1935"), Origin: wire.OriginLocal}
	six := wire.Address{AddrPort: netip.MustParseAddrPort("[2001:db8::1]:80")}
	for _, c := range []struct {
		what, want string
		got        []byte
	}{
		{"authentication", "1d47860bcbb991426bea828dbf6097dff33339b093e3b9f61d9aef8a052f93e40275736572",
			appendAuthentication(nil, "user", []byte("secret"), nonce)},
		{"settings, observed", "05010d", settings{observed: true}.append(nil)},
		{"settings, nothing", "05", settings{}.append(nil)},
		{"settings, all", "05010d080a01c0000207078f140a8020010db80000000000000000000000010050",
			settings{observed: true, addresses: []wire.Address{listed, six}}.append(nil)},
		{"load", "0f00", appendLoad(nil, 0)},
		{"large load", "0f8f00", appendLoad(nil, 1920)},
		{"reflexive address", "0d027f0000014c6b", appendReflexive(nil, netip.MustParseAddrPort("127.0.0.1:19563"))},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestMetadataMayHaveMoreBehindAZeroByte(t *testing.T) {
	for metadata, want := range map[string]bool{
		Metadata: true, Metadata + "\x00": true, Metadata + "\x00more": true,
		Metadata + "more": false, Metadata[1:]: false, Metadata[:36]: false, "": false,
	} {
		if isMetadata([]byte(metadata)) != want {
			t.Errorf("%q: %v", metadata, !want)
		}
	}
}

func TestSettingsAreReadAsTheyWereWritten(t *testing.T) {
	for _, s := range []settings{
		{}, {observed: true},
		{observed: true, addresses: toWire([]netip.AddrPort{netip.MustParseAddrPort("[::1]:7"), netip.MustParseAddrPort("10.0.0.1:9")})},
	} {
		got, err := parseSettings(s.append(nil)[1:])
		if err != nil || got.observed != s.observed || len(got.addresses) != len(s.addresses) {
			t.Fatalf("%+v became %+v, %v", s, got, err)
		}
		for i := range s.addresses {
			if got.addresses[i] != s.addresses[i] {
				t.Errorf("%v became %v", s.addresses[i], got.addresses[i])
			}
		}
	}
}

func TestSettingsPassOverWhatIsUnknown(t *testing.T) {
	got, err := parseSettings([]byte{0x03, 0x55, 1, 2, 0x00, 0x01, 0x0d})
	if err != nil || !got.observed {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMalformedMessagesAreErrors(t *testing.T) {
	address := string(wire.AppendOption(nil, optionAddress, toWire([]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:9")})[0].Append(nil)))
	for what, payload := range map[string]string{
		"option longer than the message":    "\x05\x0d",
		"length without end":                "\xff\xff",
		"address of IPv4 that is too short": "\x07\x0a\x00\x7f\x00\x00\x01\x00",
		"address of IPv6 that is too short": "\x08\x0a\x80\x7f\x00\x00\x01\x00\x01",
		"address without bytes":             "\x01\x0a",
		"port 0":                            "\x08\x0a\x00\x7f\x00\x00\x01\x00\x00",
		"address that is none":              "\x08\x0a\x00\x00\x00\x00\x00\x00\x50",
		"multicast":                         "\x08\x0a\x00\xe0\x00\x00\x01\x00\x50",
		"too many addresses":                strings.Repeat(address, MaxAddresses+1),
	} {
		if _, err := parseSettings([]byte(payload)); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if s, err := parseSettings([]byte(strings.Repeat(address, MaxAddresses))); err != nil || len(s.addresses) != MaxAddresses {
		t.Errorf("as many addresses as may be: %v", err)
	}
	for _, payload := range []string{"", "\x80", strings.Repeat("\xff", 11)} {
		if _, err := parseLoad([]byte(payload)); !errors.Is(err, errMalformed) {
			t.Errorf("load %x: %v", payload, err)
		}
	}
	if _, _, err := parseAuthentication(make([]byte, 31)); !errors.Is(err, errMalformed) {
		t.Errorf("proof of 31 bytes: %v", err)
	}
	if _, err := parseReflexive([]byte{0x02, 127}); !errors.Is(err, errMalformed) {
		t.Errorf("reflexive address: %v", err)
	}
}

// FuzzMessages reads what servers and redirectors send: no bytes may harm, and what is understood is written back the same.
func FuzzMessages(f *testing.F) {
	f.Add([]byte{commandDraining})
	f.Add(settings{observed: true, addresses: toWire([]netip.AddrPort{netip.MustParseAddrPort("[::1]:7")})}.append(nil))
	f.Add(appendLoad(nil, 1<<40))
	f.Add(appendReflexive(nil, netip.MustParseAddrPort("127.0.0.1:19563")))
	f.Add(appendAuthentication(nil, "user", []byte("secret"), [32]byte{}))
	f.Fuzz(func(t *testing.T, message []byte) {
		if s, err := parseSettings(message); err == nil {
			if len(s.addresses) > MaxAddresses {
				t.Fatalf("%d addresses", len(s.addresses))
			}
			again, err := parseSettings(s.append(nil)[1:])
			if err != nil || again.observed != s.observed || len(again.addresses) != len(s.addresses) {
				t.Fatalf("%+v became %+v, %v", s, again, err)
			}
		}
		if load, err := parseLoad(message); err == nil {
			if again, err := parseLoad(appendLoad(nil, load)[1:]); err != nil || again != load {
				t.Fatalf("%d became %d, %v", load, again, err)
			}
		}
		if a, err := parseReflexive(message); err == nil {
			if again, err := parseReflexive(appendReflexive(nil, a)[1:]); err != nil || again != a {
				t.Fatalf("%v became %v, %v", a, again, err)
			}
		}
		if sum, user, err := parseAuthentication(message); err == nil && len(sum)+len(user) != len(message) {
			t.Fatal("bytes were lost")
		}
	})
}
