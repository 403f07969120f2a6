package netconn

import "sync"

// mostRelayed is how many bytes of a stream's media wait for the client's transport, beside one message: enough for a write, so
// that whoever serves the client knows soon that it cannot keep up.
const mostRelayed = 128 << 10

// relayedSource is the media of a stream that is served elsewhere, with what belongs between it.
type relayedSource struct {
	waker Waker         // set before the first push
	room  chan struct{} // 1 deep: less waits than before

	mu     sync.Mutex
	queue  []Out
	first  int // of queue
	bytes  int // that wait
	closed bool
}

func newRelayedSource() *relayedSource { return &relayedSource{room: make(chan struct{}, 1)} }

// push appends, when there is room, and wakes the transport. It gives up when the stream is closed or the client has gone.
func (s *relayedSource) push(o Out, gone <-chan struct{}) {
	for !s.add(o) {
		select {
		case <-s.room:
		case <-gone:
			return
		}
	}
	s.waker.Wake()
}

// add appends unless too much waits.
func (s *relayedSource) add(o Out) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return true
	}
	if s.bytes >= mostRelayed {
		return false
	}
	if s.first > len(s.queue)/2 {
		rest := copy(s.queue, s.queue[s.first:])
		clear(s.queue[rest:])
		s.queue, s.first = s.queue[:rest], 0
	}
	s.queue = append(s.queue, o)
	s.bytes += outBytes(o) + messageOverhead
	return true
}

// close forgets what waits.
func (s *relayedSource) close() {
	s.mu.Lock()
	s.closed, s.queue, s.first, s.bytes = true, nil, 0, 0
	s.mu.Unlock()
	s.signal()
}

func (s *relayedSource) signal() {
	select {
	case s.room <- struct{}{}:
	default:
	}
}

// Feed is nil: nobody else gets the same packets.
func (s *relayedSource) Feed() any { return nil }

// Next gives the transport what came first.
func (s *relayedSource) Next(int) (Out, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == len(s.queue) {
		return Out{}, false
	}
	o := s.queue[s.first]
	s.queue[s.first] = Out{}
	s.first++
	if s.first == len(s.queue) {
		s.queue, s.first = s.queue[:0], 0
	}
	s.bytes -= outBytes(o) + messageOverhead
	if s.bytes < mostRelayed {
		s.signal()
	}
	return o, true
}

func outBytes(o Out) int {
	if o.Packet != nil {
		return len(o.Packet.Payload)
	}
	return len(o.Message.Payload)
}
