package udp_test

import (
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp/udp"
)

var kinds = []struct {
	name    string
	options udp.Options
}{
	{"offload", udp.Options{}},
	{"batch", udp.Options{NoOffload: true}},
	{"portable", udp.Options{Portable: true}},
}

// Bursts of five packets of 1,200 bytes to each of several sessions, the usual load of a server. Nobody takes what arrives.
func BenchmarkSend(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			from := open(b, "127.0.0.1:0", kind.options)
			to := sinks(b, 16)
			b.ReportAllocs()
			b.SetBytes(1200)
			for n := 0; b.Loop(); n++ {
				_ = from.Room()
				from.Send(1200, to[n/5%len(to)])
				if n%80 == 79 {
					from.Flush()
				}
			}
			from.Flush()
			b.ReportMetric(float64(from.Stats().SendCalls)/float64(b.N), "calls/op")
		})
	}
}

// sinks are sockets that nobody reads.
func sinks(b *testing.B, count int) []netip.AddrPort {
	b.Helper()
	var addresses []netip.AddrPort
	for range count {
		addresses = append(addresses, open(b, "127.0.0.1:0", udp.Options{ReceiveBuffer: 1}).LocalAddr())
	}
	return addresses
}

// What waits in the socket's buffer is taken out again: packets in bursts of five that were sent with segments, or one by one.
func BenchmarkReceive(b *testing.B) {
	senders := []struct {
		name    string
		options udp.Options
	}{
		{"joined", udp.Options{}},
		{"single", udp.Options{NoOffload: true}},
	}
	for _, sender := range senders {
		for _, kind := range kinds {
			b.Run(sender.name+"/"+kind.name, func(b *testing.B) {
				benchmarkReceive(b, kind.options, sender.options)
			})
		}
	}
}

func benchmarkReceive(b *testing.B, receiving, sending udp.Options) {
	const round = 640
	into := open(b, "127.0.0.1:0", receiving)
	from := make([]udp.Conn, 8)
	for i := range from {
		from[i] = open(b, "127.0.0.1:0", sending)
	}
	var sum byte
	take := func(_ netip.AddrPort, datagram []byte) { sum += datagram[0] }
	b.ReportAllocs()
	b.SetBytes(1200)
	var spent time.Duration
	for done := 0; done < b.N; done += round {
		for n := range round {
			c := from[n/5%len(from)]
			_ = c.Room()
			c.Send(1200, into.LocalAddr())
			if n%5 == 4 {
				c.Flush()
			}
		}
		start := time.Now()
		for got := 0; got < round; {
			n, err := into.Read(take)
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
		spent += time.Since(start)
	}
	rounds := (b.N + round - 1) / round
	b.ReportMetric(float64(spent.Nanoseconds())/float64(rounds*round), "ns/packet")
	b.ReportMetric(float64(into.Stats().ReceiveCalls)/float64(rounds*round), "calls/packet")
}

// A look that finds nothing, and a wait of no length until another goroutine wakes the reader and is answered.
func BenchmarkTurn(b *testing.B) {
	for _, kind := range kinds {
		b.Run("nothing there/"+kind.name, func(b *testing.B) {
			conn := open(b, "127.0.0.1:0", kind.options)
			conn.SetWake(time.Now())
			b.ReportAllocs()
			for b.Loop() {
				_, _ = conn.Read(ignore)
			}
		})
		b.Run("woken/"+kind.name, func(b *testing.B) {
			conn := open(b, "127.0.0.1:0", kind.options)
			answers := make(chan error)
			go func() {
				for {
					_, err := conn.Read(ignore)
					answers <- err
					if err != nil {
						return
					}
				}
			}()
			b.ReportAllocs()
			for b.Loop() {
				conn.Wake()
				if err := <-answers; err != nil {
					b.Fatal(err)
				}
			}
			_ = conn.Close()
			<-answers
		})
	}
}

func open(tb testing.TB, address string, options udp.Options) udp.Conn {
	tb.Helper()
	return openGroup(tb, address, 1, options)[0]
}

func openGroup(tb testing.TB, address string, count int, options udp.Options) []udp.Conn {
	tb.Helper()
	group, err := udp.Listen(tb.Context(), address, count, options)
	if err != nil {
		tb.Fatal(err)
	}
	for _, conn := range group {
		tb.Cleanup(func() { _ = conn.Close() })
	}
	return group
}
