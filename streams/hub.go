package streams

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of Publish and Write.
var (
	// ErrNameTaken is returned when somebody else publishes the name.
	ErrNameTaken = errors.New("the stream is already published")
	// ErrEvicted is returned to a publisher whose name was given to another.
	ErrEvicted = errors.New("the stream was taken over by another publisher")
	// ErrUnpublished is returned to a publisher that has closed.
	ErrUnpublished = errors.New("the stream is not published")
)

// Config is how a hub keeps its streams. A zero field means its default.
type Config struct {
	// NoGOPCache turns off the instant start: new subscribers wait for the next keyframe.
	NoGOPCache bool
	// CacheBytes bounds the payloads that a stream keeps, in bytes. Default 16 MiB. A group of pictures that does not
	// fit is not there for those who join in its midst.
	CacheBytes int
	// MaxLag is how far a subscriber may be behind before it skips to the newest keyframe. Default 3 s.
	MaxLag time.Duration
	// KeptMessages and KeptBytes bound the configuration, metadata and data messages that are kept for subscribers that
	// skip. Defaults 1024 messages and 1 MiB.
	KeptMessages int
	KeptBytes    int
}

func (c Config) withDefaults() Config {
	if c.CacheBytes <= 0 {
		c.CacheBytes = 16 << 20
	}
	if c.MaxLag <= 0 {
		c.MaxLag = 3 * time.Second
	}
	if c.KeptMessages <= 0 {
		c.KeptMessages = 1024
	}
	if c.KeptBytes <= 0 {
		c.KeptBytes = 1 << 20
	}
	return c
}

// Stats counts what happened in a hub since it was made.
type Stats struct {
	PacketsIn   atomic.Uint64 // packets published
	BytesIn     atomic.Uint64 // payload bytes published
	Skips       atomic.Uint64 // times that a subscriber was moved to a newer place
	Skipped     atomic.Uint64 // audio and video packets that subscribers missed that way
	Skippers    atomic.Uint64 // subscribers that skipped at least once
	LostKept    atomic.Uint64 // data and configuration messages that a skipping subscriber missed
	Publishers  atomic.Int64  // publishers now
	Subscribers atomic.Int64  // subscribers now
}

// Hub has the live streams of one application instance. Its methods may be called from any goroutine.
type Hub struct {
	base   time.Time
	stats  *Stats
	config atomic.Pointer[Config]

	mu      sync.Mutex
	streams map[string]*Stream
}

// NewHub makes an empty hub.
func NewHub(config Config) *Hub { return NewHubWithStats(config, new(Stats)) }

// NewHubWithStats makes an empty hub that counts in stats, which several hubs may share.
func NewHubWithStats(config Config, stats *Stats) *Hub {
	h := &Hub{base: time.Now(), stats: stats, streams: make(map[string]*Stream)}
	h.SetConfig(config)
	return h
}

// SetConfig changes how streams are kept from now on.
func (h *Hub) SetConfig(config Config) {
	c := config.withDefaults()
	h.config.Store(&c)
}

// Config returns how streams are kept, defaults filled in.
func (h *Hub) Config() Config { return *h.config.Load() }

// Stats returns the hub's counters, which go on counting.
func (h *Hub) Stats() *Stats { return h.stats }

// now is the time since the hub was made, in nanoseconds.
func (h *Hub) now() int64 { return int64(time.Since(h.base)) }

// Claim is how somebody asks for a stream's name.
type Claim struct {
	// Owner identifies the publisher to others.
	Owner any
	// Key proves to ReleaseStream that a newcomer is the same client come back; empty proves nothing.
	Key string
	// Evicted is called once, by whoever takes the name away.
	Evicted func(*Publisher)
	// Take takes the name from whoever has it.
	Take bool
	// Outranks keeps the name from claims that do not outrank others too, even if they would take it.
	Outranks bool
}

// yields says whether a publisher with claim c loses the name to another.
func (c Claim) yields(to Claim) bool { return to.Take && (to.Outranks || !c.Outranks) }

// Publish begins a stream. It returns ErrNameTaken when the name has a publisher who does not lose it to the claim.
func (h *Hub) Publish(name string, claim Claim) (*Publisher, error) {
	h.mu.Lock()
	s := h.stream(name)
	h.mu.Unlock()
	s.mu.Lock()
	old := s.publisher
	if old != nil && !old.claim.yields(claim) {
		s.mu.Unlock()
		h.release(s)
		return nil, ErrNameTaken
	}
	if old != nil {
		s.endPublisher(ErrEvicted)
	}
	p := s.beginPublisher(claim)
	s.mu.Unlock()
	if old != nil && old.claim.Evicted != nil {
		old.claim.Evicted(old)
	}
	return p, nil
}

// stream returns the stream of that name, made if need be, and holds it. The caller holds h.mu.
func (h *Hub) stream(name string) *Stream {
	s := h.streams[name]
	if s == nil {
		s = newStream(h, name)
		h.streams[name] = s
	}
	s.holders++
	return s
}

// release lets go of a stream; one that nobody holds is forgotten.
func (h *Hub) release(s *Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.holders--; s.holders == 0 {
		delete(h.streams, s.name)
	}
}

// Publisher returns who publishes the name, or nil.
func (h *Hub) Publisher(name string) *Publisher {
	h.mu.Lock()
	s := h.streams[name]
	h.mu.Unlock()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publisher
}

// Streams returns a snapshot of all streams, those that only wait for a publisher included, in no order.
func (h *Hub) Streams() []StreamInfo {
	h.mu.Lock()
	all := make([]*Stream, 0, len(h.streams))
	for _, s := range h.streams {
		all = append(all, s)
	}
	h.mu.Unlock()
	out := make([]StreamInfo, len(all))
	for i, s := range all {
		out[i] = s.info()
	}
	return out
}
