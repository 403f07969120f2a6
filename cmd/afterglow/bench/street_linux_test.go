package bench

import (
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"afterglow/rtmfp/udp"
)

// newTestStreet is a street that leads to a plain socket.
func newTestStreet(t *testing.T) (*street, *net.UDPConn) {
	t.Helper()
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	to := server.LocalAddr().(*net.UDPAddr).AddrPort()
	s, err := newStreet(to, 100*time.Microsecond, udp.Options{ReceiveBuffer: 1 << 20, SendBuffer: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, server
}

// read reads until that brings something.
func (s *street) read(t *testing.T, receive func(from netip.AddrPort, datagram []byte)) {
	t.Helper()
	for n := 0; n == 0; {
		var err error
		if n, err = s.Read(receive); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEachHouseSendsAndHearsForItself(t *testing.T) {
	s, server := newTestStreet(t)
	server.SetDeadline(time.Now().Add(20 * time.Second))
	answer := make([]byte, 100)
	for n := range 300 {
		at := netip.AddrPortFrom(house(n), s.server.Port())
		s.Send(copy(s.Room(), house(n).String()), at)
		s.Flush()
		size, from, err := server.ReadFromUDPAddrPort(answer)
		if err != nil || from.Addr() != house(n) || from.Port() != s.port || string(answer[:size]) != house(n).String() {
			t.Fatalf("house %d: %q from %s, %v", n, answer[:size], from, err)
		}
		if _, err := server.WriteToUDPAddrPort(answer[:size], from); err != nil {
			t.Fatal(err)
		}
		s.read(t, func(from netip.AddrPort, datagram []byte) {
			if from != at || string(datagram) != house(n).String() {
				t.Errorf("house %d hears %q from %s", n, datagram, from)
			}
		})
	}
	if stats := s.Stats(); stats.Sent != 300 || stats.Received != 300 || stats.Dropped() != 0 || stats.ReceiveOverflows != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestStreetHearsNobodyButTheServer(t *testing.T) {
	s, server := newTestStreet(t)
	stranger, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(s.LocalAddr()))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if _, err := stranger.Write([]byte("strange")); err != nil {
		t.Fatal(err)
	}
	if _, err := server.WriteToUDPAddrPort([]byte("known"), s.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	s.read(t, func(_ netip.AddrPort, datagram []byte) {
		if string(datagram) != "known" {
			t.Errorf("heard %q", datagram)
		}
	})
}

// A ring must end a Read whenever it comes: within one, between two, and while the street gathers.
func TestStreetIsRungOutOfAnyWait(t *testing.T) {
	s, server := newTestStreet(t)
	var rung atomic.Int64
	rings := make(chan struct{})
	defer close(rings)
	go func() {
		for range rings {
			_, _ = server.WriteToUDPAddrPort([]byte("something to gather after"), s.LocalAddr())
			rung.Add(1) // before it rings: a Read that ends later finds it
			s.Wake()
		}
	}()
	for n := range int64(500) {
		rings <- struct{}{}
		for rung.Load() <= n {
			if _, err := s.Read(func(netip.AddrPort, []byte) {}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestStreetThatGathersIsRungOutOfIt(t *testing.T) {
	s, server := newTestStreet(t)
	s.gather = time.Hour
	if _, err := server.WriteToUDPAddrPort([]byte("something to gather after"), s.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	s.read(t, func(netip.AddrPort, []byte) {})
	returned := make(chan error)
	go func() {
		_, err := s.Read(func(netip.AddrPort, []byte) {})
		returned <- err
	}()
	for s.state.Load() != streetWaiting {
		runtime.Gosched()
	}
	s.Wake()
	if err := <-returned; err != nil {
		t.Error(err)
	}
}

func TestStreetReturnsInTimeAndWhenClosed(t *testing.T) {
	s, _ := newTestStreet(t)
	s.SetWake(time.Now().Add(time.Millisecond))
	if n, err := s.Read(nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s.Wake()
	if _, err := s.Read(nil); err != net.ErrClosed {
		t.Errorf("%v, want net.ErrClosed", err)
	}
}

func TestHousesAreManyAndTheirOwn(t *testing.T) {
	seen := map[netip.Addr]bool{}
	for n := range houses {
		if h := house(n); seen[h] || !h.IsLoopback() {
			t.Fatalf("house %d is %s", n, h)
		}
		seen[house(n)] = true
	}
}

func TestDropsAreThoseOfThePort(t *testing.T) {
	const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  251: 0100007F:078F 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4026 2 0000000000000000 17
  252: 0100007F:0790 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4027 2 0000000000000000 5
  253: 00000000:078F 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4028 2 0000000000000000 3
`
	if got := dropsIn([]byte(table), ":078F"); got != 20 {
		t.Errorf("%d drops, want 20", got)
	}
	if got := dropsOn(netip.MustParseAddrPort("192.0.2.1:1935")); got != 0 {
		t.Errorf("%d drops of another machine", got)
	}
}
