package rtmfp

import (
	"net/netip"
	"time"

	"afterglow/rtmfp/udp"
	"afterglow/rtmfp/wire"
)

// shard is one goroutine, which owns a core outright: nobody else touches it, its sessions or their keys. It has a socket for
// each address of the endpoint, and it sends by all of them. It reads the first one itself. Each further one, which few endpoints have, is
// read by a goroutine of its own that hands over whole batches as other shards do: that costs a copy, and the usual case of one socket nothing.
type shard struct {
	number  int
	origin  time.Time
	core    *Core
	sockets []udp.Conn // by address
	mail    mailbox
	letters mail // taken from the mailbox, and emptied
	pool    *batchPool
	others  sorter

	now      Instant
	inBatch  bool // now is of the batch that is being read
	ending   bool
	draining bool
	drained  chan struct{} // closed when a shutdown waits for nobody any more, or the shard has ended
}

// clock reads the time that all shards share.
func (s *shard) clock() Instant { return Instant(time.Since(s.origin)) }

// run serves the core until it is told to end, or the socket fails.
func (s *shard) run() error {
	for !s.ending {
		s.sockets[0].SetWake(s.nextWake())
		s.inBatch = false
		if _, err := s.sockets[0].Read(s.receive); err != nil {
			return err
		}
		s.turn()
	}
	return nil
}

func (s *shard) nextWake() time.Time {
	next := s.core.NextTimer()
	if next == Never {
		return time.Time{}
	}
	return s.origin.Add(time.Duration(next))
}

// receive takes a datagram of the first socket.
func (s *shard) receive(from netip.AddrPort, datagram []byte) {
	if to := shardConcerned(datagram, len(s.others.to), s.number); to != s.number {
		s.others.add(to, Path{Addr: from}, datagram)
		return
	}
	if !s.inBatch {
		s.inBatch, s.now = true, s.clock()
	}
	s.core.Receive(s.now, Path{Addr: from}, datagram)
}

// shardConcerned gives the shard to which a datagram belongs: what has no session belongs to whoever has read it.
func shardConcerned(datagram []byte, shards, reader int) int {
	id, ok := wire.SessionID(datagram)
	if !ok || id == 0 {
		return reader
	}
	return int(id & uint32(shards-1))
}

// turn is what a shard does whenever it has waited.
func (s *shard) turn() {
	s.others.flush()
	s.now = s.clock()
	s.core.advance(s.now)
	s.readMail()
	s.core.Poll(s.now)
	s.flush()
	if s.draining && s.core.Drained() {
		s.draining = false
		close(s.drained)
	}
}

func (s *shard) flush() {
	for _, socket := range s.sockets {
		socket.Flush()
	}
}

// readMail takes what others have put into the mailbox up to now.
func (s *shard) readMail() {
	m := s.mail.take(s.letters)
	for _, b := range m.batches {
		b.each(func(from Path, datagram []byte) { s.core.Receive(s.now, from, datagram) })
		s.pool.put(b)
	}
	for _, f := range m.calls {
		f()
	}
	clear(m.batches)
	clear(m.calls)
	s.letters = mail{m.calls[:0], m.batches[:0]}
}

// shutdown closes all sessions in good order.
func (s *shard) shutdown() {
	if s.core.closed {
		return
	}
	s.core.Shutdown(s.now)
	s.draining = true
}

// end tells the far ends, and runs what was put into the mailbox before it closed. Nobody changes the core afterwards.
func (s *shard) end() {
	s.now = s.clock()
	s.core.Close(s.now)
	s.mail.close()
	s.readMail()
	s.flush()
	for _, socket := range s.sockets {
		_ = socket.Close() // there is nothing to be done about an error
	}
	select {
	case <-s.drained:
	default:
		close(s.drained)
	}
}

// post runs f on the shard, soon; false if the shard has ended.
func (s *shard) post(f func()) bool { return s.mail.put(f) }

// ask runs f on the shard and waits for it; false if the shard has ended.
func (s *shard) ask(f func(*Core)) bool {
	done := make(chan struct{})
	if !s.post(func() { f(s.core); close(done) }) {
		return false
	}
	<-done
	return true
}

// look runs f, which changes nothing, on the shard, or on the core that it has left.
func (s *shard) look(f func(*Core)) {
	if !s.ask(f) {
		<-s.drained
		f(s.core)
	}
}

// reader reads a further socket of a shard.
type reader struct {
	shard  int
	via    uint8
	socket udp.Conn
	sorter sorter
}

// run reads until the socket is closed.
func (r *reader) run() error {
	for {
		if _, err := r.socket.Read(r.receive); err != nil {
			return err
		}
		r.sorter.flush()
	}
}

func (r *reader) receive(from netip.AddrPort, datagram []byte) {
	r.sorter.add(shardConcerned(datagram, len(r.sorter.to), r.shard), Path{Interface: r.via, Addr: from}, datagram)
}

// soleOutlet is the Outlet of a shard with one socket.
type soleOutlet struct{ udp.Conn }

// Send implements Outlet.
func (o soleOutlet) Send(n int, to Path) { o.Conn.Send(n, to.Addr) }

// outlets is the Outlet of a shard with several sockets. A packet is made before it is known where it goes, in the first one's
// room; for another one it is copied.
type outlets []udp.Conn

// Room implements Outlet.
func (o outlets) Room() []byte { return o[0].Room() }

// Send implements Outlet.
func (o outlets) Send(n int, to Path) { panic("todo") }
