package rtmfp_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// send queues a message with a receipt.
func send(t *testing.T, f *rtmfp.SendFlow, o rtmfp.Outgoing) rtmfp.MessageID {
	t.Helper()
	o.Receipt = true
	id, err := f.Send(o)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// without lets f happen while nothing that the end sends arrives.
func (e *end) without(f func()) {
	usual := e.host.Up().Conditions()
	dark := usual
	dark.Loss = 1
	e.host.Up().Set(dark)
	e.do(f)
	e.host.Up().Set(usual)
}

// opened is a flow that the far end knows already, with one message on it.
func opened(t *testing.T, w *world, from *end, p *peer, c rtmfp.FlowConfig) (f *rtmfp.SendFlow) {
	t.Helper()
	from.do(func() {
		f = p.open(t, c)
		if _, err := f.Send(rtmfp.Outgoing{Body: []byte("0")}); err != nil {
			t.Fatal(err)
		}
	})
	w.RunFor(time.Second)
	return f
}

func TestReceiptTellsEveryFate(t *testing.T) {
	w := newWorld(t, 50)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var sent outbox
	f := opened(t, w, a, near, rtmfp.FlowConfig{Handler: &sent})
	want := make(map[rtmfp.MessageID]bool)
	var delivered, early, during rtmfp.MessageID
	a.do(func() {
		delivered = send(t, f, rtmfp.Outgoing{Body: []byte("delivered")})
		want[delivered] = true
		during = send(t, f, rtmfp.Outgoing{Body: []byte(content(1<<20, 1))})
		want[during] = false
		early = send(t, f, rtmfp.Outgoing{Body: []byte("abandoned before it was sent")})
		want[early] = false
		f.Abandon(early)
		f.Abandon(early)
		want[send(t, f, rtmfp.Outgoing{Body: []byte("behind the large one"), StartBy: w.Now().Add(30 * time.Millisecond)})] = false
		want[send(t, f, rtmfp.Outgoing{Body: []byte("in time"), StartBy: w.Now().Add(10 * time.Second)})] = true
		want[send(t, f, rtmfp.Outgoing{Body: nil})] = true
		if _, err := f.Send(rtmfp.Outgoing{Body: []byte("no receipt")}); err != nil {
			t.Error(err)
		}
	})
	if sent.abandoned != 1 {
		t.Errorf("%d receipts at once", sent.abandoned)
	}
	w.RunFor(100 * time.Millisecond)
	a.do(func() { f.Abandon(during) })
	w.RunFor(5 * time.Second)
	a.do(func() {
		f.Abandon(delivered)
		f.Abandon(during)
		f.Abandon(12345)
	})
	a.without(func() {
		want[send(t, f, rtmfp.Outgoing{Body: []byte("lost"), FinishBy: w.Now().Add(100 * time.Millisecond)})] = false
	})
	w.RunFor(5 * time.Second)
	a.without(func() {
		want[send(t, f, rtmfp.Outgoing{Body: []byte("lost once"), FinishBy: w.Now().Add(5 * time.Second)})] = true
	})
	w.RunFor(10 * time.Second)
	a.do(func() {
		want[send(t, f, rtmfp.Outgoing{Body: []byte(content(1<<20, 2))})] = false
		near.session.Close()
	})
	if !sent.ended || !errors.Is(sent.err, rtmfp.ErrClosed) {
		t.Errorf("ended %v, %v", sent.ended, sent.err)
	}
	if fmt.Sprint(sent.settled) != fmt.Sprint(want) {
		t.Errorf("receipts %v, want %v", sent.settled, want)
	}
	sameMessages(t, far.inboxes[0].messages, []string{"0", "delivered", "in time", "", "no receipt", "lost once"})
	if far.inboxes[0].gaps != 2 {
		t.Errorf("%d gaps", far.inboxes[0].gaps)
	}
	if st := near.session.Stats(); st.MessagesAbandoned < 4 {
		t.Errorf("%d messages abandoned", st.MessagesAbandoned)
	}
	if f.Queued() != 0 {
		t.Errorf("%d bytes queued", f.Queued())
	}
	w.RunFor(time.Minute)
}

func TestCancelAbandonsTheQueueAndEndsTheFlow(t *testing.T) {
	w := newWorld(t, 51)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond, Loss: 0.1}, options{}, options{})
	near, far := w.connect(a, b)
	var sent outbox
	f := opened(t, w, a, near, rtmfp.FlowConfig{Handler: &sent})
	a.do(func() {
		for i := range 10 {
			send(t, f, rtmfp.Outgoing{Body: []byte(content(50000, i))})
		}
	})
	w.RunFor(200 * time.Millisecond)
	a.do(f.Cancel)
	if sent.delivered+sent.abandoned != 10 || sent.abandoned == 0 {
		t.Errorf("%d delivered, %d abandoned", sent.delivered, sent.abandoned)
	}
	w.RunFor(30 * time.Second)
	in := far.inboxes[0]
	if !sent.ended || sent.err != nil || !in.ended || in.err != nil {
		t.Errorf("ended %v %v, %v %v", sent.ended, sent.err, in.ended, in.err)
	}
	if len(in.messages) != 1+sent.delivered || in.flow.Buffered() != 0 {
		t.Errorf("%d messages arrived, %d bytes buffered", len(in.messages), in.flow.Buffered())
	}
}

