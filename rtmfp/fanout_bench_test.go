package rtmfp_test

import (
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// viewers are sessions of one core with another, without encryption, so that what is measured is the protocol alone. Each has
// ports of its own.
type viewers struct {
	near, far *viewersEnd
	flows     []*rtmfp.SendFlow
	now       rtmfp.Instant
}

// viewersEnd keeps its datagrams until they are carried to the other end.
type viewersEnd struct {
	*rtmfp.Core
	addr  netip.Addr
	room  []byte
	arena []byte
	sent  []keptDatagram
}

type keptDatagram struct {
	length int
	port   uint16
}

func (e *viewersEnd) Room() []byte { return e.room }

func (e *viewersEnd) Send(n int, to rtmfp.Path) {
	e.arena = append(e.arena, e.room[:n]...)
	e.sent = append(e.sent, keptDatagram{n, to.Addr.Port()})
}

func (e *viewersEnd) path(port uint16) rtmfp.Path {
	return rtmfp.Path{Addr: netip.AddrPortFrom(e.addr, port)}
}

func (e *viewersEnd) carry(now rtmfp.Instant, to *viewersEnd) int {
	at := 0
	for _, d := range e.sent {
		to.Receive(now, e.path(d.port), e.arena[at:at+d.length])
		at += d.length
	}
	count := len(e.sent)
	e.arena, e.sent = e.arena[:0], e.sent[:0]
	return count
}

func newViewersEnd(b *testing.B, addr string) *viewersEnd {
	e := &viewersEnd{addr: netip.MustParseAddr(addr), room: make([]byte, rtmfp.MaxDatagram)}
	times := rtmfp.Times{KeepAlive: -1, Idle: -1, GiveUp: time.Hour}
	identity, err := flash.NewIdentity(flash.IdentityConfig{})
	if err != nil {
		b.Fatal(err)
	}
	if e.Core, err = rtmfp.NewCore(rtmfp.CoreConfig{Crypto: flash.Profile{}, Outlet: e, Times: times}); err != nil {
		b.Fatal(err)
	}
	if err := e.AddIdentity(name, identity, rtmfp.Listener{}); err != nil {
		b.Fatal(err)
	}
	return e
}

func newViewers(b *testing.B, count int, handler rtmfp.SendHandler) *viewers {
	v := &viewers{near: newViewersEnd(b, "192.0.2.1"), far: newViewersEnd(b, "192.0.2.2"), now: rtmfp.Instant(time.Second)}
	take := &benchHandler{}
	for i := range count {
		port := uint16(1024 + i)
		v.near.Do(v.now, func() {
			s, _ := rtmfp.Join(v.near.Core, v.far.Core, v.near.path(port), v.far.path(port), take, take)
			f, err := s.OpenFlow(rtmfp.FlowConfig{Metadata: []byte("video"), Handler: handler})
			if err != nil {
				b.Fatal(err)
			}
			v.flows = append(v.flows, f)
		})
	}
	return v
}

// send gives the same message to all, and says how many packets that made.
func (v *viewers) send(b *testing.B, o rtmfp.Outgoing) {
	v.near.Do(v.now, func() {
		for _, f := range v.flows {
			if _, err := f.Send(o); err != nil {
				b.Fatal(err)
			}
		}
	})
	v.near.Poll(v.now)
}

// BenchmarkFanOut reports what the protocol costs the sender of one frame to many, for each packet: to send it, and to settle it when the
// acknowledgement comes. What 500 sessions have fits the caches, what 8000 have does not.
func BenchmarkFanOut(b *testing.B) {
	b.Run("500", func(b *testing.B) { benchmarkFanOut(b, 500, false) })
	b.Run("500 with receipts", func(b *testing.B) { benchmarkFanOut(b, 500, true) })
	b.Run("8000", func(b *testing.B) { benchmarkFanOut(b, 8000, false) })
}

func benchmarkFanOut(b *testing.B, count int, receipt bool) {
	counted := &settling{}
	v := newViewers(b, count, counted)
	frame := make([]byte, 5*1150)
	var sending, settling time.Duration
	packets, frames := 0, 0
	round := func() {
		v.now = v.now.Add(40 * time.Millisecond)
		t0 := time.Now()
		v.send(b, rtmfp.Outgoing{Body: frame, Receipt: receipt, StartBy: v.now.Add(2 * time.Second)})
		sending += time.Since(t0)
		frames += len(v.flows)
		packets += v.near.carry(v.now, v.far)
		v.far.Poll(v.now)
		t1 := time.Now()
		v.far.carry(v.now, v.near)
		v.near.Poll(v.now)
		settling += time.Since(t1)
	}
	for range 10 {
		round()
	}
	sending, settling, packets, frames, counted.delivered = 0, 0, 0, 0, 0
	b.ReportAllocs()
	b.ResetTimer()
	for packets < b.N {
		round()
	}
	b.StopTimer()
	if receipt && counted.delivered != frames {
		b.Fatalf("%d receipts for %d frames", counted.delivered, frames)
	}
	b.ReportMetric(float64(sending.Nanoseconds())/float64(packets), "ns/sent")
	b.ReportMetric(float64(settling.Nanoseconds())/float64(packets), "ns/settled")
}

// BenchmarkLateFrames reports what a frame costs that is queued for viewers whose network has no room, and given up later.
func BenchmarkLateFrames(b *testing.B) {
	v := newViewers(b, 100, nil)
	frame := make([]byte, 40*1150)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		v.now = v.now.Add(40 * time.Millisecond)
		v.send(b, rtmfp.Outgoing{Body: frame, StartBy: v.now.Add(time.Second)})
		v.near.sent, v.near.arena = v.near.sent[:0], v.near.arena[:0]
	}
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(v.flows)), "ns/frame")
}
