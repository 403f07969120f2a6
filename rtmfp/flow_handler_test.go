package rtmfp_test

import (
	"errors"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

func TestWritableIsAskedAsLongAsItGives(t *testing.T) {
	w := newWorld(t, 17)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond, Rate: 10e6}, options{}, options{})
	near, far := w.join(a, b)
	asked, left := 0, 500
	sent := outbox{writable: func(f *rtmfp.SendFlow) {
		asked++
		if f.Queued() > near.session.Stats().Window+3000 {
			t.Errorf("asked with %d bytes queued", f.Queued())
		}
		if left > 0 {
			left--
			f.Send(rtmfp.Outgoing{Body: []byte(content(1000, left))})
		}
	}}
	var f *rtmfp.SendFlow
	a.do(func() {
		f = near.open(t, rtmfp.FlowConfig{Handler: &sent})
		f.Wake()
	})
	w.RunFor(5 * time.Second)
	if left != 0 || asked != 501 || far.inboxes[0].count != 500 {
		t.Errorf("asked %d times, %d messages arrived", asked, far.inboxes[0].count)
	}
	w.RunFor(5 * time.Second)
	if asked != 501 {
		t.Error("asked without Wake")
	}
	left = 1
	a.do(f.Wake)
	w.RunFor(time.Second)
	if far.inboxes[0].count != 501 {
		t.Error("not asked after Wake")
	}
}

// TestHandlersMaySendAndCloseWhileAPacketIsMade has Writable do what an application may do to other flows and sessions.
func TestHandlersMaySendAndCloseWhileAPacketIsMade(t *testing.T) {
	w := newWorld(t, 18)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	c := w.add(w.NewHost(addr("192.0.2.3:1935")), options{})
	near, far := w.connect(a, b)
	other, third := w.connect(a, c)
	var flow, low, same, later *rtmfp.SendFlow
	gave := false
	sent := outbox{writable: func(f *rtmfp.SendFlow) {
		if gave {
			return
		}
		gave = true
		f.Send(rtmfp.Outgoing{Body: []byte(content(300, 1))})
		same.Send(rtmfp.Outgoing{Body: []byte("same")})
		same.SetPriority(rtmfp.PriorityBackground)
		low.Send(rtmfp.Outgoing{Body: []byte("low")})
		low.SetPriority(rtmfp.PriorityImmediate)
		other.session.Close()
	}}
	a.do(func() {
		same = near.open(t, rtmfp.FlowConfig{Metadata: []byte("same"), Priority: rtmfp.PriorityData})
		flow = near.open(t, rtmfp.FlowConfig{Metadata: []byte("flow"), Priority: rtmfp.PriorityData, Handler: &sent})
		low = near.open(t, rtmfp.FlowConfig{Metadata: []byte("low")})
		mover := near.open(t, rtmfp.FlowConfig{Priority: rtmfp.PriorityCommand, Handler: &outbox{writable: func(*rtmfp.SendFlow) {
			later.SetPriority(rtmfp.PriorityBackground)
		}}})
		later = near.open(t, rtmfp.FlowConfig{Priority: rtmfp.PriorityCommand})
		same.Wake()
		flow.Wake()
		mover.Wake()
		later.Wake()
	})
	w.RunFor(5 * time.Second)
	if !third.closed || !errors.Is(third.err, rtmfp.ErrClosedByPeer) || !errors.Is(other.err, rtmfp.ErrClosed) {
		t.Errorf("the other session: closed %v, %v", third.closed, third.err)
	}
	got := make(map[string][]string)
	for _, in := range far.inboxes {
		got[string(in.flow.Metadata())] = in.messages
	}
	sameMessages(t, got["flow"], []string{content(300, 1)})
	sameMessages(t, got["same"], []string{"same"})
	sameMessages(t, got["low"], []string{"low"})
	if st := b.Stats(); st.DroppedVerification+st.DroppedSyntax+st.IgnoredChunks > 0 || near.session.Stats().FragmentsRepeated > 0 {
		t.Errorf("something was spoilt: %+v", st)
	}
}

func TestSessionMayCloseWithinEachHandler(t *testing.T) {
	for _, where := range []string{"writable", "settled", "abandoned", "message", "flow"} {
		t.Run(where, func(t *testing.T) {
			w := newWorld(t, 19)
			var far *peer
			closeFar := func() { far.session.Close() }
			a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{flow: func(_ *rtmfp.ReceiveFlow, in *inbox) {
				if where == "flow" {
					closeFar()
				}
				if where == "message" {
					in.onMessage = func(rtmfp.Message) { closeFar() }
				}
			}})
			var near *peer
			near, far = w.connect(a, b)
			closing := &closer{where: where, session: near.session}
			a.do(func() {
				for range 2 {
					f := near.open(t, rtmfp.FlowConfig{Handler: closing})
					sendAll(t, f, []string{"1", content(5000, 1), "3"})
					f.Send(rtmfp.Outgoing{Body: []byte("late"), StartBy: 1, Receipt: true})
					f.Wake()
				}
			})
			w.RunFor(2 * time.Second)
			if !near.closed || !far.closed {
				t.Errorf("closed: %v and %v", near.closed, far.closed)
			}
			if closing.afterEnd || closing.ended != 2 {
				t.Errorf("handler called after the end: %v, ended %d times", closing.afterEnd, closing.ended)
			}
		})
	}
}

// closer closes its session at the first call of a kind.
type closer struct {
	where    string
	session  *rtmfp.Session
	ended    int
	over     map[*rtmfp.SendFlow]bool
	afterEnd bool
}

func (c *closer) called(f *rtmfp.SendFlow, where string) {
	c.afterEnd = c.afterEnd || c.over[f]
	if c.where == where {
		c.session.Close()
	}
}

func (c *closer) Writable(f *rtmfp.SendFlow) { c.called(f, "writable") }

func (c *closer) Settled(f *rtmfp.SendFlow, _ rtmfp.MessageID, delivered bool) {
	if delivered {
		c.called(f, "settled")
		return
	}
	c.called(f, "abandoned")
}

func (c *closer) Ended(f *rtmfp.SendFlow, _ error) {
	if c.over == nil {
		c.over = make(map[*rtmfp.SendFlow]bool)
	}
	c.called(f, "ended")
	c.over[f] = true
	c.ended++
}
