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
	from Path
	id   uint64
}

type joining struct {
	began, progressed Instant
	pieces            map[uint64][]byte
	bytes             int
	total             uint64 // number of fragments, once the last one is known
}

// maxPieces is how many fragments a startup packet may have: they are as large as packets.
const maxPieces = 64

// receiveFragment takes a Packet Fragment chunk of the startup pseudo-session.
func (c *Core) receiveFragment(from Path, payload []byte) error {
	f, err := wire.ParseFragment(payload)
	if err != nil {
		return err
	}
	packet := c.joiner.add(c.now, from, f)
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
			c.receiveStartupChunk(from, chunk)
		}
	}
}

// add gives the packet when f completes it.
func (j *startupJoiner) add(now Instant, from Path, f wire.Fragment) []byte {
	key := joinKey{from, f.PacketID}
	p := j.packets[key]
	if p == nil {
		j.expire(now)
		if len(j.packets) >= j.most || f.Number >= maxPieces || len(f.Data) == 0 {
			return nil
		}
		if j.packets == nil {
			j.packets = make(map[joinKey]*joining)
		}
		p = &joining{began: now, pieces: make(map[uint64][]byte)}
		j.packets[key] = p
	}
	if !p.add(now, f, j.size) {
		return nil
	}
	delete(j.packets, key)
	packet := make([]byte, 0, p.bytes)
	for n := range p.total {
		packet = append(packet, p.pieces[n]...)
	}
	return packet
}

// add says whether the packet is complete now.
func (p *joining) add(now Instant, f wire.Fragment, size int) bool {
	if _, known := p.pieces[f.Number]; known || f.Number >= maxPieces || len(f.Data) == 0 || p.bytes+len(f.Data) > size {
		return false
	}
	if p.total != 0 && (f.Number >= p.total || !f.More) {
		return false
	}
	p.pieces[f.Number] = append([]byte(nil), f.Data...)
	p.bytes += len(f.Data)
	p.progressed = now
	if !f.More {
		p.total = f.Number + 1
	}
	return p.total != 0 && uint64(len(p.pieces)) == p.total
}

// expire forgets packets that make no progress.
func (j *startupJoiner) expire(now Instant) {
	for key, p := range j.packets {
		if now.Sub(p.progressed) > reassemblyPause || now.Sub(p.began) > reassemblyLife {
			delete(j.packets, key)
		}
	}
}

// sendFragments sends a startup packet in parts that fit the path (RFC 7016 3.4).
func (c *Core) sendFragments(id uint32, to Path, plain []byte) {
	const overhead = 1 + wire.ChunkHeaderSize + 1 + 10 + 2
	size := c.config.Limits.Packet - overhead
	c.lastFragmented++
	for number := uint64(0); len(plain) > 0; number++ {
		n := min(size, len(plain))
		room := c.config.Outlet.Room()
		at := wire.SessionIDSize + c.startup.Front()
		p := wire.Header{Mode: wire.ModeStartup}.Append(room[at:at])
		p = wire.Fragment{More: n < len(plain), PacketID: c.lastFragmented, Number: number, Data: plain[:n]}.Append(p)
		plain = plain[n:]
		c.sealStartup(id, to, room, len(p))
	}
}
