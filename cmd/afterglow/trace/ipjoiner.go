package trace

import (
	"net/netip"
	"slices"
	"time"
)

// The limits of reassembling IP packets.
const (
	maxJoining = 64
	joinLife   = 30 * time.Second
	maxIP      = 1 << 16
	ipBlock    = 8 // fragments begin at multiples of so many bytes
)

// ipJoiner puts IP packets together of their fragments, at most maxJoining at a time. Its zero value is ready.
type ipJoiner struct {
	packets map[ipJoinKey]*ipJoining
	order   []ipJoinKey // oldest first
}

type ipJoinKey struct {
	from, to netip.Addr
	id       uint32
}

type ipJoining struct {
	began time.Time
	data  []byte
	have  [maxIP / ipBlock / 64]uint64 // blocks that have come
	count int                          // of them
	total int                          // in bytes, 0 until the last fragment has come
}

// add gives the payload of the packet that p completes.
func (j *ipJoiner) add(at time.Time, p ipPacket) ([]byte, bool) {
	end := p.offset + len(p.payload)
	if len(p.payload) == 0 || end > maxIP || p.more && len(p.payload)%ipBlock != 0 {
		return nil, false
	}
	key := ipJoinKey{p.from, p.to, p.id}
	joining := j.packets[key]
	if joining == nil || at.Sub(joining.began) > joinLife {
		joining = j.begin(key, at)
	}
	joining.put(p.offset, end, p)
	if !joining.complete() {
		return nil, false
	}
	j.forget(key)
	return joining.data[:joining.total], true
}

func (j *ipJoiner) begin(key ipJoinKey, at time.Time) *ipJoining {
	if j.packets == nil {
		j.packets = make(map[ipJoinKey]*ipJoining)
	}
	j.forget(key)
	if len(j.order) >= maxJoining {
		j.forget(j.order[0])
	}
	joining := &ipJoining{began: at}
	j.packets[key] = joining
	j.order = append(j.order, key)
	return joining
}

func (j *ipJoiner) forget(key ipJoinKey) {
	delete(j.packets, key)
	if i := slices.Index(j.order, key); i >= 0 {
		j.order = slices.Delete(j.order, i, i+1)
	}
}

func (g *ipJoining) put(offset, end int, p ipPacket) {
	if end > len(g.data) {
		g.data = append(g.data, make([]byte, end-len(g.data))...)
	}
	copy(g.data[offset:], p.payload)
	for block := offset / ipBlock; block*ipBlock < end; block++ {
		bit := uint64(1) << (block % 64)
		if g.have[block/64]&bit == 0 {
			g.have[block/64] |= bit
			g.count++
		}
	}
	if !p.more {
		g.total = end
	}
}

// complete counts blocks; those behind the end, which only a liar sends, keep the packet from ever being complete.
func (g *ipJoining) complete() bool {
	return g.total > 0 && g.count == (g.total+ipBlock-1)/ipBlock && len(g.data) == g.total
}
