package streams

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/media"
)

// Stream is one name of a hub and what was published under it lately.
type Stream struct {
	hub     *Hub
	name    string
	holders int // publisher and subscribers; guarded by hub.mu

	// Read by subscribers without a lock. The ring is stored before the head that needs it.
	head   atomic.Uint64
	ring   atomic.Pointer[ring]
	lastAt atomic.Int64
	join   atomic.Pointer[joinPoint]
	wakers atomic.Pointer[[]Waker]
	lead   atomic.Uint32 // video track whose keyframes are where one can start: 0, or the first seen where there is no 0

	skipped atomic.Uint64 // audio and video packets that subscribers missed

	// What follows is guarded by mu, which a publisher takes for each packet and a subscriber only to come, go or skip.
	mu          sync.Mutex
	publisher   *Publisher
	subscribers int
	wakerRefs   map[Waker]int
	tail        uint64
	bytes       int      // payloads from tail to head
	kept        []*entry // newest entries that must arrive
	keptBytes   int
	keptTotal   uint64
	videoAt     int64  // arrival of the newest video, nanoseconds since the hub was made
	lastTime    uint32 // newest timestamp, milliseconds
	hasTime     bool
	timeAt      int64 // when lastTime was that of the newest media, nanoseconds since the hub was made
	state       state
}

// joinPoint is where newcomers start: what they need first, then the ring from seq.
type joinPoint struct {
	seq    uint64
	prefix []*media.Packet
}

// Waker is told that a stream has something new. Wake must not block.
type Waker interface {
	Wake()
}

func newStream(h *Hub, name string) *Stream {
	s := &Stream{hub: h, name: name, wakerRefs: make(map[Waker]int)}
	s.ring.Store(newRing(minSlots))
	s.wakers.Store(new([]Waker))
	return s
}

// append puts an item into the ring and wakes subscribers. The caller holds mu.
func (s *Stream) append(item Item) {
	head := s.head.Load()
	e := &entry{seq: head, item: item, at: s.hub.now(), kept: s.keptTotal}
	s.bytes += e.size()
	s.expireGOP(e)
	s.evict(head, e.at)
	r := s.ring.Load()
	if head-s.tail >= uint64(len(r.slots)) {
		r = r.grown(s.tail, head)
		s.ring.Store(r)
	}
	r.slot(head).Store(e)
	if e.mustArrive() {
		s.keep(e)
	}
	s.lastAt.Store(e.at)
	s.head.Store(head + 1)
	for _, w := range *s.wakers.Load() {
		w.Wake()
	}
}

// soundOnly is after how long without video a stream is taken to have none: slides and screens may stand still.
const soundOnly = 10 * time.Second

// expireGOP forgets the keyframe when the video has stopped and only sound goes on: newcomers would be sent ever more
// of the past.
func (s *Stream) expireGOP(e *entry) {
	if p := e.item.Packet; p != nil && p.Kind == media.KindVideo {
		s.videoAt = e.at
	} else if e.at-s.videoAt > int64(max(s.hub.config.Load().MaxLag, soundOnly)) {
		s.join.Store(nil)
	}
}

// evict drops what nobody may need any more: all before the newest keyframe that is older than the permitted lag, and
// whatever exceeds the bounds.
func (s *Stream) evict(head uint64, now int64) {
	c := s.hub.config.Load()
	r := s.ring.Load()
	horizon := now + 1
	if s.subscribers > 0 {
		horizon = now - int64(c.MaxLag)
	}
	start := head
	if j := s.join.Load(); j != nil {
		start = j.seq
	}
	for s.tail < head {
		e := r.load(s.tail)
		over := s.bytes > c.CacheBytes || head-s.tail >= maxSlots
		if !over && (s.tail >= start || e.at >= horizon) {
			break
		}
		if s.tail == start {
			s.join.Store(nil)
		}
		s.bytes -= e.size()
		r.slot(s.tail).Store(nil)
		s.tail++
	}
	for s.subscribers == 0 && len(s.kept) > 0 && s.kept[0].seq < s.tail {
		s.dropKept()
	}
}

// keep remembers an entry for subscribers that will skip it.
func (s *Stream) keep(e *entry) {
	c := s.hub.config.Load()
	s.keptTotal++
	s.kept = append(s.kept, e)
	s.keptBytes += e.size()
	for len(s.kept) > c.KeptMessages || (s.keptBytes > c.KeptBytes && len(s.kept) > 1) {
		s.dropKept()
	}
}

func (s *Stream) dropKept() {
	s.keptBytes -= s.kept[0].size()
	s.kept[0] = nil
	s.kept = s.kept[1:]
}

// gap is what lies between a subscriber's place and the one that it skips to.
type gap struct {
	target  uint64 // where the subscriber goes on
	waitKey bool   // there is no keyframe at target
	items   []Item // what must arrive nevertheless
	kept    uint64 // how many entries before target were to arrive
}

// gapFrom leads from an entry that is gone or too old to the newest keyframe, or to the newest entry when the ring has
// none. It leads nowhere from an entry that is still there when the keyframe has gone meanwhile.
func (s *Stream) gapFrom(from uint64) gap {
	s.mu.Lock()
	defer s.mu.Unlock()
	head := s.head.Load()
	g := gap{target: head - 1, waitKey: true}
	if j := s.join.Load(); j != nil && j.seq > from {
		g.target, g.waitKey = j.seq, false
	} else if from >= s.tail {
		g.target = from
	}
	g.kept = s.keptTotal
	if e := s.ring.Load().load(g.target); e != nil {
		g.kept = e.kept
	}
	for _, e := range s.kept {
		if e.seq >= from && e.seq < g.target {
			g.items = append(g.items, e.item)
		}
	}
	return g
}

// addWaker and removeWaker are called with mu held.
func (s *Stream) addWaker(w Waker) {
	if w == nil {
		return
	}
	if s.wakerRefs[w]++; s.wakerRefs[w] == 1 {
		list := append(slices.Clone(*s.wakers.Load()), w)
		s.wakers.Store(&list)
	}
}

func (s *Stream) removeWaker(w Waker) {
	if w == nil {
		return
	}
	if s.wakerRefs[w]--; s.wakerRefs[w] > 0 {
		return
	}
	delete(s.wakerRefs, w)
	list := slices.DeleteFunc(slices.Clone(*s.wakers.Load()), func(v Waker) bool { return v == w })
	s.wakers.Store(&list)
}

// StreamInfo is a snapshot of a stream.
type StreamInfo struct {
	Name        string
	Published   bool
	Since       time.Time // when the publisher came
	Subscribers int
	PacketsIn   uint64
	BytesIn     uint64
	Video       string // codec, empty when none has been seen
	Audio       string
	CacheBytes  int
	Skipped     uint64 // audio and video packets that its subscribers missed
}

func (s *Stream) info() StreamInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := StreamInfo{Name: s.name, Subscribers: s.subscribers, CacheBytes: s.bytes, Skipped: s.skipped.Load()}
	if p := s.publisher; p != nil {
		info.Published, info.Since = true, p.since
		info.PacketsIn, info.BytesIn = p.packets, p.bytes
		info.Video, info.Audio = s.state.video, s.state.audio
	}
	return info
}
