// Package rtmfpload measures the RTMFP library: what sending costs, how many handshakes a core answers, what an idle session
// takes, and what innocent sessions notice of a flood.
//
// Every process has one job and, by default, one core: the server, which is what is measured; the client, which has many
// sessions on few sockets; the attackers. They are children of the command and do what it asks of them by lines of JSON.
// Each tells its own processor time, the kernel's work for it included. Floors are measured in the same rounds: sealing the same
// packets without a network, and sending the same datagrams without a protocol.
//
//	report, err := rtmfpload.Burst(ctx, options, os.Stderr)
//	report.WriteTable(os.Stdout)
package rtmfpload
