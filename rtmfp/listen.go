package rtmfp

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"math/bits"
	"net/netip"
	"runtime"
	"sync"

	"afterglow/rtmfp/udp"
)

// Config is what an endpoint needs. Only Crypto is required.
type Config struct {
	// Crypto is the cryptography profile.
	Crypto Crypto

	// Addresses are the UDP addresses to listen at (default ":1935", which is IPv6 and IPv4); port 0 is any free one. An endpoint that
	// only dials has ":0". Each is an interface of the endpoint, at most 256.
	Addresses []string

	// Identity, if not nil, is there from the beginning with its Listener, under the name "". See [Endpoint.AddIdentity] for others.
	Identity Identity
	Listener Listener

	// Shards is how many goroutines share the sessions, a power of two of at most 64 (default: GOMAXPROCS rounded down to a power of two,
	// at most 8). Where the system cannot share a port among sockets, which is everywhere but on Linux, there is one.
	Shards int

	// Random gives secrets, tags and session IDs (default crypto/rand.Reader). All shards and keyings read it, at the same time.
	Random io.Reader

	// Introducer is asked about IHellos that no identity here answers to (default: they are ignored). All shards ask it, at the same time.
	Introducer Introducer

	// Times and Limits; see there. Each limit is for each shard.
	Times  Times
	Limits Limits

	// FragmentStartup divides large startup packets; see [CoreConfig].
	FragmentStartup bool

	// Keyings is how many keyings may wait for the goroutines that key (default 64). More are refused at once: who asks will ask
	// again. KeyWorkers is the number of these goroutines (default GOMAXPROCS).
	Keyings, KeyWorkers int

	// Socket are the settings of the sockets.
	Socket udp.Options

	// Sockets opens the sockets of one address (default [udp.Listen]): as many as count says, or a single one if a port cannot be
	// shared. What arrives for a session may come to any of them.
	Sockets func(ctx context.Context, address string, count int, options udp.Options) ([]udp.Conn, error)

	// Log is told of sessions and of abuse (default: nobody).
	Log *slog.Logger

	// KeyLog is given one line for each session by which captured packets can be decoded, one after the other (default: nobody).
	KeyLog func(line string)
}

const (
	defaultAddress = ":1935"
	defaultKeyings = 64
	defaultShards  = 8 // at most
)

func (c *Config) setDefaults() error {
	if c.Crypto == nil {
		return fmt.Errorf("rtmfp: an endpoint needs Crypto")
	}
	if len(c.Addresses) == 0 {
		c.Addresses = []string{defaultAddress}
	}
	if len(c.Addresses) > 256 {
		return fmt.Errorf("rtmfp: %d addresses, more than 256", len(c.Addresses))
	}
	if c.Shards == 0 {
		c.Shards = DefaultShards()
	}
	if c.Shards < 0 || c.Shards > 64 || c.Shards != powerOfTwo(c.Shards) {
		return fmt.Errorf("rtmfp: %d shards: want a power of two up to 64", c.Shards)
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Keyings <= 0 {
		c.Keyings = defaultKeyings
	}
	if c.KeyWorkers <= 0 {
		c.KeyWorkers = runtime.GOMAXPROCS(0)
	}
	if c.Sockets == nil {
		c.Sockets = udp.Listen
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.KeyLog = oneByOne(c.KeyLog)
	return nil
}

// DefaultShards is how many shards an endpoint has that names no number; a system that cannot share ports has one.
func DefaultShards() int { return min(powerOfTwo(runtime.GOMAXPROCS(0)), defaultShards) }

// powerOfTwo rounds down.
func powerOfTwo(n int) int { return 1 << (bits.Len(uint(n)) - 1) }

// oneByOne keeps shards from logging keys at the same time.
func oneByOne(log func(string)) func(string) {
	if log == nil {
		return nil
	}
	var mu sync.Mutex
	return func(line string) {
		mu.Lock()
		defer mu.Unlock()
		log(line)
	}
}

// open opens the sockets of all addresses, one for each shard.
func (c *Config) open(ctx context.Context) ([][]udp.Conn, error) {
	var sockets [][]udp.Conn
	for i, address := range c.Addresses {
		group, err := c.Sockets(ctx, address, c.Shards, c.Socket)
		if err != nil {
			closeAll(sockets)
			return nil, fmt.Errorf("rtmfp: %q: %w", address, err)
		}
		sockets = append(sockets, group)
		if i == 0 && len(group) == 1 {
			c.Shards = 1
		}
		if len(group) != c.Shards {
			closeAll(sockets)
			return nil, fmt.Errorf("rtmfp: %q has %d sockets for %d shards", address, len(group), c.Shards)
		}
		c.steer(group)
	}
	return sockets, nil
}

// steer has the system bring each datagram to the shard whom it concerns. Where it cannot, shards hand over.
func (c *Config) steer(group []udp.Conn) {
	if len(group) == 1 {
		return
	}
	if err := udp.Steer(group, uint32(len(group)-1)); err != nil {
		c.Log.Info("datagrams are not steered to their shards", "error", err)
	}
}

func closeAll(sockets [][]udp.Conn) {
	for _, group := range sockets {
		for _, socket := range group {
			_ = socket.Close() // they were not used
		}
	}
}

// coreConfig is the configuration of a shard's core.
func (e *Endpoint) coreConfig(s *shard) CoreConfig {
	c := &e.config
	return CoreConfig{
		Crypto: c.Crypto, Random: c.Random, Introducer: c.Introducer, Times: c.Times, Limits: c.Limits,
		FragmentStartup: c.FragmentStartup, Log: c.Log, KeyLog: c.KeyLog,
		Outlet: newOutlet(s.sockets), Worker: shardWorker{e.workers, &s.mail}, Route: e.route, Post: s.mail.put,
		Shard: s.number, Shards: c.Shards, Group: e.group, Interfaces: e.addrs,
	}
}

// route gives the first interface that has the family of an address.
func (e *Endpoint) route(to netip.Addr) (via uint8, ok bool) {
	for i, local := range e.addrs {
		if addr := local.Addr(); addr.Is4() == to.Is4() || addr == netip.IPv6Unspecified() {
			return uint8(i), true
		}
	}
	return 0, false
}
