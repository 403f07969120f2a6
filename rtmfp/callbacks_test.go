package rtmfp_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
)

func TestWakeAndPriorityWithinWritableDoNotAskForEver(t *testing.T) {
	for what, again := range map[string]func(*rtmfp.SendFlow){
		"wake":     (*rtmfp.SendFlow).Wake,
		"priority": func(f *rtmfp.SendFlow) { f.SetPriority(rtmfp.PriorityBulk) },
		"late":     func(f *rtmfp.SendFlow) { f.Send(rtmfp.Outgoing{Body: []byte("x"), StartBy: 1}) },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 1)
			a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
			w.RunFor(time.Second)
			near, _ := w.join(a, b)
			calls := 0
			a.do(func() {
				near.open(t, rtmfp.FlowConfig{Handler: &outbox{writable: func(f *rtmfp.SendFlow) {
					if calls++; calls > 1000 {
						panic("Writable is called again and again within one call of the core")
					}
					again(f)
				}}}).Wake()
			})
			if calls == 0 {
				t.Error("Writable was not called")
			}
		})
	}
}

func TestTimesMayBeForEver(t *testing.T) {
	w := newWorld(t, 1)
	o := options{config: rtmfp.CoreConfig{Times: rtmfp.Times{Idle: math.MaxInt64, GiveUp: math.MaxInt64}}}
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, o, options{})
	w.RunFor(time.Second)
	near, _ := w.join(a, b)
	w.RunFor(time.Second)
	if a.NextTimer() < w.Now() || near.closed {
		t.Errorf("next timer at %v, closed %v", time.Duration(a.NextTimer()), near.closed)
	}
}

func TestSessionMayBeAbortedWithinClosed(t *testing.T) {
	for _, far := range []bool{false, true} {
		w := newWorld(t, 1)
		a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
		closed := 0
		aborting := rtmfp.SessionFuncs{OnClosed: func(s *rtmfp.Session, err error) {
			closed++
			s.Abort(err)
		}}
		var near, other *rtmfp.Session
		a.do(func() {
			b.do(func() {
				near, other = rtmfp.Join(a.Core, b.Core, rtmfp.Path{Addr: a.addr()}, rtmfp.Path{Addr: b.addr()}, aborting, rtmfp.SessionFuncs{})
			})
		})
		w.RunFor(time.Second)
		if far {
			b.do(other.Close)
			w.RunFor(50 * time.Millisecond)
		} else {
			a.do(near.Close)
		}
		if a.NextTimer() != rtmfp.Never || closed != 1 {
			t.Errorf("closed %d times, and there is a timer at %v", closed, time.Duration(a.NextTimer()))
		}
		if err := rtmfp.Remains(a.Core); err != nil {
			t.Error(err)
		}
	}
}

func TestSessionReplacesTheOneBeforeAnUnprovedOne(t *testing.T) {
	w := newWorld(t, 1)
	client := options{identity: flash.IdentityConfig{Randomness: []byte("always me"), Groups: []flash.Group{flash.Group2}}}
	a, b := w.pair(simnet.Conditions{}, client, options{})
	w.connect(a, b)
	a = a.restart(client)
	a.dial(b.fingerprint(), nil, b.addr())
	if !w.RunUntil(func() bool { return len(b.accepted) == 2 }, time.Second) {
		t.Fatal("no second session")
	}
	a = a.restart(client) // before it has shown that it has the keys
	p := a.dial(b.fingerprint(), nil, b.addr())
	if !w.RunUntil(func() bool { return p.opened }, 5*time.Second) {
		t.Fatal("no third session")
	}
	w.RunFor(time.Second)
	for i, old := range b.accepted[:2] {
		if !old.closed || !errors.Is(old.err, rtmfp.ErrReplaced) {
			t.Errorf("session %d: closed %v, %v", i, old.closed, old.err)
		}
	}
	if b.accepted[2].closed {
		t.Errorf("the third one is closed: %v", b.accepted[2].err)
	}
}

func TestHeldBackMessagesKeepAnIdleSession(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, forEver, options{flow: func(f *rtmfp.ReceiveFlow, _ *inbox) { f.Pause() }})
	near, far := w.join(a, b)
	a.do(func() {
		f := near.open(t, rtmfp.FlowConfig{})
		sendAll(t, f, []string{"one", "two"})
		f.Close()
	})
	w.RunFor(10 * time.Minute)
	if far.closed {
		t.Fatalf("closed with %v while messages are held back", far.err)
	}
	in := far.inboxes[0]
	b.do(in.flow.Resume)
	sameMessages(t, in.messages, []string{"one", "two"})
	if !in.ended || in.err != nil {
		t.Errorf("flow ended %v, %v", in.ended, in.err)
	}
	w.RunFor(10 * time.Minute)
	if !far.closed {
		t.Error("still open, with nothing to keep it")
	}
}

func TestRejectOfACompleteFlowDropsWhatIsHeldBack(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{flow: func(f *rtmfp.ReceiveFlow, i *inbox) {
		f.Pause()
		i.onMessage = func(rtmfp.Message) { f.Reject(1) }
	}})
	near, far := w.join(a, b)
	a.do(func() {
		f := near.open(t, rtmfp.FlowConfig{})
		sendAll(t, f, []string{"one", "two"})
		f.Close()
	})
	w.RunFor(time.Second)
	in := far.inboxes[0]
	b.do(in.flow.Resume)
	if in.count != 1 || in.flow.Buffered() != 0 || far.session.Stats().Buffered != 0 {
		t.Errorf("%d messages, %d bytes held, %d by the session", in.count, in.flow.Buffered(), far.session.Stats().Buffered)
	}
}

