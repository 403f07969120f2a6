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

func (t *tryWriter) writeTo(fd uintptr) bool {
	for {
		n, _, errno := unix.Syscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&t.vecs[0])), uintptr(len(t.vecs)))
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
