package trace

import (
	"net/netip"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// startup knows what handshakes tell of the sessions to come.
type startup struct {
	cipher  rtmfp.Cipher
	peers   *recent[string, rtmfp.PeerID] // responders by the cookie of their RHello
	keyings *recent[keyingName, keying]   // IIKeyings
	pieces  pieceJoiner
}

// keyingName is where the answer to an IIKeying goes.
type keyingName struct {
	id uint32
	at netip.AddrPort
}

// keying is what an IIKeying tells.
type keying struct {
	initiator, responder string // peer IDs, empty if not known
}

// maxHandshakes limits how many handshakes are remembered at once.
const maxHandshakes = 1024

func newStartup() *startup {
	return &startup{
		cipher:  flash.Profile{}.NewDefaultCipher(),
		peers:   newRecent[string, rtmfp.PeerID](maxHandshakes),
		keyings: newRecent[keyingName, keying](maxHandshakes),
	}
}

// open opens a startup packet. Its checksum has 16 bits only, so that what is in it must make sense too.
func (s *startup) open(id uint32, sealed, scratch []byte) ([]byte, bool) {
	plain, err := s.cipher.Open(append(scratch[:0], sealed...))
	if err != nil {
		return nil, false
	}
	header, chunks, err := wire.ParseHeader(plain)
	if err != nil || header.Mode != wire.ModeStartup {
		return nil, false
	}
	chunk, _, ok := wire.NextChunk(chunks)
	if !ok || !chunk.Type.AllowedIn(wire.ModeStartup) {
		return nil, false
	}
	if id != 0 && chunk.Type != wire.ChunkRIKeying && chunk.Type != wire.ChunkFragment {
		return nil, false // only the answer to an IIKeying goes to a session ID (RFC 7016 2.3.8)
	}
	return plain, true
}

// startupPacket shows a startup packet.
func (t *Tracer) startupPacket(m marked, plain []byte) {
	t.counts.startup++
	t.speakers.add(m)
	header, chunks, _ := wire.ParseHeader(plain)
	v := &view{tracer: t, marked: m, header: newPacketHeader(header, len(m.payload))}
	v.chunks(chunks)
}

// learn takes a chunk of a handshake. It gives the session that a RIKeying makes.
func (t *Tracer) learn(m marked, c wire.Chunk) *session {
	switch c.Type {
	case wire.ChunkRHello:
		if hello, err := wire.ParseRHello(c.Payload); err == nil {
			t.startup.takeRHello(hello)
		}
	case wire.ChunkIIKeying:
		if k, err := wire.ParseIIKeying(c.Payload); err == nil {
			t.startup.takeIIKeying(m, k)
		}
	case wire.ChunkRIKeying:
		if k, err := wire.ParseRIKeying(c.Payload); err == nil {
			return t.takeRIKeying(m, k)
		}
	}
	return nil
}

func (s *startup) takeRHello(h wire.RHello) {
	if c, err := (flash.Profile{}).ParseCertificate(h.Certificate); err == nil {
		s.peers.put(string(h.Cookie), c.PeerID())
	}
}

func (s *startup) takeIIKeying(m marked, k wire.IIKeying) {
	var known keying
	if c, err := (flash.Profile{}).ParseCertificate(k.Certificate); err == nil {
		known.initiator = c.PeerID().String()
	}
	if peer, ok := s.peers.get(string(k.Cookie)); ok {
		known.responder = peer.String()
	}
	s.keyings.put(keyingName{k.SessionID, m.from}, known)
}

func (t *Tracer) takeRIKeying(m marked, k wire.RIKeying) *session {
	known, _ := t.startup.keyings.get(keyingName{m.id, m.to})
	ids := [2]uint32{m.id, k.SessionID}
	if s := t.sessions.between(ids); s != nil {
		return s
	}
	s := t.sessions.begin(ids, m.since)
	s.ends[initiator].address, s.ends[responder].address = m.to, m.from
	s.ends[initiator].peer, s.ends[responder].peer = known.initiator, known.responder
	t.announce(s, m)
	return s
}

// recent is a map of limited size that forgets what is oldest.
type recent[K comparable, V any] struct {
	values map[K]V
	order  []K
	most   int
}

func newRecent[K comparable, V any](most int) *recent[K, V] {
	return &recent[K, V]{values: make(map[K]V), most: most}
}

func (r *recent[K, V]) get(key K) (V, bool) {
	v, ok := r.values[key]
	return v, ok
}

func (r *recent[K, V]) put(key K, v V) {
	if _, there := r.values[key]; !there {
		if len(r.order) >= r.most {
			delete(r.values, r.order[0])
			r.order = r.order[1:]
		}
		r.order = append(r.order, key)
	}
	r.values[key] = v
}
