package simnet

import (
	"io"
	"net/netip"
	"sync"
	"time"

	"afterglow/rtmfp"
)

// Live is a [Network] that runs by the clock, with hosts that carry sockets for whole endpoints, see [Live.Sockets]. Within a bubble
// of testing/synctest the clock is virtual, and whatever is made of it belongs to the bubble; elsewhere it is real time.
//
// Everything in the network belongs to the Live: hosts, NATs, links and their counters may be used within [Live.Do] alone, which any
// goroutine may call. What the network calls itself, by [Network.After] or [Network.Tap], is within Do already: it may use hosts,
// NATs and links at once, and must not call the Live, nor wait for an endpoint.
//
// What is promised of the seed is less than for a Network alone. Each link draws from the seed by itself, so the nth datagram on a
// link meets the same fortune in each run with the same hosts and conditions; and what one goroutine sends, at instants of its own
// choice, goes the same way each time. Which datagram of an endpoint is the nth is a matter of which goroutines run first at one
// instant, even with one shard and one processor: so losses are about as many in each run, but not the same ones. Tests of whole
// endpoints hold for any order, or they hold by chance.
type Live struct {
	network *Network
	origin  time.Time
	quit    chan struct{}
	running sync.WaitGroup
	timer   *time.Timer

	mu     sync.Mutex    // guards what follows, and the network; who holds it waits for nothing, or virtual time would stand still
	armed  rtmfp.Instant // when the timer fires
	nodes  map[*Host]*socketNode
	closed bool
}

// Start makes an empty network that runs until [Live.Close].
func Start(seed uint64) *Live {
	l := &Live{
		network: New(seed), origin: time.Now(), quit: make(chan struct{}), timer: time.NewTimer(0), armed: 0,
		nodes: make(map[*Host]*socketNode),
	}
	l.running.Go(l.run)
	return l
}

// Close stops the network and waits for its goroutine. Sockets that are open still are closed, so that their endpoints end with an
// error. It may be called twice.
func (l *Live) Close() {
	if l.stop() {
		close(l.quit)
	}
	l.running.Wait()
	l.timer.Stop()
}

// stop closes the sockets; false if that is done already.
func (l *Live) stop() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.closed = true
	for _, node := range l.nodes {
		node.close()
	}
	clear(l.nodes)
	return true
}

// run lets the network run whenever something is due.
func (l *Live) run() {
	for {
		select {
		case <-l.quit:
			return
		case <-l.timer.C:
			l.begin()
			l.armed = rtmfp.Never // it has fired
			l.end()
		}
	}
}

// Do calls f, in which everything of the network may be used, at the instant that the clock shows.
func (l *Live) Do(f func()) {
	l.begin()
	defer l.end()
	f()
}

// begin takes hold of the network and brings it up to the present.
func (l *Live) begin() {
	l.mu.Lock()
	l.network.Run(l.now())
}

// end lets happen what is due at once, and sets the timer for the rest.
func (l *Live) end() {
	defer l.mu.Unlock()
	l.network.Run(l.network.Now())
	l.arm()
}

func (l *Live) now() rtmfp.Instant { return rtmfp.Instant(time.Since(l.origin)) }

func (l *Live) arm() {
	next, _ := l.network.next()
	if next == l.armed || l.closed || l.network.err != nil {
		return
	}
	l.armed = next
	if next == rtmfp.Never {
		l.timer.Stop()
		return
	}
	l.timer.Reset(time.Until(l.origin.Add(time.Duration(next))))
}

// Network is the network itself, to be used within [Live.Do] alone, and not to be run. Its clock is the time since Start.
func (l *Live) Network() *Network { return l.network }

// NewHost is [Network.NewHost], for any goroutine.
func (l *Live) NewHost(addrs ...netip.AddrPort) (host *Host) {
	l.Do(func() { host = l.network.NewHost(addrs...) })
	return host
}

// NewNAT is [Network.NewNAT], for any goroutine.
func (l *Live) NewNAT(public netip.Addr, settings NATSettings) (nat *NAT) {
	l.Do(func() { nat = l.network.NewNAT(public, settings) })
	return nat
}

// NewHostBehind is [NAT.NewHost], for any goroutine.
func (l *Live) NewHostBehind(nat *NAT, addrs ...netip.AddrPort) (host *Host) {
	l.Do(func() { host = nat.NewHost(addrs...) })
	return host
}

// Random is [Network.Random], for any goroutine, and what it gives may be read by several at a time, as rtmfp.Config.Random is.
func (l *Live) Random() io.Reader {
	shared := &sharedReader{}
	l.Do(func() { shared.reader = l.network.Random() })
	return shared
}

// sharedReader is for several goroutines.
type sharedReader struct {
	mu     sync.Mutex
	reader io.Reader
}

func (r *sharedReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reader.Read(b)
}
