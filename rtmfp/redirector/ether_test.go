package redirector

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"afterglow/rtmfp/udp"
)

// ether is a network in memory for endpoints where time is virtual.
type ether struct {
	mu     sync.Mutex
	ports  uint16
	groups map[netip.AddrPort][]*etherSocket
	shut   map[[2]netip.AddrPort]bool // ways from one to another by which nothing goes
	sent   map[[2]netip.AddrPort]int
	turn   int
}

func newEther() *ether {
	return &ether{
		groups: make(map[netip.AddrPort][]*etherSocket), shut: make(map[[2]netip.AddrPort]bool), sent: make(map[[2]netip.AddrPort]int),
	}
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
			closed: make(chan struct{}),
		}
		e.groups[local] = append(e.groups[local], s)
		group = append(group, s)
	}
	return group, nil
}

// unplug lets nothing in and out at an address any more.
func (e *ether) unplug(addr netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.groups[addr] {
		s.unplugged = true
	}
	delete(e.groups, addr)
}

// move gives the sockets at an address another one, as a NAT that is bound anew.
func (e *ether) move(from, to netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.groups[to] = e.groups[from]
	delete(e.groups, from)
	for _, s := range e.groups[to] {
		s.local = to
	}
}

// block lets nothing through from one address to another until a packet has gone the other way, as a firewall does.
func (e *ether) block(from, to netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shut[[2]netip.AddrPort{from, to}] = true
}

// carry brings a datagram to one of the sockets at its address after the other: shards hand it over.
func (e *ether) carry(from *etherSocket, to netip.AddrPort, datagram []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.shut, [2]netip.AddrPort{to, from.local})
	group := e.groups[to]
	way := [2]netip.AddrPort{from.local, to}
	if len(group) == 0 || from.unplugged || e.shut[way] {
		return
	}
	e.sent[way]++
	e.turn++
	select {
	case group[e.turn%len(group)].inbox <- flying{from.local, datagram}:
	default: // as a socket whose buffer is full
	}
}

type flying struct {
	from     netip.AddrPort
	datagram []byte
}

// etherSocket is a udp.Conn.
type etherSocket struct {
	ether     *ether
	local     netip.AddrPort // guarded by the ether
	inbox     chan flying
	wake      chan struct{}
	closed    chan struct{}
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
	case <-s.wake:
		return 0, nil
	case <-alarm:
		return 0, nil
	case f := <-s.inbox:
		receive(f.from, f.datagram)
		return 1, nil
	}
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
	s.ether.carry(s, to, append([]byte(nil), s.room[:n]...))
}

func (s *etherSocket) Flush() {}

func (s *etherSocket) LocalAddr() netip.AddrPort {
	s.ether.mu.Lock()
	defer s.ether.mu.Unlock()
	return s.local
}

func (s *etherSocket) Stats() udp.Stats { return udp.Stats{} }

func (s *etherSocket) Close() error {
	s.ether.mu.Lock()
	defer s.ether.mu.Unlock()
	close(s.closed)
	if !s.unplugged {
		delete(s.ether.groups, s.local)
	}
	return nil
}
