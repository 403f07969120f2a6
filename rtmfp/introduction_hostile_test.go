package rtmfp_test

import (
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

func TestHellosForOneOfOurPeersDoNotFloodIt(t *testing.T) {
	b := newBystanders(t, options{config: rtmfp.CoreConfig{Introducer: rtmfp.IntroduceAll{}}})
	cipher := flash.Profile{}.NewDefaultCipher()
	before := b.near.session.Stats()
	for n := range 20000 {
		tag := make([]byte, 16)
		if n%2 == 0 {
			tag = make([]byte, 3000) // would fill more than a packet
		}
		hello := wire.IHello{Discriminator: b.client.fingerprint(), Tag: tag}.Append(nil)
		b.server.inject(spoofed(n), startupPacket(cipher, 0, hello))
		if n%10 == 0 {
			b.RunFor(time.Millisecond)
		}
	}
	b.RunFor(2 * time.Second)
	b.unharmed()
	b.nothingKept()
	b.tooLargeAndNext(cipher)
	// Within 6 s: 32 at once and 16 a second, of which half are too large to be sent on.
	if st := b.client.Stats(); st.FIHellos > 100 || st.FIHellos < 20 || st.RHellosSent > 100 {
		t.Errorf("%d hellos sent on, %d answered", st.FIHellos, st.RHellosSent)
	}
	after := b.near.session.Stats()
	if packets := after.PacketsReceived - before.PacketsReceived; packets > 500 {
		t.Errorf("%d packets came", packets)
	}
}

func TestForwardedHellosReflectLittle(t *testing.T) {
	b := newBystanders(t, options{})
	before := b.server.Stats()
	const many, seconds = 20000, 10
	for n := range many {
		hello := wire.FIHello{Discriminator: b.server.fingerprint(), ReplyAddress: observed(spoofed(n)), Tag: []byte("0123456789abcdef")}
		b.client.do(func() { rtmfp.SendChunks(b.near.session, hello.Append(nil)) })
		b.RunFor(seconds * time.Second / many)
	}
	b.RunFor(time.Second)
	if b.near.closed || b.far.closed {
		t.Errorf("%v, %v", b.near.err, b.far.err)
	}
	after := b.server.Stats()
	answered, refused := after.RHellosSent-before.RHellosSent, after.RefusedBusy-before.RefusedBusy
	if most := uint64(32 + 16*(seconds+1)); answered > most || answered < most-32 || answered+refused != many || after.FIHellos != many {
		t.Errorf("%d answered, %d refused, want at most %d", answered, refused, most)
	}
	b.nothingKept()
}

func TestForwardedHellosAreNeitherForwardedNorAnsweredAtAnyAddress(t *testing.T) {
	b := newBystanders(t, options{config: rtmfp.CoreConfig{Introducer: rtmfp.IntroduceAll{}}})
	before := b.server.Stats()
	for _, address := range []string{"0.0.0.0:1", "224.0.0.1:1935", "192.0.2.1:0", "[::]:5", "[ff02::1]:1935"} {
		hello := wire.FIHello{Discriminator: b.server.fingerprint(), ReplyAddress: observed(netip.MustParseAddrPort(address)), Tag: []byte("tag")}
		b.client.do(func() { rtmfp.SendChunks(b.near.session, hello.Append(nil)) })
	}
	round := wire.FIHello{Discriminator: b.client.fingerprint(), ReplyAddress: observed(at(1, 1)), Tag: []byte("tag")}
	b.client.do(func() { rtmfp.SendChunks(b.near.session, round.Append(nil)) })
	b.RunFor(time.Second)
	after := b.server.Stats()
	if after.FIHellos != 6 || after.RHellosSent != before.RHellosSent || after.HellosForwarded+after.Introductions+after.RedirectsSent != 0 {
		t.Errorf("%+v", after)
	}
	b.unharmed()
}

func TestUnansweredIntroductionsAreBoundedAndExpire(t *testing.T) {
	var asked []*rtmfp.Introduction
	b := newBystanders(t, options{config: rtmfp.CoreConfig{
		Introducer: introducing(func(i *rtmfp.Introduction) { asked = append(asked, i) }),
		Limits:     rtmfp.Limits{Introductions: 50},
	}})
	cipher := flash.Profile{}.NewDefaultCipher()
	flood := func(many int, settle func(int, *rtmfp.Introduction)) {
		for n := range many {
			before := len(asked)
			hello := wire.IHello{Discriminator: []byte{0x21, 0x0f, byte(n)}, Tag: []byte{byte(n)}}.Append(nil)
			b.server.inject(spoofed(n), startupPacket(cipher, 0, hello))
			if len(asked) > before {
				b.server.do(func() { settle(n, asked[before]) })
			}
		}
	}
	flood(1000, func(int, *rtmfp.Introduction) {})
	if st := b.server.Stats(); len(asked) != 50 || st.Introductions != 50 || st.RefusedFull != 950 {
		t.Errorf("asked %d times, %+v", len(asked), st)
	}
	b.RunFor(96 * time.Second)
	late := asked[0]
	flood(1000, func(n int, i *rtmfp.Introduction) { // all but one are settled, some time later
		if n > 0 {
			b.After(time.Millisecond, i.Ignore)
			b.RunFor(2 * time.Millisecond)
		}
	})
	if len(asked) != 1050 {
		t.Errorf("asked %d times", len(asked))
	}
	if held := rtmfp.Held(b.server.Core); held > b.held+2*50 {
		t.Errorf("the server holds %d things, and held %d before", held, b.held)
	}
	b.server.do(func() { late.Redirect(observed(at(1, 1))) })
	if b.server.Stats().RedirectsSent != 0 {
		t.Error("a question was answered after its time")
	}
	b.unharmed()
}

func TestRedirectsDoNotMakeUsFloodOthers(t *testing.T) {
	// A redirector answers with thousands of addresses, and each hello again with others.
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, options{}, options{})
	p := w.addProber(w.NewHost(at(1, 1935)))
	p.answer = func(got probed) {
		hello, _ := wire.ParseIHello(got.payload)
		for n := range 50 {
			r := wire.Redirect{TagEcho: hello.Tag}
			for i := range 200 {
				r.Destinations = append(r.Destinations, observed(spoofed(1000*len(p.got)+200*n+i)))
			}
			p.send(got.from, 0, r.Append(nil))
		}
	}
	targets := make(map[netip.AddrPort]int)
	w.Tap(func(e simnet.Event) {
		if e.From == a.addr() {
			targets[e.To]++
		}
	})
	dial := a.dial(b.fingerprint(), nil, p.host.Addr(0))
	w.RunUntil(func() bool { return dial.closed }, time.Hour)
	if len(targets) != 24 || a.Stats().IHellosSent != 24*12 || a.Stats().Redirects != 50*12 {
		t.Errorf("%d addresses, %d hellos, %d redirects", len(targets), a.Stats().IHellosSent, a.Stats().Redirects)
	}
}

// tooLargeAndNext sends a hello that cannot be sent on, and one that can, in one go.
func (b *bystanders) tooLargeAndNext(cipher rtmfp.Cipher) {
	before := b.client.Stats().FIHellos
	b.server.host.Do(func() {
		for _, tag := range [][]byte{make([]byte, 3000), []byte("small")} {
			hello := wire.IHello{Discriminator: b.client.fingerprint(), Tag: tag}.Append(nil)
			b.server.Receive(b.Now(), rtmfp.Path{Addr: spoofed(1)}, startupPacket(cipher, 0, hello))
		}
	})
	b.RunFor(time.Second)
	if got := b.client.Stats().FIHellos - before; got != 1 {
		b.t.Errorf("%d of two hellos came", got)
	}
}
