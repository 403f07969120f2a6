package rtmfp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/udp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// station is an endpoint with one identity, which answers each message with "re: " before it.
type station struct {
	*rtmfp.Endpoint
	t        testing.TB
	identity *flash.Identity
	accepted chan *guest
}

// guest handles a session. What it is told can be read from its channels, which hold more than any test needs: a shard does not wait.
type guest struct {
	session  *rtmfp.Session
	opened   chan struct{}
	messages chan string
	closed   chan error
}

func newGuest(s *rtmfp.Session) *guest {
	return &guest{session: s, opened: make(chan struct{}, 8), messages: make(chan string, 1<<14), closed: make(chan error, 8)}
}

func (g *guest) Opened(s *rtmfp.Session) {
	g.session = s
	g.opened <- struct{}{}
}

func (g *guest) Flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) { g.messages <- string(m.Data) }}
}

func (g *guest) Moved(*rtmfp.Session, rtmfp.Path) {}

func (g *guest) Closed(_ *rtmfp.Session, err error) { g.closed <- err }

// echoing is a guest that answers.
type echoing struct{ *guest }

func (e echoing) Flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	back, err := f.Session().OpenFlow(rtmfp.FlowConfig{Return: f})
	if err != nil {
		return nil
	}
	return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
		if _, err := back.Send(rtmfp.Outgoing{Body: append([]byte("re: "), m.Data...)}); err != nil {
			e.messages <- err.Error()
		}
	}}
}

const loopback = "127.0.0.1:0"

// newStation listens, by default at a port of the loopback interface.
func newStation(t testing.TB, config rtmfp.Config) *station {
	t.Helper()
	identity, err := flash.NewIdentity(flash.IdentityConfig{AcceptsAncillary: true, Groups: []flash.Group{flash.Group2}})
	if err != nil {
		t.Fatal(err)
	}
	return newStationOf(t, identity, config)
}

func newStationOf(t testing.TB, identity *flash.Identity, config rtmfp.Config) *station {
	t.Helper()
	config.Crypto = flash.Profile{}
	if config.Addresses == nil {
		config.Addresses = []string{loopback}
	}
	endpoint, err := rtmfp.Listen(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = endpoint.Close() })
	s := &station{Endpoint: endpoint, t: t, identity: identity, accepted: make(chan *guest, 1024)}
	s.add(name, identity)
	return s
}

// add has the station answer to another identity.
func (s *station) add(name string, identity *flash.Identity) {
	s.t.Helper()
	if err := s.AddIdentity(name, identity, rtmfp.Listener{Accept: s.accept}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) accept(session *rtmfp.Session) rtmfp.SessionHandler {
	g := newGuest(session)
	s.accepted <- g
	return echoing{g}
}

// to is how others dial the station.
func (s *station) to() rtmfp.DialConfig {
	return rtmfp.DialConfig{
		Identity: name, Addresses: s.Addrs()[:1], Discriminator: s.identity.Certificate().CanonicalDiscriminator(),
	}
}

// dial opens a session that must succeed.
func (s *station) dial(d rtmfp.DialConfig) *guest {
	s.t.Helper()
	g := newGuest(nil)
	d.Handler = g
	session, err := s.Dial(s.t.Context(), d)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(g.opened) != 1 || g.session != session {
		s.t.Fatal("the handler was not told before Dial returned")
	}
	return g
}

// say sends messages on a new flow.
func (g *guest) say(t testing.TB, messages ...string) {
	t.Helper()
	failed := make(chan error, 1)
	g.session.Do(func() { failed <- g.send(messages) })
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

func (g *guest) send(messages []string) error {
	f, err := g.session.OpenFlow(rtmfp.FlowConfig{})
	if err != nil {
		return err
	}
	for _, m := range messages {
		if _, err := f.Send(rtmfp.Outgoing{Body: []byte(m)}); err != nil {
			return err
		}
	}
	return nil
}

// talk sends many messages and checks that each is answered.
func (g *guest) talk(t testing.TB, messages int) {
	t.Helper()
	var all []string
	for i := range messages {
		all = append(all, fmt.Sprintf("%d %s", i, strings.Repeat("x", i%3000)))
	}
	g.say(t, all...)
	for _, m := range all {
		if got := <-g.messages; got != "re: "+m {
			t.Fatalf("got %.20q, want the answer to %.20q", got, m)
		}
	}
}

// cores counts the shards that have some of the endpoint's sessions.
func (s *station) cores() (sessions, cores int) {
	seen := make(map[*rtmfp.Core]bool)
	s.Sessions(func(session *rtmfp.Session) bool {
		seen[session.Core()] = true
		sessions++
		return true
	})
	return sessions, len(seen)
}

func TestMessagesGoBothWaysBetweenEndpoints(t *testing.T) {
	for _, shards := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d shards", shards), func(t *testing.T) {
			server := newStation(t, rtmfp.Config{Shards: shards})
			client := newStation(t, rtmfp.Config{Shards: shards})
			client.dial(server.to()).talk(t, 500)
		})
	}
}

