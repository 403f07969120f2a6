package rtmfpload

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

type handshakeArgs struct {
	protected
	Target   target
	Group    flash.Group
	Parallel int
	Sockets  int
	For      time.Duration
	Most     uint64 // handshakes; 0 is as many as there is time for
}

// dialled is what the client has done to the server.
type dialled struct {
	Opened uint64
	Failed uint64
	Use    Use
}

// handshakes opens sessions, so many at a time, and ends each at once. Its identities have static keys, so that the client needs
// one exponentiation where the server needs two.
func (c *client) handshakes(ctx context.Context, args handshakeArgs) (dialled, error) {
	dialers, err := c.dialers(ctx, args)
	if err != nil {
		return dialled{}, err
	}
	m, err := startMeter("")
	if err != nil {
		return dialled{}, err
	}
	var opened, failed, begun atomic.Uint64
	end := time.Now().Add(args.For)
	var running sync.WaitGroup
	for _, d := range dialers {
		running.Go(func() {
			for time.Now().Before(end) && (args.Most == 0 || begun.Add(1) <= args.Most) {
				if d.dial(ctx, args.Target) != nil {
					failed.Add(1)
					continue
				}
				opened.Add(1)
			}
		})
	}
	running.Wait()
	use, err := m.stop()
	return dialled{Opened: opened.Load(), Failed: failed.Load(), Use: use}, err
}

// dialer opens one session after the other.
type dialer struct {
	endpoint *rtmfp.Endpoint
	name     string
}

func (c *client) dialers(ctx context.Context, args handshakeArgs) ([]dialer, error) {
	for len(c.seats) < min(args.Sockets, args.Parallel) {
		if err := c.sit(ctx, false); err != nil {
			return nil, err
		}
	}
	var all []dialer
	for i := range args.Parallel {
		key, err := flash.GenerateKey(rand.Reader, args.Group)
		if err != nil {
			return nil, err
		}
		identity, err := args.identity(nil, key)
		if err != nil {
			return nil, err
		}
		d := dialer{c.seats[i%len(c.seats)].endpoint, fmt.Sprintf("dialer %d", i)}
		if err := d.endpoint.RemoveIdentity(d.name); err != nil && !errors.Is(err, rtmfp.ErrNoIdentity) {
			return nil, err
		}
		if err := d.endpoint.AddIdentity(d.name, identity, rtmfp.Listener{}); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

func (d dialer) dial(ctx context.Context, to target) error {
	session, err := d.endpoint.Dial(ctx, rtmfp.DialConfig{
		Identity: d.name, Discriminator: to.Discriminator, Paths: []rtmfp.Path{{Addr: to.Address}},
	})
	if err != nil {
		return err
	}
	return onShard(session.Do, func() { session.Abort(rtmfp.ErrClosed) })
}
