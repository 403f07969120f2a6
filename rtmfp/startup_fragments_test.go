package rtmfp_test

import (
	"errors"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// large is an identity whose startup packets do not fit small paths, on an end whose packets have to.
func large(t *testing.T, w *world, fragment bool) options {
	t.Helper()
	var keys []*flash.PrivateKey
	for _, group := range []flash.Group{flash.Group14, flash.Group5, flash.Group2} {
		key, err := flash.GenerateKey(w.Random(), group)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return options{
		identity: flash.IdentityConfig{Keys: keys},
		config:   rtmfp.CoreConfig{FragmentStartup: fragment, Limits: rtmfp.Limits{Packet: 256}},
	}
}

// largestTo is the size in bytes of the largest datagram that went to an end.
func largestTo(w *world, e *end) *int {
	most := new(int)
	w.Tap(func(event simnet.Event) {
		if event.To == e.addr() {
			*most = max(*most, len(event.Datagram))
		}
	})
	return most
}

func TestLargeStartupPacketsTravelInFragments(t *testing.T) {
	const small = 256 + 32 // with what the cipher adds
	for _, fragments := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		w := newWorld(t, 1)
		server := large(t, w, fragments[1])
		server.identity.Keys = nil // so that its answer holds a key
		server.identity.Hostname = string(make([]byte, 400))
		a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, large(t, w, fragments[0]), server)
		toA, toB := largestTo(w, a), largestTo(w, b)
		p := a.dial(b.fingerprint(), nil, b.addr())
		if !w.opens(p) {
			t.Fatalf("%v: did not open: %v", fragments, p.err)
		}
		if *toB <= small != fragments[0] || *toA <= small != fragments[1] {
			t.Errorf("%v: datagrams of %d and %d bytes", fragments, *toA, *toB)
		}
		if w.Now() > rtmfp.Instant(70*time.Millisecond) || a.Stats().IgnoredChunks+b.Stats().IgnoredChunks != 0 {
			t.Errorf("%v: opened at %v, ignored %d chunks", fragments, time.Duration(w.Now()), a.Stats().IgnoredChunks+b.Stats().IgnoredChunks)
		}
	}
}

func TestFragmentsPassASmallPathInAnyOrder(t *testing.T) {
	opened := 0
	const tries = 20
	for seed := range uint64(tries) {
		w := newWorld(t, seed)
		narrow := simnet.Conditions{
			Delay: 10 * time.Millisecond, MTU: 330, Loss: 0.05, Jitter: 50 * time.Millisecond, JitterReorders: true, Duplicate: 0.2,
		}
		a, b := w.pair(narrow, large(t, w, true), large(t, w, true))
		if p := a.dial(b.fingerprint(), nil, b.addr()); w.opens(p) {
			opened++
		}
		w.RunFor(3 * time.Second)
		if held := rtmfp.HeldFragments(a.Core) + rtmfp.HeldFragments(b.Core); held != 0 {
			t.Errorf("seed %d: %d bytes are left", seed, held)
		}
	}
	if opened < tries-1 {
		t.Errorf("%d of %d opened", opened, tries)
	}
}

// joins puts fragments into a core and says how many chunks of startup came out of them.
func joins(t *testing.T, fragments ...wire.Fragment) uint64 {
	t.Helper()
	w := newWorld(t, 1)
	_, b := w.pair(simnet.Conditions{}, options{}, options{})
	cipher := flash.Profile{}.NewDefaultCipher()
	for _, f := range fragments {
		b.inject(at(1, 1), startupPacket(cipher, 0, f.Append(nil)))
	}
	return b.Stats().IHellos
}