func TestSessionsOfManyIdentitiesSpreadOverShards(t *testing.T) {
	const many = 24
	server := newStation(t, rtmfp.Config{Shards: 4})
	client := newStation(t, rtmfp.Config{Shards: 4})
	var clients []*station // each with a port of its own, by which the system spreads what starts a session
	for range many / 2 {
		clients = append(clients, newStation(t, rtmfp.Config{Shards: 2}))
	}
	var talking sync.WaitGroup
	for i := range many {
		as := fmt.Sprint("client ", i)
		identity, err := flash.NewIdentity(flash.IdentityConfig{Groups: []flash.Group{flash.Group2}})
		if err != nil {
			t.Fatal(err)
		}
		from := client
		if i < len(clients) {
			from = clients[i]
		}
		from.add(as, identity)
		talking.Go(func() {
			d := server.to()
			d.Identity = as
			g := newGuest(nil)
			d.Handler = g
			if _, err := from.Dial(t.Context(), d); err != nil {
				t.Error(err)
				return
			}
			if err := ask(g, "hello"); err != nil {
				t.Error(err)
			}
		})
	}
	talking.Wait()
	if sessions, cores := server.cores(); sessions != many || cores < 2 {
		t.Errorf("server: %d sessions on %d shards", sessions, cores)
	}
	if sessions, cores := client.cores(); sessions != many-len(clients) || cores < 2 {
		t.Errorf("client: %d sessions on %d shards", sessions, cores)
	}
	stats := server.Stats()
	if stats.SessionsAccepted != many || stats.Sessions != many || stats.Shards != 4 || len(stats.Sockets) != 4 || stats.Keying.Done != many {
		t.Errorf("stats: %+v", stats)
	}
	if stats.Keying.Busy <= 0 || stats.Keying.Refused != 0 || stats.Sockets[0].ReceiveCalls == 0 {
		t.Errorf("keying %+v, socket %+v", stats.Keying, stats.Sockets[0])
	}
}

// ask sends one message and waits for the answer.
func ask(g *guest, message string) error {
	failed := make(chan error, 1)
	g.session.Do(func() { failed <- g.send([]string{message}) })
	if err := <-failed; err != nil {
		return err
	}
	if got := <-g.messages; got != "re: "+message {
		return fmt.Errorf("got %q", got)
	}
	return nil
}

func TestEndpointAnswersAtAllItsAddresses(t *testing.T) {
	probe, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	_ = probe.Close()
	both := []string{loopback, "[::1]:0"}
	server := newStation(t, rtmfp.Config{Shards: 4, Addresses: both})
	client := newStation(t, rtmfp.Config{Shards: 2, Addresses: both})
	if len(server.Addrs()) != 2 || !server.Addrs()[1].Addr().Is6() {
		t.Fatal(server.Addrs())
	}
	for via, addr := range server.Addrs() {
		identity, err := flash.NewIdentity(flash.IdentityConfig{Groups: []flash.Group{flash.Group2}})
		if err != nil {
			t.Fatal(err)
		}
		as := addr.String()
		client.add(as, identity)
		d := server.to()
		d.Identity, d.Addresses = as, []netip.AddrPort{addr}
		g := client.dial(d)
		g.talk(t, 300)
		if path := g.session.Path(); path.Addr != addr || int(path.Interface) != via {
			t.Errorf("session to %v is at interface %d of %v", addr, path.Interface, path)
		}
		if at := g.session.NearAddress(); at != client.Addrs()[via] {
			t.Errorf("session to %v is from %v, not from %v", addr, at, client.Addrs()[via])
		}
		far := <-server.accepted
		if path := far.session.Path(); path.Addr != client.Addrs()[via] || int(path.Interface) != via {
			t.Errorf("session from %v is at interface %d of %v", client.Addrs()[via], path.Interface, path)
		}
	}
	if sockets := len(server.Stats().Sockets); sockets != 8 {
		t.Errorf("figures of %d sockets", sockets)
	}
}

func TestSocketsThatCannotShareAPortHaveOneShard(t *testing.T) {
	portable := rtmfp.Config{Shards: 4, Addresses: []string{loopback, loopback}, Socket: udp.Options{Portable: true}}
	server, client := newStation(t, portable), newStation(t, portable)
	d := server.to()
	d.Addresses = server.Addrs()[1:]
	client.dial(d).talk(t, 100)
	if stats := server.Stats(); stats.Shards != 1 || len(stats.Sockets) != 2 {
		t.Errorf("%d shards, %d sockets", stats.Shards, len(stats.Sockets))
	}
}

func TestSecondDialToOnePeerIsRefused(t *testing.T) {
	server := newStation(t, rtmfp.Config{Shards: 4})
	client := newStation(t, rtmfp.Config{Shards: 4})
	first := client.dial(server.to())
	_, err := client.Dial(t.Context(), server.to())
	var duplicate *rtmfp.DuplicateError
	if !errors.As(err, &duplicate) || duplicate.Session != first.session {
		t.Errorf("got %v", err)
	}
	if found := client.Peer(server.identity.Certificate().PeerID()); found != first.session {
		t.Errorf("Peer gives %p, want %p", found, first.session)
	}
	if found := client.Peer(rtmfp.PeerID{1}); found != nil {
		t.Error("Peer gives a session to nobody")
	}
}

