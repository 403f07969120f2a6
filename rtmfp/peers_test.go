package rtmfp_test

import (
	"errors"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
)

func TestFarEndHasSoManySessionsAndNoMore(t *testing.T) {
	const most = 5
	w := newWorld(t, 1)
	client := options{identity: flash.IdentityConfig{Randomness: []byte("always me"), Groups: []flash.Group{flash.Group2}}}
	b := w.add(w.NewHost(at(1, 1935)), options{config: rtmfp.CoreConfig{Limits: rtmfp.Limits{SessionsPerPeer: most}}})
	var all []*peer
	for n := range byte(most + 2) {
		all = append(all, w.add(w.NewHost(at(n+2, 4000)), client).dial(b.fingerprint(), nil, b.addr()))
		w.RunFor(time.Second)
	}
	if st := b.Stats(); b.openSessions() != most || st.RefusedFull == 0 {
		t.Fatalf("%d sessions, %d refused", b.openSessions(), st.RefusedFull)
	}
	w.connect(w.add(w.NewHost(at(100, 4000)), options{}), b) // others are as welcome as before
	for _, i := range []int{2, 0, 4} {                       // from the middle, the oldest and the newest
		b.do(func() { b.accepted[i].session.Abort(rtmfp.ErrClosed) })
		if err := rtmfp.CheckGroup(b.Core); err != nil {
			t.Fatal(err)
		}
	}
	w.RunUntil(func() bool { return all[most].opened && all[most+1].opened }, time.Minute)
	if !all[most].opened || !all[most+1].opened {
		t.Errorf("opened %v and %v when there was room", all[most].opened, all[most+1].opened)
	}
}

func TestKeyedOpeningCountsAsOneSession(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{config: rtmfp.CoreConfig{Limits: rtmfp.Limits{Sessions: 2}}}, options{})
	c := w.add(w.NewHost(at(3, 1935)), options{})
	b.host.SetWorker(time.Second, 1)
	first := a.dial(b.fingerprint(), nil, b.addr())
	if !w.RunUntil(func() bool { return a.Stats().IIKeyingsSent > 0 }, time.Second) {
		t.Fatal("no keying")
	}
	second := a.dial(c.fingerprint(), nil, c.addr())
	a.do(func() {
		d := rtmfp.DialConfig{Identity: name, Discriminator: c.fingerprint(), Paths: []rtmfp.Path{{Addr: c.addr()}}, Handler: &peer{}}
		if _, err := a.Dial(d); !errors.Is(err, rtmfp.ErrTooManySessions) {
			t.Errorf("a third one: %v", err)
		}
	})
	if !w.RunUntil(func() bool { return first.opened && second.opened }, time.Minute) {
		t.Errorf("opened %v and %v", first.opened, second.opened)
	}
}

func TestNegativeBackOffIsTheDefault(t *testing.T) {
	w := newWorld(t, 1)
	times := rtmfp.Times{HelloInterval: -time.Second, HelloBackoff: -time.Second, OpenTimeout: -1}
	a, b := w.pair(simnet.Conditions{Loss: 1}, options{config: rtmfp.CoreConfig{Times: times}}, options{})
	p := a.dial(b.fingerprint(), nil, b.addr())
	w.RunFor(94 * time.Second)
	if n := a.Stats().IHellosSent; n < 5 || n > 15 || p.closed {
		t.Errorf("%d hellos, closed %v", n, p.closed)
	}
}

// TestCopiedCertificateKeepsNobodyOut has somebody key with the certificate of another, again and again, without ever showing keys.
func TestCopiedCertificateKeepsNobodyOut(t *testing.T) {
	const most = 5
	w := newWorld(t, 1)
	client := options{identity: flash.IdentityConfig{Randomness: []byte("always me"), Groups: []flash.Group{flash.Group2}}}
	b := w.add(w.NewHost(at(1, 1935)), options{config: rtmfp.CoreConfig{Limits: rtmfp.Limits{SessionsPerPeer: most}}})
	for n := range byte(2 * most) {
		copied := w.add(w.NewHost(at(n+2, 4000)), client)
		copied.dial(b.fingerprint(), nil, b.addr())
		before := len(b.accepted)
		w.RunUntil(func() bool { return len(b.accepted) > before }, time.Second)
		copied.host.Blackout(time.Hour) // before it can say anything
	}
	if len(b.accepted) != 2*most || b.openSessions() != most {
		t.Fatalf("%d sessions were accepted and %d are open", len(b.accepted), b.openSessions())
	}
	owner := w.add(w.NewHost(at(100, 4000)), client).dial(b.fingerprint(), nil, b.addr())
	if !w.RunUntil(func() bool { return owner.opened }, time.Second) {
		t.Error("the owner of the certificate is kept out")
	}
}
