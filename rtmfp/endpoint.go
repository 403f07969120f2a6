package rtmfp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/netip"
	"sync"
	"time"

	"afterglow/rtmfp/udp"
)

// Endpoint is an RTMFP endpoint on UDP sockets: as many cores as it has shards, each with a goroutine of its own. A session
// stays with its shard for life, from whatever address its far end speaks; all that belongs to it is called there, and is to
// be used from there: within callbacks, or within [Session.Do].
//
// The methods of an endpoint may be called from any goroutine but not from callbacks: they wait for shards. What a callback wants
// of them it does on a goroutine of its own, or with [Session.Core].
type Endpoint struct {
	config  Config
	origin  time.Time
	group   *Group
	shards  []*shard
	readers []*reader
	workers *keyWorkers
	addrs   []netip.AddrPort
	spread  maphash.Seed

	changing sync.Mutex        // held while identities change, so that all shards have the same
	peerIDs  map[string]PeerID // of the identities, by name

	stopping sync.Once
	why      error
	running  sync.WaitGroup
}

// Listen opens an endpoint, which runs until Shutdown or Close. The context is for the opening alone.
func Listen(ctx context.Context, config Config) (*Endpoint, error) {
	if err := config.setDefaults(); err != nil {
		return nil, err
	}
	sockets, err := config.open(ctx)
	if err != nil {
		return nil, err
	}
	e, err := newEndpoint(config, sockets)
	if err != nil {
		closeAll(sockets)
		return nil, err
	}
	e.start()
	return e, nil
}

// newEndpoint makes an endpoint with sockets[address][shard].
func newEndpoint(config Config, sockets [][]udp.Conn) (*Endpoint, error) {
	group, err := NewGroup(config.Random)
	if err != nil {
		return nil, err
	}
	e := &Endpoint{
		config: config, origin: time.Now(), group: group, spread: maphash.MakeSeed(), workers: newKeyWorkers(config.Keyings),
		peerIDs: make(map[string]PeerID),
	}
	for _, group := range sockets {
		e.addrs = append(e.addrs, group[0].LocalAddr())
	}
	pool := &batchPool{}
	for n := range config.Shards {
		s := &shard{number: n, origin: e.origin, pool: pool, drained: make(chan struct{}), ended: make(chan struct{})}
		for _, group := range sockets {
			s.sockets = append(s.sockets, group[n])
		}
		s.mail.wake = s.sockets[0].Wake
		if s.core, err = e.newCore(s); err != nil {
			return nil, err
		}
		e.shards = append(e.shards, s)
	}
	e.connect(pool)
	return e, nil
}

func (e *Endpoint) newCore(s *shard) (*Core, error) {
	core, err := NewCore(e.coreConfig(s))
	identity := e.config.Identity
	if err != nil || identity == nil {
		return core, err
	}
	e.peerIDs[""] = identity.Certificate().PeerID()
	return core, core.AddIdentity("", identity, e.config.Listener)
}

// connect lets the shards reach one another.
func (e *Endpoint) connect(pool *batchPool) {
	var mailboxes []*mailbox
	for _, s := range e.shards {
		mailboxes = append(mailboxes, &s.mail)
	}
	for _, s := range e.shards {
		s.others = newSorter(pool, mailboxes)
		for via := 1; via < len(s.sockets); via++ {
			r := &reader{shard: s.number, via: uint8(via), socket: s.sockets[via], sorter: newSorter(pool, mailboxes)}
			e.readers = append(e.readers, r)
		}
	}
	e.group.Connect(func(n int, f func(*Core)) bool {
		s := e.shards[n]
		return s.mail.offer(func() { f(s.core) })
	})
}

func (e *Endpoint) start() {
	e.workers.start(e.config.KeyWorkers, &e.running)
	for _, s := range e.shards {
		e.running.Go(func() {
			err := s.run()
			e.stop(err) // before the sockets are closed, which fails the readers
			s.end()
		})
	}
	for _, r := range e.readers {
		e.running.Go(func() { e.stop(r.run()) })
	}
}

