package main

import (
	"context"
	"io"
	"log"
	"net/netip"

	"afterglow/rtmfp"
	"afterglow/rtmfp/wire"
)

// redirect tells everybody who asks the addresses of others, until ctx ends (RFC 7016 3.5.1.4).
func redirect(ctx context.Context, args []string, out io.Writer) error {
	flags := newFlags("redirect", ":1935", out)
	if err := flags.set.Parse(args); err != nil {
		return err
	}
	targets, err := resolve(flags.set.Args())
	if err != nil {
		return err
	}
	flags.endpoint.Introducer = newRedirector(targets, log.New(out, "", 0))
	endpoint, err := flags.open(ctx, nil, out)
	if err != nil {
		return err
	}
	defer leave(endpoint, false)
	<-ctx.Done()
	return nil
}

// redirector is an introducer that knows where everybody shall go.
type redirector struct {
	targets []wire.Address
	log     *log.Logger
}

func newRedirector(targets []netip.AddrPort, log *log.Logger) *redirector {
	r := &redirector{log: log}
	for _, target := range targets {
		r.targets = append(r.targets, wire.Address{AddrPort: target})
	}
	return r
}

// Introduce implements rtmfp.Introducer.
func (r *redirector) Introduce(question *rtmfp.Introduction) {
	r.log.Printf("%s: asks for %x", question.From, question.Discriminator)
	question.Redirect(r.targets...)
}
