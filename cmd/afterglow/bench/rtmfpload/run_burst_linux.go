package rtmfpload

import (
	"context"
	"io"
)

// Burst measures bursts to many sessions. With an error it returns what it has.
func Burst(ctx context.Context, o BurstOptions, out io.Writer) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	say := o.progress(out)
	report := newReport(&o.Common)
	report.Burst = &BurstReport{Options: o}
	say.say("burst: %d sessions open", o.Sessions)
	p, err := startPair(ctx, &o.Common)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if err := p.open(connectArgs{Sessions: o.Sessions}); err != nil {
		return nil, err
	}
	args := o.sendArgs()
	warm := args
	warm.Bursts, warm.Every = uint64(o.Sessions)*warmBursts, 0
	if _, err := ask[sent](p.server, "send", warm); err != nil {
		return nil, err
	}
	for n := range o.Rounds {
		say.say("burst: round %d of %d", n+1, o.Rounds)
		args.Profile = o.profile(n)
		round, err := p.burst(ctx, &o, args)
		if err != nil {
			return report, err
		}
		report.Burst.Rounds = append(report.Burst.Rounds, *round)
	}
	return report, nil
}

// warmBursts is how many bursts each session gets before the first round: windows grow meanwhile.
const warmBursts = 10

func (o *BurstOptions) sendArgs() sendArgs {
	size := float64(o.Burst) * datagramSize * 8
	return sendArgs{
		Burst: o.Burst, Flight: o.Flight, Bursts: max(uint64(o.Gigabits*1e9/size), 1),
		Every: o.Every, For: o.Duration, Streams: o.Streams,
	}
}

// burst is one round, with the floors before it.
func (p *pair) burst(ctx context.Context, o *BurstOptions, args sendArgs) (*BurstRound, error) {
	round := &BurstRound{}
	var err error
	if !o.NoFloor {
		packets := uint64(o.Gigabits * 1e9 / (datagramSize * 8))
		if round.Floor, err = floorRound(ctx, p.common, o.Sessions, o.Burst, packets); err != nil {
			return nil, err
		}
	}
	if _, err := ask[none](p.client, "begin", none{}); err != nil {
		return nil, err
	}
	var s sent
	round.Server, err = p.foreign(func() (Use, error) {
		s, err = ask[sent](p.server, "send", args)
		return s.Use, err
	})
	if err != nil {
		return nil, err
	}
	t, err := ask[taken](p.client, "end", s.Bursts)
	if err != nil {
		return nil, err
	}
	round.Bursts, round.Skipped, round.Sending, round.ServerTraffic = s.Bursts, s.Skipped, s.Sending, s.Traffic
	round.Client, round.ClientTraffic, round.Arrived = t.Use, t.Traffic, t.Arrived
	round.derive()
	return round, nil
}
