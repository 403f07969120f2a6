package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/redirector"
	"afterglow/rtmfp/udp"
)

// rtmfpDoor is where RTMFP clients come in: an endpoint, and what it does with their sessions.
type rtmfpDoor struct {
	node     *node
	front    *overrtmfp.Server
	endpoint *rtmfp.Endpoint
	address  netip.AddrPort
	keyLog   *os.File
	ended    chan struct{} // closed when the server ends

	looking sync.Mutex
	found   map[string][]netip.AddrPort // of rtmfp.redirect.servers, when they were looked up last; guarded by looking

	mu         sync.Mutex
	registrars map[string]*redirector.Registrar // by the redirector's URL
}

// socketBuffer is what a socket of the server asks the system for, in bytes: a burst of all players' acknowledgements fits.
const socketBuffer = 8 << 20

// openRTMFP listens at rtmfp.listen.
func (n *node) openRTMFP(c *configs.Config) (*rtmfpDoor, error) {
	d := &rtmfpDoor{node: n, ended: make(chan struct{}), registrars: make(map[string]*redirector.Registrar)}
	d.front = overrtmfp.NewServer(n.apps, rtmfpConfig(c), n.log)
	identity, err := flash.NewIdentity(flash.IdentityConfig{AcceptsAncillary: true})
	if err != nil {
		return nil, err
	}
	shards := rtmfp.DefaultShards()
	config := rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{c.RTMFP.Listen}, Identity: identity, Listener: d.front.Listener(), Introducer: d.front,
		Times:  rtmfp.Times{KeepAlive: c.RTMFP.KeepAlive, GiveUp: c.RTMFP.GiveUp},
		Shards: shards,
		// The limits that can change while the server runs are overrtmfp's; those here are each shard's, and wide.
		Limits: rtmfp.Limits{Sessions: mostSessions, StartupRate: (c.RTMFP.StartupRate + shards - 1) / shards, SendQueue: mostQueued},
		Socket: udp.Options{ReceiveBuffer: socketBuffer, SendBuffer: socketBuffer},
		Log:    n.log,
	}
	if c.RTMFP.KeyLog != "" {
		if d.keyLog, err = openKeyLog(c.RTMFP.KeyLog); err != nil {
			return nil, fmt.Errorf("rtmfp.keyLog: %w", err)
		}
		n.log.Warn("the keys of RTMFP sessions are written to a file: who reads it can read what clients send", "file", c.RTMFP.KeyLog)
		config.KeyLog = func(line string) { fmt.Fprintln(d.keyLog, line) }
	}
	if d.endpoint, err = rtmfp.Listen(context.Background(), config); err != nil {
		d.closeKeyLog()
		return nil, listenError("rtmfp.listen", c.RTMFP.Listen, err)
	}
	d.address = d.endpoint.Addrs()[0]
	d.apply(c)
	return d, nil
}

// loadInterval is how often redirectors are told how many sessions there are, lookUpInterval how often the names of
// rtmfp.redirect.servers are looked up.
const (
	loadInterval   = 5 * time.Second
	lookUpInterval = time.Minute
)

// serveRTMFP watches over the endpoint until the server ends.
func (n *node) serveRTMFP(d *rtmfpDoor) {
	failed := make(chan error, 1)
	go func() { failed <- d.endpoint.Wait() }()
	tick, names := time.NewTicker(loadInterval), time.NewTicker(lookUpInterval)
	defer tick.Stop()
	defer names.Stop()
	for {
		select {
		case <-tick.C:
			d.report()
		case <-names.C:
			if c := n.config.Load(); len(c.RTMFP.Redirect.Servers) > 0 {
				d.lookUp(c)
			}
		case <-d.ended:
			return
		case err := <-failed:
			if !errors.Is(err, rtmfp.ErrClosed) {
				n.log.Error("serving failed", "protocol", "rtmfp", "address", d.address.String(), "error", err)
				n.failed <- fmt.Errorf("rtmfp at %v: %w", d.address, err)
			}
			return
		}
	}
}

// What a shard bears, whatever the configuration says: sessions, and bytes in one flow.
const (
	mostSessions = 1 << 24
	mostQueued   = 1 << 30
)

func rtmfpConfig(c *configs.Config) overrtmfp.Config {
	r, l := c.RTMFP, c.Limits
	return overrtmfp.Config{
		NetConn: connConfig(c),
		Limits: overrtmfp.Limits{
			QueueBytes: int(r.QueueBytes), QueueTime: r.QueueTime, ControlBytes: int(l.PendingBytes), ConnectTime: l.ConnectTime,
			MessageSizeBeforePublish: int(l.MessageBeforePublish), MessageSize: int(l.Message),
			Lifetimes: netconn.Lifetimes(c.Play.Lifetime),
		},
		KeepAlive:          overrtmfp.KeepAlive{Server: r.ClientKeepAlive.Server, Peers: r.ClientKeepAlive.Peers},
		NATKeepAlive:       overrtmfp.KeepAlive{Server: r.ClientKeepAlive.ServerBehindNAT, Peers: r.ClientKeepAlive.PeersBehindNAT},
		Silence:            r.KeepAlive,
		GiveUp:             r.GiveUp,
		Sessions:           l.Connections,
		SessionsPerAddress: l.ConnectionsPerAddress,
		Introductions:      c.Peers.IntroductionsPerClient,
		RedirectAbove:      r.Redirect.Above,
	}
}

func openKeyLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

func (d *rtmfpDoor) closeKeyLog() {
	if d.keyLog != nil {
		_ = d.keyLog.Close()
	}
}

// apply makes a configuration hold.
func (d *rtmfpDoor) apply(c *configs.Config) {
	if d == nil {
		return
	}
	d.lookUp(c)
	d.register(c)
}

// lookUp makes the configuration hold, with the addresses that the names of other servers have now.
func (d *rtmfpDoor) lookUp(c *configs.Config) {
	d.looking.Lock()
	defer d.looking.Unlock()
	config := rtmfpConfig(c)
	config.Redirect = d.resolve(c.RTMFP.Redirect.Servers)
	d.front.SetConfig(config)
}

// resolveTime is how long looking up the name of another server may take.
const resolveTime = 5 * time.Second

// resolve finds the addresses of other servers. One that cannot be found has those that it had before, if any, and is logged.
func (d *rtmfpDoor) resolve(servers []string) (out []netip.AddrPort) {
	found := make(map[string][]netip.AddrPort)
	for _, server := range servers {
		addrs, err := resolved(server)
		if err != nil {
			addrs = d.found[server]
			d.node.log.Warn("server of rtmfp.redirect.servers not found", "server", server, "known addresses", len(addrs), "error", err)
		}
		found[server] = addrs
		out = append(out, addrs...)
	}
	d.found = found
	return out
}

func resolved(server string) ([]netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(context.Background(), resolveTime)
	defer cancel()
	return overrtmfp.Resolve(ctx, server)
}

// drain lets nobody in any more and waits until all have gone, or ctx ends.
func (d *rtmfpDoor) drain(ctx context.Context) error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	for _, r := range d.registrars {
		r.Drain()
	}
	d.mu.Unlock()
	d.front.Close()
	return d.front.Wait(ctx)
}

func (d *rtmfpDoor) close() {
	if d == nil {
		return
	}
	close(d.ended)
	d.mu.Lock()
	for _, r := range d.registrars {
		r.Close()
	}
	d.mu.Unlock()
	_ = d.endpoint.Close()
	d.closeKeyLog()
}

// listenError says what can be done about an address that cannot be listened at.
func listenError(key, address string, err error) error {
	_, port, _ := net.SplitHostPort(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: %w: another program has the port (see which: ss -lunp 'sport = :%s'); stop it, or take another, as in --set %s=:0", key, err, port, key)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w: ports below 1024 need the capability CAP_NET_BIND_SERVICE; take another, as in --set %s=:0", key, err, key)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s: %w: this host has no such address; use one of its own, or none for all: --set %s=:%s", key, err, key, port)
	}
	return fmt.Errorf("%s: %w", key, err)
}

// register registers the server at the redirectors of a configuration, and at no others.
func (d *rtmfpDoor) register(c *configs.Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted := make(map[string]bool)
	for _, url := range c.RTMFP.Redirectors {
		wanted[url] = true
		if d.registrars[url] == nil {
			d.registerAt(url)
		}
	}
	for url, r := range d.registrars {
		if !wanted[url] {
			r.Close()
			delete(d.registrars, url)
		}
	}
}

// registerAt begins to register at a redirector, and goes on until it is told to stop. The configuration has been checked.
func (d *rtmfpDoor) registerAt(url string) {
	at, err := configs.ParseRedirector(url)
	if err != nil {
		d.node.log.Error("not registered at a redirector", "error", err)
		return
	}
	config := redirector.RegistrarConfig{Name: at.Name, Addresses: []string{at.Address}, Log: d.node.log}
	if at.User != "" {
		config.Credentials = []redirector.Credential{{User: at.User, Password: []byte(at.Password)}}
	}
	r, err := redirector.Register(d.endpoint, config)
	if err != nil {
		d.node.log.Error("not registered at a redirector", "redirector", at.Address, "error", err)
		return
	}
	d.registrars[url] = r
}

// redirectors are those at which the server registers, by their URLs.
func (d *rtmfpDoor) redirectors() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.registrars))
}

// report tells redirectors how many sessions there are.
func (d *rtmfpDoor) report() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.registrars {
		r.SetLoad(uint64(d.front.Sessions()))
	}
}
