package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"afterglow/rtmp"
)

const (
	floorQueue   = 16 << 20 // bytes that may wait for one player before frames are dropped
	floorStreams = 4096
	floorInput   = 64 << 10
)

// ServeFloor serves the floor on a loopback port until ctx ends or its parent closes input, and writes the address,
// one line, to announce. With a gather time, what came within it goes out in one write for each player.
func ServeFloor(ctx context.Context, gather time.Duration, announce io.Writer) error {
	raiseFileLimit()
	s := &floorServer{gather: gather, conns: map[int]*floorConn{}, streams: map[uint32]*floorStream{}}
	address, err := s.listen()
	if err != nil {
		return fmt.Errorf("floor server: %w", err)
	}
	if _, err := fmt.Fprintln(announce, address); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _, _ = unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })
	defer stop()
	return s.loop(ctx)
}

// floorServer is one thread with epoll, and nothing that a real server would do besides.
type floorServer struct {
	gather   time.Duration
	epoll    int
	listener int
	wake     int
	timer    int
	conns    map[int]*floorConn
	streams  map[uint32]*floorStream
}

type floorStream struct {
	viewers []*floorConn
	gop     []byte // since the last keyframe, for those who join
	waiting []byte // for the next tick
}

type floorConn struct {
	fd        int
	stream    *floorStream
	publishes bool
	in        []byte
	out       [][]byte // what the socket did not take; slices are shared
	queued    int
}

func (s *floorServer) listen() (address string, err error) {
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return "", err
	}
	if s.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return "", err
	}
	if s.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return "", err
	}
	if err = unix.Bind(s.listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", err
	}
	if err = unix.Listen(s.listener, 4096); err != nil {
		return "", err
	}
	bound, err := unix.Getsockname(s.listener)
	if err != nil {
		return "", err
	}
	port := bound.(*unix.SockaddrInet4).Port
	for _, fd := range []int{s.listener, s.wake} {
		if err := s.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN); err != nil {
			return "", err
		}
	}
	return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String(), s.startTimer()
}

func (s *floorServer) startTimer() (err error) {
	if s.gather <= 0 {
		s.timer = -1
		return nil
	}
	if s.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return err
	}
	every := unix.NsecToTimespec(int64(s.gather))
	if err := unix.TimerfdSettime(s.timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return err
	}
	return s.watch(unix.EPOLL_CTL_ADD, s.timer, unix.EPOLLIN)
}

func (s *floorServer) watch(op, fd int, events uint32) error {
	return unix.EpollCtl(s.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (s *floorServer) loop(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer s.close()
	events := make([]unix.EpollEvent, eventsAtOne)
	buf := make([]byte, floorInput)
	for {
		n, err := unix.EpollWait(s.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("floor server: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			switch fd := int(e.Fd); fd {
			case s.wake:
				return ctx.Err()
			case s.listener:
				s.accept()
			case s.timer:
				_, _ = unix.Read(fd, buf[:8])
				s.tick()
			default:
				if c := s.conns[fd]; c != nil {
					s.serve(c, e.Events, buf)
				}
			}
		}
	}
}

func (s *floorServer) close() {
	for fd := range s.conns {
		_ = unix.Close(fd)
	}
	_, _, _ = unix.Close(s.listener), unix.Close(s.wake), unix.Close(s.epoll)
	if s.timer >= 0 {
		_ = unix.Close(s.timer)
	}
}

func (s *floorServer) accept() {
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		s.conns[fd] = &floorConn{fd: fd}
		if s.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN) != nil {
			s.drop(s.conns[fd])
		}
	}
}

func (s *floorServer) serve(c *floorConn, events uint32, buf []byte) {
	if events&unix.EPOLLOUT != 0 {
		s.flush(c)
	}
	if events&^unix.EPOLLOUT == 0 {
		return
	}
	n, err := unix.Read(c.fd, buf)
	if err == unix.EAGAIN {
		return
	}
	if err != nil || n == 0 || !s.input(c, buf[:n]) {
		s.drop(c)
	}
}