func TestDialFailsAtOnceWithoutAWay(t *testing.T) {
	server := newStation(t, rtmfp.Config{})
	client := newStation(t, rtmfp.Config{})
	for _, test := range []struct {
		what  string
		spoil func(*rtmfp.DialConfig)
		want  error
	}{
		{"no identity", func(d *rtmfp.DialConfig) { d.Identity = "stranger" }, rtmfp.ErrNoIdentity},
		{"no address", func(d *rtmfp.DialConfig) { d.Addresses = nil }, rtmfp.ErrNoAddress},
		{"no port", func(d *rtmfp.DialConfig) { d.Addresses = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")} }, rtmfp.ErrNoAddress},
		{"no interface", func(d *rtmfp.DialConfig) { d.Addresses = []netip.AddrPort{netip.MustParseAddrPort("[::1]:1935")} }, rtmfp.ErrNoAddress},
	} {
		d := server.to()
		test.spoil(&d)
		d.Handler = rtmfp.SessionFuncs{OnClosed: func(*rtmfp.Session, error) { t.Errorf("%s: the handler was told", test.what) }}
		if s, err := client.Dial(t.Context(), d); !errors.Is(err, test.want) || s != nil {
			t.Errorf("%s: got %v, %v", test.what, s, err)
		}
	}
}

func TestDialIsGivenUpWithItsContext(t *testing.T) {
	client := newStation(t, rtmfp.Config{Shards: 2})
	silent, err := net.ListenPacket("udp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	d := client.to()
	d.Addresses = []netip.AddrPort{silent.LocalAddr().(*net.UDPAddr).AddrPort()}
	d.Handler = rtmfp.SessionFuncs{OnClosed: func(*rtmfp.Session, error) { t.Error("the handler was told") }}
	tired := errors.New("tired")
	go func() {
		var hello [4096]byte
		_, _, _ = silent.ReadFrom(hello[:])
		cancel(tired)
	}()
	if _, err := client.Dial(ctx, d); !errors.Is(err, tired) {
		t.Errorf("got %v", err)
	}
	if stats := client.Stats(); stats.Openings != 0 || stats.OpeningsFailed != 1 {
		t.Errorf("%d openings, %d failed", stats.Openings, stats.OpeningsFailed)
	}
	if _, err := client.Dial(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestDialToNobodyTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newEther()
		client := newStation(t, rtmfp.Config{Shards: 2, Addresses: []string{"10.0.0.1:0"}, Sockets: net.listen})
		d := client.to()
		d.Addresses = []netip.AddrPort{netip.MustParseAddrPort("10.0.0.2:1935")}
		began := time.Now()
		if _, err := client.Dial(t.Context(), d); !errors.Is(err, rtmfp.ErrTimeout) {
			t.Errorf("got %v", err)
		}
		if after := time.Since(began).Round(time.Second); after != 95*time.Second {
			t.Errorf("after %v", after)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		if _, err := client.Dial(ctx, d); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestIdentitiesComeAndGo(t *testing.T) {
	server := newStation(t, rtmfp.Config{Shards: 4})
	client := newStation(t, rtmfp.Config{Shards: 4})
	identity, err := flash.NewIdentity(flash.IdentityConfig{Groups: []flash.Group{flash.Group2}})
	if err != nil {
		t.Fatal(err)
	}
	server.add("second", identity)
	if err := server.AddIdentity("second", identity, rtmfp.Listener{}); !errors.Is(err, rtmfp.ErrIdentityExists) {
		t.Errorf("added twice: %v", err)
	}
	stays := client.dial(server.to())
	d := server.to()
	d.Discriminator = identity.Certificate().CanonicalDiscriminator()
	goes := client.dial(d)
	if goes.session.PeerID() != identity.Certificate().PeerID() {
		t.Error("the second identity did not answer")
	}
	if err := server.RemoveIdentity("second"); err != nil {
		t.Error(err)
	}
	if err := <-goes.closed; !errors.Is(err, rtmfp.ErrClosedByPeer) {
		t.Errorf("session of the identity that went: %v", err)
	}
	stays.talk(t, 10)
	if err := server.RemoveIdentity("second"); !errors.Is(err, rtmfp.ErrNoIdentity) {
		t.Errorf("removed twice: %v", err)
	}
	back := rtmfp.DialConfig{Identity: "second", Addresses: client.Addrs()}
	if _, err := server.Dial(t.Context(), back); !errors.Is(err, rtmfp.ErrNoIdentity) {
		t.Errorf("dialled under an identity that went: %v", err)
	}
	var dump bytes.Buffer
	if err := server.Dump(&dump); err != nil {
		t.Error(err)
	}
	got := dump.String()
	ours, gone := strings.Count(got, `identity "it" peer`), strings.Count(got, `identity "second" peer`)
	if strings.Count(got, "core ") != 4 || ours != 4 || gone != 0 {
		t.Errorf("dump:\n%s", got)
	}
}
