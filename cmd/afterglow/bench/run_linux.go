package bench

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// Run makes the load that o describes and reports what it measured. Progress goes to out, if that is not nil. When ctx
// ends or the server dies, the report holds the steps up to then, and the error says why there are no more.
func Run(ctx context.Context, o Options, out io.Writer) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	files := raiseFileLimit()
	limit := o.mostPlayers(files)
	for _, n := range o.steps() {
		if n > limit {
			return nil, fmt.Errorf("%d players need more than the %d files that this process may open (ulimit -n)", n, files)
		}
	}
	p := &progress{out: out}
	if o.Quiet {
		p.out = nil
	}
	processors := runtime.NumCPU()
	s, err := newSession(ctx, &o, p)
	if err != nil {
		return nil, err
	}
	defer s.close()
	r := &Report{
		Time: time.Now().UTC().Truncate(time.Second), Server: o.describeServer(), Transport: o.transport(), Load: o.Profile, Publishers: o.Publishers,
		Kernel: kernelRelease(), Processors: processors, ServerCPU: o.ServerCPU, ClientCPU: o.ClientCPU,
	}
	if o.File != "" {
		r.Load = o.File
	}
	if o.FindMax {
		return r, findMax(o.Players, limit, o.Resolution, func(n int) (bool, error) { return s.cleanTwice(ctx, r, n) })
	}
	for _, n := range o.steps() {
		if _, err := s.addStep(ctx, r, n); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (o *Options) describeServer() string {
	switch {
	case o.raw == nil:
		return strings.Join(o.URL, " and ")
	case o.raw.gather > 0:
		return "floor, gathered for " + o.raw.gather.String()
	}
	return "floor, one write for each frame and player"
}

func (s *session) addStep(ctx context.Context, r *Report, n int) (*Step, error) {
	step, err := s.measure(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("%d players: %w", n, err)
	}
	r.Steps = append(r.Steps, *step)
	if step.Clean {
		r.LargestClean = max(r.LargestClean, n)
	}
	return step, nil
}

// cleanTwice measures at n, once more if that was not clean, because something else may have taken the machine's time.
// After a step that was not clean, players start anew: a server that fell behind needs to recover.
func (s *session) cleanTwice(ctx context.Context, r *Report, n int) (bool, error) {
	for range 2 {
		step, err := s.addStep(ctx, r, n)
		if err != nil || step.Clean {
			return err == nil, err
		}
		s.clear()
	}
	return false, nil
}
