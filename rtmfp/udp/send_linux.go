package udp

import (
	"net/netip"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// arenaSize is the number of bytes that wait for Flush at most, and maxMessages that of messages.
	arenaSize, maxMessages = 128 << 10, 128

	// maxSegments is how many datagrams a message can have: older kernels take no more.
	maxSegments = 64

	// maxRefusals is how many times in a row the system may refuse segments before they are given up for
	// the next refusalPause messages.
	maxRefusals, refusalPause = 8, 1 << 14
)

// outbox is the sending half of a socket. The datagrams lie behind each other in arena. Some that follow each other to one
// address, all of one size but the last, which may be shorter, are one message.
type outbox struct {
	segments atomic.Bool // messages may have several datagrams
	arena    []byte
	end      int // bytes used
	offered  int // bytes that Send may add: none unless Room was called, for they need not be there
	used     int // messages used
	last     run

	messages []message
	vectors  []unix.Iovec
	names    []sockaddr
	controls []segmentControl
	single   []message // for the datagrams of a message that was refused
	pieces   []unix.Iovec

	refusals int // in a row
	pause    int // messages to come without segments

	tally struct{ calls, sent, bytes, segmented, refused uint64 }
	pass  func(fd uintptr) // made once, so that a call allocates nothing
	call  func(fd uintptr, messages []message) (int, unix.Errno)
}

// run is the message that the next datagram may become part of.
type run struct {
	to     netip.AddrPort
	bytes  int
	count  int
	closed bool // the last datagram was shorter
}

// segmentControl is the control message that tells the size of a message's datagrams.
type segmentControl struct {
	header unix.Cmsghdr
	size   uint16
	_      [6]byte
}

func (out *outbox) open(s *socket) {
	out.arena = make([]byte, arenaSize)
	out.messages = make([]message, maxMessages)
	out.vectors = make([]unix.Iovec, maxMessages)
	out.names = make([]sockaddr, maxMessages)
	out.controls = make([]segmentControl, maxMessages)
	out.single = make([]message, maxSegments)
	out.pieces = make([]unix.Iovec, maxSegments)
	for i := range out.messages {
		out.controls[i].header = unix.Cmsghdr{Level: unix.SOL_UDP, Type: unix.UDP_SEGMENT}
		out.controls[i].header.SetLen(unix.CmsgLen(2))
		out.messages[i].header.Name = (*byte)(unsafe.Pointer(&out.names[i]))
		out.messages[i].header.Iov = &out.vectors[i]
		out.messages[i].header.SetIovlen(1)
	}
	for i := range out.single {
		out.single[i].header.Iov = &out.pieces[i]
		out.single[i].header.SetIovlen(1)
	}
	out.pass = s.pass
	out.call = sendmmsg
}

// Room implements Conn: it is the place behind the datagram before, so that they need not be copied together.
func (s *socket) Room() []byte {
	out := &s.out
	if out.end+RoomSize > len(out.arena) {
		s.Flush()
	}
	out.offered = RoomSize
	return out.arena[out.end : out.end+RoomSize : out.end+RoomSize]
}

// Send implements Conn.
func (s *socket) Send(n int, to netip.AddrPort) {
	out := &s.out
	checkSize(n, out.offered)
	if n == 0 {
		return
	}
	out.offered = 0
	if out.joins(n, to) {
		out.join(n)
		return
	}
	if out.used == len(out.messages) {
		moved := out.arena[out.end : out.end+n]
		s.Flush()
		copy(out.arena, moved)
	}
	if !out.begin(n, to, s) {
		s.count.droppedOther.Add(1)
	}
}

// joins tells whether a datagram can be part of the last message.
func (out *outbox) joins(n int, to netip.AddrPort) bool {
	r := &out.last
	if r.count == 0 || r.closed || r.count == maxSegments || !out.segments.Load() {
		return false
	}
	return n <= int(out.controls[out.used-1].size) && r.bytes+n <= maxDatagram && r.to == to
}

// join makes it so.
func (out *outbox) join(n int) {
	r, i := &out.last, out.used-1
	r.closed = n < int(out.controls[i].size)
	r.bytes += n
	r.count++
	out.end += n
	out.vectors[i].SetLen(r.bytes)
	header := &out.messages[i].header
	header.Control = (*byte)(unsafe.Pointer(&out.controls[i]))
	header.SetControllen(unix.CmsgSpace(2))
}

