package rtmfp_test

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// wireEnd is a core whose datagrams are kept until they are carried over to the other end.
type wireEnd struct {
	*rtmfp.Core
	path     rtmfp.Path // as the other end sees it
	identity *flash.Identity
	room     []byte
	arena    []byte
	lengths  []int
	accepted []*rtmfp.Session
	handler  benchHandler
}

func (e *wireEnd) Room() []byte { return e.room }

func (e *wireEnd) Send(n int, _ rtmfp.Path) {
	e.arena = append(e.arena, e.room[:n]...)
	e.lengths = append(e.lengths, n)
}

// carry gives everything that e has sent to the other end, and says how many datagrams that were.
func (e *wireEnd) carry(now rtmfp.Instant, to *wireEnd) int {
	at := 0
	for _, n := range e.lengths {
		to.Receive(now, e.path, e.arena[at:at+n])
		at += n
	}
	count := len(e.lengths)
	e.arena, e.lengths = e.arena[:0], e.lengths[:0]
	return count
}

// benchHandler counts.
type benchHandler struct {
	opened   int
	messages int
	bytes    int
}

func (h *benchHandler) Opened(*rtmfp.Session)                     { h.opened++ }
func (h *benchHandler) Flow(*rtmfp.ReceiveFlow) rtmfp.FlowHandler { return h }
func (h *benchHandler) Moved(*rtmfp.Session, rtmfp.Path)          {}
func (h *benchHandler) Closed(*rtmfp.Session, error)              {}
func (h *benchHandler) Ended(*rtmfp.ReceiveFlow, error)           {}
func (h *benchHandler) Message(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
	h.messages++
	h.bytes += len(m.Data)
}

func newWireEnd(b *testing.B, addr string, identity flash.IdentityConfig) *wireEnd {
	e := &wireEnd{path: rtmfp.Path{Addr: netip.MustParseAddrPort(addr)}, room: make([]byte, rtmfp.MaxDatagram)}
	var err error
	if e.identity, err = flash.NewIdentity(identity); err != nil {
		b.Fatal(err)
	}
	times := rtmfp.Times{KeepAlive: -1, Idle: -1, GiveUp: time.Hour}
	if e.Core, err = rtmfp.NewCore(rtmfp.CoreConfig{Crypto: flash.Profile{}, Outlet: e, Random: rand.Reader, Times: times}); err != nil {
		b.Fatal(err)
	}
	err = e.AddIdentity("it", e.identity, rtmfp.Listener{Accept: func(s *rtmfp.Session) rtmfp.SessionHandler {
		e.accepted = append(e.accepted, s)
		return &e.handler
	}})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// wired opens n sessions between two ends, each with an identity of its own on the near end.
func wired(b *testing.B, n int, protect flash.Protection) (near, far *wireEnd, sessions []*rtmfp.Session) {
	near = newWireEnd(b, "192.0.2.1:4000", flash.IdentityConfig{})
	far = newWireEnd(b, "192.0.2.2:1935", flash.IdentityConfig{HMAC: protect, Sequence: protect})
	for i := range n {
		identity, err := flash.NewIdentity(flash.IdentityConfig{HMAC: protect, Sequence: protect})
		if err != nil {
			b.Fatal(err)
		}
		name := fmt.Sprint(i)
		if err := near.AddIdentity(name, identity, rtmfp.Listener{}); err != nil {
			b.Fatal(err)
		}
		near.Do(0, func() {
			s, err := near.Dial(rtmfp.DialConfig{
				Identity: name, Discriminator: far.identity.Certificate().CanonicalDiscriminator(),
				Paths: []rtmfp.Path{far.path}, Handler: &near.handler,
			})
			if err != nil {
				b.Fatal(err)
			}
			sessions = append(sessions, s)
		})
		for near.handler.opened <= i {
			near.Poll(0)
			near.carry(0, far)
			far.Poll(0)
			if far.carry(0, near) == 0 {
				b.Fatal("handshake stands still")
			}
		}
	}
	return near, far, sessions
}

// BenchmarkBursts sends bursts of five full packets to many sessions in turn, as a server of live streams does, and reports
// what a packet costs its sender, its receiver, and the sender again when the acknowledgement comes.
func BenchmarkBursts(b *testing.B) {
	for _, c := range []struct {
		name    string
		protect flash.Protection
	}{{"checksum", flash.Protection{}}, {"hmac", flash.Protection{Send: flash.SendAlways, Receive: flash.Require}}} {
		b.Run(c.name, func(b *testing.B) { benchmarkBursts(b, c.protect) })
	}
}

func benchmarkBursts(b *testing.B, protect flash.Protection) {
	const sessionCount, burst = 200, 5
	near, far, sessions := wired(b, sessionCount, protect)
	flows := make([]*rtmfp.SendFlow, sessionCount)
	near.Do(0, func() {
		for i, s := range sessions {
			var err error
			if flows[i], err = s.OpenFlow(rtmfp.FlowConfig{Metadata: []byte("bench")}); err != nil {
				b.Fatal(err)
			}
		}
	})
	body := make([]byte, burst*1150)
	var sending, receiving, settling time.Duration
	packets, acks := 0, 0
	now := rtmfp.Instant(time.Second)
	b.ReportAllocs()
	b.SetBytes(1150)
	b.ResetTimer()
	for packets < b.N {
		now = now.Add(40 * time.Millisecond)
		t0 := time.Now()
		near.Do(now, func() {
			for _, f := range flows {
				if _, err := f.Send(rtmfp.Outgoing{Body: body}); err != nil {
					b.Fatal(err)
				}
			}
		})
		near.Poll(now)
		t1 := time.Now()
		packets += near.carry(now, far)
		far.Poll(now)
		t2 := time.Now()
		acks += far.carry(now, near)
		near.Poll(now)
		t3 := time.Now()
		sending, receiving, settling = sending+t1.Sub(t0), receiving+t2.Sub(t1), settling+t3.Sub(t2)
	}
	b.StopTimer()
	b.ReportMetric(float64(sending.Nanoseconds())/float64(packets), "ns/sent")
	b.ReportMetric(float64(receiving.Nanoseconds())/float64(packets), "ns/received")
	b.ReportMetric(float64(settling.Nanoseconds())/float64(packets), "ns/settled")
	b.ReportMetric(float64(acks)/float64(packets), "acks/packet")
}

// BenchmarkIdleSession reports what an open session without traffic holds in memory, of both ends together divided by two; the dialling
// ends share one identity for each hundred sessions at most.
func BenchmarkIdleSession(b *testing.B) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const count = 2000
	for range b.N {
		before := heap()
		near, far, sessions := wired(b, count, flash.Protection{Send: flash.SendAlways, Receive: flash.Require})
		after := heap()
		b.ReportMetric(float64(after-before)/(2*count), "bytes/session")
		runtime.KeepAlive(near)
		runtime.KeepAlive(far)
		runtime.KeepAlive(sessions)
	}
}
