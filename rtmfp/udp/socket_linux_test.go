package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func openSockets(t *testing.T, address string, count int, options Options) []*socket {
	t.Helper()
	group, err := Listen(t.Context(), address, count, options)
	if err != nil {
		t.Fatal(err)
	}
	sockets := make([]*socket, count)
	for i, conn := range group {
		t.Cleanup(func() { _ = conn.Close() })
		sockets[i] = conn.(*socket)
	}
	return sockets
}

func openSocket(t *testing.T, options Options) *socket {
	t.Helper()
	return openSockets(t, "127.0.0.1:0", 1, options)[0]
}

// burst sends count datagrams of a size, the last one of which is one byte shorter, and flushes. Their first bytes are numbers from first on.
func (s *socket) burst(to netip.AddrPort, first, count, size int) {
	for i := range count {
		if i == count-1 {
			size--
		}
		s.Room()[0] = byte(first + i)
		s.Send(size, to)
	}
	s.Flush()
}

// take reads count datagrams and returns their first bytes.
func (s *socket) take(t *testing.T, count int) []byte {
	t.Helper()
	var got []byte
	deadline := time.Now().Add(20 * time.Second)
	s.SetWake(deadline)
	for len(got) < count {
		_, err := s.Read(func(_ netip.AddrPort, datagram []byte) { got = append(got, datagram[0]) })
		if err != nil {
			t.Fatal(err)
		}
		if len(got) < count && !time.Now().Before(deadline) {
			t.Fatalf("%d of %d datagrams arrived", len(got), count)
		}
	}
	s.SetWake(time.Time{})
	return got
}

func numbers(first, count int) []byte {
	var all []byte
	for i := range count {
		all = append(all, byte(first+i))
	}
	return all
}

func TestABurstIsOneSystemCallOnEitherSide(t *testing.T) {
	from, to := openSocket(t, Options{}), openSocket(t, Options{})
	if s := from.Stats(); !s.SegmentOffload || !s.ReceiveOffload {
		t.Skip("the kernel has no UDP_SEGMENT or UDP_GRO")
	}
	from.burst(to.LocalAddr(), 0, 20, 1200)
	n, err := to.Read(func(netip.AddrPort, []byte) {})
	if n != 20 || err != nil {
		t.Errorf("read %d datagrams at once: %v", n, err)
	}
	if s := from.Stats(); s.SendCalls != 1 || s.SentSegmented != 1 || s.Sent != 20 || s.SentBytes != 20*1200-1 {
		t.Errorf("stats: %+v", s)
	}
	if s := to.Stats(); s.ReceiveCalls != 1 {
		t.Errorf("stats: %+v", s)
	}
}

func TestBurstsToManyAddressesAreOneSystemCall(t *testing.T) {
	for _, options := range []Options{{}, {NoOffload: true}} {
		from := openSocket(t, options)
		var to []*socket
		for i := range 10 {
			to = append(to, openSocket(t, options))
			for k := range 5 {
				from.Room()[0] = byte(5*i + k)
				from.Send(1200, to[i].LocalAddr())
			}
		}
		from.Flush()
		for i, s := range to {
			if got := s.take(t, 5); !slices.Equal(got, numbers(5*i, 5)) {
				t.Errorf("socket %d received %v", i, got)
			}
		}
		if s := from.Stats(); s.SendCalls != 1 || s.Sent != 50 {
			t.Errorf("stats: %+v", s)
		}
	}
}

// A socket without checksums must not send segments: the kernel refuses them, as it does for interfaces that cannot compute them.
func TestRefusedSegmentsAreSentOneByOne(t *testing.T) {
	from, to := openSocket(t, Options{}), openSocket(t, Options{})
	checksums := func(off int) {
		err := control(from.raw, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NO_CHECK, off) })
		if err != nil {
			t.Fatal(err)
		}
	}
	checksums(1)
	sent := 0
	next := func() Stats {
		from.burst(to.LocalAddr(), sent, 5, 100)
		if got := to.take(t, 5); !slices.Equal(got, numbers(sent, 5)) {
			t.Fatalf("received %v after %d", got, sent)
		}
		sent += 5
		return from.Stats()
	}
	for i := range maxRefusals {
		if s := next(); s.SegmentRefusals != uint64(i+1) || s.Sent != uint64(sent) || s.Dropped() != 0 {
			t.Fatalf("after %d refusals: %+v", i+1, s)
		}
	}
	if s := next(); s.SegmentOffload || s.SegmentRefusals != maxRefusals {
		t.Errorf("segments are not given up: %+v", s)
	}
	checksums(0)
	if s := next(); s.SentSegmented != 0 {
		t.Errorf("segments during the pause: %+v", s)
	}
	from.out.pause = 1
	next() // its first datagram is the last one of the pause
	if s := next(); !s.SegmentOffload || s.SentSegmented == 0 {
		t.Errorf("segments are not tried again: %+v", s)
	}
}

