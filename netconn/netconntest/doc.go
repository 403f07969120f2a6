// Package netconntest is one suite of tests for NetConnections, whatever carries them.
//
// A transport's own tests implement [Harness] and call [Run], which holds the transport and netconn together to what
// clients of Adobe's server know: commands, status codes, their order, and media frame for frame. A harness in memory
// runs the cases in virtual time; one over sockets leaves out those that need it.
//
//	func TestInMemory(t *testing.T) {
//		netconntest.Run(t, memory{})
//	}
//
// [Peer] writes and reads messages as they are on the wire, [Room] is the application that the cases ask.
package netconntest
