package simnet

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/udp"
)

const (
	// readBatch is how many datagrams one Read gives at most, sendBatch how many wait for a Flush at most.
	readBatch = 64
	sendBatch = 64
)

// socket is a udp.Conn at an interface of a host. Its lock is taken with that of its Live held, not the other way round.
type socket struct {
	live  *Live
	host  *Host
	index uint8
	limit int // of the inbox in bytes

	// Of the goroutine that reads.
	reading buffer
	at      time.Time
	alarm   *time.Timer

	// Of the goroutine that sends.
	outlet rtmfp.Outlet
	outbox buffer
	given  int // room for the next datagram

	ready chan struct{} // says that the inbox is no longer empty, or that something else has changed

	mu     sync.Mutex
	inbox  buffer
	woken  bool
	closed bool
	stats  udp.Stats
}

func newSocket(l *Live, host *Host, index int, options udp.Options) *socket {
	limit := options.ReceiveBuffer
	if limit <= 0 {
		limit = udp.DefaultBuffer
	}
	s := &socket{live: l, host: host, index: uint8(index), limit: limit, outlet: host.Outlet(), ready: make(chan struct{}, 1)}
	s.stats.ReceiveBuffer = limit
	s.alarm = time.NewTimer(0)
	s.alarm.Stop()
	return s
}

// put adds a datagram to the inbox.
func (s *socket) put(from netip.AddrPort, datagram []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	empty := s.inbox.isEmpty()
	if !empty && s.inbox.size+len(datagram)+headers(from.Addr()) > s.limit {
		s.stats.ReceiveOverflows++
		return
	}
	s.inbox.add(datagram, from)
	if empty {
		s.signal()
	}
}

func (s *socket) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Read implements udp.Conn.
func (s *socket) Read(receive func(from netip.AddrPort, datagram []byte)) (int, error) {
	if s.reading.isEmpty() {
		if err := s.await(); err != nil {
			return 0, err
		}
	}
	count, size := 0, 0
	for ; count < readBatch && !s.reading.isEmpty(); count++ {
		from, datagram := s.reading.take()
		size += len(datagram)
		receive(from, datagram)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.ReceiveCalls++
	s.stats.Received += uint64(count)
	s.stats.ReceivedBytes += uint64(size)
	return count, nil
}

// await waits until there is something to read, or another reason to return.
func (s *socket) await() error {
	for {
		if done, err := s.collect(); done || err != nil {
			return err
		}
		if s.at.IsZero() {
			<-s.ready
			continue
		}
		left := time.Until(s.at)
		if left <= 0 {
			return nil
		}
		s.alarm.Reset(left)
		select {
		case <-s.ready:
		case <-s.alarm.C:
		}
	}
}

// collect exchanges the inbox for what is read. It reports whether Read returns.
func (s *socket) collect() (done bool, err error) {
	s.reading.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, fmt.Errorf("simnet: read: %w", net.ErrClosed)
	}
	done = s.woken || !s.inbox.isEmpty()
	s.woken = false
	s.reading, s.inbox = s.inbox, s.reading
	return done, nil
}

// SetWake implements udp.Conn.
func (s *socket) SetWake(at time.Time) { s.at = at }

// Wake implements udp.Conn.
func (s *socket) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.woken = true
	s.signal()
}

// Room implements udp.Conn.
func (s *socket) Room() []byte {
	s.given = udp.RoomSize
	return s.outbox.room(udp.RoomSize)
}

// Send implements udp.Conn.
func (s *socket) Send(n int, to netip.AddrPort) {
	if n < 0 || n > s.given {
		panic(fmt.Sprintf("simnet: %d bytes to send, in a room of %d", n, s.given))
	}
	if n == 0 {
		return
	}
	s.given = 0
	s.outbox.commit(n, to)
	if len(s.outbox.datagrams) >= sendBatch {
		s.Flush()
	}
}

// Flush implements udp.Conn.
func (s *socket) Flush() {
	s.given = 0
	if s.outbox.isEmpty() {
		return
	}
	s.live.begin()
	s.dispatch()
	s.live.end()
	s.outbox.reset()
}

// dispatch puts what waits on the host's link.
func (s *socket) dispatch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.outbox.next < len(s.outbox.datagrams) {
		to, datagram := s.outbox.take()
		switch {
		case s.closed || to.Port() == 0 || to.Addr().BitLen() != s.host.Addr(int(s.index)).Addr().BitLen():
			s.stats.DroppedOther++
		case len(datagram) > rtmfp.MaxDatagram:
			s.stats.DroppedTooLong++
		default:
			s.stats.Sent++
			s.stats.SentBytes += uint64(len(datagram))
			s.outlet.Send(copy(s.outlet.Room(), datagram), rtmfp.Path{Interface: s.index, Addr: to})
		}
	}
	s.stats.SendCalls++
}

// LocalAddr implements udp.Conn. It is the address of the interface, which [Host.Move] changes.
func (s *socket) LocalAddr() netip.AddrPort {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	return s.host.Addr(int(s.index))
}

// Stats implements udp.Conn.
func (s *socket) Stats() udp.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Close implements udp.Conn. A second call gives an error that wraps net.ErrClosed.
func (s *socket) Close() error {
	s.live.begin()
	defer s.live.end()
	s.live.forget(s)
	if !s.shut() {
		return fmt.Errorf("simnet: close: %w", net.ErrClosed)
	}
	return nil
}

// shut ends a Read that waits; false if the socket is closed already. It needs the lock of the Live.
func (s *socket) shut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.closed = true
	s.signal()
	return true
}