// refusing makes a socket's system calls fail for each message to an address, as sendmmsg does: a call ends before
// the first one that fails, and fails itself only if that is the first of all.
func (s *socket) refusing(bad *sockaddr, errno unix.Errno) {
	s.out.call = func(fd uintptr, messages []message) (int, unix.Errno) {
		for i := range messages {
			if (*sockaddr)(unsafe.Pointer(messages[i].header.Name)).Port != bad.Port {
				continue
			}
			if i == 0 {
				return 0, errno
			}
			messages = messages[:i]
			break
		}
		return sendmmsg(fd, messages)
	}
}

func TestErrorsOfSendingAreCountedAndPassedOver(t *testing.T) {
	tests := []struct {
		errno   unix.Errno
		counter func(Stats) uint64
		lost    int // of what follows
	}{
		{unix.EAGAIN, func(s Stats) uint64 { return s.DroppedBlocked }, 6},
		{unix.ENOBUFS, func(s Stats) uint64 { return s.DroppedNoBuffers }, 0},
		{unix.ENOMEM, func(s Stats) uint64 { return s.DroppedNoBuffers }, 0},
		{unix.EMSGSIZE, func(s Stats) uint64 { return s.DroppedTooLong }, 0},
		{unix.EPERM, func(s Stats) uint64 { return s.DroppedOther }, 0},
		{unix.ECONNREFUSED, func(s Stats) uint64 { return s.DroppedOther }, 0},
		{unix.EIO, func(s Stats) uint64 { return s.DroppedOther }, 0},
	}
	for _, test := range tests {
		t.Run(unix.ErrnoName(test.errno), func(t *testing.T) {
			from, good, bad := openSocket(t, Options{}), openSocket(t, Options{}), openSocket(t, Options{})
			var name sockaddr
			name.put(bad.LocalAddr(), unix.AF_INET, nil)
			from.refusing(&name, test.errno)
			for i := range 9 {
				to := good.LocalAddr()
				if i >= 3 && i < 6 {
					to = bad.LocalAddr()
				}
				from.Room()[0] = byte(i)
				from.Send(100, to)
			}
			from.Flush()
			want := []byte{0, 1, 2, 6, 7, 8}
			if test.lost > 0 {
				want = want[:3]
			}
			if got := good.take(t, len(want)); !slices.Equal(got, want) {
				t.Errorf("received %v, want %v", got, want)
			}
			s := from.Stats()
			if lost := uint64(9 - len(want)); test.counter(s) != lost || s.Dropped() != lost || s.Sent != uint64(len(want)) {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

func TestInterruptedSystemCallIsRepeated(t *testing.T) {
	from, to := openSocket(t, Options{}), openSocket(t, Options{})
	interrupts := 3
	from.out.call = func(fd uintptr, messages []message) (int, unix.Errno) {
		if interrupts--; interrupts >= 0 {
			return 0, unix.EINTR
		}
		return sendmmsg(fd, messages)
	}
	from.burst(to.LocalAddr(), 0, 5, 100)
	if got := to.take(t, 5); !slices.Equal(got, numbers(0, 5)) {
		t.Errorf("received %v", got)
	}
}

func TestSendWithoutRoomPanics(t *testing.T) {
	s := openSocket(t, Options{})
	for _, flushed := range []bool{false, true} {
		_ = s.Room()
		if flushed {
			s.Flush()
		} else {
			s.Send(1, s.LocalAddr())
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("flushed %v: Send without Room did not panic", flushed)
				}
			}()
			s.Send(1, s.LocalAddr())
		}()
	}
}

func TestALateWakerKeepsNobodyFromReading(t *testing.T) {
	s := openSocket(t, Options{})
	for i, want := range []time.Time{{}, time.Now(), time.Now().Add(time.Hour)} {
		s.burst(s.LocalAddr(), i, 1, 100)
		if err := s.file.SetReadDeadline(longAgo); err != nil {
			t.Fatal(err)
		}
		s.SetWake(want)
		if n, err := s.Read(func(netip.AddrPort, []byte) {}); n != 1 || err != nil {
			t.Errorf("to wake at %v: read %d datagrams, %v", want, n, err)
		}
	}
}

func TestADeadlineThatWasPutOffEndsNoWait(t *testing.T) {
	s := openSocket(t, Options{})
	s.alarm.set(time.Now().Add(2 * time.Millisecond))
	wake := time.Now().Add(8 * time.Millisecond)
	s.SetWake(wake)
	if n, err := s.Read(nil); n != 0 || err != nil {
		t.Errorf("read %d datagrams, %v", n, err)
	}
	if early := time.Until(wake); early > 0 {
		t.Errorf("%v too early", early)
	}
}

func TestOverlongDatagramsAreCountedAndDropped(t *testing.T) {
	to := openSocket(t, Options{NoOffload: true})
	foreign, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to.LocalAddr()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = foreign.Close() }()
	for _, size := range []int{plainSize + 1, plainSize} {
		if _, err := foreign.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	to.take(t, 1)
	if s := to.Stats(); s.ReceivedTruncated != 1 || s.ReceivedBytes != plainSize {
		t.Errorf("stats: %+v", s)
	}
}

func TestOverflowsOfTheReceiveBufferAreCounted(t *testing.T) {
	from, to := openSocket(t, Options{}), openSocket(t, Options{ReceiveBuffer: 4096})
	for range 200 {
		from.burst(to.LocalAddr(), 0, 1, 1000)
	}
	to.SetWake(time.Now())
	got := uint64(0)
	for {
		n, err := to.Read(func(netip.AddrPort, []byte) {})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		got += uint64(n)
	}
	if s := to.Stats(); s.ReceiveOverflows == 0 || s.ReceiveOverflows+got != 200 {
		t.Errorf("%d arrived; stats: %+v", got, s)
	}
}

func TestBuffersAreAsLargeAsTheSystemLets(t *testing.T) {
	s := openSocket(t, Options{ReceiveBuffer: 100_000, SendBuffer: 120_000}).Stats()
	if s.ReceiveBuffer != 100_000 || s.SendBuffer != 120_000 {
		t.Errorf("granted %d and %d", s.ReceiveBuffer, s.SendBuffer)
	}
}

func TestAPortIsSharedWithinAGroupAlone(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "127.0.0.1:0", "[::1]:0"} {
		for _, count := range []int{1, 3} {
			group := openSockets(t, address, count, Options{})
			local := group[0].LocalAddr()
			for _, s := range group {
				if s.LocalAddr() != local {
					t.Errorf("%s: a socket has %v, the first one %v", address, s.LocalAddr(), local)
				}
			}
			for _, others := range []int{1, 3} {
				intruders, err := Listen(t.Context(), local.String(), others, Options{})
				if !errors.Is(err, syscall.EADDRINUSE) {
					t.Errorf("%s: %d more sockets on the port of %d: %v, %v", address, others, count, intruders, err)
				}
			}
		}
	}
}

// packet is a datagram of RTMFP with a session ID and a number, otherwise of noise.
func packet(id uint32, number byte) []byte {
	data := make([]byte, 12, 40)
	binary.BigEndian.PutUint32(data[4:], 0x01020304+uint32(number)*0x9e3779b9)
	binary.BigEndian.PutUint32(data[8:], 0xfedcba98^uint32(number))
	scrambled := id ^ binary.BigEndian.Uint32(data[4:]) ^ binary.BigEndian.Uint32(data[8:])
	binary.BigEndian.PutUint32(data, scrambled)
	return append(data, number)
}

// present reads what lies in each socket of a group: the payloads by index.
func present(t *testing.T, group []*socket) [][][]byte {
	t.Helper()
	all := make([][][]byte, len(group))
	for i, s := range group {
		s.SetWake(time.Now())
		for {
			n, err := s.Read(func(_ netip.AddrPort, datagram []byte) { all[i] = append(all[i], slices.Clone(datagram)) })
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
	}
	return all
}

func TestDatagramsAreSteeredBySessionID(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		const count, mask = 3, 0xff
		group := openSockets(t, address, count, Options{})
		conns := make([]Conn, count)
		for i, s := range group {
			conns[i] = s
		}
		if err := Steer(conns, mask); err != nil {
			t.Fatal(err)
		}
		host := netip.MustParseAddr("127.0.0.1")
		if group[0].LocalAddr().Addr().Is6() {
			host = netip.IPv6Loopback()
		}
		to := netip.AddrPortFrom(host, group[0].LocalAddr().Port())
		for client := range 8 {
			from := openSockets(t, netip.AddrPortFrom(host, 0).String(), 1, Options{})[0]
			ids := []uint32{0x0100, 0x0201, 0xffffff02, 0x80000001, 2, 0x0300}
			want := make([][][]byte, count)
			for i, id := range ids {
				data := packet(id, byte(10*client+i))
				from.Send(copy(from.Room(), data), to)
				from.Flush() // each by itself: the kernel steers a message by its first datagram
				want[id&mask] = append(want[id&mask], data)
			}
			got := present(t, group)
			for i := range group {
				if !slices.EqualFunc(got[i], want[i], slices.Equal[[]byte]) {
					t.Errorf("%s: socket %d has %x, want %x", address, i, got[i], want[i])
				}
			}
		}
	}
}

func TestStartupIsSpreadByAddress(t *testing.T) {
	const count = 4
	group := openSockets(t, "127.0.0.1:0", count, Options{})
	conns := make([]Conn, count)
	for i, s := range group {
		conns[i] = s
	}
	if err := Steer(conns, 0xf); err != nil {
		t.Fatal(err)
	}
	used := make(map[int]bool)
	for client := range 64 {
		from := openSocket(t, Options{})
		unsteered := [][]byte{packet(0, 1), packet(0, 2), packet(0x07, 3), packet(0x0f, 4), {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {9}}
		for _, data := range unsteered {
			from.Send(copy(from.Room(), data), group[0].LocalAddr())
			from.Flush()
		}
		for i, got := range present(t, group) {
			if len(got) != 0 && len(got) != len(unsteered) {
				t.Errorf("client %d: socket %d has %d of %d datagrams", client, i, len(got), len(unsteered))
			}
			used[i] = used[i] || len(got) > 0
		}
	}
	if len(used) != count || !used[0] || !used[1] || !used[2] || !used[3] {
		t.Errorf("64 addresses were spread over %v", used)
	}
}

func TestPortableSocketsCannotBeSteered(t *testing.T) {
	group, err := Listen(t.Context(), "127.0.0.1:0", 4, Options{Portable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = group[0].Close() }()
	if err := Steer(group, 3); !errors.Is(err, errors.ErrUnsupported) || len(group) != 1 {
		t.Errorf("Steer of %d sockets gave %v", len(group), err)
	}
	if Steer(nil, 3) == nil {
		t.Error("no socket was steered to")
	}
}

func TestSocketAddressesSurviveTheKernelsForm(t *testing.T) {
	z := zones{names: map[uint32]string{7: "eth7"}, indices: map[string]uint32{"eth7": 7}}
	tests := []struct {
		family   uint16
		to, want string
	}{
		{unix.AF_INET, "192.0.2.1:1935", "192.0.2.1:1935"},
		{unix.AF_INET, "[::ffff:192.0.2.1]:1935", "192.0.2.1:1935"},
		{unix.AF_INET, "[2001:db8::1]:1935", ""},
		{unix.AF_INET6, "192.0.2.1:258", "192.0.2.1:258"},
		{unix.AF_INET6, "[2001:db8::1]:65535", "[2001:db8::1]:65535"},
		{unix.AF_INET6, "[fe80::1%eth7]:9", "[fe80::1%eth7]:9"},
		{unix.AF_INET6, "[fe80::1%7]:9", "[fe80::1%eth7]:9"},
		{unix.AF_INET6, "[fe80::1%4000000000]:9", "[fe80::1%4000000000]:9"},
		{unix.AF_INET6, "[fe80::1%nowhere]:9", "[fe80::1]:9"},
	}
	for _, test := range tests {
		var a sockaddr
		size := a.put(netip.MustParseAddrPort(test.to), test.family, &z)
		if test.want == "" {
			if size != 0 {
				t.Errorf("%s has a form of family %d", test.to, test.family)
			}
			continue
		}
		if got := a.addrPort(&z).String(); got != test.want {
			t.Errorf("%s came back as %s, want %s", test.to, got, test.want)
		}
	}
	if (&sockaddr{}).addrPort(&z).IsValid() {
		t.Error("an address of no family is valid")
	}
}

func TestDatagramsOfIPv4MayBeDivided(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", ":0"} {
		for _, conn := range openSockets(t, address, 2, Options{}) {
			err := control(conn.raw, func(fd int) error {
				how, err := unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER)
				if err == nil && how != unix.IP_PMTUDISC_DONT {
					t.Errorf("%s: path MTU discovery is %d, want %d (off)", address, how, unix.IP_PMTUDISC_DONT)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
