package rtmfpload

import (
	"context"
	"runtime"
	"time"

	"afterglow/cmd/afterglow/bench"
)

func newReport(c *Common) *Report {
	return &Report{
		Time: time.Now().UTC().Truncate(time.Second), Kernel: bench.KernelRelease(), Processors: runtime.NumCPU(),
		ServerCPU: c.serverCPU(), ClientCPU: c.clientCPU(), Procs: c.Procs, HMAC: c.HMAC, Sequence: c.Sequence,
	}
}

// pair is a server and its client.
type pair struct {
	common         *Common
	server, client *worker
	target         target
}

func startPair(ctx context.Context, c *Common) (*pair, error) {
	p := &pair{common: c}
	var err error
	if p.server, err = startWorker(ctx, c.Spawn, "server", c.serverCPU(), c.Procs); err != nil {
		return nil, err
	}
	if p.client, err = startWorker(ctx, c.Spawn, "client", c.clientCPU(), 1); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// stop ends the client first, so that it tells the server.
func (p *pair) stop() {
	p.client.stop()
	p.server.stop()
}

// open has the server listen and the client open sessions to it.
func (p *pair) open(args connectArgs) (err error) {
	p.target, err = ask[target](p.server, "listen", listenArgs{protected: p.common.protected(), Shards: p.common.Procs})
	if err != nil {
		return err
	}
	return p.connect(args)
}

// connect has the client open further sessions.
func (p *pair) connect(args connectArgs) error {
	args.protected, args.Target, args.Sockets = p.common.protected(), p.target, p.common.Sockets
	_, err := ask[none](p.client, "connect", args)
	return err
}

// foreign measures what others take of the server's core while f runs.
func (p *pair) foreign(f func() (Use, error)) (Use, error) {
	cpu := p.common.serverCPU()
	before, start := bench.CoreBusy(cpu), time.Now()
	use, err := f()
	if cpu >= 0 && cpu != p.common.clientCPU() {
		others := (bench.CoreBusy(cpu) - before).Seconds() - use.CPUSeconds
		use.Foreign = max(share(others, time.Since(start).Seconds()), 0)
	}
	return use, err
}

// profile says where the last round writes its profile.
func (c *Common) profile(round int) string {
	if round == c.Rounds-1 {
		return c.Profile
	}
	return ""
}
