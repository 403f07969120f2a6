package udp_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"afterglow/rtmfp/udp"
)

func ignore(netip.AddrPort, []byte) {}

func read(t *testing.T, conn udp.Conn) int {
	t.Helper()
	n, err := conn.Read(ignore)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReadReturnsWhenItsTimeHasComeAndNotBefore(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn := open(t, "127.0.0.1:0", options)
		for i := range 20 {
			conn.SetWake(time.Now().Add(time.Hour)) // taken back
			wake := time.Now().Add(time.Duration(i%3) * time.Millisecond)
			conn.SetWake(wake.Add(-time.Millisecond)) // and put off
			if i%2 == 1 {
				read(t, conn) // here the poller may have learnt the earlier one
			}
			conn.SetWake(wake)
			if n := read(t, conn); n != 0 {
				t.Fatalf("%d datagrams from nowhere", n)
			}
			if early := time.Until(wake); early > 0 {
				t.Fatalf("%v too early", early)
			}
		}
	})
}

func TestAPutOffTimeDoesNotEndTheWait(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn, other := open(t, "127.0.0.1:0", options), open(t, "127.0.0.1:0", options)
		conn.SetWake(time.Now().Add(3 * time.Millisecond))
		send(other, conn.LocalAddr(), []byte("x"))
		other.Flush()
		if n := read(t, conn); n > 1 {
			t.Fatalf("%d datagrams", n)
		}
		wake := time.Now().Add(12 * time.Millisecond)
		conn.SetWake(wake)
		for read(t, conn) > 0 {
		}
		if early := time.Until(wake); early > 0 {
			t.Errorf("%v too early", early)
		}
	})
}

func TestDatagramsAreReadThoughTheTimeHasAlwaysCome(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn, other := open(t, "127.0.0.1:0", options), open(t, "127.0.0.1:0", options)
		conn.SetWake(time.Now())
		if n := read(t, conn); n != 0 {
			t.Fatalf("%d datagrams from nowhere", n)
		}
		for range 50 {
			send(other, conn.LocalAddr(), []byte("x"))
			other.Flush()
			for read(t, conn) == 0 {
				conn.SetWake(time.Now())
				conn.Wake()
			}
		}
	})
}

func TestWakeBeforeReadIsNotLost(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn := open(t, "127.0.0.1:0", options)
		for range 10 {
			conn.Wake()
			conn.Wake()
			if n := read(t, conn); n != 0 {
				t.Fatalf("%d datagrams from nowhere", n)
			}
		}
	})
}

// Wakes and times race with each other, and with datagrams. Each wake has to be answered: the test hangs if one gets lost.
func TestNoWakeIsLost(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn, noise := open(t, "127.0.0.1:0", options), open(t, "127.0.0.1:0", options)
		var asked, answered atomic.Int64
		answers := make(chan struct{}, 1)
		var group sync.WaitGroup
		group.Go(func() {
			for random := rand.New(rand.NewPCG(1, 2)); ; {
				if random.IntN(3) == 0 {
					conn.SetWake(time.Now().Add(time.Duration(random.IntN(200)) * time.Microsecond))
				} else {
					conn.SetWake(time.Time{})
				}
				if _, err := conn.Read(ignore); err != nil {
					return
				}
				if now := asked.Load(); now > answered.Load() {
					answered.Store(now)
					answers <- struct{}{}
				}
			}
		})
		for i := range 3000 {
			if i%5 == 0 {
				send(noise, conn.LocalAddr(), []byte("noise"))
				noise.Flush()
			}
			asked.Add(1)
			conn.Wake()
			<-answers
		}
		_ = conn.Close()
		group.Wait()
	})
}

func TestReadThatWaitsEndsWithClose(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		for i := range 20 {
			conn := open(t, "127.0.0.1:0", options)
			if i%2 == 1 {
				conn.SetWake(time.Now().Add(time.Hour))
			}
			ended := make(chan error)
			go func() {
				_, err := conn.Read(ignore)
				ended <- err
			}()
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Fatalf("Read ended with %v", err)
			}
		}
	})
}

func TestOthersMayLookWhileItWorks(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn := open(t, "127.0.0.1:0", options)
		stop := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = conn.Stats(), conn.LocalAddr()
					conn.Wake()
				}
			}
		})
		for range 200 {
			send(conn, conn.LocalAddr(), []byte("x"))
			conn.Flush()
			for read(t, conn) == 0 {
			}
		}
		close(stop)
		group.Wait()
	})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
			from, to := open(t, address, options), open(t, address, options)
			total := 0
			count := func(_ netip.AddrPort, datagram []byte) { total += len(datagram) }
			allocations := testing.AllocsPerRun(200, func() {
				to.SetWake(time.Now().Add(time.Hour))
				for range 5 {
					_ = from.Room()
					from.Send(1200, to.LocalAddr())
				}
				from.Flush()
				for total = 0; total < 5*1200; {
					if _, err := to.Read(count); err != nil {
						t.Fatal(err)
					}
				}
				to.Wake()
				_, _ = to.Read(count)
				to.SetWake(time.Now().Add(100 * time.Microsecond))
				_, _ = to.Read(count)
			})
			if allocations != 0 && !(options.Portable && allocations <= 4) { // package net allocates an error whenever a deadline passes
				t.Errorf("%s: %v allocations for a burst", address, allocations)
			}
		}
	})
}
