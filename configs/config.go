package configs

import (
	"net/netip"
	"time"
)

// Config is the whole configuration. Take one from [Default] or [Load]: the zero value has no sane limits.
//
// The struct tags are the schema: "key" is the name in the file, "min" and "max" (both included) or "oneof" say
// what is allowed, "check" names a further check, "empty" permits "", "secret" keeps the value out of messages,
// and "reload" marks what a running server can take over without a restart.
type Config struct {
	Data          Data          `key:"data"`
	Applications  Applications  `key:"applications"`
	Log           Log           `key:"log"`
	RTMP          RTMP          `key:"rtmp"`
	RTMPS         RTMPS         `key:"rtmps"`
	RTMFP         RTMFP         `key:"rtmfp"`
	Connect       Connect       `key:"connect"`
	Publish       Publish       `key:"publish"`
	Play          Play          `key:"play"`
	Peers         Peers         `key:"peers"`
	Instances     Instances     `key:"instances"`
	Scripts       Scripts       `key:"scripts"`
	SharedObjects SharedObjects `key:"sharedObjects"`
	Bandwidth     Bandwidth     `key:"bandwidth"`
	Access        Access        `key:"access"`
	Limits        Limits        `key:"limits"`
	Metrics       Metrics       `key:"metrics"`
	Shutdown      Shutdown      `key:"shutdown"`
}

// Data says where the server writes.
type Data struct {
	// Dir is the folder of everything that the server writes: keys, certificates, recordings.
	// A relative path starts at the working directory.
	Dir string `key:"dir" check:"path"`
}

// Log says what is logged and how.
type Log struct {
	// Level is the least important level that is logged.
	Level LogLevel `key:"level" oneof:"debug info warn error" reload:"yes"`
	// Format is the form of a log line.
	Format LogFormat `key:"format" oneof:"text json"`
}

// RTMP is the plain RTMP listener and what it tells its clients.
type RTMP struct {
	// Listen is the TCP address, host:port; port 0 takes a free one. Empty: no plain RTMP.
	Listen string `key:"listen" check:"address" empty:"yes"`
	// ChunkSize is the size of outgoing chunks, 128 to 65,536 bytes.
	ChunkSize Size `key:"chunkSize" min:"128" max:"64KB" reload:"yes"`
	// WindowSize is the window acknowledgement size and the peer bandwidth, 4,096 to 2,147,483,647 bytes.
	WindowSize Size `key:"windowSize" min:"4KB" max:"2147483647" reload:"yes"`
	// ProxyProtocol has the address ranges whose connections must begin with a PROXY header, version 1 or 2.
	ProxyProtocol []netip.Prefix `key:"proxyProtocol" reload:"yes"`
}

// RTMPS is the listener for RTMP over TLS.
type RTMPS struct {
	// Listen is the TCP address, host:port; port 0 takes a free one. Empty: no RTMPS.
	Listen string `key:"listen" check:"address" empty:"yes"`
	// Certificate is the path of a PEM file with the certificate and its chain. Empty, like Key:
	// a self-signed one is made under Data.Dir.
	Certificate string `key:"certificate" check:"path" empty:"yes" reload:"yes"`
	// Key is the path of a PEM file with the private key of Certificate.
	Key string `key:"key" check:"path" empty:"yes" reload:"yes"`
}

// Connect says how clients that ask for something are answered.
type Connect struct {
	// Timeout is how long an application may leave a connect, publish or play unanswered, 10 milliseconds
	// to 1 hour. Then the answer is no.
	Timeout time.Duration `key:"timeout" min:"10ms" max:"1h" reload:"yes"`
	// Unknown is what a client gets that connects to an application that does not exist.
	Unknown UnknownApplication `key:"unknown" oneof:"rejected invalidApp" reload:"yes"`
}

// Publish says who may publish and who keeps the name of a stream.
type Publish struct {
	// Key is what publishers from elsewhere than loopback must show: letters, digits, "-", ".", "_" and "~",
	// at most 128. Empty: one is made at the first start and stored under Data.Dir.
	Key string `key:"key" check:"key" empty:"yes" secret:"yes" reload:"yes"`
	// Takeover is what becomes of a stream that a second publisher asks for.
	Takeover Takeover `key:"takeover" oneof:"dead release always" reload:"yes"`
	// PingTimeout is how long the old publisher has to answer a ping under TakeoverDead, 10 milliseconds to
	// 1 minute.
	PingTimeout time.Duration `key:"pingTimeout" min:"10ms" max:"1m" reload:"yes"`
}

