package bench

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// measurement is what was seen in an interval.
type measurement struct {
	teams        []tally // in the order of the session's
	all          tally
	length       time.Duration
	sent         uint64 // payload in all
	sentStamped  []uint64
	late         Histogram
	before, then usage
	measured     bool // the server's processes
	threads      []time.Duration
	process      time.Duration
	cores        coreTimes // spent by everybody on the two cores, if pinned
	datagrams    datagrams
}

// interval measures once. Players and publishers are told beforehand when it begins and ends, so that what was sent in
// it is compared with what of just that arrived, however late.
func (s *session) interval(ctx context.Context) (*measurement, error) {
	w := s.announce()
	defer s.window.Store(nil)
	m := &measurement{measured: len(s.pids) > 0}
	for _, t := range s.teams {
		m.teams = append(m.teams, tally{joined: t.pictured()})
	}
	if err := s.until(ctx, w.from, 0); err != nil {
		return nil, err
	}
	startTime, startLoad, sentBefore, coresBefore := time.Now(), s.loadTimes(), s.sentBytes(), s.coreTimes()
	var err error
	if m.before, err = readUsage(s.pids); err != nil {
		return nil, err
	}
	s.progress.stage("measuring", int(s.o.Duration/time.Second)+1)
	if err := s.until(ctx, w.to, w.from); err != nil {
		return nil, err
	}
	if m.then, err = readUsage(s.pids); err != nil {
		return nil, errors.Join(err, s.serverGone())
	}
	m.length, m.sent = time.Since(startTime), s.sentBytes()-sentBefore
	s.addLoad(m, startLoad)
	m.cores = s.coreTimes().since(coresBefore)
	for _, p := range s.publish {
		late := p.takeLate()
		m.late.Merge(&late)
	}
	return m, s.drain(ctx, m)
}

// announce tells everybody of a window before it begins.
func (s *session) announce() *window {
	for ahead := 20 * time.Millisecond; ; ahead *= 2 {
		from := monotonic() + int64(ahead)
		w := &window{from: from, to: from + int64(s.o.Duration)}
		for _, p := range s.publish {
			p.windowBytes.Store(0)
			p.takeLate()
		}
		s.window.Store(w)
		for _, c := range s.crews() {
			c.do(func() { c.counts().stats.begin(w) })
		}
		// A thread with much to read may answer late.
		if monotonic() < from {
			return w
		}
	}
}

// until waits for a time of the monotonic clock and shows the seconds since another one.
func (s *session) until(ctx context.Context, t, since int64) error {
	for {
		left := time.Duration(t - monotonic())
		if left <= 0 {
			return nil
		}
		if since > 0 {
			s.progress.set(int(time.Duration(monotonic()-since) / time.Second))
		}
		if err := sleep(ctx, min(left, 200*time.Millisecond)); err != nil {
			return err
		}
	}
}

