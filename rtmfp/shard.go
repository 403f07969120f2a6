package rtmfp

import (
	"net/netip"
	"time"

	"afterglow/rtmfp/udp"
	"afterglow/rtmfp/wire"
)

// shard is one goroutine, which owns a core outright: nobody else touches it, its sessions or their keys. It has a socket for
// each address of its endpoint, and sends by all of them. It reads the first one itself. Each further one, which few endpoints
// have, is read by a goroutine of its own, which hands over whole batches as another shard does: that costs a copy and a wake,
// and an endpoint with one address nothing.
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
	drained  chan struct{} // closed when a shutdown waits for no far end any more
	ended    chan struct{} // closed when nobody changes the core any more
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
	if to := shardOf(datagram, len(s.others.to), s.number); to != s.number {
		s.others.add(to, Path{Addr: from}, datagram)
		return
	}
	if !s.inBatch {
		s.inBatch, s.now = true, s.clock()
	}
	s.core.Receive(s.now, Path{Addr: from}, datagram)
}

// shardOf gives the shard to whose session a datagram belongs. What belongs to no session is for whoever has read it.
func shardOf(datagram []byte, shards, reader int) int {
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
	s.letters = m.emptied()
}

// shutdown closes all sessions in good order.
func (s *shard) shutdown() {
	if s.core.closed {
		return
	}
	s.core.Shutdown(s.now)
	s.draining = true
}

// end tells the far ends that it is over, and makes the calls that were in the mailbox before it closed.
func (s *shard) end() {
	s.now = s.clock()
	s.core.Close(s.now)
	s.mail.close()
	s.readMail()
	s.flush()
	for _, socket := range s.sockets {
		_ = socket.Close() // nothing can be done about an error
	}
	close(s.ended)
}

// ask makes a call on the shard and waits for it; false if the shard has ended.
func (s *shard) ask(f func(*Core)) bool {
	done := make(chan struct{})
	if !s.mail.put(func() { f(s.core); close(done) }) {
		return false
	}
	<-done
	return true
}

// look makes a call that changes nothing on the shard, or on the core that it has left.
func (s *shard) look(f func(*Core)) {
	if !s.ask(f) {
		<-s.ended
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
	to := shardOf(datagram, len(r.sorter.to), r.shard)
	r.sorter.add(to, Path{Interface: r.via, Addr: from}, datagram)
}

// newOutlet makes the Outlet of a shard.
func newOutlet(sockets []udp.Conn) Outlet {
	if len(sockets) == 1 {
		return soleOutlet{sockets[0]}
	}
	return &outlets{sockets: sockets}
}

// soleOutlet is that of a shard with one socket.
type soleOutlet struct{ socket udp.Conn }

func (o soleOutlet) Room() []byte        { return o.socket.Room() }
func (o soleOutlet) Send(n int, to Path) { o.socket.Send(n, to.Addr) }

// outlets is that of a shard with several. A packet is made before it is known by which it goes: in the first one's room, from
// which it is copied for another.
type outlets struct {
	sockets []udp.Conn
	room    []byte
}

func (o *outlets) Room() []byte {
	o.room = o.sockets[0].Room()
	return o.room
}

func (o *outlets) Send(n int, to Path) {
	switch via := int(to.Interface); {
	case via == 0:
		o.sockets[0].Send(n, to.Addr)
	case via < len(o.sockets):
		copy(o.sockets[via].Room(), o.room[:n])
		o.sockets[via].Send(n, to.Addr)
	}
}