// Play says how streams are kept and written for viewers.
type Play struct {
	// GOPCache starts viewers at once from the newest keyframe.
	GOPCache bool `key:"gopCache" reload:"yes"`
	// GOPCacheBytes is the most that the cache of one stream may hold, 65,536 bytes to 1 GB.
	GOPCacheBytes Size `key:"gopCacheBytes" min:"64KB" max:"1GB" reload:"yes"`
	// MaxLag is how far a viewer may fall behind before it skips to the newest keyframe, 100 milliseconds to
	// 10 minutes.
	MaxLag time.Duration `key:"maxLag" min:"100ms" max:"10m" reload:"yes"`
	// Write says how long packets are gathered before they are written.
	Write Write `key:"write"`
	// Lifetime says how long media waits for the network over RTMFP.
	Lifetime Lifetime `key:"lifetime"`
}

// Write says how long packets for a viewer are gathered, so that one write carries several.
type Write struct {
	// Mode says whether writes wait.
	Mode WriteMode `key:"mode" oneof:"off adaptive fixed" reload:"yes"`
	// Delay is the ceiling of WriteAdaptive and the time of WriteFixed, 1 millisecond to 1 second.
	Delay time.Duration `key:"delay" min:"1ms" max:"1s" reload:"yes"`
}

// Limits bounds what one client, and all of them, can take from the server.
type Limits struct {
	// Connections is the most that are open in total, over RTMP and RTMFP each, 1 to 10,000,000.
	Connections int `key:"connections" min:"1" max:"10000000" reload:"yes"`
	// ConnectionsPerAddress is the most that are open from one IP address, for IPv6 from one /64 network, over RTMP and
	// RTMFP each, 0 (no limit) to 10,000,000.
	ConnectionsPerAddress int `key:"connectionsPerAddress" min:"0" max:"10000000" reload:"yes"`
	// HandshakeTime is how long TLS and RTMP handshakes may take together, 10 milliseconds to 10 minutes.
	HandshakeTime time.Duration `key:"handshakeTime" min:"10ms" max:"10m" reload:"yes"`
	// ConnectTime is how long a client may take from the handshake to its connect command, 10 milliseconds to
	// 10 minutes.
	ConnectTime time.Duration `key:"connectTime" min:"10ms" max:"10m" reload:"yes"`
	// IdleTime is how long a client may send nothing before it is pinged, 10 milliseconds to 24 hours.
	IdleTime time.Duration `key:"idleTime" min:"10ms" max:"24h" reload:"yes"`
	// PingTimeout is how long it then has to send anything, 10 milliseconds to 24 hours.
	PingTimeout time.Duration `key:"pingTimeout" min:"10ms" max:"24h" reload:"yes"`
	// WriteTime is how long a client may take no byte while some wait for it, 100 milliseconds to 1 hour.
	WriteTime time.Duration `key:"writeTime" min:"100ms" max:"1h" reload:"yes"`
	// MessageBeforePublish is the largest message of a client that does not publish, 4,096 bytes to 16 MB.
	// It is at most Message.
	MessageBeforePublish Size `key:"messageBeforePublish" min:"4KB" max:"16MB" reload:"yes"`
	// Message is the largest message of a publisher, 4,096 bytes to 16 MB.
	Message Size `key:"message" min:"4KB" max:"16MB" reload:"yes"`
	// ChunkStreams is the most chunk streams that one connection may use, 8 to 65,598.
	ChunkStreams int `key:"chunkStreams" min:"8" max:"65598" reload:"yes"`
	// StreamsPerConnection is the most NetStreams that one connection may have, 1 to 65,535.
	StreamsPerConnection int `key:"streamsPerConnection" min:"1" max:"65535" reload:"yes"`
	// PendingBytes is the most that may wait for one connection, unhandled or unsent, 65,536 bytes to 1 GB.
	PendingBytes Size `key:"pendingBytes" min:"64KB" max:"1GB" reload:"yes"`
}

// Metrics is the HTTP listener for /metrics and /healthz.
type Metrics struct {
	// Listen is the TCP address, host:port; port 0 takes a free one. Empty: no metrics.
	Listen string `key:"listen" check:"address" empty:"yes"`
}

// Shutdown says how the server ends.
type Shutdown struct {
	// Time is how long clients are drained after SIGTERM, 0 to 1 hour.
	Time time.Duration `key:"time" min:"0s" max:"1h" reload:"yes"`
}
