package overrtmfp_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp/simnet"
)

// patient is the film for a viewer who wants all of it: the pictures of a group do not give way to the next keyframe. Those that
// wait while the way is not known would.
const patient = "film?expirePreviousGop=no"

// address gives the nth address to which a host moves.
func address(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(1 + n)}), 40000)
}

func (s *stage) moveTo(h *simnet.Host, n int) { s.live.Do(func() { h.Move(0, address(n), nil) }) }

// moves collects what the room is told.
type moves struct {
	mu  sync.Mutex
	all []string
}

func (m *moves) told(c *netconn.Conn, before netconn.Far) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, before.Address+" to "+c.Far().Address)
}

func (m *moves) list() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all
}

// undisturbed fails unless all frames of a span came, without a gap of more than a second.
func undisturbed(t *testing.T, b *broadcast, v *viewer, from, to time.Time) {
	t.Helper()
	for kind, name := range []string{"audio", "video"} {
		f, gap := measure(b, v, kind, from, to), longestGap(v, kind, from, to)
		t.Log(name, f, "longest gap", gap)
		if f.came != f.published || f.published == 0 {
			t.Errorf("%s: %v", name, f)
		}
		if gap > time.Second {
			t.Errorf("%s: a gap of %v", name, gap)
		}
	}
}

func TestPlayerGoesOnAtAnotherAddress(t *testing.T) {
	for _, jitter := range []time.Duration{0, 10 * time.Millisecond} {
		t.Run(fmt.Sprint(jitter), func(t *testing.T) {
			onStage(t, 11, overrtmfp.Config{}, func(t *testing.T, s *stage) {
				var m moves
				s.room.Moves = m.told
				line := roundTrip(50 * time.Millisecond)
				line.Jitter = jitter
				h := s.hostAt(line)
				c := s.connects(h)
				v, _ := plays(t, c.Client, patient)
				b := s.film()
				from := time.Now()
				b.run(5 * time.Second)
				before := h.Addr(0)
				s.moveTo(h, 0)
				b.run(5 * time.Second)
				to := time.Now()
				time.Sleep(3 * time.Second)
				undisturbed(t, b, v, from, to)
				if want := []string{before.String() + " to " + address(0).String()}; fmt.Sprint(m.list()) != fmt.Sprint(want) {
					t.Errorf("the application was told %v, want %v", m.list(), want)
				}
				if far := s.served().Far().Address; far != address(0).String() {
					t.Errorf("the client is at %v", far)
				}
			})
		})
	}
}

func TestPlayerGoesOnBehindANATThatForgets(t *testing.T) {
	onStage(t, 12, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		nat := s.live.NewNAT(netip.MustParseAddr("203.0.113.100"), simnet.NATSettings{Kind: simnet.PortRestricted})
		s.live.Do(func() { nat.SetLinks(roundTrip(50 * time.Millisecond)) })
		c := s.connects(s.live.NewHostBehind(nat, netip.MustParseAddrPort("10.0.0.2:50000")))
		v, _ := plays(t, c.Client, "film")
		b := s.film()
		from := time.Now()
		for range 3 {
			b.run(3 * time.Second)
			s.live.Do(nat.Rebind)
		}
		b.run(5 * time.Second)
		to := time.Now()
		time.Sleep(3 * time.Second)
		undisturbed(t, b, v, from, to)
	})
}

func TestPlayerMovesAllTheTime(t *testing.T) {
	onStage(t, 13, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		var m moves
		s.room.Moves = m.told
		h := s.hostAt(roundTrip(50 * time.Millisecond))
		c := s.connects(h)
		v, _ := plays(t, c.Client, patient)
		b := s.film()
		from := time.Now()
		for n := range 20 {
			b.run(3 * time.Second)
			s.moveTo(h, n)
		}
		b.run(5 * time.Second)
		to := time.Now()
		time.Sleep(3 * time.Second)
		undisturbed(t, b, v, from, to)
		if n := len(m.list()); n != 20 {
			t.Errorf("the application was told of %d moves", n)
		}
	})
}

