package rtmfpload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"afterglow/cmd/afterglow/bench"
)

// fragment is how much of a message a full packet holds for certain, in bytes.
const fragment = 1150

// drainLimit is how long what was sent may take to be acknowledged.
const drainLimit = 20 * time.Second

// sendArgs say what to send to all sessions.
type sendArgs struct {
	Burst  int // packets
	Flight int // as fast as possible: bursts of a session on their way
	Bursts uint64

	Every   time.Duration // or each session this often, for so long
	For     time.Duration
	Streams int

	Profile string
}

// send sends bursts and waits until they are acknowledged.
func (s *server) send(ctx context.Context, args sendArgs) (sent, error) {
	if err := s.burstsOf(args.Burst); err != nil {
		return sent{}, err
	}
	if _, err := s.watch(ctx, args.Profile); err != nil {
		return sent{}, err
	}
	begun := bench.Monotonic()
	err := s.deliver(ctx, args)
	result, e := s.seen(ctx, none{})
	sending, e2 := s.sendingSince(begun, args)
	result.Sending = sending.Seconds()
	return result, errors.Join(err, e, e2)
}

// sendingSince is how long it took until the last burst was begun. Its acknowledgement may be delayed, when hardly anything is going on.
func (s *server) sendingSince(begun int64, args sendArgs) (time.Duration, error) {
	if args.Every > 0 {
		return args.For, nil
	}
	last := begun
	err := s.each(func(l *lane) { last = max(last, l.spent) })
	return time.Duration(last - begun), err
}

// burstsOf makes the body of bursts with so many packets.
func (s *server) burstsOf(packets int) error {
	body := make([]byte, packets*fragment-stampSize)
	return s.each(func(l *lane) { l.body = body })
}

func (s *server) deliver(ctx context.Context, args sendArgs) error {
	if args.Every == 0 {
		return s.deliverFast(ctx, args)
	}
	if err := s.beat(ctx, args); err != nil {
		return err
	}
	return s.drain(ctx)
}

// deliverFast keeps each session's flight full until the bursts are used up.
func (s *server) deliverFast(ctx context.Context, args sendArgs) error {
	peers, lanes := s.countPeers(), s.everyLane()
	if peers == 0 {
		return errors.New("no sessions")
	}
	done := make([]chan struct{}, len(lanes))
	left := args.Bursts
	for i, l := range lanes {
		done[i] = make(chan struct{})
		err := onShard(l.post, func() {
			budget := args.Bursts * uint64(len(l.peers)) / uint64(peers)
			if i == len(lanes)-1 {
				budget = left
			}
			left -= budget
			l.start(budget, args.Flight, done[i])
		})
		if err != nil {
			return err
		}
	}
	for _, d := range done {
		select {
		case <-d:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.each(func(*lane) {})
}

// start begins so many bursts for each session.
func (l *lane) start(budget uint64, flight int, done chan struct{}) {
	l.budget, l.done = budget, done
	if len(l.peers) == 0 {
		l.budget = 0
	}
	for range flight {
		for _, p := range l.peers {
			p.begin()
		}
	}
	l.finish()
}

func (s *server) countPeers() (n int) {
	_ = s.each(func(l *lane) { n += len(l.peers) })
	return n
}

// beat sends to each session at regular times. Sessions of one stream have the same times.
func (s *server) beat(ctx context.Context, args sendArgs) error {
	streams := max(args.Streams, 1)
	tick := time.NewTicker(args.Every / time.Duration(streams))
	defer tick.Stop()
	rounds := int(args.For / args.Every)
	for n := range rounds * streams {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		stream := n % streams
		for _, l := range s.everyLane() {
			l.post(func() {
				for i := stream; i < len(l.peers); i += streams {
					l.peers[i].beat()
				}
			})
		}
	}
	return nil
}

// drain waits until everything that was sent is acknowledged.
func (s *server) drain(ctx context.Context) error {
	for deadline := time.Now().Add(drainLimit); time.Now().Before(deadline); {
		queued := 0
		err := s.each(func(l *lane) {
			for _, p := range l.peers {
				queued += p.flow.Queued()
			}
		})
		if err != nil || queued == 0 {
			return err
		}
		if err := pause(ctx, pollEvery); err != nil {
			return err
		}
	}
	return fmt.Errorf("not everything was acknowledged within %v", drainLimit)
}

const pollEvery = 5 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type bulkArgs struct {
	Message int
	For     time.Duration
	Profile string
}

// bulk sends on the flow of one session as fast as it goes, in messages of one size.
func (s *server) bulk(ctx context.Context, args bulkArgs) (sent, error) {
	if args.Message < stampSize {
		args.Message = stampSize
	}
	if _, err := s.watch(ctx, args.Profile); err != nil {
		return sent{}, err
	}
	err := s.each(func(l *lane) {
		l.body = make([]byte, args.Message-stampSize)
		l.until = bench.Monotonic() + int64(args.For)
		for _, p := range l.peers[:min(len(l.peers), 1)] {
			p.endless = true
			p.flow.Wake()
		}
	})
	err = errors.Join(err, pause(ctx, args.For), s.drain(ctx))
	result, e := s.seen(ctx, none{})
	return result, errors.Join(err, e)
}
