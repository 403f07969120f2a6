package simnet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/udp"
)

// line is a socket and its host.
type line struct {
	udp.Conn
	host *simnet.Host
}

func open(t testing.TB, l *simnet.Live, host *simnet.Host) line {
	t.Helper()
	return line{openAll(t, l, host, ":0", 1, udp.Options{})[0], host}
}

func openAll(t testing.TB, l *simnet.Live, host *simnet.Host, address string, count int, options udp.Options) []udp.Conn {
	t.Helper()
	sockets, err := l.Sockets(host)(t.Context(), address, count, options)
	if err != nil {
		t.Fatal(err)
	}
	return sockets
}

func queue(s udp.Conn, to netip.AddrPort, data string) { s.Send(copy(s.Room(), data), to) }

func (l line) send(to netip.AddrPort, data string) {
	queue(l, to, data)
	l.Flush()
}

// read gives what one Read does.
func read(t testing.TB, s udp.Conn) (got []string) {
	t.Helper()
	n, err := s.Read(func(from netip.AddrPort, datagram []byte) { got = append(got, fmt.Sprint(from, " ", string(datagram))) })
	if n != len(got) || err != nil {
		t.Errorf("Read gives %d, %v, and %d datagrams", n, err, len(got))
	}
	return got
}

func TestSocketsCarryDatagrams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		a, b := open(t, w.Live, w.NewHost(public(1))), open(t, w.Live, w.NewHost(public(2)))
		w.Do(func() { a.host.SetLinks(simnet.Conditions{Delay: 30 * time.Millisecond}) })
		queue(a, public(2), "one")
		queue(a, public(2), "two")
		a.Room() // spoils nothing
		b.SetWake(time.Now().Add(time.Hour))
		began := time.Now()
		a.Flush()
		got := read(t, b)
		if len(got) == 1 { // the second had not come when the first was taken
			got = append(got, read(t, b)...)
		}
		if !slices.Equal(got, []string{"192.0.2.1:1935 one", "192.0.2.1:1935 two"}) {
			t.Errorf("got %q", got)
		}
		if took := time.Since(began); took != 30*time.Millisecond {
			t.Errorf("took %v", took)
		}
		sent, received := a.Stats(), b.Stats()
		if sent.Sent != 2 || sent.SentBytes != 6 || sent.SendCalls != 1 || received.Received != 2 || received.ReceivedBytes != 6 {
			t.Errorf("sent %+v, received %+v", sent, received)
		}
	})
}

func TestReadReturnsWhenItIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		s := open(t, w.Live, w.NewHost(public(1)))
		s.Wake()
		s.Wake()
		read(t, s) // returns at once, and only once
		began := time.Now()
		s.SetWake(began.Add(time.Minute))
		read(t, s)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("the alarm came after %v", took)
		}
		read(t, s) // the alarm has passed
		s.SetWake(time.Time{})
		go func() {
			time.Sleep(time.Hour)
			s.Wake()
		}()
		read(t, s)
		if took := time.Since(began); took != time.Hour+time.Minute {
			t.Errorf("without an alarm Read returned after %v", took)
		}
	})
}

func TestReadGivesWhatIsThereAfterTheAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		s := open(t, w.Live, w.NewHost(public(1)))
		s.SetWake(time.Now().Add(-time.Second))
		s.send(public(1), "to myself")
		if got := read(t, s); len(got) != 1 {
			t.Errorf("got %q", got)
		}
	})
}

func TestReadEndsWithTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		host := w.NewHost(public(1))
		s := open(t, w.Live, host)
		ended := make(chan error)
		go func() {
			_, err := s.Read(func(netip.AddrPort, []byte) { t.Error("a datagram") })
			ended <- err
		}()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
		if err := s.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
		s.send(public(1), "too late")
		if stats := s.Stats(); stats.DroppedOther != 1 || stats.Sent != 0 {
			t.Errorf("%+v", stats)
		}
		open(t, w.Live, host) // the address is free again
	})
}

func TestNothingReachesAHostWithoutSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		fates := make(map[simnet.Fate]int)
		w.Do(func() { w.Network().Tap(func(e simnet.Event) { fates[e.Fate]++ }) })
		a, b := open(t, w.Live, w.NewHost(public(1))), open(t, w.Live, w.NewHost(public(2)))
		a.send(public(2), "one")
		b.Close()
		a.send(public(2), "two")
		w.Do(func() {
			if fates[simnet.Delivered] != 1 || fates[simnet.Unreachable] != 1 || len(fates) != 2 {
				t.Errorf("%v", fates)
			}
		})
	})
}

func TestFullInboxDropsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		const header, size, fit = 28, 1000, 100
		a := open(t, w.Live, w.NewHost(public(1)))
		b := openAll(t, w.Live, w.NewHost(public(2)), ":1935", 1, udp.Options{ReceiveBuffer: fit * (size + header)})[0]
		for range fit + 7 {
			a.send(public(2), strings.Repeat("x", size))
		}
		if first, second := len(read(t, b)), len(read(t, b)); first+second != fit || first > 64 {
			t.Errorf("%d and %d datagrams, where %d have room", first, second, fit)
		}
		if stats := b.Stats(); stats.ReceiveOverflows != 7 || stats.Received != fit || stats.ReceiveBuffer != fit*(size+header) {
			t.Errorf("%+v", stats)
		}
		a.send(public(2), "again")
		if got := read(t, b); len(got) != 1 {
			t.Errorf("got %q", got)
		}
	})
}

func TestWhatCannotBeSentIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		s := open(t, w.Live, w.NewHost(public(1)))
		s.send(netip.MustParseAddrPort("[2001:db8::1]:1935"), "another family")
		s.send(netip.AddrPort{}, "nowhere")
		s.send(netip.AddrPortFrom(public(2).Addr(), 0), "no port")
		s.send(public(2), strings.Repeat("x", rtmfp.MaxDatagram+1))
		s.send(public(2), strings.Repeat("x", rtmfp.MaxDatagram))
		s.send(public(2), "")
		if stats := s.Stats(); stats.DroppedOther != 3 || stats.DroppedTooLong != 1 || stats.Sent != 1 || stats.Dropped() != 4 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestGroupIsSpreadByFarAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		group := openAll(t, w.Live, w.NewHost(public(1)), "192.0.2.1:1935", 4, udp.Options{})
		for i := range 60 {
			s := open(t, w.Live, w.NewHost(public(byte(2+i))))
			s.send(public(1), "one")
			s.send(public(1), "two")
		}
		for i, s := range group {
			s.SetWake(time.Now())
			count := make(map[string]int)
			for _, got := range read(t, s) {
				count[strings.Fields(got)[0]]++
			}
			if len(count) < 5 {
				t.Errorf("socket %d hears %d hosts", i, len(count))
			}
			for from, n := range count {
				if n != 2 {
					t.Errorf("%v came to several sockets", from)
				}
			}
		}
	})
}

func TestSocketStaysWithAnInterfaceThatMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		a, b := open(t, w.Live, w.NewHost(public(1))), open(t, w.Live, w.NewHost(public(2)))
		w.Do(func() { b.host.Move(0, public(3), nil) })
		if got := b.LocalAddr(); got != public(3) {
			t.Errorf("the socket is at %v", got)
		}
		a.send(public(2), "where you were")
		a.send(public(3), "where you are")
		if got := read(t, b); !slices.Equal(got, []string{"192.0.2.1:1935 where you are"}) {
			t.Errorf("got %q", got)
		}
	})
}

func TestEachInterfaceHasSocketsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		six := netip.MustParseAddrPort("[2001:db8::1]:1935")
		host := w.NewHost(public(1), six, public(2))
		want := []struct {
			address string
			at      netip.AddrPort
		}{{"[::]:1935", six}, {":0", public(1)}, {"0.0.0.0:0", public(2)}}
		var sockets []udp.Conn
		for _, x := range want {
			s := openAll(t, w.Live, host, x.address, 1, udp.Options{})[0]
			if s.LocalAddr() != x.at {
				t.Errorf("%q is %v, want %v", x.address, s.LocalAddr(), x.at)
			}
			sockets = append(sockets, s)
		}
		queue(sockets[1], public(2), "hello")
		sockets[1].Flush()
		if got := read(t, sockets[2]); !slices.Equal(got, []string{"192.0.2.1:1935 hello"}) {
			t.Errorf("got %q", got)
		}
	})
}

func TestListenRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		taken, free := w.NewHost(public(1)), w.NewHost(public(2))
		open(t, w.Live, taken)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, x := range []struct {
			ctx     context.Context
			host    *simnet.Host
			address string
			count   int
			want    error
		}{
			{t.Context(), taken, ":0", 1, syscall.EADDRINUSE},
			{t.Context(), free, ":1936", 1, syscall.EADDRNOTAVAIL},
			{t.Context(), free, "192.0.2.1:0", 1, syscall.EADDRNOTAVAIL},
			{t.Context(), free, "[::]:0", 1, syscall.EADDRNOTAVAIL},
			{ended, free, ":0", 1, context.Canceled},
			{t.Context(), free, ":0", 0, nil},
			{t.Context(), free, ":0", udp.MaxGroup + 1, nil},
			{t.Context(), free, "1935", 1, nil},
			{t.Context(), free, "localhost:1935", 1, nil},
			{t.Context(), free, ":65536", 1, nil},
		} {
			sockets, err := w.Sockets(x.host)(x.ctx, x.address, x.count, udp.Options{})
			if sockets != nil || err == nil || x.want != nil && !errors.Is(err, x.want) {
				t.Errorf("%d at %q: %v, %v", x.count, x.address, sockets, err)
			}
		}
		open(t, w.Live, free)
	})
}
