package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrServerClosed is returned by Serve and its kin after Shutdown or Close.
var ErrServerClosed = errors.New("rtmp: server closed")

// Handler takes a connection whose handshake is done. The connection is closed when ServeRTMP returns.
type Handler interface {
	ServeRTMP(*Conn)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(*Conn)

// ServeRTMP calls f(c).
func (f HandlerFunc) ServeRTMP(c *Conn) { f(c) }

// Server accepts RTMP connections. Its zero values are sane defaults; while it serves, the fields change in Update only.
//
// A listener's connections may have a method TCPConn() *net.TCPConn or UnixConn() *net.UnixConn, which says that writing to
// that connection is the same as writing to them, and so costs no more than without them in between.
type Server struct {
	// Addr is the TCP address of ListenAndServe, ":1935" when empty.
	Addr string
	// Handler is called for each connection in a goroutine of its own.
	Handler Handler
	// TLSConfig is what ListenAndServeTLS and ServeTLS use beside their certificate. librtmp does not get through a
	// handshake with session tickets, so they are turned off in the copy that is used.
	TLSConfig *tls.Config
	// Limits bound what one connection can make the server hold.
	Limits Limits
	// HandshakeTimeout is how long a client may take for the TLS and the RTMP handshake together. Default 10 s.
	HandshakeTimeout time.Duration
	// WriteTimeout is how long a client may take no byte at all while something waits for it. Default 20 s.
	WriteTimeout time.Duration
	// MaxConns is the number of connections open at a time, MaxConnsPerAddr the same for one IP address (for IPv6 one
	// /64 network). Zero is no limit.
	MaxConns        int
	MaxConnsPerAddr int
	// Log gets one event for each connection that is refused or fails in the handshake. Nil is slog.Default.
	Log *slog.Logger

	stats ServerStats

	mu         sync.Mutex
	listeners  map[net.Listener]struct{}
	conns      map[net.Conn]netip.Prefix
	perAddr    map[netip.Prefix]int
	closed     bool
	onShutdown []func()
	wg         sync.WaitGroup
}

// ServerStats counts what happened at the door.
type ServerStats struct {
	Accepted        atomic.Uint64 // connections taken
	Refused         atomic.Uint64 // connections closed at once because of MaxConns or MaxConnsPerAddr
	HandshakeFailed atomic.Uint64 // connections that did not get through the handshake
}

// Stats returns the counters, which go on counting.
func (s *Server) Stats() *ServerStats { return &s.stats }

// Update calls change, which may set Limits, HandshakeTimeout, WriteTimeout, MaxConns and MaxConnsPerAddr, but no other
// field, of a server that serves. What it sets holds for connections that come from now on.
func (s *Server) Update(change func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// ActiveConns returns the number of open connections, those in the handshake included.
func (s *Server) ActiveConns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// ListenAndServe listens on Addr and serves. It returns ErrServerClosed after Shutdown or Close, or another error.
func (s *Server) ListenAndServe() error {
	addr := s.Addr
	if addr == "" {
		addr = ":1935"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// ListenAndServeTLS is ListenAndServe for RTMPS, on ":443" when Addr is empty, with the certificate of ServeTLS.
func (s *Server) ListenAndServeTLS(certFile, keyFile string) error {
	addr := s.Addr
	if addr == "" {
		addr = ":443"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return s.ServeTLS(l, certFile, keyFile)
}

// ServeTLS is Serve for RTMPS. The certificate and key are PEM files; both are empty when TLSConfig has certificates.
func (s *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	config := &tls.Config{}
	if s.TLSConfig != nil {
		config = s.TLSConfig.Clone()
	}
	config.SessionTicketsDisabled = true
	has := len(config.Certificates) > 0 || config.GetCertificate != nil || config.GetConfigForClient != nil
	if !has || certFile != "" || keyFile != "" {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			_ = l.Close()
			return err
		}
		config.Certificates = append(config.Certificates, cert)
	}
	return s.Serve(tls.NewListener(patientListener{l}, config))
}

// Serve accepts connections from l until the server is closed, and closes l. When the process runs out of
// descriptors it waits and tries again.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if !s.track(l) {
		return ErrServerClosed
	}
	defer s.untrack(l)
	var pause time.Duration
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = 0
			s.accept(nc)
			continue
		}
		if s.isClosed() {
			return ErrServerClosed
		}
		var ne net.Error
		if errors.Is(err, net.ErrClosed) || !errors.As(err, &ne) {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.log().Warn("accept failed", "error", err, "retry", pause)
		time.Sleep(pause)
	}
}

func (s *Server) log() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}

