package rtmfp_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

func TestCloseInEitherOrder(t *testing.T) {
	const delay = 20 * time.Millisecond
	for offset := -60 * time.Millisecond; offset <= 60*time.Millisecond; offset += 5 * time.Millisecond {
		w := newWorld(t, 1)
		what := fmt.Sprint(offset)
		a, b := w.pair(simnet.Conditions{Delay: delay}, options{}, options{})
		near, far := w.connect(a, b)
		w.RunFor(time.Second)
		w.After(max(0, offset), func() { a.do(near.session.Close) })
		w.After(max(0, -offset), func() { b.do(far.session.Close) })
		w.RunFor(5 * time.Second)
		if !near.closed || !far.closed {
			t.Fatalf("%s: closed %v, %v", what, near.closed, far.closed)
		}
		// Who closes before he hears of the other's close has closed it himself.
		nearClosed, farClosed := errors.Is(near.err, rtmfp.ErrClosed), errors.Is(far.err, rtmfp.ErrClosed)
		if offset < delay != nearClosed && offset != delay || -offset < delay != farClosed && -offset != delay {
			t.Errorf("%s: %v, %v", what, near.err, far.err)
		}
		if !nearClosed && !farClosed {
			t.Errorf("%s: each says that it was the other", what)
		}
		w.RunFor(20 * time.Second)
		nothingLeft(t, what, a)
		nothingLeft(t, what, b)
	}
}

// sentTo notes when packets go to an address.
func sentTo(w *world, to netip.AddrPort) *[]time.Duration {
	var times []time.Duration
	w.Tap(func(e simnet.Event) {
		if e.To == to {
			times = append(times, time.Duration(e.Sent))
		}
	})
	return &times
}

func TestCloseIsRepeatedUntilItIsAnsweredOrForNinetySeconds(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, options{}, options{})
	near, _ := w.connect(a, b)
	w.RunFor(time.Second)
	b.host.Attach(nil)
	began := time.Duration(w.Now())
	times := sentTo(w, b.addr())
	a.do(near.session.Close)
	if !ended(near, rtmfp.ErrClosed) || near.session.State() != "near close" {
		t.Errorf("%v, %s", near.err, near.session.State())
	}
	w.RunUntil(func() bool { return a.Drained() }, time.Hour)
	if took := time.Duration(w.Now()) - began; took != 90*time.Second || len(*times) != 18 {
		t.Errorf("%d packets within %v", len(*times), took)
	}
	for i, at := range *times {
		if at-began != time.Duration(i)*5*time.Second {
			t.Errorf("packet %d at %v", i, at-began)
		}
	}
	nothingLeft(t, "after 90 seconds", a)
}

func TestClosedByPeerLingersToAnswerRepeatedCloses(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, options{}, options{})
	near, far := w.connect(a, b)
	w.RunFor(time.Second)
	a.host.Down().Blackout(12 * time.Second) // two answers and a bit
	began := w.Now()
	times := sentTo(w, a.addr())
	a.do(near.session.Close)
	w.RunFor(time.Second)
	if !ended(far, rtmfp.ErrClosedByPeer) || far.session.State() != "far close linger" {
		t.Errorf("%v, %s", far.err, far.session.State())
	}
	w.RunUntil(func() bool { return near.session.State() == "closed" }, time.Hour)
	if took := w.Now().Sub(began); took != 15*time.Second || len(*times) != 4 {
		t.Errorf("took %v and %d answers", took, len(*times))
	}
	w.RunUntil(func() bool { return far.session.State() == "closed" }, time.Hour)
	if took := w.Now().Sub(began); took != 19*time.Second {
		t.Errorf("lingered for %v", took)
	}
	nothingLeft(t, "after the linger", b)
}

func TestAbortTellsTheFarEndAtOnce(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	w.RunFor(time.Second)
	times := sentTo(w, b.addr())
	reason := errors.New("enough")
	a.do(func() { near.session.Abort(reason) })
	nothingLeft(t, "who aborts", a)
	w.RunFor(11 * time.Millisecond)
	if !ended(near, reason) || !ended(far, rtmfp.ErrClosedByPeer) || len(*times) != 1 {
		t.Errorf("%v, %v, %d packets", near.err, far.err, len(*times))
	}
	nothingLeft(t, "who is told", b)
}

func TestClosedCoreEndsEverything(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	opening := b.dial([]byte{0x0a, 1, 'x'}, nil, at(99, 1))
	b.do(func() { b.Close(w.Now()) })
	if !ended(far, rtmfp.ErrClosed) || !ended(opening, rtmfp.ErrClosed) {
		t.Errorf("%v, %v", far.err, opening.err)
	}
	w.RunFor(time.Second)
	if !ended(near, rtmfp.ErrClosedByPeer) {
		t.Errorf("far end: %v", near.err)
	}
	nothingLeft(t, "closed core", b)
	p := a.dial(b.fingerprint(), nil, b.addr())
	w.opens(p)
	if !errors.Is(p.err, rtmfp.ErrTimeout) || b.Stats().RHellosSent != 1 {
		t.Errorf("dial to a closed core: %v", p.err)
	}
}

func TestShutdownIsDoneWhenTheFarEndsHaveAnswered(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	b.do(func() { b.Shutdown(w.Now()) })
	if b.Drained() || !ended(far, rtmfp.ErrClosed) {
		t.Errorf("drained %v, %v", b.Drained(), far.err)
	}
	began := w.Now()
	w.RunUntil(b.Drained, time.Hour)
	if took := w.Now().Sub(began); took != 20*time.Millisecond || !ended(near, rtmfp.ErrClosedByPeer) {
		t.Errorf("took %v, %v", took, near.err)
	}
}
