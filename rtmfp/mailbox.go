package rtmfp

import (
	"sync"
	"sync/atomic"
)

// What may wait in a mailbox of what far ends can cause: calls of other shards, and batches of datagrams that others have read.
const (
	maxHandedCalls   = 1024
	maxHandedBatches = 64
	batchBytes       = 64 << 10 // no datagram is larger
)

// mailbox is how a shard is reached from other goroutines. Nobody ever waits for room in it: a shard that waited for another, which
// waits for it, would be the end of both. So what far ends can cause is bounded and dropped beyond that, as on any network. Calls
// of the application are not: there are as many as it makes, each worth a few dozen bytes, and the shard takes all that are
// there in each of its turns.
type mailbox struct {
	wake func() // ends the wait of the shard, if it waits

	mu      sync.Mutex
	calls   []func()
	batches []*batch
	closed  bool

	handed, dropped atomic.Uint64 // datagrams
}

// mail is what a shard takes out of its mailbox at once.
type mail struct {
	calls   []func()
	batches []*batch
}

// put adds a call; false if the mailbox is closed. Otherwise the call will be made.
func (m *mailbox) put(f func()) bool { return m.add(f, false) }

// offer adds a call that a far end has caused; false if too many wait already, or the mailbox is closed.
func (m *mailbox) offer(f func()) bool { return m.add(f, true) }

func (m *mailbox) add(f func(), bounded bool) bool {
	m.mu.Lock()
	if m.closed || bounded && len(m.calls) >= maxHandedCalls {
		m.mu.Unlock()
		return false
	}
	first := m.empty()
	m.calls = append(m.calls, f)
	m.mu.Unlock()
	m.wakeFor(first)
	return true
}

// hand adds datagrams, and counts them; false if they are dropped.
func (m *mailbox) hand(b *batch) bool {
	m.mu.Lock()
	if m.closed || len(m.batches) >= maxHandedBatches {
		m.mu.Unlock()
		m.dropped.Add(uint64(len(b.datagrams)))
		return false
	}
	m.handed.Add(uint64(len(b.datagrams)))
	first := m.empty()
	m.batches = append(m.batches, b)
	m.mu.Unlock()
	m.wakeFor(first)
	return true
}

func (m *mailbox) empty() bool { return len(m.calls) == 0 && len(m.batches) == 0 }

// wakeFor wakes the shard for the first letter only: it takes all at once.
func (m *mailbox) wakeFor(first bool) {
	if first {
		m.wake()
	}
}

// emptied gives the slices for the next mail, without what a burst has made of them.
func (m mail) emptied() mail {
	clear(m.calls)
	clear(m.batches)
	if cap(m.calls) > 4*maxHandedCalls {
		m.calls = nil
	}
	return mail{m.calls[:0], m.batches[:0]}
}

// take gives all that is there, for which the mailbox gets the emptied slices of the last time.
func (m *mailbox) take(emptied mail) mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := mail{m.calls, m.batches}
	m.calls, m.batches = emptied.calls, emptied.batches
	return taken
}

// close lets nothing more in.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}

// waiting is how many calls are in the mailbox.
func (m *mailbox) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.calls)
}

// batch is datagrams that another goroutine than the owner of their sessions has read.
type batch struct {
	bytes     []byte
	datagrams []handedDatagram
}

type handedDatagram struct {
	from  Path
	start int
}

// add copies a datagram; false if there is no room.
func (b *batch) add(from Path, datagram []byte) bool {
	if len(b.bytes)+len(datagram) > cap(b.bytes) {
		return false
	}
	b.datagrams = append(b.datagrams, handedDatagram{from, len(b.bytes)})
	b.bytes = append(b.bytes, datagram...)
	return true
}

// each calls f for each datagram.
func (b *batch) each(f func(from Path, datagram []byte)) {
	end := len(b.bytes)
	for i, d := range b.datagrams {
		next := end
		if i+1 < len(b.datagrams) {
			next = b.datagrams[i+1].start
		}
		f(d.from, b.bytes[d.start:next:next])
	}
}

// batchPool keeps some of the batches of an endpoint that nobody uses.
type batchPool struct {
	mu   sync.Mutex
	free []*batch
}

// maxFreeBatches is how many are kept: 1 MiB.
const maxFreeBatches = 16

func (p *batchPool) get() *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return &batch{bytes: make([]byte, 0, batchBytes)}
	}
	b := p.free[last]
	p.free = p.free[:last]
	return b
}

func (p *batchPool) put(b *batch) {
	b.bytes, b.datagrams = b.bytes[:0], b.datagrams[:0]
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < maxFreeBatches {
		p.free = append(p.free, b)
	}
}

// sorter collects what one goroutine reads for the shards of others, whole batches at a time.
type sorter struct {
	pool    *batchPool
	to      []*mailbox // by shard
	pending []*batch   // by shard; nil if there is nothing
	some    bool
}

func newSorter(pool *batchPool, to []*mailbox) sorter {
	return sorter{pool: pool, to: to, pending: make([]*batch, len(to))}
}

// add copies a datagram for a shard.
func (s *sorter) add(shard int, from Path, datagram []byte) {
	if s.pending[shard] == nil {
		s.pending[shard], s.some = s.pool.get(), true
	}
	if s.pending[shard].add(from, datagram) {
		return
	}
	s.send(shard)
	s.pending[shard], s.some = s.pool.get(), true
	s.pending[shard].add(from, datagram)
}

// flush sends what was collected.
func (s *sorter) flush() {
	if !s.some {
		return
	}
	for shard, b := range s.pending {
		if b != nil {
			s.send(shard)
		}
	}
	s.some = false
}

func (s *sorter) send(shard int) {
	b := s.pending[shard]
	s.pending[shard] = nil
	if !s.to[shard].hand(b) {
		s.pool.put(b)
	}
}
