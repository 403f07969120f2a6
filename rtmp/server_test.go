package rtmp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// certTime is within every certificate of the tests, also in the virtual time of testing/synctest.
func certTime() time.Time { return time.Date(2024, 7, 2, 0, 0, 0, 0, time.UTC) }

func selfSigned(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    certTime().AddDate(-1, 0, 0),
		NotAfter:     certTime().AddDate(1, 0, 0),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// pipeListener accepts what is sent to conns.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// serve starts a server on a loopback port and stops it when the test ends.
func serve(t testing.TB, srv *Server) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if srv.Log == nil {
		srv.Log = slog.New(slog.DiscardHandler)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-done; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return "rtmp://" + l.Addr().String() + "/live"
}

// untilEnd reads until the connection ends.
func untilEnd(c *Conn) {
	for {
		if _, err := c.ReadMessage(); err != nil {
			return
		}
	}
}

// echo sends every message back.
func echo(c *Conn) {
	for {
		m, err := c.ReadMessage()
		if err != nil {
			return
		}
		if err := c.Send(m); err != nil {
			return
		}
	}
}

func checkEcho(t *testing.T, c *Conn) {
	t.Helper()
	want := Message{Type: TypeDataAMF0, Timestamp: 7, StreamID: 1, Payload: filled(1000)}
	if err := c.Send(want); err != nil {
		t.Fatal(err)
	}
	if m, err := c.ReadMessage(); err != nil || flatten(m) != flatten(want) {
		t.Fatalf("got %+v, %v", m, err)
	}
}

func TestServerAndDial(t *testing.T) {
	srv := &Server{Handler: HandlerFunc(echo)}
	url := serve(t, srv)
	for range 3 {
		c, err := Dial(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, c)
		c.Close()
	}
	if n := srv.Stats().Accepted.Load(); n != 3 {
		t.Errorf("%d accepted", n)
	}
}

func TestRTMPS(t *testing.T) {
	cert, roots := selfSigned(t)
	state := make(chan tls.ConnectionState, 1)
	srv := &Server{
		Log:       slog.New(slog.DiscardHandler),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		Handler: HandlerFunc(func(c *Conn) {
			s, _ := c.TLS()
			state <- s
			echo(c)
		}),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.ServeTLS(l, "", "") }()
	d := &Dialer{TLSConfig: &tls.Config{RootCAs: roots, Time: certTime}}
	c, err := d.Dial(t.Context(), "rtmps://"+l.Addr().String()+"/live")
	if err != nil {
		t.Fatal(err)
	}
	checkEcho(t, c)
	if s, ok := c.TLS(); !ok || s.DidResume {
		t.Errorf("%+v", s)
	}
	if s := <-state; !s.HandshakeComplete {
		t.Error("the handler ran before the TLS handshake")
	}
	c.CloseAfterFlush()
	if _, err := c.ReadMessage(); !errors.Is(err, io.EOF) {
		t.Errorf("the goodbye was answered by %v", err)
	}
	c.Close()
	if _, err := Dial(t.Context(), "rtmps://"+l.Addr().String()+"/live"); err == nil {
		t.Error("a certificate that nobody vouches for was accepted")
	}
	srv.Close()
	if err := <-done; !errors.Is(err, ErrServerClosed) {
		t.Errorf("ServeTLS: %v", err)
	}
	if srv.TLSConfig.SessionTicketsDisabled {
		t.Error("the caller's configuration was changed")
	}
}

func TestServeTLSNeedsACertificate(t *testing.T) {
	l := newPipeListener()
	if err := new(Server).ServeTLS(l, "", ""); err == nil {
		t.Error("no error")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error("the listener was left open")
	}
	if err := (&Server{Addr: "127.0.0.1:0"}).ListenAndServeTLS("no.pem", "no.key"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestListenErrors(t *testing.T) {
	srv := &Server{Addr: "256.0.0.1:x"}
	if err := srv.ListenAndServe(); err == nil {
		t.Error("no error")
	}
	if err := srv.ListenAndServeTLS("", ""); err == nil {
		t.Error("no error")
	}
	srv.Close()
	srv.Addr = "127.0.0.1:0"
	if err := srv.ListenAndServe(); !errors.Is(err, ErrServerClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestConnectionLimits(t *testing.T) {
	tests := []struct {
		name string
		srv  *Server
	}{
		{"in total", &Server{MaxConns: 2}},
		{"for each address", &Server{MaxConnsPerAddr: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			left := make(chan struct{}, 10)
			tt.srv.Handler = HandlerFunc(func(c *Conn) {
				echo(c)
				left <- struct{}{}
			})
			url := serve(t, tt.srv)
			var open []*Conn
			for range 2 {
				c, err := Dial(t.Context(), url)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				open = append(open, c)
			}
			if _, err := Dial(t.Context(), url); err == nil {
				t.Fatal("the third was let in")
			}
			if n := tt.srv.Stats().Refused.Load(); n != 1 {
				t.Errorf("%d refused", n)
			}
			checkEcho(t, open[0])
			open[1].Close()
			<-left
			for tt.srv.ActiveConns() == 2 {
				runtime.Gosched()
			}
			c, err := Dial(t.Context(), url)
			if err != nil {
				t.Fatalf("after one left: %v", err)
			}
			c.Close()
		})
	}
}

func TestAddressesThatBelongTogether(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:2", true},
		{"[2001:db8::1]:1", "[2001:db8::ffff]:1", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"[fe80::1%eth0]:1", "[fe80::2%eth1]:1", true},
	}
	for _, tt := range tests {
		if got := addrKey(named(tt.a)) == addrKey(named(tt.b)); got != tt.same {
			t.Errorf("%s and %s: %v", tt.a, tt.b, got)
		}
	}
	if addrKey(named("@socket")).IsValid() {
		t.Error("a socket without an address has one")
	}
}

type named string

func (named) Network() string  { return "tcp" }
func (n named) String() string { return string(n) }

// Connections that have no address have nothing in common.
func TestPipesAreNotOneAddress(t *testing.T) {
	srv := &Server{MaxConnsPerAddr: 1, Handler: HandlerFunc(echo)}
	for range 2 {
		near, far := net.Pipe()
		srv.accept(far)
		c, err := new(Dialer).NewConn(t.Context(), near)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	srv.Close()
}

func TestShutdownWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		told := make(chan struct{})
		var conns []*Conn
		var mu sync.Mutex
		srv := &Server{Handler: HandlerFunc(func(c *Conn) {
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			untilEnd(c)
		})}
		srv.RegisterOnShutdown(func() {
			close(told)
			mu.Lock()
			defer mu.Unlock()
			for _, c := range conns {
				_ = c.Send(data(10))
				c.CloseAfterFlush()
			}
		})
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		near, far := net.Pipe()
		l.conns <- far
		c, err := new(Dialer).NewConn(t.Context(), near)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a connection open: %v", err)
		}
		<-told
		if err := <-served; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		if m, err := c.ReadMessage(); err != nil || len(m.Payload) != 10 {
			t.Errorf("the client was not told: %v", err)
		}
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if n := srv.ActiveConns(); n != 0 {
			t.Errorf("%d connections are open", n)
		}
		if err := srv.Serve(newPipeListener()); !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve after Shutdown: %v", err)
		}
		c.Close()
	})
}