// stop has everything end, for a reason, unless it ends already.
func (e *Endpoint) stop(err error) {
	e.stopping.Do(func() {
		e.why = ErrClosed
		if err != nil {
			e.why = fmt.Errorf("rtmfp: socket: %w", err)
			e.config.Log.Error("endpoint has failed", "error", err)
		}
		e.workers.stop()
		for _, s := range e.shards {
			s.mail.put(func() { s.ending = true })
		}
	})
}

// Addrs gives the addresses of the sockets, in the order of Config.Addresses.
func (e *Endpoint) Addrs() []netip.AddrPort { return append([]netip.AddrPort(nil), e.addrs...) }

// AddIdentity lets the endpoint answer to an identity, and dial under it, by a name that is ours alone. The listener is asked on
// whichever shard a far end turns up, on several at a time. It fails with ErrIdentityExists or ErrClosed.
func (e *Endpoint) AddIdentity(name string, identity Identity, listener Listener) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	err := e.change(func(c *Core) error { return c.AddIdentity(name, identity, listener) })
	if err == nil {
		e.peerIDs[name] = identity.Certificate().PeerID()
	}
	return err
}

// RemoveIdentity closes the sessions of an identity in good order and forgets it. It fails with ErrNoIdentity or ErrClosed.
func (e *Endpoint) RemoveIdentity(name string) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	err := e.change(func(c *Core) error { return c.RemoveIdentity(name) })
	if err == nil {
		delete(e.peerIDs, name)
	}
	return err
}

// change makes the same change to the identities of all shards.
func (e *Endpoint) change(f func(*Core) error) error {
	for _, s := range e.shards {
		err := ErrClosed
		s.ask(func(c *Core) { err = f(c) })
		if err != nil {
			return err
		}
	}
	return nil
}

// Dial opens a session and waits until it is open, which d.Handler is told first, or it has failed, which the handler is not told.
// When ctx ends the opening is given up. A handler that is nil rejects all flows of the far end. The error wraps that of ctx, or
// is ErrClosed, ErrNoIdentity, ErrNoAddress, ErrTimeout, ErrTooManySessions, a *DuplicateError, or one of keying.
//
// The same identity and discriminator lead to the same shard each time, and a discriminator that names a peer to the shard that
// has a session with it: so a second session is noticed. Others are spread over all shards.
func (e *Endpoint) Dial(ctx context.Context, d DialConfig) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("rtmfp: dial: %w", err)
	}
	if d.Handler == nil {
		d.Handler = SessionFuncs{}
	}
	t := &dialling{SessionHandler: d.Handler, result: make(chan error, 1)}
	d.Handler = t
	s := e.shardFor(d)
	if !s.mail.put(func() { t.begin(s.core, d) }) {
		return nil, ErrClosed
	}
	return t.wait(ctx, s)
}

// shardFor chooses where to dial.
func (e *Endpoint) shardFor(d DialConfig) *shard {
	var h maphash.Hash
	h.SetSeed(e.spread)
	h.WriteString(d.Identity)
	h.WriteByte(0)
	h.Write(d.Discriminator)
	chosen := e.shards[h.Sum64()%uint64(len(e.shards))]
	peer, ok := e.config.Crypto.PeerNamed(d.Discriminator)
	if !ok {
		return chosen
	}
	e.changing.Lock()
	key := peerKey{e.peerIDs[d.Identity], peer}
	e.changing.Unlock()
	if n, ok := e.group.shardOfPeer(key, chosen.number); ok {
		return e.shards[n]
	}
	return chosen
}

// dialling handles a session until it is open. It belongs to the shard, except for result.
type dialling struct {
	SessionHandler
	session *Session
	result  chan error
}

func (t *dialling) begin(c *Core, d DialConfig) {
	var err error
	if t.session, err = c.Dial(d); err != nil {
		t.result <- err
	}
}

// Opened gives the session its own handler.
func (t *dialling) Opened(s *Session) {
	s.handler = t.SessionHandler
	s.handler.Opened(s)
	t.result <- nil
}

// Closed says why the session did not open.
func (t *dialling) Closed(_ *Session, err error) { t.result <- err }

