package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// largest is the size in bytes of the largest message of RTMFP as we speak it.
const largest = 16 << 20

// plan is what the client shall do.
type plan struct {
	flows, messages, size    int
	every, startBy, finishBy time.Duration
	oneWay                   bool
}

// sendFlags are the flags of the client.
type sendFlags struct {
	*commonFlags
	plan
	discriminator   flash.Discriminator
	linger, timeout time.Duration
	abrupt          bool
}

func parseSendFlags(args []string, out io.Writer) (*sendFlags, error) {
	f := &sendFlags{commonFlags: newFlags("send", ":0", out)}
	f.addIdentity()
	url := f.set.String("url", "rtmfp:", "URL to ask the server for; empty: none")
	host := f.set.String("host", "", "hostname that the server's certificate must have")
	fingerprint := f.set.String("fingerprint", "", "fingerprint that the server's certificate must have")
	f.set.IntVar(&f.flows, "flows", 2, "number of flows")
	f.set.IntVar(&f.messages, "messages", 60, "number of messages in each flow")
	f.set.IntVar(&f.size, "size", 4096, "size of each message in bytes")
	f.set.DurationVar(&f.every, "every", 0, "time between two messages of a flow (default: as fast as can be)")
	f.set.DurationVar(&f.startBy, "start-by", 0, "give up a message that was not begun within this time")
	f.set.DurationVar(&f.finishBy, "finish-by", 0, "give up a message that was not delivered within this time")
	f.set.BoolVar(&f.oneWay, "one-way", false, "refuse the flows by which the server would send everything back")
	f.set.DurationVar(&f.linger, "linger", 0, "keep the session open for a while when all is done")
	f.set.DurationVar(&f.timeout, "timeout", 0, "give up after this time (default: never)")
	f.set.BoolVar(&f.abrupt, "abrupt", false, "close the session with one packet, without waiting for an answer")
	if err := f.set.Parse(args); err != nil {
		return nil, err
	}
	if f.size < 1 || f.size > largest || f.messages < 1 || f.flows < 1 {
		return nil, fmt.Errorf("want flows, messages, and sizes of 1 to %d bytes", largest)
	}
	if *url != "" {
		f.discriminator.Ancillary = []byte(*url)
	}
	if *host != "" {
		f.discriminator.Hostname = []byte(*host)
	}
	var err error
	f.discriminator.Fingerprint, err = parseFingerprint(*fingerprint)
	return f, err
}

// send sends messages to an echo server and writes what became of them. It fails if some were lost that nobody gave up.
func send(ctx context.Context, args []string, out io.Writer) error {
	flags, err := parseSendFlags(args, out)
	if err != nil {
		return err
	}
	addresses, err := resolve(flags.set.Args())
	if err != nil {
		return err
	}
	if flags.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, flags.timeout)
		defer cancel()
	}
	endpoint, err := flags.open(ctx, &rtmfp.Listener{}, out)
	if err != nil {
		return err
	}
	defer leave(endpoint, flags.abrupt)

	client := newClient(flags.plan)
	began := time.Now()
	session, err := endpoint.Dial(ctx, rtmfp.DialConfig{
		Identity: identityName, Addresses: addresses, Discriminator: flags.discriminator.Append(nil), Handler: client.handler(),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "open after %v\n", time.Since(began).Round(time.Microsecond))
	err = client.run(ctx, session)
	if err == nil {
		wait(ctx, flags.linger)
	}
	flags.dump(endpoint)
	return errors.Join(err, client.report(session, out))
}

// wait waits for a time, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}
