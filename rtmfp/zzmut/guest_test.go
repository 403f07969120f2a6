package redirector

import (
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// testGuest is a guest whose session does not reach anybody. Its timer has to be stopped.
func testGuest(t testing.TB, config ServerConfig) *guest {
	t.Helper()
	config.Name = lbName
	s, err := NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{server: s, session: new(rtmfp.Session), authenticated: config.Open}
	s.pending++
	g.after(time.Hour, func() {})
	return g
}

// FuzzRegistration has a far end send messages, each behind a byte that has its length, from one that is authenticated or not.
func FuzzRegistration(f *testing.F) {
	message := func(b []byte) []byte { return append([]byte{byte(len(b))}, b...) }
	join := func(messages ...[]byte) (all []byte) {
		for _, m := range messages {
			all = append(all, message(m)...)
		}
		return all
	}
	observed := settings{observed: true}
	listed := settings{addresses: []wire.Address{{AddrPort: netip.MustParseAddrPort("[2001:db8::1]:1935")}}}
	f.Add(true, join(observed.append(nil), appendLoad(nil, 1<<63), []byte{commandDraining}, listed.append(nil)))
	f.Add(false, join(appendAuthentication(nil, "user", []byte("secret"), [32]byte{}), observed.append(nil), []byte{commandUserData, 1}))
	f.Add(false, join(observed.append(nil), []byte{commandSettings, 9}))
	f.Fuzz(func(t *testing.T, open bool, all []byte) {
		g := testGuest(t, ServerConfig{Open: open, Users: map[string][]byte{"user": []byte("secret")}})
		defer func() { g.timer.Stop() }()
		for len(all) > 0 {
			n := min(int(all[0]), len(all)-1)
			g.Message(nil, rtmfp.Message{Data: all[1 : 1+n]})
			all = all[1+n:]
		}
		s := g.server
		if len(s.pool.places) != s.stats.Servers || s.pending+s.stats.Servers != 1 || (g.place != nil) != (s.stats.Servers == 1) {
			t.Fatalf("%d places, %d pending, %+v", len(s.pool.places), s.pending, s.stats)
		}
		if s.stats.Registrations > 0 && !g.authenticated || g.refused && g.place != nil {
			t.Fatal("registered without a right to be")
		}
		to, sessions := s.answer(nil, netip.MustParseAddrPort("10.0.0.1:1"), nil, nil)
		if len(to) > maxOffered || len(sessions) > 1 || len(to) > 0 && (g.place == nil || g.place.draining) {
			t.Fatalf("%v, %d sessions", to, len(sessions))
		}
		for _, a := range to {
			if a.AddrPort != g.place.observed && !isReachable(a.AddrPort) {
				t.Fatalf("%v offered", a)
			}
		}
		g.leave(rtmfp.ErrClosed)
		if len(s.pool.places) != 0 || s.pending != 1 {
			t.Fatal("not forgotten")
		}
	})
}
