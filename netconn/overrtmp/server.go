package overrtmp

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/netconn"
	"afterglow/rtmp"
)

const defaultDelay = 100 * time.Millisecond

var errNoConnect = errors.New("no connect command in time")

// Config is what a Server does with its connections. A zero field means its default.
type Config struct {
	NetConn netconn.Config
	// ChunkSize is the size of what is sent, in bytes. Default 4096.
	ChunkSize int
	// WindowSize is the window acknowledgement size and peer bandwidth, in bytes. Default 2,500,000.
	WindowSize uint32
	// MessageSizeBeforePublish and MessageSize are the largest messages taken from a client that does not publish, and
	// from one that does, in bytes. Defaults 1 MiB and 16,777,215.
	MessageSizeBeforePublish int
	MessageSize              int
	// ConnectTime is how long a client may take from the handshake to its connect command. Default 30 s.
	ConnectTime time.Duration
	// IdleTime is how long a client may send nothing before it is pinged, PingTimeout how long it then has to send
	// anything. Defaults 60 s each.
	IdleTime    time.Duration
	PingTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.ChunkSize <= 0 {
		c.ChunkSize = 4096
	}
	if c.WindowSize == 0 {
		c.WindowSize = 2_500_000
	}
	if c.MessageSizeBeforePublish <= 0 {
		c.MessageSizeBeforePublish = 1 << 20
	}
	if c.MessageSize <= 0 {
		c.MessageSize = rtmp.MaxMessageSize
	}
	if c.ConnectTime <= 0 {
		c.ConnectTime = 30 * time.Second
	}
	if c.IdleTime <= 0 {
		c.IdleTime = 60 * time.Second
	}
	if c.PingTimeout <= 0 {
		c.PingTimeout = 60 * time.Second
	}
	return c
}

// Stats counts why connections ended and what they moved.
type Stats struct {
	BytesReceived atomic.Uint64 // by connections that have ended
	BytesSent     atomic.Uint64
	Closed        atomic.Uint64 // ended in an ordinary way
	Abused        atomic.Uint64 // ended because of what the client sent
	Slow          atomic.Uint64 // ended because the client took nothing
	Dead          atomic.Uint64 // ended because the client did not answer a ping
	Ignored       atomic.Uint64 // messages of unknown type
}

// Server turns RTMP connections into NetConnections. It is an rtmp.Handler.
type Server struct {
	handler  netconn.Handler
	log      *slog.Logger
	config   atomic.Pointer[Config]
	registry registry
	pace     *pace
	gathers  sync.Pool
	stats    Stats
	pumps    sync.WaitGroup

	mu       sync.Mutex
	sessions map[*session]struct{}
	janitor  *time.Timer
}

// NewServer makes a Server that asks handler. A nil log is slog.Default.
func NewServer(handler netconn.Handler, config Config, log *slog.Logger) *Server {
	if log == nil {
		log = slog.Default()
	}
	s := &Server{handler: handler, log: log, pace: newPace(), sessions: make(map[*session]struct{})}
	s.registry.classes = make(map[classKey]*class)
	s.registry.forms = make(map[formKey]*formKey)
	s.registry.pumps = make(map[pumpKey][]*pump)
	s.gathers.New = func() any { return new(rtmp.Gather) }
	s.SetConfig(config)
	return s
}

// SetConfig changes what holds for connections that come from now on, and the idle times of all.
func (s *Server) SetConfig(config Config) {
	c := config.withDefaults()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.Store(&c)
	if s.janitor != nil {
		s.janitor.Reset(s.sweepTime())
	}
}

// Config returns what SetConfig was given, with its defaults.
func (s *Server) Config() Config { return *s.config.Load() }

// Stats returns the server's counters, which go on counting.
func (s *Server) Stats() *Stats { return &s.stats }

// Interval returns how far apart the rounds of adaptive delivery are now.
func (s *Server) Interval() time.Duration { return s.pace.interval() }