// drain gives what was sent in time a while to arrive and collects the counts.
func (s *session) drain(ctx context.Context, m *measurement) error {
	for deadline := time.Now().Add(drainLimit); time.Now().Before(deadline); {
		var arrived uint64
		for _, c := range s.crews() {
			c.do(func() { arrived += c.counts().stats.sentBytes })
		}
		if len(s.publish) > 0 && arrived >= s.expected(s.sentInWindow()) {
			break
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
	}
	for i, t := range s.teams {
		m.teams[i].add(t.take())
		m.all.add(&m.teams[i])
	}
	// Counted by publishers before it is sent, so after the players' counts it holds all that they have.
	m.sentStamped = s.sentInWindow()
	return nil
}

func (s *session) sentInWindow() (sent []uint64) {
	for _, p := range s.publish {
		sent = append(sent, p.windowBytes.Load())
	}
	return sent
}

// expected returns how many bytes players must have received of what publishers sent, by stream.
func (s *session) expected(sent []uint64) (n uint64) {
	for _, t := range s.teams {
		n += t.expected(sent)
	}
	return n
}

func (s *session) sentBytes() (n uint64) {
	for _, p := range s.publish {
		n += p.bytes.Load()
	}
	return n
}

type loadTimes struct {
	threads   []time.Duration
	process   usage
	datagrams datagrams
}

func (s *session) loadTimes() loadTimes {
	var l loadTimes
	for _, t := range s.teams {
		if side, ok := t.side.(*rtmpSide); ok {
			l.threads = append(l.threads, side.threadTimes()...)
		}
	}
	l.datagrams = s.datagrams()
	l.process, _ = readSelf()
	return l
}

type coreTimes struct{ server, client time.Duration }

func (s *session) coreTimes() coreTimes {
	return coreTimes{server: coreBusy(s.o.ServerCPU), client: coreBusy(s.o.ClientCPU)}
}

func (c coreTimes) since(old coreTimes) coreTimes {
	return coreTimes{server: c.server - old.server, client: c.client - old.client}
}

func (s *session) addLoad(m *measurement, before loadTimes) {
	now := s.loadTimes()
	for i := range now.threads {
		m.threads = append(m.threads, now.threads[i]-before.threads[i])
	}
	m.process = now.process.since(before.process)
	m.datagrams = now.datagrams.since(before.datagrams)
}

func (s *session) step(m *measurement) *Step {
	step := &Step{
		Received: s.received(&m.all, s.o.transport(), s.players(), s.expected(m.sentStamped)),
		Seconds:  s.o.Duration.Seconds(), SentGigabits: float64(m.sent) * 8 / 1e9, Special: m.all.special,
	}
	for i, t := range s.teams {
		if len(s.teams) > 1 {
			step.Parts = append(step.Parts, s.received(&m.teams[i], t.transport, t.players, t.expected(m.sentStamped)))
		}
		if t.transport == overRTMFP {
			step.Datagrams = m.datagrams.report()
		}
	}
	step.Load = s.loadUse(m)
	if step.DeliveredGigabits > 0 {
		step.Load.CPUSecondsPerGigabit = m.process.Seconds() / step.DeliveredGigabits
	}
	if m.measured {
		step.Server = s.serverUse(step, m)
	}
	var failures []error
	for _, p := range s.publish {
		if err := p.failure(); err != nil {
			failures = append(failures, err)
		}
	}
	t := &m.all.total
	step.judge(t, m.all.joined, failures)
	if t.messages > 0 && t.sentMessages == 0 {
		step.Notes = append(step.Notes, "no frame carries a stamp of this load: gaps and latency are unknown")
	}
	return step
}

// received is what the players of a transport got, of so many bytes that they should have had.
func (s *session) received(from *tally, transport string, players int, expected uint64) Received {
	t := &from.total
	r := Received{
		Transport: transport, Players: players, Lost: from.lost,
		DeliveredGigabits: float64(t.bytes) * 8 / 1e9, DeliveredMbps: float64(t.bytes) * 8 / 1e6 / s.o.Duration.Seconds(), DeliveredShare: 1,
		VideoGaps: t.gaps[videoTrack], AudioGaps: t.gaps[audioTrack], Abandoned: t.abandoned, JoiningGaps: t.joiningGaps,
		Repeats: t.repeats, Stalls: t.stalls, WorstStall: milliseconds(t.worstStall),
		Latency: spread(&t.latency), Join: spread(&t.join), FirstPicture: spread(&t.picture),
	}
	if expected > 0 {
		r.DeliveredShare = float64(t.sentBytes) / float64(expected)
	}
	return r
}

// loadCores is how many cores the load could keep busy: one, if it is pinned to that. Sockets with players over RTMFP cannot have
// more than one each; of threads of players it is known how busy each of them is.
func (s *session) loadCores() int {
	switch {
	case s.o.ClientCPU >= 0:
		return 1
	case s.o.transport() == overRTMFP:
		return min(len(s.crews()), runtime.NumCPU())
	}
	return runtime.NumCPU()
}

func (s *session) loadUse(m *measurement) LoadUse {
	u := LoadUse{Process: m.process.Seconds() / m.length.Seconds(), PublisherLateP99: milliseconds(m.late.Quantile(0.99))}
	for _, t := range m.threads {
		u.BusiestThread = max(u.BusiestThread, t.Seconds()/m.length.Seconds())
	}
	u.Saturated = u.BusiestThread > saturated || u.Process > saturated*float64(s.loadCores())
	if s.o.ClientCPU >= 0 && s.o.ClientCPU != s.o.ServerCPU {
		u.Foreign = max((m.cores.client-m.process).Seconds()/m.length.Seconds(), 0)
	}
	return u
}

func (s *session) serverUse(step *Step, m *measurement) *ServerUse {
	cpu := m.then.since(m.before)
	u := &ServerUse{
		CPUSeconds: cpu.Seconds(), CPUShare: cpu.Seconds() / m.length.Seconds(), RSSBytes: m.then.rss,
		VoluntarySwitches:    m.then.voluntary - m.before.voluntary,
		NonvoluntarySwitches: m.then.involuntary - m.before.involuntary,
		Descriptors:          m.then.descriptors, Processes: m.then.processes,
	}
	if s.o.ServerCPU >= 0 && s.o.ClientCPU != s.o.ServerCPU {
		u.Foreign = max((m.cores.server-cpu).Seconds()/m.length.Seconds(), 0)
	}
	gigabits := step.DeliveredGigabits
	if gigabits == 0 {
		gigabits = step.SentGigabits
	}
	if gigabits > 0 {
		u.CPUSecondsPerGigabit = u.CPUSeconds / gigabits
	}
	if s.rssAt > 0 && step.Players > s.rssAt {
		u.BytesPerPlayer = float64(m.then.rss-s.rss) / float64(step.Players-s.rssAt)
	}
	return u
}
