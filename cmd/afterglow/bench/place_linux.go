package bench

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"
)

// place is where a server listens that is to be started.
type place struct {
	transport string
	address   string
	dialer    *rtmfpDialer // for RTMFP
}

// placesOf gives the places of targets, each once.
func placesOf(targets []target, o *Options) (places []place, err error) {
	for _, t := range targets {
		same := func(p place) bool { return p.transport == t.transport && p.address == t.address }
		if slices.ContainsFunc(places, same) {
			continue
		}
		p := place{transport: t.transport, address: t.address}
		if t.transport == overRTMFP {
			if p.dialer, err = newRTMFPDialer(o, t); err != nil {
				return nil, err
			}
		}
		places = append(places, p)
	}
	return places, nil
}

// free makes sure that the server to start will not lose its port to one that runs already.
func (p place) free() error {
	if p.transport == overRTMFP {
		return portIsFree(p.address)
	}
	c, err := net.DialTimeout("tcp", p.address, time.Second)
	if err != nil {
		return nil
	}
	_ = c.Close()
	return errors.New(p.address + " is taken: another server listens there")
}

// reach waits until the server lets somebody in.
func (p place) reach(ctx context.Context) error {
	if p.transport == overRTMFP {
		return p.dialer.reach(ctx)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
