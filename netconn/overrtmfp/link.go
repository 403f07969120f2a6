package overrtmfp

import (
	"encoding/hex"
	"errors"
	"fmt"
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
	onHeard    bool // a sign of life has been asked for
	onKept     func(KeepAlive)
	greeting   *netconn.Message // goes behind the next message on stream 0

	far    atomic.Pointer[netconn.Far]
	heard  atomic.Uint64 // messages and signs of life
	deaf   atomic.Bool   // paused, for others to see
	rtt    atomic.Int64  // nanoseconds
	rttAt  rtmfp.Instant
	mu     sync.Mutex // guards what follows
	ops    []func()
	posted bool
	media  map[uint32]*playing
	views  map[uint32]*deliveryCounters
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
	l.far.Store(&netconn.Far{
		Address: s.Path().String(), Protocol: "rtmfp", Secure: false, Loopback: s.Path().Addr.Addr().IsLoopback(),
		PeerID: s.PeerID().String(), NearID: s.NearCertificate().PeerID().String(),
		NearNonce: hex.EncodeToString(near[:]), FarNonce: hex.EncodeToString(far[:]),
	})
}

// post has f run on the shard, after what was posted before.
func (l *link) post(f func()) {
	l.mu.Lock()
	l.ops = append(l.ops, f)
	first := !l.posted
	l.posted = true
	l.mu.Unlock()
	if first && !l.session.Do(l.drain) {
		l.mu.Lock()
		l.ops = nil
		l.mu.Unlock()
	}
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
		s.stats.total = l.counts
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

// Resume takes messages again.
func (l *link) Resume() {
	l.post(func() {
		l.paused = false
		l.deaf.Store(false)
		for f := range l.inflows {
			f.release(heldByConnection)
		}
	})
}

// Send queues a message on the flow of its stream and kind.
func (l *link) Send(m netconn.Message, t netconn.Treatment) netconn.Handle {
	h := &handle{link: l}
	if kind, _, _ := event(m.Payload); m.Type == netconn.TypeUserControl && kind == eventPingRequest {
		l.post(l.probe)
		return h
	}
	if m.Type == netconn.TypeUserControl {
		m.StreamID = l.streamOf(m)
	}
	l.post(func() { l.send(m, t, h) })
	return h
}

// streamOf says on which stream a user control message goes: over RTMP all are on stream 0, here those about a stream belong to
// its flows (RFC 7425 5.3.7).
func (l *link) streamOf(m netconn.Message) uint32 {
	switch kind, first, _ := event(m.Payload); kind {
	case 0, 1, 2, 3, 4, 31, 32:
		return first
	}
	return l.own
}

func (l *link) send(m netconn.Message, t netconn.Treatment, h *handle) {
	if l.closing || l.ended {
		return
	}
	s := l.stream(m.StreamID)
	s.send(m, t, h)
	if g := l.greeting; g != nil && m.StreamID == l.own {
		l.greeting = nil
		s.send(*g, netconn.Treatment{}, nil)
	}
}

// probe asks the far end for a sign of life by the session's own means: not all clients answer the ping of RTMP here. The answer is
// told to the end as that ping's.
func (l *link) probe() {
	if l.ended || l.onHeard {
		return
	}
	l.onHeard = true
	l.session.Probe(func() {
		l.onHeard = false
		l.deliver(netconn.Message{Type: netconn.TypeUserControl, Payload: []byte{0, eventPingResponse, 0, 0, 0, 0}})
	})
}

// messageOverhead is what a message counts for beside its bytes, so that a great many small ones are bounded, too.
const messageOverhead = 64

// requires counts a message of netconn's own, which must arrive, and ends a connection whose far end does not take them. It is the
// far end that causes them: one that acknowledges some of its streams and not others must not make the server keep the rest.
func (l *link) requires(m *netconn.Message) {
	if l.required += len(m.Payload) + messageOverhead; l.required > l.station.limits().ControlBytes {
		l.abort(fmt.Errorf("%w: %d bytes wait for it", ErrSlow, l.required))
	}
}

// checkTime ends a connection on which something that must arrive has been unacknowledged for too long.
func (l *link) checkTime() {
	if l.ended {
		return
	}
	l.noteRoundTrip()
	var longest time.Duration
	for _, s := range l.streams {
		longest = max(longest, s.waited())
	}
	for s := range l.leaving {
		longest = max(longest, s.waited())
	}
	if longest > l.station.limits().QueueTime {
		l.abort(fmt.Errorf("%w: something has waited for %v", ErrSlow, longest.Round(time.Second)))
	}
}

// Barrier keeps messages of a stream that are sent later behind those sent before.
func (l *link) Barrier(streamID uint32) {
	l.post(func() {
		if s := l.streams[streamID]; s != nil {
			s.bar()
		}
	})
}

// Flushed is closed when everything sent on a stream is delivered or given up.
func (l *link) Flushed(streamID uint32) <-chan struct{} {
	c := make(chan struct{})
	l.post(func() {
		s := l.streams[streamID]
		if s == nil || l.ended {
			close(c)
			return
		}
		s.flush(c)
	})
	return c
}

// Accepted has nothing to say before the answer to connect: librtmfp expects that answer first.
func (l *link) Accepted() {}

// Publishing says whether the far end may send large messages.
func (l *link) Publishing(on bool) {
	l.post(func() {
		l.large = on
		for f := range l.inflows {
			f.flow.SetMessageLimit(l.messageLimit())
		}
	})
}

// messageLimit is the largest message that is taken now. Clients take any from their server.
func (l *link) messageLimit() int {
	limits := l.station.limits()
	if l.large || l.trusting {
		return limits.MessageSize
	}
	return limits.MessageSizeBeforePublish
}

// StreamOpened lets the far end use a stream.
func (l *link) StreamOpened(id uint32) { l.post(func() { l.opened[id] = true }) }

// StreamClosed ends a stream: our flows behind what is queued, the far end's with what it still sends.
func (l *link) StreamClosed(id uint32) {
	l.post(func() {
		if id == l.own {
			return
		}
		delete(l.opened, id)
		if s := l.streams[id]; s != nil {
			l.leave(s)
		}
	})
}

// leave ends a stream's flows behind what is queued. Its ID may have another stream before they have ended.
func (l *link) leave(s *outStream) {
	delete(l.streams, s.id)
	l.mu.Lock()
	delete(l.views, s.id)
	l.mu.Unlock()
	if l.leaving == nil {
		l.leaving = make(map[*outStream]struct{})
	}
	l.leaving[s] = struct{}{}
	s.close()
	l.forget(s)
	if len(l.leaving) > maxLeaving {
		l.abort(fmt.Errorf("%w: %d deleted streams wait for it", ErrSlow, len(l.leaving)))
	}
}

// maxLeaving is how many deleted streams may still have something under way: far more than a client deletes within a round trip.
const maxLeaving = 1024

// forget drops a stream that was closed and whose flows have ended.
func (l *link) forget(s *outStream) {
	if _, leaving := l.leaving[s]; leaving && s.over() {
		s.release()
		delete(l.leaving, s)
	}
}

// Attach begins to pull a stream's media.
func (l *link) Attach(streamID uint32, source netconn.Source, d netconn.Delivery) netconn.Waker {
	if d.Mode == netconn.WriteFixed && d.Delay <= 0 {
		d.Delay = defaultDelay
	}
	feed := source.Feed()
	if feed == nil {
		feed = source
	}
	p := &playing{
		source: source, lifetimes: l.station.limits().fill(d.Lifetimes),
		pump: l.station.pumps.join(pumpKey{feed, l.session.Core(), d.Mode, d.Delay}),
	}
	l.mu.Lock()
	if l.media == nil {
		l.media = make(map[uint32]*playing)
	}
	l.media[streamID] = p
	l.mu.Unlock()
	l.post(func() {
		p.stream = l.stream(streamID)
		p.stream.playing = p
		p.pump.add(p)
		p.pull()
	})
	return p.pump
}

// Detach ends that. What was pulled is still delivered.
func (l *link) Detach(streamID uint32) {
	l.mu.Lock()
	p := l.media[streamID]
	delete(l.media, streamID)
	l.mu.Unlock()
	if p == nil {
		return
	}
	p.detach()
	l.post(func() {
		if p.stream.playing == p {
			p.stream.playing = nil
		}
		p.pump.remove(p)
		l.station.pumps.leave(p.pump)
	})
}

// Pull has the sources asked.
func (l *link) Pull() { l.post(l.pull) }

func (l *link) pull() {
	for _, s := range l.streams {
		if s.playing != nil {
			s.playing.pull()
		}
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

// Heard counts what the far end has said.
func (l *link) Heard() (uint64, bool) { return l.heard.Load(), !l.deaf.Load() }

// Far describes the far end.
func (l *link) Far() netconn.Far { return *l.far.Load() }

// DeliveryStats returns the figures of a stream.
func (l *link) DeliveryStats(streamID uint32) (netconn.DeliveryStats, bool) {
	l.mu.Lock()
	d := l.views[streamID]
	l.mu.Unlock()
	if d == nil {
		return netconn.DeliveryStats{}, false
	}
	return netconn.DeliveryStats{
		Audio: d.kinds[laneAudio].snapshot(), Video: d.kinds[laneVideo].snapshot(), Data: d.kinds[laneData].snapshot(),
		Groups: d.groups.Load(), RoundTrip: time.Duration(l.rtt.Load()),
	}, true
}

func (l *link) noteRoundTrip() { l.rtt.Store(int64(l.session.Stats().RTT)) }

// CloseAfterFlush ends the connection when what is queued has been delivered, or cannot be in time.
func (l *link) CloseAfterFlush(reason error) { l.post(func() { l.close(reason) }) }

// close ends our flows; the far end's end with theirs, or with the session. That the far end has everything first is needed for
// it to see why it was rejected.
func (l *link) close(reason error) {
	if l.closing || l.ended {
		return
	}
	for _, s := range l.streams {
		s.unbar()
	}
	l.closing, l.reason = true, reason
	for _, s := range l.streams {
		s.close()
	}
	if l.flushedAll() {
		l.finish(reason)
		return
	}
	l.flushing = time.AfterFunc(flushTime, func() { l.post(func() { l.finish(reason) }) })
}

func (l *link) flushedAll() bool {
	for _, s := range l.streams {
		if !s.over() {
			return false
		}
	}
	for s := range l.leaving {
		if !s.over() {
			return false
		}
	}
	return true
}

// flowEnded follows up on the end of one of our flows.
func (l *link) flowEnded(lane *lane, err error) {
	var rejected *rtmfp.ExceptionError
	if errors.As(err, &rejected) && lane.stream.id == l.own && lane.kind == laneData {
		l.abort(ErrHungUp)
		return
	}
	switch {
	case l.ended:
	case l.closing && l.flushedAll():
		l.finish(l.reason)
	case !l.closing:
		l.forget(lane.stream)
	}
}

// hungUp follows up on the end of the far end's control flow. What the session ended with, if that is it, is told by itself.
func (l *link) hungUp(err error) {
	if err == nil && !l.ended {
		l.close(ErrHungUp)
	}
}

// abort ends the connection at once.
func (l *link) abort(reason error) {
	if !l.ended {
		l.finish(reason)
	}
}

// finish ends the link: it has nothing to deliver any more.
func (l *link) finish(reason error) {
	if l.ended {
		return
	}
	l.ended, l.closing = true, true
	if l.reason == nil {
		l.reason = reason
	}
	if l.flushing != nil {
		l.flushing.Stop()
	}
	for f := range l.inflows {
		if f.flow.IsOpen() {
			f.flow.Reject(0)
		}
	}
	clear(l.inflows)
	for _, s := range l.streams {
		s.cancel()
	}
	for s := range l.leaving {
		s.cancel()
	}
	l.end.Closed(l.reason)
	l.over(l)
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
