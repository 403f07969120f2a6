package overrtmfp_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

// behind says where a peer is: on the internet itself, or behind a NAT of a kind.
type behind int

const (
	open behind = iota
	fullCone
	addressRestricted
	portRestricted
	symmetric
	places
)

func (b behind) String() string {
	if b == open {
		return "open"
	}
	return b.kind().String()
}

func (b behind) kind() simnet.NATKind { return simnet.NATKind(b - 1) }

// host makes a host at such a place, 10 ms from the internet.
func (s *stage) hostBehind(b behind) *simnet.Host {
	line := roundTrip(20 * time.Millisecond)
	if b == open {
		return s.hostAt(line)
	}
	s.hosts++
	nat := s.live.NewNAT(netip.AddrFrom4([4]byte{203, 0, 113, byte(s.hosts)}), simnet.NATSettings{Kind: b.kind()})
	s.live.Do(func() { nat.SetLinks(line) })
	return s.live.NewHostBehind(nat, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(s.hosts), 2}), 50000))
}

// meets says whether two places have a way to each other once both have sent: a symmetric NAT takes another port for each far
// end, of which one that asks for ports cannot know.
func (b behind) meets(c behind) bool {
	return !(b == symmetric && c >= portRestricted || c == symmetric && b >= portRestricted)
}

// openingTime is how long an opening is tried (RFC 7016 3.5.1.1.1).
const openingTime = 95 * time.Second

func TestPeersPlayThroughNATs(t *testing.T) {
	for player := range places {
		for publisher := range places {
			t.Run(fmt.Sprint(player, " from ", publisher), func(t *testing.T) {
				onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
					from := s.connects(s.hostBehind(publisher))
					to := s.connects(s.hostBehind(player))
					b := publishesDirectly(t, from, "film")
					if !player.meets(publisher) {
						unreachable(t, to, from.PeerID())
						return
					}
					v, _ := playsDirectly(t, to, from.PeerID(), "film")
					begun := time.Now()
					b.run(soaking(5*time.Second, 10*time.Second))
					end := time.Now()
					time.Sleep(time.Second)
					undisturbed(t, b, v, begun, end)
				})
			})
		}
	}
}

// unreachable fails unless playing ends in time with the error that tells of NATs.
func unreachable(t *testing.T, c *overrtmfp.Client, peer rtmfp.PeerID) {
	t.Helper()
	begun := time.Now()
	_, err := c.PlayDirect(t.Context(), peer, "film", newViewer().events())
	var e *rtmfp.UnreachableError
	if took := time.Since(begun); !errors.As(err, &e) || took > openingTime+time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

// publishesDirectly begins a broadcast to a client's peers.
func publishesDirectly(t *testing.T, c *overrtmfp.Client, name string) *broadcast {
	t.Helper()
	b, _ := directly(t, c, name, overrtmfp.DirectOptions{})
	return b
}

func directly(t *testing.T, c *overrtmfp.Client, name string, o overrtmfp.DirectOptions) (*broadcast, *overrtmfp.DirectPublisher) {
	t.Helper()
	p, err := c.PublishDirect(name, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return newBroadcast(t, 1, p.Write), p
}

// playsDirectly plays from a peer.
func playsDirectly(t *testing.T, c *overrtmfp.Client, peer rtmfp.PeerID, name string) (*viewer, *overrtmfp.DirectStream) {
	t.Helper()
	v := newViewer()
	d, err := c.PlayDirect(moment(t), peer, name, v.events())
	if err != nil {
		t.Fatal(err)
	}
	return v, d
}

// neighbours are two clients behind one NAT, each with the local addresses that it reports.
func neighbours(s *stage, hairpin bool, player, publisher []netip.AddrPort) (to, from *overrtmfp.Client) {
	nat := s.live.NewNAT(netip.MustParseAddr("203.0.113.9"), simnet.NATSettings{Kind: simnet.PortRestricted, Hairpin: hairpin})
	s.live.Do(func() { nat.SetLinks(roundTrip(20 * time.Millisecond)) })
	one, other := s.live.NewHostBehind(nat, atHome(2)), s.live.NewHostBehind(nat, atHome(3))
	reports := func(a []netip.AddrPort) func(*overrtmfp.DialOptions) {
		return func(o *overrtmfp.DialOptions) { o.LocalAddresses = a }
	}
	return s.connects(one, reports(player)), s.connects(other, reports(publisher))
}

func atHome(n byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), 50000)
}