func TestPublisherGoesOnAtAnotherAddress(t *testing.T) {
	onStage(t, 14, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		var m moves
		s.room.Moves = m.told
		h := s.hostAt(roundTrip(50 * time.Millisecond))
		v, _ := plays(t, s.connects(s.hostAt(roundTrip(50*time.Millisecond))).Client, "film")
		b := s.publishes(s.connects(h), "film")
		from := time.Now()
		b.run(5 * time.Second)
		s.moveTo(h, 0)
		b.run(5 * time.Second)
		to := time.Now()
		time.Sleep(3 * time.Second)
		undisturbed(t, b, v, from, to)
		if len(m.list()) != 1 {
			t.Errorf("the application was told %v", m.list())
		}
	})
}

// publishes begins a broadcast of a client's.
func (s *stage) publishes(c *overrtmfp.Client, name string) *broadcast {
	s.t.Helper()
	stream, err := c.CreateStream(moment(s.t), netconn.StreamEvents{})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := stream.Publish(moment(s.t), name, "live"); err != nil {
		s.t.Fatal(err)
	}
	return newBroadcast(s.t, s.seed, writer{s.t, stream}.write)
}

func TestOutageEndsWithinASecondOfItsEnd(t *testing.T) {
	for _, outage := range []time.Duration{10 * time.Second, 30 * time.Second} {
		for _, who := range []string{"player", "publisher"} {
			if !soak() && (outage == 10*time.Second) == (who == "player") {
				continue
			}
			t.Run(fmt.Sprint(who, " ", outage), func(t *testing.T) {
				onStage(t, 15, overrtmfp.Config{}, func(t *testing.T, s *stage) {
					h, other := s.hostAt(roundTrip(50*time.Millisecond)), s.hostAt(roundTrip(50*time.Millisecond))
					playing, publishing := h, other
					if who == "publisher" {
						playing, publishing = other, h
					}
					v, _ := plays(t, s.connects(playing).Client, "film")
					b := s.publishes(s.connects(publishing), "film")
					b.run(5 * time.Second)
					s.live.Do(func() { h.Blackout(outage) })
					b.run(outage)
					over := time.Now()
					b.run(10 * time.Second)
					resumed(t, b, v, over)
				})
			})
		}
	}
}

// caughtUp is when all that waited has been sent, on a line with room: the window opens anew after an outage.
const caughtUp = 2 * time.Second

// resumed fails unless frames come within a second of an outage's end, and soon are current: with the first keyframe that is
// published then at the latest.
func resumed(t *testing.T, b *broadcast, v *viewer, over time.Time) {
	t.Helper()
	for kind, name := range []string{"audio", "video"} {
		first, stale := time.Hour, time.Duration(0)
		for _, a := range v.got(kind) {
			after, age := a.at.Sub(over), a.at.Sub(b.frames[kind][a.n])
			if after > 0 {
				first = min(first, after)
			}
			if after > caughtUp {
				stale = max(stale, age)
			}
		}
		t.Logf("%s: first frame after %v, after %v at most %v old", name, first, caughtUp, stale)
		if first > time.Second || stale > 500*time.Millisecond {
			t.Errorf("%s: first frame after %v, after %v %v old", name, first, caughtUp, stale)
		}
	}
	if bad := undecodable(v); bad > 0 {
		t.Errorf("%d pictures without the one before them", bad)
	}
	if f := measure(b, v, pictures, b.keyframeAfter(over), time.Now().Add(-time.Second)); f.came != f.published {
		t.Errorf("from the first keyframe on: %v", f)
	}
	if f := measure(b, v, sounds, over, time.Now().Add(-time.Second)); f.came != f.published {
		t.Errorf("sound: %v", f)
	}
}
