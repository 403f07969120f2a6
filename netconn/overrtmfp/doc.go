// Package overrtmfp carries NetConnections over RTMFP (RFC 7425 section 5): [Server] is the listener and introducer of an
// rtmfp.Endpoint, [Dial] makes clients, and [Client] plays from and publishes to other clients directly.
//
// A NetConnection is a [link]: control flows of stream 0 in both directions, and for each NetStream three sending flows that
// open when there is something for them: commands and data, audio, video. All of a link belongs to the shard of its session;
// what other goroutines want of it is posted there. Media is pulled from a netconn.Source into the flows, where each message
// waits with a deadline: what the network cannot carry in time is given up, sound message by message and pictures by whole
// groups, from the first frame that is lost to the next keyframe.
package overrtmfp
