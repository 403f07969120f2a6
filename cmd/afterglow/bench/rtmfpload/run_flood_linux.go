package rtmfpload

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"
)

// Flood measures what innocent sessions notice of attackers. With an error it returns what it has.
func Flood(ctx context.Context, o FloodOptions, out io.Writer) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	report := newReport(&o.Common)
	report.Flood = &FloodReport{Options: o}
	for n := range o.Rounds {
		o.progress(out).say("flood: round %d of %d", n+1, o.Rounds)
		phases, err := floodRound(ctx, &o, o.profile(n))
		report.Flood.Rounds = append(report.Flood.Rounds, phases)
		if err != nil {
			return report, err
		}
	}
	return report, nil
}

// floodRound has processes of its own: what one round leaves behind shall not be in the next one.
func floodRound(ctx context.Context, o *FloodOptions, profile string) (phases []FloodPhase, err error) {
	p, err := startPair(ctx, &o.Common)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	attackers, err := startWorker(ctx, o.Spawn, "attackers", o.clientCPU(), 1)
	if err != nil {
		return nil, err
	}
	defer attackers.stop()
	f := &flood{FloodOptions: o, pair: p, attackers: attackers, profile: profile}
	if err := f.begin(); err != nil {
		return nil, err
	}
	for _, name := range append([]string{quiet}, f.chosen()...) {
		phase, err := f.phase(name)
		if err != nil {
			return phases, err
		}
		phases = append(phases, *phase)
		if err := pause(ctx, f.recovery()); err != nil {
			return phases, err
		}
	}
	return phases, nil
}

// recovery is how long the server has to itself between two attacks: what the system holds of one is not the next one's.
func (f *flood) recovery() time.Duration { return min(f.Duration, time.Second) }

type flood struct {
	*FloodOptions
	pair      *pair
	attackers *worker
	profile   string // where to write one of the last attack
}

func (f *flood) chosen() []string {
	if len(f.Only) > 0 {
		return f.Only
	}
	return attackNames
}

// begin opens the innocents' sessions, has them talk for a while, and gives the attackers what could be heard of it.
func (f *flood) begin() error {
	if err := f.pair.open(connectArgs{Sessions: f.Sessions, Record: true}); err != nil {
		return err
	}
	phase := &FloodPhase{Attack: quiet}
	if err := f.innocents(phase); err != nil {
		return err
	}
	recorded, err := ask[[][]byte](f.pair.client, "recorded", none{})
	if err != nil {
		return err
	}
	_, err = ask[none](f.attackers, "prepare", prepareArgs{
		protected: f.protected(), Target: f.pair.target, Ports: f.Ports, Recorded: recorded,
	})
	return err
}

// phase is one attack, or none.
func (f *flood) phase(name string) (*FloodPhase, error) {
	phase := &FloodPhase{Attack: name, About: attackAbout[name]}
	before, err := ask[looked](f.pair.server, "look", none{})
	if err != nil {
		return nil, err
	}
	if err := f.innocents(phase); err != nil {
		return nil, err
	}
	after, err := ask[looked](f.pair.server, "look", none{})
	if err != nil {
		return nil, err
	}
	phase.Before, phase.After, phase.Sessions = before.Memory, after.Memory, after.Sessions
	phase.Counters = after.Counters.since(before.Counters)
	return phase, nil
}

// innocents has the server, the client and the attackers of a phase work at the same time.
func (f *flood) innocents(phase *FloodPhase) error {
	if _, err := ask[none](f.pair.client, "begin", none{}); err != nil {
		return err
	}
	down := make(chan error, 1)
	attack := make(chan error, 1)
	var s sent
	args := sendArgs{Burst: f.Burst, Every: f.Every, For: f.Duration}
	if all := f.chosen(); phase.Attack == all[len(all)-1] {
		args.Profile = f.profile
	}
	go func() {
		var err error
		s, err = ask[sent](f.pair.server, "send", args)
		down <- err
	}()
	go func() { attack <- f.attack(phase) }()
	_, err := ask[none](f.pair.client, "upload", uploadArgs{Every: f.Every, For: f.Duration, Size: uploadSize})
	if err = errors.Join(err, <-down, <-attack); err != nil {
		return err
	}
	t, err := ask[taken](f.pair.client, "end", s.Bursts)
	if err != nil {
		return err
	}
	// What was uploaded last may have come after the server has looked.
	rest, err := ask[Arrived](f.pair.server, "uploads", t.Sent-min(t.Sent, s.Uploads.Messages))
	if err != nil {
		return err
	}
	phase.Server, phase.Traffic, phase.Bursts, phase.Skipped = s.Use, s.Traffic, s.Bursts, s.Skipped
	phase.Down, phase.Up, phase.Uploads = t.Arrived, s.Uploads, t.Sent
	phase.LostBursts = int64(s.Bursts) - int64(t.Arrived.Messages)
	phase.LostUploads = int64(t.Sent) - int64(s.Uploads.Messages) - int64(rest.Messages)
	return nil
}

// uploadSize is the size in bytes of what innocents send: a frame of sound.
const uploadSize = 120

func (f *flood) attack(phase *FloodPhase) error {
	if !slices.Contains(attackNames, phase.Attack) {
		return nil
	}
	a, err := ask[attacked](f.attackers, "attack", attackArgs{Name: phase.Attack, For: f.Duration, Most: f.most})
	phase.Datagrams, phase.PerSecond = a.Datagrams, share(float64(a.Datagrams), a.Use.Seconds)
	return err
}
