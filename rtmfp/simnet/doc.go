// Package simnet is a virtual network for RTMFP cores: hosts, access lines with their faults, and NATs of each kind, driven
// from one goroutine in virtual time. A run depends on the seed and on what the caller does, and on nothing else: the same
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
// Nothing here is safe for concurrent use, and nothing waits for real time.
package simnet
