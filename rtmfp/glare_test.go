package rtmfp_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// lower gives the ends in the order of their certificates: the first one stays initiator.
func lower(a, b *end) (first, second *end) {
	if bytes.Compare(a.identity.Certificate().Bytes(), b.identity.Certificate().Bytes()) < 0 {
		return a, b
	}
	return b, a
}

// onlySession gives the one open session of an end.
func onlySession(t *testing.T, what string, e *end) *rtmfp.Session {
	t.Helper()
	var all []*rtmfp.Session
	e.do(func() { e.Sessions(func(s *rtmfp.Session) bool { all = append(all, s); return true }) })
	if len(all) != 1 || e.Stats().Openings != 0 {
		t.Fatalf("%s: %d open sessions, %d opening", what, len(all), e.Stats().Openings)
	}
	return all[0]
}

// has says whether whoever dialled got the session, either opened or as the one that there is already.
func has(p *peer, s *rtmfp.Session) bool {
	var duplicate *rtmfp.DuplicateError
	if errors.As(p.err, &duplicate) {
		return duplicate.Session == s && !p.opened
	}
	return p.opened && !p.closed && p.session == s
}

// sameSession checks that two sessions are the two ends of one, and that messages pass both ways.
func sameSession(t *testing.T, what string, w *world, a, b *rtmfp.Session) {
	t.Helper()
	n1, f1 := a.Nonces()
	n2, f2 := b.Nonces()
	if n1 != f2 || n2 != f1 || a.Role() == b.Role() || !a.IsOpen() || !b.IsOpen() {
		t.Errorf("%s: not the two ends of one session: %v and %v", what, a.State(), b.State())
	}
	before := a.Stats().PacketsReceived + b.Stats().PacketsReceived
	w.RunFor(15 * time.Second)
	if after := a.Stats().PacketsReceived + b.Stats().PacketsReceived; after < before+2 {
		t.Errorf("%s: %d packets came, then %d", what, before, after)
	}
}

func TestGlareLeavesOneSessionInEveryOrderOfArrival(t *testing.T) {
	const delay = 20 * time.Millisecond
	glares, duplicates := 0, 0
	for _, work := range []time.Duration{0, 7 * time.Millisecond} {
		for offset := -130 * time.Millisecond; offset <= 130*time.Millisecond; offset += 2500 * time.Microsecond {
			what := fmt.Sprintf("work %v, offset %v", work, offset)
			w := newWorld(t, uint64(1000+offset/time.Microsecond))
			a, b := w.pair(simnet.Conditions{Delay: delay}, options{}, options{})
			a.host.SetWorker(work, 10)
			b.host.SetWorker(work, 10)
			a, b = lower(a, b)
			var fromA, fromB *peer
			w.After(max(0, -offset), func() { fromA = a.dial(b.fingerprint(), nil, b.addr()) })
			w.After(max(0, offset), func() { fromB = b.dial(a.fingerprint(), nil, a.addr()) })
			w.RunFor(10 * time.Second)
			s1, s2 := onlySession(t, what, a), onlySession(t, what, b)
			sameSession(t, what, w, s1, s2)
			if !has(fromA, s1) || !has(fromB, s2) {
				t.Errorf("%s: dialled %v %v and %v %v", what, fromA.opened, fromA.err, fromB.opened, fromB.err)
			}
			if fromA.err != nil || fromB.err != nil {
				duplicates++
				continue
			}
			glares++
			if len(a.accepted)+len(b.accepted) > 0 || s1.Role() != rtmfp.Initiator {
				t.Errorf("%s: %d sessions at listeners, role %v", what, len(a.accepted)+len(b.accepted), s1.Role())
			}
		}
	}
	if glares < 50 || duplicates < 50 {
		t.Errorf("%d glares, %d duplicates", glares, duplicates)
	}
}

// forEver are the options of an end that does not close idle sessions.
var forEver = options{config: rtmfp.CoreConfig{Times: rtmfp.Times{Idle: -1}}}

func TestGlareWithLossLeavesOneSession(t *testing.T) {
	for seed := range uint64(40) {
		what := fmt.Sprintf("seed %d", seed)
		w := newWorld(t, seed)
		a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, JitterReorders: true, Loss: 0.2},
			forEver, forEver)
		fromA := a.dial(b.fingerprint(), nil, b.addr())
		fromB := b.dial(a.fingerprint(), nil, a.addr())
		w.RunFor(170 * time.Second) // what one end has lost the other one gives up by then
		s1, s2 := onlySession(t, what, a), onlySession(t, what, b)
		sameSession(t, what, w, s1, s2)
		if !has(fromA, s1) || !has(fromB, s2) {
			t.Errorf("%s: dialled %v %v and %v %v", what, fromA.opened, fromA.err, fromB.opened, fromB.err)
		}
	}
}

func TestGlareWithSeveralDialsLeavesOneSession(t *testing.T) {
	// Whichever of our dials has got furthest becomes the session; the others are told that they are duplicates.
	for seed := range uint64(20) {
		what := fmt.Sprintf("seed %d", seed)
		w := newWorld(t, seed)
		a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
		a.host.SetWorker(5*time.Millisecond, 10)
		b.host.SetWorker(5*time.Millisecond, 10)
		var dials [2][]*peer
		for range 3 {
			dials[0] = append(dials[0], a.dial(b.fingerprint(), nil, b.addr()))
			dials[1] = append(dials[1], b.dial(a.fingerprint(), nil, a.addr()))
			w.RunFor(time.Duration(w.Rand().IntN(40)) * time.Millisecond)
		}
		w.RunFor(100 * time.Second)
		sessions := [2]*rtmfp.Session{onlySession(t, what, a), onlySession(t, what, b)}
		sameSession(t, what, w, sessions[0], sessions[1])
		for end, all := range dials {
			for i, p := range all {
				if !has(p, sessions[end]) {
					t.Errorf("%s: dial %d of end %d: opened %v, %v", what, i, end, p.opened, p.err)
				}
			}
		}
	}
}

func TestNobodyElseIsTakenForTheOneWhoIsDialled(t *testing.T) {
	// A third end opens a session while we dial another one at an address of its own: both sessions come to be.
	w := newWorld(t, 5)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	third := w.add(w.NewHost(spoofed(1)), options{})
	toB := a.dial(b.fingerprint(), nil, b.addr(), third.addr())
	toA := third.dial(a.fingerprint(), nil, a.addr())
	w.RunFor(10 * time.Second)
	if !toB.opened || !toA.opened || a.openSessions() != 2 || len(a.accepted) != 1 || a.Stats().Glares != 0 {
		t.Errorf("opened %v and %v, %d sessions, %d accepted", toB.opened, toA.opened, a.openSessions(), len(a.accepted))
	}
}