// begin makes a message of a datagram; false if the socket cannot have such an address.
func (out *outbox) begin(n int, to netip.AddrPort, s *socket) bool {
	i := out.used
	size := out.names[i].put(to, s.family, &s.zones)
	if size == 0 {
		return false
	}
	out.resume()
	header := &out.messages[i].header
	header.Namelen = size
	header.Control = nil
	header.SetControllen(0)
	out.controls[i].size = uint16(n)
	out.vectors[i].Base = &out.arena[out.end]
	out.vectors[i].SetLen(n)
	out.last = run{to: to, bytes: n, count: 1}
	out.used++
	out.end += n
	return true
}

// resume counts the messages of a pause, after which segments are tried again.
func (out *outbox) resume() {
	if out.pause == 0 {
		return
	}
	if out.pause--; out.pause == 0 {
		out.segments.Store(true)
	}
}

// Flush implements Conn.
func (s *socket) Flush() {
	out := &s.out
	out.offered = 0
	if out.used == 0 {
		return
	}
	_ = s.raw.Control(out.pass) // fails for a closed socket, on which all is lost anyway
	out.used, out.end, out.last = 0, 0, run{}
	s.account()
}

func (s *socket) account() {
	t := &s.out.tally
	s.count.sendCalls.Add(t.calls)
	s.count.sent.Add(t.sent)
	s.count.sentBytes.Add(t.bytes)
	if t.segmented > 0 {
		s.count.sentSegmented.Add(t.segmented)
	}
	if t.refused > 0 {
		s.count.segmentRefusals.Add(t.refused)
	}
	t.calls, t.sent, t.bytes, t.segmented, t.refused = 0, 0, 0, 0, 0
}

// pass hands all messages to the system.
func (s *socket) pass(fd uintptr) {
	out := &s.out
	for next := 0; next < out.used; {
		n, errno := s.submit(fd, out.messages[next:out.used])
		for i := next; i < next+n; i++ {
			out.took(i)
		}
		next += n
		if n > 0 || errno == unix.EINTR {
			continue
		}
		next += s.refused(fd, next, errno)
	}
}

// submit sends the first of some messages, or more of them; it returns how many.
func (s *socket) submit(fd uintptr, messages []message) (int, unix.Errno) {
	s.out.tally.calls++
	n, errno := s.out.call(fd, messages)
	if errno != 0 {
		return 0, errno
	}
	for i := range n {
		s.out.tally.bytes += uint64(messages[i].length)
	}
	return n, 0
}

// sendmmsg is a raw system call: the socket does not block, so that the scheduler need not be told.
func sendmmsg(fd uintptr, messages []message) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd,
		uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// took notes that the system took a message.
func (out *outbox) took(i int) {
	count := out.datagrams(i)
	out.tally.sent += uint64(count)
	if count > 1 {
		out.tally.segmented++
		out.refusals = 0
	}
}

// datagrams is how many a message has.
func (out *outbox) datagrams(i int) int {
	size := int(out.controls[i].size)
	return (int(out.vectors[i].Len) + size - 1) / size
}

// refused deals with a message that the system did not take, and returns how many messages are done with.
func (s *socket) refused(fd uintptr, i int, errno unix.Errno) int {
	out := &s.out
	if errno == unix.EAGAIN {
		lost := 0
		for j := i; j < out.used; j++ {
			lost += out.datagrams(j)
		}
		s.count.droppedBlocked.Add(uint64(lost))
		return out.used - i
	}
	count := out.datagrams(i)
	if count == 1 || (errno != unix.EINVAL && errno != unix.EIO && errno != unix.EMSGSIZE) {
		s.count.dropped(errno).Add(uint64(count))
		return 1
	}
	s.sendSingly(fd, i, count)
	return 1
}

// sendSingly sends the datagrams of a message that was refused: the interface computes no checksums, or a datagram is
// longer than the path takes without fragments.
func (s *socket) sendSingly(fd uintptr, i, count int) {
	out := &s.out
	out.tally.refused++
	if out.refusals++; out.refusals >= maxRefusals {
		out.refusals, out.pause = 0, refusalPause
		out.segments.Store(false)
	}
	rest := unsafe.Slice(out.vectors[i].Base, int(out.vectors[i].Len))
	for k := range count {
		size := min(len(rest), int(out.controls[i].size))
		out.pieces[k].Base = &rest[0]
		out.pieces[k].SetLen(size)
		out.single[k].header.Name = out.messages[i].header.Name
		out.single[k].header.Namelen = out.messages[i].header.Namelen
		rest = rest[size:]
	}
	for next := 0; next < count; {
		n, errno := s.submit(fd, out.single[next:count])
		out.tally.sent += uint64(n)
		next += n
		if n == 0 && errno != unix.EINTR {
			s.count.dropped(errno).Add(1)
			next++
		}
	}
}
