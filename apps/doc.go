// Package apps has applications and their instances: who may connect, publish, play and call, and where the streams of
// an instance are.
//
// A [Server] answers netconn's questions. It finds the application that a client names, makes the instance, and hands
// the question to an [Application]: one written in Go by whoever embeds the server, one that Options.Code makes of a folder's
// script, or [Live], which the server has for every application that has no code of its own.
//
// An [Instance] is an actor: what its application decides, and what happens to its shared objects ([SharedObject]), happens on
// one goroutine at a time, in order.
//
//	type mine struct{ apps.Live }
//
//	func (mine) Connect(c *apps.Client, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
//		go func() { reply.Give(netconn.ConnectAnswer{Err: askTheDatabase(r)}) }()
//	}
//
//	server := apps.NewServer(apps.Options{Config: config, Key: key})
//	server.Register("mine", mine{})
package apps
