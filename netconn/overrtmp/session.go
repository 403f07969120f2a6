package overrtmp

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/netconn"
	"afterglow/rtmp"
)

// session is the transport of one server connection.
type session struct {
	server  *Server
	conn    *rtmp.Conn
	nc      *netconn.Conn
	far     netconn.Far
	hello   *Hello                      // of a client that was handed over, else nil
	moved   atomic.Pointer[netconn.Far] // such a client's, once it is elsewhere
	resume  chan struct{}
	done    chan struct{}
	limit   atomic.Int64 // bytes a message may have
	pinging atomic.Bool
	paused  atomic.Bool

	mu       sync.Mutex // guards attached; held while media is pulled
	attached []attachment
	reason   error
	closing  bool
}

// attachment is a source that the session pulls from.
type attachment struct {
	streamID uint32
	source   netconn.Source
	class    *class
	pump     *pump
}

func (s *session) Far() netconn.Far {
	if far := s.moved.Load(); far != nil {
		return *far
	}
	return s.far
}

// ClientID returns the ID of a client that was handed over.
func (s *session) ClientID() string {
	if s.hello == nil {
		return ""
	}
	return s.hello.Client
}

// noHandle is what sending over TCP gives: nothing can be taken back, and delivery is the transport's promise.
type noHandle struct{}

func (noHandle) Abandon()        {}
func (noHandle) Delivered() bool { return true }

// Send queues a message; one connection has one order, so the treatment does not matter.
func (s *session) Send(m netconn.Message, _ netconn.Treatment) netconn.Handle {
	_ = s.conn.Send(wireMessage(m))
	return noHandle{}
}

func wireMessage(m netconn.Message) rtmp.Message {
	return rtmp.Message{Type: rtmp.MessageType(m.Type), Timestamp: m.Timestamp, StreamID: m.StreamID, Payload: m.Payload}
}

// Barrier, StreamOpened and StreamClosed have nothing to do where everything is in order on one connection.
func (s *session) Barrier(uint32)      {}
func (s *session) StreamOpened(uint32) {}
func (s *session) StreamClosed(uint32) {}

// Accepted says what a server says before its answer to connect (RTMP 1.0 sections 5.4 and 7.2.1.1).
func (s *session) Accepted() {
	c := s.server.config.Load()
	_ = s.conn.Send(
		rtmp.WindowSize(c.WindowSize),
		rtmp.PeerBandwidth(c.WindowSize, rtmp.LimitDynamic),
		rtmp.UserControl{Event: rtmp.EventStreamBegin}.Message(),
		rtmp.SetChunkSize(c.ChunkSize),
	)
}

func (s *session) Publishing(on bool) {
	c := s.server.config.Load()
	if on {
		s.limit.Store(int64(c.MessageSize))
	} else {
		s.limit.Store(int64(c.MessageSizeBeforePublish))
	}
}

// Attach begins to pull from a source.
func (s *session) Attach(streamID uint32, source netconn.Source, d netconn.Delivery) netconn.Waker {
	if d.Delay <= 0 {
		d.Delay = defaultDelay
	}
	feed := source.Feed()
	if feed == nil {
		feed = source
	}
	a := attachment{
		streamID: streamID,
		source:   source,
		class:    s.server.registry.class(classKey{feed, streamID, s.conn.ChunkSize()}),
		pump:     s.server.registry.join(pumpKey{feed, netconn.Delivery{Mode: d.Mode, Delay: d.Delay}}, s, s.server.pace, &s.server.pumps),
	}
	s.mu.Lock()
	s.attached = append(s.attached, a)
	s.mu.Unlock()
	s.conn.SetSource((*puller)(s))
	return a.pump
}

func (s *session) Detach(streamID uint32) {
	s.mu.Lock()
	i := slices.IndexFunc(s.attached, func(a attachment) bool { return a.streamID == streamID })
	if i < 0 {
		s.mu.Unlock()
		return
	}
	a := s.attached[i]
	s.attached = slices.Delete(s.attached, i, i+1)
	s.mu.Unlock()
	s.server.registry.leave(a.pump, s)
	s.server.registry.releaseClass(a.class)
}

// puller is the session as an rtmp.Source, whose Pull is not the Transport's.
type puller session

