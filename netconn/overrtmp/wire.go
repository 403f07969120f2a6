package overrtmp

import (
	"sync"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/rtmp"
)

// blockSize is how much memory a class takes at a time for its chunks, in bytes. Chunks of successive packets lie side
// by side in a block, so that a viewer who gets several has one piece to write.
const blockSize = 64 << 10

// classKey is what viewers have in common who get the same bytes for a packet. A source that is alone is its own feed.
type classKey struct {
	feed      any
	streamID  uint32
	chunkSize int
}

// class makes the chunks of a feed's packets, once for all its viewers.
type class struct {
	key   classKey
	form  *formKey
	users int  // guarded by the registry
	alone bool // nobody else has the feed

	mu    sync.Mutex
	block []byte
}

// formKey is the key under which chunks hang on a packet. It outlives the class: a viewer that comes and goes all the
// time would have the same chunks made anew each time, and the packet keeps them all.
type formKey struct {
	streamID  uint32
	chunkSize int
}

// chunks is the wire form of a packet.
type chunks struct{ b []byte }

// sharedStreams is up to which message stream ID chunks are kept on the packet. Players use the first; one connection
// that plays a stream under many IDs must not multiply what the stream costs.
const sharedStreams = 4

// wire returns the packet's chunks. The lock is taken by the first viewer that needs them.
func (c *class) wire(p *media.Packet) []byte {
	if c.alone || c.key.streamID > sharedStreams {
		return encode(nil, p, c.key)
	}
	if w, ok := p.Derived(c.form).(*chunks); ok {
		return w.b
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := p.Derived(c.form).(*chunks); ok {
		return w.b
	}
	return p.Derive(c.form, &chunks{c.encode(p)}).(*chunks).b
}

// encode appends the packet to the block, or to a new one.
func (c *class) encode(p *media.Packet) []byte {
	need := rtmp.ChunkedSize(len(p.Payload), c.key.chunkSize)
	if cap(c.block)-len(c.block) < need {
		c.block = make([]byte, 0, max(blockSize, need))
	}
	at := len(c.block)
	c.block = encode(c.block, p, c.key)
	return c.block[at:]
}

func encode(dst []byte, p *media.Packet, k classKey) []byte {
	m := rtmp.Message{Type: rtmp.MessageType(p.MessageType()), Timestamp: p.Timestamp, StreamID: k.streamID, Payload: p.Payload}
	return rtmp.AppendChunks(dst, &m, rtmp.ChunkStreamFor(m.Type), k.chunkSize)
}

// registry interns classes and pumps, so that viewers of the same feed find each other.
type registry struct {
	mu      sync.Mutex
	classes map[classKey]*class
	forms   map[formKey]*formKey // as many as there are stream IDs and chunk sizes, which are few
	pumps   map[pumpKey][]*pump
}

func (r *registry) class(k classKey) *class {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.classes[k]
	if c == nil {
		_, alone := k.feed.(netconn.Source)
		c = &class{key: k, form: r.form(k), alone: alone}
		r.classes[k] = c
	}
	c.users++
	return c
}

func (r *registry) form(k classKey) *formKey {
	f := formKey{k.streamID, k.chunkSize}
	if r.forms[f] == nil {
		r.forms[f] = &f
	}
	return r.forms[f]
}

func (r *registry) releaseClass(c *class) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.users--; c.users == 0 {
		delete(r.classes, c.key)
	}
}