func TestCloseEndsConnectionsInEveryState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		srv := &Server{Log: slog.New(slog.DiscardHandler), Handler: HandlerFunc(func(c *Conn) {
			untilEnd(c)
			close(ended)
		})}
		idle, far := net.Pipe()
		defer idle.Close()
		srv.accept(far)
		near, far := net.Pipe()
		srv.accept(far)
		c, err := new(Dialer).NewConn(t.Context(), near)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		srv.Close()
		<-ended
		if _, err := c.ReadMessage(); !errors.Is(err, io.EOF) {
			t.Errorf("the client reads %v", err)
		}
		c.Close()
		late, far := net.Pipe()
		srv.accept(far)
		if _, err := late.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a late one reads %v", err)
		}
	})
}

// exhausted fails a few times as a process does that has no descriptors left.
type exhausted struct {
	*pipeListener
	failures int
}

func (l *exhausted) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Err: errors.New("too many open files")}
	}
	return l.pipeListener.Accept()
}

func TestServeOutlivesFailingAccepts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &exhausted{newPipeListener(), 12}
		srv := &Server{Log: slog.New(slog.DiscardHandler), Handler: HandlerFunc(echo)}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		near, far := net.Pipe()
		l.conns <- far
		c, err := new(Dialer).NewConn(t.Context(), near)
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, c)
		c.Close()
		srv.Close()
		if err := <-served; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestFailedHandshakeIsLoggedOnce(t *testing.T) {
	var log strings.Builder
	srv := &Server{Log: slog.New(slog.NewTextHandler(&log, nil)), Handler: HandlerFunc(func(*Conn) { t.Error("the handler was called") })}
	near, far := net.Pipe()
	srv.accept(far)
	if _, err := near.Write([]byte("G")); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the client reads %v", err)
	}
	srv.Close()
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "0x47") || !strings.Contains(log.String(), "remote=") {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
}

func listenTCP(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func tlsConfig(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}