// TestReceiverGoesOnOverAnAbandonedMessage loses a message, of one packet or of three, and abandons it at a time of its own: what
// comes behind it is delivered, with a gap, although nothing more is sent.
func TestReceiverGoesOnOverAnAbandonedMessage(t *testing.T) {
	for _, size := range []int{10, 3000} {
		for _, behind := range []int{1, 2, 5} {
			for _, at := range []time.Duration{0, 10, 30, 45, 70, 200} {
				for _, twice := range []bool{false, true} {
					name := fmt.Sprintf("%d bytes, %d behind, after %d ms, twice %v", size, behind, at, twice)
					t.Run(name, func(t *testing.T) { goesOn(t, size, behind, at*time.Millisecond, twice) })
				}
			}
		}
	}
}

func goesOn(t *testing.T, size, behind int, at time.Duration, twice bool) {
	w := newWorld(t, 52)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var sent outbox
	f := opened(t, w, a, near, rtmfp.FlowConfig{Handler: &sent})
	var lost []rtmfp.MessageID
	lose := func() {
		a.without(func() { lost = append(lost, send(t, f, rtmfp.Outgoing{Body: []byte(content(size, 1))})) })
	}
	want := []string{"0"}
	lose()
	for i := range behind {
		a.do(func() { send(t, f, rtmfp.Outgoing{Body: fmt.Append(nil, "behind", i)}) })
		want = append(want, fmt.Sprint("behind", i))
		if i == 0 && twice {
			lose()
		}
	}
	w.At(w.Now().Add(at), func() {
		a.do(func() {
			for _, id := range lost {
				f.Abandon(id)
			}
		})
	})
	w.RunFor(2 * time.Second)
	in := far.inboxes[0]
	arrived := slices.Contains(in.messages, content(size, 1)) // it had been sent again before
	if arrived && at < 40*time.Millisecond || !arrived && in.gaps == 0 || in.flow.Buffered() != 0 {
		t.Errorf("arrived %v, %d gaps, %d bytes buffered", arrived, in.gaps, in.flow.Buffered())
	}
	sameMessages(t, slices.DeleteFunc(in.messages, func(m string) bool { return m == content(size, 1) }), want)
	if fragments, messages := f.Retained(); fragments != 0 || messages != 0 || near.session.Stats().Outstanding != 0 {
		t.Errorf("%d fragments and %d messages retained", fragments, messages)
	}
}

