package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"afterglow/rtmfp/udp"
)

// street is one socket that stands for many addresses of the loopback network, all of which lead to one server: some servers
// take one session from each address, as if every client had a machine of its own, and a socket for each would have the load wait
// for sockets instead of reading them by the batch. IP_PKTINFO tells to which address a datagram has come, and from which it is
// to go.
//
// To the endpoint it says that datagrams come from the server's port at the house they went to, and so that is where it sends
// them: each house has a path of its own.
type street struct {
	fd, bell int // the bell is an eventfd that ends a wait
	server   netip.AddrPort
	port     uint16
	// gather is how long a street that had something to read lets more of it come. Who woke up for every datagram would spend more on
	// that than on the datagrams. It adds half of itself to latencies.
	gather time.Duration
	wakeAt time.Time
	busy   bool // the last Read has brought something
	fds    [2]unix.PollFd
	limit  unix.Timespec
	state  atomic.Uint32

	in  streetInbox
	out streetOutbox

	received, receivedBytes, receiveCalls, sent, sentBytes, sendCalls, dropped atomic.Uint64
	receiveBuffer, sendBuffer                                                  int

	closing sync.Mutex
	closed  bool
}

// What the reader of a street is at.
const (
	streetBusy uint32 = iota
	streetWaiting
	streetRung
)

const (
	streetBatch  = 32 // messages received at once
	streetJoined = 1 << 16
	streetFlight = 64 // datagrams sent at once
	houses       = 1 << 15
)

// house is the n-th address of the loopback network, from 127.0.0.1 on.
func house(n int) netip.Addr {
	n = n%houses + 1
	return netip.AddrFrom4([4]byte{127, byte(n >> 16), byte(n >> 8), byte(n)})
}

// openStreet is what a street's endpoint opens its socket with.
func openStreet(server netip.AddrPort, gather time.Duration) func(context.Context, string, int, udp.Options) ([]udp.Conn, error) {
	return func(_ context.Context, _ string, _ int, o udp.Options) ([]udp.Conn, error) {
		s, err := newStreet(server, gather, o)
		if err != nil {
			return nil, err
		}
		return []udp.Conn{s}, nil
	}
}

func newStreet(server netip.AddrPort, gather time.Duration, o udp.Options) (*street, error) {
	s := &street{fd: -1, bell: -1, server: server, gather: gather}
	if err := s.open(o); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("socket: %w", err)
	}
	s.fds = [2]unix.PollFd{{Fd: int32(s.bell), Events: unix.POLLIN}, {Fd: int32(s.fd), Events: unix.POLLIN}}
	s.in.open()
	s.out.open(server)
	return s, nil
}

func (s *street) open(o udp.Options) (err error) {
	if s.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return err
	}
	if s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1); err != nil {
		return err
	}
	_ = unix.SetsockoptInt(s.fd, unix.SOL_UDP, unix.UDP_GRO, 1) // without it datagrams come one by one
	s.receiveBuffer = enlarge(s.fd, unix.SO_RCVBUF, unix.SO_RCVBUFFORCE, o.ReceiveBuffer)
	s.sendBuffer = enlarge(s.fd, unix.SO_SNDBUF, unix.SO_SNDBUFFORCE, o.SendBuffer)
	// All addresses of the loopback network are local without being configured, but for none of them alone may a socket hear.
	if err := unix.Bind(s.fd, &unix.SockaddrInet4{}); err != nil {
		return err
	}
	name, err := unix.Getsockname(s.fd)
	if in, ok := name.(*unix.SockaddrInet4); ok {
		s.port = uint16(in.Port)
	}
	return err
}

// enlarge sets a buffer's size, beyond the system's limit if we may, and returns what was granted.
func enlarge(fd, option, force, size int) int {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, size)
	}
	granted, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
	return granted / 2 // the kernel doubles what it is asked for, for its own needs
}

// SetWake implements udp.Conn.
func (s *street) SetWake(at time.Time) { s.wakeAt = at }

