package redirector

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp/flash"
)

func TestClientIsRedirectedToARegisteredServer(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, nil)
		if got := s.registrar.Status(); got.State != Registered || got.Redirector != w.at || got.Reflexive != s.at {
			t.Fatalf("%+v", got)
		}
		if all := w.lb.Registrations(); len(all) != 1 || all[0].Observed != s.at || all[0].Peer != s.identity.Certificate().PeerID() {
			t.Fatalf("%+v", all)
		}
		if got := w.visit(); got != "10.0.1.1" {
			t.Fatal("the client is at", got)
		}
		w.settle()
		// The server was told of the client, and has answered it itself.
		if st := s.Stats(); s.count() != 1 || st.FIHellos != 1 || st.RHellosSent == 0 {
			t.Errorf("%d clients, %d FIHellos, %d RHellos", s.count(), st.FIHellos, st.RHellosSent)
		}
		if st := w.lb.Stats(); st.Servers != 1 || st.Redirects != 1 || st.Forwards != 1 || st.Pending != 0 {
			t.Errorf("%+v", st)
		}
		if w.end.Stats().RHellosSent != 1 {
			t.Error("the redirector has answered a client itself")
		}
	})
}

func TestServerBehindAFirewallIsReachedByTheForwardedHello(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, nil)
		c := w.client()
		w.block(c.Addrs()[0], s.at) // until the server has sent to the client
		began := time.Now()
		at, err := w.connect(c, anyServer())
		if err != nil || at != s.at || time.Since(began) > time.Second {
			t.Errorf("client at %v after %v, %v", at, time.Since(began), err)
		}
	})
}

func TestWrongPasswordIsRefusedLate(t *testing.T) {
	for what, credentials := range map[string][]Credential{
		"wrong password": {{"user", []byte("guess")}},
		"unknown user":   {{"nobody", []byte("secret")}},
		"other's":        {{"second", []byte("secret")}},
		"empty password": {{"user", nil}},
		"nothing right":  {{"nobody", nil}},
		"none":           nil,
	} {
		inTown(t, ServerConfig{}, func(w *town) {
			s := w.register(1, func(c *RegistrarConfig) { c.Credentials = credentials })
			if got := s.heard(); got != "" {
				t.Errorf("%s: %s at once", what, got)
			}
			w.wait(time.Second)
			if got := s.registrar.Status(); got.State != Refused || got.Err != ErrRefused {
				t.Errorf("%s: %+v", what, got)
			}
			if got := w.visit(); got != "nobody" {
				t.Errorf("%s: client at %s", what, got)
			}
			if st := w.lb.Stats(); st.RefusedPassword == 0 || st.Registrations != 0 || w.logs.count("registration refused", "level=WARN") == 0 {
				t.Errorf("%s: %+v", what, st)
			}
		})
	}
}

func TestOneRightPasswordOfSeveralWillDo(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, func(c *RegistrarConfig) {
			c.Credentials = []Credential{{"nobody", []byte("x")}, {"second", []byte("other")}, {"user", []byte("old")}}
		})
		if got := s.registrar.Status().State; got != Registered {
			t.Error(got)
		}
	})
}

func TestProofsAreLimited(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, func(c *RegistrarConfig) {
			c.Credentials = make([]Credential, maxAttempts, maxAttempts+1)
			c.Credentials = append(c.Credentials, Credential{"user", []byte("secret")})
		})
		if got := s.registrar.Status().State; got != Refused || w.lb.Stats().RefusedMessage != 1 {
			t.Error(got)
		}
	})
}

func TestNobodyRegistersWhereNoUserIsUnlessItIsOpen(t *testing.T) {
	inTown(t, ServerConfig{Users: map[string][]byte{}}, func(w *town) {
		s := w.register(1, nil)
		w.wait(2 * time.Second)
		if s.registrar.Status().State == Registered {
			t.Error("registered")
		}
	})
	inTown(t, ServerConfig{Open: true}, func(w *town) {
		if s := w.register(1, func(c *RegistrarConfig) { c.Credentials = nil }); s.registrar.Status().State != Registered {
			t.Error("not registered")
		}
	})
}