func (s *Server) accept(nc net.Conn) {
	key := addrKey(nc.RemoteAddr())
	if reason := s.admit(nc, key); reason != "" {
		s.stats.Refused.Add(1)
		s.log().Warn("connection refused", "remote", nc.RemoteAddr().String(), "reason", reason)
		_ = nc.Close()
		return
	}
	s.stats.Accepted.Add(1)
	go s.serve(nc)
}

// admit registers a connection or says why it may not come in.
func (s *Server) admit(nc net.Conn, key netip.Prefix) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return "the server is shutting down"
	case s.MaxConns > 0 && len(s.conns) >= s.MaxConns:
		return fmt.Sprintf("%d connections are open, the limit", len(s.conns))
	case s.MaxConnsPerAddr > 0 && key.IsValid() && s.perAddr[key] >= s.MaxConnsPerAddr:
		return fmt.Sprintf("%d connections are open from this address, the limit", s.perAddr[key])
	}
	if s.conns == nil {
		s.conns = make(map[net.Conn]netip.Prefix)
		s.perAddr = make(map[netip.Prefix]int)
	}
	s.conns[nc] = key
	s.perAddr[key]++
	s.wg.Add(1)
	return ""
}

func (s *Server) leave(nc net.Conn) {
	s.mu.Lock()
	key := s.conns[nc]
	delete(s.conns, nc)
	if s.perAddr[key]--; s.perAddr[key] <= 0 {
		delete(s.perAddr, key)
	}
	s.mu.Unlock()
	s.wg.Done()
}

// addrKey is what connections of one host have in common.
func addrKey(a net.Addr) netip.Prefix {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip := ap.Addr().Unmap()
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.WithZone("").Prefix(bits)
	return p
}

func (s *Server) serve(nc net.Conn) {
	c, err := s.handshake(nc)
	if err != nil {
		s.stats.HandshakeFailed.Add(1)
		s.log().Info("handshake failed", "remote", nc.RemoteAddr().String(), "error", err)
		_ = nc.Close()
		s.leave(nc)
		return
	}
	// In a goroutine of its own, which does not keep the handshake's deep stack for as long as the connection lasts.
	go s.run(nc, c)
}

func (s *Server) run(nc net.Conn, c *Conn) {
	defer s.leave(nc)
	defer c.Close()
	s.Handler.ServeRTMP(c)
}

func (s *Server) handshake(nc net.Conn) (*Conn, error) {
	s.mu.Lock()
	timeout, limits, writeTimeout := s.HandshakeTimeout, s.Limits, s.WriteTimeout
	s.mu.Unlock()
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	_ = nc.SetDeadline(time.Now().Add(timeout))
	if t, ok := nc.(*tls.Conn); ok {
		if err := t.Handshake(); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
	}
	c := newConn(nc, limits, writeTimeout)
	var err error
	if c.handshake, err = serverHandshake(&c.in, nc); err != nil {
		return nil, err
	}
	c.in.shrink()
	c.out.patience()
	return c, nc.SetDeadline(time.Time{})
}

// RegisterOnShutdown has f called, in a goroutine, when Shutdown begins: the place to tell clients.
func (s *Server) RegisterOnShutdown(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onShutdown = append(s.onShutdown, f)
}

// Shutdown stops accepting, calls what RegisterOnShutdown got, and waits until every connection has ended or ctx is
// done, whose error it returns then. Connections are not interrupted: Close does that.
func (s *Server) Shutdown(ctx context.Context) error {
	s.closeListeners()
	s.mu.Lock()
	calls := s.onShutdown
	s.onShutdown = nil
	s.mu.Unlock()
	for _, f := range calls {
		go f()
	}
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close stops accepting, ends every connection and waits for their goroutines.
func (s *Server) Close() error {
	s.closeListeners()
	s.mu.Lock()
	for nc := range s.conns {
		_ = hangUp(nc)
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

func (s *Server) closeListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for l := range s.listeners {
		_ = l.Close()
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.listeners == nil {
		s.listeners = make(map[net.Listener]struct{})
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) untrack(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}
