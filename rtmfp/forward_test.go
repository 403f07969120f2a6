package rtmfp_test

import (
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
)

// redirectToBoth sends initiators to two peers at once, wherever their sessions are.
func redirectToBoth(sessions func() []*rtmfp.Session) introducing {
	return func(i *rtmfp.Introduction) {
		all := sessions()
		i.Redirect(observed(all[0].Path().Addr), observed(all[1].Path().Addr))
		for _, s := range all {
			i.Forward(s)
		}
	}
}

func TestHellosAreForwardedBesideARedirect(t *testing.T) {
	w := newWorld(t, 1)
	shared := flash.IdentityConfig{AcceptsAncillary: true}
	var server *end
	both := redirectToBoth(func() []*rtmfp.Session {
		return []*rtmfp.Session{server.accepted[0].session, server.accepted[1].session}
	})
	server = w.add(w.NewHost(at(1, 1935)), options{config: rtmfp.CoreConfig{Introducer: both}})
	// One peer is behind a NAT that lets in only whom it has sent to: without a forwarded hello that is nobody.
	nat := w.NewNAT(at(9, 0).Addr(), simnet.NATSettings{Kind: simnet.PortRestricted})
	behind := w.add(nat.NewHost(addr("192.168.0.2:4000")), options{identity: shared})
	dead := w.add(w.NewHost(at(3, 1935)), options{identity: shared})
	w.connect(behind, server)
	w.connect(dead, server)
	dead.host.Blackout(time.Hour)
	client := w.add(w.NewHost(at(4, 4000)), options{})
	p := client.dial(flash.URI("rtmfp:"), nil, server.addr())
	if !w.opens(p) || time.Duration(w.Now()) > 5*time.Second {
		t.Fatalf("did not open: %v at %v", p.err, w.Now())
	}
	if st := server.Stats(); st.RedirectsSent != 1 || st.HellosForwarded != 2 || behind.Stats().FIHellos != 1 {
		t.Errorf("%+v", st)
	}
}

func TestHellosAreForwardedToSessionsOfOtherShards(t *testing.T) {
	w := newWorld(t, 1)
	var f *fleet
	f = w.addFleet(w.NewHost(at(1, 1935)), 4, redirectToBoth(func() []*rtmfp.Session {
		return []*rtmfp.Session{f.accepted[0].session, f.accepted[1].session}
	}))
	var peers []*end
	for n := range 2 {
		shared := options{identity: flash.IdentityConfig{AcceptsAncillary: true}, config: forEver.config}
		peers = append(peers, w.add(w.NewHost(at(byte(10+n), 1935)), shared))
		if p := peers[n].dial(f.fingerprint(), nil, f.host.Addr(0)); !w.opens(p) {
			t.Fatal(p.err)
		}
	}
	for range 4 { // one after the other, of which each asks another shard
		client := w.add(w.NewHost(spoofed(f.turn)), forEver)
		p := client.dial(peers[0].fingerprint(), nil, f.host.Addr(0))
		if !w.opens(p) {
			t.Fatal(p.err)
		}
	}
	if a, b := peers[0].Stats().FIHellos, peers[1].Stats().FIHellos; a < 4 || a != b {
		t.Errorf("%d and %d forwarded hellos", a, b)
	}
}

func TestForwardingIsBounded(t *testing.T) {
	w := newWorld(t, 1)
	var server *end
	server = w.add(w.NewHost(at(1, 1935)), options{config: rtmfp.CoreConfig{
		Limits: rtmfp.Limits{ForwardedHellos: 4},
		Introducer: introducing(func(i *rtmfp.Introduction) {
			for range 100 {
				i.Forward(server.accepted[0].session)
			}
			i.Ignore()
		}),
	}})
	peer := w.add(w.NewHost(at(2, 1935)), options{})
	w.connect(peer, server)
	client := w.add(w.NewHost(at(4, 4000)), options{})
	client.dial(flash.URI("rtmfp:"), nil, server.addr())
	w.RunFor(500 * time.Millisecond)
	if st := server.Stats(); st.HellosForwarded != 4 || st.RefusedBusy != 96 {
		t.Errorf("%d forwarded, %d refused", st.HellosForwarded, st.RefusedBusy)
	}
	server.do(server.accepted[0].session.Close)
	w.RunFor(time.Second)
	if st := server.Stats(); st.HellosForwarded != 4 {
		t.Error("forwarded in a session that is closed")
	}
}

func TestPeerIsToldOfAFewAddressesOfTheInitiator(t *testing.T) {
	w := newWorld(t, 1)
	nat := w.NewNAT(at(9, 0).Addr(), simnet.NATSettings{Kind: simnet.PortRestricted})
	near, far := netip.MustParseAddrPort("192.168.0.2:4000"), netip.MustParseAddrPort("192.168.0.3:4000")
	server := w.add(w.NewHost(at(1, 1935)), options{config: rtmfp.CoreConfig{Introducer: introducing(func(i *rtmfp.Introduction) {
		peer, _ := flash.Profile{}.PeerNamed(i.Discriminator)
		i.AlsoAt(i.From.Addr, netip.AddrPort{}, at(20, 1), at(20, 1), at(21, 1), at(22, 1)) // of these it is three
		i.AlsoAt(near, at(23, 1), at(24, 1))                                                // and the first of these
		i.To(peer)
	})}})
	initiator, responder := w.add(nat.NewHost(near), options{}), w.add(nat.NewHost(far), options{})
	w.connect(responder, server)
	p := initiator.dial(responder.fingerprint(), nil, server.addr())
	if !w.opens(p) || p.session.Path().Addr != far {
		t.Errorf("far end at %v, %v", p.session.Path(), p.err)
	}
	if st := server.Stats(); st.HellosForwarded != 5 || responder.Stats().FIHellos != 5 {
		t.Errorf("%d hellos sent on, %d came", st.HellosForwarded, responder.Stats().FIHellos)
	}
}
