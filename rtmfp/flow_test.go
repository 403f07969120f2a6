package rtmfp_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// fragmentSize is how many bytes of a message fit a packet once the flow is acknowledged.
const fragmentSize = 1161

// content is n bytes that differ from place to place and from message to message.
func content(n, salt int) string {
	b := make([]byte, n)
	x := uint64(salt)*0x9e3779b97f4a7c15 + uint64(n) + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return string(b)
}

// manySizes are messages of every kind of size.
func manySizes() []string {
	var all []string
	sizes := []int{0, 1, 2, 100, 1 << 16, 1<<16 + 1}
	for around := -3; around <= 3; around++ {
		sizes = append(sizes, fragmentSize+around, fragmentSize+around-17, 2*fragmentSize+around, 10*fragmentSize+around)
	}
	for i, n := range sizes {
		all = append(all, content(n, i), content(n%50, i))
	}
	return all
}

func sendAll(t *testing.T, f *rtmfp.SendFlow, messages []string) {
	t.Helper()
	for _, m := range messages {
		if _, err := f.Send(rtmfp.Outgoing{Body: []byte(m), Receipt: true}); err != nil {
			t.Fatal(err)
		}
	}
}

func sameMessages(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d messages arrived, %d were sent", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("message %d has %d bytes that are not the %d that were sent", i, len(got[i]), len(want[i]))
		}
	}
}

var faults = []struct {
	name       string
	conditions simnet.Conditions
}{
	{"1% loss", simnet.Conditions{Loss: 0.01}},
	{"5% loss", simnet.Conditions{Loss: 0.05}},
	{"30% loss", simnet.Conditions{Loss: 0.30}},
	{"bursts of loss", simnet.Conditions{Burst: simnet.Burst{ToBad: 0.01, ToGood: 0.1}}},
	{"reordering", simnet.Conditions{Reorder: 0.2}},
	{"duplication", simnet.Conditions{Duplicate: 0.3}},
	{"jitter", simnet.Conditions{Jitter: 40 * time.Millisecond, JitterReorders: true}},
	{"corruption", simnet.Conditions{Corrupt: 0.05}},
	{"all of them", simnet.Conditions{
		Loss: 0.05, Reorder: 0.1, Duplicate: 0.1, Jitter: 20 * time.Millisecond, JitterReorders: true, Corrupt: 0.05,
	}},
}

func TestEverythingArrivesOnceInOrderByteForByte(t *testing.T) {
	messages := manySizes()
	for i, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			w := newWorld(t, uint64(100+i))
			fault.conditions.Delay = 20 * time.Millisecond
			a, b := w.pair(fault.conditions, options{}, options{})
			near, far := w.connect(a, b)
			var sent outbox
			a.do(func() {
				f := near.open(t, rtmfp.FlowConfig{Metadata: []byte("all"), Handler: &sent})
				sendAll(t, f, messages)
				f.Close()
			})
			for range 10 * 600 {
				w.RunFor(100 * time.Millisecond)
				if err := errors.Join(rtmfp.Check(a.Core), rtmfp.Check(b.Core)); err != nil {
					t.Fatal(err)
				}
				if sent.ended {
					break
				}
			}
			w.RunFor(time.Minute)
			if len(far.inboxes) != 1 || sent.err != nil || sent.delivered != len(messages) {
				t.Fatalf("%d flows, ended with %v, %d of %d delivered", len(far.inboxes), sent.err, sent.delivered, len(messages))
			}
			in := far.inboxes[0]
			if !in.ended || in.err != nil || in.gaps != 0 {
				t.Errorf("receiver: ended %v, %v, %d gaps", in.ended, in.err, in.gaps)
			}
			sameMessages(t, in.messages, messages)
			st := near.session.Stats()
			if st.Queued != 0 || st.Outstanding != 0 || far.session.Stats().Buffered != 0 {
				t.Errorf("something is left: %+v", st)
			}
			if fault.conditions.Corrupt > 0 && b.Stats().DroppedVerification == 0 {
				t.Error("no corrupted packet was found")
			}
		})
	}
}

func TestMessageOf16MBArrivesWhateverTheBuffer(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond, Rate: 200e6, Queue: 500e3}, options{}, options{
		flow: func(f *rtmfp.ReceiveFlow, _ *inbox) { f.SetCapacity(1 << 18) },
	})
	near, far := w.join(a, b)
	large := content(16<<20, 1)
	var sent outbox
	var f *rtmfp.SendFlow
	start := w.Now()
	a.do(func() {
		f = near.open(t, rtmfp.FlowConfig{Metadata: []byte("large"), Handler: &sent})
		sendAll(t, f, []string{large})
		if _, err := f.Send(rtmfp.Outgoing{Head: []byte{1}, Body: []byte(content(16<<20+rtmfp.HeadSize, 1))}); !errors.Is(err, rtmfp.ErrMessageTooLong) {
			t.Errorf("a byte more: %v", err)
		}
		if _, err := f.Send(rtmfp.Outgoing{Head: make([]byte, rtmfp.HeadSize+1)}); !errors.Is(err, rtmfp.ErrMessageTooLong) {
			t.Errorf("a long head: %v", err)
		}
	})
	if !w.RunUntil(func() bool { return sent.delivered == 1 }, 5*time.Minute) {
		t.Fatalf("did not arrive: %+v", near.session.Stats())
	}
	if got := far.inboxes[0].messages; len(got) != 1 || got[0] != large {
		t.Error("is not what was sent")
	}
	took := w.Now().Sub(start)
	t.Logf("16 MB over 200 Mbit/s through a buffer of 256 KB in %v", took)
	if took > 3*time.Second {
		t.Errorf("took %v: the buffer has held it back", took)
	}
}

