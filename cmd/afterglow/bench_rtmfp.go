package main

import (
	"context"
	"os"
	"os/exec"
	"time"

	"github.com/alecthomas/kong"

	"afterglow/cmd/afterglow/bench"
	"afterglow/cmd/afterglow/bench/rtmfpload"
)

// BenchRTMFPCmd measures the RTMFP library.
type BenchRTMFPCmd struct {
	All       rtmfpAllCmd       `cmd:"" default:"withargs" help:"All of them, short (the default)."`
	Burst     rtmfpBurstCmd     `cmd:"" help:"Bursts of packets to many sessions, as live video is, beside the floors."`
	Bulk      rtmfpBulkCmd      `cmd:"" help:"One flow as fast as it goes."`
	Handshake rtmfpHandshakeCmd `cmd:"" help:"Handshakes a second."`
	Idle      rtmfpIdleCmd      `cmd:"" help:"Memory and keepalives of sessions that do nothing."`
	Flood     rtmfpFloodCmd     `cmd:"" help:"What innocent sessions notice of attackers."`
	Floor     rtmfpFloorCmd     `cmd:"" help:"Sealing the same packets alone, and sending the same datagrams without a protocol."`
	Worker    rtmfpWorkerCmd    `cmd:"" hidden:"" help:"A process of the others."`
}

// Help is the long form of the help.
func (BenchRTMFPCmd) Help() string {
	return `Server and client are processes of their own with one core each, and every figure says whose it is. Processor time is the
kernel's account of the process, its own work for it included. On loopback the kernel hands a datagram over while the sender
sends it: that is the sender's time, and the receiver has less than it would with a network card.

A gigabit is a billion bits of UDP payload. Rounds are repeated; the table has the median and how far rounds lie apart.

What a server of live video spends, with the floors of the same minutes:

  afterglow bench rtmfp burst
  afterglow bench rtmfp burst --no-hmac --sequence --sessions 200 --gigabits 4 --json burst.json
  afterglow bench rtmfp burst --every 40ms --streams 10 --duration 10s
  afterglow bench rtmfp burst --procs 2 --cpuprofile burst.prof

The rest:

  afterglow bench rtmfp bulk
  afterglow bench rtmfp handshake --groups 2,14
  afterglow bench rtmfp idle --sessions 10000
  afterglow bench rtmfp flood --only replayed,keying --duration 10s --sequence`
}

type rtmfpBurstCmd struct {
	rtmfpload.BurstOptions `embed:""`
}

// Help is shown by afterglow bench rtmfp burst --help.
func (rtmfpBurstCmd) Help() string {
	return `Example:
  afterglow bench rtmfp burst --every 40ms --streams 10 --sessions 500`
}

// Run measures and reports.
func (c *rtmfpBurstCmd) Run(ctx context.Context) error {
	c.Spawn = spawnRTMFPWorker
	r, err := rtmfpload.Burst(ctx, c.BurstOptions, os.Stderr)
	return writeRTMFPReport(r, c.JSON, err)
}

type rtmfpBulkCmd struct {
	rtmfpload.BulkOptions `embed:""`
}

// Help is shown by afterglow bench rtmfp bulk --help.
func (rtmfpBulkCmd) Help() string {
	return `Example:
  afterglow bench rtmfp bulk --message 5000 --duration 10s`
}

// Run measures and reports.
func (c *rtmfpBulkCmd) Run(ctx context.Context) error {
	c.Spawn = spawnRTMFPWorker
	r, err := rtmfpload.Bulk(ctx, c.BulkOptions, os.Stderr)
	return writeRTMFPReport(r, c.JSON, err)
}

type rtmfpHandshakeCmd struct {
	rtmfpload.HandshakeOptions `embed:""`
}

// Help is shown by afterglow bench rtmfp handshake --help.
func (rtmfpHandshakeCmd) Help() string {
	return `Example:
  afterglow bench rtmfp handshake --groups 2 --static`
}

