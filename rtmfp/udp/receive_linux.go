package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// joinedSlots and joinedSize are the number and the size of the buffers of a batch if the system may join datagrams
	// (UDP_GRO). A datagram that stands alone takes a whole buffer, but touches only as many pages as it fills. More
	// buffers are no quicker.
	joinedSlots, joinedSize = 16, 65536

	// plainSlots and plainSize are the same if it does not join. No datagram of RTMFP is as large as that.
	plainSlots, plainSize = 64, 8192
)

// inbox is the receiving half of a socket.
type inbox struct {
	joined   bool // the system may join datagrams
	messages []message
	vectors  []unix.Iovec
	names    []sockaddr
	controls []joinedControl
	filled   int // messages of the last batch
	errno    unix.Errno
	looked   bool // the system was asked
	calls    uint64
	failed   int                   // errors since the last batch
	look     func(fd uintptr) bool // made once, so that a call allocates nothing
}

// joinedControl is the control message that tells the size of each of a message's datagrams.
type joinedControl struct {
	header unix.Cmsghdr
	size   int32
	_      int32
}

func (in *inbox) open(s *socket) {
	slots, size := plainSlots, plainSize
	if in.joined {
		slots, size = joinedSlots, joinedSize
	}
	in.messages = make([]message, slots)
	in.vectors = make([]unix.Iovec, slots)
	in.names = make([]sockaddr, slots)
	in.controls = make([]joinedControl, slots)
	memory := make([]byte, slots*size)
	for i := range in.messages {
		in.vectors[i].Base = &memory[i*size]
		in.vectors[i].SetLen(size)
		header := &in.messages[i].header
		header.Name = (*byte)(unsafe.Pointer(&in.names[i]))
		header.Iov = &in.vectors[i]
		header.SetIovlen(1)
		if in.joined {
			header.Control = (*byte)(unsafe.Pointer(&in.controls[i]))
		}
	}
	in.filled = slots
	in.reset()
	in.look = s.look
}

// reset restores what the last batch changed.
func (in *inbox) reset() {
	for i := range in.filled {
		header := &in.messages[i].header
		header.Namelen = unix.SizeofSockaddrInet6
		header.Flags = 0
		if in.joined {
			header.SetControllen(int(unsafe.Sizeof(joinedControl{})))
		}
	}
	in.filled = 0
}

// Read implements Conn.
func (s *socket) Read(receive func(from netip.AddrPort, datagram []byte)) (int, error) {
	in := &s.in
	in.reset()
	for {
		s.alarm.admit()
		in.looked, in.errno = false, 0
		err := s.raw.Read(in.look)
		s.count.receiveCalls.Add(in.calls)
		in.calls = 0
		if in.filled > 0 {
			_ = s.alarm.unpark()
			return s.deliver(receive), nil
		}
		if done, err := s.waited(err); done {
			return 0, err
		}
	}
}

// waited judges a wait that brought nothing: whether it is what the owner waited for, and if so, whether it is an error.
func (s *socket) waited(err error) (done bool, final error) {
	in := &s.in
	switch {
	case s.closed.Load():
		return true, net.ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.alarm.fired = true
		if !in.looked {
			return false, nil // the deadline has passed since the last Read; a wake shall not be taken for it
		}
		woken := s.alarm.unpark()
		return woken || s.alarm.due(), nil
	case err != nil:
		return true, err
	}
	_ = s.alarm.unpark()
	if in.errno == 0 {
		return true, nil
	}
	s.count.receiveErrors.Add(1)
	if in.failed++; in.failed < maxErrors {
		return true, nil
	}
	return true, os.NewSyscallError("recvmmsg", in.errno)
}

// look takes what is there. It returns false if it took nothing and the poller shall wait. The system call is a raw one: it does not
// block, so that the scheduler need not be told.
func (s *socket) look(fd uintptr) bool {
	in := &s.in
	in.looked = true
	for {
		in.calls++
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
			uintptr(unsafe.Pointer(&in.messages[0])), uintptr(len(in.messages)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			in.filled = int(n)
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return !s.alarm.park()
		default:
			in.errno = errno
			return true
		}
	}
}

// deliver hands over the datagrams of a batch and returns their number.
func (s *socket) deliver(receive func(from netip.AddrPort, datagram []byte)) int {
	in := &s.in
	in.failed = 0
	delivered, bytes, truncated := 0, 0, 0
	for i := range in.filled {
		m := &in.messages[i]
		if m.header.Flags&unix.MSG_TRUNC != 0 {
			truncated++
			continue
		}
		from := in.names[i].addrPort(&s.zones)
		rest := unsafe.Slice(in.vectors[i].Base, m.length)
		bytes += len(rest)
		for size := in.sizeOf(i); len(rest) > size; rest = rest[size:] {
			receive(from, rest[:size:size])
			delivered++
		}
		receive(from, rest[:len(rest):len(rest)])
		delivered++
	}
	s.count.received.Add(uint64(delivered))
	s.count.receivedBytes.Add(uint64(bytes))
	if truncated > 0 {
		s.count.receivedTruncated.Add(uint64(truncated))
	}
	return delivered
}

// sizeOf is the size of the datagrams of a message, except for its last one, which may be shorter.
func (in *inbox) sizeOf(i int) int {
	control := &in.controls[i]
	told := int(in.messages[i].header.Controllen) >= unix.CmsgLen(4)
	if !told || control.header.Level != unix.SOL_UDP || control.header.Type != unix.UDP_GRO || control.size <= 0 {
		return int(in.messages[i].length)
	}
	return int(control.size)
}
