package rtmfp_test

import (
	"errors"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

func TestIdleSessionIsClosedInGoodOrder(t *testing.T) {
	w := newWorld(t, 1)
	quick := options{config: rtmfp.CoreConfig{Times: rtmfp.Times{Idle: time.Minute}}}
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, quick)
	near, far := w.connect(a, b)
	opened := w.Now().Sub(0)
	w.RunUntil(func() bool { return far.closed }, time.Hour)
	if took := w.Now().Sub(0) - opened; took < 59*time.Second || took > 61*time.Second || !ended(far, rtmfp.ErrClosed) {
		t.Errorf("after %v: %v", took, far.err)
	}
	w.RunFor(20 * time.Millisecond)
	if !ended(near, rtmfp.ErrClosedByPeer) {
		t.Errorf("far end: %v", near.err)
	}
}

func TestSessionWithAFlowIsNotIdle(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var f *rtmfp.SendFlow
	a.do(func() {
		f = near.open(t, rtmfp.FlowConfig{Metadata: []byte("m")})
		f.Send(rtmfp.Outgoing{Body: []byte("hello")})
	})
	w.RunFor(time.Hour)
	if near.closed || far.closed {
		t.Fatalf("%v, %v", near.err, far.err)
	}
	a.do(f.Close)
	w.RunFor(119 * time.Second)
	if near.closed || far.closed {
		t.Errorf("closed too early: %v, %v", near.err, far.err)
	}
	w.RunFor(2 * time.Second)
	if !near.closed || !far.closed {
		t.Error("not closed")
	}
}

func TestIdleTimeBeginsWithTheEndOfTheLastFlow(t *testing.T) {
	// Messages come so often that no timer of the session ever fires.
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var f *rtmfp.SendFlow
	a.do(func() { f = near.open(t, rtmfp.FlowConfig{Metadata: []byte("m")}) })
	for range 5 * 60 * 50 {
		a.do(func() {
			f.Send(rtmfp.Outgoing{Body: []byte("hello")})
			f.Send(rtmfp.Outgoing{Body: make([]byte, 1000)})
		})
		w.RunFor(20 * time.Millisecond)
	}
	a.do(f.Close)
	w.RunFor(119 * time.Second)
	if near.closed || far.closed {
		t.Fatalf("closed too early: %v, %v", near.err, far.err)
	}
	w.RunFor(2 * time.Second)
	if !near.closed || !far.closed {
		t.Error("not closed")
	}
}

func TestKeepaliveKeepsTheMappingOfANATWithFewPackets(t *testing.T) {
	w := newWorld(t, 1)
	nat := w.NewNAT(at(9, 0).Addr(), simnet.NATSettings{Kind: simnet.Symmetric, Timeout: 15 * time.Second})
	a := w.add(nat.NewHost(spoofed(1)), forEver)
	b := w.add(w.NewHost(at(1, 1935)), forEver)
	near, far := w.connect(a, b)
	w.RunFor(time.Second)
	before := a.Stats().DatagramsSent + b.Stats().DatagramsSent
	w.RunFor(time.Hour)
	if near.closed || far.closed || far.moves != 0 || far.session.Stats().Silence > 11*time.Second {
		t.Errorf("%v, %v, moved %d times", near.err, far.err, far.moves)
	}
	// Each 10 s one end asks and the other one answers; both may ask at once.
	if sent := a.Stats().DatagramsSent + b.Stats().DatagramsSent - before; sent < 2*350 || sent > 4*361 {
		t.Errorf("%d datagrams in an hour", sent)
	}
}

func TestDeadPeerIsNoticedInTime(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, forEver, forEver)
	near, far := w.connect(a, b)
	w.RunFor(33 * time.Second)
	var heard time.Duration
	a.do(func() { heard = near.session.Stats().Silence })
	a.host.Blackout(time.Hour)
	began := w.Now()
	w.RunUntil(func() bool { return near.closed }, time.Hour)
	if took := w.Now().Sub(began) + heard; !ended(near, rtmfp.ErrTimeout) || took != 70*time.Second {
		t.Errorf("%v after a silence of %v", near.err, took)
	}
	w.RunFor(15 * time.Second)
	if !ended(far, rtmfp.ErrTimeout) {
		t.Errorf("the other end: %v", far.err)
	}
	nothingLeft(t, "who noticed", a)
	nothingLeft(t, "who was deaf", b)
}

func TestPeerThatDiesWithDataUnderWayIsNoticedSooner(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, forEver, forEver)
	near, _ := w.connect(a, b)
	w.RunFor(5 * time.Second)
	b.host.Attach(nil)
	var out outbox
	a.do(func() {
		near.open(t, rtmfp.FlowConfig{Metadata: []byte("m"), Handler: &out}).Send(rtmfp.Outgoing{Body: []byte("hello"), Receipt: true})
	})
	began := w.Now()
	w.RunUntil(func() bool { return near.closed }, time.Hour)
	if took := w.Now().Sub(began); !ended(near, rtmfp.ErrTimeout) || took != time.Minute {
		t.Errorf("%v after %v", near.err, took)
	}
	if !out.ended || !errors.Is(out.err, rtmfp.ErrTimeout) || out.delivered != 0 {
		t.Errorf("flow: %+v", out)
	}
}

func TestShortSilenceEndsNothing(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, forEver, forEver)
	near, far := w.connect(a, b)
	for range 20 {
		w.RunFor(15 * time.Second)
		a.host.Blackout(55 * time.Second)
		w.RunFor(56 * time.Second)
	}
	w.RunFor(12 * time.Second)
	if near.closed || far.closed || near.session.Stats().Silence > 11*time.Second {
		t.Errorf("%v, %v", near.err, far.err)
	}
}

func TestWithoutKeepaliveNothingIsSent(t *testing.T) {
	quiet := options{config: rtmfp.CoreConfig{Times: rtmfp.Times{Idle: -1, KeepAlive: -1}}}
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, quiet, quiet)
	near := a.dial(b.fingerprint(), nil, b.addr())
	w.RunUntil(func() bool { return near.opened }, time.Minute)
	w.RunFor(time.Second)
	before := a.Stats().DatagramsSent + b.Stats().DatagramsSent
	w.RunFor(24 * time.Hour)
	if sent := a.Stats().DatagramsSent + b.Stats().DatagramsSent; sent != before || near.closed {
		t.Errorf("%d datagrams, closed %v", sent-before, near.closed)
	}
}

func TestUnprovedSessionEndsWhenNobodyAnswers(t *testing.T) {
	// An initiator that vanishes after its keying leaves nothing behind.
	w := newWorld(t, 1)
	_, b := w.pair(simnet.Conditions{}, options{}, options{})
	i := w.stranger(w.addProber(w.NewHost(at(1, 4000))), b)
	i.hello()
	i.keying(7)
	w.RunUntil(func() bool { return len(b.accepted) == 1 }, time.Second)
	began := w.Now()
	w.RunUntil(func() bool { return b.accepted[0].closed }, time.Hour)
	if took := w.Now().Sub(began); took > 30*time.Second || !ended(b.accepted[0], rtmfp.ErrTimeout) {
		t.Errorf("%v after %v", b.accepted[0].err, took)
	}
	nothingLeft(t, "after the time", b)
}
