package rtmfpload

import (
	"context"
	"io"

	"afterglow/rtmfp/flash"
)

// Handshake measures how many handshakes the server answers. With an error it returns what it has.
func Handshake(ctx context.Context, o HandshakeOptions, out io.Writer) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	report := newReport(&o.Common)
	report.Handshake = &HandshakeReport{Options: o}
	for _, group := range o.Groups {
		g := HandshakeGroup{Group: group}
		for n := range o.Rounds {
			o.progress(out).say("handshake: group %d, round %d of %d", group, n+1, o.Rounds)
			round, err := handshakeRound(ctx, &o, flash.Group(group), o.profile(n))
			if err != nil {
				return report, err
			}
			g.Rounds = append(g.Rounds, *round)
		}
		report.Handshake.Groups = append(report.Handshake.Groups, g)
	}
	return report, nil
}

func handshakeRound(ctx context.Context, o *HandshakeOptions, group flash.Group, profile string) (*HandshakeRound, error) {
	p, err := startPair(ctx, &o.Common)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	listen := listenArgs{protected: o.protected(), Shards: o.Procs}
	if o.Static {
		listen.Static = group
	}
	if p.target, err = ask[target](p.server, "listen", listen); err != nil {
		return nil, err
	}
	if _, err := ask[none](p.server, "watch", profile); err != nil {
		return nil, err
	}
	d, err := ask[dialled](p.client, "handshakes", handshakeArgs{
		protected: o.protected(), Target: p.target, Group: group, Parallel: o.Parallel, Sockets: o.Sockets, For: o.Duration, Most: o.most,
	})
	if err != nil {
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
	round := &HandshakeRound{
		Server: s.Use, Client: d.Use, Opened: d.Opened, Failed: d.Failed,
		Accepted: after.Counters["SessionsAccepted"], Keying: after.Keying,
	}
	round.derive()
	return round, nil
}
