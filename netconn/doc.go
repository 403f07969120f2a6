// Package netconn is Flash communication, whatever carries it: NetConnection and NetStream, commands, status codes,
// access rights, on the server's end ([Conn]) and on the client's ([Client]).
//
// It never blocks and starts no goroutine for a connection. A [Transport] hands in what arrives with Conn.Receive and
// is told what to send; media is pulled by the transport from a [Source]. Questions go up to a [Handler] with a
// [Reply] that may be given at once, in a minute or never, from any goroutine; until then the connection's messages
// wait in order.
//
// The sub-packages know the transports: netconn/overrtmp is RTMP over TCP.
//
//	conn := netconn.NewConn(transport, handler, netconn.Config{})
//	for m := range messages {
//		if !conn.Receive(m) {
//			// stop reading until transport.Resume is called
//		}
//	}
//	conn.Closed(err)
package netconn
