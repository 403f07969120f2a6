package main

import (
	"context"
	"fmt"
	"time"

	"afterglow/media"
	"afterglow/netconn"
)

// PublishCmd publishes an FLV file in real time.
type PublishCmd struct {
	input
	URL string `arg:"" help:"Where to, such as rtmp://127.0.0.1/live/NAME?key=KEY or rtmfp://127.0.0.1/live/NAME." name:"url"`
	remote
}

// Help is shown by afterglow publish --help.
func (PublishCmd) Help() string {
	return `Examples:
  afterglow publish film.flv rtmp://127.0.0.1/live/film --loop
  afterglow publish film.flv rtmfp://127.0.0.1/live/film
  ffmpeg -i film.mp4 -c copy -f flv - | afterglow publish - 'rtmp://example.org/live/film?key=KEY'

Over RTMFP sound and pictures that the network cannot carry within two seconds are given up, but with --fast nothing is.`
}

// Run publishes until the file or ctx ends.
func (c *PublishCmd) Run(ctx context.Context) error {
	in, err := c.input.open()
	if err != nil {
		return err
	}
	defer in.Close()
	client, stream, name, err := c.remote.open(ctx, c.URL, netconn.ClientEvents{}, netconn.StreamEvents{})
	if err != nil {
		return err
	}
	defer client.leave()
	if c.Fast {
		stream.SetLifetimes(netconn.Lifetimes{Audio: -1, Video: -1, PreviousGroup: -1})
	}
	pctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if err := stream.Publish(pctx, name, "live"); err != nil {
		return fmt.Errorf("publishing %s: %w", name, err)
	}
	err = c.send(ctx, in, name, func(ctx context.Context, p *media.Packet) error { return stream.Write(ctx, prepared(p)) })
	end, cancelEnd := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancelEnd()
	if uerr := stream.Unpublish(end, name); err == nil && uerr != nil {
		err = fmt.Errorf("the server has not acknowledged the end of %s: %w", name, uerr)
	}
	return err
}
