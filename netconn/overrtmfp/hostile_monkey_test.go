package overrtmfp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// monkey uses the API of a client without a plan. Each has goroutines of its own.
type monkey struct {
	t      *testing.T
	stage  *stage
	random *rand.Rand
	host   *simnet.Host
	zoo    *zoo

	client  *overrtmfp.Client
	streams []*netconn.ClientStream
	direct  []*overrtmfp.DirectPublisher
	playing []*overrtmfp.DirectStream
	clock   uint32
}

// zoo lets monkeys find each other.
type zoo struct {
	mu    sync.Mutex
	peers []rtmfp.PeerID
}

func (z *zoo) add(p rtmfp.PeerID) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.peers = append(z.peers, p)
}

func (z *zoo) any(r *rand.Rand) (p rtmfp.PeerID) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if len(z.peers) == 0 || r.IntN(10) == 0 {
		return numbered(r.IntN(100))
	}
	return z.peers[max(0, len(z.peers)-1-r.IntN(6))]
}

func (m *monkey) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(m.t.Context(), time.Duration(1+m.random.IntN(4000))*time.Millisecond)
}

func (m *monkey) name() string { return fmt.Sprintf("name%d", m.random.IntN(4)) }

// live does one thing after the other until the end.
func (m *monkey) live(end time.Time) {
	for time.Now().Before(end) {
		m.act()
		time.Sleep(time.Duration(m.random.IntN(100)) * time.Millisecond)
	}
	if m.client != nil {
		m.leaves()
	}
}

func (m *monkey) act() {
	if m.client == nil {
		m.comes()
		return
	}
	ctx, cancel := m.patience()
	defer cancel()
	switch m.random.IntN(20) {
	case 0:
		if m.random.IntN(5) == 0 {
			m.leaves()
		}
	case 1, 2:
		if s, err := m.client.CreateStream(ctx, netconn.StreamEvents{Packet: func(*media.Packet) {}}); err == nil {
			m.streams = append(m.streams, s)
		}
	case 3:
		_, _ = m.client.Call(ctx, "getStreamLength", m.name())
	case 4:
		if d, err := m.client.PublishDirect(m.name(), overrtmfp.DirectOptions{}); err == nil {
			m.direct = append(m.direct, d)
		}
	case 5, 6:
		if d, err := m.client.PlayDirect(ctx, m.zoo.any(m.random), m.name(), netconn.StreamEvents{}); err == nil {
			m.playing = append(m.playing, d)
		}
	case 7:
		if d, ok := taken(m, &m.playing); ok {
			_ = d.Close()
		}
	case 8:
		if d, ok := taken(m, &m.direct); ok {
			d.Close()
		}
	case 9, 10:
		for _, d := range m.direct {
			for range m.random.IntN(20) {
				_ = d.Write(m.packet())
			}
		}
	case 11:
		m.stage.live.Do(func() { m.host.Blackout(time.Duration(m.random.IntN(3000)) * time.Millisecond) })
	default:
		m.streamed(ctx)
	}
}

// streamed does something with a stream of the server's.
func (m *monkey) streamed(ctx context.Context) {
	if len(m.streams) == 0 {
		return
	}
	s := m.streams[m.random.IntN(len(m.streams))]
	switch m.random.IntN(8) {
	case 0:
		_ = s.Publish(ctx, m.name(), "live")
	case 1:
		_ = s.Play(ctx, m.name(), netconn.PlayLive, float64(m.random.IntN(5000)-1000))
	case 2:
		if gone, ok := taken(m, &m.streams); ok {
			_ = gone.Unpublish(ctx, m.name())
		}
	case 3:
		if gone, ok := taken(m, &m.streams); ok {
			_ = gone.Close()
		}
	case 4:
		_ = s.Send([]string{"pause", "seek", "receiveVideo", "closeStream", "?"}[m.random.IntN(5)], m.random.IntN(2) == 0)
	case 5:
		_ = s.Flush(ctx)
	default:
		for range m.random.IntN(30) {
			_ = s.Write(ctx, m.packet())
		}
	}
}

func taken[T any](m *monkey, all *[]T) (one T, ok bool) {
	if len(*all) == 0 {
		return one, false
	}
	i := m.random.IntN(len(*all))
	one = (*all)[i]
	*all = append((*all)[:i], (*all)[i+1:]...)
	return one, true
}

func (m *monkey) packet() *media.Packet {
	m.clock += 20
	switch m.random.IntN(3) {
	case 0:
		return media.NewPacket(media.KindAudio, m.clock, append([]byte{0xAF, 1}, make([]byte, 300)...))
	case 1:
		return media.NewPacket(media.KindVideo, m.clock, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, m.random.IntN(30_000))...))
	}
	return media.NewPacket(media.KindVideo, m.clock, append([]byte{0x27, 1, 0, 0, 0}, make([]byte, m.random.IntN(5_000))...))
}

func (m *monkey) comes() {
	ctx, cancel := m.patience()
	defer cancel()
	c, err := overrtmfp.Dial(ctx, "rtmfp://localhost/live", overrtmfp.DialOptions{
		Connect: netconn.ConnectOptions{App: "live"}, Identity: identity(m.t, false), Addresses: m.stage.endpoint.Addrs(), Log: quiet,
		Listen: rtmfp.Config{Addresses: []string{":0"}, Sockets: m.stage.live.Sockets(m.host)},
	})
	if err == nil {
		m.client = c
		m.zoo.add(c.PeerID())
	}
}

// leaves closes the client and waits until it is gone: only then is its port free.
func (m *monkey) leaves() {
	c := m.client
	m.client, m.streams, m.direct, m.playing = nil, nil, nil, m.ends(c)
}

// ends closes a client in one of several ways, and fails unless all of it ends.
func (m *monkey) ends(c *overrtmfp.Client) []*overrtmfp.DirectStream {
	for range 1 + m.random.IntN(3) {
		go c.Close()
	}
	late := time.After(2 * time.Minute)
	for _, end := range append([]<-chan struct{}{c.Done(), c.Ended()}, m.ofPlaying()...) {
		select {
		case <-end:
		case <-late:
			m.t.Error("something does not end")
			return nil
		}
	}
	if c.Err() == nil {
		m.t.Error("a client has ended without a reason")
	}
	return nil
}

func (m *monkey) ofPlaying() (all []<-chan struct{}) {
	for _, d := range m.playing {
		all = append(all, d.Done())
	}
	return all
}

// Clients that do whatever comes to their minds, over a bad network: nothing hangs, and nothing is left.
func TestMonkeys(t *testing.T) {
	for seed := range soakingTimes(4, 200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			onStage(t, seed, overrtmfp.Config{}, func(t *testing.T, s *stage) {
				s.room.Came, s.room.Gone = make(chan *netconn.Conn, 100_000), make(chan *netconn.Conn, 100_000)
				end := time.Now().Add(time.Minute)
				z := new(zoo)
				var all sync.WaitGroup
				for i := range 5 {
					m := &monkey{
						t: t, stage: s, random: rand.New(rand.NewPCG(seed, uint64(i))), zoo: z,
						host: s.hostAt(simnet.Conditions{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.03}),
					}
					all.Go(func() { m.live(end) })
				}
				all.Wait()
				time.Sleep(5 * time.Minute)
				if err := s.front.Check(); err != nil {
					t.Error(err)
				}
				if n := s.front.Sessions(); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
				if n := s.room.Hub.Stats().Subscribers.Load(); n != 0 {
					t.Errorf("%d subscribers are left", n)
				}
				if n := len(s.room.Came); n < 5 {
					t.Errorf("only %d clients have come", n)
				}
			})
		})
	}
}
