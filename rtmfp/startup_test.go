package rtmfp_test

import (
	"slices"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

// librtmfp takes startup packets only if their first byte is 0b: mode 3 with a timestamp and nothing else.
func TestEveryStartupPacketHasATimestamp(t *testing.T) {
	for _, fragment := range []bool{false, true} {
		w := newWorld(t, 1)
		a, b := w.pair(simnet.Conditions{Delay: 30 * time.Millisecond}, large(t, w, fragment), options{})
		redirector := w.add(w.NewHost(at(3, 1935)), options{config: rtmfp.CoreConfig{
			Introducer: introducing(func(i *rtmfp.Introduction) { i.Redirect(observed(b.addr())) }),
		}})
		cipher := flash.Profile{}.NewDefaultCipher()
		seen := make(map[wire.ChunkType]int)
		w.Tap(func(e simnet.Event) {
			plain, err := cipher.Open(slices.Clone(e.Datagram[wire.SessionIDSize:]))
			if err != nil {
				return // it belongs to the session
			}
			h, chunks, err := wire.ParseHeader(plain)
			want := wire.Header{Mode: wire.ModeStartup, HasTimestamp: true, Timestamp: uint16(time.Duration(e.Sent) / (4 * time.Millisecond))}
			if err != nil || h != want {
				t.Errorf("header %+v, want %+v; %v", h, want, err)
			}
			chunk, _, _ := wire.NextChunk(chunks)
			seen[chunk.Type]++
		})
		if p := a.dial(b.fingerprint(), nil, redirector.addr()); !w.opens(p) {
			t.Fatal(p.err)
		}
		keying := wire.ChunkIIKeying
		if fragment {
			keying = wire.ChunkFragment
		}
		for _, kind := range []wire.ChunkType{wire.ChunkIHello, wire.ChunkRedirect, wire.ChunkRHello, keying, wire.ChunkRIKeying} {
			if seen[kind] == 0 {
				t.Errorf("saw no %v among %v", kind, seen)
			}
		}
	}
}

// Nor does librtmfp take packets of a session without a timestamp, also if it is the same as in the packet before.
func TestEveryPacketOfASessionHasATimestamp(t *testing.T) {
	w := newWorld(t, 1)
	var open rtmfp.Cipher
	client := options{config: rtmfp.CoreConfig{KeyLog: func(line string) { open, _, _ = flash.ParseKeyLog(line) }}}
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, client, options{})
	near, _ := w.connect(a, b)
	packets := 0
	w.Tap(func(e simnet.Event) {
		if e.To != b.addr() {
			return
		}
		plain, err := open.Open(slices.Clone(e.Datagram[wire.SessionIDSize:]))
		if err != nil {
			t.Error(err)
			return
		}
		packets++
		if h, _, err := wire.ParseHeader(plain); err != nil || !h.HasTimestamp || h.Timestamp != uint16(time.Duration(e.Sent)/(4*time.Millisecond)) {
			t.Errorf("packet %d: header %+v, %v", packets, h, err)
		}
	})
	a.do(func() {
		if _, err := near.open(t, rtmfp.FlowConfig{}).Send(rtmfp.Outgoing{Body: make([]byte, 50_000)}); err != nil {
			t.Error(err)
		}
	})
	w.RunFor(time.Second)
	if packets < 40 {
		t.Errorf("%d packets", packets)
	}
}
