package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/udp"
)

const (
	// rtmfpBuffer is asked of the system for each socket: a keyframe for all of its players comes at once.
	rtmfpBuffer = 32 << 20
	// rtmfpKeyings may wait on each socket: players are to be slowed down by --rate and not by this.
	rtmfpKeyings = 1024
	// impatience is between two requests to a server that may still be starting.
	impatience = 50 * time.Millisecond
)

// rtmfpDialer opens sessions to a server.
type rtmfpDialer struct {
	server        netip.AddrPort
	discriminator []byte
	gather        time.Duration
	protection    flash.IdentityConfig
}

func newRTMFPDialer(o *Options, t target) (*rtmfpDialer, error) {
	address, err := net.ResolveUDPAddr("udp", t.address)
	if err != nil {
		return nil, err
	}
	server := address.AddrPort()
	return &rtmfpDialer{
		server: netip.AddrPortFrom(server.Addr().Unmap(), server.Port()), discriminator: flash.URI(t.tcURL), gather: o.GatherReads,
		protection: flash.IdentityConfig{
			// The group that every client has, Flash Player among them, and the cheapest: it is not keying that is measured.
			Groups: []flash.Group{flash.Group2}, HMAC: always(o.HMAC), Sequence: always(o.Sequence),
		},
	}, nil
}

// always protects packets both ways, or neither.
func always(on bool) flash.Protection {
	if on {
		return flash.Protection{Send: flash.SendAlways, Receive: flash.Require}
	}
	return flash.Protection{Send: flash.SendNever, Receive: flash.RequestNever}
}

// listen opens an endpoint with one socket and one shard.
func (d *rtmfpDialer) listen(times rtmfp.Times) (*rtmfp.Endpoint, error) {
	c := rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{":0"}, Shards: 1, KeyWorkers: 1, Keyings: rtmfpKeyings, Times: times,
		Socket: udp.Options{ReceiveBuffer: rtmfpBuffer, SendBuffer: rtmfpBuffer},
	}
	if d.isStreet() {
		c.Sockets = openStreet(d.server, d.gather)
	}
	return rtmfp.Listen(context.Background(), c)
}

// isStreet says whether each session of an endpoint can have an address of its own.
func (d *rtmfpDialer) isStreet() bool { return d.server.Addr().Is4() && d.server.Addr().IsLoopback() }

// dial opens a session with a certificate of its own, the n-th of its endpoint, counted from 0.
func (d *rtmfpDialer) dial(ctx context.Context, e *rtmfp.Endpoint, n int, handler rtmfp.SessionHandler) (*rtmfp.Session, error) {
	identity, err := flash.NewIdentity(d.protection)
	if err != nil {
		return nil, err
	}
	name := strconv.Itoa(n)
	if err := e.AddIdentity(name, identity, rtmfp.Listener{}); err != nil {
		return nil, err
	}
	to := d.server
	if d.isStreet() {
		to = netip.AddrPortFrom(house(n), d.server.Port())
	}
	return e.Dial(ctx, rtmfp.DialConfig{
		Identity: name, Discriminator: d.discriminator, Paths: []rtmfp.Path{{Addr: to}}, Handler: handler,
	})
}

// reach waits until the server opens a session.
func (d *rtmfpDialer) reach(ctx context.Context) error {
	e, err := d.listen(rtmfp.Times{HelloInterval: impatience, HelloBackoff: time.Nanosecond})
	if err != nil {
		return err
	}
	_, err = d.dial(ctx, e, 0, nil)
	return errors.Join(err, e.Close())
}

// portIsFree makes sure that a server to start will not lose its UDP port to one that runs already.
func portIsFree(address string) error {
	c, err := net.ListenPacket("udp", address)
	if err == nil {
		return c.Close()
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken: another server listens there over UDP", address)
	}
	return nil // an address of another machine, or a port that only the server may have
}
