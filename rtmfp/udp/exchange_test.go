package udp_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"afterglow/rtmfp/udp"
)

// patience is when a test gives up waiting for what should be there already.
const patience = 20 * time.Second

var families = []struct{ name, address, host string }{
	{"IPv4", "127.0.0.1:0", "127.0.0.1"},
	{"IPv6", "[::1]:0", "::1"},
	{"both by IPv4", ":0", "127.0.0.1"},
	{"both by IPv6", "[::]:0", "::1"},
}

type received struct {
	from netip.AddrPort
	data []byte
}

// collect reads count datagrams, copies of them.
func collect(t *testing.T, conn udp.Conn, count int) []received {
	t.Helper()
	var all []received
	deadline := time.Now().Add(patience)
	conn.SetWake(deadline)
	for len(all) < count {
		before := len(all)
		n, err := conn.Read(func(from netip.AddrPort, datagram []byte) {
			all = append(all, received{from, bytes.Clone(datagram)})
			clear(datagram) // it belongs to the receiver, and no other is harmed
		})
		if err != nil {
			t.Fatal(err)
		}
		if n != len(all)-before {
			t.Fatalf("Read returned %d for %d datagrams", n, len(all)-before)
		}
		if n == 0 && !time.Now().Before(deadline) {
			t.Fatalf("%d of %d datagrams arrived: %+v", len(all), count, conn.Stats())
		}
	}
	conn.SetWake(time.Time{})
	return all
}

// pattern is a datagram that differs from all others in every part.
func pattern(number, size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(number*31 + i*7 + i>>8)
	}
	if size >= 4 {
		binary.BigEndian.PutUint32(data, uint32(number))
	}
	return data
}

func send(conn udp.Conn, to netip.AddrPort, data []byte) {
	conn.Send(copy(conn.Room(), data), to)
}

func at(host string, conn udp.Conn) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(host), conn.LocalAddr().Port())
}

// eachPair runs test for each kind of sender with each kind of receiver.
func eachPair(t *testing.T, test func(t *testing.T, sender, receiver udp.Options)) {
	for _, sender := range kinds {
		for _, receiver := range kinds {
			t.Run(fmt.Sprintf("%s to %s", sender.name, receiver.name), func(t *testing.T) {
				test(t, sender.options, receiver.options)
			})
		}
	}
}

// eachKind runs test for each kind of socket.
func eachKind(t *testing.T, test func(t *testing.T, options udp.Options)) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) { test(t, kind.options) })
	}
}

func TestDatagramsArriveInOrderByteForByte(t *testing.T) {
	runs := [][]int{
		{1200}, {1}, {1200, 1200, 1200, 1200, 700}, {1200, 1200, 1201}, {700, 1200, 1200}, {40, 40, 40, 39, 40, 41, 1},
		{udp.RoomSize}, {4400, 4400, 4400}, {16, 1200, 1200, 1200, 1200, 1200, 1200, 16, 16, 16},
	}
	eachPair(t, func(t *testing.T, sender, receiver udp.Options) {
		for _, family := range families {
			t.Run(family.name, func(t *testing.T) {
				from := open(t, family.address, sender)
				to := []udp.Conn{open(t, family.address, receiver), open(t, family.address, receiver)}
				number := 0
				for _, sizes := range runs {
					want := make([][][]byte, len(to))
					for i, size := range append(sizes, sizes...) {
						target := i / len(sizes)
						number++
						data := pattern(number, size)
						want[target] = append(want[target], data)
						send(from, at(family.host, to[target]), data)
					}
					from.Flush()
					for i, conn := range to {
						expect(t, collect(t, conn, len(sizes)), want[i], at(family.host, from))
					}
				}
			})
		}
	})
}

func expect(t *testing.T, got []received, want [][]byte, from netip.AddrPort) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d datagrams arrived, want %d", len(got), len(want))
	}
	for i, r := range got {
		if r.from != from {
			t.Errorf("datagram %d is from %v, want %v", i, r.from, from)
		}
		if !bytes.Equal(r.data, want[i]) {
			t.Errorf("datagram %d has %d bytes that differ from the %d sent", i, len(r.data), len(want[i]))
		}
	}
}

