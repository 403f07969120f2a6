package rtmfp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"afterglow/rtmfp/udp"
	"afterglow/rtmfp/wire"
)

// ether is a network in memory for endpoints, which also works where time is virtual. It loses nothing unless told to.
type ether struct {
	// judge chooses the socket of a group by its number, and loses what it gives a negative number; nil is the first.
	judge func(d flying, group int) int

	mu     sync.Mutex
	ports  uint16
	groups map[netip.AddrPort][]*etherSocket
}

// flying is a datagram on its way.
type flying struct {
	from, to netip.AddrPort
	datagram []byte
}

// session is the session ID that it is for.
func (f flying) session() uint32 {
	id, _ := wire.SessionID(f.datagram)
	return id
}

func newEther() *ether {
	return &ether{groups: make(map[netip.AddrPort][]*etherSocket)}
}

// listen is a Config.Sockets.
func (e *ether) listen(_ context.Context, address string, count int, _ udp.Options) ([]udp.Conn, error) {
	local, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if local.Port() == 0 {
		e.ports++
		local = netip.AddrPortFrom(local.Addr(), 10000+e.ports)
	}
	if e.groups[local] != nil {
		return nil, fmt.Errorf("%v is taken", local)
	}
	var group []udp.Conn
	for range count {
		s := &etherSocket{
			ether: e, local: local, inbox: make(chan flying, 4096), wake: make(chan struct{}, 1), room: make([]byte, udp.RoomSize),
			closed: make(chan struct{}), broken: make(chan error, 1),
		}
		e.groups[local] = append(e.groups[local], s)
		group = append(group, s)
	}
	return group, nil
}

// unplug lets nothing in and out at an address any more, which can be taken anew.
func (e *ether) unplug(addr netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.groups[addr] {
		s.unplugged = true
	}
	delete(e.groups, addr)
}

// fail has a socket fail.
func (e *ether) fail(addr netip.AddrPort, n int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.groups[addr][n].broken <- err
}

func (e *ether) carry(from *etherSocket, f flying) {
	e.mu.Lock()
	defer e.mu.Unlock()
	group := e.groups[f.to]
	if len(group) == 0 || from.unplugged {
		return
	}
	n := 0
	if e.judge != nil {
		n = e.judge(f, len(group))
	}
	if n < 0 {
		return
	}
	select {
	case group[n].inbox <- f:
	default: // as a socket whose buffer is full
	}
}

// etherSocket is a udp.Conn.
type etherSocket struct {
	ether     *ether
	local     netip.AddrPort
	inbox     chan flying
	wake      chan struct{}
	closed    chan struct{}
	broken    chan error
	at        time.Time
	room      []byte
	unplugged bool // guarded by the ether
}

func (s *etherSocket) Read(receive func(from netip.AddrPort, datagram []byte)) (int, error) {
	var alarm <-chan time.Time
	if !s.at.IsZero() {
		timer := time.NewTimer(time.Until(s.at))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	case err := <-s.broken:
		return 0, err
	case <-s.wake:
		return 0, nil
	case <-alarm:
		return 0, nil
	case f := <-s.inbox:
		receive(f.from, f.datagram)
		return 1 + s.drain(receive), nil
	}
}

func (s *etherSocket) drain(receive func(from netip.AddrPort, datagram []byte)) int {
	for n := range 63 {
		select {
		case f := <-s.inbox:
			receive(f.from, f.datagram)
		default:
			return n
		}
	}
	return 63
}

func (s *etherSocket) SetWake(at time.Time) { s.at = at }

func (s *etherSocket) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *etherSocket) Room() []byte { return s.room }

func (s *etherSocket) Send(n int, to netip.AddrPort) {
	s.ether.carry(s, flying{s.local, to, append([]byte(nil), s.room[:n]...)})
}

func (s *etherSocket) Flush()                    {}
func (s *etherSocket) LocalAddr() netip.AddrPort { return s.local }
func (s *etherSocket) Stats() udp.Stats          { return udp.Stats{} }

func (s *etherSocket) Close() error {
	s.ether.mu.Lock()
	defer s.ether.mu.Unlock()
	select {
	case <-s.closed:
		return errors.New("closed twice")
	default:
	}
	close(s.closed)
	if !s.unplugged {
		delete(s.ether.groups, s.local)
	}
	return nil
}
