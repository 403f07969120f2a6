package overrtmfp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// defaultPeerConnections is NetConnection.maxPeerConnections of Flash Player.
const defaultPeerConnections = 8

// directStreams is where the stream IDs of direct streams begin: those of a server are smaller.
const directStreams = 2_000_000

// peers are a client's sessions with other clients.
type peers struct {
	client *Client
	most   int // of those who play what is published

	mu         sync.Mutex
	sessions   map[rtmfp.PeerID]*peerSession
	dialing    map[rtmfp.PeerID]chan struct{} // closed when it is known how it went
	accepted   int
	publishers map[string]*DirectPublisher
	keepAlive  time.Duration
	lastStream uint32
	gone       bool
}

// peerSession is a session with a peer. What is on it are direct streams in either direction.
type peerSession struct {
	carrier
	peers    *peers
	peer     rtmfp.PeerID
	accepted bool // the peer has opened it
	counted  bool // among those that are accepted: as long as the peer has not played yet, and while it plays; guarded by peers.mu
}

func (p *peers) init(c *Client, most int) {
	if most <= 0 {
		most = defaultPeerConnections
	}
	p.client, p.most = c, most
	p.sessions = make(map[rtmfp.PeerID]*peerSession)
	p.dialing = make(map[rtmfp.PeerID]chan struct{})
	p.publishers = make(map[string]*DirectPublisher)
	p.lastStream = directStreams
}

// accept takes the session of a peer that wants to play what is published directly.
func (p *peers) accept(s *rtmfp.Session) rtmfp.SessionHandler {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || len(p.publishers) == 0 || p.accepted >= p.most {
		return nil
	}
	q := p.open(s, s.PeerID(), true)
	p.count(q)
	p.log().Debug("peer connected", "peer", q.peer, "remote", s.Path())
	return &q.carrier
}

// count and discount keep account of the peers that play. The caller holds mu.
func (p *peers) count(q *peerSession) {
	if q.accepted && !q.counted {
		q.counted = true
		p.accepted++
	}
}

func (p *peers) discount(q *peerSession) {
	if q.counted {
		q.counted = false
		p.accepted--
	}
}

func (p *peers) log() *slog.Logger { return p.client.station.log }

// open notes a session. The caller holds mu.
func (p *peers) open(s *rtmfp.Session, peer rtmfp.PeerID, accepted bool) *peerSession {
	q := &peerSession{peers: p, peer: peer, accepted: accepted}
	q.carrier = carrier{owner: q, session: s, watch: newWatch(s)}
	p.sessions[peer] = q
	if p.keepAlive > 0 && s != nil {
		s.SetKeepAlive(p.keepAlive, 0)
	}
	return q
}

// session returns a session with a peer: the one that there is, or a new one. Who wants one that is being opened waits for it.
func (p *peers) session(ctx context.Context, peer rtmfp.PeerID) (*peerSession, error) {
	for {
		p.mu.Lock()
		q, dialing := p.sessions[peer], p.dialing[peer]
		if q == nil && dialing == nil {
			p.dialing[peer] = make(chan struct{})
		}
		p.mu.Unlock()
		switch {
		case q != nil:
			return q, nil
		case dialing == nil:
			defer p.dialed(peer)
			return p.dial(ctx, peer)
		}
		select {
		case <-dialing:
		case <-ctx.Done():
			return nil, fmt.Errorf("peer %v: %w", peer, ctx.Err())
		}
	}
}

func (p *peers) dialed(peer rtmfp.PeerID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.dialing[peer])
	delete(p.dialing, peer)
}

