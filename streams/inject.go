package streams

import (
	"time"

	"afterglow/media"
)

// Inject appends a data message to a stream whoever publishes it. Its timestamp is that of the newest media, or, when that
// came more than half a second ago, later by the time that has passed since (server-side-api 3.5.4). Without a publisher it
// reaches those who wait for one. It reports false when there is nobody at all. It may be called from any goroutine: it
// waits for the publisher, who writes a packet at most, and for no viewer.
func (h *Hub) Inject(name string, packet *media.Packet) bool { return h.inject(name, "", packet) }

// InjectData is Inject for a message that is kept for newcomers under its handler's name, as Publisher.SetData keeps it,
// as long as the publisher stays.
func (h *Hub) InjectData(name, handler string, packet *media.Packet) bool {
	return h.inject(name, handler, packet)
}

func (h *Hub) inject(name, handler string, packet *media.Packet) bool {
	s := h.held(name)
	if s == nil {
		return false
	}
	defer h.release(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher == nil && s.subscribers == 0 {
		return false
	}
	packet = packet.WithTimestamp(s.dataTime())
	if handler != "" { // which the next publisher forgets
		s.state.setData(handler, packet)
	}
	s.write(packet)
	return true
}

// ForgetData forgets the data message that a stream keeps for a handler, whoever set it. It reports false when nobody
// publishes the stream.
func (h *Hub) ForgetData(name, handler string) bool {
	p := h.Publisher(name)
	if p == nil {
		return false
	}
	p.ClearData(handler)
	return true
}

// held returns a stream that is there, and holds it, or nil.
func (h *Hub) held(name string) *Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.streams[name]
	if s != nil {
		s.holders++
	}
	return s
}

// maxLatency is for how long the time of the newest media is the stream's present time.
const maxLatency = 500 * time.Millisecond

// dataTime is the stream's present time in milliseconds. The caller holds mu.
func (s *Stream) dataTime() uint32 {
	passed := time.Duration(s.hub.now() - s.timeAt)
	if passed <= maxLatency {
		return s.lastTime
	}
	return s.lastTime + uint32(passed/time.Millisecond)
}