// wait waits for the result. A session that opens while it is given up is open.
func (t *dialling) wait(ctx context.Context, s *shard) (*Session, error) {
	var err error
	select {
	case err = <-t.result:
	case <-ctx.Done():
		s.mail.put(t.giveUp)
		if err = <-t.result; errors.Is(err, ErrClosed) {
			err = fmt.Errorf("rtmfp: dial: %w", context.Cause(ctx))
		}
	}
	if err != nil {
		return nil, err
	}
	return t.session, nil
}

func (t *dialling) giveUp() {
	if t.session != nil && t.session.handler == t {
		t.session.Close()
	}
}

// Sessions calls f for every session that is open, on its shard, one after the other, until f returns false.
func (e *Endpoint) Sessions(f func(*Session) bool) {
	for _, s := range e.shards {
		more := true
		s.look(func(c *Core) {
			c.Sessions(func(session *Session) bool {
				more = f(session)
				return more
			})
		})
		if !more {
			return
		}
	}
}

// Peer gives an open session with a far end, whatever our identity in it, or nil. It may have ended by the time that it is used.
func (e *Endpoint) Peer(id PeerID) (found *Session) {
	for _, s := range e.shards {
		s.look(func(c *Core) { found = c.Peer(id) })
		if found != nil {
			return found
		}
	}
	return nil
}

// EndpointStats is what an endpoint has counted since it was opened.
type EndpointStats struct {
	// CoreStats are the sums over all shards.
	CoreStats

	// Shards is the number of shards. HandedOver counts datagrams that another goroutine than the shard whom they concerned has read,
	// and HandOverDropped those of which a shard had too many already.
	Shards                      int
	HandedOver, HandOverDropped uint64

	// Calls is how many calls wait for the shards now.
	Calls int

	// Keying tells how busy the goroutines are that key.
	Keying KeyingStats

	// Sockets are the figures of the sockets, address by address, and for each address shard by shard.
	Sockets []udp.Stats
}

// Stats gives the endpoint's figures, those of all shards as they are within some microseconds.
func (e *Endpoint) Stats() EndpointStats {
	stats := EndpointStats{Shards: len(e.shards), Keying: e.workers.stats()}
	for _, s := range e.shards {
		stats.Calls += s.mail.waiting()
		stats.HandedOver += s.mail.handed.Load()
		stats.HandOverDropped += s.mail.dropped.Load()
		s.look(func(c *Core) { stats.CoreStats.Add(c.Stats()) })
	}
	for via := range e.addrs {
		for _, s := range e.shards {
			stats.Sockets = append(stats.Sockets, s.sockets[via].Stats())
		}
	}
	return stats
}

// Dump writes what the endpoint holds, in a form for people.
func (e *Endpoint) Dump(w io.Writer) error {
	for _, s := range e.shards {
		var b bytes.Buffer // a slow writer shall not hold up the shard
		s.look(func(c *Core) { _ = c.Dump(&b) })
		if _, err := w.Write(b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// Shutdown closes all sessions in good order (RFC 7016 3.5.5), waits until the far ends have answered or ctx ends, and then
// closes the endpoint. Nobody is let in meanwhile. Its error is that of ctx: some far ends have not answered.
func (e *Endpoint) Shutdown(ctx context.Context) error {
	for _, s := range e.shards {
		s.mail.put(s.shutdown)
	}
	err := e.drain(ctx)
	return errors.Join(err, e.Close())
}

func (e *Endpoint) drain(ctx context.Context) error {
	for _, s := range e.shards {
		select {
		case <-s.drained:
		case <-s.ended:
		case <-ctx.Done():
			return fmt.Errorf("rtmfp: shutdown: %w", context.Cause(ctx))
		}
	}
	return nil
}

// Close ends all sessions at once, telling each far end with one packet, and waits until everything has ended.
func (e *Endpoint) Close() error {
	e.stop(nil)
	e.running.Wait()
	return nil
}

// Wait waits until the endpoint has ended, and tells why: ErrClosed after Close or Shutdown, or the error of a socket.
func (e *Endpoint) Wait() error {
	e.running.Wait()
	return e.why
}
