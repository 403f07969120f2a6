package overrtmfp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/netconn"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// DialOptions are how Dial connects. The zero value is ready to use.
type DialOptions struct {
	// Connect is the connect command; App and TCURL come from the URL when they are empty.
	Connect netconn.ConnectOptions
	Events  netconn.ClientEvents
	// Limits of what is under way. Their Lifetimes are those of what is published.
	Limits Limits

	// Endpoint, if not nil, carries the session beside others, under an identity that is added to it for the time being. Else
	// the client has an endpoint of its own, which Listen, with ":0" as the address by default, is the configuration of.
	Endpoint *rtmfp.Endpoint
	Listen   rtmfp.Config
	// Identity is who the client is to the server and to peers: no two connections may have the same (RFC 7425 5.3). By
	// default one is made.
	Identity *flash.Identity
	// Server, if not nil, is the fingerprint that the server must have.
	Server *rtmfp.PeerID
	// Addresses are where the server is, instead of what the host of the URL resolves to.
	Addresses []netip.AddrPort
	// LocalAddresses are those by which peers of the same network can reach the client, which the server is told (RFC 7425 5.3.3).
	// Default, if nil: those of this host's interfaces.
	LocalAddresses []netip.AddrPort
	// PeerConnections is the most peers at a time that may play what is published directly. Default 8, as in Flash Player.
	PeerConnections int
	// Log is told of peers. Default slog.Default.
	Log *slog.Logger
}

// Client is the client's end of a NetConnection over RTMFP. Beside what every netconn.Client does, it streams directly to and from
// the server's other clients. Direct streams are part of the connection, as NetStreams are in Flash: they go on while the server is
// silent, and end with the connection when the server closes it, or is given up (rtmfp.Times).
type Client struct {
	*netconn.Client
	station  *station
	endpoint *rtmfp.Endpoint
	own      bool // the endpoint is the client's alone
	name     string
	identity *flash.Identity
	session  *rtmfp.Session
	link     *link
	peers    peers
	leaving  sync.Once
	ended    chan struct{} // closed when nothing is left
}

// names numbers the identities that clients add to endpoints which they share.
var names atomic.Uint64

// Dial opens a session to the server of an rtmfp URL and connects to its application. A rejection is returned as a
// netconn.Status. ctx bounds the opening only; the connection lasts until Close.
func Dial(ctx context.Context, rawURL string, o DialOptions) (*Client, error) {
	u, err := ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if o.Connect.App == "" {
		o.Connect.App = u.App
	}
	if o.Connect.TCURL == "" {
		o.Connect.TCURL = u.TCURL
	}
	if len(o.Addresses) == 0 {
		if o.Addresses, err = Resolve(ctx, u.Host); err != nil {
			return nil, err
		}
	}
	c := &Client{station: newStation(o.Limits, o.Log), ended: make(chan struct{})}
	c.peers.init(c, o.PeerConnections)
	if err := c.listen(ctx, &o); err != nil {
		return nil, err
	}
	if err := c.connect(ctx, u, &o); err != nil {
		c.leave()
		<-c.ended
		return nil, err
	}
	return c, nil
}

// Resolve finds the addresses of host:port.
func Resolve(ctx context.Context, hostPort string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", service, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	out := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		out[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	return out, nil
}

// listen finds or makes the endpoint and puts the client's identity on it.
func (c *Client) listen(ctx context.Context, o *DialOptions) (err error) {
	if c.identity = o.Identity; c.identity == nil {
		if c.identity, err = NewIdentity(); err != nil {
			return err
		}
	}
	c.endpoint = o.Endpoint
	if c.endpoint == nil {
		config := o.Listen
		if config.Crypto == nil {
			config.Crypto = flash.Profile{}
		}
		if len(config.Addresses) == 0 {
			config.Addresses = []string{":0"}
		}
		if config.Shards == 0 {
			config.Shards = 1
		}
		if c.endpoint, err = rtmfp.Listen(ctx, config); err != nil {
			return err
		}
		c.own = true
	}
	c.name = fmt.Sprintf("client %d", names.Add(1))
	return c.endpoint.AddIdentity(c.name, c.identity, rtmfp.Listener{Accept: c.peers.accept})
}

