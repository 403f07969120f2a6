// Package web has the classes of server-side ActionScript that talk HTTP and XML (server-side-api 2.9 to 2.12): XML and
// XMLNode, LoadVars, XMLSocket and XMLStreams, WebService with SOAPCall, SOAPFault and Log; and Flash Remoting over HTTP,
// which NetConnection uses (server-side-api 2.6).
//
// All of them belong to one engine. Requests run on goroutines of their own; what they bring is handed to the engine's
// goroutine with [engine.Engine.Post]. How to reach the network is handed in.
//
//	classes := web.Install(e, web.Options{HTTP: client, Dial: dialer})
//	defer classes.Close()
package web