func TestHundredClientsSpreadEvenlyOverTwoServers(t *testing.T) {
	inTown(t, ServerConfig{Answers: 1}, func(w *town) {
		a, b := w.register(1, nil), w.register(2, nil)
		for range 100 {
			w.visit()
		}
		if a.count() != 50 || b.count() != 50 {
			t.Errorf("%d and %d", a.count(), b.count())
		}
	})
}

func TestTwoAnswersNameBothServersInTurn(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		a, b := w.register(1, nil), w.register(2, nil)
		for range 20 {
			w.visit()
		}
		if st := w.lb.Stats(); st.Forwards != 2*st.Redirects || a.count()+b.count() != 20 {
			t.Errorf("%d and %d clients, %+v", a.count(), b.count(), st)
		}
		w.unplug(a.at)
		if got := w.visit(); got != "10.0.1.2" {
			t.Errorf("with one of them dead a client is at %s", got)
		}
	})
}

func TestClientsGoToTheLeastLoaded(t *testing.T) {
	inTown(t, ServerConfig{Answers: 1}, func(w *town) {
		a, b := w.register(1, nil), w.register(2, nil)
		a.registrar.SetLoad(100)
		b.registrar.SetLoad(7)
		w.wait(2 * time.Second)
		for range 5 {
			w.visit()
		}
		b.registrar.SetLoad(1000)
		w.wait(2 * time.Second)
		for range 3 {
			w.visit()
		}
		if a.count() != 3 || b.count() != 5 {
			t.Errorf("%d and %d", a.count(), b.count())
		}
		if got := w.lb.Registrations(); got[0].Load != 100 || got[1].Load != 1000 {
			t.Errorf("%+v", got)
		}
	})
}

func TestLoadIsReportedNotTooOften(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, nil)
		way := [2]netip.AddrPort{s.at, w.at}
		before := w.packets(way)
		for n := range 1000 {
			s.registrar.SetLoad(uint64(n))
			w.wait(4 * time.Millisecond)
		}
		if n := w.packets(way) - before; n > 10 { // 4 seconds
			t.Errorf("%d packets", n)
		}
		w.wait(time.Second)
		if got := w.lb.Registrations()[0].Load; got != 999 {
			t.Errorf("load %d", got)
		}
	})
}

func (w *town) packets(way [2]netip.AddrPort) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent[way]
}

func TestDrainingServerIsFoundByItsFingerprintOnly(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		a, b := w.register(1, nil), w.register(2, nil)
		a.registrar.Drain()
		w.settle()
		for range 4 {
			w.visit()
		}
		if a.count() != 0 || b.count() != 4 || w.lb.Stats().Draining != 1 {
			t.Errorf("%d and %d", a.count(), b.count())
		}
		if at, err := w.connect(w.client(), a.identity.Certificate().CanonicalDiscriminator()); at != a.at {
			t.Errorf("by fingerprint at %v, %v", at, err)
		}
		a.registrar.Resume()
		b.registrar.Drain()
		w.settle()
		if got := w.visit(); got != "10.0.1.1" {
			t.Errorf("client at %s", got)
		}
	})
}

func TestFingerprintLeadsToThatServerOnly(t *testing.T) {
	inTown(t, ServerConfig{Fallback: []netip.AddrPort{netip.MustParseAddrPort("10.0.1.99:1")}}, func(w *town) {
		w.register(1, nil)
		b := w.register(2, nil)
		if at, err := w.connect(w.client(), b.identity.Certificate().CanonicalDiscriminator()); at != b.at {
			t.Errorf("at %v, %v", at, err)
		}
		if st := w.lb.Stats(); st.Forwards != 1 {
			t.Errorf("%+v", st)
		}
		stranger := w.identity(flash.IdentityConfig{})
		if _, err := w.connect(w.client(), stranger.Certificate().CanonicalDiscriminator()); err == nil || w.lb.Stats().Redirects != 1 {
			t.Error("somebody was named for a fingerprint that nobody has")
		}
	})
}

func TestServerThatVanishesIsNotOfferedForLong(t *testing.T) {
	inTown(t, ServerConfig{Answers: 1}, func(w *town) {
		a, b := w.register(1, nil), w.register(2, nil)
		w.wait(time.Minute)
		w.unplug(a.at)
		w.wait(w.lb.config.Limits.Vanished)
		w.settle()
		if got := w.lb.Registrations(); len(got) != 1 || got[0].Observed != b.at {
			t.Fatalf("%+v", got)
		}
		for range 4 {
			if got := w.visit(); got != "10.0.1.2" {
				t.Error("client at", got)
			}
		}
		if w.logs.count("server gone", a.at.String()) != 1 || w.lb.Stats().Gone != 1 {
			t.Error("not logged")
		}
	})
}