// Pull adds media to a write, as rtmp.Source has it.
func (p *puller) Pull(g *rtmp.Gather) {
	s := (*session)(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.attached {
		pull(s.attached[i].source, s.attached[i].class, g)
	}
}

// pull adds what a source has, in its class's wire form, until the write is full.
func pull(source netconn.Source, c *class, g *rtmp.Gather) {
	for !g.Full() {
		out, ok := source.Next(g.Room())
		if !ok {
			return
		}
		if out.Packet != nil {
			g.Add(c.wire(out.Packet))
			continue
		}
		m := wireMessage(*out.Message)
		g.Add(rtmp.AppendChunks(nil, &m, rtmp.ChunkStreamFor(m.Type), c.key.chunkSize))
	}
}

// Pull writes what the sources have, now.
func (s *session) Pull() {
	g := s.server.gathers.Get().(*rtmp.Gather)
	defer s.server.gathers.Put(g)
	s.conn.Flush(g)
}

// Heard returns the bytes that have come, and whether the reader is reading.
func (s *session) Heard() (uint64, bool) { return s.conn.BytesReceived(), !s.paused.Load() }

// Traffic tells what the socket has carried. What waits for it counts as data, whatever it is; media waits in its stream.
func (s *session) Traffic(t *netconn.Traffic) {
	t.BytesIn, t.BytesOut = s.conn.BytesReceived(), s.conn.BytesSent()
	t.QueuedData.Bytes = uint64(s.conn.Pending())
}

// Resume wakes the reader that Receive has paused.
func (s *session) Resume() {
	select {
	case s.resume <- struct{}{}:
	default:
	}
}

func (s *session) CloseAfterFlush(reason error) {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return
	}
	s.closing, s.reason = true, reason
	s.mu.Unlock()
	close(s.done)
	if s.hello != nil {
		_ = s.conn.Send(goodbye)
	}
	s.conn.CloseAfterFlush()
}

// read brings messages to the NetConnection until the connection ends, and returns why.
func (s *session) read() error {
	var limit int64
	s.setDeadline(time.Now().Add(s.server.config.Load().ConnectTime))
	connecting := true
	for {
		if l := s.limit.Load(); l != limit {
			limit = l
			s.conn.SetMessageLimit(int(l))
		}
		m, err := s.conn.ReadMessage()
		if err != nil {
			return s.why(err, connecting)
		}
		message := netconn.Message{Type: uint8(m.Type), Timestamp: m.Timestamp, StreamID: m.StreamID, Payload: m.Payload}
		if s.hello != nil && privateEvent(message) {
			s.relocated(message)
			continue
		}
		more := s.receive(message)
		if connecting && s.nc.Request() != nil {
			connecting = false
			s.setDeadline(time.Time{})
		}
		if !more {
			s.pause()
		}
	}
}

// receive brings a message to the NetConnection. Commands run on a goroutine that is waited for: they need a deep stack,
// which thousands of viewers that say no more than a few would otherwise keep.
func (s *session) receive(m netconn.Message) (more bool) {
	if m.Type != netconn.TypeCommandAMF0 && m.Type != netconn.TypeCommandAMF3 {
		return s.nc.Receive(m)
	}
	handled := make(chan bool)
	go func() { handled <- s.nc.Receive(m) }()
	return <-handled
}

// pause waits until the NetConnection takes messages again. The client cannot be heard meanwhile.
func (s *session) pause() {
	s.paused.Store(true)
	select {
	case <-s.resume:
	case <-s.done:
	}
	s.paused.Store(false)
}

// farewellTime is how long a client is listened to, though not understood, until it has been told to go.
const farewellTime = 5 * time.Second

// farewell tells a client that broke the rules of the chunk stream why it has to go. What it still sends cannot be
// understood any more, and is thrown away until it hangs up or is given up.
func (s *session) farewell(reason error) {
	if !errors.Is(reason, rtmp.ErrProtocol) && !errors.Is(reason, rtmp.ErrLimit) {
		return
	}
	// The notice may have to wait for an application that is busy with this client; the client may not.
	s.setDeadline(time.Now().Add(farewellTime))
	s.nc.Fail(reason)
	s.conn.Discard()
}

// setDeadline limits how long reading may take, unless the connection is being closed under a limit of its own.
func (s *session) setDeadline(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		_ = s.conn.SetReadDeadline(t)
	}
}

// why finds the reason behind an error of reading: one that this end gave comes first.
func (s *session) why(err error, connecting bool) error {
	s.mu.Lock()
	reason := s.reason
	s.mu.Unlock()
	if reason != nil {
		return reason
	}
	if werr := s.conn.Err(); werr != nil && !errors.Is(werr, net.ErrClosed) {
		return werr
	}
	var ne net.Error
	if connecting && errors.As(err, &ne) && ne.Timeout() {
		return errNoConnect
	}
	return err
}

// farOf describes the far end of a connection.
func farOf(c *rtmp.Conn) netconn.Far {
	far := netconn.Far{Address: c.RemoteAddr().String(), Protocol: "rtmp"}
	if _, ok := c.TLS(); ok {
		far.Protocol, far.Secure = "rtmps", true
	}
	if ap, err := netip.ParseAddrPort(far.Address); err == nil && !proxied(c.NetConn()) {
		far.Loopback = ap.Addr().Unmap().IsLoopback()
	}
	return far
}

// proxied says whether the connection, or one beneath it, came through a proxy, whose word for an address is not the
// kernel's.
func proxied(nc net.Conn) bool {
	for {
		if p, ok := nc.(interface{ Proxied() bool }); ok {
			return p.Proxied()
		}
		outer, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return false
		}
		nc = outer.NetConn()
	}
}