func TestPeersBehindTheSameNAT(t *testing.T) {
	none, player, publisher := []netip.AddrPort{}, []netip.AddrPort{atHome(2)}, []netip.AddrPort{atHome(3)}
	for _, c := range []struct {
		name            string
		hairpin, meet   bool
		player, publish []netip.AddrPort
		local           bool
	}{
		{"who know nothing of home", false, false, none, none, false},
		{"with hairpin", true, true, none, none, false},
		{"of whom the publisher tells", false, true, none, publisher, true},
		{"of whom the player tells", false, true, player, none, true},
		{"who both tell", false, true, player, publisher, true},
		{"by default", false, true, nil, nil, true},
		{"with addresses of others first", false, true, append(elsewhere(), player...), none, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
				to, from := neighbours(s, c.hairpin, c.player, c.publish)
				b := publishesDirectly(t, from, "film")
				if !c.meet {
					unreachable(t, to, from.PeerID())
					return
				}
				v, d := playsDirectly(t, to, from.PeerID(), "film")
				begun := time.Now()
				b.run(2 * time.Second)
				end := time.Now()
				time.Sleep(time.Second)
				undisturbed(t, b, v, begun, end)
				if local := d.Far().Address == atHome(3).String(); local != c.local {
					t.Errorf("the peer is at %v", d.Far().Address)
				}
			})
		})
	}
}

// elsewhere are addresses to which nobody is sent.
func elsewhere() []netip.AddrPort {
	var out []netip.AddrPort
	for n := range 4 {
		out = append(out, address(n))
	}
	return out
}

func TestNobodyIsToldOfStrangersAddresses(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		var victims []*simnet.Host
		var told []netip.AddrPort
		for range 4 {
			h := s.publicHost()
			victims, told = append(victims, h), append(told, h.Addr(0))
		}
		from := s.connects(s.hostBehind(portRestricted), func(o *overrtmfp.DialOptions) { o.LocalAddresses = []netip.AddrPort{} })
		to := s.connects(s.hostBehind(open), func(o *overrtmfp.DialOptions) { o.LocalAddresses = told })
		publishesDirectly(t, from, "film")
		playsDirectly(t, to, from.PeerID(), "film")
		for _, h := range victims {
			s.live.Do(func() {
				if n := h.Down().Counters().Offered; n > 0 {
					t.Errorf("%d datagrams went to %v", n, h.Addr(0))
				}
			})
		}
	})
}

func TestPeersThatSeekEachOtherAtOnce(t *testing.T) {
	onStage(t, 1, overrtmfp.Config{}, func(t *testing.T, s *stage) {
		one, other := s.connects(s.hostBehind(portRestricted)), s.connects(s.hostBehind(portRestricted))
		a, b := publishesDirectly(t, one, "a"), publishesDirectly(t, other, "b")
		found := make(chan *viewer, 1)
		go func() {
			v := newViewer()
			_, err := other.PlayDirect(context.Background(), one.PeerID(), "a", v.events())
			if err != nil {
				t.Error(err)
			}
			found <- v
		}()
		mine, _ := playsDirectly(t, one, other.PeerID(), "b")
		theirs := <-found
		begun := time.Now()
		go a.run(3 * time.Second)
		b.run(3 * time.Second)
		end := time.Now()
		time.Sleep(time.Second)
		undisturbed(t, b, mine, begun, end)
		undisturbed(t, a, theirs, begun, end)
	})
}
