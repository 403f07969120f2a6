package bench

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// session is a server under load: publishers that send all the time, and players that come and go.
type session struct {
	o        *Options
	play     []target
	to       target // of publishers
	teams    []*team
	publish  []*publisher
	window   atomic.Pointer[window]
	progress *progress
	pids     []int
	started  *server

	rssAt int   // players when memory was first taken, 0 before
	rss   int64 // at that time

	stopPublishing context.CancelFunc
	publishing     sync.WaitGroup
}

const pollEvery = 10 * time.Millisecond

// newSession starts the server if it is to be started, the publishers, and what players need.
func newSession(ctx context.Context, o *Options, p *progress) (*session, error) {
	s := &session{o: o, progress: p, pids: o.Pid}
	var err error
	if s.play, s.to, err = o.targets(); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) prepare(ctx context.Context) error {
	o := s.o
	if o.Start != "" {
		if err := s.startServer(ctx); err != nil {
			return err
		}
	}
	if o.ClientCPU >= 0 {
		if err := pinProcess(o.ClientCPU); err != nil {
			return err
		}
	}
	// Publishers need a processor of the scheduler's own while threads of players wait in the kernel.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), o.Threads+2))
	for _, t := range s.play {
		side, err := newSide(o, t)
		if err != nil {
			return err
		}
		s.teams = append(s.teams, &team{side: side, transport: t.transport})
	}
	return s.startPublishers(ctx)
}

func newSide(o *Options, t target) (side, error) {
	if t.transport == overRTMFP {
		return newRTMFPSide(o, t)
	}
	return newRTMPSide(o, t)
}

func (s *session) startServer(ctx context.Context) error {
	places, err := placesOf(append(slices.Clone(s.play), s.to), s.o)
	if err != nil {
		return err
	}
	for _, p := range places {
		if err := p.free(); err != nil {
			return err
		}
	}
	s.progress.stage("starting "+s.o.Start, 1)
	// exec makes the shell's process the server's, where the command is a simple one.
	if s.started, err = startServer(exec.Command("/bin/sh", "-c", "exec "+s.o.Start), s.o.ServerCPU, s.o.Procs); err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	s.pids = []int{s.started.pid()}
	for _, p := range places {
		if err := s.started.listening(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) startPublishers(ctx context.Context) error {
	newSource, err := newSources(s.o)
	if err != nil {
		return err
	}
	ctx, s.stopPublishing = context.WithCancel(ctx)
	s.progress.stage(fmt.Sprintf("starting %d publishers", s.o.Publishers), s.o.Publishers)
	for i := range s.o.Publishers {
		p := &publisher{
			name: s.o.streamName(i), window: &s.window,
			phase: time.Duration(i) * 2 * time.Second / time.Duration(s.o.Publishers),
		}
		if p.source, err = newSource(); err != nil {
			return err
		}
		if p.out, err = s.newWriter(ctx, i); err != nil {
			return err
		}
		s.publish = append(s.publish, p)
		s.publishing.Go(func() { p.run(ctx) })
		s.progress.set(i + 1)
	}
	return nil
}

func (s *session) newWriter(ctx context.Context, i int) (frameWriter, error) {
	if s.o.raw != nil {
		return publishRaw(ctx, s.to, i)
	}
	name := s.o.streamName(i)
	if s.o.Key != "" {
		name += "?key=" + s.o.Key
	}
	if s.to.transport == overRTMFP {
		return publishRTMFP(ctx, s.o, s.to, name)
	}
	return publishRTMP(ctx, s.to, name)
}

func (s *session) close() {
	for _, t := range s.teams {
		t.close()
	}
	if s.stopPublishing != nil {
		s.stopPublishing()
	}
	s.publishing.Wait()
	if s.started != nil {
		s.started.stop()
	}
	s.progress.done()
}

// measure brings the players to n and measures.
func (s *session) measure(ctx context.Context, n int) (*Step, error) {
	if err := s.grow(ctx, n); err != nil {
		return nil, err
	}
	s.progress.stage("warming up", 1)
	if err := sleep(ctx, s.o.Warmup); err != nil {
		return nil, err
	}
	m, err := s.interval(ctx)
	if err != nil {
		return nil, err
	}
	return s.step(m), nil
}

// grow adds players until there are n, at the given rate, and waits for their first pictures. It returns no error
// when some do not get one: the verdict will tell.
func (s *session) grow(ctx context.Context, n int) error {
	if n < s.players() {
		s.clear()
	}
	if s.players() == 0 {
		if err := s.addSpecial(); err != nil {
			return err
		}
	}
	if from := s.o.MemoryFrom; s.rssAt == 0 && from > 0 && from < n {
		if err := s.join(ctx, from); err != nil {
			return err
		}
		if err := sleep(ctx, s.o.Warmup); err != nil {
			return err
		}
		u, err := readUsage(s.pids)
		if err != nil {
			return err
		}
		s.rssAt, s.rss = from, u.rss
	}
	return s.join(ctx, n)
}

func (s *session) join(ctx context.Context, n int) error {
	s.progress.stage(fmt.Sprintf("joining %d players", n), n)
	start, first := time.Now(), s.players()
	for s.players() < n {
		due := min(first+1+int(time.Since(start).Seconds()*float64(s.o.Rate)), n)
		for s.players() < due {
			if err := s.add(); err != nil {
				return err
			}
		}
		s.progress.set(s.pictured())
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
	}
	for deadline := time.Now().Add(s.o.JoinTimeout); s.pictured()+s.ended() < n && time.Now().Before(deadline); {
		s.progress.set(s.pictured())
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
		if err := s.serverGone(); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) serverGone() error {
	if s.started == nil {
		return nil
	}
	select {
	case <-s.started.exited:
		return fmt.Errorf("server ended (%v): %s", s.started.err, s.started.output.String())
	default:
		return nil
	}
}

// add opens one more innocent player, of the next stream of its team.
func (s *session) add() error {
	t := s.teams[0]
	if len(s.teams) > 1 && (t.transport == overRTMFP) != s.o.overRTMFP(s.players()) {
		t = s.teams[1]
	}
	t.players++
	return t.add(innocent, (t.players-1)%s.o.streams())
}

// addSpecial opens the players that misbehave, in the first team.
func (s *session) addSpecial() error {
	slowPlayers, _, _ := parseSlow(s.o.Slow)
	for i := range slowPlayers + s.o.NeverRead {
		r := slow
		if i >= slowPlayers {
			r = neverRead
		}
		if err := s.teams[0].add(r, i%s.o.streams()); err != nil {
			return err
		}
	}
	return nil
}

// clear closes all players.
func (s *session) clear() {
	for _, t := range s.teams {
		t.clear()
		t.players = 0
	}
}

// crews are those of all teams.
func (s *session) crews() (all []crew) {
	for _, t := range s.teams {
		all = append(all, t.crews()...)
	}
	return all
}

// players is how many were asked for so far.
func (s *session) players() (n int) {
	for _, t := range s.teams {
		n += t.players
	}
	return n
}

func (s *session) pictured() (n int) {
	for _, t := range s.teams {
		n += t.pictured()
	}
	return n
}

func (s *session) ended() (n int) {
	for _, t := range s.teams {
		n += t.ended()
	}
	return n
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
