// Package rtmp is Adobe's Real-Time Messaging Protocol over a byte stream, for servers and clients.
//
// It knows the handshakes (plain and digest), the chunk stream, protocol control, user control and aggregate
// messages, and it hands everything else up as a [Message]. What commands and media mean is the business of
// whoever uses it.
//
// A [Conn] is read by one goroutine with [Conn.ReadMessage] and written from any goroutine: [Conn.Send] queues
// a message and never blocks, [Conn.WriteMessage] waits while the far end is slow, and a [Source] is asked for
// prepared chunks whenever the socket can take them. [Server] has the shape of net/http's; [Dial] makes the
// client's end.
//
//	srv := &rtmp.Server{Addr: ":1935", Handler: rtmp.HandlerFunc(func(c *rtmp.Conn) {
//		for {
//			m, err := c.ReadMessage()
//			if err != nil {
//				return
//			}
//			fmt.Println(m.Type, len(m.Payload))
//		}
//	})}
//	log.Fatal(srv.ListenAndServe())
//
// The specification is Adobe's RTMP 1.0 as corrected by "RTMP Errata and Addenda" (2024).
package rtmp
