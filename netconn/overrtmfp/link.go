package overrtmfp

import (
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/netconn"
	"afterglow/rtmfp"
)

// Errors with which connections end.
var (
	// ErrHungUp says that the far end has closed the connection.
	ErrHungUp = errors.New("the far end closed the connection")
	// ErrSlow says that the far end did not take in time what has to arrive.
	ErrSlow = errors.New("the far end is too slow")
	// ErrDead says that the far end did not answer any more.
	ErrDead = errors.New("the far end does not answer")
)

// end is what a link carries: a netconn.Conn or a netconn.Client.
type end interface {
	Receive(netconn.Message) (more bool)
	Closed(reason error)
}

// flushTime is how long a connection that closes may take to deliver what is queued.
const flushTime = 5 * time.Second

// link is a NetConnection on a session, or a direct stream between peers, which is one in small. It is the netconn.Transport
// of its end. Unless it says otherwise it belongs to the session's shard.
type link struct {
	station *station
	session *rtmfp.Session
	end     end
	counts  *Stats
	over    func(*link) // told when the link has ended

	own        uint32  // stream of the control flows: 0 but for direct streams
	subscriber bool    // of a direct stream: the far end's flows come and go without a meaning (RFC 7425 5.4.2)
	control    *inflow // the far end's control flow, which all of ours answer; nil until it is there
	inflows    map[*inflow]struct{}
	opened     map[uint32]bool // streams that the far end may use
	streams    map[uint32]*outStream
	leaving    map[*outStream]struct{} // closed, with flows that have not ended
	unsettled  int                     // messages of all streams that are neither delivered nor given up
	required   int                     // of these and of what waits to be sent, what is netconn's own, in bytes with an overhead
	syncs      flowSyncs
	watch      *watch // of a client's link
	paused     bool
	large      bool // the far end publishes
	trusting   bool // the far end may always send large messages
	closing    bool
	ended      bool
	reason     error // why it closes
	flushing   *time.Timer
	back       rtmfp.Instant // since when the far end is there without a long silence
	onHeard    bool          // a sign of life has been asked for
	onKept     func(KeepAlive)
	missed     [laneKinds]uint64 // messages of all streams that were given up
	greeting   *netconn.Message  // goes behind the next message on stream 0

	far    atomic.Pointer[netconn.Far]
	heard  atomic.Uint64 // messages and signs of life
	deaf   atomic.Bool   // paused, for others to see
	rtt    atomic.Int64  // nanoseconds
	queued atomic.Int64  // bytes
	mu     sync.Mutex    // guards what follows
	ops    []func()
	posted bool
	dead   bool // nothing is run any more
	media  map[uint32]*playing
	views  map[uint32]*deliveryCounters
	noted  netconn.Traffic // as note has found it
}

// newLink makes a link, on any goroutine. It is put on its session by carrier.add.
func newLink(st *station, s *rtmfp.Session, own uint32) *link {
	return &link{
		station: st, session: s, counts: &st.stats, own: own,
		inflows: make(map[*inflow]struct{}), opened: map[uint32]bool{own: true}, streams: make(map[uint32]*outStream),
	}
}

// describe notes who and where the far end is, for others to read.
func (l *link) describe() {
	s := l.session
	near, far := s.Nonces()
	address := ""
	if a := s.NearAddress(); a.IsValid() {
		address = a.String()
	}
	l.far.Store(&netconn.Far{
		Address: s.Path().String(), NearAddress: address,
		Protocol: "rtmfp", Secure: false, Loopback: s.Path().Addr.Addr().IsLoopback(),
		PeerID: s.PeerID().String(), NearID: s.NearCertificate().PeerID().String(),
		NearNonce: hex.EncodeToString(near[:]), FarNonce: hex.EncodeToString(far[:]),
	})
}

// post has f run on the shard, after what was posted before; false if it will not, because the endpoint has ended.
func (l *link) post(f func()) bool {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return false
	}
	l.ops = append(l.ops, f)
	first := !l.posted
	l.posted = true
	l.mu.Unlock()
	if !first || l.session.Do(l.drain) {
		return true
	}
	l.mu.Lock()
	l.dead, l.ops = true, nil
	l.mu.Unlock()
	return false
}

// drain runs what was posted.
func (l *link) drain() {
	for {
		l.mu.Lock()
		ops := l.ops
		l.ops = nil
		if len(ops) == 0 {
			l.posted = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		for _, f := range ops {
			f()
		}
	}
}

// stream gives what goes out on a stream.
func (l *link) stream(id uint32) *outStream {
	s := l.streams[id]
	if s == nil {
		s = newOutStream(l, id)
		s.stats.link = l
		l.streams[id] = s
		l.mu.Lock()
		if l.views == nil {
			l.views = make(map[uint32]*deliveryCounters)
		}
		l.views[id] = &s.stats
		l.mu.Unlock()
	}
	return s
}

// accepts takes a flow of the far end's that belongs to the link; nil rejects it.
func (l *link) accepts(flow *rtmfp.ReceiveFlow, m metadata) rtmfp.FlowHandler {
	if l.closing || l.ended || !l.opened[m.streamID] {
		return nil
	}
	f := &inflow{link: l, flow: flow, streamID: m.streamID}
	l.inflows[f] = struct{}{}
	flow.SetMessageLimit(l.messageLimit())
	if l.control == nil && m.streamID == l.own && !l.subscriber {
		l.control = f
	}
	if l.paused {
		f.hold(heldByConnection)
	}
	return f
}

// owns says whether a sending flow is the one that the far end's flows of this link answer.
func (l *link) owns(flow *rtmfp.SendFlow) bool {
	s := l.streams[l.own]
	return s != nil && s.lanes[laneData].flow == flow
}

// deliver hands a message to the end, which may ask for a pause.
func (l *link) deliver(m netconn.Message) {
	if l.ended {
		return
	}
	l.heard.Add(1)
	if l.end.Receive(m) || l.paused {
		return
	}
	l.paused = true
	l.deaf.Store(true)
	for f := range l.inflows {
		f.hold(heldByConnection)
	}
}

// progressed goes on with sources that waited for room.
func (l *link) progressed() {
	for _, s := range l.streams {
		if p := s.playing; p != nil && p.full {
			p.pull()
		}
	}
}

// advised takes the keepalive periods that a server advises (RFC 7425 5.3.4).
func (l *link) advised(server, peers uint32) {
	if l.onKept == nil {
		return
	}
	period := func(ms uint32) time.Duration { return max(time.Duration(ms)*time.Millisecond, leastKeepAlive) }
	l.onKept(KeepAlive{Server: period(server), Peers: period(peers)})
}

// moved notes that the far end is at another address.
func (l *link) moved() netconn.Far {
	before := *l.far.Load()
	l.describe()
	l.counts.Moved.Add(1)
	return before
}
