package flash

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"afterglow/rtmfp"
)

// handshake runs both ends against each other, the certificates through their parser.
func handshake(t testing.TB, near, far *Identity) (one, other rtmfp.Keying, err error) {
	t.Helper()
	initiation, err := near.Initiate(rand.Reader, parse(t, far.Certificate().Bytes()))
	if err != nil {
		return
	}
	answer, other, err := far.Respond(rand.Reader, parse(t, near.Certificate().Bytes()), initiation.Component())
	if err != nil {
		return
	}
	one, err = initiation.Complete(answer)
	return
}

// exchange sends packets both ways.
func exchange(t testing.TB, name string, one, other rtmfp.Keying) {
	t.Helper()
	if one.NearNonce != other.FarNonce || one.FarNonce != other.NearNonce || one.NearNonce == one.FarNonce {
		t.Errorf("%s: nonces do not fit", name)
	}
	for range 3 {
		for _, ends := range [][2]rtmfp.Cipher{{one.Cipher, other.Cipher}, {other.Cipher, one.Cipher}} {
			plain := []byte("\x0d a packet")
			got, err := ends[1].Open(seal(ends[0], plain))
			if err != nil || !bytes.HasPrefix(got, plain) || len(bytes.Trim(got[len(plain):], "\xff")) > 0 {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
}

// seal seals a copy of a plain packet.
func seal(c rtmfp.Cipher, plain []byte) []byte {
	buffer := make([]byte, c.Front(), c.Front()+len(plain)+c.Back())
	return c.Seal(append(buffer, plain...))
}

// TestHandshakesInEveryCombination goes through kinds of keys and groups on both ends.
func TestHandshakesInEveryCombination(t *testing.T) {
	var keys [2][]*PrivateKey
	for i := range keys {
		for _, g := range allGroups {
			keys[i] = append(keys[i], generate(t, g.id))
		}
	}
	for n, g := range allGroups {
		for kind := range 4 {
			name := fmt.Sprintf("group %d, initiator static %t, responder static %t", g.id, kind&1 != 0, kind&2 != 0)
			near, far := IdentityConfig{Groups: []Group{g.id}}, IdentityConfig{Groups: []Group{Group5, Group2, Group16, Group14}}
			if kind&1 != 0 {
				near = IdentityConfig{Keys: keys[0][n : n+1]}
			}
			if kind&2 != 0 {
				far = IdentityConfig{Keys: keys[1]}
			}
			one, other, err := handshake(t, identity(t, near), identity(t, far))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			exchange(t, name, one, other)
		}
	}
}

func TestIdentitiesAreSafeForConcurrentUse(t *testing.T) {
	near := identity(t, IdentityConfig{Keys: []*PrivateKey{generate(t, Group2)}, Password: []byte("secret")})
	far := identity(t, IdentityConfig{AcceptsAncillary: true})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			one, other, err := handshake(t, near, far)
			if err != nil || !near.Certificate().Verify(nil, near.Sign(nil)) {
				t.Errorf("%v", err)
				return
			}
			exchange(t, "one of four", one, other)
		})
	}
	wait.Wait()
}

func TestInitiatorChoosesTheFirstOfItsGroups(t *testing.T) {
	far := identity(t, IdentityConfig{Groups: []Group{Group2, Group5, Group14}})
	for _, c := range []struct {
		ours []Group
		want Group
	}{
		{[]Group{Group16, Group14, Group2}, Group14},
		{[]Group{Group2, Group14}, Group2},
		{[]Group{Group5, Group2}, Group5},
	} {
		initiation, err := identity(t, IdentityConfig{Groups: c.ours}).Initiate(rand.Reader, far.Certificate())
		if err != nil {
			t.Fatal(err)
		}
		if theirs, err := parseComponent(initiation.Component()); err != nil || theirs.ephemeral.id != c.want {
			t.Errorf("of %v it chose %v, %v", c.ours, theirs.ephemeral.id, err)
		}
	}
	if _, err := identity(t, IdentityConfig{Groups: []Group{Group16}}).Initiate(rand.Reader, far.Certificate()); !errors.Is(err, rtmfp.ErrKeying) {
		t.Errorf("no group in common: %v", err)
	}
}

