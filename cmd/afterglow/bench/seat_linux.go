package bench

import (
	"context"
	"sync"
	"time"

	"afterglow/rtmfp"
)

// seat is a socket with many players over RTMFP: an endpoint with one shard, on which all of its players are called. Others look
// at what they count with the lock, which the shard takes for each call; nobody waits for it but at the ends of a measurement.
type seat struct {
	crowd
	dialer   *rtmfpDialer
	endpoint *rtmfp.Endpoint

	mu      sync.Mutex
	players []*rtmfpPlayer
	closing bool // players end because they should

	dialling sync.WaitGroup
	giveUp   context.CancelFunc // of dialling
	open     context.Context
}

// farewell is how long a server may take to answer that sessions are closed.
const farewell = time.Second

func newSeat(d *rtmfpDialer) (*seat, error) {
	e, err := d.listen(rtmfp.Times{})
	if err != nil {
		return nil, err
	}
	s := &seat{dialer: d, endpoint: e}
	s.forget()
	s.open, s.giveUp = context.WithCancel(context.Background())
	return s, nil
}

// add opens a session for a new player.
func (s *seat) add(script *script, r role) {
	p := &rtmfpPlayer{
		viewer: viewer{crowd: &s.crowd, role: r, started: monotonic()}, dialogue: dialogue{lines: script.lines}, seat: s, script: script,
	}
	s.do(func() {
		s.players = append(s.players, p)
		if r != innocent {
			s.special = append(s.special, &p.viewer)
		}
	})
	n := len(s.players)
	s.dialling.Go(func() {
		if _, err := s.dialer.dial(s.open, s.endpoint, n, p); err != nil {
			s.do(func() { p.end(err) })
		}
	})
}

// do implements crew.
func (s *seat) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *seat) counts() *crowd { return &s.crowd }

// restless implements crew.
func (s *seat) restless() {
	for _, p := range s.players {
		if p.phase != phaseEnded {
			s.waiting(&p.viewer)
		}
	}
}

// close ends all sessions in good order.
func (s *seat) close() {
	s.do(func() { s.closing = true })
	s.giveUp()
	s.dialling.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = s.endpoint.Shutdown(ctx) // a server that does not answer has been told
}

// rtmfpSide has seats, as many as its players need.
type rtmfpSide struct {
	dialer    *rtmfpDialer
	scripts   []*script // by stream
	perSocket int
	threads   int // seats that are filled at a time
	seats     []*seat
	added     int // since the last clear
}

func newRTMFPSide(o *Options, t target) (*rtmfpSide, error) {
	d, err := newRTMFPDialer(o, t)
	if err != nil {
		return nil, err
	}
	s := &rtmfpSide{dialer: d, perSocket: o.SessionsPerSocket, threads: o.Threads}
	l, err := newLines(t)
	if err != nil {
		return nil, err
	}
	for i := range o.streams() {
		script, err := newScript(l, o.streamName(i))
		if err != nil {
			return nil, err
		}
		s.scripts = append(s.scripts, script)
	}
	return s, nil
}

// add implements side. A group of seats, one for each thread, is filled before the next one is opened.
func (s *rtmfpSide) add(r role, stream int) error {
	n := s.added/(s.perSocket*s.threads)*s.threads + s.added%s.threads
	for len(s.seats) <= n {
		seat, err := newSeat(s.dialer)
		if err != nil {
			return err
		}
		s.seats = append(s.seats, seat)
	}
	s.added++
	s.seats[n].add(s.scripts[stream], r)
	return nil
}

func (s *rtmfpSide) crews() (all []crew) {
	for _, seat := range s.seats {
		all = append(all, seat)
	}
	return all
}

// clear implements side. New players come from new sockets.
func (s *rtmfpSide) clear() {
	var closing sync.WaitGroup
	for _, seat := range s.seats {
		closing.Go(seat.close)
	}
	closing.Wait()
	s.seats, s.added = nil, 0
}

func (s *rtmfpSide) close() { s.clear() }
