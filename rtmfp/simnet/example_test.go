package simnet_test

import (
	"fmt"
	"net/netip"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// pinger sends a datagram each second and says when one comes. A core is a node of more manners.
type pinger struct {
	outlet rtmfp.Outlet
	to     rtmfp.Path
	next   rtmfp.Instant
}

func (p *pinger) Receive(now rtmfp.Instant, from rtmfp.Path, datagram []byte) {
	fmt.Printf("%v: %q from %v\n", time.Duration(now), datagram, from)
}

func (p *pinger) Poll(now rtmfp.Instant) {
	if now < p.next {
		return
	}
	p.outlet.Send(copy(p.outlet.Room(), "ping"), p.to)
	p.next = now.Add(time.Second)
}

func (p *pinger) NextTimer() rtmfp.Instant { return p.next }

func Example() {
	network := simnet.New(1)
	server := network.NewHost(netip.MustParseAddrPort("192.0.2.1:1935"))
	nat := network.NewNAT(netip.MustParseAddr("198.51.100.1"), simnet.NATSettings{Kind: simnet.PortRestricted})
	client := nat.NewHost(netip.MustParseAddrPort("10.0.0.2:50000"))
	nat.SetLinks(simnet.Conditions{Delay: 15 * time.Millisecond})

	server.Attach(&pinger{outlet: server.Outlet(), next: rtmfp.Never})
	client.Attach(&pinger{outlet: client.Outlet(), to: rtmfp.Path{Addr: server.Addr(0)}})

	network.After(1500*time.Millisecond, func() { client.Blackout(time.Second) })
	network.After(2500*time.Millisecond, nat.Rebind)
	network.RunFor(3500 * time.Millisecond)
	fmt.Println("client's line:", client.Up().Counters().Blackout, "lost")

	// Output:
	// 15ms: "ping" from 198.51.100.1:25583
	// 1.015s: "ping" from 198.51.100.1:25583
	// 3.015s: "ping" from 198.51.100.1:25584
	// client's line: 1 lost
}
