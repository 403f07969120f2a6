package appload

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

const (
	// connecting is how many clients connect at a time.
	connecting = 16
	// connectTime is how long each may take.
	connectTime = 30 * time.Second
	// sessionsPerSocket is how many clients of RTMFP share a socket.
	sessionsPerSocket = 64
)

// crowd are connected clients.
type crowd struct {
	clients   []*netconn.Client
	endpoints []*rtmfp.Endpoint
}

// gather connects n clients.
func gather(ctx context.Context, rawURL string, n int) (*crowd, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	c := &crowd{clients: make([]*netconn.Client, n)}
	o := netconn.ConnectOptions{App: strings.Trim(u.Path, "/"), TCURL: rawURL, Encoding: netconn.AMF3}
	dial := func(ctx context.Context, _ int) (*netconn.Client, error) {
		return overrtmp.Dial(ctx, rawURL, overrtmp.DialOptions{Connect: o})
	}
	if u.Scheme == "rtmfp" {
		if err := c.listen(ctx, n); err != nil {
			c.leave()
			return nil, err
		}
		dial = func(ctx context.Context, i int) (*netconn.Client, error) { return c.dialRTMFP(ctx, rawURL, o, i) }
	}
	if err := c.dialAll(ctx, dial); err != nil {
		c.leave()
		return nil, err
	}
	return c, nil
}

// dialAll connects everybody, some at a time, and returns the first error.
func (c *crowd) dialAll(ctx context.Context, dial func(context.Context, int) (*netconn.Client, error)) error {
	errs := make([]error, len(c.clients))
	next := make(chan int)
	var all sync.WaitGroup
	for range connecting {
		all.Go(func() {
			for i := range next {
				ctx, cancel := context.WithTimeout(ctx, connectTime)
				c.clients[i], errs[i] = dial(ctx, i)
				cancel()
			}
		})
	}
	for i := range c.clients {
		next <- i
	}
	close(next)
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("client %d of %d: %w", i+1, len(c.clients), errors.Join(err, ctx.Err()))
		}
	}
	return nil
}

// listen opens the sockets of clients of RTMFP.
func (c *crowd) listen(ctx context.Context, n int) error {
	for range (n + sessionsPerSocket - 1) / sessionsPerSocket {
		e, err := rtmfp.Listen(ctx, rtmfp.Config{Crypto: flash.Profile{}, Addresses: []string{":0"}, Shards: 1})
		if err != nil {
			return err
		}
		c.endpoints = append(c.endpoints, e)
	}
	return nil
}

// dialRTMFP has keys in the group that every client knows, the cheapest: keying is not what is measured.
func (c *crowd) dialRTMFP(ctx context.Context, rawURL string, o netconn.ConnectOptions, i int) (*netconn.Client, error) {
	identity, err := overrtmfp.NewIdentity(flash.Group2)
	if err != nil {
		return nil, err
	}
	client, err := overrtmfp.Dial(ctx, rawURL, overrtmfp.DialOptions{Connect: o, Identity: identity, Endpoint: c.endpoints[i/sessionsPerSocket]})
	if err != nil {
		return nil, err
	}
	return client.Client, nil
}

// leave ends all connections.
func (c *crowd) leave() {
	for _, client := range c.clients {
		if client != nil {
			client.Close()
		}
	}
	for _, e := range c.endpoints {
		_ = e.Close()
	}
}

// lost returns why the first client that is not connected any more has gone, nil if all are there.
func (c *crowd) lost() error {
	for i, client := range c.clients {
		select {
		case <-client.Done():
			return fmt.Errorf("client %d has lost its connection: %w", i+1, client.Err())
		default:
		}
	}
	return nil
}