// Wake implements udp.Conn.
func (s *street) Wake() {
	if s.state.Swap(streetRung) != streetWaiting {
		return
	}
	s.closing.Lock()
	defer s.closing.Unlock()
	if !s.closed {
		_, _ = unix.Write(s.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// LocalAddr implements udp.Conn.
func (s *street) LocalAddr() netip.AddrPort { return netip.AddrPortFrom(house(0), s.port) }

// Read implements udp.Conn. Whatever ends a wait, Read returns: its caller may have been rung for.
func (s *street) Read(receive func(from netip.AddrPort, datagram []byte)) (n int, err error) {
	if s.closed {
		return 0, net.ErrClosed
	}
	if s.state.CompareAndSwap(streetRung, streetBusy) {
		return 0, nil
	}
	gathering := s.busy
	if gathering && s.gather > 0 {
		err = s.wait(s.gather, s.fds[:1])
	}
	if err == nil {
		n, err = s.look(receive)
	}
	s.busy = n > 0
	if gathering || s.busy || err != nil {
		return n, err
	}
	return 0, s.wait(math.MaxInt64, s.fds[:])
}

// wait returns when the time of SetWake has come, the bell has rung, so much time has passed, or one of the descriptors has
// something to read.
func (s *street) wait(most time.Duration, fds []unix.PollFd) error {
	var limit *unix.Timespec
	if !s.wakeAt.IsZero() {
		most = min(most, max(time.Until(s.wakeAt), 0))
	}
	if most < math.MaxInt64 {
		s.limit = unix.NsecToTimespec(int64(most))
		limit = &s.limit
	}
	if !s.state.CompareAndSwap(streetBusy, streetWaiting) {
		return nil
	}
	_, err := unix.Ppoll(fds, limit, nil)
	if !s.state.CompareAndSwap(streetWaiting, streetBusy) {
		s.state.Store(streetBusy)
		var b [8]byte
		_, _ = unix.Read(s.bell, b[:])
	}
	if err != nil && err != unix.EINTR {
		return os.NewSyscallError("ppoll", err)
	}
	return nil
}

// look takes what is there.
func (s *street) look(receive func(from netip.AddrPort, datagram []byte)) (int, error) {
	in := &s.in
	s.receiveCalls.Add(1)
	filled, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd),
		uintptr(unsafe.Pointer(&in.messages[0])), uintptr(len(in.messages)), unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return 0, nil
	}
	if errno != 0 {
		return 0, os.NewSyscallError("recvmmsg", errno)
	}
	delivered := 0
	for i := range int(filled) {
		n, bytes := s.deliver(i, receive)
		delivered += n
		s.receivedBytes.Add(uint64(bytes))
	}
	s.received.Add(uint64(delivered))
	in.reset(int(filled))
	return delivered, nil
}

// deliver hands over the datagrams of one message. What others than the server have sent is none of ours.
func (s *street) deliver(i int, receive func(from netip.AddrPort, datagram []byte)) (delivered, bytes int) {
	m := &s.in.messages[i]
	name := &s.in.names[i]
	if name.Addr != s.server.Addr().As4() || bigEndian(name.Port) != s.server.Port() {
		return 0, 0
	}
	to, size := s.in.controlsOf(i)
	if size <= 0 {
		size = int(m.length)
	}
	from := netip.AddrPortFrom(netip.AddrFrom4(to), s.server.Port())
	rest := unsafe.Slice(&s.in.memory[i*streetJoined], m.length)
	for ; len(rest) > 0; delivered++ {
		n := min(size, len(rest))
		receive(from, rest[:n:n])
		rest = rest[n:]
	}
	return delivered, int(m.length)
}

// Room implements udp.Conn.
func (s *street) Room() []byte {
	if s.out.used == streetFlight {
		s.Flush()
	}
	return s.out.room()
}

// Send implements udp.Conn. The address is a house, which the datagram leaves for the server.
func (s *street) Send(n int, from netip.AddrPort) {
	if n > 0 && from.Addr().Is4() {
		s.out.add(n, from.Addr().As4())
	}
}

// Flush implements udp.Conn.
func (s *street) Flush() {
	out := &s.out
	for first := 0; first < out.used; {
		s.sendCalls.Add(1)
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd),
			uintptr(unsafe.Pointer(&out.messages[first])), uintptr(out.used-first), unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			s.dropped.Add(1)
			first++ // which is the one that could not be sent
			continue
		}
		for i := range int(n) {
			s.sentBytes.Add(uint64(out.messages[first+i].length))
		}
		s.sent.Add(uint64(n))
		first += int(n)
	}
	out.used = 0
}

// Stats implements udp.Conn.
func (s *street) Stats() udp.Stats {
	return udp.Stats{
		Received: s.received.Load(), ReceivedBytes: s.receivedBytes.Load(), ReceiveCalls: s.receiveCalls.Load(),
		Sent: s.sent.Load(), SentBytes: s.sentBytes.Load(), SendCalls: s.sendCalls.Load(), DroppedOther: s.dropped.Load(),
		ReceiveOverflows: s.overflows(), ReceiveBuffer: s.receiveBuffer, SendBuffer: s.sendBuffer, ReceiveOffload: true,
	}
}

// overflows asks the kernel how many datagrams it had no room for.
func (s *street) overflows() uint64 {
	const drops = 8 // SK_MEMINFO_DROPS
	var memory [drops + 1]uint32
	size := uint32(unsafe.Sizeof(memory))
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return 0
	}
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&memory)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return uint64(memory[drops])
}

// Close implements udp.Conn. The reader calls it, when it has done with reading.
func (s *street) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.closed = true
	return errors.Join(unix.Close(s.fd), unix.Close(s.bell))
}
