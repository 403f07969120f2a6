package rtmfpload

import (
	"context"
	"io"
	"time"
)

// Idle measures sessions that do nothing. With an error it returns what it has.
func Idle(ctx context.Context, o IdleOptions, out io.Writer) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	report := newReport(&o.Common)
	report.Idle = &IdleReport{Options: o}
	for n := range o.Rounds {
		o.progress(out).say("idle: round %d of %d, %d sessions open and then rest for %v", n+1, o.Rounds, o.Sessions, o.Duration)
		round, err := idleRound(ctx, &o, o.profile(n))
		if err != nil {
			return report, err
		}
		report.Idle.Rounds = append(report.Idle.Rounds, *round)
	}
	return report, nil
}

// settling is how long the traces of the handshakes take to go, at most.
const settling = 500 * time.Millisecond

func idleRound(ctx context.Context, o *IdleOptions, profile string) (*IdleRound, error) {
	p, err := startPair(ctx, &o.Common)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	// A few sessions first: what the first one brings into memory is not theirs.
	first := min(o.Sessions, o.Sockets)
	if err := p.open(connectArgs{Sessions: first, Bare: o.Bare}); err != nil {
		return nil, err
	}
	before, err := ask[looked](p.server, "look", none{})
	if err != nil {
		return nil, err
	}
	if err := p.connect(connectArgs{Sessions: o.Sessions - first, Bare: o.Bare}); err != nil {
		return nil, err
	}
	if err := pause(ctx, min(settling, o.Duration)); err != nil {
		return nil, err
	}
	if _, err := ask[none](p.server, "watch", profile); err != nil {
		return nil, err
	}
	if err := pause(ctx, o.Duration); err != nil {
		return nil, err
	}
	s, err := ask[sent](p.server, "seen", none{})
	if err != nil {
		return nil, err
	}
	after, err := ask[looked](p.server, "look", none{})
	if err != nil {
		return nil, err
	}
	round := &IdleRound{
		Sessions: after.Sessions - before.Sessions, Before: before.Memory, After: after.Memory, Server: s.Use, Traffic: s.Traffic,
	}
	round.derive()
	return round, nil
}
