package rtmfpload

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// server is the endpoint that is measured, with a lane for each of its shards.
type server struct {
	endpoint *rtmfp.Endpoint
	watching *meter
	before   Traffic

	mu    sync.Mutex
	lanes map[*rtmfp.Core]*lane
}

// identityName is what an endpoint calls its only identity.
const identityName = "load"

type listenArgs struct {
	protected
	Shards int
	Static flash.Group // a static key in this group; 0 for ephemeral ones
}

func (s *server) listen(ctx context.Context, args listenArgs) (target, error) {
	s.close()
	s.lanes = make(map[*rtmfp.Core]*lane)
	identity, err := args.serverIdentity(args.Static)
	if err != nil {
		return target{}, err
	}
	if s.endpoint, err = loopback(ctx, args.Shards, nil); err != nil {
		return target{}, err
	}
	err = s.endpoint.AddIdentity(identityName, identity, rtmfp.Listener{Accept: s.accept})
	return target{s.endpoint.Addrs()[0], identity.Certificate().CanonicalDiscriminator()}, err
}

// serverIdentity has keys in every group.
func (p protected) serverIdentity(static flash.Group) (*flash.Identity, error) {
	if static == 0 {
		return p.identity([]flash.Group{flash.Group2, flash.Group5, flash.Group14, flash.Group16}, nil)
	}
	key, err := flash.GenerateKey(rand.Reader, static)
	if err != nil {
		return nil, err
	}
	return p.identity(nil, key)
}

func (s *server) close() {
	if s.endpoint != nil {
		_ = s.endpoint.Close()
	}
}

// accept takes a session; it runs on the session's shard.
func (s *server) accept(session *rtmfp.Session) rtmfp.SessionHandler {
	return &peer{lane: s.laneOf(session), session: session}
}

// laneOf gives the lane of a session's shard.
func (s *server) laneOf(session *rtmfp.Session) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[session.Core()]
	if l == nil {
		l = &lane{post: session.Do}
		s.lanes[session.Core()] = l
	}
	return l
}

func (s *server) everyLane() []*lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.lanes))
}

// each calls f for each lane on its shard, one after the other, and returns what has failed there.
func (s *server) each(f func(*lane)) error {
	var failed error
	for _, l := range s.everyLane() {
		err := onShard(l.post, func() {
			f(l)
			failed = errors.Join(failed, l.failed)
		})
		if err != nil {
			return err
		}
	}
	return failed
}

// onShard runs f by way of post and waits for it.
func onShard(post func(func()) bool, f func()) error {
	done := make(chan struct{})
	if !post(func() { f(); close(done) }) {
		return errors.New("endpoint has ended")
	}
	<-done
	return nil
}

// looked is how a server is at a moment.
type looked struct {
	Memory   Memory
	Counters Counters
	Traffic  Traffic
	Sessions int
	Keyed    uint64
	Keying   float64 // seconds that were spent on keying
}

func (s *server) look(context.Context, none) (looked, error) {
	stats := s.endpoint.Stats()
	return looked{
		Memory: holds(), Counters: countersOf(stats.CoreStats), Traffic: trafficOf(s.endpoint), Sessions: stats.Sessions,
		Keyed: stats.Keying.Done, Keying: stats.Keying.Busy.Seconds(),
	}, nil
}

// trafficOf sums what endpoints have counted.
func trafficOf(endpoints ...*rtmfp.Endpoint) Traffic {
	var t Traffic
	for _, e := range endpoints {
		for _, socket := range e.Stats().Sockets {
			t.DatagramsSent += socket.Sent
			t.BytesSent += socket.SentBytes
			t.DatagramsReceived += socket.Received
			t.BytesReceived += socket.ReceivedBytes
			t.SendCalls += socket.SendCalls
			t.SentSegmented += socket.SentSegmented
			t.ReceiveCalls += socket.ReceiveCalls
			t.Overflows += socket.ReceiveOverflows
			t.SendDropped += socket.Dropped()
		}
		e.Sessions(func(session *rtmfp.Session) bool {
			t.Repeated += session.Stats().FragmentsRepeated
			return true
		})
	}
	return t
}

// watch begins to measure; profile says where to write a CPU profile, or nothing.
func (s *server) watch(_ context.Context, profile string) (none, error) {
	s.before = trafficOf(s.endpoint)
	var err error
	s.watching, err = startMeter(profile)
	return none{}, err
}

// sent is what a server has used and sent while it was watched.
type sent struct {
	Use     Use
	Traffic Traffic
	Sending float64 // seconds until the last burst was begun
	Bursts  uint64
	Skipped uint64 // bursts that were not begun because too many waited
	Uploads Arrived
}

// seen ends what watch has begun.
func (s *server) seen(context.Context, none) (sent, error) {
	use, err := s.watching.stop()
	result := sent{Use: use, Traffic: trafficOf(s.endpoint).since(s.before)}
	var uploads []*gathered
	err = errors.Join(err, s.each(func(l *lane) {
		result.Bursts += l.begun
		result.Skipped += l.skipped
		l.begun, l.skipped = 0, 0
		uploads = append(uploads, &l.uploads)
	}))
	result.Uploads = merged(uploads...)
	return result, err
}

// uploads waits a while for so many further messages from the client, and tells what came.
func (s *server) uploads(ctx context.Context, messages uint64) (Arrived, error) {
	for deadline := time.Now().Add(arrivalLimit); time.Now().Before(deadline); {
		var have uint64
		if err := s.each(func(l *lane) { have += l.uploads.messages }); err != nil {
			return Arrived{}, err
		}
		if have >= messages {
			break
		}
		if err := pause(ctx, pollEvery); err != nil {
			return Arrived{}, err
		}
	}
	var all []*gathered
	err := s.each(func(l *lane) { all = append(all, &l.uploads) })
	return merged(all...), err
}
