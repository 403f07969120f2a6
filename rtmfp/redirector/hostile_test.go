package redirector

import (
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// speak opens a registration by hand: with a flow of this metadata, on which these messages are sent.
func (w *town) speak(s *node, metadata string, messages ...[]byte) *spoken {
	w.t.Helper()
	p := &spoken{flow: make(chan error, 1), session: make(chan error, 1)}
	session, err := s.Dial(w.t.Context(), rtmfp.DialConfig{
		Identity: "live", Addresses: []netip.AddrPort{w.at}, Discriminator: byName(lbName),
		Handler: rtmfp.SessionFuncs{OnClosed: func(_ *rtmfp.Session, err error) { p.session <- err }},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	session.Do(func() {
		_, far := session.Nonces()
		if messages != nil {
			messages = append([][]byte{appendAuthentication(nil, "user", []byte("secret"), far)}, messages...)
		}
		handler := rtmfp.SendFuncs{OnEnded: func(_ *rtmfp.SendFlow, err error) { p.flow <- err }}
		flow, err := session.OpenFlow(rtmfp.FlowConfig{Metadata: []byte(metadata), Handler: handler})
		if err != nil {
			w.t.Error(err)
			return
		}
		for _, m := range messages {
			if _, err := flow.Send(rtmfp.Outgoing{Body: m}); err != nil {
				w.t.Error(err)
			}
		}
	})
	w.settle()
	return p
}

type spoken struct{ flow, session chan error }

func TestMalformedMessagesEndTheRegistration(t *testing.T) {
	valid := settings{observed: true}.append(nil)
	for what, message := range map[string][]byte{
		"settings": {commandSettings, 0x05, 0x0d},
		"load":     {commandLoad},
		"proof":    {commandAuthenticate, 1, 2, 3},
		"too long": append([]byte{commandUserData}, make([]byte, MaxMessage)...),
	} {
		inTown(t, ServerConfig{}, func(w *town) {
			p := w.speak(w.serve(1), Metadata, valid, message)
			w.settle()
			if st := w.lb.Stats(); st.Servers != 0 || st.Registrations != 1 || st.Gone != 1 {
				t.Errorf("%s: %+v", what, st)
			}
			if len(p.flow) != 1 {
				t.Errorf("%s: the flow was not rejected", what)
			}
			w.wait(10 * time.Second)
			if len(p.session) != 1 || w.lb.Stats().Pending != 0 {
				t.Errorf("%s: the session was not closed", what)
			}
		})
	}
}

func TestEmptyAndUnknownMessagesAreIgnored(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		w.speak(w.serve(1), Metadata+"\x00more", []byte{}, []byte{0x77, 1, 2}, []byte{commandUserData}, settings{observed: true}.append(nil))
		if st := w.lb.Stats(); st.Servers != 1 || st.Ignored != 1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestWhoDoesNotRegisterHasToGo(t *testing.T) {
	for what, metadata := range map[string]string{"silent": Metadata, "other flow": "video"} {
		inTown(t, ServerConfig{}, func(w *town) {
			var messages [][]byte
			if metadata != Metadata {
				messages = [][]byte{settings{observed: true}.append(nil)}
			}
			p := w.speak(w.serve(1), metadata, messages...)
			if st := w.lb.Stats(); st.Pending != 1 || st.Servers != 0 {
				t.Errorf("%s: %+v", what, st)
			}
			w.wait(w.lb.config.Limits.Patience)
			if st := w.lb.Stats(); st.Pending != 0 || len(p.session) != 1 || st.RefusedMessage != 1 {
				t.Errorf("%s: %+v", what, st)
			}
		})
	}
}

func TestRegistrationsAreLimited(t *testing.T) {
	inTown(t, ServerConfig{Limits: Limits{Registrations: 2}}, func(w *town) {
		w.register(1, nil)
		w.register(2, nil)
		c := w.register(3, nil)
		if got := c.registrar.Status().State; got != Refused || w.lb.Stats().Servers != 2 || w.lb.Stats().RefusedFull != 1 {
			t.Errorf("%v, %+v", got, w.lb.Stats())
		}
	})
}

func TestSessionsOfOneAddressAreLimited(t *testing.T) {
	inTown(t, ServerConfig{Limits: Limits{PerAddress: 1}}, func(w *town) {
		w.register(1, nil)
		other := w.open(rtmfp.Config{Addresses: []string{"10.0.1.1:99"}, Identity: w.identity(flash.IdentityConfig{AcceptsAncillary: true})})
		if at, err := w.connect(other, byName(lbName)); err == nil {
			t.Errorf("session with %v", at)
		}
		if st := w.lb.Stats(); st.RefusedFull == 0 || w.logs.count("redirector is full", "one address") != 1 {
			t.Errorf("%+v", st)
		}
		w.register(2, nil)
		if w.lb.Stats().Servers != 2 {
			t.Error("the limit holds for others")
		}
	})
}

func TestPendingSessionsAreLimited(t *testing.T) {
	inTown(t, ServerConfig{Limits: Limits{Pending: 1}}, func(w *town) {
		w.register(1, nil)
		w.speak(w.serve(2), Metadata)
		c := w.register(3, nil)
		if c.registrar.Status().State == Registered {
			t.Error("registered")
		}
		w.wait(time.Minute)
		if c.registrar.Status().State != Registered {
			t.Error("not registered when there was room again")
		}
	})
}

func TestAddressesAreCountedByBlock(t *testing.T) {
	for a, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := block(netip.MustParseAddr(a)).String(); got != want {
			t.Errorf("%s: %s", a, got)
		}
	}
}

func TestConfigurationsThatMakeNoSenseAreRefused(t *testing.T) {
	good := netip.MustParseAddrPort("10.0.0.1:1")
	server, err := flash.NewIdentity(flash.IdentityConfig{Hostname: "lb", AcceptsAncillary: true})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]ServerConfig{
		"no name":          {},
		"empty password":   {Name: "lb", Users: map[string][]byte{"user": nil}},
		"too many answers": {Name: "lb", Answers: 9},
		"target nowhere":   {Name: "lb", Targets: []Target{{}}},
		"target's port":    {Name: "lb", Targets: []Target{{Addresses: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:0")}}}},
		"target's weight":  {Name: "lb", Targets: []Target{{Addresses: []netip.AddrPort{good}, Weight: 1001}}},
		"fallback":         {Name: "lb", Fallback: []netip.AddrPort{{}}},
		"identity":         {Name: "lb", Identity: server},
	} {
		if _, err := NewServer(c); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	for what, c := range map[string]RegistrarConfig{
		"no name":       {Addresses: []string{"lb:1"}},
		"no address":    {Name: "lb"},
		"no port":       {Name: "lb", Addresses: []string{"lb"}},
		"no address to": {Name: "lb", Addresses: []string{"lb:1"}, HideObserved: true},
		"advertised":    {Name: "lb", Addresses: []string{"lb:1"}, Advertise: []netip.AddrPort{{}}},
	} {
		if _, err := Register(nil, c); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