func TestAbandonedMessageIsNotDeliveredLater(t *testing.T) {
	w := newWorld(t, 53)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond, Loss: 0.2, Reorder: 0.2}, options{}, options{})
	near, far := w.connect(a, b)
	var sent outbox
	var f *rtmfp.SendFlow
	var ids []rtmfp.MessageID
	a.do(func() {
		f = near.open(t, rtmfp.FlowConfig{Handler: &sent})
		for i := range 400 {
			ids = append(ids, send(t, f, rtmfp.Outgoing{Body: fmt.Appendf(nil, "%d %s", i, content(i*10, i))}))
		}
	})
	for i := range ids {
		if i%3 == 1 {
			w.At(w.Now().Add(time.Duration(i*7)*time.Millisecond), func() { a.do(func() { f.Abandon(ids[i]) }) })
		}
	}
	w.At(w.Now().Add(time.Minute), func() { a.do(f.Close) })
	w.RunUntil(func() bool { return sent.ended }, 10*time.Minute)
	w.RunFor(time.Second)
	in := far.inboxes[0]
	got, last := make(map[int]bool), -1
	for _, m := range in.messages {
		var i int
		fmt.Sscanf(m, "%d", &i)
		if i <= last {
			t.Fatalf("message %d after message %d", i, last)
		}
		got[i], last = true, i
	}
	for i, id := range ids {
		delivered, settled := sent.settled[id]
		switch {
		case !settled:
			t.Errorf("message %d has no receipt", i)
		case delivered && !got[i]:
			t.Errorf("message %d was acknowledged and never delivered", i)
		case !delivered && i%3 != 1:
			t.Errorf("message %d was given up", i)
		}
	}
	if !in.ended || sent.abandoned == 0 || in.gaps == 0 {
		t.Errorf("ended %v, %d abandoned, %d gaps", in.ended, sent.abandoned, in.gaps)
	}
}

// TestFarEndThatLacksTheFirstFragmentCannotMakeUsRemember has a far end that acknowledges all but one: what waits behind that one is
// limited.
func TestFarEndThatLacksTheFirstFragmentCannotMakeUsRemember(t *testing.T) {
	w := newWorld(t, 54)
	a, b := w.pair(simnet.Conditions{Delay: time.Millisecond}, options{}, options{})
	near, far := w.join(a, b)
	b.host.Up().Set(simnet.Conditions{Delay: time.Millisecond, Loss: 1}) // the core there acknowledges nothing
	var f *rtmfp.SendFlow
	a.do(func() { f = near.open(t, rtmfp.FlowConfig{}) })
	given := 0
	for range 2000 {
		a.do(func() {
			for range 20 {
				if _, err := f.Send(rtmfp.Outgoing{Body: []byte("small")}); err != nil {
					t.Fatal(err)
				}
				given++
			}
		})
		b.host.Up().Set(simnet.Conditions{})
		b.do(func() { rtmfp.SendChunks(far.session, ackFrom(f.ID(), 2, 1<<40)) })
		w.RunFor(0)
		b.host.Up().Set(simnet.Conditions{Loss: 1})
		w.RunFor(2 * time.Millisecond)
	}
	st := near.session.Stats()
	if n := st.FragmentsSent - st.FragmentsRepeated; n != 1<<15 || f.Queued() != 5*(given-1<<15+1) {
		t.Errorf("%d of %d fragments sent, %d bytes queued", n, given, f.Queued())
	}

	// Eighty acknowledgements in a packet, each of which asks to look at all of that.
	many := bytes.Repeat(ackFrom(f.ID(), 2, 1<<40), 80)
	b.host.Up().Set(simnet.Conditions{})
	b.do(func() { rtmfp.SendChunks(far.session, many) })
	w.RunFor(time.Millisecond)
	if n := rtmfp.Looked(near.session); n > 6<<15 || n < 4<<15 {
		t.Errorf("a packet had us look at %d fragments", n)
	}
}

func TestStartByAndFinishByHoldWhileTheWindowIsClosed(t *testing.T) {
	w := newWorld(t, 55)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var sent outbox
	f := opened(t, w, a, near, rtmfp.FlowConfig{Handler: &sent})
	a.host.Blackout(10 * time.Second)
	start := w.Now()
	for i := range 100 {
		w.At(start.Add(time.Duration(i)*100*time.Millisecond), func() {
			a.do(func() {
				now := w.Now()
				send(t, f, rtmfp.Outgoing{Body: fmt.Append(nil, i), StartBy: now.Add(2 * time.Second), FinishBy: now.Add(2100 * time.Millisecond)})
			})
		})
	}
	w.RunFor(30 * time.Second)
	if sent.delivered+sent.abandoned != 100 || sent.delivered > 21 || sent.delivered < 15 {
		t.Errorf("%d delivered, %d abandoned", sent.delivered, sent.abandoned)
	}
	in := far.inboxes[0]
	if len(in.messages) != 1+sent.delivered || !slices.Contains(in.messages, "99") || slices.Contains(in.messages, "5") {
		t.Errorf("%q arrived", in.messages)
	}
}
