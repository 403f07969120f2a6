package rtmfp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

func TestSessionCarriesMessagesBothWays(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{flow: func(f *rtmfp.ReceiveFlow, in *inbox) {
		back, err := f.Session().OpenFlow(rtmfp.FlowConfig{Metadata: []byte("back"), Return: f})
		if err != nil {
			t.Error(err)
			return
		}
		in.onMessage = func(m rtmfp.Message) {
			if _, err := back.Send(rtmfp.Outgoing{Body: []byte("re: " + string(m.Data))}); err != nil {
				t.Error(err)
			}
		}
	}})
	near, far := w.connect(a, b)
	if near.session.PeerID() != b.identity.Certificate().PeerID() || far.session.PeerID() != a.identity.Certificate().PeerID() {
		t.Error("peer IDs do not match the identities")
	}
	n1, f1 := near.session.Nonces()
	n2, f2 := far.session.Nonces()
	if n1 != f2 || n2 != f1 || n1 == f1 {
		t.Error("nonces do not match")
	}
	var sent outbox
	var flow *rtmfp.SendFlow
	big := strings.Repeat("0123456789", 10000)
	a.do(func() {
		flow = near.open(t, rtmfp.FlowConfig{Metadata: []byte("there"), Handler: &sent})
		for i := range 10 {
			flow.Send(rtmfp.Outgoing{Head: []byte{'m'}, Body: fmt.Append(nil, i), Receipt: true})
		}
		flow.Send(rtmfp.Outgoing{Head: []byte("big"), Body: []byte(big), Receipt: true})
	})
	w.RunUntil(func() bool { return sent.delivered == 11 }, time.Minute)
	a.do(flow.Close)
	w.RunUntil(func() bool { return sent.ended }, time.Minute)
	w.RunFor(5 * time.Second)
	if !sent.ended || sent.err != nil || sent.delivered != 11 {
		t.Fatalf("sender: %+v", sent)
	}
	in := far.inboxes[0]
	if string(in.flow.Metadata()) != "there" || !in.ended || in.err != nil || len(in.messages) != 11 {
		t.Fatalf("receiver: metadata %q, ended %v %v, %d messages", in.flow.Metadata(), in.ended, in.err, len(in.messages))
	}
	if in.messages[3] != "m3" || in.messages[10] != "big"+big {
		t.Error("messages are not what was sent")
	}
	back := near.inboxes[0]
	if back.flow.Associated() != flow || len(back.messages) != 11 || back.messages[10] != "re: big"+big {
		t.Errorf("return flow: associated %v, %d messages", back.flow.Associated() == flow, len(back.messages))
	}
	t.Logf("%+v", near.session.Stats())
}
