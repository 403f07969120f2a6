package bench

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// session is a server under load: publishers that send all the time, and players that come and go.
type session struct {
	o        *Options
	target   target
	address  *net.TCPAddr
	canned   []*canned // by stream
	workers  []*worker
	publish  []*publisher
	window   atomic.Pointer[window]
	progress *progress
	pids     []int
	started  *server

	players int   // asked for so far
	added   int   // ever, for source addresses
	rssAt   int   // players when memory was first taken, 0 before
	rss     int64 // at that time

	stopPublishing context.CancelFunc
	publishing     sync.WaitGroup
}

const pollEvery = 10 * time.Millisecond

// newSession starts the server if it is to be started, the publishers, and the threads for players.
func newSession(ctx context.Context, o *Options, p *progress) (*session, error) {
	s := &session{o: o, progress: p, pids: o.Pid}
	var err error
	if s.target, err = o.target(); err != nil {
		return nil, err
	}
	if s.address, err = net.ResolveTCPAddr("tcp", s.target.address); err != nil {
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
	for i := range o.streams() {
		c, err := newCanned(s.target, o.streamName(i), i)
		if err != nil {
			return err
		}
		s.canned = append(s.canned, c)
	}
	_, rate, _ := parseSlow(o.Slow)
	for range o.Threads {
		w, err := newWorker(o.raw != nil, rate)
		if err != nil {
			return err
		}
		s.workers = append(s.workers, w)
	}
	return s.startPublishers(ctx)
}

func (s *session) startServer(ctx context.Context) error {
	if err := addressIsFree(s.target.address); err != nil {
		return err
	}
	s.progress.stage("starting "+s.o.Start, 1)
	var err error
	// exec makes the shell's process the server's, where the command is a simple one.
	if s.started, err = startServer(exec.Command("/bin/sh", "-c", "exec "+s.o.Start), s.o.ServerCPU, s.o.Procs); err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	s.pids = []int{s.started.pid()}
	return s.started.listening(ctx, s.target.address)
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
		return publishRaw(ctx, s.target, i)
	}
	name := s.o.streamName(i)
	if s.o.Key != "" {
		name += "?key=" + s.o.Key
	}
	return publishRTMP(ctx, s.target, name)
}

func (s *session) close() {
	for _, w := range s.workers {
		w.stop()
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
	return s.step(n, m), nil
}

// grow adds players until there are n, at the given rate, and waits for their first pictures. It returns no error
// when some do not get one: the verdict will tell.
func (s *session) grow(ctx context.Context, n int) error {
	if n < s.players {
		s.clear()
	}
	if s.players == 0 {
		s.addSpecial()
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
	start, first := time.Now(), s.players
	for s.players < n {
		due := min(first+1+int(time.Since(start).Seconds()*float64(s.o.Rate)), n)
		for s.players < due {
			s.add(innocent)
			s.players++
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

// add opens one more player, on the next thread, stream and source address.
func (s *session) add(r role) {
	w := s.workers[s.added%len(s.workers)]
	c := s.canned[s.added%len(s.canned)]
	var from net.IP
	if s.address.IP.IsLoopback() && s.address.IP.To4() != nil {
		addresses := max(s.o.Addresses, min(s.added/playersPerIP+1, maxLoopbackHost))
		from = net.IPv4(127, 0, 0, byte(1+s.added%addresses))
	}
	s.added++
	w.do(func() { w.add(c, r, s.address, from) })
}

func (s *session) addSpecial() {
	slowPlayers, _, _ := parseSlow(s.o.Slow)
	for range slowPlayers {
		s.add(slow)
	}
	for range s.o.NeverRead {
		s.add(neverRead)
	}
	// Streams of innocent players are shared out by the same count.
	s.added += (len(s.canned) - s.added%len(s.canned)) % len(s.canned)
}

// clear closes all players.
func (s *session) clear() {
	for _, w := range s.workers {
		w.do(w.clear)
	}
	s.players = 0
}

func (s *session) pictured() (n int) {
	for _, w := range s.workers {
		n += int(w.pictured.Load())
	}
	return n
}

func (s *session) ended() (n int) {
	for _, w := range s.workers {
		n += int(w.ended.Load())
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
