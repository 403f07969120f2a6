package main

import (
	"context"
	"errors"
	"fmt"

	"afterglow/netconn"
)

// PlayCmd plays a live stream into a file.
type PlayCmd struct {
	URL string `arg:"" name:"url" help:"What to play, such as rtmp://127.0.0.1/live/NAME or rtmfp://127.0.0.1/live/NAME."`
	recording
	remote
}

// Help is shown by afterglow play --help.
func (PlayCmd) Help() string {
	return `Examples:
  afterglow play rtmp://127.0.0.1/live/film -o film.flv -t 10s
  afterglow play rtmp://127.0.0.1/live/film -o - | ffplay -
  afterglow play 'rtmfp://127.0.0.1/live/film?audioLifetime=0.5&videoLifetime=0.5'
  afterglow play rtmp://127.0.0.1/live/film

Over RTMFP a player may say in the stream's name for how many seconds sound and pictures may wait for the network.`
}

// Run plays until the stream, the duration or ctx ends.
func (c *PlayCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := newRecorder(&c.recording, c.URL, cancel)
	client, stream, name, err := c.open(ctx, c.URL, netconn.ClientEvents{}, netconn.StreamEvents{Packet: p.packet, Status: p.status})
	if err != nil {
		return err
	}
	defer client.leave()
	if err := p.create(); err != nil { // not before there is something to play: what was recorded earlier is lost
		return err
	}
	pctx, stop := context.WithTimeout(ctx, c.Timeout)
	defer stop()
	if err := stream.Play(pctx, name, netconn.PlayLiveOrRecorded, -1); err != nil {
		return errors.Join(fmt.Errorf("playing %s: %w", name, err), p.close())
	}
	p.watch(ctx, client.Done())
	cause := context.Cause(ctx)
	client.leave()
	return p.result(cause, name, client.Err())
}
