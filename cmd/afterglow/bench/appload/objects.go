package appload

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"afterglow/netconn"
)

// Objects has clients follow one shared object, and change it in turn. A change is the time at which it was asked for, from
// which the others tell how long it took to reach them.
func Objects(ctx context.Context, o ObjectOptions, progress io.Writer) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "connecting %d clients\n", o.Clients)
	c, err := gather(ctx, o.URL, o.Clients)
	if err != nil {
		return nil, err
	}
	defer c.leave()
	b := &board{options: &o, begin: time.Now()}
	if err := b.follow(ctx, c); err != nil {
		return nil, err
	}
	r := &Report{What: "changes", URL: o.URL, Clients: o.Clients}
	if err := measure(ctx, &o.Options, r, c, b.change, &b.counts); err != nil {
		return nil, err
	}
	r.Expected = r.Done * uint64(o.Clients-1)
	return r, nil
}

// board is the shared object as all see it.
type board struct {
	options *ObjectOptions
	begin   time.Time
	objects []*netconn.RemoteSharedObject
	counts  counts
}

func (b *board) follow(ctx context.Context, c *crowd) error {
	for i, client := range c.clients {
		var object atomic.Pointer[netconn.RemoteSharedObject]
		o, err := client.SharedObject(b.options.Name, netconn.SharedObjectOptions{
			Persistent: b.options.Persistent,
			Sync: func(changes []netconn.SyncChange) {
				if o := object.Load(); o != nil {
					b.synced(o, changes)
				}
			},
		})
		if err == nil {
			wait, cancel := context.WithTimeout(ctx, connectTime)
			err = o.Wait(wait)
			cancel()
		}
		if err != nil {
			return fmt.Errorf("client %d: shared object %s: %w", i+1, b.options.Name, err)
		}
		object.Store(o)
		b.objects = append(b.objects, o)
	}
	return nil
}

// change has one client after the other change one property after the other, until ctx ends.
func (b *board) change(ctx context.Context) error {
	tick := time.NewTicker(time.Duration(float64(time.Second) / b.options.Rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		o := b.objects[n%len(b.objects)]
		b.counts.asked()
		if err := o.Set(fmt.Sprint("p", n%b.options.Properties), time.Since(b.begin).Seconds()); err != nil {
			return err
		}
	}
}

// synced takes the time of what somebody else has changed.
func (b *board) synced(o *netconn.RemoteSharedObject, changes []netconn.SyncChange) {
	for _, c := range changes {
		if c.Code != netconn.SyncChanged {
			continue
		}
		v, _ := o.Get(c.Name)
		if at, ok := v.(float64); ok {
			b.counts.add(time.Since(b.begin) - time.Duration(at*float64(time.Second)))
		}
	}
}