func TestMoreThanABatchIsFlushedByItself(t *testing.T) {
	eachPair(t, func(t *testing.T, sender, receiver udp.Options) {
		for _, size := range []int{8, 1200, 4400} {
			from := open(t, "127.0.0.1:0", sender)
			to := []udp.Conn{open(t, "127.0.0.1:0", receiver), open(t, "127.0.0.1:0", receiver)}
			const each = 150
			for i := range 2 * each { // alternating, so that none can be joined
				send(from, to[i%2].LocalAddr(), pattern(i, size))
			}
			for i := range each { // and a run that is more than one message can have
				send(from, to[0].LocalAddr(), pattern(2*each+i, size))
			}
			from.Flush()
			var even, odd [][]byte
			for i := range each {
				even, odd = append(even, pattern(2*i, size)), append(odd, pattern(2*i+1, size))
			}
			for i := range each {
				even = append(even, pattern(2*each+i, size))
			}
			expect(t, collect(t, to[0], len(even)), even, from.LocalAddr())
			expect(t, collect(t, to[1], len(odd)), odd, from.LocalAddr())
			if s := from.Stats(); s.Sent != 3*each || s.SentBytes != uint64(3*each*size) || s.Dropped()+s.SegmentRefusals != 0 {
				t.Errorf("size %d: stats of the sender: %+v", size, s)
			}
			if s := to[0].Stats(); s.Received != 2*each || s.ReceivedBytes != uint64(2*each*size) {
				t.Errorf("size %d: stats of the receiver: %+v", size, s)
			}
		}
	})
}

func TestOneSocketSpeaksBothFamilies(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		server := open(t, ":0", options)
		for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
			client := open(t, address, options)
			host := client.LocalAddr().Addr().String()
			send(client, at(host, server), []byte("hello"))
			client.Flush()
			expect(t, collect(t, server, 1), [][]byte{[]byte("hello")}, client.LocalAddr())
			send(server, client.LocalAddr(), []byte("yes?"))
			server.Flush()
			expect(t, collect(t, client, 1), [][]byte{[]byte("yes?")}, at(host, server))
		}
	})
}

func TestMappedAddressesAreServedAsIPv4(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		for _, address := range []string{":0", "127.0.0.1:0"} {
			from, to := open(t, address, options), open(t, "127.0.0.1:0", options)
			mapped := netip.AddrPortFrom(netip.AddrFrom16(to.LocalAddr().Addr().As16()), to.LocalAddr().Port())
			send(from, mapped, []byte("mapped"))
			from.Flush()
			expect(t, collect(t, to, 1), [][]byte{[]byte("mapped")}, at("127.0.0.1", from))
		}
	})
}

func TestIPv4WildcardIsIPv4Alone(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		if local := open(t, "0.0.0.0:0", options).LocalAddr(); !local.Addr().Is4() || local.Port() == 0 {
			t.Errorf("bound to %v", local)
		}
	})
}

func TestLinkLocalAddressesHaveTheirInterfaceAsZone(t *testing.T) {
	address, ok := linkLocal(t)
	if !ok {
		t.Skip("no interface has a link-local address")
	}
	eachKind(t, func(t *testing.T, options udp.Options) {
		a, b := open(t, netip.AddrPortFrom(address, 0).String(), options), open(t, "[::]:0", options)
		send(a, netip.AddrPortFrom(address, b.LocalAddr().Port()), []byte("there"))
		a.Flush()
		expect(t, collect(t, b, 1), [][]byte{[]byte("there")}, netip.AddrPortFrom(address, a.LocalAddr().Port()))
		send(b, netip.AddrPortFrom(address, a.LocalAddr().Port()), []byte("back"))
		b.Flush()
		expect(t, collect(t, a, 1), [][]byte{[]byte("back")}, netip.AddrPortFrom(address, b.LocalAddr().Port()))
	})
}

