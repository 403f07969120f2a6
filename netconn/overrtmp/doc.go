// Package overrtmp carries netconn's connections over RTMP: the chunk streams, windows and sockets that netconn does
// not want to know of.
//
// A [Server] is the Handler of an rtmp.Server. Its viewers share their work: one pump for each stream writes to all of
// them, and the chunks of a packet are made once for all that read it alike. [Dial] opens a client's connection.
//
//	front := overrtmp.NewServer(handler, overrtmp.Config{}, nil)
//	srv := &rtmp.Server{Addr: ":1935", Handler: front}
//	log.Fatal(srv.ListenAndServe())
package overrtmp
