package flash

import (
	"bytes"
	"errors"
	"testing"

	"afterglow/rtmfp"
)

// TestSelection goes through figure 1 of RFC 7425 4.4.3.
func TestSelection(t *testing.T) {
	bare := parse(t, unhex(t, "02 15 02"))
	server := parse(t, unhex(t, "02 15 02  01 0a"))
	host := parse(t, unhex(t, "02 15 02  05 00 68 6f 73 74"))
	both := parse(t, unhex(t, "02 15 02  05 00 68 6f 73 74  01 0a"))
	nameless := parse(t, unhex(t, "02 15 02  01 00"))
	id := server.peerID
	for name, c := range map[string]struct {
		d        Discriminator
		selected []*Certificate
	}{
		"nothing":                   {Discriminator{}, nil},
		"fingerprint":               {Discriminator{Fingerprint: &id}, []*Certificate{server}},
		"fingerprint and wrong":     {Discriminator{Fingerprint: &id, Hostname: []byte("else")}, []*Certificate{server}},
		"other fingerprint":         {Discriminator{Fingerprint: new(rtmfp.PeerID), Ancillary: []byte("x")}, nil},
		"hostname":                  {Discriminator{Hostname: []byte("host")}, []*Certificate{host, both}},
		"other hostname":            {Discriminator{Hostname: []byte("hos")}, nil},
		"empty hostname":            {Discriminator{Hostname: []byte{}}, []*Certificate{nameless}},
		"ancillary":                 {Discriminator{Ancillary: []byte("live")}, []*Certificate{server, both}},
		"empty ancillary":           {Discriminator{Ancillary: []byte{}}, []*Certificate{server, both}},
		"hostname and ancillary":    {Discriminator{Hostname: []byte("host"), Ancillary: []byte("live")}, []*Certificate{both}},
		"other hostname, ancillary": {Discriminator{Hostname: []byte("else"), Ancillary: []byte("live")}, nil},
	} {
		encoded := c.d.Append(nil)
		for _, certificate := range []*Certificate{bare, server, host, both, nameless} {
			want := false
			for _, s := range c.selected {
				want = want || s == certificate
			}
			if got := certificate.SelectedBy(encoded); got != want {
				t.Errorf("%s selects %x: %t", name, certificate.Bytes(), got)
			}
		}
	}
}

func TestMalformedDiscriminatorsSelectNothing(t *testing.T) {
	server := parse(t, unhex(t, "02 15 02  01 0a  01 00"))
	for name, encoded := range map[string]string{
		"truncated":           "05 0a 6c 69",
		"truncated behind":    "05 0a 6c 69 76 65  03",
		"marker":              "05 0a 6c 69 76 65  00",
		"two ancillaries":     "05 0a 6c 69 76 65  01 0a",
		"two hostnames":       "01 00  01 00",
		"short fingerprint":   "02 0f aa",
		"unknown option only": "02 7f aa",
	} {
		if server.SelectedBy(unhex(t, encoded)) {
			t.Errorf("%s selects", name)
		}
	}
	if !server.SelectedBy(unhex(t, "02 7f aa  05 0a 6c 69 76 65")) {
		t.Error("an unknown option is not ignored")
	}
}

func TestParseDiscriminatorReadsWhatAppendWrote(t *testing.T) {
	id := rtmfp.PeerID{1, 2, 3}
	d := Discriminator{Fingerprint: &id, Hostname: []byte("host"), Ancillary: []byte("rtmfp://host/app")}
	got, err := ParseDiscriminator(d.Append(nil))
	if err != nil || *got.Fingerprint != id || string(got.Hostname) != "host" || string(got.Ancillary) != "rtmfp://host/app" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = ParseDiscriminator(nil)
	if err != nil || got.Fingerprint != nil || got.Hostname != nil || got.Ancillary != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestSelectionIsCheap: it is done for each IHello, before anything is known of its sender.
func TestSelectionIsCheap(t *testing.T) {
	server := identity(t, IdentityConfig{AcceptsAncillary: true})
	encoded := Discriminator{Ancillary: []byte("rtmfp://host/app")}.Append(nil)
	if n := testing.AllocsPerRun(100, func() { server.SelectedBy(encoded) }); n > 1 {
		t.Errorf("%v allocations for an IHello", n)
	}
}

func FuzzDiscriminator(f *testing.F) {
	f.Add(unhex(f, "05 0a 6c 69 76 65"))
	f.Add(Discriminator{Fingerprint: new(rtmfp.PeerID), Hostname: []byte("host"), Ancillary: []byte{}}.Append(nil))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		d, err := ParseDiscriminator(encoded)
		if err != nil {
			if !errors.Is(err, rtmfp.ErrKeying) {
				t.Errorf("%v is not ErrKeying", err)
			}
			return
		}
		again, err := ParseDiscriminator(d.Append(nil))
		if err != nil || (again.Fingerprint == nil) != (d.Fingerprint == nil) ||
			!bytes.Equal(again.Hostname, d.Hostname) || !bytes.Equal(again.Ancillary, d.Ancillary) {
			t.Errorf("%+v becomes %+v, %v", d, again, err)
		}
	})
}
