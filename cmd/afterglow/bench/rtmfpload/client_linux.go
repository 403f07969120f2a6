package rtmfpload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/cmd/afterglow/bench"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// client is the far end of the load: many sessions on few sockets, each socket an endpoint with one shard.
type client struct {
	seats    []*seat
	opened   int // sessions
	watching *meter
	before   Traffic
}

// seat is an endpoint of the client, with what arrived at its sessions.
type seat struct {
	endpoint *rtmfp.Endpoint
	recorder *recorder         // nil unless datagrams are recorded
	post     func(func()) bool // runs a function on its shard; nil while there was no session
	viewers  []*viewer
	gathered gathered
	closing  atomic.Bool
}

type connectArgs struct {
	protected
	Target   target
	Sessions int
	Sockets  int
	Bare     bool // without a flow to the server
	Record   bool // keep datagrams that were sent, for attackers to send again
}

// parallelDials is how many sessions are opened at a time: a server refuses what it cannot key soon.
const parallelDials = 16

// connect opens sessions, each with an identity of its own.
func (c *client) connect(ctx context.Context, args connectArgs) (none, error) {
	for len(c.seats) < args.Sockets {
		if err := c.sit(ctx, args.Record); err != nil {
			return none{}, err
		}
	}
	var dialling sync.WaitGroup
	errs := make([]error, parallelDials)
	for n := range parallelDials {
		dialling.Go(func() {
			for i := n; i < args.Sessions && errs[n] == nil; i += parallelDials {
				errs[n] = c.dial(ctx, c.opened+i, args)
			}
		})
	}
	dialling.Wait()
	c.opened += args.Sessions
	if err := errors.Join(errs...); err != nil || args.Bare {
		return none{}, err
	}
	return none{}, c.answered(ctx)
}

// answered waits until the server has answered on every session.
func (c *client) answered(ctx context.Context) error {
	for deadline := time.Now().Add(drainLimit); c.arrived() < uint64(c.opened); {
		if time.Now().After(deadline) {
			return fmt.Errorf("the server has answered on %d of %d sessions", c.arrived(), c.opened)
		}
		if err := pause(ctx, pollEvery); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) sit(ctx context.Context, record bool) (err error) {
	s := &seat{}
	open := openSockets(nil)
	if record {
		s.recorder = &recorder{}
		open = s.recorder.open
	}
	if s.endpoint, err = loopback(ctx, 1, open); err != nil {
		return err
	}
	c.seats = append(c.seats, s)
	return nil
}

func (c *client) dial(ctx context.Context, i int, args connectArgs) error {
	s := c.seats[i%len(c.seats)]
	identity, err := args.identity([]flash.Group{flash.Group2}, nil)
	if err != nil {
		return err
	}
	name := fmt.Sprint(i)
	if err := s.endpoint.AddIdentity(name, identity, rtmfp.Listener{}); err != nil {
		return err
	}
	v := &viewer{seat: s}
	session, err := s.endpoint.Dial(ctx, rtmfp.DialConfig{
		Identity: name, Discriminator: args.Target.Discriminator, Paths: []rtmfp.Path{{Addr: args.Target.Address}}, Handler: v,
	})
	if err != nil {
		return fmt.Errorf("session %d: %w", i, err)
	}
	ended := onShard(session.Do, func() {
		s.post = session.Do
		s.viewers = append(s.viewers, v)
		if !args.Bare {
			err = v.open(session)
		}
	})
	return errors.Join(ended, err)
}

func (c *client) close() {
	for _, s := range c.seats {
		s.closing.Store(true)
		_ = s.endpoint.Close()
	}
	c.seats = nil
}

// each calls f for each seat that has sessions, on its shard.
func (c *client) each(f func(*seat)) error {
	for _, s := range c.seats {
		if s.post == nil {
			continue
		}
		if err := onShard(s.post, func() { f(s) }); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) endpoints() (all []*rtmfp.Endpoint) {
	for _, s := range c.seats {
		all = append(all, s.endpoint)
	}
	return all
}

// begin forgets what has arrived, and begins to measure.
func (c *client) begin(context.Context, none) (none, error) {
	if err := c.each(func(s *seat) { s.gathered = gathered{ended: s.gathered.ended} }); err != nil {
		return none{}, err
	}
	c.before = trafficOf(c.endpoints()...)
	var err error
	c.watching, err = startMeter("")
	return none{}, err
}

// taken is what the client has used and received since begin.
type taken struct {
	Use     Use
	Traffic Traffic
	Arrived Arrived
	Sent    uint64 // messages
}

// end waits a while for so many messages and then tells what has arrived.
func (c *client) end(ctx context.Context, messages uint64) (taken, error) {
	for deadline := time.Now().Add(arrivalLimit); time.Now().Before(deadline) && c.arrived() < messages; {
		if err := pause(ctx, pollEvery); err != nil {
			return taken{}, err
		}
	}
	use, err := c.watching.stop()
	t := taken{Use: use, Traffic: trafficOf(c.endpoints()...).since(c.before)}
	var all []*gathered
	err = errors.Join(err, c.each(func(s *seat) {
		all = append(all, &s.gathered)
		for _, v := range s.viewers {
			t.Sent += v.uploaded
			v.uploaded = 0
		}
	}))
	t.Arrived = merged(all...)
	return t, err
}

// arrivalLimit is how long what was acknowledged may take to be counted: no time at all, unless something is wrong.
const arrivalLimit = 2 * time.Second

func (c *client) arrived() (n uint64) {
	_ = c.each(func(s *seat) { n += s.gathered.messages })
	return n
}

type uploadArgs struct {
	Every, For time.Duration
	Size       int
}

// upload has every session send a small message at regular times.
func (c *client) upload(ctx context.Context, args uploadArgs) (none, error) {
	tick := time.NewTicker(args.Every)
	defer tick.Stop()
	body := make([]byte, max(args.Size-stampSize, 0))
	for range int(args.For / args.Every) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return none{}, ctx.Err()
		}
		if err := c.each(func(s *seat) { s.upload(body) }); err != nil {
			return none{}, err
		}
	}
	return none{}, nil
}

func (s *seat) upload(body []byte) {
	for _, v := range s.viewers {
		v.send(body)
	}
}

// viewer is a session of the client.
type viewer struct {
	seat     *seat
	flow     *rtmfp.SendFlow
	sequence uint64
	uploaded uint64
}

// open opens the flow to the server.
func (v *viewer) open(session *rtmfp.Session) (err error) {
	v.flow, err = session.OpenFlow(rtmfp.FlowConfig{Metadata: []byte("load"), Priority: rtmfp.PriorityAudio})
	if err == nil {
		v.send(nil)
	}
	return err
}

func (v *viewer) send(body []byte) {
	var head [stampSize]byte
	stamp{v.sequence, bench.Monotonic()}.append(head[:0])
	// What is refused is missing in the server's count.
	_, _ = v.flow.Send(rtmfp.Outgoing{Head: head[:], Body: body})
	v.sequence++
	v.uploaded++
}

// Opened is what Dial waits for.
func (v *viewer) Opened(*rtmfp.Session) {}

// Flow takes what the server sends.
func (v *viewer) Flow(*rtmfp.ReceiveFlow) rtmfp.FlowHandler { return &inflow{into: &v.seat.gathered} }

// Moved is of no interest.
func (v *viewer) Moved(*rtmfp.Session, rtmfp.Path) {}

// Closed counts sessions that end though nobody asked for it.
func (v *viewer) Closed(*rtmfp.Session, error) {
	if !v.seat.closing.Load() {
		v.seat.gathered.ended++
	}
}
