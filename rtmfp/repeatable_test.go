package rtmfp_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// busy runs a server with many peers over bad lines, and gives a sum of every datagram with its time and its fate.
func busy(t *testing.T, seed uint64) (sum [sha256.Size]byte, datagrams int) {
	w := newWorld(t, seed)
	all := sha256.New()
	w.Tap(func(e simnet.Event) {
		datagrams++
		fmt.Fprintln(all, e)
		all.Write(e.Datagram)
	})
	server := w.add(w.NewHost(at(1, 1935)), options{config: rtmfp.CoreConfig{Introducer: rtmfp.IntroduceAll{}}})
	var clients []*end
	for n := range 12 {
		host := w.NewHost(spoofed(n))
		host.SetLinks(simnet.Conditions{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.1, Duplicate: 0.05})
		client := w.add(host, options{})
		clients = append(clients, client)
		to := client.dial(server.fingerprint(), nil, server.addr())
		w.After(2*time.Second, func() {
			client.do(func() {
				for range 3 {
					if f, err := to.session.OpenFlow(rtmfp.FlowConfig{Metadata: []byte("m")}); err == nil {
						f.Send(rtmfp.Outgoing{Body: make([]byte, 5000)})
					}
				}
			})
			client.dial(clients[(n+5)%12].fingerprint(), nil, server.addr())
			client.dial(clients[(n+7)%12].fingerprint(), nil, server.addr())
		})
	}
	w.RunFor(5 * time.Second)
	server.do(func() { server.Sessions(func(s *rtmfp.Session) bool { s.Close(); return s.PeerID()[0]%4 != 0 }) })
	w.RunFor(5 * time.Second)
	clients[0].do(func() { clients[0].RemoveIdentity(name) })
	server.do(func() { server.Shutdown(w.Now()) })
	w.RunFor(5 * time.Second)
	clients[1].do(func() { clients[1].Close(w.Now()) })
	w.RunFor(time.Minute)
	return [sha256.Size]byte(all.Sum(nil)), datagrams
}

func TestRunsWithTheSameSeedAreTheSame(t *testing.T) {
	first, datagrams := busy(t, 1)
	if datagrams < 800 {
		t.Fatalf("only %d datagrams", datagrams)
	}
	for range 3 {
		if again, n := busy(t, 1); again != first {
			t.Fatalf("%d datagrams, and %d another time", datagrams, n)
		}
	}
	if other, _ := busy(t, 2); other == first {
		t.Error("another seed makes no difference")
	}
}