func TestServerThatMovesIsOfferedAtItsNewAddress(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, nil)
		to := netip.MustParseAddrPort("10.0.1.200:777")
		w.move(s.at, to)
		s.registrar.SetLoad(1) // which makes it send
		w.wait(2 * time.Second)
		if got := w.lb.Registrations(); len(got) != 1 || got[0].Observed != to || s.registrar.Status().Reflexive != to {
			t.Errorf("%+v, %+v", got, s.registrar.Status())
		}
		if got := w.visit(); got != "10.0.1.200" || s.count() != 1 || w.logs.count("server moved") != 1 {
			t.Error("client at", got)
		}
	})
}

func TestServerThatLeavesIsNotOfferedAnyMore(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, nil)
		s.registrar.Close()
		w.settle()
		if st := w.lb.Stats(); st.Servers != 0 || w.visit() != "nobody" || s.heard() != "registered closed" {
			t.Errorf("%+v, %s", st, s.heard())
		}
		w.wait(time.Minute)
		w.lb.mu.Lock()
		defer w.lb.mu.Unlock()
		if w.lb.pending != 0 || len(w.lb.addresses) != 0 {
			t.Errorf("%d pending, %v", w.lb.pending, w.lb.addresses)
		}
	})
}

func TestTargetsNeedNotRegister(t *testing.T) {
	target := netip.MustParseAddrPort("10.0.1.9:1935")
	inTown(t, ServerConfig{Answers: 1, Targets: []Target{{Addresses: []netip.AddrPort{target}, Weight: 3}}}, func(w *town) {
		listed, registered := w.serve(9), w.register(1, nil)
		for range 8 {
			w.visit()
		}
		if listed.count() != 6 || registered.count() != 2 {
			t.Errorf("%d and %d", listed.count(), registered.count())
		}
	})
}

func TestFallbackIsForWhenThereIsNobody(t *testing.T) {
	fallback := netip.MustParseAddrPort("10.0.1.9:1935")
	inTown(t, ServerConfig{Fallback: []netip.AddrPort{fallback}}, func(w *town) {
		w.serve(9)
		if got := w.visit(); got != "10.0.1.9" {
			t.Error("client at", got)
		}
		w.register(1, nil)
		for range 3 {
			if got := w.visit(); got != "10.0.1.1" {
				t.Error("client at", got)
			}
		}
	})
	inTown(t, ServerConfig{}, func(w *town) {
		if got := w.visit(); got != "nobody" || w.end.Stats().RedirectsSent != 0 || w.lb.Stats().Unanswered == 0 {
			t.Error("client at", got)
		}
	})
}

func TestListedAddressesAreOfferedInPlaceOfTheObservedOne(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		w.serve(9)
		s := w.register(1, func(c *RegistrarConfig) {
			c.HideObserved, c.Advertise = true, []netip.AddrPort{netip.MustParseAddrPort("10.0.1.9:1935")}
		})
		if got := w.lb.Registrations()[0]; fmt.Sprint(got.Offered) != "[10.0.1.9:1935]" || got.Observed != s.at {
			t.Errorf("%+v", got)
		}
		c := w.client()
		w.block(s.at, c.Addrs()[0]) // until the client sends to the address that it was not told
		if at, err := w.connect(c, anyServer()); at.String() != "10.0.1.9:1935" {
			t.Error("client at", at, err)
		}
	})
}

func TestServersAreToldOnlyOfClientsThatSendToThem(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		w.register(1, func(c *RegistrarConfig) {
			c.HideObserved, c.Advertise = true, []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::1]:1935")}
		})
		w.visit() // over IPv4
		if st := w.lb.Stats(); st.Redirects == 0 || st.Forwards != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestCertificateThatClientsWouldRefuseIsRefused(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, func(c *RegistrarConfig) { c.Identity = "" })
		if got := s.registrar.Status(); got.State != Refused || w.lb.Stats().Servers != 0 || w.logs.count("does not accept a URI") == 0 {
			t.Errorf("%+v", got)
		}
	})
}