// dial opens a session with a peer, to which the server introduces (RFC 7425 5.4.1).
func (p *peers) dial(ctx context.Context, peer rtmfp.PeerID) (*peerSession, error) {
	server, err := p.serverAddress()
	if err != nil {
		return nil, err
	}
	q := &peerSession{peers: p, peer: peer}
	q.owner = q
	s, err := p.client.endpoint.Dial(ctx, rtmfp.DialConfig{
		Identity: p.client.name, Discriminator: flash.Discriminator{Fingerprint: &peer}.Append(nil),
		Addresses: []netip.AddrPort{server}, Handler: q,
	})
	var duplicate *rtmfp.DuplicateError
	if errors.As(err, &duplicate) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if q := p.sessions[peer]; q != nil { // the peer was faster
			return q, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("peer %v: %w", peer, err)
	}
	return q, p.take(q, s)
}

// serverAddress is where the server is now, which introduces.
func (p *peers) serverAddress() (netip.AddrPort, error) {
	addr, err := netip.ParseAddrPort(p.client.Far().Address)
	if err != nil {
		return netip.AddrPort{}, errNotConnected
	}
	return addr, nil
}

// Opened lists the session before anything comes on it.
func (q *peerSession) Opened(s *rtmfp.Session) {
	q.session, q.watch = s, newWatch(s)
	p := q.peers
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keepAlive > 0 {
		s.SetKeepAlive(p.keepAlive, 0)
	}
	p.sessions[q.peer] = q
}

// take is the last step of dialling; the client may have gone meanwhile.
func (p *peers) take(q *peerSession, s *rtmfp.Session) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		s.Do(s.Close)
		return errNotConnected
	}
	return nil
}

// begin takes the play flow of a peer: one that answers nothing, on a stream that is not 0 (RFC 7425 5.4.2).
func (q *peerSession) begin(_ *carrier, m metadata) *link {
	p := q.peers
	if m.streamID == 0 || len(q.links) >= maxDirect || !p.admit(q) {
		return nil
	}
	l := newLink(p.client.station, q.session, m.streamID)
	q.add(l)
	serveDirect(p, l)
	return l
}

// admit lets a peer play, if there is something and room. One that has stopped playing has given up its place.
func (p *peers) admit(q *peerSession) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.publishers) == 0 || q.accepted && !q.counted && p.accepted >= p.most {
		return false
	}
	p.count(q)
	return true
}

// maxDirect is how many direct streams there may be with a peer.
const maxDirect = 64

func (q *peerSession) linkEnded(_ *carrier, l *link) {
	l.counts.count(l.reason)
	if len(q.links) > 0 {
		return
	}
	q.peers.mu.Lock()
	defer q.peers.mu.Unlock()
	q.peers.discount(q)
}

func (q *peerSession) stats() *Stats { return &q.peers.client.station.stats }

func (q *peerSession) moved(*carrier) {
	for _, l := range q.links {
		l.moved()
	}
}

// closed forgets the session.
func (q *peerSession) closed(_ *carrier, err error) {
	p := q.peers
	p.log().Debug("peer disconnected", "peer", q.peer, "reason", reasonOf(err))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.discount(q)
	if p.sessions[q.peer] == q {
		delete(p.sessions, q.peer)
	}
}

// setKeepAlive sets the period for all peers, and for those that come.
func (p *peers) setKeepAlive(period time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keepAlive = period
	for _, q := range p.sessions {
		if s := q.session; s != nil {
			s.Do(func() { s.SetKeepAlive(period, 0) })
		}
	}
}

// sweep has all sessions look at their times.
func (p *peers) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range p.sessions {
		if s := q.session; s != nil {
			s.Do(q.check)
		}
	}
}

// check looks at the times of all streams with the peer.
func (q *peerSession) check() {
	for _, l := range slices.Clone(q.links) {
		l.checkTime()
	}
}

// close ends all sessions with peers, behind what is queued on them.
func (p *peers) close() {
	p.mu.Lock()
	p.gone = true
	for _, q := range p.sessions {
		if s := q.session; s != nil {
			s.Do(s.Close)
		}
	}
	published := slices.Collect(maps.Values(p.publishers))
	p.mu.Unlock()
	for _, d := range published {
		d.Close() // whoever writes is told
	}
}

// nextStream numbers the streams that we play.
func (p *peers) nextStream() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastStream++
	return p.lastStream
}
