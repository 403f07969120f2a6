package rtmfp_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

func TestDeadlinesPassWhileTheFarEndTakesNothing(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{flow: func(f *rtmfp.ReceiveFlow, _ *inbox) {
		f.Pause()
		f.SetCapacity(0)
	}})
	near, far := w.connect(a, b)
	out := &outbox{}
	var flow *rtmfp.SendFlow
	a.do(func() {
		flow = near.open(t, rtmfp.FlowConfig{Metadata: []byte("x"), Handler: out})
		flow.Send(rtmfp.Outgoing{Body: []byte("first"), Receipt: true})
	})
	w.RunFor(time.Second)
	a.do(func() {
		now := w.Now()
		for range 100 {
			flow.Send(rtmfp.Outgoing{
				Body: make([]byte, 1000), StartBy: now.Add(time.Second), FinishBy: now.Add(2 * time.Second), Receipt: true,
			})
		}
		flow.Send(rtmfp.Outgoing{Body: []byte("last"), Receipt: true})
	})
	w.RunFor(time.Second)
	if out.abandoned != 0 {
		t.Errorf("%d abandoned before their time", out.abandoned)
	}
	w.RunFor(10 * time.Millisecond)
	if out.abandoned != 100 || flow.Queued() != len("last") || near.session.Queued() != len("last") {
		t.Errorf("%d abandoned, %d bytes queued, %d in the session", out.abandoned, flow.Queued(), near.session.Queued())
	}
	if oldest, ok := flow.Oldest(); !ok || w.Now().Sub(oldest) < time.Second || flow.Stats().MessagesAbandoned != 100 {
		t.Errorf("oldest %v %v, %+v", oldest, ok, flow.Stats())
	}
	b.do(func() {
		in := far.inboxes[0]
		in.flow.SetCapacity(1 << 20)
		in.flow.Resume()
	})
	w.RunFor(5 * time.Second)
	if in := far.inboxes[0]; len(in.messages) != 2 || in.messages[1] != "last" || in.gaps != 1 || flow.Queued() != 0 {
		t.Errorf("received %q with %d gaps, %d bytes queued", in.messages, in.gaps, flow.Queued())
	}
}

func TestSessionHasItsOwnKeepAlive(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	near, _ := w.connect(a, b)
	w.RunFor(time.Second)
	a.do(func() { near.session.SetKeepAlive(2*time.Second, 3*time.Second) })
	w.RunFor(9 * time.Second)
	a.host.Blackout(time.Hour)
	began := w.Now()
	if !w.RunUntil(func() bool { return near.closed }, time.Minute) || !errors.Is(near.err, rtmfp.ErrTimeout) {
		t.Fatalf("closed %v: %v", near.closed, near.err)
	}
	if took := w.Now().Sub(began); took > 5100*time.Millisecond {
		t.Errorf("noticed after %v", took)
	}
}

func TestAcceptedSessionWithoutASignOfItsKeysEnds(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{config: rtmfp.CoreConfig{Times: rtmfp.Times{KeepAlive: -1}}})
	a.dial(b.fingerprint(), nil, b.addr())
	if !w.RunUntil(func() bool { return len(b.accepted) == 1 }, time.Minute) {
		t.Fatal("nothing was accepted")
	}
	a.host.Blackout(time.Hour) // before it knows
	began := w.Now()
	if !w.RunUntil(func() bool { return b.accepted[0].closed }, time.Minute) || !errors.Is(b.accepted[0].err, rtmfp.ErrTimeout) {
		t.Fatalf("closed %v: %v", b.accepted[0].closed, b.accepted[0].err)
	}
	if took := w.Now().Sub(began); took > 31*time.Second {
		t.Errorf("stayed for %v", took)
	}
	if st := b.Stats(); st.Sessions != 0 {
		t.Errorf("%d sessions", st.Sessions)
	}
}

func TestFloodOfHellosIsDroppedUnread(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{config: rtmfp.CoreConfig{Limits: rtmfp.Limits{StartupRate: 1000}}})
	hello := startupHello(b)
	for range 20000 { // one second of twenty times the rate
		b.host.Do(func() { b.Receive(w.Now(), rtmfp.Path{Addr: at(7, 7)}, append([]byte(nil), hello...)) })
		w.RunFor(50 * time.Microsecond)
	}
	if st := b.Stats(); st.RHellosSent < 1000 || st.RHellosSent > 1200 || st.DroppedStartup+st.RHellosSent != 20000 {
		t.Errorf("%d answered, %d dropped", st.RHellosSent, st.DroppedStartup)
	}
	w.RunFor(time.Second)
	w.connect(a, b)
}