// NewIdentity makes an identity for a client: with static keys, so that its peer ID is a proof of who it is, in the given groups,
// the most wanted first. Default: groups 14 and 2. Clients like Flash Player have one key, in group 2, and librtmfp and MonaServer2
// understand nothing else: to reach them, let flash.Group2 be the only one.
func NewIdentity(groups ...flash.Group) (*flash.Identity, error) {
	if len(groups) == 0 {
		groups = []flash.Group{flash.Group14, flash.Group2}
	}
	var keys []*flash.PrivateKey
	for _, group := range groups {
		key, err := flash.GenerateKey(rand.Reader, group)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return flash.NewIdentity(flash.IdentityConfig{Keys: keys})
}

// connect opens the session and the NetConnection on it.
func (c *Client) connect(ctx context.Context, u *URL, o *DialOptions) error {
	d := flash.Discriminator{Fingerprint: o.Server, Ancillary: []byte(o.Connect.TCURL)}
	s, err := c.endpoint.Dial(ctx, rtmfp.DialConfig{
		Identity: c.name, Discriminator: d.Append(nil), Addresses: o.Addresses, Handler: &serverSession{carrier: carrier{owner: c}, client: c},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", u.Host, err)
	}
	c.session = s
	made := make(chan error, 1)
	if !s.Do(func() { made <- c.begins(o.Events) }) {
		return rtmfp.ErrClosed
	}
	if err := <-made; err != nil {
		return err
	}
	if _, err := c.Client.Connect(ctx, o.Connect); err != nil {
		c.Close()
		return err
	}
	if o.LocalAddresses == nil {
		o.LocalAddresses = c.localAddresses()
	}
	time.AfterFunc(sweepPeriod, c.sweep)
	return c.SetPeerInfo(reachable(o.LocalAddresses)...)
}

// sweep has all sessions look at their times, on their shards, now and then until the connection ends.
func (c *Client) sweep() {
	select {
	case <-c.Done():
		return
	default:
	}
	c.session.Do(c.link.checkTime)
	c.peers.sweep()
	time.AfterFunc(sweepPeriod, c.sweep)
}

// begins makes the link, on the session's shard.
func (c *Client) begins(e netconn.ClientEvents) error {
	carried, ok := c.session.Handler().(*serverSession)
	if !ok || !c.session.IsOpen() {
		return rtmfp.ErrClosed
	}
	l := newLink(c.station, c.session, 0)
	l.onKept, l.trusting = c.keep, true
	c.Client = netconn.NewClient(l, e)
	l.end = c.Client
	c.link = l
	carried.session, carried.watch = c.session, newWatch(c.session)
	carried.add(l)
	return nil
}

// serverSession is the client's session with its server.
type serverSession struct {
	carrier
	client *Client
}

// begin rejects what the server begins: it has no business but to answer.
func (c *Client) begin(*carrier, metadata) *link { return nil }

// linkEnded closes the session with the NetConnection, and everything else with it.
func (c *Client) linkEnded(*carrier, *link) {
	c.session.Close()
	c.peers.close()
	c.leave()
}

// leave begins to give back what the client has taken, once. It does not wait: a shard calls it.
func (c *Client) leave() { c.leaving.Do(func() { go c.release() }) }

func (c *Client) moved(*carrier) {
	if c.link != nil { // else the server is quicker than we are
		c.link.moved()
	}
}

func (c *Client) closed(*carrier, error) {}

func (c *Client) stats() *Stats { return &c.station.stats }

// release gives the identity back, or the endpoint.
func (c *Client) release() {
	if !c.own {
		_ = c.endpoint.RemoveIdentity(c.name)
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		_ = c.endpoint.Shutdown(ctx)
	}
	close(c.ended)
}

// Ended is closed when the client is gone, its sockets included; Done is closed somewhat earlier, when the connection ends.
func (c *Client) Ended() <-chan struct{} { return c.ended }

// keep sets the keepalive periods that the server advises.
func (c *Client) keep(k KeepAlive) {
	c.session.SetKeepAlive(k.Server, 0)
	c.peers.setKeepAlive(k.Peers)
}

// PeerID returns who the client is to other clients.
func (c *Client) PeerID() rtmfp.PeerID { return c.identity.Certificate().PeerID() }

// localAddresses are those of this host by which peers of the same network can reach the client.
func (c *Client) localAddresses() []netip.AddrPort {
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.AddrPort
	for _, local := range c.endpoint.Addrs() {
		if !local.Addr().IsUnspecified() {
			out = append(out, local)
			continue
		}
		for _, a := range interfaces {
			if n, ok := a.(*net.IPNet); ok {
				if ip, ok := netip.AddrFromSlice(n.IP); ok {
					out = append(out, netip.AddrPortFrom(ip.Unmap(), local.Port()))
				}
			}
		}
	}
	return out
}

// reachable leaves out what means something else on every host (RFC 7425 5.3.3), and writes the rest.
func reachable(addresses []netip.AddrPort) []string {
	var out []string
	for _, a := range addresses {
		if a.Addr().IsGlobalUnicast() {
			out = append(out, a.String())
		}
	}
	return out
}

// errNotConnected says that the server is gone.
var errNotConnected = errors.New("not connected to the server")