// TestResponderAnswersLibrtmfp replays what librtmfp sent, and looks for the key where it looks for it.
func TestResponderAnswersLibrtmfp(t *testing.T) {
	server := identity(t, IdentityConfig{AcceptsAncillary: true})
	for _, b := range readBlocks(t, "testdata/librtmfp.txt") {
		client := parse(t, b.bytes(t, "client-certificate"))
		if !client.Verify(nil, b.bytes(t, "initiator-signature")) {
			t.Error("signature refused")
		}
		for range 20 {
			answer, keying, err := server.Respond(rand.Reader, client, b.bytes(t, "skic"))
			if err != nil {
				t.Fatal(err)
			}
			recorded := b.bytes(t, "skrc")
			if len(answer) != len(recorded) || !bytes.Equal(answer[:11], recorded[:11]) || answer[11] == 0 {
				t.Errorf("answer %x is not like %x", answer, recorded)
			}
			if c := keying.Cipher.(*packetCipher); c.Front() != 2 || c.Back() != 15 || c.expectNumbers || c.receiveMAC.length != 0 {
				t.Errorf("librtmfp gets more than checksums: %+v", c)
			}
		}
	}
}

// TestPeersOfLibrtmfpHaveTheSizesItExpects: 76 bytes from an initiator, 73 from a responder, both with a static key.
func TestPeersOfLibrtmfpHaveTheSizesItExpects(t *testing.T) {
	near := identity(t, IdentityConfig{Keys: []*PrivateKey{generate(t, Group2)}})
	for _, b := range readBlocks(t, "testdata/librtmfp.txt") {
		peer := parse(t, b.bytes(t, "client-certificate"))
		initiation, err := near.Initiate(rand.Reader, peer)
		if err != nil {
			t.Fatal(err)
		}
		if got := initiation.Component(); len(got) != 76 || !bytes.HasPrefix(got, unhex(t, "02 1d 02 41 0e")) {
			t.Errorf("component is %x", got)
		}
		if _, err := initiation.Complete(append(unhex(t, "03 1a 00 00 02 1e 00 41 0e"), make([]byte, 64)...)); err != nil {
			t.Errorf("its answer is refused: %v", err)
		}
		answer, _, err := near.Respond(rand.Reader, peer, b.bytes(t, "skic"))
		if err != nil || len(answer) != 73 || !bytes.HasPrefix(answer, unhex(t, "03 1a 00 00 02 1e 00 41 0e")) {
			t.Errorf("answer is %x, %v", answer, err)
		}
	}
}

// TestShortSecretsWork has both ends agree on secrets that begin with zero bytes, and sees a padded secret fail.
func TestShortSecretsWork(t *testing.T) {
	for _, pair := range shortSecrets(t) {
		near := identity(t, IdentityConfig{Keys: []*PrivateKey{pair.one}})
		far := identity(t, IdentityConfig{Keys: []*PrivateKey{pair.other}})
		name := fmt.Sprintf("group %d", pair.group)
		initiation, err := near.Initiate(rand.Reader, far.Certificate())
		if err != nil {
			t.Fatal(err)
		}
		answer, other, err := far.Respond(rand.Reader, near.Certificate(), initiation.Component())
		if err != nil {
			t.Fatal(err)
		}
		one, err := initiation.Complete(answer)
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, name, one, other)

		secret, err := pair.one.sharedSecret(pair.other.public)
		if err != nil {
			t.Fatal(err)
		}
		agreed := terms{sendHMAC: 16, receiveHMAC: 16, sendSequence: true, receiveSequence: true}
		trimmed := deriveKeys(secret, initiation.Component(), answer)
		if _, err := other.Cipher.Open(seal(numbered(newPacketCipher(&trimmed, agreed), 10), []byte("packet"))); err != nil {
			t.Errorf("%s: secret without zeros: %v", name, err)
		}
		padded := deriveKeys(append(make([]byte, pair.zeros), secret...), initiation.Component(), answer)
		if _, err := other.Cipher.Open(seal(numbered(newPacketCipher(&padded, agreed), 11), []byte("packet"))); err == nil {
			t.Errorf("%s: a padded secret gives the same keys", name)
		}
	}
}

// numbered sets the next sequence number.
func numbered(c *packetCipher, next uint64) *packetCipher {
	c.next = next
	return c
}

func TestStaticEndsHaveOtherKeysEachTime(t *testing.T) {
	near := identity(t, IdentityConfig{Keys: []*PrivateKey{generate(t, Group2)}})
	far := identity(t, IdentityConfig{Keys: []*PrivateKey{generate(t, Group2)}})
	seen := map[[32]byte]bool{}
	for range 5 {
		one, _, err := handshake(t, near, far)
		if err != nil || seen[one.NearNonce] || seen[one.FarNonce] {
			t.Errorf("keys occur again, %v", err)
		}
		seen[one.NearNonce], seen[one.FarNonce] = true, true
	}
}

