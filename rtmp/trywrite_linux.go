package rtmp

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawSocket is a TCP or Unix socket that can be written to without waiting for it; nil is a connection that is no such thing.
type rawSocket = syscall.RawConn

// newRawSocket returns nil for a connection that is not a plain socket, such as TLS.
func newRawSocket(nc net.Conn) rawSocket {
	var socket syscall.Conn
	switch c := socketBelow(nc).(type) {
	case *net.TCPConn:
		socket = c
	case *net.UnixConn:
		socket = c
	default:
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// socketBelow returns the socket that a connection says may be written to in its place, or the connection itself.
func socketBelow(nc net.Conn) net.Conn {
	if b, ok := nc.(interface{ TCPConn() *net.TCPConn }); ok {
		if socket := b.TCPConn(); socket != nil {
			return socket
		}
	}
	if b, ok := nc.(interface{ UnixConn() *net.UnixConn }); ok {
		if socket := b.UnixConn(); socket != nil {
			return socket
		}
	}
	return nc
}

// vectors is what a write hands to the system. It belongs to the Gather, which serves one viewer after the other, so
// that a viewer has no memory of its own to look at.
type vectors struct {
	list []unix.Iovec
	n    int
	err  error
	call func(fd uintptr) bool // made once, so that a write allocates nothing
}

// writeTo returns how many bytes the socket took of what was gathered, which may be none.
func (g *Gather) writeTo(raw rawSocket) (int, error) {
	v := &g.vecs
	if v.call == nil {
		v.call = v.write
	}
	v.list = v.list[:0]
	for _, b := range g.bufs {
		iov := unix.Iovec{Base: &b[0]}
		iov.SetLen(len(b))
		v.list = append(v.list, iov)
	}
	v.n, v.err = 0, nil
	err := raw.Write(v.call)
	clear(v.list)
	if err != nil {
		return 0, err
	}
	return v.n, v.err
}

// write makes raw system calls: the socket does not block, so that the scheduler need not be told. If it were, it
// would take the processor away from a thread that writes to thousands of viewers, again and again.
func (v *vectors) write(fd uintptr) bool {
	for {
		var n uintptr
		var errno syscall.Errno
		if first := &v.list[0]; len(v.list) == 1 {
			n, _, errno = unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(first.Base)), uintptr(first.Len))
		} else {
			n, _, errno = unix.RawSyscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(first)), uintptr(len(v.list)))
		}
		switch errno {
		case 0:
			v.n = int(n)
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			v.err = errno
		}
		return true
	}
}