func TestSendQueueIsLimited(t *testing.T) {
	w := newWorld(t, 4)
	a, b := w.pair(simnet.Conditions{Delay: time.Millisecond}, options{config: rtmfp.CoreConfig{Limits: rtmfp.Limits{SendQueue: 10000}}}, options{})
	near, far := w.join(a, b)
	a.do(func() {
		f := near.open(t, rtmfp.FlowConfig{})
		sendAll(t, f, []string{content(6000, 1), content(4000, 2)})
		if _, err := f.Send(rtmfp.Outgoing{Body: []byte{1}}); !errors.Is(err, rtmfp.ErrQueueFull) {
			t.Errorf("beyond the limit: %v", err)
		}
		if f.Queued() != 10000 {
			t.Errorf("%d bytes queued", f.Queued())
		}
		f = near.open(t, rtmfp.FlowConfig{})
		sendAll(t, f, []string{content(60000, 3)}) // a queue that is empty takes any message
	})
	w.RunFor(5 * time.Second)
	if n := len(far.inboxes[0].messages) + len(far.inboxes[1].messages); n != 3 {
		t.Errorf("%d messages arrived", n)
	}
}

func TestMetadataHasToLeaveRoomForData(t *testing.T) {
	w := newWorld(t, 5)
	small := rtmfp.CoreConfig{Limits: rtmfp.Limits{Packet: 256}}
	a, b := w.pair(simnet.Conditions{}, options{config: small}, options{})
	near, far := w.join(a, b)
	most := 0
	a.do(func() {
		for n := range 512 {
			if _, err := near.session.OpenFlow(rtmfp.FlowConfig{Metadata: make([]byte, n)}); err != nil {
				if !errors.Is(err, rtmfp.ErrMetadataTooLong) {
					t.Error(err)
				}
				break
			}
			most = n
		}
		f := near.open(t, rtmfp.FlowConfig{Metadata: make([]byte, most)})
		sendAll(t, f, []string{content(5000, 1)})
	})
	w.RunFor(time.Minute)
	if len(far.inboxes) != 1 || len(far.inboxes[0].messages) != 1 || len(far.inboxes[0].flow.Metadata()) != most {
		t.Fatalf("a flow with %d bytes of metadata in packets of 256 did not get through", most)
	}
	t.Logf("packets of 256 bytes: metadata up to %d", most)
}

// TestNetworkOrderDeliversWhatIsComplete loses the first packet of several: what follows is delivered before it is sent again,
// unless the sender's order is wanted.
func TestNetworkOrderDeliversWhatIsComplete(t *testing.T) {
	for _, network := range []bool{true, false} {
		w := newWorld(t, 6)
		a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{
			flow: func(f *rtmfp.ReceiveFlow, _ *inbox) { f.SetNetworkOrder(network) },
		})
		near, far := w.connect(a, b)
		var f *rtmfp.SendFlow
		a.do(func() {
			f = near.open(t, rtmfp.FlowConfig{})
			sendAll(t, f, []string{"0"})
		})
		w.RunFor(time.Second)
		var sequences []uint64
		in := far.inboxes[0]
		in.onMessage = func(m rtmfp.Message) { sequences = append(sequences, m.Sequence) }
		lossy := a.host.Up().Conditions()
		lost := lossy
		lost.Loss = 1
		a.host.Up().Set(lost)
		a.do(func() { sendAll(t, f, []string{"1"}) })
		a.host.Up().Set(lossy)
		for i := 2; i <= 4; i++ {
			a.do(func() { sendAll(t, f, []string{fmt.Sprint(i)}) })
		}
		w.RunFor(35 * time.Millisecond)
		got := strings.Join(in.messages, "")
		w.RunFor(5 * time.Second)
		all := strings.Join(in.messages, "")
		switch {
		case network && (got != "0234" || all != "02341" || !slices.Equal(sequences, []uint64{3, 4, 5, 2})):
			t.Errorf("network order: %q at first, then %q, sequences %d", got, all, sequences)
		case !network && (got != "0" || all != "01234" || !slices.Equal(sequences, []uint64{2, 3, 4, 5})):
			t.Errorf("sender's order: %q at first, then %q, sequences %d", got, all, sequences)
		}
		if in.gaps != 0 {
			t.Errorf("network order %v: %d gaps where nothing was given up", network, in.gaps)
		}
	}
}