func TestRespondRefuses(t *testing.T) {
	static := parse(t, appendNumbered(appendNumbered(nil, 0x1d, 2, generate(t, Group2).public), 0x1d, 5, generate(t, Group5).public))
	weak := parse(t, append(unhex(t, "81 02 1d 02"), bytes.Repeat([]byte{0xff}, 128)...))
	ephemeral := parse(t, unhex(t, "02 15 02  02 15 05"))
	public := generate(t, Group2).public
	key := append(unhex(t, "81 02 0d 02"), public...)
	key5 := appendKey(nil, generate(t, Group5))
	key14 := appendKey(nil, generate(t, Group14))
	for name, c := range map[string]struct {
		certificate *Certificate
		component   []byte
	}{
		"static: nothing":               {static, nil},
		"static: no selection":          {static, unhex(t, "03 1a 00 00  02 1e 00")},
		"static: a key":                 {static, key},
		"static: a key and a selection": {static, slices.Concat(unhex(t, "02 1d 02"), key)},
		"static: two selections":        {static, unhex(t, "02 1d 02  02 1d 02")},
		"static: group it has not":      {static, unhex(t, "02 1d 0e")},
		"static: group we have not":     {static, unhex(t, "02 1d 05")},
		"static: group nobody has":      {static, unhex(t, "02 1d 10")},
		"static: unknown group":         {static, unhex(t, "02 1d 03")},
		"static: no group":              {static, unhex(t, "01 1d")},
		"static: unacceptable key":      {weak, unhex(t, "02 1d 02")},
		"ephemeral: nothing":            {ephemeral, nil},
		"ephemeral: selection":          {ephemeral, unhex(t, "02 1d 02")},
		"ephemeral: both":               {ephemeral, slices.Concat(key, unhex(t, "02 1d 02"))},
		"ephemeral: two keys":           {ephemeral, slices.Concat(key, key)},
		"ephemeral: keys in two groups": {ephemeral, slices.Concat(key, key14)},
		"ephemeral: group it has not":   {ephemeral, key14},
		"ephemeral: group we have not":  {ephemeral, key5},
		"ephemeral: unacceptable key":   {ephemeral, unhex(t, "03 0d 02 01")},
		"ephemeral: no key":             {ephemeral, unhex(t, "02 0d 02")},
		"ephemeral: unknown group":      {ephemeral, append(unhex(t, "81 02 0d 03"), public...)},
		"marker":                        {ephemeral, append(key, 0)},
		"truncated":                     {ephemeral, append(slices.Clone(key), 5)},
		"HMAC negotiated twice":         {ephemeral, append(slices.Clone(key), unhex(t, "03 1a 00 00  03 1a 00 00")...)},
		"sequence negotiated twice":     {ephemeral, append(slices.Clone(key), unhex(t, "02 1e 00  02 1e 00")...)},
		"65 options":                    {ephemeral, append(slices.Clone(key), bytes.Repeat([]byte{1, 0x7f}, 64)...)},
		"more than 4096 bytes":          {ephemeral, slices.Concat(key, unhex(t, "a0 00 0e"), make([]byte, 4095))},
	} {
		server := identity(t, IdentityConfig{Groups: []Group{Group2, Group14}})
		// A source that fails shows that nothing was computed before the refusal.
		answer, _, err := server.Respond(iotest.ErrReader(errComputed), c.certificate, c.component)
		if !errors.Is(err, rtmfp.ErrKeying) || errors.Is(err, errComputed) || answer != nil {
			t.Errorf("%s: %x, %v", name, answer, err)
		}
	}
}

var errComputed = errors.New("began to compute")

func TestCompleteRefusesAndMayBeCalledAgain(t *testing.T) {
	near := identity(t, IdentityConfig{Groups: []Group{Group2, Group14}})
	far := identity(t, IdentityConfig{Groups: []Group{Group2}})
	initiation, err := near.Initiate(rand.Reader, far.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	answer, other, err := far.Respond(rand.Reader, near.Certificate(), initiation.Component())
	if err != nil {
		t.Fatal(err)
	}
	for name, component := range map[string][]byte{
		"nothing":          nil,
		"no key":           unhex(t, "03 1a 00 00  02 1e 00"),
		"other group":      appendKey(nil, generate(t, Group14)),
		"good key in it":   appendNumbered(nil, componentEphemeralKey, 14, generate(t, Group2).public),
		"unacceptable key": unhex(t, "03 0d 02 01"),
		"truncated":        answer[:len(answer)-1],
	} {
		if _, err := initiation.Complete(component); !errors.Is(err, rtmfp.ErrKeying) {
			t.Errorf("%s: %v", name, err)
		}
	}
	one, err := initiation.Complete(answer)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, "after refusals", one, other)
}

