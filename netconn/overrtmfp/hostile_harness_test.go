package overrtmfp_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
)

// undelayed is how late the innocent may get a frame: the way takes 20 ms.
const undelayed = 100 * time.Millisecond

// siege is a server with a publisher and a player who mean no harm, and attackers who speak nothing but RTMFP. It is a bubble's.
type siege struct {
	*stage
	log       *logBook
	attackers int
	before    uint64 // bytes of the heap
	from      time.Time
	stop      func()
	stopped   chan struct{}
	film      *broadcast
	viewer    *viewer
}

// besieged runs an attack while a stream plays. Nothing of the stream may be lost or late, and nothing may be left of the attack.
func besieged(t *testing.T, config overrtmfp.Config, attack func(*testing.T, *siege)) {
	t.Helper()
	besiegedWith(t, 1000, config, attack)
}

// besiegedWith is besieged with frames of at most so many bytes.
func besiegedWith(t *testing.T, frame int, config overrtmfp.Config, attack func(*testing.T, *siege)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSiege(t, frame, config)
		attack(t, s)
		time.Sleep(time.Second)
		s.stop()
		<-s.stopped
		time.Sleep(2 * time.Second)
		s.unharmed()
		s.lifted()
	})
}

func newSiege(t *testing.T, frame int, config overrtmfp.Config) *siege {
	t.Helper()
	s := &siege{
		stage: &stage{t: t, live: simnet.Start(1), room: netconntest.NewRoom()}, log: new(logBook),
		stopped: make(chan struct{}), viewer: newViewer(),
	}
	t.Cleanup(s.live.Close)
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	s.room.Delivery = netconn.Delivery{Mode: netconn.WriteOff}
	s.room.Came, s.room.Gone = make(chan *netconn.Conn, 10_000), make(chan *netconn.Conn, 10_000)
	s.host = s.live.NewHost(netip.MustParseAddrPort("192.0.2.1:1935"))
	log := slog.New(slog.NewTextHandler(s.log, nil))
	s.front = overrtmfp.NewServer(s.room, config, log)
	var err error
	s.endpoint, err = rtmfp.Listen(t.Context(), rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: s.live.Sockets(s.host), Shards: 1,
		Identity: identity(t, true), Listener: s.front.Listener(), Introducer: s.front, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.leave)
	s.innocent(frame)
	s.before = heap()
	go func() {
		defer close(s.stopped)
		for ctx.Err() == nil {
			s.film.run(200 * time.Millisecond)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-s.stopped
	})
	time.Sleep(time.Second) // both ends learn how fast the way is
	s.from = time.Now()
	return s
}

// near is a line of 10 ms.
func (s *siege) near() *simnet.Host { return s.hostAt(simnet.Conditions{Delay: 10 * time.Millisecond}) }

// innocent has a client publish frames of at most so many bytes, and another play.
func (s *siege) innocent(frame int) {
	publisher, player := s.connects(s.near()), s.connects(s.near())
	stream, err := publisher.CreateStream(s.t.Context(), netconn.StreamEvents{})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := stream.Publish(s.t.Context(), "film", "live"); err != nil {
		s.t.Fatal(err)
	}
	seen, err := player.CreateStream(s.t.Context(), s.viewer.events())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := seen.Play(s.t.Context(), "film", netconn.PlayLive, -1); err != nil {
		s.t.Fatal(err)
	}
	s.film = newBroadcast(s.t, 1, func(p *media.Packet) error {
		return stream.Write(s.t.Context(), media.NewPacket(p.Kind, p.Timestamp, p.Payload[:min(len(p.Payload), frame)]))
	})
}

// unharmed fails unless the innocent player has seen everything in time.
func (s *siege) unharmed() {
	s.t.Helper()
	for kind, name := range []string{"audio", "video"} {
		f := measure(s.film, s.viewer, kind, s.from, time.Now())
		if f.published < 20 || f.came != f.published || f.worst > undelayed {
			s.t.Errorf("of the innocent's %s %d of %d frames came, the latest after %v", name, f.came, f.published, f.worst)
		}
	}
}

// lifted fails if anything is left once all attackers have gone.
func (s *siege) lifted() {
	s.t.Helper()
	time.Sleep(4 * time.Minute) // sessions that close without an answer, and flows that linger
	if n := s.front.Sessions(); n != 2 {
		s.t.Errorf("%d sessions are left, want 2", n)
	}
	if n := s.room.Hub.Stats().Subscribers.Load(); n != 1 {
		s.t.Errorf("%d subscribers are left, want 1", n)
	}
	stats := s.endpoint.Stats()
	if stats.Sessions != 2 {
		s.t.Errorf("the endpoint has %d sessions, want 2", stats.Sessions)
	}
	s.endpoint.Sessions(func(session *rtmfp.Session) bool {
		if stats := session.Stats(); stats.SendFlows > 8 || stats.ReceiveFlows > 8 || stats.Buffered > 0 {
			s.t.Errorf("a session is left with %+v", stats)
		}
		return true
	})
	if lines := s.log.lines(); len(lines) > s.attackers {
		s.t.Errorf("%d attackers have caused %d lines in the log:\n%s", s.attackers, len(lines), strings.Join(lines[:min(len(lines), 10)], "\n"))
	}
	if after := heap(); after > s.before+24<<20 {
		s.t.Errorf("%d MB of memory before, %d MB after", s.before>>20, after>>20)
	}
}

// heap is what is in use, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// holds gives the figures of a session at the server's end.
func (s *siege) holds(a *attacker) (found rtmfp.SessionStats) {
	near, _ := a.session.Nonces()
	s.endpoint.Sessions(func(session *rtmfp.Session) bool {
		if _, far := session.Nonces(); far == near {
			found = session.Stats()
		}
		return true
	})
	return found
}

// logBook keeps what is logged.
type logBook struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *logBook) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(b.all.String(), "\n")[:bytes.Count(b.all.Bytes(), []byte("\n"))]
}