// ServeRTMP carries a connection until it ends.
func (s *Server) ServeRTMP(c *rtmp.Conn) {
	config := s.config.Load()
	sess := &session{server: s, conn: c, far: farOf(c), resume: make(chan struct{}, 1), done: make(chan struct{})}
	if h, ok := c.NetConn().(*relayConn); ok {
		sess.hello, sess.far = &h.hello, h.hello.Far
	}
	sess.limit.Store(int64(config.MessageSizeBeforePublish))
	sess.nc = netconn.NewConn(sess, s.handler, config.NetConn)
	s.enter(sess)
	reason := sess.read()
	sess.farewell(reason)
	s.leave(sess)
	sess.nc.Closed(reason)
	_ = c.Close()
	s.record(sess, reason)
}

// record counts the end of a connection and logs the ones that are not ordinary.
func (s *Server) record(sess *session, reason error) {
	var status netconn.Status
	level := slog.LevelWarn
	switch {
	case errors.Is(reason, rtmp.ErrSlow):
		s.stats.Slow.Add(1)
	case errors.Is(reason, errDead):
		s.stats.Dead.Add(1)
	case rtmp.IsDisconnect(reason) || errors.Is(reason, netconn.ErrDisconnected) || errors.As(reason, &status):
		s.stats.Closed.Add(1)
		level = slog.LevelDebug
	default:
		s.stats.Abused.Add(1)
	}
	s.log.Log(context.Background(), level, "connection ended", "client", sess.nc.ID(), "remote", sess.far.Address, "reason", reason)
}

func (s *Server) enter(sess *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[sess] = struct{}{}
	if s.janitor == nil {
		s.janitor = time.AfterFunc(s.sweepTime(), s.sweep)
	}
}

func (s *Server) leave(sess *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, sess)
	s.stats.BytesReceived.Add(sess.conn.BytesReceived())
	s.stats.BytesSent.Add(sess.conn.BytesSent())
	s.stats.Ignored.Add(sess.conn.Ignored())
	if len(s.sessions) == 0 && s.janitor != nil {
		s.janitor.Stop()
		s.janitor = nil
	}
}

var errDead = errors.New("the client does not answer")

func (s *Server) sweepTime() time.Duration {
	return max(s.config.Load().IdleTime/8, 10*time.Millisecond)
}

// sweep pings the clients that have been silent for too long. One timer serves all of them.
func (s *Server) sweep() {
	c := s.config.Load()
	var silent []*session
	s.mu.Lock()
	if s.janitor == nil {
		s.mu.Unlock()
		return
	}
	for sess := range s.sessions {
		if sess.nc.Idle() >= c.IdleTime {
			silent = append(silent, sess)
		}
	}
	s.janitor.Reset(s.sweepTime())
	s.mu.Unlock()
	for _, sess := range silent {
		sess.ping(c.PingTimeout)
	}
}

// ping ends the session when its client gives no sign of life in time.
func (s *session) ping(timeout time.Duration) {
	if s.paused.Load() || s.pinging.Swap(true) {
		return
	}
	s.nc.Ping(timeout, func(alive bool) {
		s.pinging.Store(false)
		if alive {
			return
		}
		s.mu.Lock()
		if s.reason == nil {
			s.reason = errDead
		}
		s.mu.Unlock()
		_ = s.conn.Close()
	})
}

// Traffic is what all connections have moved, those that are open included.
type Traffic struct {
	BytesReceived uint64
	BytesSent     uint64
	Ignored       uint64 // messages of unknown type
}

// Traffic returns totals that never go down.
func (s *Server) Traffic() Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := Traffic{s.stats.BytesReceived.Load(), s.stats.BytesSent.Load(), s.stats.Ignored.Load()}
	for sess := range s.sessions {
		t.BytesReceived += sess.conn.BytesReceived()
		t.BytesSent += sess.conn.BytesSent()
		t.Ignored += sess.conn.Ignored()
	}
	return t
}

// Wait returns when nothing writes to viewers any more, which is soon after the last connection has ended.
func (s *Server) Wait() { s.pumps.Wait() }

// Tell sends every client a status and ends its connection after it.
func (s *Server) Tell(status netconn.Status) {
	s.mu.Lock()
	all := make([]*session, 0, len(s.sessions))
	for sess := range s.sessions {
		all = append(all, sess)
	}
	s.mu.Unlock()
	for _, sess := range all {
		sess.nc.Disconnect(status)
	}
}
