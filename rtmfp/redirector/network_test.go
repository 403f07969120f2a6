package redirector

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// town is a network with a redirector, servers and clients, in virtual time.
type town struct {
	*ether
	t    *testing.T
	lb   *Server
	at   netip.AddrPort // the redirector
	logs *logs
	end  *rtmfp.Endpoint
}

// logs keeps what was logged.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// count is how many lines have all these words.
func (l *logs) count(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
lines:
	for line := range strings.Lines(l.text.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

const lbName = "lb.example"

// inTown runs a test in virtual time.
func inTown(t *testing.T, config ServerConfig, f func(w *town)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &town{ether: newEther(), t: t, at: netip.MustParseAddrPort("10.0.0.1:1935"), logs: new(logs)}
		w.openRedirector(config)
		f(w)
	})
}

// openRedirector opens the redirector, again after a crash.
func (w *town) openRedirector(config ServerConfig) {
	w.t.Helper()
	config.Name = lbName
	if config.Users == nil && !config.Open {
		config.Users = map[string][]byte{"user": []byte("secret"), "second": []byte("other")}
	}
	config.Log = slog.New(slog.NewTextHandler(w.logs, nil))
	var err error
	if w.lb, err = NewServer(config); err != nil {
		w.t.Fatal(err)
	}
	w.end = w.open(w.lb.Endpoint(rtmfp.Config{Addresses: []string{w.at.String()}}))
}

func (w *town) open(config rtmfp.Config) *rtmfp.Endpoint {
	w.t.Helper()
	config.Crypto, config.Sockets, config.Shards, config.KeyWorkers = flash.Profile{}, w.listen, 2, 2
	e, err := rtmfp.Listen(w.t.Context(), config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = e.Close() })
	return e
}

func (w *town) identity(config flash.IdentityConfig) *flash.Identity {
	w.t.Helper()
	config.Groups = []flash.Group{flash.Group2}
	identity, err := flash.NewIdentity(config)
	if err != nil {
		w.t.Fatal(err)
	}
	return identity
}

// node is a server that counts its clients.
type node struct {
	*rtmfp.Endpoint
	at        netip.AddrPort
	identity  *flash.Identity
	registrar *Registrar

	mu       sync.Mutex
	clients  int
	statuses []Status
}

// serve opens a server in house n. It has two identities, of which "live" is the one that clients are to find.
func (w *town) serve(n int) *node {
	w.t.Helper()
	house := netip.AddrFrom4([4]byte{10, 0, 1, byte(n)})
	s := &node{at: netip.AddrPortFrom(house, 1935), identity: w.identity(flash.IdentityConfig{AcceptsAncillary: true})}
	s.Endpoint = w.open(rtmfp.Config{Addresses: []string{s.at.String()}, Identity: w.identity(flash.IdentityConfig{})})
	accept := func(*rtmfp.Session) rtmfp.SessionHandler {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.clients++
		return rtmfp.SessionFuncs{}
	}
	if err := s.AddIdentity("live", s.identity, rtmfp.Listener{Accept: accept}); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// register opens a server that registers, with the right password unless change says otherwise.
func (w *town) register(n int, change func(*RegistrarConfig)) *node {
	w.t.Helper()
	s := w.serve(n)
	config := RegistrarConfig{
		Name: lbName, Addresses: []string{w.at.String()}, Identity: "live",
		Credentials: []Credential{{"user", []byte("secret")}}, Status: s.note, Log: slog.New(slog.NewTextHandler(w.logs, nil)),
	}
	if change != nil {
		change(&config)
	}
	var err error
	if s.registrar, err = Register(s.Endpoint, config); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.registrar.Close)
	w.settle()
	return s
}

func (s *node) note(status Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses = append(s.statuses, status)
}

// heard gives the states that were told, in order.
func (s *node) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, status := range s.statuses {
		names = append(names, status.State.String())
	}
	return strings.Join(names, " ")
}

func (s *node) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clients
}

// settle lets packets go to and fro.
func (w *town) settle() {
	time.Sleep(300 * time.Millisecond)
	synctest.Wait()
}

func (w *town) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// client opens a client.
func (w *town) client() *rtmfp.Endpoint {
	w.t.Helper()
	return w.open(rtmfp.Config{Addresses: []string{"10.0.2.1:0"}, Identity: w.identity(flash.IdentityConfig{})})
}

// connect has a client look for somebody at the redirector, and gives where its session is.
func (w *town) connect(client *rtmfp.Endpoint, discriminator []byte) (netip.AddrPort, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	s, err := client.Dial(ctx, rtmfp.DialConfig{Addresses: []netip.AddrPort{w.at}, Discriminator: discriminator})
	if err != nil {
		return netip.AddrPort{}, err
	}
	return s.Path().Addr, nil
}

// visit is connect of a new client by a URI, which is gone afterwards.
func (w *town) visit() string {
	w.t.Helper()
	c := w.client()
	defer c.Close()
	at, err := w.connect(c, flash.URI("rtmfp://lb.example/live"))
	if err != nil {
		return "nobody"
	}
	return fmt.Sprint(at.Addr())
}
