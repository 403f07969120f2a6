package rtmfpload

import (
	"context"
	"io"
)

// AllOptions are those of All.
type AllOptions struct {
	Burst     BurstOptions
	Bulk      BulkOptions
	Handshake HandshakeOptions
	Idle      IdleOptions
	Flood     FloodOptions
}

// All measures everything, one after the other. With an error it returns what it has.
func All(ctx context.Context, o AllOptions, out io.Writer) (*Report, error) {
	var all *Report
	for _, measure := range []func() (*Report, error){
		func() (*Report, error) { return Burst(ctx, o.Burst, out) },
		func() (*Report, error) { return Bulk(ctx, o.Bulk, out) },
		func() (*Report, error) { return Handshake(ctx, o.Handshake, out) },
		func() (*Report, error) { return Idle(ctx, o.Idle, out) },
		func() (*Report, error) { return Flood(ctx, o.Flood, out) },
	} {
		r, err := measure()
		all = all.with(r)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// with adds the parts of another report.
func (r *Report) with(o *Report) *Report {
	if r == nil || o == nil {
		return firstOf(r, o)
	}
	r.Burst, r.Bulk, r.Handshake = firstOf(r.Burst, o.Burst), firstOf(r.Bulk, o.Bulk), firstOf(r.Handshake, o.Handshake)
	r.Idle, r.Flood, r.Floor = firstOf(r.Idle, o.Idle), firstOf(r.Flood, o.Flood), firstOf(r.Floor, o.Floor)
	return r
}

func firstOf[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}