func linkLocal(t *testing.T) (netip.Addr, bool) {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		addresses, _ := i.Addrs()
		for _, a := range addresses {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is6() && prefix.Addr().IsLinkLocalUnicast() {
				return prefix.Addr().WithZone(i.Name), true
			}
		}
	}
	return netip.Addr{}, false
}

func TestWhatCannotBeSentHarmsNothingElse(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		from, to := open(t, "127.0.0.1:0", options), open(t, "127.0.0.1:0", options)
		bad := []netip.AddrPort{
			{},
			netip.MustParseAddrPort("127.0.0.1:0"),
			netip.MustParseAddrPort("[::1]:1935"),
			netip.AddrPortFrom(netip.Addr{}, 1935),
		}
		var want [][]byte
		for i, address := range bad {
			send(from, address, pattern(100+i, 50))
			send(from, address, pattern(100+i, 50))
			want = append(want, pattern(i, 50))
			send(from, to.LocalAddr(), want[i])
		}
		from.Flush()
		expect(t, collect(t, to, len(bad)), want, from.LocalAddr())
		if s := from.Stats(); s.DroppedOther != uint64(2*len(bad)) || s.Sent != uint64(len(bad)) {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestEmptyDatagramsAreNotSent(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn := open(t, "127.0.0.1:0", options)
		send(conn, conn.LocalAddr(), nil)
		send(conn, conn.LocalAddr(), []byte("x"))
		send(conn, conn.LocalAddr(), nil)
		conn.Flush()
		expect(t, collect(t, conn, 1), [][]byte{[]byte("x")}, conn.LocalAddr())
		if s := conn.Stats(); s.Sent != 1 || s.Dropped() != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestForeignEmptyDatagramsArrive(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn, foreign := open(t, "127.0.0.1:0", options), dial(t, "127.0.0.1:0")
		for _, data := range [][]byte{{}, []byte("x")} {
			if _, err := foreign.WriteToUDPAddrPort(data, conn.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		got := collect(t, conn, 2)
		if len(got[0].data) != 0 || string(got[1].data) != "x" {
			t.Errorf("got %v", got)
		}
	})
}

func dial(t *testing.T, address string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenPacket("udp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.UDPConn)
}

func TestUnreachablePortIsNoErrorOfRead(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn, gone := open(t, "127.0.0.1:0", options), open(t, "127.0.0.1:0", options)
		nobody := gone.LocalAddr()
		_ = gone.Close()
		for i := range 3 {
			send(conn, nobody, pattern(i, 100))
			conn.Flush()
			send(conn, conn.LocalAddr(), pattern(i, 100))
			conn.Flush()
			expect(t, collect(t, conn, 1), [][]byte{pattern(i, 100)}, conn.LocalAddr())
		}
	})
}

func TestClosedSocketLosesWhatIsSent(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn := open(t, "127.0.0.1:0", options)
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		send(conn, conn.LocalAddr(), []byte("lost"))
		conn.Flush()
		conn.Wake()
		if n, err := conn.Read(nil); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read gave %d, %v", n, err)
		}
		if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a second Close gave %v", err)
		}
		if s := conn.Stats(); s.Sent != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestSendOfMoreThanRoomGavePanics(t *testing.T) {
	eachKind(t, func(t *testing.T, options udp.Options) {
		conn := open(t, "127.0.0.1:0", options)
		for _, n := range []int{-1, udp.RoomSize + 1} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("Send of %d bytes did not panic", n)
					}
				}()
				_ = conn.Room()
				conn.Send(n, conn.LocalAddr())
			}()
		}
	})
}

func TestGroupsOfNoneOrTooManyAreRefused(t *testing.T) {
	for _, count := range []int{-1, 0, udp.MaxGroup + 1} {
		if _, err := udp.Listen(t.Context(), "127.0.0.1:0", count, udp.Options{}); err == nil {
			t.Errorf("%d sockets were opened", count)
		}
	}
	if _, err := udp.Listen(t.Context(), "127.0.0.1", 1, udp.Options{}); err == nil {
		t.Error("an address without a port was accepted")
	}
}
