package rtmp

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// vectors is a Gather's working space for the system call.
type vectors []unix.Iovec

// tryWriter writes to a TCP socket without waiting for it.
type tryWriter struct {
	raw  syscall.RawConn
	vecs vectors
	n    int
	err  error
	call func(fd uintptr) bool // made once, so that a write allocates nothing
}

// newTryWriter returns nil for a connection that is not a plain socket, such as TLS.
func newTryWriter(nc net.Conn) *tryWriter {
	if b, ok := nc.(interface{ TCPConn() *net.TCPConn }); ok && b.TCPConn() != nil {
		nc = b.TCPConn()
	}
	tc, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tc.SyscallConn()
	if err != nil {
		return nil
	}
	t := &tryWriter{raw: raw}
	t.call = t.writeTo
	return t
}

// write returns how many bytes the socket took, which may be none.
func (t *tryWriter) write(g *Gather) (int, error) {
	g.vecs = g.vecs[:0]
	for _, b := range g.bufs {
		v := unix.Iovec{Base: &b[0]}
		v.SetLen(len(b))
		g.vecs = append(g.vecs, v)
	}
	t.vecs, t.n, t.err = g.vecs, 0, nil
	err := t.raw.Write(t.call)
	t.vecs = nil
	clear(g.vecs)
	if err != nil {
		return 0, err
	}
	return t.n, t.err
}

// writeTo makes raw system calls: the socket does not block, so that the scheduler need not be told. If it were, it
// would take the processor away from a thread that writes to thousands of viewers, again and again.
func (t *tryWriter) writeTo(fd uintptr) bool {
	for {
		var n uintptr
		var errno syscall.Errno
		if v := &t.vecs[0]; len(t.vecs) == 1 {
			n, _, errno = unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(v.Base)), uintptr(v.Len))
		} else {
			n, _, errno = unix.RawSyscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(v)), uintptr(len(t.vecs)))
		}
		switch errno {
		case 0:
			t.n = int(n)
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			t.err = errno
		}
		return true
	}
}
