package rtmfp_test

import (
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// TestPacketsAllocateNothing has a session in steady state, encrypted, with deadlines and receipts: messages small and large go and come, and
// are acknowledged.
func TestPacketsAllocateNothing(t *testing.T) {
	w := newWorld(t, 130)
	a, b := w.pair(simnet.Conditions{Delay: time.Millisecond}, options{}, options{flow: func(f *rtmfp.ReceiveFlow, in *inbox) { in.forget = true }})
	near, far := w.connect(a, b)
	small, large := []byte(content(100, 1)), []byte(content(6000, 1))
	silent := &settling{}
	var f *rtmfp.SendFlow
	a.do(func() { f = near.open(t, rtmfp.FlowConfig{Handler: silent}) })
	cycle := func() {
		a.do(func() {
			f.Send(rtmfp.Outgoing{Head: small[:5], Body: small, Receipt: true, StartBy: w.Now().Add(100 * time.Millisecond)})
			f.Send(rtmfp.Outgoing{Body: large, Receipt: true})
		})
		w.RunFor(5 * time.Millisecond)
	}
	for range 100 {
		cycle()
	}
	before := near.session.Stats().PacketsSent
	allocations := testing.AllocsPerRun(100, cycle)
	packets := near.session.Stats().PacketsSent - before
	w.RunFor(time.Second)
	if far.inboxes[0].count != 402 || silent.delivered != 402 {
		t.Errorf("%d messages arrived, %d receipts", far.inboxes[0].count, silent.delivered)
	}
	if allocations > 0 {
		t.Errorf("%v allocations for %d packets", allocations, packets/100)
	}
}

// settling only counts receipts.
type settling struct{ delivered int }

func (*settling) Writable(*rtmfp.SendFlow)                         {}
func (*settling) Ended(*rtmfp.SendFlow, error)                     {}
func (s *settling) Settled(*rtmfp.SendFlow, rtmfp.MessageID, bool) { s.delivered++ }