func TestQuietFlowsKeepLittleMemory(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, forEver, options{flow: func(_ *rtmfp.ReceiveFlow, i *inbox) { i.forget = true }})
	near, far := w.join(a, b)
	const flows = 200
	body := make([]byte, 60000)
	for range flows {
		a.do(func() { near.open(t, rtmfp.FlowConfig{}).Send(rtmfp.Outgoing{Body: body}) })
		w.RunFor(50 * time.Millisecond)
	}
	w.RunFor(time.Second)
	kept := 0
	for _, in := range far.inboxes {
		kept += in.flow.Kept()
	}
	if len(far.inboxes) != flows || kept > 2<<20 {
		t.Errorf("%d flows keep %d bytes", len(far.inboxes), kept)
	}
}

// A handler that is given for a flow whose session has just ended hears so, once, though that session's Closed was before.
func TestHandlerOfAFlowThatEndsTheSessionHearsOfTheEnd(t *testing.T) {
	for what, end := range map[string]func(*rtmfp.Session){"close": (*rtmfp.Session).Close, "abort": func(s *rtmfp.Session) { s.Abort(rtmfp.ErrClosed) }} {
		w := newWorld(t, 1)
		a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
		near, far := w.join(a, b)
		far.onFlow = func(*rtmfp.ReceiveFlow, *inbox) { end(far.session) }
		a.do(func() { sendAll(t, near.open(t, rtmfp.FlowConfig{}), []string{"one", "two"}) })
		w.RunFor(time.Second)
		if len(far.inboxes) != 1 {
			t.Fatalf("%s: %d flows", what, len(far.inboxes))
		}
		in := far.inboxes[0]
		if !far.closed || !in.ended || !errors.Is(in.err, rtmfp.ErrClosed) || in.count != 0 {
			t.Errorf("%s: closed %v, flow ended %v with %v after %d messages", what, far.closed, in.ended, in.err, in.count)
		}
	}
}

func TestSettledMayCloseTheSessionOfWhichMuchIsAcknowledged(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	near, _ := w.join(a, b)
	settled := 0
	a.do(func() {
		f := near.open(t, rtmfp.FlowConfig{Handler: rtmfp.SendFuncs{OnSettled: func(*rtmfp.SendFlow, rtmfp.MessageID, bool) {
			settled++
			near.session.Close()
		}}})
		for range 5 {
			f.Send(rtmfp.Outgoing{Body: make([]byte, 200), Receipt: true})
		}
	})
	w.RunFor(time.Second)
	if st := near.session.Stats(); !near.closed || st.Outstanding != 0 || st.Queued != 0 || settled != 5 {
		t.Errorf("closed %v, %d bytes outstanding, %d queued, %d settled", near.closed, st.Outstanding, st.Queued, settled)
	}
}

func TestClosedOfAReplacedSessionMayAbortTheNewOne(t *testing.T) {
	w := newWorld(t, 1)
	client := options{identity: flash.IdentityConfig{Randomness: []byte("always me"), Groups: []flash.Group{flash.Group2}}}
	var sessions []*rtmfp.Session
	server := options{listener: rtmfp.Listener{Accept: func(s *rtmfp.Session) rtmfp.SessionHandler {
		sessions = append(sessions, s)
		return rtmfp.SessionFuncs{OnClosed: func(*rtmfp.Session, error) { sessions[len(sessions)-1].Abort(rtmfp.ErrClosed) }}
	}}}
	a, b := w.pair(simnet.Conditions{}, client, server)
	a.dial(b.fingerprint(), nil, b.addr())
	if !w.RunUntil(func() bool { return len(sessions) == 1 }, time.Second) {
		t.Fatal("no session")
	}
	w.RunFor(time.Second)
	a = a.restart(client)
	p := &peer{}
	a.do(func() {
		_, err := a.Dial(rtmfp.DialConfig{
			Identity: name, Discriminator: b.fingerprint(), Paths: []rtmfp.Path{{Addr: b.addr()}},
			Handler: rtmfp.SessionFuncs{
				OnOpened: func(s *rtmfp.Session) {
					p.session = s
					sendAll(t, p.open(t, rtmfp.FlowConfig{TimeCritical: true}), []string{"first"})
				},
				OnClosed: func(*rtmfp.Session, error) { p.closed = true },
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	if !w.RunUntil(func() bool { return p.closed }, 5*time.Second) || len(sessions) != 2 {
		t.Fatalf("closed %v, %d sessions", p.closed, len(sessions))
	}
	w.RunFor(time.Minute)
	if err := rtmfp.Remains(b.Core); err != nil {
		t.Error(err)
	}
}

func TestFlowPausedWithinAMessageDoesNotKeepIt(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, forEver, options{flow: func(f *rtmfp.ReceiveFlow, i *inbox) {
		i.forget = true
		i.onMessage = func(rtmfp.Message) { f.Pause() }
	}})
	near, far := w.join(a, b)
	a.do(func() { near.open(t, rtmfp.FlowConfig{}).Send(rtmfp.Outgoing{Body: make([]byte, 1<<20)}) })
	w.RunFor(time.Minute)
	in := far.inboxes[0]
	if in.bytes != 1<<20 || in.flow.Kept() > 128<<10 {
		t.Errorf("of %d bytes that were delivered %d are kept", in.bytes, in.flow.Kept())
	}
}
