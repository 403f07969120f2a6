package rtmfp

import (
	"fmt"
	"io"
	"net/netip"
	"sync"
)

// Group is what the cores of one endpoint share: the secret of their cookies, and an index that tells which of them has a
// session with a peer, or is opening one to an address. Startup packets come to any core; the index sends them on to the
// one whom they concern. A core alone needs none.
type Group struct {
	secret [32]byte

	mu       sync.Mutex
	post     func(shard int, f func(*Core)) bool
	peers    map[peerKey][]shardCount
	openings map[netip.AddrPort][]shardCount
}

// shardCount says how many sessions of one kind a shard has.
type shardCount struct {
	shard, count int
}

// NewGroup makes a group with a secret from random.
func NewGroup(random io.Reader) (*Group, error) {
	g := &Group{peers: make(map[peerKey][]shardCount), openings: make(map[netip.AddrPort][]shardCount)}
	if _, err := io.ReadFull(random, g.secret[:]); err != nil {
		return nil, fmt.Errorf("rtmfp: secret of cookies: %w", err)
	}
	return g, nil
}

// Connect gives the group the mailboxes of its cores: post runs f on the owner of a shard's core, or returns false.
func (g *Group) Connect(post func(shard int, f func(*Core)) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.post = post
}

// send runs f on the core of a shard, later.
func (g *Group) send(shard int, f func(*Core)) bool {
	g.mu.Lock()
	post := g.post
	g.mu.Unlock()
	return post != nil && post(shard, f)
}

func (g *Group) countPeer(key peerKey, shard, delta int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	count(g.peers, key, shard, delta)
}

func (g *Group) countOpening(addr netip.AddrPort, shard, delta int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	count(g.openings, addr, shard, delta)
}

// shardOfPeer gives another shard that has a session of an identity with a peer.
func (g *Group) shardOfPeer(key peerKey, not int) (int, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return other(g.peers[key], not)
}

// shardOpening gives another shard that is opening a session to an address.
func (g *Group) shardOpening(addr netip.AddrPort, not int) (int, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return other(g.openings[addr], not)
}

// other gives a shard with a count, unless the shard that asks has one itself.
func other(counts []shardCount, not int) (int, bool) {
	found, ok := 0, false
	for _, c := range counts {
		if c.shard == not {
			return 0, false
		}
		found, ok = c.shard, true
	}
	return found, ok
}

func count[K comparable](counts map[K][]shardCount, key K, shard, delta int) {
	list := counts[key]
	for i := range list {
		if list[i].shard != shard {
			continue
		}
		if list[i].count += delta; list[i].count > 0 {
			return
		}
		list = append(list[:i], list[i+1:]...)
		if len(list) == 0 {
			delete(counts, key)
			return
		}
		counts[key] = list
		return
	}
	if delta > 0 {
		counts[key] = append(list, shardCount{shard, delta})
	}
}
