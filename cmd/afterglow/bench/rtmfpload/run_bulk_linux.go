package rtmfpload

import (
	"context"
	"errors"
	"io"
)

// Bulk measures one flow as fast as it goes. With an error it returns what it has.
func Bulk(ctx context.Context, o BulkOptions, out io.Writer) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	report := newReport(&o.Common)
	report.Bulk = &BulkReport{Options: o}
	for n := range o.Rounds {
		o.progress(out).say("bulk: round %d of %d", n+1, o.Rounds)
		round, err := bulkRound(ctx, &o, o.profile(n))
		if err != nil {
			return report, err
		}
		report.Bulk.Rounds = append(report.Bulk.Rounds, *round)
	}
	return report, nil
}

// bulkRound has a session of its own, which begins with a small window.
func bulkRound(ctx context.Context, o *BulkOptions, profile string) (*BulkRound, error) {
	p, err := startPair(ctx, &o.Common)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if err := p.open(connectArgs{Sessions: 1}); err != nil {
		return nil, err
	}
	if _, err := ask[none](p.client, "begin", none{}); err != nil {
		return nil, err
	}
	s, err := ask[sent](p.server, "bulk", bulkArgs{Message: o.Message, For: o.Duration, Profile: profile})
	if err != nil {
		return nil, err
	}
	t, err := ask[taken](p.client, "end", s.Bursts)
	if err != nil {
		return nil, err
	}
	if t.Arrived.Messages < s.Bursts {
		return nil, errors.New("bulk: messages were acknowledged and did not arrive")
	}
	round := &BulkRound{
		Server: s.Use, ServerTraffic: s.Traffic, Client: t.Use, ClientTraffic: t.Traffic, Arrived: t.Arrived,
	}
	round.derive()
	return round, nil
}
