package configs

import "time"

// RTMFP is the listener for RTMFP and what holds for its clients.
type RTMFP struct {
	// Listen is the UDP address, host:port; port 0 takes a free one. Empty: no RTMFP.
	Listen string `key:"listen" check:"address" empty:"yes"`
	// KeepAlive is how long a client may be silent before it is asked whether it is there, 1 second to 1 hour.
	KeepAlive time.Duration `key:"keepAlive" min:"1s" max:"1h" reload:"yes"`
	// GiveUp is how long it then has to answer, 1 second to 1 hour.
	GiveUp time.Duration `key:"giveUp" min:"1s" max:"1h" reload:"yes"`
	// ClientKeepAlive is what clients are told to do for their part.
	ClientKeepAlive ClientKeepAlive `key:"clientKeepAlive"`
	// QueueBytes is the most that is sent to one client and not acknowledged, 65,536 bytes to 1 GB. What exceeds it is
	// not taken from streams.
	QueueBytes Size `key:"queueBytes" min:"64KB" max:"1GB" reload:"yes"`
	// QueueTime is how long something that must arrive may stay unacknowledged before the client is closed as too slow,
	// 1 second to 1 hour.
	QueueTime time.Duration `key:"queueTime" min:"1s" max:"1h" reload:"yes"`
	// StartupRate is how many packets of clients that are only about to connect are taken each second, 10 to
	// 10,000,000. Further ones are dropped unread.
	StartupRate int `key:"startupRate" min:"10" max:"10000000"`
	// KeyLog is the path of a file to which the keys of sessions are appended. Empty: they are kept secret.
	KeyLog string `key:"keyLog" check:"path" empty:"yes"`
	// Redirect sends new clients to other servers.
	Redirect Redirect `key:"redirect"`
	// Redirectors has the redirectors at which the server registers, each in the form that [ParseRedirector] reads.
	Redirectors []string `key:"redirectors" check:"redirector" secret:"yes" reload:"yes"`
}

// ClientKeepAlive has the keepalive periods that clients are told (RFC 7425 section 5.3.4), each 5 seconds to 1 hour.
type ClientKeepAlive struct {
	// Server holds for the client's session with the server.
	Server time.Duration `key:"server" min:"5s" max:"1h" reload:"yes"`
	// Peers holds for its sessions with other clients.
	Peers time.Duration `key:"peers" min:"5s" max:"1h" reload:"yes"`
	// ServerBehindNAT is Server for a client that is behind a NAT.
	ServerBehindNAT time.Duration `key:"serverBehindNAT" min:"5s" max:"1h" reload:"yes"`
	// PeersBehindNAT is Peers for a client that is behind a NAT.
	PeersBehindNAT time.Duration `key:"peersBehindNAT" min:"5s" max:"1h" reload:"yes"`
}

// Redirect sends new RTMFP clients to other servers (RFC 7016 section 3.5.1.4).
type Redirect struct {
	// Servers are the other servers, each as host:port, where the host is an IP address or a name.
	Servers []string `key:"servers" check:"server" reload:"yes"`
	// Above is the number of sessions from which new clients are sent to Servers, 0 to 10,000,000; with 0 all are.
	Above int `key:"above" min:"0" max:"10000000" reload:"yes"`
}

// Lifetime says how long media may wait for the network over RTMFP before it is given up, each 10 milliseconds to
// 10 minutes.
type Lifetime struct {
	// Audio is the time from when audio is there until its first byte is sent.
	Audio time.Duration `key:"audio" min:"10ms" max:"10m" reload:"yes"`
	// Video is the same for video.
	Video time.Duration `key:"video" min:"10ms" max:"10m" reload:"yes"`
	// PreviousGroup is how long frames of a group of pictures may still begin to be sent when the next group is there.
	PreviousGroup time.Duration `key:"previousGroup" min:"10ms" max:"10m" reload:"yes"`
}

// Peers says who is introduced to whom, so that RTMFP clients can reach each other directly.
type Peers struct {
	// Introduce is who may be introduced to a client.
	Introduce Introduction `key:"introduce" oneof:"connected application nobody" reload:"yes"`
	// IntroductionsPerClient is how many introductions one client can have each second, 1 to 100,000.
	IntroductionsPerClient int `key:"introductionsPerClient" min:"1" max:"100000" reload:"yes"`
}
