// Package simnet is a virtual network for RTMFP: hosts, access lines with their faults, and NATs of each kind. A [Network] carries
// cores and is driven from one goroutine in virtual time; a [Live] has a Network run by the clock and carries whole endpoints.
//
// # Cores
//
// A Network's run depends on the seed and on what the caller does, and on nothing else: the same
// program with the same seed sees the same datagrams at the same instants.
//
// A [Host] carries one [Node], which is a core, or whatever else wants datagrams and timers. It is reached through the
// internet, which itself is perfect; all faults are those of the two [Link]s, up and down, by which each host and each
// [NAT] hangs on it. A new link is perfect too, until [Link.Set] gives it [Conditions].
//
//	network := simnet.New(1)
//	host := network.NewHost(netip.MustParseAddrPort("192.0.2.1:1935"))
//	host.SetLinks(simnet.Conditions{Delay: 20 * time.Millisecond, Loss: 0.3})
//	host.Attach(newCore(host.Outlet(), host.Worker(), network.Random()))
//	network.After(time.Minute, func() { host.Blackout(30 * time.Second) })
//	network.RunFor(time.Hour)
//
// Behind a NAT it is [NAT.NewHost] instead. Calls of the application into a core go through [Host.Do], so that the core is
// polled and its timer armed afterwards.
//
// Nothing of a Network is safe for concurrent use, and nothing waits for real time.
//
// # Endpoints
//
// A [Live] gives endpoints their sockets and may be used by many goroutines. Its time is virtual in a bubble of testing/synctest,
// where hours pass at once while all goroutines wait, and real elsewhere.
//
//	synctest.Test(t, func(t *testing.T) {
//		live := simnet.Start(1)
//		defer live.Close() // after the endpoints
//		nat := live.NewNAT(netip.MustParseAddr("198.51.100.1"), simnet.NATSettings{Kind: simnet.PortRestricted})
//		host := live.NewHostBehind(nat, netip.MustParseAddrPort("10.0.0.2:50000"))
//		live.Do(func() { nat.SetLinks(simnet.Conditions{Delay: 50 * time.Millisecond, Loss: 0.05}) })
//
//		endpoint, err := rtmfp.Listen(ctx, rtmfp.Config{Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: live.Sockets(host)})
//		...
//		time.Sleep(time.Minute) // takes no time
//		live.Do(nat.Rebind)     // the endpoint's sockets stay open
//	})
package simnet
