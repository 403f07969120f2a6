package rtmfp_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// division is how a message arrived: where each of its fragments began and what its place was.
type division struct {
	offsets  []int
	controls []wire.FragmentControl
}

// divisions puts together what fragments a session was sent on a flow, repeated ones once, and checks that they make up body.
func divisions(t *testing.T, sent map[uint64]wire.UserData, first uint64, body []byte) (d division) {
	t.Helper()
	var whole []byte
	for n := first; ; n++ {
		u, ok := sent[n]
		if !ok {
			t.Fatalf("fragment %d of %d is missing", n-first, len(sent))
		}
		d.offsets = append(d.offsets, len(whole))
		d.controls = append(d.controls, u.Fragment)
		whole = append(whole, u.Data...)
		if u.Fragment == wire.End || u.Fragment == wire.Whole {
			break
		}
	}
	if !bytes.Equal(whole, body) {
		t.Fatal("the fragments do not make up the message")
	}
	return d
}

// viewer is how a session is made that gets a message.
type viewer struct {
	conditions simnet.Conditions
	options    options
	before     int // bytes that it gets on the flow before
	v6         bool
}

// divided sends body to a viewer and says how it was divided.
func (v viewer) divided(t *testing.T, body []byte) division {
	t.Helper()
	w := newWorld(t, 150)
	hostA, hostB := w.NewHost(at(1, 4000)), w.NewHost(at(2, 1935))
	if v.v6 {
		hostA, hostB = w.NewHost(at6(1, 4000)), w.NewHost(at6(2, 1935))
	}
	hostA.SetLinks(v.conditions)
	a, b := w.add(hostA, v.options), w.add(hostB, v.options)
	near, far := w.connect(a, b)
	sent := make(map[uint64]wire.UserData)
	rtmfp.Spy(near.session, func(out bool, plain []byte) {
		for _, u := range userData(plain) {
			if out && !u.Abandon {
				u.Data = slices.Clone(u.Data)
				sent[u.Sequence] = u
			}
		}
	})
	var f *rtmfp.SendFlow
	a.do(func() {
		f = near.open(t, rtmfp.FlowConfig{Metadata: []byte("video")})
		sendAll(t, f, []string{content(v.before, 2)})
	})
	w.RunFor(10 * time.Second)
	first := uint64(1 + len(sent))
	a.do(func() { f.Send(rtmfp.Outgoing{Head: body[:5], Body: body[5:]}) })
	w.RunFor(10 * time.Second)
	if far.inboxes[0].count != 2 {
		t.Fatalf("%d messages arrived", far.inboxes[0].count)
	}
	return divisions(t, sent, first, body)
}

// TestSessionsOfTheSameLimitsDivideAlike sends a body to viewers on a good and on a bad network, on a flow that has carried much and on
// another, with one cipher and another: the fragments are the same. Over IPv6 and with larger packets they are others.
func TestSessionsOfTheSameLimitsDivideAlike(t *testing.T) {
	body := []byte(content(40_000, 1))
	lossy := simnet.Conditions{Delay: 30 * time.Millisecond, Loss: 0.05, Rate: 4e6}
	one := viewer{before: 100}.divided(t, body)
	for what, other := range map[string]viewer{
		"on a bad network":    {conditions: lossy, before: 100},
		"after much else":     {before: 100_000},
		"with another cipher": {options: options{identity: protect32()}, before: 100},
	} {
		if d := other.divided(t, body); !slices.Equal(one.offsets, d.offsets) || !slices.Equal(one.controls, d.controls) {
			t.Errorf("%s the message is divided at %d, not at %d", what, d.offsets, one.offsets)
		}
	}
	large := options{config: rtmfp.CoreConfig{Limits: rtmfp.Limits{Packet: 1300}}}
	if d := (viewer{options: large, before: 100}).divided(t, body); slices.Equal(one.offsets, d.offsets) {
		t.Error("with larger packets it is divided the same way")
	}
	good, bad := viewer{before: 100, v6: true}.divided(t, body), viewer{conditions: lossy, before: 100, v6: true}.divided(t, body)
	if !slices.Equal(good.offsets, bad.offsets) {
		t.Error("over IPv6 two sessions do not divide alike")
	}
}

// caughtUp watches a flow within its handler.
type caughtUp struct {
	flow   *rtmfp.ReceiveFlow
	within []bool
}

func TestFlowHasCaughtUpWhenNothingIsMissingOrHeldBack(t *testing.T) {
	for _, network := range []bool{false, true} {
		w := newWorld(t, 151)
		seen := &caughtUp{}
		a, b := w.pair(simnet.Conditions{}, options{}, options{flow: func(f *rtmfp.ReceiveFlow, in *inbox) {
			seen.flow = f
			f.SetNetworkOrder(network)
			in.onMessage = func(rtmfp.Message) { seen.within = append(seen.within, f.CaughtUp()) }
		}})
		near, far := w.join(a, b)
		fragment := func(n, fsn uint64, control wire.FragmentControl, want bool) {
			t.Helper()
			u := wire.UserData{FlowID: 2, Sequence: n, FSN: fsn, Fragment: control}
			if n == 1 {
				u.HasOptions, u.Options = true, wire.AppendOption(nil, wire.OptionMetadata, nil)
			}
			a.do(func() { rtmfp.SendChunks(near.session, append(u.AppendHeader(nil, 1), 'x')) })
			w.RunFor(time.Millisecond)
			if seen.flow.CaughtUp() != want {
				t.Errorf("network order %v: after fragment %d it has caught up: %v", network, n, !want)
			}
		}
		fragment(1, 0, wire.Whole, true)
		fragment(3, 0, wire.Whole, false) // 2 is missing
		fragment(2, 0, wire.Whole, true)
		fragment(4, 0, wire.Begin, false)
		fragment(5, 0, wire.End, true)
		fragment(7, 5, wire.Whole, false) // 6 is missing
		fragment(8, 6, wire.Whole, true)  // and given up
		b.do(seen.flow.Pause)
		fragment(9, 6, wire.Whole, false)
		b.do(seen.flow.Resume)
		if !seen.flow.CaughtUp() {
			t.Error("not after it was resumed")
		}
		if !seen.within[0] || !seen.within[len(seen.within)-1] || seen.within[1] {
			t.Errorf("network order %v: within the handler %v", network, seen.within)
		}
		fragment(11, 6, wire.Whole, false)
		b.do(func() { seen.flow.Reject(1) })
		if !seen.flow.CaughtUp() {
			t.Error("a rejected flow is waited for")
		}
		if far.closed {
			t.Error(far.err)
		}
	}
}
