package rtmfp

import (
	"time"

	"afterglow/rtmfp/wire"
)

// The periods of reassembly (RFC 7016 3.4).
const (
	reassemblyLife  = 60 * time.Second
	reassemblyPause = time.Second
)

// startupJoiner reassembles startup packets that come in fragments. It holds at most most packets of size bytes.
type startupJoiner struct {
	most, size int
	packets    map[joinKey]*joining
}

type joinKey struct {
	from    Path
	session uint32
	id      uint64
}

type joining struct {
	began, progressed Instant
	pieces            map[uint64][]byte
	bytes             int
	highest           uint64 // number of a fragment
	total             uint64 // how many there are, once the last one is known
}

// maxPieces is how many fragments a startup packet may have: they are as large as packets.
const maxPieces = 64

// joinFragment takes a Packet Fragment chunk of a startup packet to one of our session IDs, or to 0. When it is the one that was missing it
// gives each chunk of the whole packet to take.
func (c *Core) joinFragment(from Path, session uint32, payload []byte, take func(wire.Chunk)) error {
	f, err := wire.ParseFragment(payload)
	if err != nil {
		return err
	}
	packet, taken := c.joiner.add(c.now, joinKey{from, session, f.PacketID}, f)
	if !taken {
		c.stats.IgnoredChunks++
	}
	if packet == nil {
		return nil
	}
	header, chunks, err := wire.ParseHeader(packet)
	if err != nil || header.Mode != wire.ModeStartup {
		c.stats.DroppedSyntax++
		return nil
	}
	for {
		chunk, rest, ok := wire.NextChunk(chunks)
		if !ok {
			return nil
		}
		chunks = rest
		if chunk.Type != wire.ChunkFragment { // fragments of fragments would have no end
			take(chunk)
		}
	}
}

// add says whether it has a use for f, and gives the packet when f completes it.
func (j *startupJoiner) add(now Instant, key joinKey, f wire.Fragment) (packet []byte, taken bool) {
	p := j.packets[key]
	if p == nil || p.stale(now) {
		if p = j.begin(now, f); p == nil {
			return nil, false
		}
		j.packets[key] = p
	}
	if !p.fits(f, j.size) {
		return nil, false
	}
	if !p.add(now, f) {
		return nil, true
	}
	delete(j.packets, key)
	packet = make([]byte, 0, p.bytes)
	for n := range p.total {
		packet = append(packet, p.pieces[n]...)
	}
	return packet, true
}

// begin makes room for another packet, if there is any.
func (j *startupJoiner) begin(now Instant, f wire.Fragment) *joining {
	p := &joining{began: now, pieces: make(map[uint64][]byte)}
	if !p.fits(f, j.size) {
		return nil
	}
	j.expire(now)
	if len(j.packets) >= j.most {
		return nil
	}
	if j.packets == nil {
		j.packets = make(map[joinKey]*joining)
	}
	return p
}

// fits says whether a fragment is new and agrees with those before it.
func (p *joining) fits(f wire.Fragment, size int) bool {
	if _, known := p.pieces[f.Number]; known || f.Number >= maxPieces || p.bytes+len(f.Data) > size {
		return false
	}
	if p.total != 0 {
		return f.More && f.Number < p.total
	}
	return f.More || f.Number >= p.highest
}

// add says whether the packet is complete now.
func (p *joining) add(now Instant, f wire.Fragment) bool {
	p.pieces[f.Number] = append([]byte(nil), f.Data...)
	p.bytes += len(f.Data)
	p.highest = max(p.highest, f.Number)
	p.progressed = now
	if !f.More {
		p.total = f.Number + 1
	}
	return uint64(len(p.pieces)) == p.total
}

// expire forgets packets that make no progress.
func (j *startupJoiner) expire(now Instant) {
	for key, p := range j.packets {
		if p.stale(now) {
			delete(j.packets, key)
		}
	}
}

// stale says whether a packet makes no progress, or has taken too long.
func (p *joining) stale(now Instant) bool {
	return now.Sub(p.progressed) > reassemblyPause || now.Sub(p.began) > reassemblyLife
}

// sendFragments sends a startup packet in parts that fit the path (RFC 7016 3.4).
func (c *Core) sendFragments(id uint32, to Path, plain []byte) {
	const overhead = wire.MaxHeaderSize + wire.ChunkHeaderSize + 1 + 10 + 2
	size := c.config.Limits.Packet - overhead
	c.lastFragmented++
	for number := uint64(0); len(plain) > 0; number++ {
		n := min(size, len(plain))
		room := c.config.Outlet.Room()
		at := wire.SessionIDSize + c.startup.Front()
		p := c.startupHeader(room[at:at])
		p = wire.Fragment{More: n < len(plain), PacketID: c.lastFragmented, Number: number, Data: plain[:n]}.Append(p)
		plain = plain[n:]
		c.sealStartup(id, to, room, len(p))
	}
}
