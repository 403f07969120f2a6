package rtmfp_test

import (
	"errors"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// TestReturnToAClosedFlowIsRejected has one end close its flow while the other opens a return to it.
func TestReturnToAClosedFlowIsRejected(t *testing.T) {
	w := newWorld(t, 11)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var there *rtmfp.SendFlow
	a.do(func() {
		there = near.open(t, rtmfp.FlowConfig{})
		sendAll(t, there, []string{"x"})
	})
	w.RunFor(time.Second)
	var sent outbox
	b.do(func() {
		back := far.open(t, rtmfp.FlowConfig{Return: far.inboxes[0].flow, Handler: &sent})
		sendAll(t, back, []string{"lost"})
	})
	a.do(there.Close)
	w.RunFor(time.Second)
	if len(near.inboxes) != 0 {
		t.Error("the return flow was accepted")
	}
	wantException(t, &sent, 0)
	if st := near.session.Stats(); st.FlowsRejected != 1 {
		t.Errorf("%d flows rejected", st.FlowsRejected)
	}
	b.do(func() {
		if _, err := far.session.OpenFlow(rtmfp.FlowConfig{Return: far.inboxes[0].flow}); !errors.Is(err, rtmfp.ErrFlowClosed) {
			t.Errorf("return to a flow that has ended: %v", err)
		}
	})
}

func wantException(t *testing.T, o *outbox, code uint64) {
	t.Helper()
	var exception *rtmfp.ExceptionError
	if !o.ended || !errors.As(o.err, &exception) || exception.Code != code {
		t.Errorf("ended %v with %v, want exception %d", o.ended, o.err, code)
	}
}

func TestRejectedFlowEndsWithItsCodeAndItsQueue(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := newWorld(t, 12)
		count := 0
		reject := func(f *rtmfp.ReceiveFlow, in *inbox) {
			if !late {
				f.Reject(1234567)
				return
			}
			in.onMessage = func(rtmfp.Message) {
				if count++; count == 2 {
					f.Reject(1234567)
				}
			}
		}
		a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{flow: reject})
		near, far := w.connect(a, b)
		var sent outbox
		var f *rtmfp.SendFlow
		a.do(func() {
			f = near.open(t, rtmfp.FlowConfig{Handler: &sent})
			sendAll(t, f, []string{"1", "2", content(1<<20, 1), "4"})
		})
		w.RunUntil(func() bool { return sent.ended }, time.Minute)
		wantException(t, &sent, 1234567)
		if f.Queued() != 0 || sent.delivered+sent.abandoned != 4 || sent.delivered > 2 || f.IsOpen() {
			t.Errorf("late %v: %d delivered, %d abandoned, %d bytes queued", late, sent.delivered, sent.abandoned, f.Queued())
		}
		a.do(func() {
			if _, err := f.Send(rtmfp.Outgoing{}); !errors.Is(err, rtmfp.ErrFlowClosed) {
				t.Errorf("Send to a rejected flow: %v", err)
			}
		})
		w.RunFor(10 * time.Second)
		if n, m := near.session.Stats().SendFlows, far.session.Stats().ReceiveFlows; n != 0 || m != 0 {
			t.Errorf("late %v: %d and %d flows left", late, n, m)
		}
		if sentBytes := near.session.Stats().BytesSent; sentBytes > 200e3 {
			t.Errorf("late %v: %d bytes were sent on a rejected flow", late, sentBytes)
		}
		if late && far.inboxes[0].count != 2 {
			t.Errorf("%d messages were delivered", far.inboxes[0].count)
		}
	}
}

// TestFlowWithOneMessageHearsOfItsRejection has the only message be the final one as well.
func TestFlowWithOneMessageHearsOfItsRejection(t *testing.T) {
	w := newWorld(t, 13)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{
		flow: func(f *rtmfp.ReceiveFlow, _ *inbox) { f.Reject(9) },
	})
	near, _ := w.connect(a, b)
	var sent outbox
	a.do(func() {
		f := near.open(t, rtmfp.FlowConfig{Handler: &sent})
		sendAll(t, f, []string{"only"})
		f.Close()
	})
	w.RunFor(5 * time.Second)
	wantException(t, &sent, 9)
	if sent.delivered != 0 || sent.abandoned != 1 {
		t.Errorf("%d delivered, %d abandoned", sent.delivered, sent.abandoned)
	}
}