// Run measures and reports.
func (c *rtmfpHandshakeCmd) Run(ctx context.Context) error {
	c.Spawn = spawnRTMFPWorker
	r, err := rtmfpload.Handshake(ctx, c.HandshakeOptions, os.Stderr)
	return writeRTMFPReport(r, c.JSON, err)
}

type rtmfpIdleCmd struct {
	rtmfpload.IdleOptions `embed:""`
}

// Help is shown by afterglow bench rtmfp idle --help.
func (rtmfpIdleCmd) Help() string {
	return `Example:
  afterglow bench rtmfp idle --sessions 10000 --bare`
}

// Run measures and reports.
func (c *rtmfpIdleCmd) Run(ctx context.Context) error {
	c.Spawn = spawnRTMFPWorker
	r, err := rtmfpload.Idle(ctx, c.IdleOptions, os.Stderr)
	return writeRTMFPReport(r, c.JSON, err)
}

type rtmfpFloodCmd struct {
	rtmfpload.FloodOptions `embed:""`
}

// Help is shown by afterglow bench rtmfp flood --help.
func (rtmfpFloodCmd) Help() string {
	return `Example:
  afterglow bench rtmfp flood --only replayed --sequence --duration 10s`
}

// Run measures and reports.
func (c *rtmfpFloodCmd) Run(ctx context.Context) error {
	c.Spawn = spawnRTMFPWorker
	r, err := rtmfpload.Flood(ctx, c.FloodOptions, os.Stderr)
	return writeRTMFPReport(r, c.JSON, err)
}

type rtmfpFloorCmd struct {
	rtmfpload.FloorOptions `embed:""`
}

// Help is shown by afterglow bench rtmfp floor --help.
func (rtmfpFloorCmd) Help() string {
	return `Example:
  afterglow bench rtmfp floor --no-hmac`
}

// Run measures and reports.
func (c *rtmfpFloorCmd) Run(ctx context.Context) error {
	c.Spawn = spawnRTMFPWorker
	r, err := rtmfpload.Floor(ctx, c.FloorOptions, os.Stderr)
	return writeRTMFPReport(r, c.JSON, err)
}

type rtmfpAllCmd struct {
	rtmfpload.Common `embed:""`
}

// Run measures everything, shortly.
func (c *rtmfpAllCmd) Run(ctx context.Context) error {
	c.Spawn = spawnRTMFPWorker
	all, err := shortRTMFPOptions(c.Common)
	if err != nil {
		return err
	}
	r, err := rtmfpload.All(ctx, *all, os.Stderr)
	return writeRTMFPReport(r, c.JSON, err)
}

// shortRTMFPOptions takes the defaults of each mode, and less time.
func shortRTMFPOptions(common rtmfpload.Common) (*rtmfpload.AllOptions, error) {
	all := new(rtmfpload.AllOptions)
	for _, options := range []any{&all.Burst, &all.Bulk, &all.Handshake, &all.Idle, &all.Flood} {
		if err := kong.ApplyDefaults(options); err != nil {
			return nil, err
		}
	}
	all.Burst.Common, all.Bulk.Common, all.Handshake.Common, all.Idle.Common, all.Flood.Common = common, common, common, common, common
	all.Bulk.Duration = 2 * time.Second
	all.Handshake.Duration = time.Second
	all.Idle.Sessions, all.Idle.Duration, all.Idle.Rounds = 1000, 10*time.Second, 1
	all.Flood.Duration = time.Second
	return all, nil
}

type rtmfpWorkerCmd struct{}

// Run does what its parent asks for.
func (rtmfpWorkerCmd) Run(ctx context.Context) error {
	return rtmfpload.Work(ctx, os.Stdin, os.Stdout)
}

// spawnRTMFPWorker makes the command of a process of a measurement.
func spawnRTMFPWorker() *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return exec.Command(self, "bench", "rtmfp", "worker")
}

// writeRTMFPReport writes what there is, also of a run that broke off, and returns the first error.
func writeRTMFPReport(r *rtmfpload.Report, jsonTo string, err error) error {
	if r == nil {
		return err
	}
	if e := bench.Write(r, jsonTo, os.Stdout); err == nil {
		err = e
	}
	return err
}
