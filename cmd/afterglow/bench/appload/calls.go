package appload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"afterglow/netconn"
)

// Calls has clients call a method, each again when it has the answer.
func Calls(ctx context.Context, o CallOptions, progress io.Writer) (*Report, error) {
	if err := o.check(o.Clients); err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "connecting %d clients\n", o.Clients)
	c, err := gather(ctx, o.URL, o.Clients)
	if err != nil {
		return nil, err
	}
	defer c.leave()
	r := &Report{What: "calls", URL: o.URL, Clients: o.Clients}
	var k counts
	return r, measure(ctx, &o.Options, r, c, func(ctx context.Context) error { return callAll(ctx, c, o.Method, &k) }, &k)
}

// callAll has everybody call until ctx ends.
func callAll(ctx context.Context, c *crowd, method string, k *counts) error {
	errs := make([]error, len(c.clients))
	var all sync.WaitGroup
	for i, client := range c.clients {
		all.Go(func() { errs[i] = callAgain(ctx, client, method, k) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func callAgain(ctx context.Context, client *netconn.Client, method string, k *counts) error {
	for n := 0; ; n++ {
		begin := time.Now()
		k.asked()
		_, err := client.Call(ctx, method, float64(n), "as long as what a chat says")
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", method, err)
		}
		k.add(time.Since(begin))
	}
}