func TestHalfClosedSessionGoesOnTheOtherWay(t *testing.T) {
	w := newWorld(t, 14)
	var back *rtmfp.SendFlow
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{flow: func(f *rtmfp.ReceiveFlow, _ *inbox) {
		back, _ = f.Session().OpenFlow(rtmfp.FlowConfig{Return: f})
		back.Send(rtmfp.Outgoing{Body: []byte("hello")})
	}})
	near, far := w.connect(a, b)
	var sent outbox
	a.do(func() {
		f := near.open(t, rtmfp.FlowConfig{Handler: &sent})
		sendAll(t, f, []string{"x"})
	})
	w.RunFor(time.Second)
	a.do(func() { near.inboxes[0].flow.Associated().Close() })
	w.RunFor(time.Second)
	if !sent.ended || sent.err != nil || !far.inboxes[0].ended {
		t.Fatal("the first flow did not end")
	}
	for range 3 { // far longer than any lingering
		b.do(func() {
			if _, err := back.Send(rtmfp.Outgoing{Body: []byte("still")}); err != nil {
				t.Error(err)
			}
		})
		w.RunFor(5 * time.Minute)
	}
	if in := near.inboxes[0]; in.ended || len(in.messages) != 4 {
		t.Errorf("the return flow: ended %v, %q", in.ended, in.messages)
	}
}

func TestClosedFlowHasNoEffectOnOthers(t *testing.T) {
	w := newWorld(t, 15)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond, Loss: 0.05}, options{}, options{})
	near, far := w.connect(a, b)
	outs := make([]outbox, 50)
	ids := make(map[uint64]bool)
	for i := range outs {
		a.do(func() {
			f := near.open(t, rtmfp.FlowConfig{Metadata: []byte{byte(i)}, Handler: &outs[i]})
			if ids[f.ID()] {
				t.Errorf("flow ID %d is used again", f.ID())
			}
			ids[f.ID()] = true
			sendAll(t, f, []string{content(5000, i), content(i, i)})
			f.Close()
		})
		w.RunFor(100 * time.Millisecond)
	}
	w.RunFor(20 * time.Second)
	if len(far.inboxes) != len(outs) {
		t.Fatalf("%d flows arrived", len(far.inboxes))
	}
	for _, in := range far.inboxes {
		i := int(in.flow.Metadata()[0])
		if !outs[i].ended || outs[i].err != nil || !in.ended {
			t.Errorf("flow %d did not end", i)
		}
		sameMessages(t, in.messages, []string{content(5000, i), content(i, i)})
	}
	if st := near.session.Stats(); st.SendFlows != 0 || far.session.Stats().ReceiveFlows != 0 {
		t.Errorf("flows are left: %+v", st)
	}
}

func TestFlowWithoutMessagesOpensAndEnds(t *testing.T) {
	w := newWorld(t, 16)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var sent outbox
	a.do(func() { near.open(t, rtmfp.FlowConfig{Metadata: []byte("nothing"), Handler: &sent}).Close() })
	w.RunFor(2 * time.Second)
	if !sent.ended || sent.err != nil || len(far.inboxes) != 1 || !far.inboxes[0].ended || far.inboxes[0].count != 0 {
		t.Errorf("sender ended %v, %d flows", sent.ended, len(far.inboxes))
	}
}

// TestFinalFragmentDoesNotWaitForOthers closes a flow whose last message was abandoned before it was sent, while others are in flight.
func TestFinalFragmentDoesNotWaitForOthers(t *testing.T) {
	w := newWorld(t, 20)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	packets := w.watch(near)
	var f *rtmfp.SendFlow
	a.do(func() {
		f = near.open(t, rtmfp.FlowConfig{})
		sendAll(t, f, []string{"sent", "not sent"})
		f.Abandon(2)
	})
	*packets = nil
	a.do(f.Close)
	if p := *packets; len(p) != 1 || len(p[0].data) != 1 || !p[0].data[0].Final || !p[0].data[0].Abandon {
		t.Errorf("sent at once: %+v", p)
	}
	w.RunFor(time.Second)
	if in := far.inboxes[0]; !in.ended || len(in.messages) != 1 {
		t.Errorf("ended %v, %q", in.ended, in.messages)
	}
}