func TestFullPacketsPassTheLeastMTUOfBothFamilies(t *testing.T) {
	for _, family := range []string{"IPv4", "IPv6"} {
		t.Run(family, func(t *testing.T) {
			w := newWorld(t, 1)
			hostA, hostB := w.NewHost(at(1, 4000)), w.NewHost(at(2, 1935))
			if family == "IPv6" {
				hostA, hostB = w.NewHost(at6(1, 4000)), w.NewHost(at6(2, 1935))
			}
			hostA.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond, MTU: 1280})
			protected := options{}
			protected.identity = protect32()
			a, b := w.add(hostA, protected), w.add(hostB, protected)
			near, far := w.connect(a, b)
			const large, small = 256 << 10, 50 // small ones fill packets best
			many := 3000
			if soak() {
				many = 10000
			}
			a.do(func() {
				f := near.open(t, rtmfp.FlowConfig{})
				f.Send(rtmfp.Outgoing{Body: make([]byte, large)})
				for range many {
					f.Send(rtmfp.Outgoing{Body: make([]byte, small)})
				}
			})
			all := func() bool { return len(far.inboxes) == 1 && far.inboxes[0].bytes == large+many*small }
			if !w.RunUntil(all, time.Minute) {
				t.Fatal("not everything has arrived")
			}
			if st := near.session.Stats(); st.FragmentsLost > 0 {
				t.Errorf("%d fragments lost", st.FragmentsLost)
			}
		})
	}
}

func TestFlowsWithHolesAreBoundedTogether(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{}, forEver, options{})
	near, far := w.join(a, b)
	const flows = 64
	for id := range uint64(flows) {
		for sequence := uint64(2); sequence < 2048; {
			var p []byte
			for ; len(p) < 1000 && sequence < 2048; sequence += 2 {
				p = abandonedFragment(p, id+2, sequence)
			}
			a.do(func() { rtmfp.SendChunks(near.session, p) })
		}
		w.RunFor(time.Millisecond)
	}
	ranges := 0
	for _, in := range far.inboxes {
		ranges += in.flow.Ranges()
	}
	if len(far.inboxes) != flows || ranges < 1000 || ranges > 1<<14 {
		t.Fatalf("%d flows have %d ranges", len(far.inboxes), ranges)
	}
	a.do(func() { // one that has no holes goes on as before
		last := wire.UserData{FlowID: 100, Sequence: 1, HasOptions: true, Options: wire.AppendOption(nil, wire.OptionMetadata, nil)}
		rtmfp.SendChunks(near.session, append(last.AppendHeader(nil, 1), 'x'))
	})
	w.RunFor(time.Second)
	if in := far.inboxes[flows]; in.count != 1 || far.closed {
		t.Errorf("%d messages came", in.count)
	}
}

// abandonedFragment appends a chunk that says of a number that it was given up, and of none below.
func abandonedFragment(p []byte, flow, sequence uint64) []byte {
	u := wire.UserData{FlowID: flow, Sequence: sequence, Abandon: true}
	if sequence == 2 {
		u.HasOptions, u.Options = true, wire.AppendOption(nil, wire.OptionMetadata, nil)
	}
	return u.AppendHeader(p, 0)
}

// at6 is an address of IPv6.
func at6(last byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 15: last}), port)
}

// protect32 is an identity with the longest HMACs, and sequence numbers.
func protect32() flash.IdentityConfig {
	all := flash.Protection{Send: flash.SendAlways, Receive: flash.Require}
	return flash.IdentityConfig{HMAC: all, Sequence: all, HMACLength: 32}
}

// startupHello is a datagram with an IHello for an end.
func startupHello(to *end) []byte {
	hello := wire.IHello{Discriminator: to.fingerprint(), Tag: make([]byte, 16)}.Append(nil)
	return startupPacket(flash.Profile{}.NewDefaultCipher(), 0, hello)
}
