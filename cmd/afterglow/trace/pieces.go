package trace

import (
	"net/netip"

	"afterglow/rtmfp/wire"
)

// pieceJoiner puts startup packets together that came in Packet Fragment chunks (RFC 7016 2.3.1). Its zero value is empty.
type pieceJoiner struct {
	packets *recent[pieceName, *pieces]
}

type pieceName struct {
	from netip.AddrPort
	to   uint32
	id   uint64
}

type pieces struct {
	data  map[uint64][]byte
	bytes int
	total uint64 // 0 until the last one has come
}

// The limits of startup packets in fragments.
const (
	maxJoined     = 64
	maxPieces     = 64
	maxPieceBytes = 1 << 14
)

// add gives the plain packet that f completes, else nil.
func (j *pieceJoiner) add(m marked, f wire.Fragment) []byte {
	if j.packets == nil {
		j.packets = newRecent[pieceName, *pieces](maxJoined)
	}
	name := pieceName{m.from, m.id, f.PacketID}
	p, ok := j.packets.get(name)
	if !ok {
		p = &pieces{data: make(map[uint64][]byte)}
		j.packets.put(name, p)
	}
	if f.Number >= maxPieces || p.bytes+len(f.Data) > maxPieceBytes || p.data[f.Number] != nil {
		return nil
	}
	p.data[f.Number] = append([]byte(nil), f.Data...)
	p.bytes += len(f.Data)
	if !f.More {
		p.total = f.Number + 1
	}
	if uint64(len(p.data)) != p.total {
		return nil
	}
	return p.join()
}

func (p *pieces) join() []byte {
	var packet []byte
	for number := range p.total {
		packet = append(packet, p.data[number]...)
	}
	return packet
}