func TestInitiateChecksTheStaticKey(t *testing.T) {
	weak := parse(t, unhex(t, "03 1d 02 01"))
	if _, err := identity(t, IdentityConfig{}).Initiate(rand.Reader, weak); !errors.Is(err, rtmfp.ErrKeying) {
		t.Errorf("%v", err)
	}
}

func TestBrokenRandomnessIsAnError(t *testing.T) {
	for _, config := range []IdentityConfig{{}, {Keys: []*PrivateKey{generate(t, Group2)}}} {
		i := identity(t, config)
		broken := iotest.ErrReader(errors.New("broken"))
		if _, err := i.Initiate(broken, i.Certificate()); !errors.Is(err, rtmfp.ErrKeying) {
			t.Errorf("Initiate: %v", err)
		}
		initiation, err := i.Initiate(rand.Reader, i.Certificate())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := i.Respond(broken, i.Certificate(), initiation.Component()); !errors.Is(err, rtmfp.ErrKeying) {
			t.Errorf("Respond: %v", err)
		}
	}
}

// foreignCertificate is of no profile that we know.
type foreignCertificate struct{ rtmfp.Certificate }

func TestCertificatesOfOtherProfilesAreRefused(t *testing.T) {
	i := identity(t, IdentityConfig{})
	if _, err := i.Initiate(rand.Reader, foreignCertificate{}); !errors.Is(err, rtmfp.ErrKeying) {
		t.Errorf("Initiate: %v", err)
	}
	if _, _, err := i.Respond(rand.Reader, foreignCertificate{}, nil); !errors.Is(err, rtmfp.ErrKeying) {
		t.Errorf("Respond: %v", err)
	}
}

func FuzzRespond(f *testing.F) {
	for _, b := range readBlocks(f, "testdata/librtmfp.txt") {
		f.Add(b.bytes(f, "client-certificate"), b.bytes(f, "skic"))
	}
	f.Add(unhex(f, "02 15 02"), append(unhex(f, "81 02 0d 02"), generate(f, Group2).public...))
	f.Add(unhex(f, "02 15 02"), unhex(f, "03 1a 03 10  02 1e 03  06 0d 02 aa aa aa aa"))
	server := identity(f, IdentityConfig{Groups: []Group{Group2}})
	f.Fuzz(func(t *testing.T, certificate, component []byte) {
		far, err := Profile{}.ParseCertificate(certificate)
		if err != nil {
			return
		}
		before := bytes.Clone(component)
		answer, keying, err := server.Respond(rand.Reader, far, component)
		if !bytes.Equal(component, before) {
			t.Error("the component was changed")
		}
		if err != nil {
			if !errors.Is(err, rtmfp.ErrKeying) {
				t.Errorf("%v is not ErrKeying", err)
			}
			return
		}
		if _, err := parseComponent(answer); err != nil || keying.Cipher == nil {
			t.Errorf("answer %x: %v", answer, err)
		}
	})
}

// FuzzComplete gives an initiator the certificate and the component of any responder. What is refused can be followed by a better one.
func FuzzComplete(f *testing.F) {
	server := identity(f, IdentityConfig{Groups: []Group{Group2}})
	f.Add(server.Certificate().Bytes(), append(unhex(f, "81 02 0d 02"), generate(f, Group2).public...))
	f.Add(server.Certificate().Bytes(), unhex(f, "03 1a 00 00  02 1e 00  06 0d 02 aa aa aa aa"))
	for _, b := range readBlocks(f, "testdata/librtmfp.txt") {
		f.Add(b.bytes(f, "client-certificate"), b.bytes(f, "skic"))
	}
	client := identity(f, IdentityConfig{Groups: []Group{Group2}})
	f.Fuzz(func(t *testing.T, certificate, component []byte) {
		far, err := Profile{}.ParseCertificate(certificate)
		if err != nil {
			return
		}
		initiation, err := client.Initiate(rand.Reader, far)
		if err != nil {
			if !errors.Is(err, rtmfp.ErrKeying) {
				t.Errorf("%v is not ErrKeying", err)
			}
			return
		}
		sent := bytes.Clone(initiation.Component())
		keying, err := initiation.Complete(component)
		if err != nil && !errors.Is(err, rtmfp.ErrKeying) || err == nil && keying.Cipher == nil {
			t.Errorf("%v, cipher %v", err, keying.Cipher)
		}
		if !bytes.Equal(sent, initiation.Component()) {
			t.Error("our own component has changed")
		}
	})
}
