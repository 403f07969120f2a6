package bench

import (
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	readBuffer  = 256 << 10
	eventsAtOne = 256
	slowTick    = 50 * time.Millisecond
)

// worker is one thread that owns players over RTMP.
type worker struct {
	crowd
	epoll int
	wake  int // eventfd
	raw   bool
	rate  int // bytes a second of slow players
	buf   []byte

	players  []*player // by descriptor
	trickled []*player // slow ones

	thread atomic.Int64

	mu      sync.Mutex
	mailbox []func()
	stopped chan struct{}
	quit    bool
}

func newWorker(raw bool, slowRate int) (*worker, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	w := &worker{
		epoll: epoll, wake: wake, raw: raw, rate: slowRate,
		buf: make([]byte, maxChunkHeader+readBuffer), stopped: make(chan struct{}),
	}
	w.forget()
	if err := w.watch(unix.EPOLL_CTL_ADD, wake, unix.EPOLLIN); err != nil {
		return nil, err
	}
	go w.loop()
	return w, nil
}

func (w *worker) watch(op, fd int, events uint32) error {
	err := unix.EpollCtl(w.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// do runs f on the worker's thread and waits for it.
func (w *worker) do(f func()) {
	done := make(chan struct{})
	w.mu.Lock()
	w.mailbox = append(w.mailbox, func() { f(); close(done) })
	w.mu.Unlock()
	_, _ = unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	select {
	case <-done:
	case <-w.stopped:
	}
}

// stop closes every connection and ends the thread.
func (w *worker) stop() {
	w.do(func() {
		w.clear()
		w.quit = true
	})
	<-w.stopped
}

func (w *worker) loop() {
	runtime.LockOSThread()
	defer close(w.stopped)
	defer func() { _, _ = unix.Close(w.epoll), unix.Close(w.wake) }()
	w.thread.Store(int64(unix.Gettid()))
	events := make([]unix.EpollEvent, eventsAtOne)
	ticked := monotonic()
	for !w.quit {
		n, err := unix.EpollWait(w.epoll, events, w.timeout())
		if err != nil && err != unix.EINTR {
			return
		}
		for i := range max(n, 0) {
			w.event(int(events[i].Fd), events[i].Events)
		}
		if now := monotonic(); len(w.trickled) > 0 && now-ticked >= int64(slowTick) {
			w.trickle(time.Duration(now - ticked))
			ticked = now
		}
	}
}

func (w *worker) timeout() int {
	if len(w.trickled) > 0 {
		return int(slowTick / time.Millisecond)
	}
	return -1
}

func (w *worker) event(fd int, events uint32) {
	if fd == w.wake {
		var b [8]byte
		_, _ = unix.Read(fd, b[:])
		w.mu.Lock()
		calls := w.mailbox
		w.mailbox = nil
		w.mu.Unlock()
		for _, f := range calls {
			f()
		}
		return
	}
	// A descriptor that was closed while this batch of events was handled has no player any more.
	if fd < len(w.players) && w.players[fd] != nil {
		w.players[fd].ready(events)
	}
}

func (w *worker) trickle(passed time.Duration) {
	for _, p := range w.trickled {
		p.trickle(passed, w.rate)
	}
}

// add opens a connection for a new player.
func (w *worker) add(c *canned, r role, to *net.TCPAddr, from net.IP) {
	p := &player{viewer: viewer{crowd: &w.crowd, role: r, started: monotonic()}, worker: w, canned: c, fd: -1}
	if r != innocent {
		w.special = append(w.special, &p.viewer)
	}
	if r == slow {
		w.trickled = append(w.trickled, p)
	}
	fd, err := dial(to, from)
	if err != nil {
		p.end(err)
		return
	}
	p.fd = fd
	for len(w.players) <= fd {
		w.players = append(w.players, nil)
	}
	w.players[fd] = p
	p.events = unix.EPOLLIN | unix.EPOLLOUT
	if err := w.watch(unix.EPOLL_CTL_ADD, fd, p.events); err != nil {
		p.end(err)
	}
}

// dial starts to connect.
func dial(to *net.TCPAddr, from net.IP) (int, error) {
	domain := unix.AF_INET
	if to.IP.To4() == nil {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, segmentSize)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if from != nil {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte(from.To4())})
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(to))
	}
	if err != nil && err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

func sockaddr(a *net.TCPAddr) unix.Sockaddr {
	if v4 := a.IP.To4(); v4 != nil {
		return &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(v4)}
	}
	return &unix.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP.To16())}
}

// hangUp closes a player's connection.
func (w *worker) hangUp(p *player) {
	if p.fd < 0 {
		return
	}
	w.players[p.fd] = nil
	_ = unix.Close(p.fd)
	p.fd = -1
}

// clear closes all connections and forgets what was counted. It runs on the thread.
func (w *worker) clear() {
	for _, p := range w.players {
		if p != nil {
			p.phase = phaseEnded
			w.hangUp(p)
		}
	}
	w.trickled = nil
	w.forget()
}

// counts implements crew.
func (w *worker) counts() *crowd { return &w.crowd }

// restless implements crew.
func (w *worker) restless() {
	for _, p := range w.players {
		if p != nil {
			w.waiting(&p.viewer)
		}
	}
}