// input takes what a connection sends and says whether it may stay.
func (s *floorServer) input(c *floorConn, b []byte) bool {
	c.in = append(c.in, b...)
	if c.stream == nil {
		if len(c.in) < rawHello {
			return true
		}
		index := binary.BigEndian.Uint32(c.in[4:])
		role := string(c.in[:4])
		c.in = c.in[rawHello:]
		if index >= floorStreams || role != rawPublish && role != rawPlay {
			return false
		}
		s.admit(c, role, index)
	}
	if !c.publishes {
		return len(c.in) == 0
	}
	for len(c.in) >= rawHeader {
		length := binary.BigEndian.Uint32(c.in)
		if length > rtmp.MaxMessageSize {
			return false
		}
		whole := rawHeader + int(length)
		if len(c.in) < whole {
			return true
		}
		s.publish(c.stream, append([]byte(nil), c.in[:whole]...))
		c.in = append(c.in[:0], c.in[whole:]...)
	}
	return true
}

func (s *floorServer) admit(c *floorConn, role string, index uint32) {
	stream := s.streams[index]
	if stream == nil {
		stream = &floorStream{}
		s.streams[index] = stream
	}
	c.stream = stream
	if role == rawPublish {
		c.publishes = true
		return
	}
	// What waits for the tick goes out with it; it may even hold the keyframe.
	if history := stream.gop[:max(len(stream.gop)-len(stream.waiting), 0)]; len(history) > 0 {
		s.write(c, append([]byte(nil), history...))
	}
	stream.viewers = append(stream.viewers, c)
}

func (s *floorServer) publish(stream *floorStream, frame []byte) {
	if frame[4]&rawKeyframe != 0 {
		stream.gop = stream.gop[:0]
	}
	stream.gop = append(stream.gop, frame...)
	if s.timer >= 0 {
		stream.waiting = append(stream.waiting, frame...)
		return
	}
	s.toAll(stream, frame)
}

func (s *floorServer) tick() {
	for _, stream := range s.streams {
		if len(stream.waiting) > 0 {
			b := stream.waiting
			stream.waiting = nil
			s.toAll(stream, b)
		}
	}
}

func (s *floorServer) toAll(stream *floorStream, b []byte) {
	// write may drop viewers, so go through them from the end.
	for i := len(stream.viewers) - 1; i >= 0; i-- {
		s.write(stream.viewers[i], b)
	}
}

// write sends b, or keeps what the socket does not take. Nobody changes b any more.
func (s *floorServer) write(c *floorConn, b []byte) {
	if len(c.out) > 0 {
		if c.queued+len(b) <= floorQueue {
			c.out = append(c.out, b)
			c.queued += len(b)
		}
		return
	}
	n, err := unix.Write(c.fd, b)
	if err != nil && err != unix.EAGAIN {
		s.drop(c)
		return
	}
	if n = max(n, 0); n == len(b) {
		return
	}
	c.out, c.queued = append(c.out, b[n:]), len(b)-n
	_ = s.watch(unix.EPOLL_CTL_MOD, c.fd, unix.EPOLLIN|unix.EPOLLOUT)
}

func (s *floorServer) flush(c *floorConn) {
	for len(c.out) > 0 {
		n, err := unix.Write(c.fd, c.out[0])
		if err == unix.EAGAIN {
			return
		}
		if err != nil {
			s.drop(c)
			return
		}
		c.queued -= n
		if n < len(c.out[0]) {
			c.out[0] = c.out[0][n:]
			return
		}
		c.out = c.out[1:]
	}
	c.out = nil
	_ = s.watch(unix.EPOLL_CTL_MOD, c.fd, unix.EPOLLIN)
}

func (s *floorServer) drop(c *floorConn) {
	if s.conns[c.fd] != c {
		return
	}
	delete(s.conns, c.fd)
	_ = unix.Close(c.fd)
	if c.stream == nil {
		return
	}
	for i, v := range c.stream.viewers {
		if v == c {
			c.stream.viewers = append(c.stream.viewers[:i], c.stream.viewers[i+1:]...)
			return
		}
	}
}
