// Package trace makes captured RTMFP readable: a line for each chunk and each message, given the keys of the sessions.
//
// A [Tracer] takes frames, from a capture file ([NewReader]) or from a network interface ([OpenLive]), finds the UDP datagrams
// in them, and tells by the session ID, and by which cipher verifies, to which session a datagram belongs. Handshakes are sealed
// with a key that everybody knows (RFC 7425 4.1) and need nothing; for all else it takes key log lines as [rtmfp.CoreConfig].KeyLog
// gets them.
//
// Nothing that is read is trusted: malformed input is shown as such, and everything that is kept has a limit.
package trace
