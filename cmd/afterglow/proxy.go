package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"

	"afterglow/configs"
	"afterglow/rtmp"
)

// proxyHeaders reads the PROXY headers (versions 1 and 2 of the PROXY protocol) of trusted proxies, for all listeners.
type proxyHeaders struct {
	config  *atomic.Pointer[configs.Config]
	server  *rtmp.Server
	log     *slog.Logger
	waiting atomic.Int64 // connections whose header has not come
}

// listen puts the reading of headers between a listener and the server.
func (h *proxyHeaders) listen(inner net.Listener) *proxyListener {
	l := &proxyListener{
		inner:   inner,
		headers: h,
		conns:   make(chan net.Conn),
		errs:    make(chan error),
		closing: make(chan struct{}),
		pending: make(map[net.Conn]struct{}),
	}
	l.running.Go(l.run)
	return l
}

// trusts says whether a connection must begin with a header.
func (h *proxyHeaders) trusts(a net.Addr) bool {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return false
	}
	ip := ap.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(h.config.Load().RTMP.ProxyProtocol, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// room says whether one more may wait for its header: the limit is the one on connections.
func (h *proxyHeaders) room() bool {
	return int(h.waiting.Load())+h.server.ActiveConns() < h.config.Load().Limits.Connections
}

// proxyListener accepts connections that are ready for a handshake. A proxy that does not send its header keeps
// nobody waiting.
type proxyListener struct {
	inner   net.Listener
	headers *proxyHeaders
	conns   chan net.Conn
	errs    chan error
	closing chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	pending map[net.Conn]struct{}
}

// Addr returns the address that is listened at.
func (l *proxyListener) Addr() net.Addr { return l.inner.Addr() }

// Accept returns the next connection that is ready, or net.ErrClosed.
func (l *proxyListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case err := <-l.errs:
		return nil, err
	case <-l.closing:
		return nil, net.ErrClosed
	}
}

// Close ends the listener and the connections that it has not handed on. It does not wait: see wait.
func (l *proxyListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	close(l.closing)
	for nc := range l.pending {
		_ = nc.Close()
	}
	return l.inner.Close()
}

// wait returns when everything that Close ends has ended.
func (l *proxyListener) wait() { l.running.Wait() }

func (l *proxyListener) run() {
	for {
		nc, err := l.inner.Accept()
		switch {
		case err != nil:
			// Whoever accepts decides whether and when to try again.
			if !l.report(err) || errors.Is(err, net.ErrClosed) {
				return
			}
		case l.headers.trusts(nc.RemoteAddr()):
			l.admit(nc)
		default:
			l.deliver(nc)
		}
	}
}

func (l *proxyListener) report(err error) bool {
	select {
	case l.errs <- err:
		return true
	case <-l.closing:
		return false
	}
}

func (l *proxyListener) deliver(nc net.Conn) {
	select {
	case l.conns <- nc:
	case <-l.closing:
		_ = nc.Close()
	}
}

// admit has the header read, if there is room.
func (l *proxyListener) admit(nc net.Conn) {
	h := l.headers
	if !h.room() {
		h.server.Stats().Refused.Add(1)
		h.log.Warn("connection refused", "remote", nc.RemoteAddr().String(), "reason", "too many connections wait for their PROXY header")
		_ = nc.Close()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = nc.Close()
		return
	}
	l.pending[nc] = struct{}{}
	h.waiting.Add(1)
	l.running.Go(func() { l.prepare(nc) })
}

// prepare reads the header and hands the connection on.
func (l *proxyListener) prepare(nc net.Conn) {
	h := l.headers
	defer h.waiting.Add(-1)
	ready, err := readProxyHeader(nc, h.config.Load().Limits.HandshakeTime)
	l.mu.Lock()
	delete(l.pending, nc)
	l.mu.Unlock()
	if err == nil {
		l.deliver(ready)
		return
	}
	_ = nc.Close()
	if errors.Is(err, net.ErrClosed) {
		return
	}
	level := slog.LevelInfo
	if errors.Is(err, io.EOF) {
		level = slog.LevelDebug // a proxy that looks whether somebody is there
	} else {
		h.server.Stats().HandshakeFailed.Add(1)
	}
	h.log.Log(context.Background(), level, "handshake failed", "remote", nc.RemoteAddr().String(), "error", err)
}

// readProxyHeader reads the header that a proxy must send first. A connection that the proxy says it makes itself keeps
// the proxy's address.
func readProxyHeader(nc net.Conn, timeout time.Duration) (*proxiedConn, error) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("PROXY header on a %T", nc)
	}
	_ = nc.SetReadDeadline(time.Now().Add(timeout))
	c := &proxiedConn{Conn: nc, tcp: tcp, rest: bufio.NewReader(nc), remote: nc.RemoteAddr()}
	if _, err := c.rest.Peek(1); err != nil {
		return nil, fmt.Errorf("PROXY header: %w", err)
	}
	header, err := proxyproto.Read(c.rest)
	if err != nil {
		return nil, fmt.Errorf("PROXY header from an address in rtmp.proxyProtocol: %w", err)
	}
	if source, _, ok := header.TCPAddrs(); ok && header.Command.IsProxy() {
		c.remote = source
	}
	return c, nil
}

// proxiedConn is a connection that came through a proxy.
type proxiedConn struct {
	net.Conn
	tcp    *net.TCPConn
	rest   *bufio.Reader // what was read behind the header; nil when it is used up
	remote net.Addr
}

// Proxied tells that RemoteAddr is what a proxy says.
func (c *proxiedConn) Proxied() bool { return true }

// RemoteAddr returns the client's address.
func (c *proxiedConn) RemoteAddr() net.Addr { return c.remote }

// TCPConn returns the connection beneath, to which the server may write at once.
func (c *proxiedConn) TCPConn() *net.TCPConn { return c.tcp }

// CloseWrite ends the sending direction.
func (c *proxiedConn) CloseWrite() error { return c.tcp.CloseWrite() }

// Read reads what came behind the header.
func (c *proxiedConn) Read(p []byte) (int, error) {
	if c.rest != nil && c.rest.Buffered() > 0 {
		return c.rest.Read(p)
	}
	c.rest = nil
	return c.tcp.Read(p)
}