func TestFragmentsAreJoinedOnlyToWhatTheyWere(t *testing.T) {
	packet := []byte{byte(wire.ModeStartup)}
	packet = wire.IHello{Discriminator: []byte{0x0a, 1, 'x'}, Tag: []byte("the tag of the hello")}.Append(packet)
	piece := func(number uint64, from, to int) wire.Fragment {
		return wire.Fragment{PacketID: 1, Number: number, More: to < len(packet), Data: packet[from:to]}
	}
	end := len(packet)
	one, two, three := piece(0, 0, 10), piece(1, 10, 20), piece(2, 20, end)
	other := two
	other.PacketID = 2
	otherMode := append([]byte{byte(wire.ModeInitiator)}, packet[1:]...)
	wrongMode := wire.Fragment{PacketID: 1, Data: otherMode}
	nested := wire.Fragment{PacketID: 3, Data: append([]byte{byte(wire.ModeStartup)}, piece(0, 0, end).Append(nil)...)}
	final := wire.Fragment{PacketID: 1, Number: 1, Data: packet[10:20]}
	beyond := wire.Fragment{PacketID: 1, Number: 5, More: true, Data: packet[:1]}
	for what, c := range map[string]struct {
		fragments []wire.Fragment
		want      uint64
	}{
		"in order":                  {[]wire.Fragment{one, two, three}, 1},
		"backwards":                 {[]wire.Fragment{three, two, one}, 1},
		"with repetitions":          {[]wire.Fragment{one, one, three, three, two}, 1},
		"two packets":               {[]wire.Fragment{one, two, three, one, two, three}, 2},
		"whole":                     {[]wire.Fragment{piece(0, 0, end)}, 1},
		"with one missing":          {[]wire.Fragment{one, three}, 0},
		"of another packet":         {[]wire.Fragment{one, other, three}, 0},
		"in the wrong mode":         {[]wire.Fragment{wrongMode}, 0},
		"within a fragment":         {[]wire.Fragment{nested}, 0},
		"with another end":          {[]wire.Fragment{one, three, final, two}, 1},
		"with an end before others": {[]wire.Fragment{piece(0, 0, 20), beyond, three}, 0},
	} {
		if got := joins(t, c.fragments...); got != c.want {
			t.Errorf("%s: %d hellos", what, got)
		}
	}
}

func TestFragmentsOfDifferentSendersAreNotJoined(t *testing.T) {
	w := newWorld(t, 1)
	_, b := w.pair(simnet.Conditions{}, options{}, options{})
	cipher := flash.Profile{}.NewDefaultCipher()
	packet := wire.IHello{Discriminator: []byte{0x0a, 1, 'x'}, Tag: []byte("tag")}.Append([]byte{byte(wire.ModeStartup)})
	b.inject(at(1, 1), startupPacket(cipher, 0, wire.Fragment{PacketID: 1, More: true, Data: packet[:9]}.Append(nil)))
	b.inject(at(1, 2), startupPacket(cipher, 0, wire.Fragment{PacketID: 1, Number: 1, Data: packet[9:]}.Append(nil)))
	if b.Stats().IHellos != 0 {
		t.Error("joined")
	}
}

func TestFragmentsAreForgottenWithoutProgress(t *testing.T) {
	for _, c := range []struct {
		pause  time.Duration
		number int
		joined bool
	}{
		{900 * time.Millisecond, 20, true},
		{1100 * time.Millisecond, 2, false},
		{990 * time.Millisecond, 64, false}, // more than a minute
	} {
		w := newWorld(t, 1)
		_, b := w.pair(simnet.Conditions{}, options{}, options{})
		cipher := flash.Profile{}.NewDefaultCipher()
		packet := wire.IHello{Discriminator: []byte{0x0a, 1, 'x'}, Tag: make([]byte, 100)}.Append([]byte{byte(wire.ModeStartup)})
		for n := range c.number {
			f := wire.Fragment{PacketID: 1, Number: uint64(n), More: n < c.number-1, Data: packet[n : n+1]}
			if !f.More {
				f.Data = packet[n:]
			}
			b.inject(at(1, 1), startupPacket(cipher, 0, f.Append(nil)))
			w.RunFor(c.pause)
		}
		if joined := b.Stats().IHellos == 1; joined != c.joined {
			t.Errorf("%d fragments, one each %v: joined %v", c.number, c.pause, joined)
		}
	}
}

func TestStartupPacketsBeyondTheLimitAreNotSent(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, options{}, options{identity: flash.IdentityConfig{Hostname: string(make([]byte, 3900))}})
	long := make([]byte, 300)
	p := w.addProber(w.NewHost(at(1, 1)))
	p.send(b.path(), 0, wire.IHello{Discriminator: b.fingerprint(), Tag: long}.Append(nil))
	w.RunFor(time.Second)
	if st := b.Stats(); len(p.got) != 0 || st.DroppedTooLong != 1 {
		t.Errorf("%d chunks came, %d dropped", len(p.got), st.DroppedTooLong)
	}
	if dial := a.dial(b.fingerprint(), nil, b.addr()); !w.opens(dial) || !errors.Is(dial.err, nil) {
		t.Errorf("with a tag of its size: %v", dial.err)
	}
}
