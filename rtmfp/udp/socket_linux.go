package udp

import (
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a UDP socket that receives and sends batches.
type socket struct {
	file   *os.File // with a poller, whose errors, unlike those of net.UDPConn, are not allocated
	raw    syscall.RawConn
	local  netip.AddrPort
	family uint16
	alarm  alarm
	zones  zones
	count  counters
	closed atomic.Bool

	in  inbox
	out outbox

	receiveBuffer, sendBuffer int // bytes granted
}

// message is struct mmsghdr: what recvmmsg and sendmmsg have a list of.
type message struct {
	header unix.Msghdr
	length uint32 // bytes received or sent
}

// newSocket makes a socket of conn, which is left to its owner and may be closed: they share what the system calls
// a file description.
func newSocket(conn *net.UDPConn, options Options) (*socket, error) {
	file, err := conn.File()
	if err != nil {
		return nil, err
	}
	s := &socket{file: file, local: localAddr(conn)}
	if s.raw, err = file.SyscallConn(); err == nil {
		err = control(s.raw, func(fd int) error { return s.prepare(fd, options) })
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	s.alarm.file = file
	s.in.open(s)
	s.out.open(s)
	return s, nil
}

// prepare sets the options of a new socket and finds out what it can do.
func (s *socket) prepare(fd int, options Options) error {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	s.family = unix.AF_INET6
	if _, ok := name.(*unix.SockaddrInet4); ok {
		s.family = unix.AF_INET
	}
	letDivide(fd)
	s.receiveBuffer = enlarge(fd, unix.SO_RCVBUF, unix.SO_RCVBUFFORCE, options.receiveBuffer())
	s.sendBuffer = enlarge(fd, unix.SO_SNDBUF, unix.SO_SNDBUFFORCE, options.sendBuffer())
	if options.NoOffload {
		return nil
	}
	s.in.joined = unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1) == nil
	_, err = unix.GetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT)
	s.out.segments.Store(err == nil)
	return nil
}

// letDivide lets routers of IPv4 divide our datagrams, which are made to fit 1280 bytes, on paths that are narrower still, instead of
// dropping them without a word. On a socket for both families it concerns IPv4 alone.
func letDivide(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT) // fails where there is no IPv4
}

// enlarge sets a buffer's size, beyond the system's limit if we may, and returns what was granted.
func enlarge(fd, option, force, size int) int {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, size)
	}
	granted, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
	if err != nil {
		return 0
	}
	return granted / 2 // the kernel doubles what it is asked for, for its own needs
}

func (s *socket) SetWake(at time.Time)      { s.alarm.want = at }
func (s *socket) Wake()                     { s.alarm.wake() }
func (s *socket) LocalAddr() netip.AddrPort { return s.local }

func (s *socket) Close() error {
	if s.closed.Swap(true) {
		return net.ErrClosed
	}
	return s.file.Close()
}

func (s *socket) Stats() Stats {
	stats := s.count.snapshot()
	stats.ReceiveBuffer, stats.SendBuffer = s.receiveBuffer, s.sendBuffer
	stats.ReceiveOffload, stats.SegmentOffload = s.in.joined, s.out.segments.Load()
	stats.ReceiveOverflows = s.overflows()
	return stats
}

// overflows asks the kernel how many datagrams it had no room for.
func (s *socket) overflows() uint64 {
	const (
		values = 9 // SK_MEMINFO_VARS
		drops  = 8 // SK_MEMINFO_DROPS
	)
	var memory [values]uint32
	size := uint32(unsafe.Sizeof(memory))
	err := control(s.raw, func(fd int) error {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&memory)), uintptr(unsafe.Pointer(&size)), 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return uint64(memory[drops])
}