func TestNetworkOrderUnderLossDeliversAllOnce(t *testing.T) {
	w := newWorld(t, 7)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond, Loss: 0.1, Reorder: 0.1}, options{}, options{
		flow: func(f *rtmfp.ReceiveFlow, _ *inbox) { f.SetNetworkOrder(true) },
	})
	near, far := w.connect(a, b)
	messages := manySizes()
	var sent outbox
	a.do(func() {
		f := near.open(t, rtmfp.FlowConfig{Handler: &sent})
		sendAll(t, f, messages)
		f.Close()
	})
	w.RunUntil(func() bool { return sent.ended }, 10*time.Minute)
	w.RunFor(time.Second)
	got := slices.Clone(far.inboxes[0].messages)
	if slices.Equal(got, messages) {
		t.Error("arrived in the sender's order: nothing was shown")
	}
	slices.Sort(got)
	slices.Sort(messages)
	sameMessages(t, got, messages)
	if !far.inboxes[0].ended {
		t.Error("the flow did not end")
	}
}

// TestHigherPriorityGoesFirst queues a bulk flow before another of each higher priority, and looks at the packets.
func TestHigherPriorityGoesFirst(t *testing.T) {
	w := newWorld(t, 8)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var order []uint64
	priorities := make(map[uint64]rtmfp.Priority)
	rtmfp.Spy(near.session, func(sent bool, plain []byte) {
		if sent {
			for _, u := range userData(plain) {
				order = append(order, u.FlowID)
			}
		}
	})
	a.do(func() {
		for p := rtmfp.PriorityBackground; p <= rtmfp.PriorityImmediate; p++ {
			f := near.open(t, rtmfp.FlowConfig{Priority: p})
			priorities[f.ID()] = p
			sendAll(t, f, []string{content(20000, int(p)), content(20000, int(p))})
		}
	})
	w.RunFor(20 * time.Second)
	if len(far.inboxes) != 8 {
		t.Fatalf("%d flows arrived", len(far.inboxes))
	}
	for i, in := range far.inboxes {
		if len(in.messages) != 2 || priorities[in.flow.ID()] != rtmfp.PriorityImmediate-rtmfp.Priority(i) {
			t.Errorf("flow %d: %d messages, priority %d", i, len(in.messages), priorities[in.flow.ID()])
		}
	}
	for i := 1; i < len(order); i++ {
		if priorities[order[i]] > priorities[order[i-1]] {
			t.Fatalf("fragment %d of priority %d after one of %d", i, priorities[order[i]], priorities[order[i-1]])
		}
	}
}

func TestPriorityCanChange(t *testing.T) {
	w := newWorld(t, 9)
	a, b := w.pair(simnet.Conditions{Delay: 20 * time.Millisecond}, options{}, options{})
	near, far := w.connect(a, b)
	var first, second *rtmfp.SendFlow
	a.do(func() {
		first = near.open(t, rtmfp.FlowConfig{Priority: rtmfp.PriorityData})
		second = near.open(t, rtmfp.FlowConfig{Priority: rtmfp.PriorityBulk})
		sendAll(t, first, []string{content(200000, 1)})
		sendAll(t, second, []string{content(200000, 2)})
		second.SetPriority(rtmfp.PriorityCommand)
	})
	done := w.RunUntil(func() bool { return len(far.inboxes) == 2 && far.inboxes[0].count == 1 }, time.Minute)
	if !done || far.inboxes[0].flow.ID() != second.ID() || far.inboxes[1].count != 0 {
		t.Error("the flow that was raised did not go first")
	}
	w.RunFor(10 * time.Second)
}

func TestSeveralFlowsReturnToOne(t *testing.T) {
	w := newWorld(t, 10)
	var returns []*rtmfp.SendFlow
	a, b := w.pair(simnet.Conditions{Delay: 5 * time.Millisecond}, options{}, options{flow: func(f *rtmfp.ReceiveFlow, _ *inbox) {
		if f.Associated() != nil {
			t.Error("the first flow is no return")
		}
		for i := range 3 {
			back, err := f.Session().OpenFlow(rtmfp.FlowConfig{Metadata: []byte{byte(i)}, Return: f})
			if err != nil {
				t.Fatal(err)
			}
			back.Send(rtmfp.Outgoing{Body: []byte{byte(i)}})
			returns = append(returns, back)
		}
	}})
	near, _ := w.connect(a, b)
	var there *rtmfp.SendFlow
	a.do(func() {
		there = near.open(t, rtmfp.FlowConfig{})
		sendAll(t, there, []string{"x"})
		near.open(t, rtmfp.FlowConfig{}) // of another ID than the return flows
	})
	w.RunFor(time.Second)
	if len(near.inboxes) != 3 {
		t.Fatalf("%d return flows", len(near.inboxes))
	}
	for _, in := range near.inboxes {
		if in.flow.Associated() != there || len(in.messages) != 1 || in.messages[0] != string(in.flow.Metadata()) {
			t.Errorf("return flow %x: associated %v, %q", in.flow.Metadata(), in.flow.Associated() == there, in.messages)
		}
	}
}
