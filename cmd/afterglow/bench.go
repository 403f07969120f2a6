package main

import (
	"context"
	"os"
	"os/exec"
	"time"

	"afterglow/cmd/afterglow/bench"
)

// BenchCmd measures a server under load.
type BenchCmd struct {
	Run         benchRunCmd         `cmd:"" default:"withargs" help:"Publishers and players against any server of RTMP or RTMFP (the default)."`
	Floor       benchFloorCmd       `cmd:"" help:"The same bytes with no protocol, for the ratio."`
	Abuse       bench.AbuseCmd      `cmd:"" help:"Attack a server on this machine, beside innocent players."`
	RTMFP       BenchRTMFPCmd       `cmd:"" name:"rtmfp" help:"The RTMFP library by itself: bursts, bulk, handshakes, idle sessions, floods."`
	SO          benchSOCmd          `cmd:"" name:"so" help:"Clients that follow one shared object and change it."`
	Calls       benchCallsCmd       `cmd:"" help:"Clients that call a method of an application."`
	FloorServer benchFloorServerCmd `cmd:"" hidden:"" help:"The floor's server."`

	GoApplication benchGoApplicationCmd `cmd:"" help:"An application in Go with the method echo, for calls."`
}

// Help is the long form of the help.
func (BenchCmd) Help() string {
	return `Players cost next to nothing: one thread, no copies, sockets with 1,448-byte segments. Every frame that a
publisher sends carries a number and a time, from which players tell gaps and latency.

Players over RTMFP are sessions with a certificate each, 64 on a socket (--sessions-per-socket). Where the server is at
an address of 127.0.0.0/8, every session has an address of its own of that network. Elsewhere those of a socket share
one, and some servers take one session from an address: --sessions-per-socket 1 is for them. They gather what arrives
for a quarter of a millisecond (--gather-reads), of which latency has its part. Frames that the server gives up at a deadline are missing ones, and told apart.

Join time runs from connect to the first keyframe. A server without an instant picture lets players wait for the
next one, of which there is one in two seconds: join slowly then (--rate 100), so that they meet all its phases.

A step is clean when all players got a picture, nobody was lost, no frame is missing, repeated or late by
more than a second, no picture stood still for half a second, and latency did not keep growing.

Server on one core, load on the other, memory a player from the players between 50 and 500:

  afterglow bench --start 'afterglow serve' --server-cpu 0 --client-cpu 1 -n 500 --memory-from 50

The largest number of players that one core serves cleanly, as JSON too:

  afterglow bench --start 'nginx -c /etc/nginx/rtmp.conf' --server-cpu 0 --client-cpu 1 --find-max -n 500 --json max.json

A server that runs already, in four steps, beside two players that misbehave:

  afterglow bench --url rtmp://127.0.0.1/live --pid 4711 --steps 50,500,1000,2000 --never-read 1 --slow 1:10kB/s

Over RTMFP, from a publisher over RTMP; without --publish-url publishers go to the first --url:

  afterglow bench --url rtmfp://127.0.0.1/live --publish-url rtmp://127.0.0.1/live --start 'afterglow serve' \
    --server-cpu 0 --client-cpu 1 --steps 50,200 --memory-from 10

A quarter of the players over RTMFP, in the same streams, with a row for each transport:

  afterglow bench --url rtmp://127.0.0.1/live --url rtmfp://127.0.0.1/live --rtmfp-share 0.25 -n 400 --publishers 4

What the machine could do at best:

  afterglow bench floor --server-cpu 0 --client-cpu 1 -n 500
  afterglow bench floor --server-cpu 0 --client-cpu 1 -n 500 --gather 100ms`
}

type benchRunCmd struct {
	bench.Options `embed:""`
}

// Help is shown by afterglow bench run --help.
func (benchRunCmd) Help() string {
	return `Example:
  afterglow bench --url rtmp://127.0.0.1/live --pid "$(pidof -s afterglow)" -n 500
  afterglow bench --url rtmfp://127.0.0.1/live --pid "$(pidof -s afterglow)" -n 200

See afterglow bench --help for what is measured, and for more examples.`
}

// Run measures and reports.
func (c *benchRunCmd) Run(ctx context.Context) error {
	r, err := bench.Run(ctx, c.Options, os.Stderr)
	return writeBenchReport(r, c.JSON, err)
}

// Help is shown by afterglow bench floor --help.
func (benchFloorCmd) Help() string {
	return `Example:
  afterglow bench floor --server-cpu 0 --client-cpu 1 -n 500 --gather 100ms`
}

type benchFloorCmd struct {
	bench.Options `embed:""`
	Gather        time.Duration `default:"0s" help:"Gather frames for this long before they are written; 0 writes each at once."`
}

// Run starts the floor's server in a process of its own and measures it.
func (c *benchFloorCmd) Run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.Command(self, "bench", "floor-server", "--gather", c.Gather.String())
	r, err := bench.Floor(ctx, c.Options, c.Gather, command, os.Stderr)
	return writeBenchReport(r, c.JSON, err)
}

type benchFloorServerCmd struct {
	Gather time.Duration `help:"See floor."`
}

// Run serves the floor and prints its address.
func (c *benchFloorServerCmd) Run(ctx context.Context) error {
	if err := bench.ServeFloor(ctx, c.Gather, os.Stdout); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// writeBenchReport writes what there is, also of a run that broke off, and returns the first error.
func writeBenchReport(r *bench.Report, jsonTo string, err error) error {
	if r == nil || len(r.Steps) == 0 {
		return err
	}
	if e := bench.Write(r, jsonTo, os.Stdout); err == nil {
		err = e
	}
	return err
}
